"""How many results a client takes, and telling it that there are more."""

import xml.etree.ElementTree as ET
from collections.abc import Callable

from sharedbooks_radicale.failures import BadRequest

_MOST_DIGITS = 9
"""No book holds more cards; databases and Python refuse numbers that are far longer."""


def read_limit(report: ET.Element, name: Callable[[str], str]) -> int | None:
    """Return how many cards the client takes at most, or None for as many as there are.

    Args:
        report: the root of the request.
        name: makes the Clark names of ``limit`` and ``nresults``, which differ by report.

    Raises:
        BadRequest: it is no positive number.
    """
    limit = report.find(name("limit"))
    if limit is None:
        return None
    number = (limit.findtext(name("nresults")) or "").strip()
    if not (number.isascii() and number.isdigit() and number.strip("0")):
        raise BadRequest("nresults is no positive number.")
    return int(number) if len(number) <= _MOST_DIGITS else None


def truncated_response(href: str) -> str:
    """Return the ``response`` that says there is more than the limit lets through."""
    return (
        f"<D:response><D:href>{href}</D:href>"
        "<D:status>HTTP/1.1 507 Insufficient Storage</D:status>"
        "<D:error><D:number-of-matches-within-limits/></D:error></D:response>"
    )
