"""One card made of several of one person, in which nothing is lost that any of them says.

Properties of which a card may have many are united. Where there is room for one (a name, a
birthday, an organisation), the better stands in its place and the others become lines of the note,
which every app shows and keeps.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from itertools import chain, islice

from sharedbooks.matching.phones import MIN_DIGITS, are_same_phone, normalise_phone
from sharedbooks.vcard.contentlines import (
    ContentLine,
    escape_text,
    split_list,
    split_structured,
    unescape_text,
)
from sharedbooks.vcard.convert import stated_version, to_version
from sharedbooks.vcard.dates import parse_moment
from sharedbooks.vcard.properties import Property, card_lines, write_property
from sharedbooks.vcard.surroundings import look_around
from sharedbooks.vcard.units import Unit, read_units

_OF_THE_CARD = frozenset({"CLIENTPIDMAP", "PRODID", "REV", "UID"})
"""They speak of the card and not of the person; those of the kept card stay."""

_ONE = {
    "N": "Name",
    "FN": "Name",
    "BDAY": "Birthday",
    "ANNIVERSARY": "Anniversary",
    "GENDER": "Gender",
    "KIND": "Kind",
    "ORG": "Organisation",
    "TITLE": "Title",
    "ROLE": "Role",
}
"""What apps have one field for, and the word for it in a note."""

_DATES = frozenset({"BDAY", "ANNIVERSARY"})
_LISTS = frozenset({"CATEGORIES", "NICKNAME"})
_NO_YEAR = "1604"
_WORD = re.compile(r"\w+")

_TRIED = 50
"""What of a kind each value is compared with. No person has more; where a card has, it may say
something twice, but the time grows no faster than the cards."""


def unite(kept: bytes, others: Sequence[bytes], country: str = "") -> bytes:
    """Return the kept card with everything that the others say and it does not.

    It is vCard 4.0 if any of the cards is, since going back to 3.0 would lose something. Lines that
    need no change keep their octets and their order; the UID is that of the kept card.

    Args:
        kept: the card that stays.
        others: the cards that it takes the values of; the same value is taken once.
        country: two-letter code of the country that national phone numbers are of, to know the
            same number in two forms.

    Raises:
        InvalidCard: one of them is no vCard.
        UnsupportedCard: one of them is vCard 2.1.
    """
    versions = {stated_version(card_lines(card)) for card in (kept, *others)}
    version = "4.0" if "4.0" in versions else "3.0"
    union = _Union(card_lines(to_version(kept, version)), version, country)
    for other in others:
        union.take(card_lines(to_version(other, version)))
    return union.octets()


class _Union:
    """The kept card, and what has become of its lines so far."""

    def __init__(self, lines: Sequence[ContentLine], version: str, country: str) -> None:
        self._version = version
        self._country = country
        self._lines = lines
        self._around = look_around(lines)
        self._groups = {line.prop_group.lower() for line in lines if line.prop_group}
        self._written: dict[int, bytes] = {line.line: line.octets for line in lines}
        self._added: list[bytes] = []
        self._units: dict[str, list[Unit]] = defaultdict(list)
        self._alike: dict[Hashable, list[Unit]] = defaultdict(list)
        self._elements: dict[str, dict[str, str]] = defaultdict(dict)
        self._remarks: dict[str, None] = {}
        for unit in read_units(lines, version):
            self._have(unit)

    def _have(self, unit: Unit) -> None:
        self._units[unit.prop.name].append(unit)
        for key in self._keys(unit):
            self._alike[key].append(unit)

    def octets(self) -> bytes:
        """Return the card."""
        self._write_lists()
        self._write_remarks()
        *body, end = (self._written[line.line] for line in self._lines)
        return b"".join([*body, *self._added, end])

    def take(self, lines: Sequence[ContentLine]) -> None:
        """Take over what another card says."""
        octets = {line.line: line.octets for line in lines}
        for unit in read_units(lines, self._version):
            name = unit.prop.name
            if name in _OF_THE_CARD:
                continue
            there = self._units.get(name, [])
            if name == "NOTE":
                self._remark(_text(unit.prop))
            elif name in _LISTS:
                self._lengthen(unit, octets[unit.line])
            elif not there:
                self._add(unit, octets[unit.line])
            elif name in _ONE:
                self._choose(there[0], unit, octets[unit.line])
            else:
                self._unite(unit, octets[unit.line])

    def _add(self, unit: Unit, octets: bytes) -> None:
        """Add a property that is new, in a group of its own if it has one."""
        prop = unit.prop
        if prop.name in self._units:
            # What is preferred is for the kept card to say.
            plain = _without_preference(prop)
            octets = octets if plain == prop else write_property(plain, self._version)
            prop = plain
        if prop.prop_group is not None:
            group = prop.prop_group
            while group.lower() in self._groups:
                group = self._around.free_group()
            self._groups.add(group.lower())
            pieces = [prop, *unit.companions]
            written = [each._replace(prop_group=group) for each in pieces]
            octets = b"".join(write_property(each, self._version) for each in written)
        if not octets.endswith(b"\n"):
            octets += b"\r\n"
        self._added.append(octets)
        # Added lines have numbers below nought: they are not changed in their place.
        self._have(Unit(-len(self._added), prop, [], unit.value, unit.types, unit.notes))

    def _rewrite(self, unit: Unit, prop: Property, companions: Sequence[Property] = ()) -> None:
        """Write another property where that of ``unit`` is."""
        octets = b"".join(write_property(each, self._version) for each in (prop, *companions))
        if unit.line < 0:
            self._added[-unit.line - 1] = octets
        else:
            self._written[unit.line] = octets
        unit.prop = prop

    def _choose(self, there: Unit, unit: Unit, octets: bytes) -> None:
        """Let the better of two stand in the place, and tell the other in the note."""
        mine, theirs = _said(there.prop), _said(unit.prop)
        if _is_better(theirs, mine):
            mine, theirs = theirs, mine
            there.prop = unit.prop._replace(prop_group=there.prop.prop_group)
            there.value = unit.value
            if there.line > 0 and unit.prop.prop_group is None and there.prop.prop_group is None:
                self._written[there.line] = octets
            else:
                self._rewrite(there, there.prop)
        name = unit.prop.name
        told = [mine, *(_said(each.prop) for each in self._of_one())]
        if theirs and not any(_implies(each, theirs) for each in told):
            self._remark(f"{_ONE[name]} also: {theirs}")

    def _of_one(self) -> Iterator[Unit]:
        return chain.from_iterable(self._units.get(name, [])[:_TRIED] for name in _ONE)

    def _lengthen(self, unit: Unit, octets: bytes) -> None:
        """Add a list, or its elements to those that come to the lists of its name."""
        if unit.prop.name not in self._units:
            self._add(unit, octets)
            return
        for part in split_list(unit.prop.value):
            self._elements[unit.prop.name].setdefault(_element(part), part)

    def _write_lists(self) -> None:
        """Add to the first list of each name, once, the elements that no list of it has."""
        for name, elements in self._elements.items():
            first, *rest = (split_list(unit.prop.value) for unit in self._units[name])
            known = {_element(part) for part in chain(first, *rest)} | {""}
            new = [part for element, part in elements.items() if element not in known]
            if new:
                unit = self._units[name][0]
                parts = [part for part in first if part]
                self._rewrite(unit, unit.prop._replace(value=",".join([*parts, *new])))

    def _unite(self, unit: Unit, octets: bytes) -> None:
        """Add a property, or what it says beyond the one with the same value."""
        for key in self._keys(unit):
            for there in self._alike.get(key, [])[:_TRIED]:
                if self._is_same_value(there, unit) and self._complete(there, unit):
                    return
        self._add(unit, octets)

    def _keys(self, unit: Unit) -> Iterator[Hashable]:
        """Yield keys of a unit; those with the same value share one at least."""
        name = unit.prop.name
        yield name, unit.value
        if name == "EMAIL":
            yield name, _text(unit.prop).lower()
        elif name == "TEL":
            yield name, normalise_phone(_text(unit.prop), self._country)[-MIN_DIGITS:]
        elif name == "ADR":
            yield name, tuple(_words(unit.prop.value))

    def _is_same_value(self, one: Unit, other: Unit) -> bool:
        if one.value == other.value:
            return True
        name, left, right = one.prop.name, _text(one.prop), _text(other.prop)
        if name == "EMAIL":
            return left.lower() == right.lower()
        if name == "TEL":
            numbers = (normalise_phone(left, self._country), normalise_phone(right, self._country))
            return all(numbers) and are_same_phone(*numbers)
        return name == "ADR" and _words(one.prop.value) == _words(other.prop.value)

    def _complete(self, there: Unit, unit: Unit) -> bool:
        """Say in the property what the same one of the other card says more; False if it cannot."""
        if len(there.types) + len(there.prop.params) > _TRIED:
            return False
        known = {name for name, _ in there.prop.params}
        more = unit.differing_params(there)
        if not known.isdisjoint(more) or (there.notes and unit.notes and there.notes != unit.notes):
            return False
        params = [*there.prop.params, *more.items()]
        types = tuple(sorted(unit.types - there.types - {"PREF"}))
        if types:
            params = [param for param in params if param[0] != "TYPE"]
            params.append(("TYPE", (*there.prop.types(), *types)))
            there.types |= frozenset(types)
        prop = there.prop._replace(params=tuple(params))
        labels = unit.companions if unit.notes and not there.notes else []
        if labels:
            group = prop.prop_group or self._around.free_group()
            self._groups.add(group.lower())
            prop = prop._replace(prop_group=group)
            there.notes = unit.notes
        if prop != there.prop or labels:
            told = [each._replace(prop_group=prop.prop_group) for each in labels]
            self._rewrite(there, prop, told)
        return True

    def _remark(self, text: str) -> None:
        if text:
            self._remarks[text] = None

    def _write_remarks(self) -> None:
        """Add to the note, once, what only a note can say."""
        note = next(iter(self._units.get("NOTE", [])), None)
        said = _text(note.prop) if note else ""
        remarks = iter(self._remarks)
        new = [text for text in islice(remarks, _TRIED) if text not in said]
        new += remarks
        if not new:
            return
        value = escape_text("\n".join(filter(None, (said, *new))))
        if note is None:
            self._added.append(write_property(Property("NOTE", value), self._version))
        else:
            self._rewrite(note, note.prop._replace(value=value))


def _text(prop: Property) -> str:
    return unescape_text(prop.value).strip()


def _element(part: str) -> str:
    return unescape_text(part).strip().casefold()


def _without_preference(prop: Property) -> Property:
    params = []
    for name, values in prop.params:
        kept = tuple(value for value in values if name != "TYPE" or value.upper() != "PREF")
        if name != "PREF" and kept:
            params.append((name, kept))
    return prop._replace(params=tuple(params))


def _said(prop: Property) -> str:
    """Return the value of a property there is room for once, as a person would write it."""
    if prop.name == "N":
        family, given, additional, prefix, suffix = [*_parts(prop), *[""] * 5][:5]
        return " ".join(filter(None, (prefix, given, additional, family, suffix)))
    if prop.name in {"ORG", "GENDER"}:
        return ", ".join(filter(None, _parts(prop)))
    moment = parse_moment(_text(prop)) if prop.name in _DATES else None
    if moment is not None:
        return moment._replace(year=None if moment.year == _NO_YEAR else moment.year).extended()
    return _text(prop)


def _parts(prop: Property) -> list[str]:
    return [
        " ".join(unescape_text(part).replace(",", " ").split())
        for part in split_structured(prop.value)
    ]


def _words(text: str) -> list[str]:
    """Return the words of a text without case and accents; another script stays what it is."""
    decomposed = unicodedata.normalize("NFKD", unescape_text(text)).casefold()
    plain = (each for each in decomposed if not unicodedata.combining(each))
    return _WORD.findall("".join(plain))


def _implies(one: str, other: str) -> bool:
    """Tell whether ``one`` has all words of ``other``, or for initials words that begin so."""
    if one.startswith(("1", "2")) and other.startswith("--"):
        return one[4:] == other[1:]
    words = _words(one)
    wanted = _words(other)
    if not wanted:
        return one == other
    return all(
        each in words or (len(each) == 1 and any(word.startswith(each) for word in words))
        for each in wanted
    )


def _is_better(other: str, kept: str) -> bool:
    """Tell whether the value of another card should stand in the place of the kept one's."""
    if not kept:
        return bool(other)
    if not _implies(other, kept):
        return False
    return not _implies(kept, other) or _care(other) > _care(kept)


def _care(text: str) -> tuple[bool, int]:
    """Return how carefully a text was typed: not in capitals, with its accents."""
    return (not text.isupper(), sum(not character.isascii() for character in text))
