"""The rows of a card: the card itself, its search index and the history of its coming and going."""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from sharedbooks.db.prepared import Prepared
from sharedbooks.db.schema import card_properties, cards, removed_names
from sharedbooks.db.search_index import forget_texts, index_changed_text, index_texts
from sharedbooks.db.types import now
from sharedbooks.domain.cards import Card
from sharedbooks.domain.history import Action, Actor, Change, record
from sharedbooks.domain.prepared_cards import PreparedCard

_INSERT_ONE = Prepared(
    insert(cards).returning(cards.c.id),
    (
        "book_id", "resource_name", "card_uid", "content_hash", "revision", "size", "version",
        "kind", "display_name", "creator_id", "created_at", "changed_at", "content",
    ),
)  # fmt: skip
_INSERT_MANY = insert(cards).returning(cards.c.id, sort_by_parameter_order=True)
_INSERT_PROPERTIES = Prepared(insert(card_properties), ("card_id", "book_id", "name", "value"))
_PROPERTIES = Prepared(
    select(card_properties.c.id, card_properties.c.name, card_properties.c.value).where(
        card_properties.c.card_id == bindparam("card")
    )
)
_DELETE_PROPERTIES = Prepared(
    delete(card_properties).where(card_properties.c.card_id == bindparam("card"))
)
_DELETE = Prepared(delete(cards).where(cards.c.id == bindparam("card")))
_MARK_REMOVED = Prepared(insert(removed_names), ("book_id", "resource_name", "revision"))
_DELETE_ROWS = Prepared(delete(card_properties).where(card_properties.c.id == bindparam("row")))
_NAMES_TAKEN = select(cards.c.resource_name).where(
    cards.c.book_id == bindparam("book_id"),
    cards.c.resource_name.in_(bindparam("names", expanding=True)),
)
_UPDATE = Prepared(
    update(cards)
    .where(cards.c.id == bindparam("card_id"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                "content_hash", "revision", "size", "version", "kind", "display_name",
                "changed_at", "content",
            )
        }
    )
)  # fmt: skip
_REVIVE = Prepared(
    delete(removed_names).where(
        removed_names.c.book_id == bindparam("book"),
        removed_names.c.resource_name == bindparam("name"),
    )
)


class RemovedCard(NamedTuple):
    """What of a card is needed to delete it; ``content`` is kept in history."""

    id: int
    resource_name: str
    card_uid: str
    content: bytes


def columns_of_content(card: PreparedCard) -> dict[str, Any]:
    """Return the columns of ``cards`` that an edit changes, but for revision and moment."""
    return {
        "content_hash": card.content_hash,
        "size": len(card.octets),
        "version": card.facts.version,
        "kind": card.facts.kind[:32],
        "display_name": card.facts.display_name[:255],
        "content": card.octets,
    }


def choose_names(
    connection: Connection, book_id: int, wanted: Sequence[tuple[str, PreparedCard]]
) -> list[tuple[str, PreparedCard]]:
    """Give each new card the resource name it wants, or one that no card of the book has."""
    where = {"book_id": book_id, "names": [name for name, _ in wanted]}
    taken = set(connection.execute(_NAMES_TAKEN, where).scalars())
    named = []
    for name, card in wanted:
        chosen = f"{uuid.uuid4()}.vcf" if name in taken else name
        taken.add(chosen)
        named.append((chosen, card))
    return named


