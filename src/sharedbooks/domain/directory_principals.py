"""Users and groups of a directory as principals here, found again by their stable id there.

A principal keeps its home, books and grants whatever it is called in the directory. Nobody takes
the place of another by taking their name.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain, count
from typing import Any

from sqlalchemy import Connection, Select, bindparam, insert, or_, select, update

from sharedbooks.db.schema import principals
from sharedbooks.db.types import now
from sharedbooks.domain.principals import (
    Principal,
    PrincipalKind,
    principal_columns,
    principal_from_row,
)
from sharedbooks.errors import Conflict
from sharedbooks.identifiers import MAX_NAME_LENGTH


class Bar(StrEnum):
    """Why a directory keeps somebody out."""

    GONE = "gone"
    DISABLED = "disabled"
    LOCKED = "locked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class DirectoryPrincipal:
    """A user or group as a directory has it now.

    Attributes:
        source_id: the stable id there.
        name: what it is to be called here, safe in a URL.
        display_name: for people; of a group, its short name in the directory.
        email: empty if there is none.
        dn: its DN as the directory writes it.
        bar: why it is kept out, or None.
        qualifier: tells a group from others of the same short name; empty for a user.
    """

    source_id: str
    name: str
    display_name: str
    email: str
    dn: str
    bar: Bar | None = None
    qualifier: str = ""


@dataclass(frozen=True, slots=True)
class NameClash:
    """Somebody of the directory who is left out, since another principal has the name."""

    wanted: DirectoryPrincipal
    holder: str

    def __str__(self) -> str:
        return f"{self.wanted.dn}: the name {self.wanted.name!r} belongs to {self.holder}."


@dataclass(slots=True)
class PrincipalPlan:
    """What has to be written so that the principals are as the directory has them.

    Attributes:
        added: to be made.
        changed: principals with what they become.
        displaced: principals who have left the directory, with the name they get since somebody
            new has theirs.
        clashes: who is left out, or keeps an older name.
    """

    added: list[DirectoryPrincipal] = field(default_factory=list)
    changed: list[tuple[Principal, DirectoryPrincipal]] = field(default_factory=list)
    displaced: list[tuple[Principal, str]] = field(default_factory=list)
    clashes: list[NameClash] = field(default_factory=list)


_ALL = select(*principal_columns()).where(principals.c.kind == bindparam("kind"))
_CONCERNED = _ALL.where(
    or_(
        (principals.c.source == bindparam("source"))
        & (principals.c.source_id == bindparam("source_id")),
        principals.c.name == bindparam("name"),
    )
)


def put_user(connection: Connection, source: str, wanted: DirectoryPrincipal) -> Principal:
    """Make or update the one user that ``wanted`` describes; write nothing if all is so already.

    Raises:
        Conflict: the name belongs to somebody else.
    """
    where = {"source": source, "source_id": wanted.source_id, "name": wanted.name}
    known = _read(connection, _CONCERNED, PrincipalKind.USER, **where)
    plan = plan_users(source, [wanted], known)
    if plan.clashes and not plan.added and not plan.changed:
        raise Conflict(str(plan.clashes[0]))
    write_plan(connection, source, PrincipalKind.USER, plan)
    return next(
        each
        for each in _read(connection, _CONCERNED, PrincipalKind.USER, **where)
        if (each.source, each.source_id) == (source, wanted.source_id)
    )


def find_principals_by_source(
    connection: Connection, kind: PrincipalKind, source: str, source_ids: Sequence[str]
) -> list[Principal]:
    """Return the principals here that have one of those stable ids in a directory, by name."""
    statement = _ALL.where(principals.c.source == source, principals.c.source_id.in_(source_ids))
    return _read(connection, statement.order_by(principals.c.name), kind)


def plan_users(
    source: str,
    wanted: Sequence[DirectoryPrincipal],
    known: Iterable[Principal],
    vanished: Collection[int] = (),
) -> PrincipalPlan:
    """Return what makes the users ``wanted`` principals.

    Args:
        source: the directory.
        wanted: users as they are there.
        known: the users here, of all sources; at least those of the same id or name.
        vanished: ids of users found to have left the directory.
    """
    plan = PrincipalPlan()
    holders = {each.name: each for each in known}
    mine = {each.source_id: each for each in holders.values() if each.source == source}
    claims, doubles = _claims(wanted, mine)
    plan.clashes += doubles
    for failed, holder in _failing(claims, holders, mine, source, vanished):
        plan.clashes.append(NameClash(failed, _described(holder)))
        del claims[failed.source_id]
    for claim in claims.values():
        present = mine.get(claim.source_id)
        namesake = holders.get(claim.name)
        if namesake and namesake is not present and _is_gone(namesake, source, vanished):
            plan.displaced.append((namesake, _former(namesake)))
        if present is None:
            plan.added.append(claim)
        elif _differs(present, claim):
            plan.changed.append((present, claim))
    for clash in plan.clashes:
        present = mine.get(clash.wanted.source_id)
        kept = clash.wanted if present is None else replace(clash.wanted, name=present.name)
        if present is not None and _differs(present, kept):
            plan.changed.append((present, kept))
    return plan


def _claims(
    wanted: Sequence[DirectoryPrincipal], mine: Mapping[str | None, Principal]
) -> tuple[dict[str, DirectoryPrincipal], list[NameClash]]:
    """Give each name to one of those who want it, the one who has it before others."""
    claims: dict[str, DirectoryPrincipal] = {}
    first: dict[str, DirectoryPrincipal] = {}
    clashes = []

    def has_it(each: DirectoryPrincipal) -> bool:
        present = mine.get(each.source_id)
        return present is not None and present.name == each.name

    for each in sorted(wanted, key=lambda each: (not has_it(each), each.source_id)):
        other = first.setdefault(each.name, each)
        if other is each:
            claims[each.source_id] = each
        else:
            clashes.append(NameClash(each, other.dn))
    return claims, clashes


def _failing(
    claims: Mapping[str, DirectoryPrincipal],
    holders: Mapping[str, Principal],
    mine: Mapping[str | None, Principal],
    source: str,
    vanished: Collection[int],
) -> Iterator[tuple[DirectoryPrincipal, Principal]]:
    """Yield the claims to a name that somebody keeps; who fails keeps the name they have."""
    left = dict(claims)
    while True:
        moving = {
            present.id
            for source_id, claim in left.items()
            if (present := mine.get(source_id)) is not None and present.name != claim.name
        }
        failed = []
        for claim in left.values():
            holder = holders.get(claim.name)
            if holder is None or holder is mine.get(claim.source_id) or holder.id in moving:
                continue
            if not _is_gone(holder, source, vanished):
                failed.append((claim, holder))
        if not failed:
            return
        yield from failed
        for claim, _ in failed:
            del left[claim.source_id]


def plan_groups(
    source: str,
    wanted: Sequence[DirectoryPrincipal],
    known: Iterable[Principal],
    vanished: Collection[int] = (),
) -> PrincipalPlan:
    """Return what makes the groups ``wanted`` principals; arguments as in ``plan_users``.

    A group is called by its short name. Where that is taken or ambiguous, its qualifier or a number
    comes behind it in parentheses. It keeps the name until its short name changes.
    """
    plan = PrincipalPlan()
    present = {each.name: each for each in known}
    mine = {each.source_id: each for each in present.values() if each.source == source}
    taken = {name for name, each in present.items() if not _is_gone(each, source, vanished)}
    shared = Counter(each.name for each in wanted)
    for each in wanted:
        old = mine.get(each.source_id)
        if old is not None and old.display_name == each.display_name:
            name = old.name
        else:
            name = _free_name(each, taken, alone=shared[each.name] == 1)
            taken.add(name)
            if name in present and present[name] is not old:
                plan.displaced.append((present[name], _former(present[name])))
        final = replace(each, name=name)
        if old is None:
            plan.added.append(final)
        elif _differs(old, final):
            plan.changed.append((old, final))
    return plan


def _free_name(wanted: DirectoryPrincipal, taken: Collection[str], *, alone: bool) -> str:
    """Return the best name for a group that nobody has."""
    bare = [""] if alone else []
    qualified = [f" ({wanted.qualifier})"] if wanted.qualifier else []
    for mark in chain(bare, qualified, (f" ({number})" for number in count(2))):
        name = wanted.name[: MAX_NAME_LENGTH - len(mark)] + mark
        if name not in taken:
            return name
    raise AssertionError("numbers do not end")


def write_plan(
    connection: Connection, source: str, kind: PrincipalKind, plan: PrincipalPlan
) -> None:
    """Write what ``plan`` says; nothing at all if it says nothing."""
    moment = now()
    moving = [*plan.displaced, *((old, new.name) for old, new in plan.changed)]
    moving = [(old, name) for old, name in moving if old.name != name]
    if moving:
        # Names may be exchanged. No principal's name begins with a dot.
        _rename(connection, [(old.id, f".{old.id}") for old, _ in moving])
        _rename(connection, [(old.id, name) for old, name in moving])
    if plan.changed:
        connection.execute(
            update(principals)
            .where(principals.c.id == bindparam("key"))
            .values({name: bindparam(f"new_{name}") for name in _WRITTEN}),
            [{"key": old.id, **_new_values(old, new, moment)} for old, new in plan.changed],
        )
    if plan.added:
        fixed: dict[str, Any] = {
            "kind": kind.value,
            "enabled": True,
            "source": source,
            "properties": {},
        }
        connection.execute(
            insert(principals),
            [
                {
                    **fixed,
                    "properties": {},
                    "name": each.name,
                    "display_name": each.display_name,
                    "email": each.email,
                    "source_id": each.source_id,
                    "dn": each.dn,
                    "barred": each.bar,
                    "barred_at": None if each.bar is None else moment,
                    "created_at": moment,
                }
                for each in plan.added
            ],
        )


_WRITTEN = ("display_name", "email", "source_id", "dn", "barred", "barred_at")


def _new_values(old: Principal, new: DirectoryPrincipal, moment: int) -> dict[str, Any]:
    since = old.barred_at if old.barred == new.bar else moment
    return {
        "new_display_name": new.display_name,
        "new_email": new.email,
        "new_source_id": new.source_id,
        "new_dn": new.dn,
        "new_barred": new.bar,
        "new_barred_at": None if new.bar is None else since,
    }


def bar_principals(connection: Connection, some: Sequence[Principal], bar: Bar) -> None:
    """Write down that the directory keeps those out from now on."""
    if some:
        connection.execute(
            update(principals).where(principals.c.id == bindparam("key")),
            [{"key": each.id, "barred": bar.value, "barred_at": now()} for each in some],
        )


def _rename(connection: Connection, names: Sequence[tuple[int, str]]) -> None:
    connection.execute(
        update(principals)
        .where(principals.c.id == bindparam("key"))
        .values(name=bindparam("new_name")),
        [{"key": key, "new_name": name} for key, name in names],
    )


def _read(
    connection: Connection, statement: Select[Any], kind: PrincipalKind, **where: str
) -> list[Principal]:
    rows = connection.execute(statement, {"kind": kind.value, **where})
    return [principal_from_row(row) for row in rows]


def _differs(old: Principal, new: DirectoryPrincipal) -> bool:
    before = (old.name, old.display_name, old.email, old.source_id, old.dn, old.barred)
    return before != (new.name, new.display_name, new.email, new.source_id, new.dn, new.bar)


def _is_gone(holder: Principal, source: str, vanished: Collection[int]) -> bool:
    return holder.source == source and (holder.barred == Bar.GONE or holder.id in vanished)


def _former(holder: Principal) -> str:
    mark = f" (former {holder.id})"
    return holder.name[: MAX_NAME_LENGTH - len(mark)] + mark


def _described(holder: Principal) -> str:
    if holder.is_local:
        return f"the local user {holder.name!r}"
    return f"{holder.dn or holder.name} of the directory {holder.source!r}"
