"""Dates as people and programs write them in tables."""

import re
from calendar import monthrange
from datetime import UTC, datetime

from sharedbooks.vcard.dates import parse_moment

_SLASHED = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4}|\d\d)(?:\s+\d.*)?", re.ASCII)
_DOTTED = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4}|\d\d)?(?:\s+\d.*)?", re.ASCII)
_NAMED = re.compile(r"(\d{1,2})[ -]([A-Za-z]{3})[a-z]*[ -](\d{4})", re.ASCII)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_ISO_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T]00:00(:00)?(\.0+)?")


def read_date(text: str, order: str) -> str | None:
    """Return a date as ``1980-01-31`` or ``--01-31``, or None if it is none.

    Args:
        text: what the table says.
        order: ``dmy`` or ``mdy``: how a date with slashes is read if both are possible.
    """
    plain = _ISO_TIME.sub(r"\1", text.strip())
    moment = parse_moment(plain)
    if moment is not None:
        return _checked(moment.year, int(moment.month), int(moment.day))
    dotted = _DOTTED.fullmatch(plain)
    if dotted:
        return _checked(dotted[3], int(dotted[2]), int(dotted[1]))
    named = _NAMED.fullmatch(plain)
    if named and named[2].lower() in _MONTHS:
        return _checked(named[3], _MONTHS.index(named[2].lower()) + 1, int(named[1]))
    slashed = _SLASHED.fullmatch(plain)
    if slashed is None:
        return None
    first, second = int(slashed[1]), int(slashed[2])
    month, day = (first, second) if order == "mdy" else (second, first)
    if month > 12:
        month, day = day, month
    return _checked(slashed[3], month, day)


def _checked(year: str | None, month: int, day: int) -> str | None:
    if year is not None and len(year) == 2:
        # A birthday is seldom in the future.
        year = ("20" if int(year) <= datetime.now(UTC).year % 100 else "19") + year
    if not 1 <= month <= 12 or not 1 <= day <= monthrange(int(year or 2000), month)[1]:
        return None
    return f"{year or '-'}-{month:02}-{day:02}"
