"""One display name a book in every home.

Two books may be called alike: by the organisation, or by what a member calls them for themselves.
Apps show nothing but the display name, and some keep one book of each name only.
"""

from collections.abc import Iterable
from dataclasses import replace

from sharedbooks.domain.book_access import BookAccess


def distinguish(home: Iterable[BookAccess]) -> list[BookAccess]:
    """Return the books of a home, those called like one before them with their path as well.

    The order of the home decides, so own books keep their names.
    """
    taken: set[str] = set()
    told_apart: list[BookAccess] = []
    for book in home:
        title = book.display_name or book.name
        while title in taken:
            title = f"{title} ({book.name})"
        taken.add(title)
        told_apart.append(book if title == book.display_name else replace(book, display_name=title))
    return told_apart
