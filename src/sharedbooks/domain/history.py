"""Who did what to which card, when and from where, with the card as it was before."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select

from sharedbooks.db.prepared import Prepared
from sharedbooks.db.schema import card_versions
from sharedbooks.db.types import now


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change, and from where.

    Attributes:
        principal_id: the user, or None for the administrator on the command line.
        name: the name history keeps even when the user is gone.
        device: label of the app password used, or empty.
        client: program at the other end (its User-Agent, or the command), at most 255 characters.
    """

    principal_id: int | None
    name: str
    device: str
    client: str


class Action(StrEnum):
    """What happened to a card."""

    CREATE = "create"
    EDIT = "edit"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class CardVersion:
    """One change of one card; ``content_before`` is None when the card was not there before.

    ``revision`` is the book's after the change, ``at`` is microseconds since 1970, UTC.
    """

    revision: int
    action: Action
    resource_name: str
    card_uid: str
    at: int
    actor_name: str
    device: str
    client: str
    content_before: bytes | None


@dataclass(frozen=True, slots=True)
class Change:
    """What ``record`` writes down; the fields mean what they mean in ``CardVersion``."""

    revision: int
    action: Action
    resource_name: str
    card_uid: str
    content_before: bytes | None


_INSERT = Prepared(
    insert(card_versions),
    (
        "book_id", "revision", "action", "resource_name", "card_uid", "at", "actor_id",
        "actor_name", "device", "client", "content_before",
    ),
)  # fmt: skip
COLUMNS = (
    card_versions.c.revision,
    card_versions.c.action,
    card_versions.c.resource_name,
    card_versions.c.card_uid,
    card_versions.c.at,
    card_versions.c.actor_name,
    card_versions.c.device,
    card_versions.c.client,
    card_versions.c.content_before,
)
"""What makes a ``CardVersion``, in the order of its fields."""


def columns_of(actor: Actor) -> dict[str, Any]:
    """Return what history keeps of who made a change."""
    return {
        "actor_id": actor.principal_id,
        "actor_name": actor.name[:255],
        "device": actor.device[:255],
        "client": actor.client[:255],
    }


def record(connection: Connection, book_id: int, actor: Actor, changes: Iterable[Change]) -> None:
    """Write ``changes`` of a book, made by ``actor``, into history."""
    moment = now()
    rows: list[dict[str, Any]] = [
        {
            "book_id": book_id,
            "revision": change.revision,
            "action": change.action.value,
            "resource_name": change.resource_name,
            "card_uid": change.card_uid,
            "at": moment,
            "content_before": change.content_before,
            **columns_of(actor),
        }
        for change in changes
    ]
    if rows:
        _INSERT.run(connection, *rows)


def list_versions(
    connection: Connection, book_id: int, *, card_uid: str | None = None
) -> list[CardVersion]:
    """Return the changes of a book, or of the card with that UID, oldest first."""
    statement = select(*COLUMNS).where(card_versions.c.book_id == book_id)
    if card_uid is not None:
        statement = statement.where(card_versions.c.card_uid == card_uid)
    rows = connection.execute(statement.order_by(card_versions.c.revision))
    return [CardVersion(revision, Action(action), *rest) for revision, action, *rest in rows]
