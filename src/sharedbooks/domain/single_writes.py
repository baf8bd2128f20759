"""All that the write of a single card changes, the revision of its book included.

For PostgreSQL that is one statement. A dozen that insert, update and delete are as many messages
to be parsed, and each costs both sides more than what it does. No part of such a statement sees
what the others do. In a book that is locked, one that is read-only has no revision to give, and a
row without one is refused. In one that is not, every part depends on the revision's being given.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Select,
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

from sharedbooks.db.prepared import Parameters, Prepared, SingleWrite
from sharedbooks.db.schema import (
    address_books,
    card_properties,
    card_versions,
    cards,
    mounts,
    removed_names,
)
from sharedbooks.db.types import now
from sharedbooks.domain.book_access import BookAccess
from sharedbooks.domain.book_checks import Policy
from sharedbooks.domain.card_rows import (
    RemovedCard,
    columns_of_content,
    insert_cards,
    remove_rows,
    replace_card,
)
from sharedbooks.domain.cards import Card, CardInfo
from sharedbooks.domain.changes import raise_revision
from sharedbooks.domain.grants import effective_privilege
from sharedbooks.domain.history import Action, Actor, columns_of
from sharedbooks.domain.prepared_cards import PreparedCard

T = TypeVar("T")


def _given(name: str, column: Column[Any]) -> ColumnElement[Any]:
    return bindparam(name, type_=column.type)


_BOOK = _given("book", cards.c.book_id)
_CARD = _given("card", cards.c.id)
_NAME = _given("resource_name", cards.c.resource_name)
_UID = _given("card_uid", cards.c.card_uid)
_MOMENT = _given("moment", cards.c.changed_at)
_STORED = {
    "changed_at": _MOMENT,
    **{
        name: _given(f"new_{name}", cards.c[name])
        for name in ("content_hash", "size", "version", "kind", "display_name", "content")
    },
}
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


def _raised(*conditions: ColumnElement[bool]) -> CTE:
    return (
        update(address_books)
        .where(*conditions, address_books.c.read_only == false())
        .values(revision=address_books.c.revision + 1, changed_at=_MOMENT)
        .returning(address_books.c.revision)
        .cte("raised")
    )


class _Writes:
    """Statements that begin with raising the revision in the same way.

    Args:
        raised: the part that raises it.
        only: what must be true for any other part to do something.
        found: return what has the card's id instead of the new revision alone, which may be NULL.
    """

    def __init__(self, raised: CTE, *only: ColumnElement[bool], found: bool = False) -> None:
        self._revision = select(raised.c.revision).scalar_subquery()
        self._only = only
        self._outcome: Select[Any] = select(raised.c.revision)
        if found:
            self._outcome = select(self._revision, cards.c.content_hash).where(cards.c.id == _CARD)

    def edit(self) -> Prepared:
        """Return the statement that changes a card."""
        # An edit mostly changes one value: the others' rows stay.
        surplus = delete(card_properties).where(
            _OF_CARD, ~exists().select_from(_WANTED).where(_SAME), *self._only
        )
        lacking = select(_CARD, _BOOK, _WANTED.c.name, _WANTED.c.value).where(
            ~exists().select_from(card_properties).where(_OF_CARD, _SAME), *self._only
        )
        return self._statement(
            update(cards)
            .where(cards.c.id == _CARD, *self._only)
            .values(revision=self._revision, **_STORED)
            .cte("changed"),
            self._recorded(Action.EDIT),
            surplus.cte("surplus"),
            insert(card_properties).from_select(_PROPERTY, lacking).cte("found"),
        )

    def add(self) -> Prepared:
        """Return the statement that adds a card."""
        card = {
            "book_id": _BOOK,
            "resource_name": _NAME,
            "card_uid": _UID,
            "creator_id": _given("actor_id", cards.c.creator_id),
            "created_at": _MOMENT,
            "revision": self._revision,
            **_STORED,
        }
        added = (
            insert(cards)
            .from_select(list(card), select(*card.values()).where(*self._only))
            .returning(cards.c.id)
            .cte("added")
        )
        change = {"resource_name": _NAME, "card_uid": _UID, **self._change(Action.CREATE)}
        properties = select(added.c.id, _BOOK, _WANTED.c.name, _WANTED.c.value)
        return self._statement(
            added,
            insert(card_versions)
            .from_select(list(change), select(*change.values()).where(*self._only))
            .cte("recorded"),
            delete(removed_names)
            .where(
                removed_names.c.book_id == _BOOK,
                removed_names.c.resource_name == _NAME,
                *self._only,
            )
            .cte("revived"),
            insert(card_properties).from_select(_PROPERTY, properties).cte("found"),
        )

    def remove(self) -> Prepared:
        """Return the statement that deletes a card."""
        this = (cards.c.id == _CARD, *self._only)
        name = select(_BOOK, cards.c.resource_name, self._revision).where(*this)
        return self._statement(
            # Its rows in the search index go with it.
            delete(cards).where(*this).cte("removed"),
            self._recorded(Action.DELETE),
            insert(removed_names)
            .from_select(("book_id", "resource_name", "revision"), name)
            .cte("marked"),
        )

    def _statement(self, *parts: CTE) -> Prepared:
        return Prepared(self._outcome.add_cte(*parts))

    def _change(self, action: Action) -> dict[str, ColumnElement[Any]]:
        return {
            "book_id": _BOOK,
            "revision": self._revision,
            "action": literal(action.value),
            "at": _MOMENT,
            "actor_id": _given("actor_id", card_versions.c.actor_id),
            **{
                name: _given(name, card_versions.c[name])
                for name in ("actor_name", "device", "client")
            },
        }

    def _recorded(self, action: Action) -> CTE:
        """Return the part that writes into history what the card has been until now."""
        change = self._change(action)
        before = (cards.c.resource_name, cards.c.card_uid, cards.c.content)
        columns = (*change, "resource_name", "card_uid", "content_before")
        rows = select(*change.values(), *before).where(cards.c.id == _CARD, *self._only)
        return insert(card_versions).from_select(columns, rows).cte("recorded")


_LOCKED = _Writes(_raised(address_books.c.id == _BOOK))
_ADD, _EDIT, _REMOVE = _LOCKED.add(), _LOCKED.edit(), _LOCKED.remove()

_USER: ColumnElement[int] = bindparam("user_id", type_=BigInteger)
_SEEN = address_books.alias("seen")
_REVISION_SEEN = select(_SEEN.c.revision).where(_SEEN.c.id == _BOOK).scalar_subquery()
_UNCHANGED = (
    select(address_books.c.id)
    .join(mounts, mounts.c.book_id == address_books.c.id)
    .where(
        address_books.c.id == _BOOK,
        # Of a row that changed after the statement began, the lock takes what it is now, and all
        # else in the statement sees what was before.
        address_books.c.revision == _REVISION_SEEN,
        address_books.c.deletion == 0,
        address_books.c.check_policy == Policy.OFF.value,
        mounts.c.principal_id == _USER,
        mounts.c.name == bindparam("book_name"),
        effective_privilege(_USER) == bindparam("known_privilege"),
    )
    # Whoever waited would do so with what it saw before.
    .with_for_update(of=address_books, key_share=True, skip_locked=True)
    .scalar_subquery()
)
_RAISED = _raised(
    address_books.c.id == _UNCHANGED,
    exists()
    .select_from(cards)
    .where(cards.c.id == _CARD, cards.c.revision == bindparam("known_revision")),
)
_EDIT_IF_UNCHANGED = _Writes(_RAISED, exists().select_from(_RAISED), found=True).edit()
_RAISED_FOR_NEW = _raised(
    address_books.c.id == _UNCHANGED,
    *(
        ~exists().select_from(cards).where(cards.c.book_id == _BOOK, column == value)
        for column, value in ((cards.c.resource_name, _NAME), (cards.c.card_uid, _UID))
    ),
)
_ADD_IF_UNCHANGED = _Writes(_RAISED_FOR_NEW, exists().select_from(_RAISED_FOR_NEW)).add()
_LOCK = Prepared(
    select(address_books.c.id).where(address_books.c.id == _BOOK).with_for_update(key_share=True)
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


def add_if_unchanged(
    access: BookAccess, resource_name: str, card: PreparedCard, actor: Actor, outcome: T
) -> SingleWrite[T]:
    """Return what does as ``add_card`` without a lock, or nothing; for PostgreSQL.

    Nothing if the name or the UID is taken, if the member's rights or their name of the book are
    not what ``access`` says any more, if the book has rules for its cards, or if another writer
    has it at the moment.

    Args:
        access: the book.
        resource_name: the name.
        card: what to store.
        actor: who does.
        outcome: what to return then.
    """
    key = {"resource_name": resource_name, "card_uid": card.card_uid}
    return _single(_ADD_IF_UNCHANGED, key, access, card, actor, lambda _row: outcome)


def edit_if_unchanged(
    access: BookAccess,
    existing: CardInfo,
    card: PreparedCard,
    actor: Actor,
    outcome: T,
    changed: Callable[[str], object],
) -> SingleWrite[T]:
    """Return what does as ``edit_card`` without a lock, or nothing; see ``add_if_unchanged``.

    Nothing either if ``existing`` was changed or deleted. If there are other octets now, their
    hash is given to ``changed``, which may raise what refuses the write for that.
    """

    def told(row: tuple[int | None, str]) -> T | None:
        revision, content_hash = row
        if revision is not None:
            return outcome
        if content_hash != existing.content_hash:
            changed(content_hash)
        return None

    key = {"card": existing.id, "known_revision": existing.revision}
    return _single(_EDIT_IF_UNCHANGED, key, access, card, actor, told)


def _single(
    statement: Prepared,
    key: Parameters,
    access: BookAccess,
    card: PreparedCard,
    actor: Actor,
    outcome: Callable[[Any], T | None],
) -> SingleWrite[T]:
    def parameters() -> Parameters:
        return {
            "user_id": access.user_id,
            "book_name": access.name,
            "known_privilege": int(access.privilege),
            **key,
            **_by(actor, access.book_id),
            **_content(card),
        }

    def lock(connection: Connection) -> None:
        _LOCK.run(connection, {"book": access.book_id})

    return SingleWrite(statement, parameters, lock, outcome)


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
