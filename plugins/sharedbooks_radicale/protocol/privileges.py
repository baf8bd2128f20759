"""Privileges of RFC 3744 as a member has them on each kind of resource."""

from sharedbooks.domain.book_access import BookAccess
from sharedbooks.domain.privileges import Privilege
from sharedbooks.domain.storing import may_edit

_READ = ("read", "read-current-user-privilege-set")

_ON_BOOK = {
    Privilege.READ: _READ,
    # Clients offer to add a card only where they see write-content on the book (DAVx5, Outlook).
    Privilege.CREATE: (*_READ, "write-content", "bind"),
    Privilege.EDIT_OWN: (*_READ, "write-content", "bind", "unbind"),
    Privilege.WRITE: (*_READ, "write", "write-properties", "write-content", "bind", "unbind"),
    Privilege.MANAGE: (
        *_READ, "read-acl", "write", "write-properties", "write-content", "bind", "unbind",
    ),
}  # fmt: skip

_ON_READ_ONLY_BOOK = {
    **dict.fromkeys(Privilege, _READ),
    Privilege.MANAGE: (*_READ, "read-acl", "write-properties"),
}


def privilege_names(privilege: Privilege, *, read_only: bool = False) -> tuple[str, ...]:
    """The local names of what a privilege allows on a book."""
    return (_ON_READ_ONLY_BOOK if read_only else _ON_BOOK)[privilege]


def _privilege_set(names: tuple[str, ...]) -> str:
    return "".join(f"<D:privilege><D:{name}/></D:privilege>" for name in names)


_BOOK_SETS = {privilege: _privilege_set(names) for privilege, names in _ON_BOOK.items()}
_READ_ONLY_BOOK_SETS = {
    privilege: _privilege_set(names) for privilege, names in _ON_READ_ONLY_BOOK.items()
}
_READ_SET = _privilege_set(_READ)
_EDITABLE_CARD_SET = _privilege_set((*_READ, "write-content"))
_HOME_SET = _BOOK_SETS[Privilege.MANAGE]


def reading_privileges() -> str:
    """The privilege set on the root and on other principals: read only."""
    return _READ_SET


def home_privileges() -> str:
    """The privilege set of a member on their own home, where they may make and delete books."""
    return _HOME_SET


def book_privileges(access: BookAccess) -> str:
    """The privilege set of a member on a book."""
    return (_READ_ONLY_BOOK_SETS if access.read_only else _BOOK_SETS)[access.privilege]


def card_privileges(access: BookAccess, creator_id: int | None) -> str:
    """The privilege set of a member on a card that ``creator_id`` has added."""
    return _EDITABLE_CARD_SET if may_edit(access, creator_id) else _READ_SET
