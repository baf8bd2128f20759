"""Who is in which group, as a directory says; groups made here are left alone."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Connection, and_, bindparam, delete, insert, select

from sharedbooks.db.schema import memberships, principals
from sharedbooks.domain.principals import Principal, PrincipalKind, lock_principal

_PAIRS = (
    # Users are told by their ids afterwards. Joined here too, they led PostgreSQL, as long as it
    # had not counted the rows of a first sync, to compare each group with everybody.
    select(principals.c.source_id, memberships.c.member_id)
    .join(memberships, memberships.c.group_id == principals.c.id)
    .where(
        principals.c.source == bindparam("source"),
        principals.c.kind == PrincipalKind.GROUP.value,
    )
    .order_by(memberships.c.group_id)
)
_GROUPS_OF = (
    select(principals.c.source_id, principals.c.id)
    .join(memberships, memberships.c.group_id == principals.c.id)
    .where(
        principals.c.source == bindparam("source"), memberships.c.member_id == bindparam("user_id")
    )
)
_KEYS = select(principals.c.source_id, principals.c.id).where(
    principals.c.source == bindparam("source"), principals.c.kind == bindparam("kind")
)

Pair = tuple[str, str]
"""Stable ids of a group and of a user in it."""


@dataclass(slots=True)
class MembershipPlan:
    """Memberships to write and to take away."""

    added: list[Pair] = field(default_factory=list)
    removed: list[Pair] = field(default_factory=list)


def plan_memberships(
    connection: Connection,
    source: str,
    groups: Collection[str],
    members_of: Callable[[str], Collection[str]],
) -> MembershipPlan:
    """Return what makes the members of every group of ``source`` those the directory names.

    Args:
        connection: reads the present memberships, group by group.
        source: the directory.
        groups: stable ids of the groups there are; any other of the directory gets empty.
        members_of: gives the stable ids of all users in a group, asked once for each.
    """
    plan = MembershipPlan()
    waiting = set(groups)
    users = {key: user for user, key in _keys(connection, source, PrincipalKind.USER).items()}
    for group, rows in groupby(connection.execute(_PAIRS, {"source": source}), itemgetter(0)):
        # Whoever is not of the directory is none of its business.
        present = {users[member] for _, member in rows if member in users}
        wanted = set(members_of(group)) if group in waiting else set()
        waiting.discard(group)
        plan.added += [(group, member) for member in sorted(wanted - present)]
        plan.removed += [(group, member) for member in sorted(present - wanted)]
    for group in sorted(waiting):
        plan.added += [(group, member) for member in sorted(members_of(group))]
    return plan


def write_memberships(connection: Connection, source: str, plan: MembershipPlan) -> None:
    """Write what ``plan`` says, of principals that are there by now."""
    if not plan.added and not plan.removed:
        return
    groups = _keys(connection, source, PrincipalKind.GROUP)
    users = _keys(connection, source, PrincipalKind.USER)
    if plan.removed:
        connection.execute(
            delete(memberships).where(
                and_(
                    memberships.c.group_id == bindparam("one_group"),
                    memberships.c.member_id == bindparam("one_member"),
                )
            ),
            [
                {"one_group": groups[group], "one_member": users[member]}
                for group, member in plan.removed
            ],
        )
    if plan.added:
        connection.execute(
            insert(memberships),
            [
                {"group_id": groups[group], "member_id": users[member]}
                for group, member in plan.added
            ],
        )


def groups_differ(connection: Connection, user: Principal, groups: Collection[str]) -> bool:
    """Whether ``user`` is not in exactly those groups of their directory, given by stable id."""
    added, removed = _difference(connection, user, groups)
    return bool(added or removed)


def refresh_memberships(connection: Connection, user: Principal, groups: Collection[str]) -> bool:
    """Put ``user`` into exactly those groups of their directory; return whether that is new.

    Args:
        connection: of a write transaction.
        user: a user of a directory.
        groups: stable ids; those of groups that are not known here are passed over.
    """
    if not groups_differ(connection, user, groups):
        return False
    lock_principal(connection, user.id)
    added, removed = _difference(connection, user, groups)
    if removed:
        connection.execute(
            delete(memberships).where(
                memberships.c.member_id == user.id, memberships.c.group_id.in_(removed)
            )
        )
    if added:
        connection.execute(
            insert(memberships), [{"group_id": key, "member_id": user.id} for key in added]
        )
    return bool(added or removed)


def _difference(
    connection: Connection, user: Principal, groups: Collection[str]
) -> tuple[list[int], list[int]]:
    """Return ids of the groups to enter and to leave."""
    where = {"source": user.source, "user_id": user.id}
    present = dict(connection.execute(_GROUPS_OF, where).all())
    wanted = set(groups)
    entering = connection.execute(
        _KEYS.where(principals.c.source_id.in_(bindparam("ids", expanding=True))),
        {
            "source": user.source,
            "kind": PrincipalKind.GROUP.value,
            "ids": sorted(wanted - present.keys()),
        },
    )
    return (
        [key for _, key in entering],
        [key for source_id, key in present.items() if source_id not in wanted],
    )


def _keys(connection: Connection, source: str, kind: PrincipalKind) -> dict[str, int]:
    where = {"source": source, "kind": kind.value}
    return dict(connection.execute(_KEYS, where).all())
