"""The columns of Google Contacts, old and new, and those of our own tables, which add some."""

import re
from collections.abc import Callable, Iterator, Sequence

from sharedbooks.exchange.columns import MULTIPLE, Layout, Meaning, fold_heading
from sharedbooks.exchange.contact import ADDRESS_PARTS, Contact, Entry
from sharedbooks.exchange.labels import write_label

_TEXT_HEADINGS = {
    "First Name": "N.given",
    "Middle Name": "N.additional",
    "Last Name": "N.family",
    "Name Prefix": "N.prefix",
    "Name Suffix": "N.suffix",
    "Nickname": "NICKNAME",
    "Organization Name": "ORG.name",
    "Organization Title": "TITLE",
    "Organization Department": "ORG.unit",
    "Birthday": "BDAY",
    "Notes": "NOTE",
    "Photo": "PHOTO",
}
_OWN_HEADINGS = {
    "UID": "UID",
    "Full Name": "FN",
    "Role": "ROLE",
    "Anniversary": "ANNIVERSARY",
    "Gender": "GENDER",
    "Time Zone": "TZ",
}
_OLD_HEADINGS = {
    "Name": "FN",
    "Given Name": "N.given",
    "Additional Name": "N.additional",
    "Family Name": "N.family",
    "Gender": "GENDER",
    "Occupation": "ROLE",
    "Organization 1 - Name": "ORG.name",
    "Organization 1 - Title": "TITLE",
    "Organization 1 - Department": "ORG.unit",
}
# What Google has besides, under its own name.
_FIELDS = (
    *("File As", "Phonetic First Name", "Phonetic Middle Name", "Phonetic Last Name"),
    *("Yomi Name", "Given Name Yomi", "Additional Name Yomi", "Family Name Yomi", "Initials"),
    *("Short Name", "Maiden Name", "Location", "Billing Information", "Directory Server"),
    *("Mileage", "Hobby", "Subject", "Language", "Organization 1 - Type"),
    *("Organization 1 - Yomi Name", "Organization 1 - Symbol", "Organization 1 - Location"),
    *("Organization 1 - Job Description", "Organization Symbol", "Organization Location"),
)
_NOT_TAKEN = ("Sensitivity", "Priority")
_LISTS = {
    "E-mail": "EMAIL",
    "Phone": "TEL",
    "Address": "ADR",
    "Website": "URL",
    "IM": "IMPP",
    "Relation": "RELATED",
    "Event": "DATE",
    "Custom Field": "FIELD",
}
_NUMBERED = re.compile(
    "(e-mail|phone|address|website|im|relation|event|custom field) ([0-9]{1,3}) - (.+)"
)
_BY_FOLDED = {heading.casefold(): name for heading, name in _LISTS.items()}
_ADDRESS_HEADINGS = {
    "Street": "street",
    "City": "city",
    "PO Box": "pobox",
    "Region": "region",
    "Postal Code": "code",
    "Country": "country",
    "Extended Address": "extended",
}
_PARTS = {
    "label": "label",
    "type": "label",
    "value": "value",
    "formatted": "formatted",
    **{heading.casefold(): part for heading, part in _ADDRESS_HEADINGS.items()},
}

MOST_VALUES = 30
"""Values of one kind that a table has columns for; more of them are left out."""


class _GoogleMeanings(dict[str, Meaning]):
    """Meanings by heading, with those that are numbered without end."""

    def get(self, key: str, default: Meaning | None = None) -> Meaning | None:  # type: ignore[override]
        """Return what a folded heading means."""
        if key in self:
            return self[key]
        match = _NUMBERED.fullmatch(key)
        if match is None:
            return default
        name = _BY_FOLDED[match[1]]
        if name == "IMPP" and match[3] == "service":
            return Meaning(name, "label", match[2])
        if name == "IMPP" and match[3] == "type":
            return Meaning(name, "types", match[2])
        part = _PARTS.get(match[3])
        if part is None or (name != "ADR" and part not in {"label", "value"}):
            return default
        return Meaning(name, part, match[2])


