"""Homes: where a member finds their own books and every book granted to them.

A granted book is mounted in the member's home under a name that stays the same for as long as the
home exists, also over a revocation and a new grant. The mount is made when the member first looks,
so that granting a book to a group of thousands writes one row.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    true,
    update,
)

from sharedbooks.db.pipelines import pipelined
from sharedbooks.db.prepared import Prepared
from sharedbooks.db.schema import ORGANISATION_ID, address_books, mounts, principals
from sharedbooks.db.types import json_text, now, read_json
from sharedbooks.domain.at_once import AtOnce
from sharedbooks.domain.books import add_book, delete_book, get_book_by_id, lock_book, set_book
from sharedbooks.domain.grants import effective_privilege, granted_books
from sharedbooks.domain.principals import Principal, lock_principal
from sharedbooks.domain.privileges import Privilege, cap
from sharedbooks.errors import AccessDenied, Conflict, NotFound
from sharedbooks.identifiers import MAX_NAME_LENGTH, BookReference, parse_resource_name
from sharedbooks.watching.metrics import LOCK_WAITS

_OWN_POSITION = 0
_SHARED_POSITION = 100
"""Own books come first in a listing: macOS shows only the first book of an account."""


@dataclass(frozen=True, slots=True)
class BookAccess:
    """A book as one member sees it, and what they may do with it.

    ``name`` is its path segment in the member's home; ``display_name``, ``description`` and
    ``properties`` are the member's own where they set any. ``user_id`` is the member.
    ``privilege`` is what is left of a grant if the book is ``read_only``: nobody then adds,
    changes or deletes cards, whatever they were granted, the owner included.
    ``check_policy`` is the book's ``book_checks.Policy``.
    """

    user_id: int
    book_id: int
    owner_id: int
    owner: str | None
    owner_display_name: str
    name: str
    display_name: str
    description: str
    properties: dict[str, str]
    own_properties: dict[str, str] = field(repr=False)
    privilege: Privilege
    sync_key: str
    revision: int
    created_at: int
    changed_at: int
    read_only: bool
    check_policy: str

    @property
    def owned(self) -> bool:
        """True if the book belongs to this member."""
        return self.owner_id == self.user_id


_OWNERS = principals.alias("owners")


def _access_columns(user: ColumnElement[int]) -> tuple[ColumnElement[Any], ...]:
    return (
        address_books.c.id,
        address_books.c.owner_id,
        _OWNERS.c.name,
        _OWNERS.c.display_name,
        mounts.c.name,
        address_books.c.display_name,
        mounts.c.display_name,
        address_books.c.description,
        mounts.c.description,
        json_text(address_books.c.properties),
        json_text(mounts.c.properties),
        effective_privilege(user),
        address_books.c.sync_key,
        address_books.c.revision,
        address_books.c.created_at,
        address_books.c.changed_at,
        address_books.c.read_only,
        address_books.c.check_policy,
    )


def _select_access() -> Select[Any]:
    user: ColumnElement[int] = bindparam("user_id")
    return (
        select(*_access_columns(user))
        .join(mounts, mounts.c.book_id == address_books.c.id)
        .join(_OWNERS, _OWNERS.c.id == address_books.c.owner_id)
        .where(mounts.c.principal_id == user, address_books.c.deletion == 0)
    )


def beside_user(statement: Select[Any]) -> Select[Any]:
    """Return a statement on ``principals`` with, at the end of each row, a book of that user.

    It is the one in their home of the name that is bound as ``book_name``, for ``access_beside``.
    """
    return (
        statement.add_columns(*_access_columns(principals.c.id))
        .outerjoin(
            mounts,
            (mounts.c.principal_id == principals.c.id) & (mounts.c.name == bindparam("book_name")),
        )
        .outerjoin(
            address_books,
            (address_books.c.id == mounts.c.book_id) & (address_books.c.deletion == 0),
        )
        .outerjoin(_OWNERS, _OWNERS.c.id == address_books.c.owner_id)
    )


def access_beside(user_id: int, row: tuple[Any, ...]) -> BookAccess | None:
    """Return the book at the end of a row of ``beside_user`` if the user may see it, or None."""
    columns = row[-_WIDTH:]
    return _access(user_id, columns) if columns[_ID] and columns[_PRIVILEGE] else None


_WIDTH = len(_access_columns(bindparam("user_id")))
_ID, _NAME, _PRIVILEGE = 0, 4, 11


_BY_NAME = Prepared(_select_access().where(mounts.c.name == bindparam("name")))
_LOCK_BY_NAME = Prepared(
    select(address_books.c.id)
    .join(mounts, mounts.c.book_id == address_books.c.id)
    .where(
        mounts.c.principal_id == bindparam("user_id"),
        mounts.c.name == bindparam("name"),
        address_books.c.deletion == 0,
    )
    .with_for_update(of=address_books, key_share=True)
)
# A book without a place in the home has no name there.
_LISTED_OR_UNMOUNTED = Prepared(
    select(*_access_columns(bindparam("user_id")))
    .outerjoin(
        mounts,
        (mounts.c.book_id == address_books.c.id) & (mounts.c.principal_id == bindparam("user_id")),
    )
    .join(_OWNERS, _OWNERS.c.id == address_books.c.owner_id)
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


@lru_cache(maxsize=2048)
def _access(user_id: int, row: tuple[Any, ...]) -> BookAccess:
    # Between two polls of a book nothing of its row has changed.
    (
        book_id, owner_id, owner, owner_shown, name,
        shown, own_shown, description, own_description, properties, own_properties,
        privilege, sync_key, revision, created_at, changed_at, read_only,
        check_policy,
    ) = row  # fmt: skip
    shared_properties, mine = read_json(properties), read_json(own_properties)
    if owner_id == ORGANISATION_ID:
        owner = None
    elif owner_id != user_id:
        # Ten colleagues may each share their "Contacts".
        shown = f"{shown} ({owner_shown})"
    return BookAccess(
        user_id=user_id,
        book_id=book_id,
        owner_id=owner_id,
        owner=owner,
        owner_display_name=owner_shown,
        name=name,
        display_name=shown if own_shown is None else own_shown,
        description=description if own_description is None else own_description,
        properties={**shared_properties, **mine},
        own_properties=mine,
        privilege=cap(Privilege(privilege), read_only=bool(read_only)),
        sync_key=sync_key,
        revision=revision,
        created_at=created_at,
        changed_at=changed_at,
        read_only=bool(read_only),
        check_policy=check_policy,
    )


def find_book(connection: Connection, user_id: int, name: str) -> BookAccess | None:
    """Return the book at ``/<user>/<name>/`` if the user may see it, or None."""
    row = _BY_NAME.first(connection, {"user_id": user_id, "name": name})
    if row is None or row[_PRIVILEGE] is None:
        return None
    return _access(user_id, row)


def get_book(connection: Connection, user_id: int, name: str) -> BookAccess:
    """Return the book at ``/<user>/<name>/``.

    Raises:
        NotFound: there is none, or none that the user may see.
    """
    access = find_book(connection, user_id, name)
    if access is None:
        raise NotFound(f"There is no address book {name!r} here.")
    return access


def open_for_writing(connection: Connection, user_id: int, name: str) -> BookAccess:
    """Return the book at ``/<user>/<name>/``, locked until the transaction ends.

    The privilege is the one that holds once the lock is there: a revocation that another
    transaction committed while this one waited counts.

    Raises:
        NotFound: there is none, or none that the user may see.
    """
    if connection.dialect.name == "postgresql":
        started = time.monotonic()
        with pipelined(connection):
            _LOCK_BY_NAME.run(connection, {"user_id": user_id, "name": name})
            access = get_book(connection, user_id, name)
        LOCK_WAITS.observe(time.monotonic() - started)
        return access
    access = get_book(connection, user_id, name)
    if connection.dialect.name == "sqlite":
        # A write transaction excludes every other one from its first statement.
        return access
    lock_book(connection, access.book_id)
    return get_book(connection, user_id, name)


def list_home(connection: Connection, user_id: int) -> list[BookAccess]:
    """Return the books a user sees in their home, their own first."""
    rows = _LISTED_OR_UNMOUNTED.all(connection, {"user_id": user_id})
    return [_access(user_id, row) for row in rows if row[_NAME] is not None]


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
    if any(row[_NAME] is None for row in rows):
        raise NotFound("A book was granted and has no place in the home yet.")
    return [_access(user_id, row) for row in rows]


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
