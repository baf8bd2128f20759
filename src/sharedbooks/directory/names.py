"""Distinguished names (RFC 4514), compared as directories compare them."""

import re
import unicodedata
from functools import lru_cache

_ESCAPED = re.compile(r"(?:\\[0-9A-Fa-f]{2})+|\\(.)", re.DOTALL)
_SPECIAL = re.compile(r'([,+"\\<>;=#\x00-\x1f\x7f])')


@lru_cache(maxsize=16384)
def normalise_dn(dn: str) -> str:
    """Return one spelling for all that name the same entry; for comparing, not for asking.

    Case, spaces around and within values, escapes and the order of a multi-valued part do not
    count. A text that is no DN comes back folded, so that it equals itself alone.
    """
    return ",".join("+".join(sorted(_pairs(part))) for part in split_dn(dn))


def split_dn(dn: str) -> tuple[str, ...]:
    """Return the parts of ``dn``, as written, the entry's own first."""
    return tuple(_trimmed(part) for part in _split(dn, ",")) if dn.strip(" ") else ()


def is_below(dn: str, base: str) -> bool:
    """True if ``dn`` is ``base`` or an entry somewhere below it."""
    name, top = normalise_dn(dn), normalise_dn(base)
    return name == top or name.endswith(f",{top}") or not top


def first_value(dn: str) -> str:
    """Return the value of the first part, such as ``Sales`` of ``CN=Sales,DC=example``."""
    parts = split_dn(dn)
    return _unescape(_trimmed(parts[0].partition("=")[2])) if parts else ""


def _split(text: str, sign: str) -> list[str]:
    """Split at each ``sign`` that no backslash stands before."""
    pieces, start, at = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == sign:
            pieces.append(text[start:at])
            start = at + 1
        at += 1
    return [*pieces, text[start:]]


def _pairs(part: str) -> list[str]:
    pairs = []
    for pair in _split(part, "+"):
        name, _, value = pair.partition("=")
        pairs.append(f"{name.strip(' ').lower()}={_folded(_unescape(_trimmed(value)))}")
    return pairs


def _trimmed(value: str) -> str:
    value = value.lstrip(" ")
    bare = value.rstrip(" ")
    # The space behind a backslash belongs to the value, if the backslash is not itself escaped.
    backslashes = len(bare) - len(bare.rstrip("\\"))
    return f"{bare} " if backslashes % 2 and len(value) > len(bare) else bare


def _unescape(value: str) -> str:
    def replaced(match: re.Match[str]) -> str:
        if match[1] is not None:
            return match[1]
        return bytes.fromhex(match[0].replace("\\", "")).decode(errors="replace")

    return _ESCAPED.sub(replaced, value)


def _folded(value: str) -> str:
    folded = " ".join(unicodedata.normalize("NFKC", value).casefold().split())
    return _SPECIAL.sub(lambda match: f"\\{ord(match[1]):02x}", folded)
