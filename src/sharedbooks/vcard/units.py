"""The properties of a card compared for what they mean, not for how a program writes them."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sharedbooks.vcard.contentlines import ContentLine, split_list, split_structured, unescape_text
from sharedbooks.vcard.properties import Property, read_property

COMPANIONS = frozenset({"X-ABLABEL", "X-ABADR"})
"""Properties by which Apple says more of the other property of their group."""

_FRAME = frozenset({"BEGIN", "VERSION", "END"})
_STRUCTURED = frozenset({"N", "ADR", "ORG", "GENDER"})
_LISTS = frozenset({"CATEGORIES", "NICKNAME"})
_DATES = frozenset({"BDAY", "ANNIVERSARY"})
_DATA_URI = re.compile(r"data:[^,]*,", re.IGNORECASE)

# Programs let people choose the TYPE of these; they drop it elsewhere without being told to.
_TYPED = frozenset({"ADR", "EMAIL", "IMPP", "RELATED", "TEL", "URL"})

# What a value is taken for when TYPE does not say so: Apple adds it, others leave it out.
_DEFAULT_TYPES = {
    "TEL": frozenset({"VOICE"}),
    "EMAIL": frozenset({"INTERNET"}),
    "ADR": frozenset({"POSTAL", "PARCEL", "INTL", "DOM"}),
}
# Apple writes some of its own labels as TYPE or as X-ABLabel, iOS differently from macOS.
_LABEL_TYPES = {
    "_$!<home>!$_": {"HOME"},
    "_$!<work>!$_": {"WORK"},
    "_$!<mobile>!$_": {"CELL"},
    "_$!<main>!$_": {"MAIN"},
    "_$!<homefax>!$_": {"HOME", "FAX"},
    "_$!<workfax>!$_": {"WORK", "FAX"},
    "_$!<pager>!$_": {"PAGER"},
    "_$!<other>!$_": {"OTHER"},
}
# Parameters that say how the value is written, or are compared on their own.
_NOT_COMPARED = frozenset({"TYPE", "PREF", "VALUE", "MEDIATYPE"})


@dataclass(slots=True, eq=False)
class Unit:
    """A property of a card with what its group says of it.

    Attributes:
        line: its number in the card.
        prop: the property.
        companions: the lines of its group that say more of it, the first of each name.
        value: what it says, for comparison.
        types: its TYPE values in upper case and the types its label stands for; empty where TYPE
            is of no importance.
        notes: text of each companion that is not a type, by name.
        is_preferred: whether it is the most preferred one (PREF=1), where that is of importance.
    """

    line: int
    prop: Property
    companions: list[Property] = field(default_factory=list)
    value: object = ""
    types: frozenset[str] = frozenset()
    notes: tuple[tuple[str, str], ...] = ()
    is_preferred: bool = False

    def differing_params(self, other: "Unit") -> dict[str, tuple[str, ...]]:
        """Return the parameters of this one that ``other`` has not, or not with this value.

        A parameter that only ``other`` has does not count: programs drop what they do not know.
        """
        theirs = _compared_params(other.prop)
        mine = _compared_params(self.prop)
        return {name: values for name, values in mine.items() if theirs.get(name) != values}


def read_units(lines: Iterable[ContentLine], version: str = "4.0") -> list[Unit]:
    """Return the properties of a card of ``version`` as units, in order; its frame is left out."""
    props = [(line.line, read_property(line, version)) for line in lines if line.name not in _FRAME]
    inhabited = {_group(prop) for _, prop in props if prop.name not in COMPANIONS}
    companions: dict[str, dict[str, Property]] = defaultdict(dict)
    units = []
    for number, prop in props:
        if is_companion(prop, inhabited):
            companions[_group(prop)].setdefault(prop.name, prop)
        else:
            units.append(Unit(number, prop))
    for unit in units:
        if unit.prop.prop_group:
            unit.companions = list(companions[_group(unit.prop)].values())
        _compare_by(unit)
    return units


def is_companion(prop: Property | ContentLine, inhabited: Iterable[str]) -> bool:
    """Tell whether a property says more of another one of its group.

    Args:
        prop: the property.
        inhabited: the groups, in lower case, that have other properties than companions.
    """
    return (
        prop.name in COMPANIONS
        and prop.prop_group is not None
        and prop.prop_group.lower() in inhabited
    )


def _group(prop: Property) -> str:
    return (prop.prop_group or "").lower()


def _compare_by(unit: Unit) -> None:
    prop = unit.prop
    types = {value.upper() for value in prop.types()}
    notes = []
    for companion in unit.companions:
        text = _text(companion.value)
        label_types = _LABEL_TYPES.get(text.lower()) if companion.name == "X-ABLABEL" else None
        if label_types is None:
            notes.append((companion.name, text))
        else:
            types |= label_types
    unit.value = compared_value(prop)
    unit.notes = tuple(sorted(notes))
    if prop.name in _TYPED or prop.name.startswith("X-"):
        unit.types = frozenset(types - _DEFAULT_TYPES.get(prop.name, frozenset()))
        unit.is_preferred = "1" in prop.param_values("PREF")


def compared_value(prop: Property) -> object:
    """Return what a property of 4.0 says, equal for values that are only written differently."""
    if prop.name in _STRUCTURED:
        parts = [_text(part) for part in split_structured(prop.value)]
        while parts and not parts[-1]:
            parts.pop()
        return tuple(parts)
    if prop.name in _LISTS:
        return tuple(_text(part) for part in split_list(prop.value))
    if prop.name in _DATES and prop.value.startswith("1604"):
        # Apple's year for dates without year, sent back by a program that does not know that.
        return "--" + prop.value[4:]
    data = _DATA_URI.match(prop.value)
    if data:
        return prop.value[data.end() :]
    return _text(prop.value)


def _text(value: str) -> str:
    text = unescape_text(value).replace("\r\n", "\n").strip()
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _compared_params(prop: Property) -> Mapping[str, tuple[str, ...]]:
    return {name: values for name, values in prop.params if name not in _NOT_COMPARED}
