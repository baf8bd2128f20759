"""People, groups and memberships as the directory has them now, and nothing else changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from sharedbooks.config import DirectoryConfig
from sharedbooks.db.engine import Database
from sharedbooks.db.types import now
from sharedbooks.directory.connection import Directory
from sharedbooks.directory.entries import Entry
from sharedbooks.directory.filters import any_of
from sharedbooks.directory.groups import (
    GroupGraph,
    belonging_attributes,
    group_attributes,
    naming_members,
    read_group,
    roots,
)
from sharedbooks.directory.people import person_attributes, read_person
from sharedbooks.domain.audit import Event, log_event
from sharedbooks.domain.directory_memberships import (
    MembershipPlan,
    plan_memberships,
    write_memberships,
)
from sharedbooks.domain.directory_principals import (
    Bar,
    DirectoryPrincipal,
    PrincipalPlan,
    bar_principals,
    plan_groups,
    plan_users,
    write_plan,
)
from sharedbooks.domain.principals import (
    Principal,
    PrincipalKind,
    delete_principal,
    list_principals,
)
from sharedbooks.errors import DirectoryShrunk, InvalidName

_ATTEMPTS = 3

Advance = Callable[[int], None]
"""Told how many more entries have been read."""


@dataclass(slots=True)
class Reading:
    """What a directory holds: people and groups that can be used, and why others cannot."""

    graph: GroupGraph
    people: list[DirectoryPrincipal] = field(default_factory=list)
    groups: list[DirectoryPrincipal] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class SyncPlan:
    """All that one sync writes.

    Attributes:
        people, groups: principals to make and to update.
        memberships: to write and to take away.
        vanished: users and groups that are no longer in the directory, found so now.
        overdue: vanished so long ago that they are deleted, users with their own books.
    """

    people: PrincipalPlan
    groups: PrincipalPlan
    memberships: MembershipPlan
    vanished: list[Principal]
    overdue: list[Principal]


@dataclass(frozen=True, slots=True)
class SyncSummary:
    """What a sync did, or would do; counted by users and groups."""

    directory: str
    people: int
    groups: int
    added: Sequence[str]
    changed: Sequence[str]
    barred: Sequence[str]
    admitted: Sequence[str]
    vanished: Sequence[str]
    deleted: Sequence[str]
    memberships_added: int
    memberships_removed: int
    problems: Sequence[str]


def sync_principals(
    database: Database, directory: Directory, *, dry_run: bool, force: bool, advance: Advance
) -> SyncSummary:
    """Bring users, groups and memberships of one directory up to date.

    The directory is read whole before anything is written, and what differs is written in one
    transaction. Nothing is written where nothing differs.

    Args:
        database: where the principals are.
        directory: is read.
        dry_run: write nothing.
        force: believe the directory even if most people or groups are gone.
        advance: is told of progress.

    Raises:
        DirectoryUnavailable: no server answers, or one stopped in the middle.
        DirectoryShrunk: more than half of the people or of the groups are gone.
        StoreBusy: the database is away or busy.
    """
    reading = read_directory(directory, advance)

    def make_plan(connection: Connection) -> SyncPlan:
        return plan_sync(connection, directory, reading, force=force)

    plan = database.run_read(make_plan)
    if not dry_run and _says_something(plan):
        plan = _write(database, directory.config.name, make_plan)
    return _summary(directory.config.name, reading, plan)


def read_directory(directory: Directory, advance: Advance) -> Reading:
    """Return all people and groups of a directory.

    Raises:
        DirectoryUnavailable: no server answers, or one stopped in the middle.
    """
    config = directory.config
    reading = Reading(GroupGraph(config))
    wanted = tuple(dict.fromkeys((*person_attributes(config), *belonging_attributes(config))))
    for entry in directory.search(config.user_base, config.user_filter, wanted):
        advance(1)
        person = _read(reading, read_person, config, entry)
        if person is not None:
            reading.people.append(person)
            reading.graph.add_person(person.source_id, entry)
    for entry in directory.search(config.group_base, config.group_filter, group_attributes(config)):
        advance(1)
        group = _read(reading, read_group, config, entry)
        if group is not None:
            reading.groups.append(group)
        reading.graph.add_group(entry, None if group is None else group.source_id)
    if config.nested:
        _read_groups_between(directory, reading, advance)
    return reading


def _read(
    reading: Reading,
    read: Callable[[DirectoryConfig, Entry], DirectoryPrincipal],
    config: DirectoryConfig,
    entry: Entry,
) -> DirectoryPrincipal | None:
    # Seen, though perhaps not usable: whoever it is has not vanished.
    source_id = entry.identity(config.id_attribute)
    if source_id is not None:
        if source_id in reading.ids:
            return None
        reading.ids.add(source_id)
    try:
        return read(config, entry)
    except InvalidName as error:
        reading.problems.append(str(error))
        return None


def _read_groups_between(directory: Directory, reading: Reading, advance: Advance) -> None:
    """Add the groups that are no principals here, but may stand between two that are."""
    config = directory.config
    present = [f"({name}=*)" for name in naming_members(config)]
    if not present:
        return
    others = f"(&{any_of(*present)}(!{config.group_filter}))"
    for root in roots(config):
        for entry in directory.search(root, others, group_attributes(config)):
            advance(1)
            reading.graph.add_group(entry)


def plan_sync(
    connection: Connection, directory: Directory, reading: Reading, *, force: bool
) -> SyncPlan:
    """Return what makes the principals here those of ``reading``.

    Raises:
        DirectoryShrunk: more than half of the people or of the groups are gone, without ``force``.
    """
    source = directory.config.name
    users = list_principals(connection, PrincipalKind.USER)
    groups = list_principals(connection, PrincipalKind.GROUP)
    lost = [
        *_vanished(source, users, reading, "people", force=force),
        *_vanished(source, groups, reading, "groups", force=force),
    ]
    lost_ids = {each.id for each in lost}
    people_plan = plan_users(source, reading.people, users, lost_ids)
    group_plan = plan_groups(source, reading.groups, groups, lost_ids)
    known = {each.source_id for each in users if each.source == source}
    known |= {each.source_id for each in people_plan.added}
    memberships = plan_memberships(
        connection,
        source,
        [each.source_id for each in reading.groups],
        lambda group: reading.graph.members_of(group) & known,
    )
    moment = now()
    limit = moment - directory.config.keep_personal_books * 1_000_000
    overdue = [
        each
        for each in (*users, *groups)
        if each.source == source
        and each.source_id not in reading.ids
        and (each.barred_at if each.barred == Bar.GONE and each.barred_at else moment) <= limit
    ]
    return SyncPlan(people_plan, group_plan, memberships, lost, overdue)


def _vanished(
    source: str, known: Sequence[Principal], reading: Reading, what: str, *, force: bool
) -> list[Principal]:
    """Return those of the directory's principals who are no longer in it."""
    mine = [each for each in known if each.source == source and each.barred != Bar.GONE]
    gone = [each for each in mine if each.source_id not in reading.ids]
    if 2 * len(gone) > len(mine) and not force:
        raise DirectoryShrunk(
            f"The directory {source} holds {len(mine) - len(gone)} of the {len(mine)} {what} that "
            "were known, so nothing was changed: a wrong base or filter looks like that."
        )
    return gone


