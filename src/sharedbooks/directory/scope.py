"""How far a search reaches."""

from enum import StrEnum


class Scope(StrEnum):
    """How far below its base a search reaches (RFC 4511, section 4.5.1.2)."""

    BASE = "base"
    LEVEL = "one"
    SUBTREE = "sub"
