"""What brings two cards together to be compared, and which values are common and tell little."""

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache

from sharedbooks.matching.features import Features, Place
from sharedbooks.matching.names import Name
from sharedbooks.matching.phones import KEY_DIGITS
from sharedbooks.matching.text import bones, sound

PHONE, MAIL, BIRTHDAY, ORGANISATION = "tel", "mail", "day", "org"
WORD, FULL_NAME, STREET, LOCALITY, POSTCODE = "word", "name", "street", "town", "zip"

NAME = "n:"
"""How the block keys of names begin."""

_REMEMBERED = 16384

_BASE = 200
"""Imagined other cards, so that in a small book nothing passes for rare or common by chance."""


def phone_key(phone: str) -> str:
    """Return the key of a normalised number: its last digits, the same without its country."""
    number, _, extension = phone.partition(";ext=")
    return f"{PHONE}:{number[-KEY_DIGITS:]};{extension}" if extension else _phone(number)


def _phone(number: str) -> str:
    return f"{PHONE}:{number[-KEY_DIGITS:]}"


def full_name_key(name: Name) -> str:
    """Return the key of a whole name, in whatever order it is written."""
    return f"{FULL_NAME}:{' '.join(sorted(map(sound, {*name.given, *name.family})))}"


def block_keys(features: Features) -> set[str]:
    """Return the keys of a card; two cards that share one are worth comparing.

    Each way to be a duplicate leaves at least one key the same: a slip in the given name those of
    the family name, a moved household those of the name, another name those of number and mail.
    """
    keys = {_phone(phone.partition(";")[0]) for phone in features.phones}
    keys.update(f"{MAIL}:{mail}" for mail in features.mails)
    if len(features.birthday) == 8 and not features.birthday.startswith("--"):
        keys.add(f"{BIRTHDAY}:{features.birthday}")
    if features.company and features.organisation:
        keys.update(_company_keys(features.organisation))
    for name in features.names:
        keys.update(_name_keys(name))
    for place in features.places:
        keys.update(_place_keys(place))
    return keys


def counted_keys(features: Features) -> set[str]:
    """Return the keys of a card of which it matters how many other cards have them."""
    keys = {phone_key(phone) for phone in features.phones}
    keys.update(f"{MAIL}:{mail}" for mail in features.mails)
    if features.birthday:
        keys.add(f"{BIRTHDAY}:{features.birthday}")
    if features.organisation:
        keys.add(f"{ORGANISATION}:{features.organisation}")
    for name in features.names:
        keys.update(f"{WORD}:{word}" for word in (*name.given, *name.family))
        keys.add(full_name_key(name))
    for place in features.places:
        keys.update(place_keys(place))
    return keys


def place_keys(place: Place) -> Iterator[str]:
    """Yield the keys by which the parts of an address are counted."""
    if place.street:
        yield f"{STREET}:{place.street}"
    if place.locality:
        yield f"{LOCALITY}:{place.locality}"
    if place.postcode:
        yield f"{POSTCODE}:{place.postcode}"


def _company_keys(organisation: str) -> Iterator[str]:
    words = organisation.split()
    yield f"c:{bones(words[0])}"
    yield f"c:{bones(words[-1])}"
    yield f"c:{''.join(words)[:6]}"


def _name_keys(name: Name) -> Iterator[str]:
    """Yield keys of pairs of words: of one how it sounds, of the other how it begins."""
    words = list(dict.fromkeys(sound(word) for word in (*name.given, *name.family)))
    if len(words) == 1:
        yield f"{NAME}{bones(words[0])}"
    for one in words:
        for other in words:
            if one != other and len(one) > 1:
                yield f"{NAME}{bones(one)} {other[0]}"


def _place_keys(place: Place) -> Iterator[str]:
    if place.street and (place.number or place.postcode):
        yield f"p:{place.number or place.postcode} {bones(place.street.replace(' ', ''))[:8]}"


class Rarity:
    """How much it tells that two cards share a value, by how many cards have it.

    Args:
        total: number of cards.
        counts: how many of them have a key of ``counted_keys``; keys of one or two may be missing.
    """

    def __init__(self, total: int, counts: Mapping[str, int]) -> None:
        self._size = total + _BASE
        self._counts = counts
        self.bits = lru_cache(_REMEMBERED)(self._bits)

    @property
    def size(self) -> int:
        """Number of cards the values were counted in, and some imagined ones."""
        return self._size

    def count(self, key: str) -> int:
        """Return how many cards have the value; at least the two that are compared."""
        return max(2, self._counts.get(key, 2))

    def _bits(self, key: str, imagined: float = 1.0) -> float:
        """Return the logarithm (base 2) of one to the chance that a stranger has the value.

        Args:
            key: of ``counted_keys``.
            imagined: how many strangers have it that are not in the books.
        """
        # Some of the others are cards of the same person.
        strangers = 0.5 * (self.count(key) - 2)
        return math.log2(self._size / (strangers + imagined))

    def identifier_bits(self, key: str) -> float:
        """Return the same for what belongs to one person, unless many cards have it."""
        strangers = 1.5 * (self.count(key) - 2) ** 1.5
        return math.log2(self._size / (strangers + 0.2))
