"""Storing and deleting many cards at once, as an import or a directory does."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from sharedbooks.db.schema import cards
from sharedbooks.domain.books import lock_book
from sharedbooks.domain.card_rows import (
    RemovedCard,
    choose_names,
    insert_cards,
    remove_rows,
    replace_card,
)
from sharedbooks.domain.cards import Card, get_cards
from sharedbooks.domain.changes import raise_revision
from sharedbooks.domain.history import Actor
from sharedbooks.domain.prepared_cards import PreparedCard, add_uid, safe_resource_name

# Makes UIDs that no other program makes; arbitrary, the same in every version.
_CONTENT_UIDS = uuid.UUID("6f0c2a1e-5d0b-4d0e-9a57-1c3d1f6b8e42")

_BLANK_AROUND = b"\xef\xbb\xbf \t\r\n"

_HOLDERS = select(cards.c.card_uid, cards.c.resource_name, cards.c.content_hash).where(
    cards.c.book_id == bindparam("book_id"),
    cards.c.card_uid.in_(bindparam("uids", expanding=True)),
)
_WITH_UIDS = (
    select(cards.c.id, cards.c.resource_name, cards.c.card_uid, cards.c.content)
    .where(
        cards.c.book_id == bindparam("book_id"),
        cards.c.card_uid.in_(bindparam("uids", expanding=True)),
    )
    .order_by(cards.c.id)
)


@dataclass(frozen=True, slots=True)
class BulkResult:
    """How many cards were not there before, were there with other content, or were there so."""

    added: int
    changed: int
    unchanged: int


class Edit(NamedTuple):
    """A card that is there, and what it becomes; the UID is the same."""

    existing: Card
    card: PreparedCard


def with_content_uid(card: PreparedCard) -> PreparedCard:
    """Return the card with a UID: its own, or one that the same content gives every time.

    How lines end does not count, so that a file sent through a mail program gives the same.
    """
    if card.facts.card_uid is not None:
        return card
    content = card.octets.replace(b"\r\n", b"\n").strip(_BLANK_AROUND)
    return add_uid(card, str(uuid.uuid5(_CONTENT_UIDS, content.decode("latin-1"))))


def store_cards(
    connection: Connection,
    book_id: int,
    actor: Actor,
    some: Sequence[PreparedCard],
    *,
    from_directory: bool = False,
) -> BulkResult:
    """Store cards, each with a UID of its own, in a book; other writers of it wait meanwhile.

    A card whose UID the book has takes the place of that card, in history too. One that differs
    from it only in blank lines around it changes nothing, since files do not tell those. Some
    hundred cards a transaction is a good number: history and index make several rows of each.

    Raises:
        NotFound: the book is gone.
        AccessDenied: the book is read-only, or with ``from_directory`` is not.
    """
    lock_book(connection, book_id)
    new, edits = _sort_out(connection, book_id, some)
    write_cards(connection, book_id, actor, new, edits, from_directory=from_directory)
    return BulkResult(len(new), len(edits), len(some) - len(new) - len(edits))


def compare_cards(connection: Connection, book_id: int, some: Sequence[PreparedCard]) -> BulkResult:
    """Return what ``store_cards`` would do, and change nothing."""
    new, edits = _sort_out(connection, book_id, some)
    return BulkResult(len(new), len(edits), len(some) - len(new) - len(edits))


def find_uids(connection: Connection, book_id: int, card_uids: Sequence[str]) -> set[str]:
    """Return which of those UIDs cards of the book have."""
    rows = connection.execute(_HOLDERS, {"book_id": book_id, "uids": list(card_uids)})
    return {card_uid for card_uid, *_ in rows}


def _sort_out(
    connection: Connection, book_id: int, some: Sequence[PreparedCard]
) -> tuple[list[PreparedCard], list[Edit]]:
    """Return the cards that the book does not have, and those it has with other content."""
    uids = [card.card_uid for card in some]
    holders = {
        card_uid: (name, content_hash)
        for card_uid, name, content_hash in connection.execute(
            _HOLDERS, {"book_id": book_id, "uids": uids}
        )
    }
    new = [card for card in some if card.card_uid not in holders]
    edits = _edits(
        connection,
        book_id,
        {
            holders[card.card_uid][0]: card
            for card in some
            if card.card_uid in holders and holders[card.card_uid][1] != card.content_hash
        },
    )
    return new, edits


def write_cards(
    connection: Connection,
    book_id: int,
    actor: Actor,
    new: Sequence[PreparedCard],
    edits: Sequence[Edit],
    *,
    wanted_names: Mapping[str, str] | None = None,
    from_directory: bool = False,
) -> None:
    """Write cards into a book that is locked: new ones, and what becomes of existing ones.

    Args:
        connection: the transaction.
        book_id: the book.
        actor: who does it, for history.
        new: cards whose UID the book has not.
        edits: cards that are there, with what they become.
        wanted_names: resource name that a new card should have if it is free, by its UID.
        from_directory: whether the directory writes, whose books nobody else may change.

    Raises:
        AccessDenied: the book is read-only, or with ``from_directory`` is not.
    """
    steps = len(new) + len(edits)
    if not steps:
        return
    last = raise_revision(connection, book_id, steps, from_directory=from_directory)
    first = last - steps + 1
    if new:
        names = wanted_names or {}
        wanted = [
            (names.get(card.card_uid) or safe_resource_name(card.card_uid), card) for card in new
        ]
        named = choose_names(connection, book_id, wanted)
        insert_cards(connection, book_id, actor, first, named)
    for revision, edit in enumerate(edits, start=first + len(new)):
        replace_card(connection, book_id, edit.existing, edit.card, actor, revision)


def remove_cards(
    connection: Connection,
    book_id: int,
    actor: Actor,
    card_uids: Sequence[str],
    *,
    from_directory: bool = False,
) -> int:
    """Delete the cards with those UIDs from a book, and return how many there were.

    History keeps them. Some hundred a transaction is a good number, as with ``store_cards``.

    Raises:
        NotFound: the book is gone.
        AccessDenied: the book is read-only, or with ``from_directory`` is not.
    """
    lock_book(connection, book_id)
    rows = connection.execute(_WITH_UIDS, {"book_id": book_id, "uids": list(card_uids)})
    removed = [RemovedCard(*row) for row in rows]
    if removed:
        last = raise_revision(connection, book_id, len(removed), from_directory=from_directory)
        remove_rows(connection, book_id, actor, last - len(removed) + 1, removed)
    return len(removed)


def _edits(connection: Connection, book_id: int, differing: dict[str, PreparedCard]) -> list[Edit]:
    found = get_cards(connection, book_id, list(differing))
    edits = (Edit(existing, differing[existing.resource_name]) for existing in found)
    return [edit for edit in edits if not says_the_same(edit.existing.content, edit.card.octets)]


def says_the_same(octets: bytes, others: bytes) -> bool:
    """True if two cards differ in nothing but blank lines around them, which files do not tell."""
    return octets.strip(_BLANK_AROUND) == others.strip(_BLANK_AROUND)
