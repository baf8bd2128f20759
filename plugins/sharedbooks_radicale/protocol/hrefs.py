"""Paths in answers: absolute, and percent-encoded the same way everywhere.

Thunderbird compares them as strings between answers.
"""

import re
import string
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from sharedbooks.domain.principals import PrincipalKind
from sharedbooks_radicale.protocol.xml import text

# What RFC 3986 allows in a segment beside letters, digits and "-._~", less "'" and the like,
# which some clients encode and some do not.
_SAFE = "@:"

GROUPS = ".groups"
"""Path segment above the principals of groups; no user can be called so."""

is_plain = re.compile(r"[A-Za-z0-9_~@:-][A-Za-z0-9._~@:-]*").fullmatch
"""True for segments that are the same percent-encoded."""


_PLAIN = (string.ascii_letters + string.digits + "_~@:-.").encode()


def all_plain(segments: Sequence[str]) -> bool:
    """True if no segment is another one percent-encoded; all are looked at in one go."""
    return not "".join(segments).encode().translate(None, _PLAIN)


def quote_segment(segment: str) -> str:
    """Return one path segment as it stands in every href; it needs no more escaping in XML."""
    # Nearly all are UUIDs.
    return segment if is_plain(segment) else quote(segment, safe=_SAFE)


@lru_cache(maxsize=1024)
def make_href(prefix: str, *segments: str, collection: bool) -> str:
    """Return the href of a resource as XML text: ``/dav/alice/sales/`` or ``…/x.vcf``."""
    path = "/".join((prefix, *(quote_segment(segment) for segment in segments)))
    return text(path + "/" if collection else path)


def principal_href(prefix: str, kind: PrincipalKind, name: str) -> str:
    """Return the href of a user's or group's principal as XML text."""
    folder = (GROUPS,) if kind is PrincipalKind.GROUP else ()
    return make_href(prefix, *folder, name, collection=True)


def join_card_name(segments: tuple[str, ...]) -> tuple[str, ...]:
    """Return path segments with all that follows the book as one: the name of a card.

    Books hold no collections, and some clients name cards by a UID with slashes in it. They send
    ``%2F``, which is a slash when WSGI hands the path on.
    """
    return (*segments[:2], "/".join(segments[2:])) if len(segments) > 3 else segments


def split_href(href: str, prefix: str) -> tuple[str, ...] | None:
    """Return the decoded path segments of an href a client sent, or None if it is not below us.

    Absolute URLs are taken by their path alone: behind a proxy the host says nothing.
    """
    try:
        path = urlsplit(href.strip()).path
    except ValueError:
        return None
    quoted_prefix = quote(prefix)
    if quoted_prefix and path != quoted_prefix and not path.startswith(quoted_prefix + "/"):
        return None
    try:
        segments = tuple(
            unquote(segment, errors="strict")
            for segment in path[len(quoted_prefix) :].split("/")
            if segment
        )
    except UnicodeDecodeError:
        return None
    # No name has a NUL in it, and not every database can be asked for one.
    nowhere = any(segment in {".", ".."} or "\0" in segment for segment in segments)
    return None if nowhere else join_card_name(segments)
