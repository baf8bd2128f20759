"""Who may know whom.

A member knows themself, their groups and everybody in them, whose books they see, and to whom the
books they manage are granted. Everybody else is for them like a name that nobody has.

All of it is decided in SQL by one condition, so that nothing about a stranger is ever fetched.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, or_, select

from sharedbooks.db.schema import address_books, grants, memberships, principals
from sharedbooks.domain.grants import granted_books
from sharedbooks.domain.principals import (
    Principal,
    PrincipalKind,
    principal_columns,
    principal_from_row,
)
from sharedbooks.domain.privileges import Privilege


def _managed_books(user: ColumnElement[int]) -> ColumnElement[bool]:
    # MariaDB 10.11 gives wrong rows where effective_privilege stands below an IN (SELECT …).
    groups = select(memberships.c.group_id).where(memberships.c.member_id == user)
    granted = select(grants.c.book_id).where(
        grants.c.privilege >= int(Privilege.MANAGE),
        (grants.c.principal_id == user) | grants.c.principal_id.in_(groups),
    )
    return or_(address_books.c.owner_id == user, address_books.c.id.in_(granted))


def _known() -> ColumnElement[bool]:
    """The principals that the user bound as ``user_id`` may know, as a condition."""
    user: ColumnElement[int] = bindparam("user_id")
    own_groups = select(memberships.c.group_id).where(memberships.c.member_id == user)
    fellows = select(memberships.c.member_id).where(memberships.c.group_id.in_(own_groups))
    living = address_books.c.deletion == 0
    owners = select(address_books.c.owner_id).where(living, granted_books())
    managed = select(address_books.c.id).where(living, _managed_books(user))
    grantees = select(grants.c.principal_id).where(grants.c.book_id.in_(managed))
    return and_(
        # It owns books, and is nobody to meet.
        principals.c.kind != PrincipalKind.ORGANISATION.value,
        or_(
            principals.c.id == user,
            *(principals.c.id.in_(found) for found in (own_groups, fellows, owners, grantees)),
        ),
    )


_KNOWN = select(*principal_columns()).where(_known())
_BY_NAME = _KNOWN.where(
    principals.c.kind == bindparam("kind"), principals.c.name == bindparam("name")
)
_ALL = _KNOWN.order_by(principals.c.kind.desc(), principals.c.name)


def _pairs(one: Any, other: Any) -> Select[Any]:
    return (
        select(one, principals.c.name)
        .join(principals, principals.c.id == other)
        .where(one.in_(bindparam("ids", expanding=True)), _known())
        .order_by(principals.c.name)
    )


_GROUPS_OF = _pairs(memberships.c.member_id, memberships.c.group_id)
_MEMBERS_OF = _pairs(memberships.c.group_id, memberships.c.member_id)


def find_acquaintance(
    connection: Connection, user_id: int, kind: PrincipalKind, name: str
) -> Principal | None:
    """Return the principal of that kind and exact name if the user may know it, or None."""
    where = {"user_id": user_id, "kind": kind.value, "name": name}
    row = connection.execute(_BY_NAME, where).first()
    return None if row is None else principal_from_row(row)


def list_acquaintances(connection: Connection, user_id: int) -> list[Principal]:
    """Return every principal the user may know, users first, by name."""
    return [principal_from_row(row) for row in connection.execute(_ALL, {"user_id": user_id})]


def known_groups_of(
    connection: Connection, user_id: int, member_ids: Sequence[int]
) -> Mapping[int, Sequence[str]]:
    """Return for each member the names of those of their groups that the user may know."""
    return _grouped(connection, _GROUPS_OF, user_id, member_ids)


def known_members_of(
    connection: Connection, user_id: int, group_ids: Sequence[int]
) -> Mapping[int, Sequence[str]]:
    """Return for each group the names of those of its members that the user may know."""
    return _grouped(connection, _MEMBERS_OF, user_id, group_ids)


def _grouped(
    connection: Connection, statement: Select[Any], user_id: int, ids: Sequence[int]
) -> Mapping[int, Sequence[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    for one_id, name in connection.execute(statement, {"user_id": user_id, "ids": ids}):
        found[one_id].append(name)
    return found
