"""Whether a BDAY or ANNIVERSARY is a date that was."""

import re
from datetime import UTC, date, datetime, timedelta

from sharedbooks.vcard.dates import parse_moment

# RFC 6350, section 4.3: a month, a day, a year, a year with month; a time alone.
_PARTIAL = re.compile(
    r"--(?P<month>\d\d)-?|---(?P<day>\d\d)|\d{4}|\d{4}-(?P<month2>\d\d)|T\d{2}.*", re.ASCII
)
_DOTTED = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})", re.ASCII)
_SOME_LEAP_YEAR = 2000


def date_complaint(text: str) -> tuple[str, str | None] | None:
    """Return what is wrong with a date, and what it could be instead; None if it is one.

    Dates may be without year, and partial as vCard 4.0 has them.
    """
    text = text.strip()
    moment = parse_moment(text)
    if moment is not None:
        year = _SOME_LEAP_YEAR if moment.year is None else int(moment.year)
        found = _date(year, int(moment.month), int(moment.day))
        if found is None:
            return "There is no such day.", None
        # Somewhere on earth it is tomorrow already.
        if moment.year is not None and found > datetime.now(UTC).date() + timedelta(days=1):
            return "The day lies in the future.", None
        return None
    partial = _PARTIAL.fullmatch(text)
    if partial is not None:
        month = int(partial["month"] or partial["month2"] or 1)
        if _date(_SOME_LEAP_YEAR, month, int(partial["day"] or 1)) is not None:
            return None
        return "There is no such day or month.", None
    return "This is no date as vCards have it (1985-12-24).", _proposal(text)


def _proposal(text: str) -> str | None:
    """Return a date written with dots: their order is the same wherever dots are used."""
    match = _DOTTED.fullmatch(text)
    found = _date(int(match[3]), int(match[2]), int(match[1])) if match else None
    return None if found is None else found.isoformat()


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
