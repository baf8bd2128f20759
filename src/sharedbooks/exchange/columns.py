"""Columns of a table: what each means, and a row read by them into a contact."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sharedbooks.exchange.contact import ADDRESS_PARTS, LISTS, TEXTS, Contact, Entry
from sharedbooks.exchange.date_texts import read_date
from sharedbooks.exchange.labels import read_label

MULTIPLE = " ::: "
"""Stands between several values in one cell of Google's tables."""

_CATEGORY_SEPARATOR = re.compile(r" ::: |[;,]")
_CONTROL = dict.fromkeys([*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F])
_DATES = frozenset({"BDAY", "ANNIVERSARY", "DATE"})
_NOTHING = frozenset({"0/0/00", "00/00/0000", "unspecified", "non spécifié", "keine angabe",
                      "non specificato"})  # fmt: skip


class Meaning(NamedTuple):
    """What a column means.

    Attributes:
        name: one of ``contact.TEXTS`` or ``contact.LISTS``, ``CATEGORIES``, or empty for a column
            that is known and not taken.
        part: of an address the component; else ``value`` or ``label``.
        slot: tells several values of one name apart.
        types: TYPE words in upper case.
        label: the label of the value where the column has one of its own.
    """

    name: str
    part: str = "value"
    slot: str = ""
    types: tuple[str, ...] = ()
    label: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a program writes its tables.

    Attributes:
        name: for people.
        meanings: what each column means, by its folded heading.
        dates: ``dmy`` or ``mdy``, where a date with slashes can be read both ways.
        key: folded heading of the column that tells rows apart, or None.
    """

    name: str
    meanings: Mapping[str, Meaning]
    dates: str = "dmy"
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of one table.

    Attributes:
        layout: who wrote it.
        headings: as the table has them, for messages.
        meanings: of each column in order; None for one that nothing is known of.
        key: index of the column that tells rows apart, or None.
    """

    layout: Layout
    headings: Sequence[str]
    meanings: Sequence[Meaning | None]
    key: int | None = None


def fold_heading(text: str) -> str:
    """Return a heading as it is looked up: without case, outer blanks and doubled ones."""
    return " ".join(text.replace("\u2019", "'").replace("\ufeff", "").split()).casefold()


def numbered(headings: Sequence[str]) -> list[str]:
    """Return folded headings; one that is there twice gets ``#2``: French has two ``Titre``."""
    found: dict[str, int] = {}
    result = []
    for heading in headings:
        folded = fold_heading(heading)
        found[folded] = found.get(folded, 0) + 1
        result.append(folded if found[folded] == 1 else f"{folded}#{found[folded]}")
    return result


def read_row(table: Table, values: Sequence[str]) -> Contact:
    """Return a row as a contact; a date that cannot be read goes into the note with its heading."""
    contact = Contact()
    entries: dict[tuple[str, str], list[Entry]] = {}
    for heading, meaning, raw in zip(table.headings, table.meanings, values, strict=False):
        text = raw.translate(_CONTROL).replace("\r\n", "\n").replace("\r", "\n").strip()
        if not text or meaning is None or not meaning.name or text.casefold() in _NOTHING:
            continue
        if meaning.name in _DATES and meaning.part == "value":
            date = read_date(text, table.layout.dates)
            if date is None:
                _append(contact.texts, "NOTE", f"{heading.strip()}: {text}")
                continue
            text = date
        if meaning.name == "CATEGORIES":
            _add_categories(contact, text)
        elif meaning.name in TEXTS:
            _set_text(contact.texts, meaning.name, text)
        else:
            _set_entries(entries.setdefault((meaning.name, meaning.slot), []), meaning, text)
    for (name, _), made in entries.items():
        for entry in made:
            _settle_address(entry)
            if _is_anniversary(name, entry) and "ANNIVERSARY" not in contact.texts:
                contact.texts["ANNIVERSARY"] = entry.value
            else:
                contact.add(name, entry)
    return contact


def _is_anniversary(name: str, entry: Entry) -> bool:
    return name == "DATE" and entry.label.casefold() == "anniversary" and bool(entry.value)