def _meanings() -> _GoogleMeanings:
    known = _GoogleMeanings()
    for headings in (_OLD_HEADINGS, _TEXT_HEADINGS, _OWN_HEADINGS):
        known.update({fold_heading(each): Meaning(name) for each, name in headings.items()})
    for heading in ("Labels", "Group Membership"):
        known[fold_heading(heading)] = Meaning("CATEGORIES")
    for field in _FIELDS:
        known[fold_heading(field)] = Meaning("FIELD", "value", field, (), field)
    for heading in _NOT_TAKEN:
        known[fold_heading(heading)] = Meaning("")
    return known


GOOGLE = Layout("Google Contacts", _meanings(), "mdy")

_OWN_FIRST = ("UID", "Full Name")
_OWN_LAST = ("Role", "Anniversary", "Gender", "Time Zone")
_ALSO_TEXT = {**_TEXT_HEADINGS, **_OWN_HEADINGS}


def as_google_has_it(contact: Contact) -> Contact:
    """Return a contact without what Google has no column for but another way to say.

    An anniversary is one of the events, and a name as a whole is the first name.
    """
    texts = dict(contact.texts)
    lists = dict(contact.lists)
    anniversary = texts.pop("ANNIVERSARY", "")
    if anniversary:
        lists["DATE"] = [Entry(anniversary, label="Anniversary"), *lists.get("DATE", ())]
    name = texts.pop("FN", "")
    is_named = any(key.startswith("N.") for key in texts) or texts.get("ORG.name") == name
    if name and not is_named:
        texts["N.given"] = name
    return Contact(texts, lists, contact.categories)


def list_counts(contact: Contact) -> dict[str, int]:
    """Return how many columns of each kind a contact needs."""
    return {name: min(MOST_VALUES, len(contact.lists.get(name, ()))) for name in _LISTS.values()}


def headings(counts: dict[str, int], *, own: bool) -> list[str]:
    """Return the headings of a table with so many values of each kind; ``own`` ones or Google's."""
    made = [*(_OWN_FIRST if own else ()), *_TEXT_HEADINGS, *(_OWN_LAST if own else ()), "Labels"]
    for heading, name in _LISTS.items():
        for number in range(1, counts.get(name, 0) + 1):
            made += [f"{heading} {number} - {part}" for part in _column_parts(name)]
    return made


def _column_parts(name: str) -> tuple[str, ...]:
    return ("Label", *_ADDRESS_HEADINGS) if name == "ADR" else ("Label", "Value")


def row_of(contact: Contact, counts: dict[str, int], *, own: bool) -> list[str]:
    """Return a contact as a row of the table that ``headings`` names."""
    texts = [*(_OWN_FIRST if own else ()), *_TEXT_HEADINGS, *(_OWN_LAST if own else ())]
    row = [contact.texts.get(_ALSO_TEXT[heading], "") for heading in texts]
    if _is_picture(contact.texts.get("PHOTO", "")):
        row[texts.index("Photo")] = ""
    row.append(MULTIPLE.join(contact.categories))
    for name in _LISTS.values():
        entries: Sequence[Entry] = contact.lists.get(name, ())
        for number in range(counts.get(name, 0)):
            entry = entries[number] if number < len(entries) else Entry()
            row += _CELLS[name == "ADR"](entry)
    return row


def unheld(contact: Contact, *, own: bool) -> set[str]:
    """Return the names of what a row cannot hold: a picture, more values than there are columns."""
    held = {_ALSO_TEXT[heading] for heading in (*_TEXT_HEADINGS, *(_OWN_HEADINGS if own else ()))}
    names = {name for name in contact.texts if name not in held | {"FN", "UID"}}
    if _is_picture(contact.texts.get("PHOTO", "")):
        names.add("PHOTO")
    return names | {name for name, entries in contact.lists.items() if len(entries) > MOST_VALUES}


def _is_picture(photo: str) -> bool:
    return photo[:5].lower() == "data:" or (bool(photo) and "://" not in photo)


def _value_cells(entry: Entry) -> Iterator[str]:
    yield write_label(entry)
    yield entry.value


def _address_cells(entry: Entry) -> Iterator[str]:
    yield write_label(entry)
    for part in _ADDRESS_HEADINGS.values():
        yield entry.parts.get(part, "")


_CELLS: dict[bool, Callable[[Entry], Iterator[str]]] = {True: _address_cells, False: _value_cells}

assert set(_ADDRESS_HEADINGS.values()) == set(ADDRESS_PARTS)  # noqa: S101 - two tables of one thing
