"""The log of who did what: what administrators did, and every change of a card.

Administrators' events are rows of their own; changes of cards are read from history. Neither has
the contents of a card.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, insert, select

from sharedbooks.db.schema import (
    ORGANISATION_ID,
    address_books,
    audit_events,
    card_versions,
    principals,
)
from sharedbooks.identifiers import BookReference

_ROWS_A_STATEMENT = 1000
_NAME_LENGTH = 255
_ACTION_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Event:
    """Something that an administrator did.

    Attributes:
        at: microseconds since 1970, UTC.
        actor_name: the account that gave the command.
        action: the command, for instance ``grant add``.
        details: what it was about, as JSON has it.
    """

    at: int
    actor_name: str
    action: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CardEvent:
    """A change of a card, without contents; fields as in ``CardVersion``.

    ``book`` is how people name the book, also one that is deleted.
    """

    at: int
    book: str
    revision: int
    action: str
    resource_name: str
    card_uid: str
    actor_name: str
    device: str
    client: str


_INSERT = insert(audit_events)
_EVENTS = (
    select(
        audit_events.c.id,
        audit_events.c.at,
        audit_events.c.actor_name,
        audit_events.c.action,
        audit_events.c.details,
    )
    .where(
        audit_events.c.id > bindparam("after"),
        audit_events.c.at >= bindparam("since"),
        audit_events.c.at < bindparam("until"),
    )
    .order_by(audit_events.c.id)
    .limit(_ROWS_A_STATEMENT)
)
_CARD_EVENTS = (
    select(
        card_versions.c.id,
        card_versions.c.at,
        address_books.c.name,
        address_books.c.owner_id,
        principals.c.name,
        card_versions.c.revision,
        card_versions.c.action,
        card_versions.c.resource_name,
        card_versions.c.card_uid,
        card_versions.c.actor_name,
        card_versions.c.device,
        card_versions.c.client,
    )
    .join(address_books, address_books.c.id == card_versions.c.book_id)
    .join(principals, principals.c.id == address_books.c.owner_id)
    .where(
        card_versions.c.id > bindparam("after"),
        card_versions.c.at >= bindparam("since"),
        card_versions.c.at < bindparam("until"),
    )
    .order_by(card_versions.c.id)
    .limit(_ROWS_A_STATEMENT)
)


def log_event(connection: Connection, event: Event) -> None:
    """Write an event, in the transaction of what it tells of."""
    connection.execute(
        _INSERT,
        {
            "at": event.at,
            "actor_name": event.actor_name[:_NAME_LENGTH],
            "action": event.action[:_ACTION_LENGTH],
            "details": dict(event.details),
        },
    )


def iterate_events(
    connection: Connection,
    *,
    since: int,
    until: int,
    book: str | None = None,
    user: str | None = None,
) -> Iterator[Event | CardEvent]:
    """Yield what happened from ``since`` until before ``until``, by time, in bounded memory.

    Args:
        connection: a snapshot of the database.
        since: microseconds since 1970, UTC.
        until: the same.
        book: only what concerns this book, named as on the command line.
        user: only what this person did, or what was done to their account.
    """
    where = {"since": since, "until": until}
    administrative = _by_time(_pages(connection, _EVENTS, where, _event))
    changes = _by_time(_pages(connection, _CARD_EVENTS, where, _card_event))
    for each in heapq.merge(administrative, changes, key=lambda event: event.at):
        if (book is None or _concerns_book(each, book)) and (
            user is None or _concerns_user(each, user)
        ):
            yield each


def _pages(
    connection: Connection,
    statement: Select[Any],
    where: Mapping[str, int],
    read: Callable[[Any], Event | CardEvent],
) -> Iterator[Event | CardEvent]:
    after = 0
    while rows := connection.execute(statement, {**where, "after": after}).all():
        for row in rows:
            yield read(row)
        after = rows[-1][0]


def _by_time(events: Iterator[Event | CardEvent]) -> Iterator[Event | CardEvent]:
    """Put events in order that are nearly so: two transactions may write in another order."""
    waiting: list[tuple[int, int, Event | CardEvent]] = []
    for number, event in enumerate(events):
        heapq.heappush(waiting, (event.at, number, event))
        if len(waiting) > _ROWS_A_STATEMENT:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _event(row: Any) -> Event:
    return Event(*row[1:])


def _card_event(row: Any) -> CardEvent:
    _, at, name, owner_id, owner, *rest = row
    # What a deleted user owned has the owner in its name already.
    reference = BookReference(None if owner_id == ORGANISATION_ID else owner, name)
    return CardEvent(at, str(reference), *rest)


def _concerns_book(event: Event | CardEvent, book: str) -> bool:
    if isinstance(event, CardEvent):
        return event.book == book
    return book in _named(event)


def _concerns_user(event: Event | CardEvent, user: str) -> bool:
    if event.actor_name == user:
        return True
    return isinstance(event, Event) and not {user, f"user:{user}"}.isdisjoint(_named(event))


def _named(event: Event) -> set[str]:
    """Return every text in the details."""
    found: set[str] = set()
    for value in event.details.values():
        found.update(map(str, value) if isinstance(value, list) else [str(value)])
    return found
