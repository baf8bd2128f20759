"""How much two names of persons speak for one person."""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from sharedbooks.matching.keys import WORD, Rarity, full_name_key
from sharedbooks.matching.names import Name
from sharedbooks.matching.nicknames import are_forms_of_one, is_known
from sharedbooks.matching.text import is_misspelt, sound

_INITIAL_BITS = 2.5
_DIFFERENT_GIVEN = -6.0
_DIFFERENT_FAMILY = -4.0
_SWAPPED = -1.0
_COMMON = 4
"""A word that so many cards have is no slip of the pen."""


class Likeness(IntEnum):
    """How like two words or names are."""

    DIFFERENT = 0
    MISSING = 1
    INITIAL = 2
    MISSPELT = 3
    FORM = 4
    SAME = 5


class NameComparison(NamedTuple):
    """What comparing two names gave.

    Attributes:
        bits: see ``scoring``.
        text: what it is, for people.
        differ: whether the names are of two persons by themselves.
        other_family: whether the family names differ, perhaps since one is a married name.
        is_same: whether given and family name are the same.
    """

    bits: float
    text: str
    differ: bool
    other_family: bool
    is_same: bool


class _Half(NamedTuple):
    likeness: Likeness
    bits: float


def compare_names(one: Name, other: Name, rarity: Rarity) -> NameComparison:
    """Return how much two names speak for one person, in whatever order they are written."""
    straight = (
        _compare_given(one.given, other.given, rarity),
        _compare_family(one.family, other.family, rarity),
    )
    given, family = straight
    swapped = False
    if min(given.likeness, family.likeness) < Likeness.MISSPELT and _may_be_swapped(one, other):
        turned = (
            _compare_family(one.given[:1], other.family, rarity),
            _compare_family(one.family, other.given[:1], rarity),
        )
        if _total(turned) + _SWAPPED > _total(straight):
            (given, family), swapped = turned, True
    bits = _total((given, family)) + (_SWAPPED if swapped else 0)
    if bits > 0 and min(given.likeness, family.likeness) > Likeness.INITIAL:
        # Given and family names go together: each language has its own.
        together = rarity.bits(full_name_key(one), 0.05)
        bits = min(bits, together)
    other_family = family.likeness is Likeness.DIFFERENT
    differ = given.likeness is Likeness.DIFFERENT or (
        other_family and (swapped or given.likeness < Likeness.MISSPELT)
    )
    return NameComparison(
        bits,
        _text(given, family),
        differ=differ,
        other_family=other_family,
        is_same=given.likeness is family.likeness is Likeness.SAME,
    )


def _may_be_swapped(one: Name, other: Name) -> bool:
    """Tell whether a given name of one sounds like a family name of the other."""
    return _share_a_sound(one.given[:1], other.family) or _share_a_sound(
        one.family, other.given[:1]
    )


def _share_a_sound(ones: Sequence[str], others: Sequence[str]) -> bool:
    return any(sound(one) == sound(other) for one in ones for other in others)


def _total(halves: tuple[_Half, _Half]) -> float:
    return halves[0].bits + halves[1].bits


def _text(given: _Half, family: _Half) -> str:
    lowest = min(given.likeness, family.likeness)
    if lowest is Likeness.SAME:
        return "same name"
    if lowest > Likeness.INITIAL:
        return "similar name"
    if given.likeness is Likeness.DIFFERENT:
        same = family.likeness > Likeness.INITIAL
        return "same family name, different given names" if same else "different names"
    if family.likeness is Likeness.DIFFERENT:
        return "same given name, different family names"
    return "name in part"


def _compare_given(ones: Sequence[str], others: Sequence[str], rarity: Rarity) -> _Half:
    if not (ones and others):
        return _Half(Likeness.MISSING, 0.0)
    best = _compare_words(ones[0], others[0], rarity)
    for word in others[1:]:
        best = max(best, _compare_words(ones[0], word, rarity))
    for word in ones[1:]:
        best = max(best, _compare_words(word, others[0], rarity))
    if best.likeness < Likeness.FORM and len(ones) != len(others):
        # Hans Peter and Hanspeter.
        best = max(best, _compare_words("".join(ones), "".join(others), rarity))
    if best.likeness is Likeness.DIFFERENT:
        return _Half(Likeness.DIFFERENT, _DIFFERENT_GIVEN)
    return best


def _compare_family(ones: Sequence[str], others: Sequence[str], rarity: Rarity) -> _Half:
    if not (ones and others):
        return _Half(Likeness.MISSING, 0.0)
    best = max(_compare_words(one, other, rarity) for one in ones for other in others)
    if best.likeness < Likeness.FORM and len(ones) != len(others):
        best = max(best, _compare_words("".join(ones), "".join(others), rarity))
    if best.likeness is Likeness.DIFFERENT:
        return _Half(Likeness.DIFFERENT, _DIFFERENT_FAMILY)
    return best


def _compare_words(one: str, other: str, rarity: Rarity) -> _Half:
    if len(one) == 1 or len(other) == 1:
        if one[0] == other[0]:
            return _Half(Likeness.INITIAL, _INITIAL_BITS)
        return _Half(Likeness.DIFFERENT, 0.0)
    if one == other:
        return _Half(Likeness.SAME, rarity.bits(f"{WORD}:{one}"))
    likeness, discount = _likeness(one, other, rarity)
    if likeness is Likeness.DIFFERENT:
        return _Half(likeness, 0.0)
    commoner = min(rarity.bits(f"{WORD}:{one}"), rarity.bits(f"{WORD}:{other}"))
    return _Half(likeness, max(1.0, commoner - discount))


def _likeness(one: str, other: str, rarity: Rarity) -> tuple[Likeness, float]:
    """Return how like two different words are, and how many bits that tells less than the same."""
    if sound(one) == sound(other):
        return Likeness.FORM, 1.0
    if are_forms_of_one(one, other):
        return Likeness.FORM, 1.5
    if _are_both_names(one, other, rarity):
        return Likeness.DIFFERENT, 0.0
    if is_misspelt(one, other) or is_misspelt(sound(one), sound(other)):
        return Likeness.MISSPELT, 2.5
    if len(one) >= 4 <= len(other) and (one.startswith(other) or other.startswith(one)):
        return Likeness.MISSPELT, 3.0
    return Likeness.DIFFERENT, 0.0


def _are_both_names(one: str, other: str, rarity: Rarity) -> bool:
    """Tell whether neither word is a slip, since many cards have it or it is a known name."""
    return all(is_known(word) or rarity.count(f"{WORD}:{word}") >= _COMMON for word in (one, other))
