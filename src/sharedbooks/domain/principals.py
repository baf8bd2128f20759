"""Users, groups and who is in which group."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from sharedbooks.db.schema import ORGANISATION_ID, address_books, memberships, principals
from sharedbooks.db.types import json_text, now, read_json
from sharedbooks.errors import Conflict, NotFound
from sharedbooks.identifiers import (
    MAX_NAME_LENGTH,
    GranteeKind,
    GranteeReference,
    parse_principal_name,
)


class PrincipalKind(StrEnum):
    """What a principal is; the organisation is one that owns books and is never listed."""

    ORGANISATION = "organisation"
    USER = "user"
    GROUP = "group"


LOCAL = "local"
"""The ``source`` of principals made here and not by a directory."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A user or group.

    ``source`` is "local" or the name of a directory, ``source_id`` the stable id there and ``dn``
    the name; ``barred`` says why the directory keeps them out, since ``barred_at``. ``enabled``
    is whether neither the directory nor an administrator here does. Moments are microseconds since
    1970, UTC.
    """

    id: int
    kind: PrincipalKind
    name: str
    display_name: str
    email: str
    enabled: bool
    source: str
    source_id: str | None
    properties: dict[str, str]
    created_at: int
    first_login_at: int | None
    dn: str | None
    barred: str | None
    barred_at: int | None

    @property
    def is_local(self) -> bool:
        """Whether it was made here, and not by a directory."""
        return self.source == LOCAL


_COLUMNS: tuple[Any, ...] = (
    principals.c.id,
    principals.c.kind,
    principals.c.name,
    principals.c.display_name,
    principals.c.email,
    principals.c.enabled,
    principals.c.source,
    principals.c.source_id,
    json_text(principals.c.properties),
    principals.c.created_at,
    principals.c.first_login_at,
    principals.c.dn,
    principals.c.barred,
    principals.c.barred_at,
)

_BY_NAME = select(*_COLUMNS).where(
    principals.c.kind == bindparam("kind"), principals.c.name == bindparam("name")
)


def principal_from_row(row: Any) -> Principal:
    """Return the principal in a row that begins with the columns of ``principal_columns``."""
    (
        principal_id, kind, name, display_name, email, enabled, source, source_id, properties,
        created_at, first_login_at, dn, barred, barred_at,
    ) = row[: len(_COLUMNS)]  # fmt: skip
    return Principal(
        id=principal_id,
        kind=PrincipalKind(kind),
        name=name,
        display_name=display_name,
        email=email,
        enabled=bool(enabled) and barred is None,
        source=source,
        source_id=source_id,
        properties=read_json(properties),
        created_at=created_at,
        first_login_at=first_login_at,
        dn=dn,
        barred=barred,
        barred_at=barred_at,
    )


def principal_columns() -> tuple[Any, ...]:
    """The columns, in order, that ``principal_from_row`` reads."""
    return _COLUMNS


def find_principal(connection: Connection, kind: PrincipalKind, name: str) -> Principal | None:
    """Return the principal of that kind and exact name, or None."""
    row = connection.execute(_BY_NAME, {"kind": kind.value, "name": name}).first()
    return None if row is None else principal_from_row(row)


def get_user(connection: Connection, name: str) -> Principal:
    """Return the user called ``name``.

    Raises:
        NotFound: there is none.
    """
    user = find_principal(connection, PrincipalKind.USER, name)
    if user is None:
        raise NotFound(f"There is no user {name!r}.")
    return user


def get_group(connection: Connection, name: str) -> Principal:
    """Return the group called ``name``.

    Raises:
        NotFound: there is none.
    """
    group = find_principal(connection, PrincipalKind.GROUP, name)
    if group is None:
        raise NotFound(f"There is no group {name!r}.")
    return group


def get_grantee(connection: Connection, reference: GranteeReference) -> Principal:
    """Return the user or group that ``reference`` names.

    Raises:
        NotFound: there is none.
    """
    if reference.kind is GranteeKind.USER:
        return get_user(connection, reference.name)
    return get_group(connection, reference.name)


def list_principals(connection: Connection, kind: PrincipalKind) -> list[Principal]:
    """Return all users, or all groups, by name."""
    statement = select(*_COLUMNS).where(principals.c.kind == kind.value).order_by(principals.c.name)
    return [principal_from_row(row) for row in connection.execute(statement)]


def add_principal(
    connection: Connection,
    kind: PrincipalKind,
    name: str,
    *,
    display_name: str = "",
    email: str = "",
) -> Principal:
    """Make a local user or group and return it; without a display name it shows its name.

    Raises:
        InvalidName: the name is unsafe in a URL.
        Conflict: the name is taken.
    """
    safe = parse_principal_name(name)
    values: dict[str, Any] = {
        "kind": kind.value,
        "name": safe,
        "display_name": (display_name or safe)[:MAX_NAME_LENGTH],
        "email": email,
        "enabled": True,
        "source": LOCAL,
        "properties": {},
        "created_at": now(),
    }
    try:
        with connection.begin_nested():
            connection.execute(insert(principals).values(values))
    except IntegrityError as error:
        raise Conflict(f"There is already a {kind} {safe!r}.") from error
    made = find_principal(connection, kind, safe)
    assert made is not None  # noqa: S101 - just inserted in this transaction
    return made


def set_enabled(connection: Connection, user: Principal, *, enabled: bool) -> None:
    """Let ``user`` log in, or refuse every login of theirs from now on."""
    connection.execute(update(principals).where(principals.c.id == user.id).values(enabled=enabled))


def set_properties(connection: Connection, user_id: int, properties: dict[str, str]) -> None:
    """Replace the dead WebDAV properties of a user's home (Clark name to XML text)."""
    connection.execute(
        update(principals).where(principals.c.id == user_id).values(properties=properties)
    )


