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


PRIVILEGES_BY_NAME = {str(privilege): privilege for privilege in Privilege}
"""Privileges by the names people write: ``read``, ``create``, ``edit-own`` and so on."""
