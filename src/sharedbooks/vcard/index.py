"""What of a card can be searched for: values of text properties, folded for comparison."""

import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from sharedbooks.vcard.contentlines import (
    ContentLine,
    split_list,
    split_structured,
    unescape_text,
)

MAX_NAME_LENGTH = 63
"""Longest property name in the index; a property with a longer name is not in it."""

MAX_VALUE_LENGTH = 255
"""Longest value in the index; a longer one is cut, and found by its beginning."""

CUT_MARK = "+"
"""Follows the name of a property whose value was cut; ``+`` is in no name of a vCard."""

# Escapes at most double a text, so this much of it is enough for a whole value.
_ENOUGH = 4 * MAX_VALUE_LENGTH


class IndexedProperty(NamedTuple):
    """One row of the search index.

    Attributes:
        name: property name in upper case, at most 63 characters; for a value that was cut,
            ``CUT_MARK`` follows.
        value: the value as ``fold_text`` makes it, at most 255 characters.

    A row whose name is ``CUT_MARK`` alone says that the card has more than the index holds.
    """

    name: str
    value: str


def fold_text(text: str) -> str:
    """Return ``text`` in the form in which search compares texts: decomposed and without case.

    Texts that i;unicode-casemap (RFC 5051) takes for equal fold to the same, so a comparison of
    folded texts finds all it would find and perhaps more. Accents stay: ``é`` is not ``e``.
    """
    if text.isascii():
        return text.lower()
    # The title case of the dotless i is I, so RFC 5051 takes it for an i; casefold does not.
    return (
        unicodedata.normalize("NFKD", text)
        .casefold()
        .replace("\N{LATIN SMALL LETTER DOTLESS I}", "i")
    )


def _whole(text: str) -> list[str]:
    return [unescape_text(text[:_ENOUGH])]


def _components(text: str) -> list[str]:
    parts = split_structured(text[:_ENOUGH])
    return [unescape_text(" ".join(filter(None, map(str.strip, parts))))]


def _elements(text: str) -> list[str]:
    return [unescape_text(part[:_ENOUGH]) for part in split_list(text)]


_VALUES: dict[str, Callable[[str], list[str]]] = {
    **dict.fromkeys(("FN", "EMAIL", "TEL", "TITLE", "ROLE", "NOTE", "URL", "IMPP"), _whole),
    **dict.fromkeys(("BDAY", "RELATED", "KIND"), _whole),
    **dict.fromkeys(("N", "ADR", "ORG"), _components),
    **dict.fromkeys(("CATEGORIES", "NICKNAME"), _elements),
}

INDEXED_NAMES = frozenset(_VALUES)
"""The properties of which every value is in the index; of ``X-`` properties only short ones are."""

_NOT_FOR_PEOPLE = frozenset(
    {
        "X-ADDRESSBOOKSERVER-MEMBER",
        "X-ADDRESSING-GRAMMAR",
        "X-IMAGEHASH",
        "X-IMAGETYPE",
    }
)


def index_line(line: ContentLine) -> list[IndexedProperty]:
    """Return the rows a content line gives to the search index; many lines give none.

    N, ADR and ORG give one row with their components joined by a space, CATEGORIES and NICKNAME one
    row an element, everything else one row. Binary values are never looked at.
    """
    name = line.name
    values = _VALUES.get(name)
    if values is None:
        if not name.startswith("X-") or not _is_short_text(line):
            return []
        values = _whole
    if line.is_base64:
        return []
    rows = []
    for value in values(line.text):
        folded = fold_text(value.strip()[: MAX_VALUE_LENGTH + 1])
        if len(folded) > MAX_VALUE_LENGTH:
            rows.append(IndexedProperty(name + CUT_MARK, folded[:MAX_VALUE_LENGTH]))
        elif folded:
            rows.append(IndexedProperty(name, folded))
    return rows


def _is_short_text(line: ContentLine) -> bool:
    return (
        len(line.name) <= MAX_NAME_LENGTH
        and line.name not in _NOT_FOR_PEOPLE
        and len(line.raw_value) <= MAX_VALUE_LENGTH
    )
