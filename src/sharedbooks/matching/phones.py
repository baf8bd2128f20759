"""Telephone numbers in one form, however they were typed."""

import re
from functools import lru_cache

from sharedbooks.vcard.phones import read_phone

MIN_DIGITS = 7
"""A shorter number is an extension or a service, and says nothing of who has it."""

KEY_DIGITS = 8
"""So many last digits find a number whether or not its country is known."""

_REMEMBERED = 8192
_NOT_A_DIGIT = re.compile(r"\D+")
_MAX_LENGTH = 60
# Written so, a number needs no knowledge of its country; (0) after it would.
_INTERNATIONAL = re.compile(r"\+[1-9](?:[ .-]?\d){7,13}", re.ASCII)
_PUNCTUATION = re.compile(r"[ .-]")


@lru_cache(_REMEMBERED)
def normalise_phone(text: str, country: str) -> str:
    """Return a number in E.164, with ``;ext=`` if it has an extension.

    Where the country cannot be known it is the national number without leading zeros, and no plus;
    what has fewer than seven digits is empty.

    Args:
        text: the value of TEL; ``tel:`` in front is fine.
        country: two-letter code of the country that national numbers are of, or empty.
    """
    text = text.removeprefix("tel:").strip()[:_MAX_LENGTH]
    if _INTERNATIONAL.fullmatch(text):
        return _PUNCTUATION.sub("", text)
    phone = read_phone(text, country)
    if phone is not None:
        return f"{phone.number};ext={phone.extension}" if phone.extension else phone.number
    digits = _NOT_A_DIGIT.sub("", text).lstrip("0")
    return digits if len(digits) >= MIN_DIGITS else ""


def are_same_phone(one: str, other: str) -> bool:
    """Tell whether two normalised numbers are one, the country of either perhaps unknown."""
    if one == other:
        return True
    if one.startswith("+") and other.startswith("+"):
        return False
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) >= MIN_DIGITS and longer.endswith(shorter.removeprefix("+"))
