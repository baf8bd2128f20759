"""Phone numbers read as people write them, and told in E.164: ``+41446681800``."""

import re
from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

_URI = re.compile(r"\A\s*+tel:", re.IGNORECASE)
_BESIDE_DIGITS = re.compile(r"[\s().\-/+\u00a0\u2010-\u2015]")
_REMEMBERED = 4096
_MOST_CHARACTERS = 250
"""What is longer is no number."""


class Phone(NamedTuple):
    """A phone number.

    Attributes:
        number: in E.164.
        is_valid: whether the numbering plan of its country has such numbers.
        is_whole: whether ``number`` says all that the text said; not with an extension, letters
            or a second number.
        extension: digits to dial after the number, or empty.
    """

    number: str
    is_valid: bool
    is_whole: bool
    extension: str = ""


def is_country(code: str) -> bool:
    """Tell whether ``code`` is a country that phone numbers belong to, such as ``CH``."""
    return code in phonenumbers.SUPPORTED_REGIONS


def country_of(number: str) -> str:
    """Return the country of a number in E.164; empty if it belongs to none."""
    return phonenumbers.region_code_for_number(phonenumbers.parse(number, None)) or ""


def is_international(text: str) -> bool:
    """Tell whether a number names its country, so that it is the same everywhere."""
    return _URI.sub("", text).lstrip().startswith("+")


def read_phone(text: str, country: str) -> Phone | None:
    """Return the number in ``text``, or None if there is none or its country is not known.

    Args:
        text: as a card has it, a ``tel:`` URI included.
        country: ISO 3166 code of the country of numbers that do not name theirs, or empty.
    """
    return _read_phone(text, country) if len(text) <= _MOST_CHARACTERS else None


@lru_cache(_REMEMBERED)
def _read_phone(text: str, country: str) -> Phone | None:
    try:
        parsed = phonenumbers.parse(text, country or None)
    except NumberParseException:
        return None
    number = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    is_valid = phonenumbers.is_valid_number(parsed)
    if text == number:
        return Phone(number, is_valid, is_whole=True)
    digits = _BESIDE_DIGITS.sub("", _URI.sub("", text))
    nation = str(parsed.country_code)
    significant = number.removeprefix(f"+{nation}")
    trunk = _trunk_prefix(parsed)
    before = digits.removesuffix(significant)
    known = {"", nation, f"00{nation}", trunk, f"{nation}{trunk}", f"00{nation}{trunk}"}
    is_whole = digits.isdecimal() and digits.endswith(significant) and before in known
    return Phone(number, is_valid, is_whole, parsed.extension or "")


def _trunk_prefix(parsed: phonenumbers.PhoneNumber) -> str:
    region = phonenumbers.region_code_for_number(parsed) or ""
    return phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) or ""
