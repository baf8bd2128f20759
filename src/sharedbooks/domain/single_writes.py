"""All that the write of a single card changes, the revision of its book included.

For PostgreSQL that is one statement. A dozen that insert, update and delete are as many messages
to be parsed, and each costs both sides more than what it does. No part of such a statement sees
what the others do. A book that is read-only has no revision to give, and a row without one is
refused.
"""

from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    Column,
    ColumnElement,
    Connection,
    String,
    bindparam,
    delete,
    exists,
    false,
    func,
    insert,
    literal,
    select,
    update,
)

from sharedbooks.db.prepared import Parameters, Prepared
from sharedbooks.db.schema import (
    address_books,
    card_properties,
    card_versions,
    cards,
    removed_names,
)
from sharedbooks.db.types import now
from sharedbooks.domain.card_rows import (
    RemovedCard,
    columns_of_content,
    insert_cards,
    remove_rows,
    replace_card,
)
from sharedbooks.domain.cards import Card
from sharedbooks.domain.changes import raise_revision
from sharedbooks.domain.history import Action, Actor, columns_of
from sharedbooks.domain.prepared_cards import PreparedCard


def _given(name: str, column: Column[Any]) -> ColumnElement[Any]:
    return bindparam(name, type_=column.type)


_BOOK = _given("book", cards.c.book_id)
_CARD = _given("card", cards.c.id)
_NAME = _given("resource_name", cards.c.resource_name)
_UID = _given("card_uid", cards.c.card_uid)
_MOMENT = _given("moment", cards.c.changed_at)
_RAISED = (
    update(address_books)
    .where(address_books.c.id == _BOOK, address_books.c.read_only == false())
    .values(revision=address_books.c.revision + 1, changed_at=_MOMENT)
    .returning(address_books.c.revision)
    .cte("raised")
)
_REVISION = select(_RAISED.c.revision).scalar_subquery()
_STORED = {
    "revision": _REVISION,
    "changed_at": _MOMENT,
    **{
        name: _given(f"new_{name}", cards.c[name])
        for name in ("content_hash", "size", "version", "kind", "display_name", "content")
    },
}


def _change(action: Action) -> dict[str, ColumnElement[Any]]:
    return {
        "book_id": _BOOK,
        "revision": _REVISION,
        "action": literal(action.value),
        "at": _MOMENT,
        "actor_id": _given("actor_id", card_versions.c.actor_id),
        **{
            name: _given(name, card_versions.c[name]) for name in ("actor_name", "device", "client")
        },
    }


def _recorded(action: Action) -> CTE:
    """Return the part that writes into history what the card has been until now."""
    change = _change(action)
    before = (cards.c.resource_name, cards.c.card_uid, cards.c.content)
    columns = (*change, "resource_name", "card_uid", "content_before")
    rows = select(*change.values(), *before).where(cards.c.id == _CARD)
    return insert(card_versions).from_select(columns, rows).cte("recorded")


_WANTED = (
    func.unnest(
        bindparam("property_names", type_=ARRAY(String)),
        bindparam("property_values", type_=ARRAY(String)),
    )
    .table_valued("name", "value")
    .render_derived("wanted")
)
_PROPERTY = ("card_id", "book_id", "name", "value")
_OF_CARD = card_properties.c.card_id == _CARD
_SAME = (card_properties.c.name == _WANTED.c.name) & (card_properties.c.value == _WANTED.c.value)

# An edit mostly changes one value: the others' rows stay.
_EDIT = Prepared(
    insert(card_properties)
    .from_select(
        _PROPERTY,
        select(_CARD, _BOOK, _WANTED.c.name, _WANTED.c.value).where(
            ~exists().select_from(card_properties).where(_OF_CARD, _SAME)
        ),
    )
    .add_cte(
        update(cards).where(cards.c.id == _CARD).values(_STORED).cte("changed"),
        _recorded(Action.EDIT),
        delete(card_properties)
        .where(_OF_CARD, ~exists().select_from(_WANTED).where(_SAME))
        .cte("surplus"),
    )
)
_ADDED = (
    insert(cards)
    .values(
        book_id=_BOOK,
        resource_name=_NAME,
        card_uid=_UID,
        creator_id=_given("actor_id", cards.c.creator_id),
        created_at=_MOMENT,
        **_STORED,
    )
    .returning(cards.c.id)
    .cte("added")
)
_ADD = Prepared(
    insert(card_properties)
    .from_select(_PROPERTY, select(_ADDED.c.id, _BOOK, _WANTED.c.name, _WANTED.c.value))
    .add_cte(
        insert(card_versions)
        .values(resource_name=_NAME, card_uid=_UID, **_change(Action.CREATE))
        .cte("recorded"),
        delete(removed_names)
        .where(removed_names.c.book_id == _BOOK, removed_names.c.resource_name == _NAME)
        .cte("revived"),
    )
)
_REMOVE = Prepared(
    # Its rows in the search index go with it.
    delete(cards)
    .where(cards.c.id == _CARD)
    .add_cte(
        _recorded(Action.DELETE),
        insert(removed_names)
        .from_select(
            ("book_id", "resource_name", "revision"),
            select(_BOOK, cards.c.resource_name, _REVISION).where(cards.c.id == _CARD),
        )
        .cte("marked"),
    )
)


def add_card(
    connection: Connection, book_id: int, resource_name: str, card: PreparedCard, actor: Actor
) -> None:
    """Store a card under a name and with a UID that no card of the book has.

    Raises:
        AccessDenied, DBAPIError: the book is read-only, which its lock must have shown.
    """
    if connection.dialect.name == "postgresql":
        key = {"resource_name": resource_name, "card_uid": card.card_uid}
        _ADD.run(connection, {**key, **_by(actor, book_id), **_content(card)})
        return
    revision = raise_revision(connection, book_id)
    insert_cards(connection, book_id, actor, revision, [(resource_name, card)])


def edit_card(
    connection: Connection, book_id: int, existing: Card, card: PreparedCard, actor: Actor
) -> None:
    """Store ``card``, which has the same UID, in place of ``existing``; raises as ``add_card``."""
    if connection.dialect.name == "postgresql":
        _EDIT.run(connection, {"card": existing.id, **_by(actor, book_id), **_content(card)})
        return
    revision = raise_revision(connection, book_id)
    replace_card(connection, book_id, existing, card, actor, revision)


def remove_card(connection: Connection, book_id: int, card: Card, actor: Actor) -> None:
    """Delete a card of the book; raises as ``add_card``."""
    if connection.dialect.name == "postgresql":
        _REMOVE.run(connection, {"card": card.id, **_by(actor, book_id)})
        return
    revision = raise_revision(connection, book_id)
    removed = RemovedCard(card.id, card.resource_name, card.card_uid, card.content)
    remove_rows(connection, book_id, actor, revision, [removed])


def _by(actor: Actor, book_id: int) -> Parameters:
    return {"book": book_id, "moment": now(), **columns_of(actor)}


def _content(card: PreparedCard) -> Parameters:
    # A property said twice is found as well with one row.
    distinct = dict.fromkeys((entry.name, entry.value) for entry in card.facts.properties)
    return {
        **{f"new_{name}": value for name, value in columns_of_content(card).items()},
        "property_names": [name for name, _ in distinct],
        "property_values": [value for _, value in distinct],
    }
