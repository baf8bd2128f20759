"""Homes: where a member finds their own books and every book granted to them.

A granted book is mounted in the member's home under a name that stays the same for as long as the
home exists, also over a revocation and a new grant. The mount is made when the member first looks,
so that granting a book to a group of thousands writes one row.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    true,
    update,
)

from sharedbooks.db.prepared import Prepared
from sharedbooks.db.schema import ORGANISATION_ID, address_books, mounts, principals
from sharedbooks.db.types import now
from sharedbooks.domain.at_once import AtOnce
from sharedbooks.domain.book_access import (
    NAME,
    OWNERS,
    BookAccess,
    access_columns,
    access_from_row,
    find_book,
    get_book,
)
from sharedbooks.domain.books import add_book, delete_book, get_book_by_id, set_book
from sharedbooks.domain.grants import granted_books
from sharedbooks.domain.principals import Principal, lock_principal
from sharedbooks.domain.privileges import Privilege
from sharedbooks.errors import AccessDenied, Conflict, NotFound
from sharedbooks.identifiers import MAX_NAME_LENGTH, BookReference, parse_resource_name

_OWN_POSITION = 0
_SHARED_POSITION = 100
"""Own books come first in a listing: macOS shows only the first book of an account."""

# A book without a place in the home has no name there.
_LISTED_OR_UNMOUNTED = Prepared(
    select(*access_columns(bindparam("user_id")))
    .outerjoin(
        mounts,
        (mounts.c.book_id == address_books.c.id) & (mounts.c.principal_id == bindparam("user_id")),
    )
    .join(OWNERS, OWNERS.c.id == address_books.c.owner_id)
    .where(granted_books(), address_books.c.deletion == 0, mounts.c.hidden.is_not(true()))
    .order_by(mounts.c.position, mounts.c.name)
)
_UNMOUNTED = (
    select(address_books.c.id, address_books.c.owner_id, address_books.c.name, principals.c.name)
    .join(principals, principals.c.id == address_books.c.owner_id)
    .where(
        granted_books(),
        address_books.c.deletion == 0,
        ~select(literal_column("1"))
        .where(
            mounts.c.principal_id == bindparam("user_id"), mounts.c.book_id == address_books.c.id
        )
        .exists(),
    )
    .order_by(address_books.c.id)
)


def list_home(connection: Connection, user_id: int) -> list[BookAccess]:
    """Return the books a user sees in their home, their own first."""
    rows = _LISTED_OR_UNMOUNTED.all(connection, {"user_id": user_id})
    return [access_from_row(user_id, row) for row in rows if row[NAME] is not None]


def list_complete_home(connection: Connection, user_id: int) -> list[BookAccess]:
    """Return what ``list_home`` does; ``connection`` may be one for reading at once.

    Raises:
        NotFound: a book was granted and has no place in the home yet.
        MoreWanted: it could not be read at once.
    """
    where = {"user_id": user_id}
    if isinstance(connection, AtOnce):
        rows = connection.rows(_LISTED_OR_UNMOUNTED, where)
    else:
        rows = _LISTED_OR_UNMOUNTED.all(connection, where)
    if any(row[NAME] is None for row in rows):
        raise NotFound("A book was granted and has no place in the home yet.")
    return [access_from_row(user_id, row) for row in rows]


def is_complete(connection: Connection, user: Principal) -> bool:
    """True if the home was opened and shows every book granted to the user."""
    if user.first_login_at is None:
        return False
    return connection.execute(_UNMOUNTED.limit(1), {"user_id": user.id}).first() is None


def complete_home(
    connection: Connection, user: Principal, *, personal_name: str, personal_display_name: str
) -> None:
    """Make what the home lacks: the personal book at the first login, mounts for granted books."""
    lock_principal(connection, user.id)
    claimed = connection.execute(
        update(principals)
        .where(principals.c.id == user.id, principals.c.first_login_at.is_(None))
        .values(first_login_at=now())
    ).rowcount
    if claimed:
        with suppress(Conflict):  # made before, by the administrator
            add_own_book(connection, user, personal_name, display_name=personal_display_name)
    missing = connection.execute(_UNMOUNTED, {"user_id": user.id}).all()
    for book_id, owner_id, book_name, owner in missing:
        shared_by_user = owner_id not in {ORGANISATION_ID, user.id}
        wanted = f"{book_name}-{owner}" if shared_by_user else book_name
        position = _OWN_POSITION if owner_id == user.id else _SHARED_POSITION
        _mount(connection, user.id, book_id, _free_name(connection, user.id, wanted), position)


def add_own_book(
    connection: Connection,
    user: Principal,
    name: str,
    *,
    display_name: str = "",
    description: str = "",
    properties: dict[str, str] | None = None,
) -> BookAccess:
    """Make a book that ``user`` owns, at ``/<user>/<name>/``, and return it.

    Raises:
        InvalidName: the name is unsafe.
        Conflict: the home has something of that name.
    """
    safe = parse_resource_name(name)
    lock_principal(connection, user.id)
    if find_book(connection, user.id, safe) is not None:
        raise Conflict(f"There is already an address book {safe!r} here.")
    # Left over from a book that was revoked or deleted; its place is wanted now.
    connection.execute(
        delete(mounts).where(mounts.c.principal_id == user.id, mounts.c.name == safe)
    )
    book = add_book(
        connection,
        BookReference(user.name, safe),
        display_name=display_name,
        description=description,
        properties=properties,
    )
    _mount(connection, user.id, book.id, safe, _OWN_POSITION)
    return get_book(connection, user.id, safe)


def describe_book(
    connection: Connection,
    access: BookAccess,
    *,
    display_name: str | None,
    description: str | None,
    properties: dict[str, str | None],
) -> None:
    """Change how a book presents itself: for everyone if the member manages it, else for them.

    None leaves a text as it is; in ``properties`` None removes one. What a manager gives replaces
    what they may have set for themselves.
    """
    own = access.own_properties
    if access.privilege >= Privilege.MANAGE:
        set_book(
            connection,
            access.book_id,
            display_name=display_name,
            description=description,
            properties=_merge(get_book_by_id(connection, access.book_id).properties, properties),
        )
        overlay: dict[str, Any] = {"properties": _merge(own, dict.fromkeys(properties))}
        if display_name is not None:
            overlay["display_name"] = None
        if description is not None:
            overlay["description"] = None
    else:
        overlay = {"properties": _merge(own, properties)}
        if display_name is not None:
            overlay["display_name"] = display_name[:MAX_NAME_LENGTH]
        if description is not None:
            overlay["description"] = description
    connection.execute(
        update(mounts)
        .where(mounts.c.principal_id == access.user_id, mounts.c.book_id == access.book_id)
        .values(overlay)
    )


def _merge(properties: dict[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    merged = {**properties, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def delete_own_book(connection: Connection, access: BookAccess) -> None:
    """Put a member's own book into the trash.

    Raises:
        AccessDenied: the book belongs to somebody else; the administrator may delete it.
    """
    if not access.owned:
        raise AccessDenied(
            "A shared address book is deleted by the administrator only.", privileges=["unbind"]
        )
    delete_book(connection, access.book_id)


def _mount(connection: Connection, user_id: int, book_id: int, name: str, position: int) -> None:
    connection.execute(
        insert(mounts).values(
            principal_id=user_id,
            book_id=book_id,
            name=name,
            hidden=False,
            position=position,
            properties={},
        )
    )


def _free_name(connection: Connection, user_id: int, wanted: str) -> str:
    """Return ``wanted``, or the first of ``wanted-2``, ``wanted-3`` … that the home has free."""
    taken = set(
        connection.execute(select(mounts.c.name).where(mounts.c.principal_id == user_id)).scalars()
    )
    candidate = wanted[:MAX_NAME_LENGTH]
    number = 1
    while candidate in taken:
        number += 1
        ending = f"-{number}"
        candidate = wanted[: MAX_NAME_LENGTH - len(ending)] + ending
    return candidate