def lock_principal(connection: Connection, principal_id: int) -> None:
    """Make other transactions that change what is this principal's wait until this one ends."""
    # On PostgreSQL rows that only refer to the principal (a card by its creator) need not wait.
    connection.execute(
        select(principals.c.id)
        .where(principals.c.id == principal_id)
        .with_for_update(key_share=True)
    )


def delete_principal(connection: Connection, principal: Principal) -> int:
    """Delete a user or group; return how many of the user's own books went to the trash with them.

    Grants, memberships, credentials and mounts go with the principal. Books of the organisation
    stay; history keeps the name.
    """
    lock_principal(connection, principal.id)
    moment = now()
    trashed = connection.execute(
        update(address_books)
        .where(address_books.c.owner_id == principal.id, address_books.c.deletion == 0)
        .values(deleted_at=moment, deletion=address_books.c.id)
    ).rowcount
    connection.execute(
        update(address_books)
        .where(address_books.c.owner_id == principal.id)
        .values(
            owner_id=ORGANISATION_ID,
            # A name no living book can have, so that the owner can still be told.
            name=func.substr(principal.name + "/" + address_books.c.name, 1, MAX_NAME_LENGTH),
        )
    )
    connection.execute(delete(principals).where(principals.c.id == principal.id))
    return trashed


def add_member(connection: Connection, group: Principal, user: Principal) -> bool:
    """Put ``user`` into ``group``; return False if they were in it before.

    Raises:
        Conflict: a directory says who is in the group.
    """
    _require_local(group)
    lock_principal(connection, user.id)
    already = select(
        exists().where(memberships.c.group_id == group.id, memberships.c.member_id == user.id)
    )
    if connection.execute(already).scalar():
        return False
    connection.execute(insert(memberships).values(group_id=group.id, member_id=user.id))
    return True


def remove_member(connection: Connection, group: Principal, user: Principal) -> None:
    """Take ``user`` out of ``group``.

    Raises:
        NotFound: they are not in it.
        Conflict: a directory says who is in the group.
    """
    _require_local(group)
    gone = connection.execute(
        delete(memberships).where(
            memberships.c.group_id == group.id, memberships.c.member_id == user.id
        )
    ).rowcount
    if not gone:
        raise NotFound(f"User {user.name!r} is not in group {group.name!r}.")


def _require_local(group: Principal) -> None:
    if not group.is_local:
        raise Conflict(
            f"The directory {group.source} says who is in group {group.name!r}; change it there."
        )


def list_members(connection: Connection, group: Principal) -> Sequence[Principal]:
    """Return the users in ``group`` by name."""
    return _joined(
        connection,
        select(*_COLUMNS)
        .join(memberships, memberships.c.member_id == principals.c.id)
        .where(memberships.c.group_id == group.id),
    )


def list_groups_of(connection: Connection, user: Principal) -> Sequence[Principal]:
    """Return the groups ``user`` is in by name."""
    return _joined(
        connection,
        select(*_COLUMNS)
        .join(memberships, memberships.c.group_id == principals.c.id)
        .where(memberships.c.member_id == user.id),
    )


def _joined(connection: Connection, statement: Select[Any]) -> list[Principal]:
    rows = connection.execute(statement.order_by(principals.c.name))
    return [principal_from_row(row) for row in rows]