def _append(texts: dict[str, str], name: str, text: str) -> None:
    texts[name] = f"{texts[name]}\n{text}" if texts.get(name) else text


def _set_text(texts: dict[str, str], name: str, text: str) -> None:
    if name == "NICKNAME":
        text = text.replace(MULTIPLE, ", ")
    if name == "NOTE" or not texts.get(name):
        _append(texts, name, text)
    elif text not in texts[name]:
        texts[name] += f", {text}" if name.startswith("ORG") else f" {text}"


def _add_categories(contact: Contact, text: str) -> None:
    for each in _CATEGORY_SEPARATOR.split(text):
        category = each.strip().removeprefix("* ").strip()
        # Google's own group of everybody.
        if category and category != "myContacts" and category not in contact.categories:
            contact.categories.append(category)


def _set_entries(made: list[Entry], meaning: Meaning, text: str) -> None:
    """Put a cell into the entries of its slot: several values in one cell are several entries."""
    values = text.split(MULTIPLE) if meaning.part in {"value", "label"} else [text]
    while len(made) < (len(values) if meaning.part == "value" else 1):
        made.append(
            Entry(types=meaning.types, label=meaning.label)
            if not made
            else Entry(types=made[0].types, label=made[0].label, is_preferred=made[0].is_preferred)
        )
    if meaning.part == "label":
        for entry in made:
            _set_label(entry, meaning.name, values[0])
    elif meaning.part == "value":
        for entry, value in zip(made, values, strict=False):
            entry.value = value.strip()
    elif meaning.part == "types":
        for entry in made:
            entry.types = read_label(text).types
    else:
        _set_part(made[0], meaning, text)


def _set_label(entry: Entry, name: str, text: str) -> None:
    if name in {"RELATED", "DATE", "FIELD", "IMPP"}:
        entry.label = text.strip().lstrip("* ")
        return
    read = read_label(text)
    entry.types, entry.label = read.types, read.label
    entry.is_preferred = read.is_preferred


def _set_part(entry: Entry, meaning: Meaning, text: str) -> None:
    entry.types = entry.types or meaning.types
    if meaning.part == "formatted":
        # The whole address as one text; of use only where its parts are not given.
        entry.parts.setdefault("formatted", text)
    elif entry.parts.get(meaning.part):
        entry.parts[meaning.part] += f"\n{text}"
    else:
        entry.parts[meaning.part] = text


def _settle_address(entry: Entry) -> None:
    """Take the formatted text of an address for its street where there is nothing else."""
    formatted = entry.parts.pop("formatted", "")
    if formatted and not any(entry.parts.values()):
        entry.parts["street"] = formatted


def meaning_of(text: str, slot: str = "") -> Meaning:
    """Return what a target such as ``TEL;TYPE=work,fax``, ``N.family`` or ``ADR.city`` means.

    Raises:
        ValueError: there is no such target; the sentence says which there are.
    """
    name, *params = text.split(";")
    types: list[str] = []
    label = ""
    for param in params:
        key, _, value = param.partition("=")
        if key.strip().upper() == "TYPE":
            types += [each.strip().upper() for each in value.split(",") if each.strip()]
        elif key.strip().upper() == "LABEL":
            label = value.strip()
        else:
            raise ValueError(f"{param!r} is neither TYPE=… nor LABEL=….")
    base, _, part = name.strip().partition(".")
    base = base.upper()
    target = f"{base}.{part.lower()}" if part else base
    if base == "ADR" and part.lower() in ADDRESS_PARTS:
        return Meaning("ADR", part.lower(), ",".join(types) + label, tuple(types), label)
    if target in TEXTS or target == "CATEGORIES":
        return Meaning(target)
    if base in LISTS and base != "ADR" and not part:
        return Meaning(base, "value", slot, tuple(types), label)
    known = [*sorted(TEXTS), "CATEGORIES", *sorted(LISTS - {"ADR"})]
    known += [f"ADR.{each}" for each in ADDRESS_PARTS]
    raise ValueError(f"{name!r} is no target; there are {', '.join(known)}.")
