"""Contacts of tables as vCard 3.0, and cards as contacts."""

import re
from collections.abc import Iterable, Sequence

from sharedbooks.exchange.contact import ADDRESS_PARTS, NAME_PARTS, Contact, Entry
from sharedbooks.exchange.labels import known_types, plain_label
from sharedbooks.vcard.contentlines import (
    ContentLine,
    escape_text,
    split_structured,
    text_value,
    text_values,
    unescape_text,
)
from sharedbooks.vcard.convert import to_version
from sharedbooks.vcard.dates import parse_moment
from sharedbooks.vcard.media import media_30, media_40
from sharedbooks.vcard.properties import Params, Property, card_lines, read_property, write_property

_PLAIN = ("NICKNAME", "TITLE", "ROLE", "NOTE")
_ANNIVERSARY = "_$!<Anniversary>!$_"
_NO_YEAR = "1604"
_LIST_NAMES = {
    "TEL": "TEL",
    "EMAIL": "EMAIL",
    "ADR": "ADR",
    "URL": "URL",
    "IMPP": "IMPP",
    "RELATED": "X-ABRELATEDNAMES",
    "DATE": "X-ABDATE",
    "FIELD": "X-CUSTOM",
}
_BY_PROPERTY = {name: key for key, name in _LIST_NAMES.items()}
_SERVICES = {"aim": "aim", "icq": "icq", "jabber": "xmpp", "xmpp": "xmpp", "skype": "skype"}
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_RELATIONS = frozenset(
    {
        *("assistant", "brother", "child", "father", "friend", "manager", "mother", "parent"),
        *("partner", "sister", "spouse"),
    }
)

HELD = frozenset(
    {
        *(
            "BEGIN",
            "END",
            "VERSION",
            "PRODID",
            "REV",
            "UID",
            "FN",
            "N",
            "ORG",
            "BDAY",
            "CATEGORIES",
        ),
        *(
            "X-ABLABEL",
            "X-GENDER",
            "GENDER",
            "ANNIVERSARY",
            "X-ANNIVERSARY",
            "RELATED",
            "TZ",
            "PHOTO",
        ),
        *_PLAIN,
        *_LIST_NAMES.values(),
    }
)
"""The properties that a contact can hold."""


def write_card(contact: Contact, card_uid: str | None = None) -> bytes:
    """Return a contact as a card of vCard 3.0; dates and labels as Apple's programs write them."""
    texts = contact.texts
    name = contact.display_name()
    parts = [texts.get(f"N.{part}", "") for part in NAME_PARTS]
    if not any(parts) and not texts.get("ORG.name"):
        # Apple makes FN anew from N, and where a name is to be split depends on the language.
        parts[0] = name
    props = [Property("FN", escape_text(name)), Property("N", _joined(parts))]
    organisation = [texts.get("ORG.name", ""), texts.get("ORG.unit", "")]
    if any(organisation):
        props.append(
            Property("ORG", _joined(organisation if organisation[1] else organisation[:1]))
        )
    props += [Property(each, escape_text(texts[each])) for each in _PLAIN if texts.get(each)]
    props += _dates(texts)
    if texts.get("GENDER"):
        props.append(Property("X-GENDER", escape_text(texts["GENDER"])))
    if texts.get("TZ"):
        props.append(Property("TZ", escape_text(texts["TZ"]), (("VALUE", ("text",)),)))
    if texts.get("PHOTO"):
        props.append(media_30(Property("PHOTO", texts["PHOTO"])))
    if contact.categories:
        props.append(Property("CATEGORIES", ",".join(map(escape_text, contact.categories))))
    props = [*props, *_listed(contact, _labels_used(props))]
    uid = card_uid or texts.get("UID")
    uids = [Property("UID", escape_text(uid))] if uid else []
    written = [write_property(prop, "3.0") for prop in (*uids, *props)]
    return b"".join([b"BEGIN:VCARD\r\nVERSION:3.0\r\n", *written, b"END:VCARD\r\n"])


def _joined(parts: Iterable[str]) -> str:
    return ";".join(map(escape_text, parts))


def _labels_used(props: Iterable[Property]) -> int:
    return sum(prop.name == "X-ABLABEL" for prop in props)


def _dates(texts: dict[str, str]) -> list[Property]:
    props = []
    if texts.get("BDAY"):
        props.append(_date("BDAY", texts["BDAY"]))
    if texts.get("ANNIVERSARY"):
        props.append(_date("X-ABDATE", texts["ANNIVERSARY"])._replace(prop_group="item1"))
        props.append(Property("X-ABLABEL", _ANNIVERSARY, prop_group="item1"))
    return props


def _date(name: str, text: str) -> Property:
    moment = parse_moment(text)
    if moment is not None and moment.year is None:
        value = moment._replace(year=_NO_YEAR).extended()
        return Property(name, value, (("X-APPLE-OMIT-YEAR", (_NO_YEAR,)),))
    return Property(name, escape_text(text))


def _listed(contact: Contact, labels: int) -> list[Property]:
    props = []
    for key, name in _LIST_NAMES.items():
        for entry in contact.lists.get(key, ()):
            label = _apple_label(key, entry.label)
            if not label:
                props.append(_entry_property(name, entry))
                continue
            labels += 1
            group = f"item{labels}"
            props.append(_entry_property(name, entry)._replace(prop_group=group))
            props.append(Property("X-ABLABEL", escape_text(label), prop_group=group))
    return props


