"""Cards of a book: reading them, and storing and deleting single ones."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from sharedbooks.db.pipelines import pipelined
from sharedbooks.db.prepared import Prepared
from sharedbooks.db.schema import cards
from sharedbooks.db.types import now
from sharedbooks.domain.at_once import AT_REVISION, AtOnce
from sharedbooks.domain.book_access import BookAccess
from sharedbooks.domain.book_checks import apply_policy
from sharedbooks.domain.card_contents import OF_BOOK, Among
from sharedbooks.domain.card_rows import RemovedCard, insert_cards, remove_rows, replace_properties
from sharedbooks.domain.changes import raise_revision
from sharedbooks.domain.conditions import UNCONDITIONAL, Conditions, make_etag
from sharedbooks.domain.history import Action, Actor, Change, record
from sharedbooks.domain.prepared_cards import (
    PreparedCard,
    add_uid,
    merge_into,
    prepare_card,
)
from sharedbooks.domain.privileges import Privilege
from sharedbooks.errors import AccessDenied, NotFound, UidConflict


@dataclass(frozen=True, slots=True)
class CardInfo:
    """What a listing tells of a card.

    ``revision`` is the book's when the card last changed; ``created_at`` and ``changed_at`` are
    microseconds since 1970, UTC; ``size`` is in octets.
    """

    id: int
    resource_name: str
    card_uid: str
    content_hash: str
    revision: int
    size: int
    version: str
    kind: str
    creator_id: int | None
    created_at: int
    changed_at: int

    @property
    def etag(self) -> str:
        """Strong entity tag, quotes included."""
        return make_etag(self.content_hash)


@dataclass(frozen=True, slots=True)
class Card(CardInfo):
    """A stored card with its ``content``, exactly as the client sent it."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing a card did.

    Attributes:
        etag: strong tag of what is stored now.
        created: True if there was no card of that name.
        changed: False if the very same octets were there already.
        verbatim: False if the octets stored are not those sent (a UID was added, or an edit in
            vCard 3.0 was brought into a card of version 4.0).
    """

    etag: str
    created: bool
    changed: bool
    verbatim: bool


_INFO_COLUMNS: tuple[Any, ...] = (
    cards.c.id,
    cards.c.resource_name,
    cards.c.card_uid,
    cards.c.content_hash,
    cards.c.revision,
    cards.c.size,
    cards.c.version,
    cards.c.kind,
    cards.c.creator_id,
    cards.c.created_at,
    cards.c.changed_at,
)
_CARD_COLUMNS: tuple[Any, ...] = (*_INFO_COLUMNS, cards.c.content)
_OF_NAME = (
    cards.c.book_id == bindparam("book_id"),
    cards.c.resource_name == bindparam("resource_name"),
)
_BY_NAME = Prepared(select(*_CARD_COLUMNS).where(*_OF_NAME))
_BY_NAME_AT_ONCE = Prepared(select(*_CARD_COLUMNS).where(*_OF_NAME, AT_REVISION))
_INFO_BY_NAME = Prepared(select(*_INFO_COLUMNS).where(*_OF_NAME))
_BY_NAMES = Among(_CARD_COLUMNS, cards.c.resource_name, OF_BOOK)
_BY_IDS = Among(_CARD_COLUMNS, cards.c.id)
_INFOS_BY_NAMES = Among(_INFO_COLUMNS, cards.c.resource_name, OF_BOOK)
_ALL = (
    select(*_CARD_COLUMNS)
    .where(cards.c.book_id == bindparam("book_id"))
    .order_by(cards.c.resource_name)
)
_LISTED = (
    select(*_INFO_COLUMNS)
    .where(cards.c.book_id == bindparam("book_id"))
    .order_by(cards.c.resource_name)
)
_BY_DISPLAY_NAME = (
    select(cards.c.display_name, *_INFO_COLUMNS)
    .where(cards.c.book_id == bindparam("book_id"))
    .order_by(cards.c.display_name, cards.c.resource_name)
)
_HASHES = Prepared(
    select(cards.c.resource_name, cards.c.content_hash)
    .where(cards.c.book_id == bindparam("book_id"))
    # The order of the one index that holds all of this.
    .order_by(cards.c.revision)
)
_NAME_OF_UID = Prepared(
    select(cards.c.resource_name).where(
        cards.c.book_id == bindparam("book_id"), cards.c.card_uid == bindparam("card_uid")
    )
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


def find_card(connection: Connection, book_id: int, resource_name: str) -> Card | None:
    """Return the card of that name, or None."""
    row = _BY_NAME.first(connection, {"book_id": book_id, "resource_name": resource_name})
    return None if row is None else Card(*row)


def get_card(connection: Connection, book_id: int, resource_name: str) -> Card:
    """Return the card of that name.

    Raises:
        NotFound: there is none.
    """
    card = find_card(connection, book_id, resource_name)
    if card is None:
        raise NotFound(f"There is no card {resource_name!r} in this address book.")
    return card


def get_card_of(connection: Connection, access: BookAccess, resource_name: str) -> Card:
    """Return the card of that name in a book; ``connection`` may be one for reading at once.

    Raises:
        NotFound: the book has no such card.
        MoreWanted: it could not be read at once.
    """
    if not isinstance(connection, AtOnce):
        return get_card(connection, access.book_id, resource_name)
    where = {
        "book_id": access.book_id,
        "resource_name": resource_name,
        "revision": access.revision,
    }
    [row] = connection.rows(_BY_NAME_AT_ONCE, where)
    return Card(*row)


def get_card_info(connection: Connection, book_id: int, resource_name: str) -> CardInfo:
    """Return what there is to tell of the card of that name.

    Raises:
        NotFound: there is none.
    """
    row = _INFO_BY_NAME.first(connection, {"book_id": book_id, "resource_name": resource_name})
    if row is None:
        raise NotFound(f"There is no card {resource_name!r} in this address book.")
    return CardInfo(*row)


def get_cards(connection: Connection, book_id: int, names: Sequence[str]) -> Iterator[Card]:
    """Yield the cards that exist among ``names``, in no particular order."""
    for row in _BY_NAMES.rows(connection, names, book_id=book_id):
        yield Card(*row)


def get_cards_by_id(connection: Connection, ids: Sequence[int]) -> Iterator[Card]:
    """Yield the cards that exist among those ids, in bounded memory."""
    for row in _BY_IDS.rows(connection, ids):
        yield Card(*row)


def get_card_infos(
    connection: Connection, book_id: int, names: Sequence[str]
) -> Iterator[CardInfo]:
    """Yield what there is to tell of the cards among ``names``, in no particular order."""
    for row in _INFOS_BY_NAMES.rows(connection, names, book_id=book_id):
        yield CardInfo(*row)


def list_hashes(connection: Connection, book_id: int) -> list[tuple[str, str]]:
    """Return resource name and content hash of every card of the book, oldest change first."""
    return _HASHES.all(connection, {"book_id": book_id})


def list_cards(connection: Connection, book_id: int) -> list[CardInfo]:
    """Return what there is to tell of every card of the book, by name."""
    return [CardInfo(*row) for row in connection.execute(_LISTED, {"book_id": book_id})]


def list_named_cards(connection: Connection, book_id: int) -> list[tuple[str, CardInfo]]:
    """Return display name, and what else there is to tell, of every card, by display name."""
    rows = connection.execute(_BY_DISPLAY_NAME, {"book_id": book_id})
    return [(name, CardInfo(*info)) for name, *info in rows]


def iterate_cards(connection: Connection, book_id: int) -> Iterator[Card]:
    """Yield every card of the book by name, in bounded memory."""
    streamed = {"yield_per": 200}
    # Closed also when the caller stops early: MariaDB would take no other statement meanwhile.
    with connection.execute(_ALL, {"book_id": book_id}, execution_options=streamed) as result:
        for row in result:
            yield Card(*row)


def find_name_of_uid(connection: Connection, book_id: int, card_uid: str) -> str | None:
    """Return the resource name of the card with that UID, or None."""
    row = _NAME_OF_UID.first(connection, {"book_id": book_id, "card_uid": card_uid})
    return None if row is None else str(row[0])


def put_card(
    connection: Connection,
    access: BookAccess,
    resource_name: str,
    card: PreparedCard,
    actor: Actor,
    conditions: Conditions = UNCONDITIONAL,
) -> Stored:
    """Store ``card`` under ``resource_name`` in a book that this transaction opened for writing.

    The same octets again change nothing: no revision, no history.

    Raises:
        AccessDenied, CardRefused: the member may not; the book refuses it (``apply_policy``).
        PreconditionFailed: see ``Conditions``.
        UidConflict: the UID belongs to another card, or is not the one this card has.
    """
    holder = _NAME_OF_UID.ask(
        connection, {"book_id": access.book_id, "card_uid": card.facts.card_uid or ""}
    )
    existing = find_card(connection, access.book_id, resource_name)
    _require_privilege(access, existing)
    conditions.require(None if existing is None else existing.etag)
    stored, verbatim = card, True
    if card.facts.card_uid is None:
        stored = add_uid(card, str(uuid.uuid4()) if existing is None else existing.card_uid)
        verbatim = False
    if existing is None:
        _require_free_uid(holder())
    elif stored.card_uid != existing.card_uid:
        raise UidConflict("The UID of a card cannot change.", resource_name=resource_name)
    if existing is not None and (existing.version, stored.facts.version) == ("4.0", "3.0"):
        stored = merge_into(existing.content, stored)
        verbatim = stored.octets == card.octets
    if existing is not None and existing.content_hash == stored.content_hash:
        return Stored(existing.etag, created=False, changed=False, verbatim=verbatim)
    before = None if existing is None else existing.content
    apply_policy(connection, access, resource_name, stored.octets, before)
    with pipelined(connection):
        revision = raise_revision(connection, access.book_id)
        if existing is None:
            insert_cards(connection, access.book_id, actor, revision, [(resource_name, stored)])
        else:
            replace_card(connection, access.book_id, existing, stored, actor, revision)
    etag = make_etag(stored.content_hash)
    return Stored(etag, created=existing is None, changed=True, verbatim=verbatim)


def delete_card(
    connection: Connection,
    access: BookAccess,
    resource_name: str,
    actor: Actor,
    conditions: Conditions = UNCONDITIONAL,
) -> None:
    """Delete a card from a book that this transaction opened for writing; history keeps it.

    Raises:
        NotFound: there is no such card.
        AccessDenied: the member may not delete this card.
        PreconditionFailed: see ``Conditions``.
    """
    card = get_card(connection, access.book_id, resource_name)
    _require_privilege(access, card, missing="unbind")
    conditions.require(card.etag)
    removed = RemovedCard(card.id, resource_name, card.card_uid, card.content)
    with pipelined(connection):
        revision = raise_revision(connection, access.book_id)
        remove_rows(connection, access.book_id, actor, revision, [removed])


def move_card(
    connection: Connection,
    source: BookAccess,
    resource_name: str,
    target: BookAccess,
    target_name: str,
    actor: Actor,
) -> Stored:
    """Move a card to another name or book, replacing what is there; both books are open.

    Raises:
        NotFound: there is no such card.
        AccessDenied: the member may not delete here or not store there.
        UidConflict: the target book has another card of this UID.
    """
    card = get_card(connection, source.book_id, resource_name)
    delete_card(connection, source, resource_name, actor)
    prepared = prepare_card(card.content, max_size=card.size)
    return put_card(connection, target, target_name, prepared, actor)


def may_add(access: BookAccess) -> bool:
    """True if the member may add cards to the book."""
    return not access.read_only and access.privilege >= Privilege.CREATE


def may_edit(access: BookAccess, creator_id: int | None) -> bool:
    """True if the member may change and delete a card that ``creator_id`` has added."""
    if access.read_only:
        return False
    if access.privilege is Privilege.EDIT_OWN:
        return creator_id == access.user_id
    return access.privilege >= Privilege.WRITE


def _require_privilege(
    access: BookAccess, existing: Card | None, missing: str = "write-content"
) -> None:
    if existing is None:
        if not may_add(access):
            raise AccessDenied("You may not add cards to this address book.", privileges=["bind"])
    elif not may_edit(access, existing.creator_id):
        raise AccessDenied("You may not change this card.", privileges=[missing])


def _require_free_uid(holder: Sequence[tuple[str]]) -> None:
    for (name,) in holder:
        raise UidConflict(
            f"The card {name!r} of this address book has this UID.", resource_name=name
        )


def replace_card(
    connection: Connection,
    book_id: int,
    existing: Card,
    card: PreparedCard,
    actor: Actor,
    revision: int,
) -> None:
    """Store ``card``, which has the same UID, in place of ``existing``; history keeps that one."""
    values: dict[str, Any] = {
        "card_id": existing.id,
        "new_content_hash": card.content_hash,
        "new_revision": revision,
        "new_size": len(card.octets),
        "new_version": card.facts.version,
        "new_kind": card.facts.kind[:32],
        "new_display_name": card.facts.display_name[:255],
        "new_changed_at": now(),
        "new_content": card.octets,
    }
    _UPDATE.run(connection, values)
    replace_properties(connection, book_id, existing.id, card)
    change = Change(
        revision, Action.EDIT, existing.resource_name, existing.card_uid, existing.content
    )
    record(connection, book_id, actor, [change])