def _says_something(plan: SyncPlan) -> bool:
    return any(
        (
            *(each for part in (plan.people, plan.groups) for each in _written(part)),
            plan.memberships.added,
            plan.memberships.removed,
            plan.vanished,
            plan.overdue,
        )
    )


def _written(plan: PrincipalPlan) -> tuple[Sequence[object], ...]:
    return plan.added, plan.changed, plan.displaced


def _write(
    database: Database, source: str, make_plan: Callable[[Connection], SyncPlan]
) -> SyncPlan:
    def work(connection: Connection) -> SyncPlan:
        plan = make_plan(connection)
        write_plan(connection, source, PrincipalKind.USER, plan.people)
        write_plan(connection, source, PrincipalKind.GROUP, plan.groups)
        write_memberships(connection, source, plan.memberships)
        bar_principals(connection, plan.vanished, Bar.GONE)
        for each in plan.overdue:
            _delete(connection, source, each)
        return plan

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            plan = database.run_write(work)
        except IntegrityError:
            # Somebody logged in for the first time, or a group was made, between look and write.
            if attempt == _ATTEMPTS:
                raise
        else:
            break
    return plan


def _delete(connection: Connection, source: str, principal: Principal) -> None:
    trashed = delete_principal(connection, principal)
    details = {"name": principal.name, "dn": principal.dn, "books_in_trash": trashed}
    log_event(connection, Event(now(), f"directory:{source}", f"{principal.kind} delete", details))


def _summary(source: str, reading: Reading, plan: SyncPlan) -> SyncSummary:
    changed = [*plan.people.changed, *plan.groups.changed]
    clashes = [*plan.people.clashes, *plan.groups.clashes]
    return SyncSummary(
        directory=source,
        people=len(reading.people),
        groups=len(reading.groups),
        added=[each.name for each in (*plan.people.added, *plan.groups.added)],
        changed=[new.name for _, new in changed],
        barred=[new.name for old, new in changed if new.bar and new.bar != old.barred],
        admitted=[new.name for old, new in changed if old.barred and not new.bar],
        vanished=[each.name for each in plan.vanished],
        deleted=[each.name for each in plan.overdue],
        memberships_added=len(plan.memberships.added),
        memberships_removed=len(plan.memberships.removed),
        problems=[*reading.problems, *map(str, clashes)],
    )
