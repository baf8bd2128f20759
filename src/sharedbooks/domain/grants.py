"""Who may do what on a book, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    select,
    union_all,
    update,
)

from sharedbooks.db.schema import (
    ORGANISATION_ID,
    address_books,
    grants,
    memberships,
    principals,
)
from sharedbooks.db.types import now
from sharedbooks.domain.books import Book
from sharedbooks.domain.principals import Principal, PrincipalKind, lock_principal
from sharedbooks.domain.privileges import Privilege
from sharedbooks.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class Grant:
    """One privilege on one book for one user or group; ``granted_at`` as all moments."""

    grantee_kind: PrincipalKind
    grantee: str
    privilege: Privilege
    granted_at: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a user has a privilege: a sentence part such as ``granted to group sales``."""

    privilege: Privilege
    text: str


def effective_privilege(user: ColumnElement[int]) -> ColumnElement[int | None]:
    """The strongest privilege of a user on the row's book, as SQL; null for a stranger.

    To be selected beside ``address_books``; ``user`` is the user's id, a parameter or a column of
    ``principals``. Ownership gives MANAGE, grants count whether to the user or to a group of
    theirs.
    """
    # Without the word for it, SQLAlchemy would look for groups of every principal.
    groups = (
        select(memberships.c.group_id).where(memberships.c.member_id == user).correlate(principals)
    )
    # One list of grantees: with an "or" PostgreSQL reads all grants of the book.
    grantees = union_all(select(user).correlate(principals), groups)
    granted = (
        select(func.max(grants.c.privilege))
        .where(grants.c.book_id == address_books.c.id, grants.c.principal_id.in_(grantees))
        .correlate(address_books, principals)
        .scalar_subquery()
    )
    return case((address_books.c.owner_id == user, literal(int(Privilege.MANAGE))), else_=granted)


def granted_books(user_id: str = "user_id") -> ColumnElement[bool]:
    """The books a user owns or was granted, as an SQL condition on ``address_books``."""
    user: ColumnElement[int] = bindparam(user_id)
    owned = address_books.alias("owned")
    # Put together with OR, these would have every database read all books and all grants.
    visible = union_all(
        select(owned.c.id).where(owned.c.owner_id == user),
        select(grants.c.book_id).where(grants.c.principal_id == user),
        select(grants.c.book_id)
        .join(memberships, memberships.c.group_id == grants.c.principal_id)
        .where(memberships.c.member_id == user),
    ).subquery("visible")
    return address_books.c.id.in_(select(visible.c.id))


def set_grant(
    connection: Connection, book: Book, grantee: Principal, privilege: Privilege
) -> Privilege | None:
    """Give ``grantee`` that privilege on ``book``; return the one they had before, if any.

    Raises:
        Conflict: the grantee owns the book and needs no grant.
    """
    if grantee.id == book.owner_id:
        raise Conflict(f"User {grantee.name!r} owns the address book {str(book.reference)!r}.")
    lock_principal(connection, grantee.id)
    here = (grants.c.book_id == book.id) & (grants.c.principal_id == grantee.id)
    before = connection.execute(select(grants.c.privilege).where(here)).scalar()
    values = {"privilege": int(privilege), "granted_at": now()}
    if before is None:
        connection.execute(
            insert(grants).values(book_id=book.id, principal_id=grantee.id, **values)
        )
        return None
    if before != privilege:
        connection.execute(update(grants).where(here).values(values))
    return Privilege(before)


def remove_grant(connection: Connection, book: Book, grantee: Principal) -> None:
    """Take the grant of ``grantee`` on ``book`` back.

    Raises:
        NotFound: there is no such grant.
    """
    gone = connection.execute(
        delete(grants).where(grants.c.book_id == book.id, grants.c.principal_id == grantee.id)
    ).rowcount
    if not gone:
        raise NotFound(
            f"There is no grant on {str(book.reference)!r} for {grantee.kind}:{grantee.name}."
        )


def list_grants(connection: Connection, book: Book) -> list[Grant]:
    """Return the grants on ``book``: groups first, then users, by name."""
    rows = connection.execute(
        select(principals.c.kind, principals.c.name, grants.c.privilege, grants.c.granted_at)
        .join(principals, principals.c.id == grants.c.principal_id)
        .where(grants.c.book_id == book.id)
        .order_by(principals.c.kind, principals.c.name)
    )
    return [
        Grant(PrincipalKind(kind), name, Privilege(privilege), granted_at)
        for kind, name, privilege, granted_at in rows
    ]


def explain(connection: Connection, user: Principal, book: Book) -> Sequence[Reason]:
    """Return every reason why ``user`` may use ``book``, the strongest first."""
    reasons = []
    if book.owner_id == user.id:
        reasons.append(Reason(Privilege.MANAGE, "owns the book"))
    groups = select(memberships.c.group_id).where(memberships.c.member_id == user.id)
    rows = connection.execute(
        select(principals.c.kind, principals.c.name, grants.c.privilege)
        .join(principals, principals.c.id == grants.c.principal_id)
        .where(
            grants.c.book_id == book.id,
            (grants.c.principal_id == user.id) | grants.c.principal_id.in_(groups),
        )
        .order_by(grants.c.privilege.desc(), principals.c.kind, principals.c.name)
    )
    for kind, name, privilege in rows:
        to = "the user" if kind == PrincipalKind.USER.value else f"group {name}"
        reasons.append(Reason(Privilege(privilege), f"granted to {to}"))
    return reasons


def grants_to(connection: Connection, principal_ids: Sequence[int]) -> Sequence[tuple[Any, ...]]:
    """Return what has been granted to any of some principals, by book.

    Each row is the book's name, the name of the user who owns it (None for the organisation), the
    number of the privilege, and kind and name of the grantee.
    """
    owner = principals.alias("owner")
    rows = connection.execute(
        select(
            address_books.c.name,
            case((address_books.c.owner_id != ORGANISATION_ID, owner.c.name)),
            grants.c.privilege,
            principals.c.kind,
            principals.c.name,
        )
        .join(address_books, address_books.c.id == grants.c.book_id)
        .join(owner, owner.c.id == address_books.c.owner_id)
        .join(principals, principals.c.id == grants.c.principal_id)
        .where(grants.c.principal_id.in_(principal_ids), address_books.c.deletion == 0)
        .order_by(address_books.c.name, owner.c.name, principals.c.name)
    )
    return [tuple(row) for row in rows]