def _apple_label(key: str, label: str) -> str:
    if key == "RELATED" and label.lower() in _RELATIONS:
        return f"_$!<{label.capitalize()}>!$_"
    if key == "DATE" and label.lower() == "anniversary":
        return _ANNIVERSARY
    return "" if key == "IMPP" else label


def _entry_property(name: str, entry: Entry) -> Property:
    types = tuple(each.lower() for each in known_types(entry.types))
    if entry.is_preferred:
        types = (*types, "pref")
    params: Params = (("TYPE", types),) if types else ()
    if name == "ADR":
        return Property(name, _joined(entry.parts.get(part, "") for part in ADDRESS_PARTS), params)
    if name == "X-ABDATE":
        return _date(name, entry.value)
    if name == "IMPP":
        scheme = _SERVICES.get(entry.label.lower(), "x-apple")
        value = entry.value if _URI.match(entry.value) else f"{scheme}:{entry.value}"
        service: Params = (("X-SERVICE-TYPE", (entry.label,)),) if entry.label else ()
        return Property(name, value, (*service, *params))
    value = entry.value if name == "URL" else escape_text(entry.value)
    return Property(name, value, params)


def read_contact(octets: bytes) -> tuple[Contact, set[str]]:
    """Return a card as a contact, and the names of the properties that a contact cannot hold.

    Raises:
        InvalidCard: the octets are not one vCard.
        UnsupportedCard: the card is vCard 2.1.
    """
    names = {line.name for line in card_lines(octets)}
    lines = card_lines(to_version(octets, "3.0"))
    labels = {
        line.prop_group.lower(): text_value(line).strip()
        for line in lines
        if line.name == "X-ABLABEL" and line.prop_group
    }
    contact = Contact()
    plain: dict[str, list[str]] = {name: [] for name in _PLAIN}
    for line in lines:
        if line.name in plain:
            plain[line.name].append(text_value(line))
        label = labels.get(line.prop_group.lower(), "") if line.prop_group else ""
        _read_line(contact, line, label)
    contact.texts |= {
        name: "\n".join(filter(None, texts)) for name, texts in plain.items() if any(texts)
    }
    return contact, names - HELD


def _read_line(contact: Contact, line: ContentLine, label: str) -> None:
    texts = contact.texts
    if line.name in _BY_PROPERTY:
        _read_entry(contact, line, label)
    elif line.name == "N":
        _read_parts(texts, "N", NAME_PARTS, split_structured(line.text))
    elif line.name == "ORG":
        name, *units = split_structured(line.text)
        _read_parts(texts, "ORG", ("name", "unit"), [name, "\\, ".join(filter(None, units))])
    elif line.name == "CATEGORIES":
        contact.categories += [each.strip() for each in text_values(line) if each.strip()]
    elif line.name == "BDAY":
        texts.setdefault("BDAY", _read_date(read_property(line, "3.0")))
    elif line.name == "X-GENDER":
        texts.setdefault("GENDER", text_value(line))
    elif line.name == "PHOTO":
        texts.setdefault("PHOTO", media_40(read_property(line, "3.0")).value)
    elif line.name in {"FN", "UID", "TZ"}:
        texts.setdefault(line.name, text_value(line))


def _read_parts(
    texts: dict[str, str], name: str, parts: Sequence[str], values: Sequence[str]
) -> None:
    for part, value in zip(parts, values, strict=False):
        text = unescape_text(value).strip()
        if text:
            texts.setdefault(f"{name}.{part}", text)


def _read_entry(contact: Contact, line: ContentLine, label: str) -> None:
    key = _BY_PROPERTY[line.name]
    prop = read_property(line, "3.0")
    types = tuple(value.upper() for value in prop.types())
    entry = Entry(
        types=tuple(known_types(types)), label=plain_label(label), is_preferred="PREF" in types
    )
    if key == "ADR":
        values = [unescape_text(part) for part in split_structured(line.text)]
        entry.parts = {
            part: text for part, text in zip(ADDRESS_PARTS, values, strict=False) if text
        }
    elif key == "DATE":
        entry.value = _read_date(prop)
        if label.lower() == _ANNIVERSARY.lower() and "ANNIVERSARY" not in contact.texts:
            contact.texts["ANNIVERSARY"] = entry.value
            return
    elif key == "IMPP":
        entry.label = next(iter(prop.param_values("X-SERVICE-TYPE")), entry.label)
        scheme, _, rest = line.text.partition(":")
        is_own = scheme == _SERVICES.get(entry.label.lower(), "x-apple")
        entry.value = rest if is_own else line.text
    else:
        entry.value = text_value(line)
    contact.add(key, entry)


def _read_date(prop: Property) -> str:
    moment = parse_moment(prop.value)
    if moment is None:
        return unescape_text(prop.value)
    if moment.year in prop.param_values("X-APPLE-OMIT-YEAR"):
        moment = moment._replace(year=None)
    return moment._replace(clock=(), zone=()).extended()
