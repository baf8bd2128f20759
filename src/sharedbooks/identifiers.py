"""Names in URLs and on the command line: parsed once at the edge, unsafe ones refused."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from sharedbooks.errors import InvalidName

MAX_NAME_LENGTH = 255
"""Longest name in characters; also what the database columns hold."""


def _refuse_unsafe(name: str, what: str) -> None:
    if not name:
        raise InvalidName(f"A {what} may not be empty.")
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidName(f"A {what} may have at most {MAX_NAME_LENGTH} characters.")
    if name in {".", ".."}:
        raise InvalidName(f"{name!r} is no {what}: it would be another path.")
    if any(unicodedata.category(character) in {"Cc", "Cs", "Cn"} for character in name):
        raise InvalidName(f"{name!r} is no {what}: it holds a control character.")


def _refuse_slash(name: str, what: str) -> None:
    if "/" in name:
        raise InvalidName(f"{name!r} is no {what}: it would be another path.")


_DN_BEGINS = re.compile(r" *[A-Za-z0-9][A-Za-z0-9.-]* *=")


@lru_cache(maxsize=4096)
def parse_principal_name(text: str) -> str:
    """Return ``text`` as the name of a user or group.

    Names are kept as given (``o'brien``, ``Sales, EMEA`` and ``x@example.org`` are fine) in
    Unicode normalisation form C. Refused are names that could be taken for another path, for a
    service path of the server (leading dot) or, with ``:``, for the end of a Basic login.

    Raises:
        InvalidName: the name is unsafe.
    """
    name = unicodedata.normalize("NFC", text)
    _refuse_unsafe(name, "principal name")
    _refuse_slash(name, "principal name")
    if name.startswith((".", "-")):
        raise InvalidName(f"{name!r} is no principal name: it may not begin with {name[0]!r}.")
    if name != name.strip():
        raise InvalidName(f"{name!r} is no principal name: it begins or ends with a space.")
    if ":" in name:
        raise InvalidName(f"{name!r} is no principal name: ':' ends the name in a login.")
    return name


def parse_group_reference(text: str) -> str:
    """Return ``text`` as people name a group: its name, or its DN in a directory (RFC 4514).

    Raises:
        InvalidName: it is neither.
    """
    try:
        return parse_principal_name(text)
    except InvalidName:
        # A DN may be longer, and hold characters that no name has.
        if looks_like_dn(text) and text.isprintable():
            return text
        raise


def looks_like_dn(text: str) -> bool:
    """Whether ``text`` begins as a DN does: with an attribute and ``=``."""
    return _DN_BEGINS.match(text) is not None


def parse_resource_name(text: str) -> str:
    """Return ``text`` as the last path segment of a book, octet for octet as given.

    Raises:
        InvalidName: the name is empty, too long, another path, or holds control characters.
    """
    _refuse_unsafe(text, "resource name")
    _refuse_slash(text, "resource name")
    return text


def parse_card_name(text: str) -> str:
    """Return ``text`` as the name of a card in its book, octet for octet as given.

    It may hold slashes: some clients name a card by its UID, and some UIDs are URLs.

    Raises:
        InvalidName: the name is empty, too long, another path, or holds control characters.
    """
    _refuse_unsafe(text, "resource name")
    return text


@dataclass(frozen=True, slots=True)
class BookReference:
    """How people name a book: ``sales`` (the organisation's) or ``alice/contacts`` (a user's)."""

    owner: str | None
    name: str

    def __str__(self) -> str:
        return self.name if self.owner is None else f"{self.owner}/{self.name}"


def parse_book_reference(text: str) -> BookReference:
    """Return the reference in ``text``: ``NAME`` or ``OWNER/NAME``.

    Raises:
        InvalidName: one of the parts is unsafe.
    """
    owner, slash, name = text.rpartition("/")
    if not slash:
        return BookReference(None, parse_resource_name(text))
    return BookReference(parse_principal_name(owner), parse_resource_name(name))


class GranteeKind(StrEnum):
    """What a grant can be given to."""

    USER = "user"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class GranteeReference:
    """How people name a grantee: ``user:alice``, ``group:sales`` or ``group:CN=Sales,OU=…``."""

    kind: GranteeKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def parse_grantee_reference(text: str) -> GranteeReference:
    """Return the grantee named by ``user:NAME``, ``group:NAME`` or ``group:DN``.

    Raises:
        InvalidName: the prefix is missing or the name is unsafe.
    """
    kind, colon, name = text.partition(":")
    if not colon or kind not in set(GranteeKind):
        raise InvalidName(f"{text!r} is no grantee: write user:NAME or group:NAME.")
    if kind == GranteeKind.GROUP:
        return GranteeReference(GranteeKind.GROUP, parse_group_reference(name))
    return GranteeReference(GranteeKind.USER, parse_principal_name(name))
