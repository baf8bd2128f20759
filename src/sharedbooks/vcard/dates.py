"""Dates and times of vCards: 3.0 writes them extended, 4.0 in the basic format of ISO 8601."""

import re
from typing import NamedTuple

_MOMENT = re.compile(
    r"(?:(\d{4})-?|--)(\d\d)-?(\d\d)"
    r"(?:[T ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,]\d+)?)?(?:(Z)|([+-]\d\d)(?::?(\d\d))?)?)?",
    re.IGNORECASE | re.ASCII,
)
_OFFSET = re.compile(r"([+-]\d\d):?(\d\d)?", re.ASCII)


class Moment(NamedTuple):
    """A date, perhaps without year, perhaps with a time; each part as its digits.

    Attributes:
        year: four digits, or None.
        month: two digits.
        day: two digits.
        clock: hours, minutes, and seconds if there are any; empty without a time.
        zone: empty, ``("Z",)``, or sign with hours and minutes.
    """

    year: str | None
    month: str
    day: str
    clock: tuple[str, ...] = ()
    zone: tuple[str, ...] = ()

    def basic(self) -> str:
        """Return it as 4.0 has it: ``19960415``, ``--0415``, ``19961022T140000-0500``."""
        date = f"{self.year or '--'}{self.month}{self.day}"
        return f"{date}T{''.join(self.clock + self.zone)}" if self.clock else date

    def extended(self) -> str:
        """Return it as 3.0 has it: ``1996-04-15``, ``1996-10-22T14:00:00-05:00``."""
        date = f"{self.year or '-'}-{self.month}-{self.day}"
        return f"{date}T{':'.join(self.clock)}{':'.join(self.zone)}" if self.clock else date


def parse_moment(text: str) -> Moment | None:
    """Read a date, with or without time, in either format; None if it is not a whole date.

    Fractions of seconds are left out, 4.0 has none (RFC 6350, section 4.3).
    """
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, *clock, utc, hours, minutes = match.groups()
    zone = (hours, minutes or "00") if hours else ("Z",) if utc else ()
    return Moment(year, month, day, tuple(filter(None, clock)), zone)


def parse_offset(text: str) -> tuple[str, str] | None:
    """Read an offset from UTC in either format: sign with hours, and minutes."""
    match = _OFFSET.fullmatch(text.strip())
    return (match[1], match[2] or "00") if match else None
