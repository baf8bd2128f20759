"""A book as one member sees it: under the name it has in their home, with what they may do."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, select

from sharedbooks.db.prepared import Parameters, Prepared
from sharedbooks.db.schema import ORGANISATION_ID, address_books, mounts, principals
from sharedbooks.db.types import json_text, read_json
from sharedbooks.domain.books import lock_book
from sharedbooks.domain.grants import effective_privilege
from sharedbooks.domain.privileges import Privilege, cap
from sharedbooks.errors import NotFound
from sharedbooks.watching.metrics import LOCK_WAITS


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


OWNERS = principals.alias("owners")


def access_columns(user: ColumnElement[int]) -> tuple[ColumnElement[Any], ...]:
    """Return what ``access_from_row`` needs of ``address_books``, ``mounts`` and ``OWNERS``."""
    return (
        address_books.c.id,
        address_books.c.owner_id,
        OWNERS.c.name,
        OWNERS.c.display_name,
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


def select_access(*more: ColumnElement[Any]) -> Select[Any]:
    """Return a statement for the book bound as ``name`` in the home of the user ``user_id``.

    Args:
        more: columns to come after those that ``access_from_row`` needs.
    """
    user: ColumnElement[int] = bindparam("user_id")
    return (
        select(*access_columns(user), *more)
        .join(mounts, mounts.c.book_id == address_books.c.id)
        .join(OWNERS, OWNERS.c.id == address_books.c.owner_id)
        .where(
            mounts.c.principal_id == user,
            mounts.c.name == bindparam("name"),
            address_books.c.deletion == 0,
        )
    )


def beside_user(statement: Select[Any]) -> Select[Any]:
    """Return a statement on ``principals`` with, at the end of each row, a book of that user.

    It is the one in their home of the name that is bound as ``book_name``, for ``access_beside``.
    """
    return (
        statement.add_columns(*access_columns(principals.c.id))
        .outerjoin(
            mounts,
            (mounts.c.principal_id == principals.c.id) & (mounts.c.name == bindparam("book_name")),
        )
        .outerjoin(
            address_books,
            (address_books.c.id == mounts.c.book_id) & (address_books.c.deletion == 0),
        )
        .outerjoin(OWNERS, OWNERS.c.id == address_books.c.owner_id)
    )


def access_beside(user_id: int, row: tuple[Any, ...]) -> BookAccess | None:
    """Return the book at the end of a row of ``beside_user`` if the user may see it, or None."""
    columns = row[-_WIDTH:]
    return access_from_row(user_id, columns) if columns[_ID] and columns[_PRIVILEGE] else None


_WIDTH = len(access_columns(bindparam("user_id")))
_ID, NAME, _PRIVILEGE = 0, 4, 11
"""Where these are in ``access_columns``."""

_BY_NAME = Prepared(select_access())
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


@lru_cache(maxsize=2048)
def access_from_row(user_id: int, row: tuple[Any, ...]) -> BookAccess:
    """Return the book in a row of ``access_columns``, in which it has a name and a privilege."""
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
    return None if row is None or row[_PRIVILEGE] is None else access_from_row(user_id, row)


def get_book(connection: Connection, user_id: int, name: str) -> BookAccess:
    """Return the book at ``/<user>/<name>/``.

    Raises:
        NotFound: there is none, or none that the user may see.
    """
    access = find_book(connection, user_id, name)
    if access is None:
        raise _no_book(name)
    return access


def _no_book(name: str) -> NotFound:
    return NotFound(f"There is no address book {name!r} here.")


def open_for_writing(connection: Connection, user_id: int, name: str) -> BookAccess:
    """Return the book at ``/<user>/<name>/``, locked until the transaction ends.

    The privilege is the one that holds once the lock is there: a revocation that another
    transaction committed while this one waited counts.

    Raises:
        NotFound: there is none, or none that the user may see.
    """
    return open_with(connection, user_id, name, _BY_NAME, {})[0]


def open_with(
    connection: Connection, user_id: int, name: str, statement: Prepared, parameters: Parameters
) -> tuple[BookAccess, Sequence[Any]]:
    """Do what ``open_for_writing`` does, and return what else is read once the lock is there.

    Args:
        connection: a write transaction.
        user_id: the user.
        name: the book's in the home of the user.
        statement: one made with ``select_access``.
        parameters: those of ``statement`` that are not the book's.

    Raises:
        NotFound: there is no such book, or none that the user may see.
    """
    where = {"user_id": user_id, "name": name}
    started = time.monotonic()
    if connection.dialect.name == "postgresql":
        _LOCK_BY_NAME.run(connection, where)
    elif connection.dialect.name != "sqlite":
        # A write transaction of SQLite excludes every other one from its first statement.
        lock_book(connection, get_book(connection, user_id, name).book_id)
    row = statement.first(connection, {**where, **parameters})
    if connection.dialect.name == "postgresql":
        LOCK_WAITS.observe(time.monotonic() - started)
    if row is None or row[_PRIVILEGE] is None:
        raise _no_book(name)
    return access_from_row(user_id, row[:_WIDTH]), row[_WIDTH:]