def insert_cards(
    connection: Connection,
    book_id: int,
    actor: Actor,
    first_revision: int,
    new: Sequence[tuple[str, PreparedCard]],
) -> None:
    """Insert cards that are not there yet, each with a revision of its own from the first on."""
    moment = now()
    rows = [
        {
            "book_id": book_id,
            "resource_name": resource_name,
            "card_uid": card.card_uid,
            "revision": first_revision + number,
            "creator_id": actor.principal_id,
            "created_at": moment,
            "changed_at": moment,
            **columns_of_content(card),
        }
        for number, (resource_name, card) in enumerate(new)
    ]
    if len(rows) == 1 or connection.dialect.name == "sqlite":
        # Nowhere to travel to: one after the other they take a third of the time.
        ids = [row_id for row in rows for (row_id,) in _INSERT_ONE.all(connection, row)]
    else:
        ids = list(connection.execute(_INSERT_MANY, rows).scalars())
    _insert_properties(connection, book_id, [(i, c) for i, (_, c) in zip(ids, new, strict=True)])
    _REVIVE.run(connection, *({"book": book_id, "name": name} for name, _ in new))
    changes = [
        Change(first_revision + number, Action.CREATE, name, card.card_uid, None)
        for number, (name, card) in enumerate(new)
    ]
    record(connection, book_id, actor, changes)


def replace_card(
    connection: Connection,
    book_id: int,
    existing: Card,
    card: PreparedCard,
    actor: Actor,
    revision: int,
) -> None:
    """Store ``card``, which has the same UID, in place of ``existing``; history keeps that one."""
    stored = {"revision": revision, "changed_at": now(), **columns_of_content(card)}
    values = {f"new_{name}": value for name, value in stored.items()}
    _UPDATE.run(connection, {"card_id": existing.id, **values})
    _replace_properties(connection, book_id, existing.id, card)
    change = Change(
        revision, Action.EDIT, existing.resource_name, existing.card_uid, existing.content
    )
    record(connection, book_id, actor, [change])


def _replace_properties(
    connection: Connection, book_id: int, card_id: int, card: PreparedCard
) -> None:
    """Make the search index of a card say what ``card`` says.

    An edit mostly changes one value, and each row written is several pages of the database.
    """
    missing: Counter[tuple[str, str]] = Counter(card.facts.properties)
    surplus: list[int] = []
    for row_id, name, value in _PROPERTIES.all(connection, {"card": card_id}):
        if missing[name, value] > 0:
            missing[name, value] -= 1
        else:
            surplus.append(row_id)
    added = list(missing.elements())
    if surplus:
        _DELETE_ROWS.run(connection, *({"row": row_id} for row_id in surplus))
    if added:
        _insert_rows(connection, book_id, ((card_id, name, value) for name, value in added))
    if surplus or added:
        index_changed_text(connection, card_id, _searched_text(card))


def remove_rows(
    connection: Connection,
    book_id: int,
    actor: Actor,
    first_revision: int,
    removed: Sequence[RemovedCard],
) -> None:
    """Delete cards, at least one, each with a revision of its own from the first on."""
    ids = [{"card": card.id} for card in removed]
    _DELETE_PROPERTIES.run(connection, *ids)
    forget_texts(connection, [card.id for card in removed])
    _DELETE.run(connection, *ids)
    revisions = range(first_revision, first_revision + len(removed))
    numbered = list(zip(revisions, removed, strict=True))
    _MARK_REMOVED.run(
        connection,
        *(
            {"book_id": book_id, "resource_name": card.resource_name, "revision": revision}
            for revision, card in numbered
        ),
    )
    changes = [
        Change(revision, Action.DELETE, card.resource_name, card.card_uid, card.content)
        for revision, card in numbered
    ]
    record(connection, book_id, actor, changes)


def _insert_properties(
    connection: Connection, book_id: int, stored: Sequence[tuple[int, PreparedCard]]
) -> None:
    rows = [
        (card_id, entry.name, entry.value)
        for card_id, card in stored
        for entry in card.facts.properties
    ]
    _insert_rows(connection, book_id, rows)
    index_texts(connection, [(card_id, _searched_text(card)) for card_id, card in stored])


def _insert_rows(
    connection: Connection, book_id: int, rows: Iterable[tuple[int, str, str]]
) -> None:
    _INSERT_PROPERTIES.run(
        connection,
        *(
            {"card_id": card_id, "book_id": book_id, "name": name, "value": value}
            for card_id, name, value in rows
        ),
    )


def _searched_text(card: PreparedCard) -> str:
    return "\n".join(entry.value for entry in card.facts.properties)
