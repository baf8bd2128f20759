"""A card brought together with a newer one of its source, without touching what members changed.

A mark is a short hash of one value of a card, the same however a program writes that value. The
marks of what a source said last time tell which values of the card are the source's: those it may
change and take away. All others are the members' own.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from hashlib import blake2b

from sharedbooks.vcard.contentlines import ContentLine, escape_text, split_list, unescape_text
from sharedbooks.vcard.convert import convert_lines, stated_version, to_version
from sharedbooks.vcard.index import fold_text
from sharedbooks.vcard.properties import Property, card_lines, write_property
from sharedbooks.vcard.surroundings import look_around
from sharedbooks.vcard.units import COMPANIONS, Unit, is_companion, read_units

MARK_OCTETS = 8

_NOT_MERGED = frozenset({"UID", "PRODID", "REV", "VERSION"})
_SINGLE = frozenset(
    {
        *("FN", "N", "BDAY", "ANNIVERSARY", "DEATHDATE", "GENDER", "KIND", "ORG", "TITLE", "ROLE"),
        *("PHOTO", "LOGO", "SORT-STRING"),
    }
)
_ENOUGH_DIGITS = 9
"""Last digits by which telephone numbers are compared: those before differ from form to form."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A card of a book after the news of its source.

    Attributes:
        octets: the card.
        kept: names of properties where the source says something else than the card, and the
            card stayed as it was.
    """

    octets: bytes
    kept: tuple[str, ...]


@dataclass(slots=True, eq=False)
class _Value:
    """One value of a card: a property with what its group says of it.

    Attributes:
        name: of the property in vCard 4.0.
        mark: the hash of all it says.
        key: what it says, TYPE left out and numbers by their digits alone.
        lines: the lines of the card it stands in, the property's own first.
        element: the one of a list of CATEGORIES, escaped; else None.
    """

    name: str
    mark: bytes
    key: Hashable
    lines: list[ContentLine] = field(default_factory=list)
    element: str | None = None


def card_marks(octets: bytes) -> bytes:
    """Return the marks of every value of a card, sorted: ``MARK_OCTETS`` each.

    Raises:
        InvalidCard: the octets are not one vCard.
    """
    units = read_units(card_lines(to_version(octets, "4.0")))
    return b"".join(sorted({mark for unit in units for mark in _unit_marks(unit)}))


def merge_source(stored: bytes, news: bytes, before: bytes | None) -> Merged:
    """Return a stored card with what its source says now.

    A value that the source had before (``before`` has its mark) and has no longer goes, one that
    is new comes. Where a card has one value only (a name, a birthday, an organisation) that a
    member changed, the member's stays. Without ``before`` the source only adds. A card of 3.0 that
    gets news in 4.0 becomes one of 4.0.

    Args:
        stored: the card of the book.
        news: the card as the source has it now.
        before: marks of the card as the source had it when it was last imported, or None.

    Raises:
        InvalidCard: one of them is not one vCard.
    """
    if stated_version(card_lines(stored)) != stated_version(card_lines(news)):
        stored, news = to_version(stored, "4.0"), to_version(news, "4.0")
    lines = card_lines(stored)
    mine, theirs = _values(lines), _values(card_lines(news))
    had = _split(before or b"")
    has = {value.mark for value in theirs}
    gone = had - has
    dropped = [value for value in mine if value.mark in gone]
    rest = [value for value in mine if value.mark not in gone]
    marks = {value.mark for value in rest}
    added = [value for value in theirs if value.mark not in had and value.mark not in marks]
    taken, kept = _select(rest, added)
    if not dropped and not taken:
        return Merged(stored, kept)
    return Merged(_write(lines, dropped, taken, stated_version(lines)), kept)


def _split(marks: bytes) -> set[bytes]:
    return {marks[at : at + MARK_OCTETS] for at in range(0, len(marks), MARK_OCTETS)}


def _select(
    rest: Sequence[_Value], added: Sequence[_Value]
) -> tuple[list[_Value], tuple[str, ...]]:
    """Return which values the card takes, and the names of those it has otherwise."""
    keys = {(value.name, value.key) for value in rest}
    names = {value.name for value in rest}
    taken = []
    kept = []
    for value in added:
        if (value.name, value.key) in keys:
            continue
        if value.name in _SINGLE and value.name in names:
            kept.append(value.name)
            continue
        taken.append(value)
        keys.add((value.name, value.key))
    return taken, tuple(dict.fromkeys(kept))


def _values(lines: Sequence[ContentLine]) -> list[_Value]:
    """Return the values of a card with the lines they stand in."""
    units, origin = _units(lines)
    inhabited = {
        line.prop_group.lower() for line in lines if line.prop_group and line.name not in COMPANIONS
    }
    companions: dict[str, dict[str, ContentLine]] = defaultdict(dict)
    for line in lines:
        if line.prop_group and is_companion(line, inhabited):
            companions[_group(line)].setdefault(line.name, line)
    values = []
    for unit in units:
        own = origin.get(unit.line)
        if own is None or unit.prop.name in _NOT_MERGED:
            continue
        whole = [own, *companions[_group(own)].values()]
        if unit.prop.name != "CATEGORIES":
            values.append(_Value(unit.prop.name, _unit_marks(unit)[0], _key(unit), whole))
            continue
        for element, mark in zip(split_list(unit.prop.value), _unit_marks(unit), strict=True):
            key = fold_text(unescape_text(element).strip())
            values.append(_Value(unit.prop.name, mark, key, whole, element))
    return values


def _units(lines: Sequence[ContentLine]) -> tuple[list[Unit], dict[int, ContentLine]]:
    """Return what a card says in vCard 4.0, and by the number of each line there its own line."""
    if stated_version(lines) == "4.0":
        return read_units(lines), {line.line: line for line in lines}
    pieces = convert_lines(lines, "4.0")
    converted = card_lines(b"".join(piece.octets for piece in pieces))
    origin: dict[int, ContentLine] = {}
    left = iter(converted)
    for piece in pieces:
        size = 0
        while size < len(piece.octets):
            line = next(left)
            size += len(line.octets)
            if piece.source is not None:
                origin[line.line] = piece.source
    return read_units(converted), origin


def _unit_marks(unit: Unit) -> list[bytes]:
    if unit.prop.name in _NOT_MERGED:
        return []
    if unit.prop.name == "CATEGORIES":
        texts = [unescape_text(each).strip() for each in split_list(unit.prop.value)]
        return [_mark(("CATEGORIES", text)) for text in texts]
    return [_mark((unit.prop.name, unit.value, sorted(unit.types), unit.notes))]


def _mark(said: object) -> bytes:
    return blake2b(repr(said).encode("utf-8", "surrogatepass"), digest_size=MARK_OCTETS).digest()


def phone_key(text: str) -> str:
    """Return what two writings of one telephone number have in common: its last digits."""
    digits = "".join(character for character in text if character.isdigit())
    return digits[-_ENOUGH_DIGITS:] or text


def _key(unit: Unit) -> Hashable:
    name, value = unit.prop.name, unit.value
    if name == "TEL":
        return phone_key(str(value))
    if name == "URL":
        return fold_text(str(value)).rstrip("/")
    if isinstance(value, tuple):
        return tuple(" ".join(fold_text(part).split()) for part in value)
    return fold_text(str(value))


def _write(
    lines: Sequence[ContentLine], dropped: Sequence[_Value], taken: Sequence[_Value], version: str
) -> bytes:
    """Return the card of ``lines`` without the values dropped and with those taken."""
    whole = [value for value in dropped if value.element is None]
    gone = {value.lines[0].line for value in whole}
    groups = {_group(value.lines[0]) for value in whole if value.lines[1:]}
    gone |= {line.line for line in lines if line.name in COMPANIONS and _group(line) in groups}
    left_out: dict[int, set[str]] = defaultdict(set)
    for value in dropped:
        if value.element:
            left_out[value.lines[0].line].add(value.element)
    categories = [value for value in taken if value.element is not None]
    waiting: dict[str, list[_Value]] = defaultdict(list)
    for value in taken:
        if value.element is None:
            waiting[value.lines[0].name].append(value)
    around = look_around(lines)
    used = {line.prop_group.lower() for line in lines if line.prop_group}
    written = []
    for line in lines[:-1]:
        if line.name == "CATEGORIES" and (categories or left_out):
            lost = left_out.get(line.line, set())
            written.append(_list_line(line, lost, categories, version))
            categories = []
        elif line.line not in gone:
            written.append(line.octets)
        else:
            # What the source says instead stands where the old value stood.
            instead = waiting.pop(line.name, [])
            written += [_own(value, around.free_group, used) for value in instead]
    if categories:
        elements = [value.element or "" for value in categories]
        written.append(write_property(Property("CATEGORIES", ",".join(elements)), version))
    rest = [each for each in taken if each.element is None and each.lines[0].name in waiting]
    written += [_own(value, around.free_group, used) for value in rest]
    return b"".join([*written, lines[-1].octets])


def _list_line(
    line: ContentLine, lost: AbstractSet[str], added: Sequence[_Value], version: str
) -> bytes:
    """Return a CATEGORIES line without and with some elements; empty if none is left."""
    elements = [each for each in split_list(line.text) if each not in lost]
    if not lost and not added:
        return line.octets
    elements += [escape_text(unescape_text(value.element or "")) for value in added]
    if not elements:
        return b""
    params = tuple((name, tuple(values)) for name, values in line.params)
    prop = Property("CATEGORIES", ",".join(elements), params, line.prop_group)
    return write_property(prop, version)


def _group(line: ContentLine) -> str:
    return (line.prop_group or "").lower()


def _own(value: _Value, free_group: Callable[[], str], used: set[str]) -> bytes:
    """Return the lines of a value of the source, in a group that the card has not used yet."""
    octets = b"".join(_ended(line) for line in value.lines)
    group = value.lines[0].prop_group
    if group is None:
        return octets
    if group.lower() not in used:
        used.add(group.lower())
        return octets
    free = free_group()
    while free.lower() in used:
        free = free_group()
    used.add(free.lower())
    name = free.encode()
    return b"".join(name + _ended(line)[len(group) :] for line in value.lines)


def _ended(line: ContentLine) -> bytes:
    return line.octets if line.octets.endswith(b"\n") else line.octets + b"\r\n"
