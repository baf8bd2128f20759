"""Values that come in parts: Active Directory gives 1500 of an attribute at a time, named so.

The part ``member;range=0-1499`` is followed by ``member;range=1500-2999`` where one asks for
``member;range=1500-*``, until the last one is called ``member;range=3000-*``.
"""

import re
from collections.abc import Callable

from sharedbooks.directory.entries import Entry

_PART = re.compile(r"(.+);range=(\d+)-(\d+|\*)")


def is_partial(entry: Entry) -> bool:
    """True if some attribute of the entry is there in part."""
    return any(_PART.fullmatch(name) for name in entry.attributes)


def complete(entry: Entry, ask: Callable[[str], Entry | None]) -> Entry | None:
    """Return the entry with all values under the plain names of their attributes.

    Args:
        entry: as the server gave it.
        ask: reads the same entry with that part of an attribute alone.

    Returns:
        None if the server did not give a part that it has to have.
    """
    attributes = dict(entry.attributes)
    for name in entry.attributes:
        part = _PART.fullmatch(name)
        if part is None:
            continue
        values = list(attributes.pop(name))
        while part[3] != "*":
            answer = ask(f"{part[1]};range={int(part[3]) + 1}-*")
            following = None if answer is None else _part_of(answer, part[1])
            if answer is None or following is None:
                return None
            part = following
            values += answer.attributes[part[0]]
        attributes[part[1]] = tuple(values)
    return Entry(entry.dn, attributes)


def _part_of(entry: Entry, attribute: str) -> re.Match[str] | None:
    parts = (_PART.fullmatch(name) for name in entry.attributes)
    return next((part for part in parts if part is not None and part[1] == attribute), None)
