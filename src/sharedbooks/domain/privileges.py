"""The five privileges of a grant, weakest first."""

from enum import IntEnum


class Privilege(IntEnum):
    """What a grant allows on a book; each includes the ones before it.

    The numbers are stored; names are what people write.
    """

    READ = 1
    """See the book and its cards."""
    CREATE = 2
    """Add cards."""
    EDIT_OWN = 3
    """Change and delete the cards one has added."""
    WRITE = 4
    """Change and delete any card."""
    MANAGE = 5
    """Rename and describe the book for everyone."""

    def __str__(self) -> str:
        return self.name.lower().replace("_", "-")


def cap(privilege: Privilege, *, read_only: bool) -> Privilege:
    """Return what is left of a privilege on a book, which is less if the book is read-only.

    MANAGE stays, since it is about the book's name and description; see ``book_access.BookAccess``.
    """
    if read_only and privilege is not Privilege.MANAGE:
        return Privilege.READ
    return privilege


PRIVILEGES_BY_NAME = {str(privilege): privilege for privilege in Privilege}
"""Privileges by the names people write: ``read``, ``create``, ``edit-own`` and so on."""
