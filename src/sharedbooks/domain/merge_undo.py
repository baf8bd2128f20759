"""Merges of the past, and taking one back: each card octet for octet as it was before."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, select, update

from sharedbooks.db.schema import card_merge_changes, card_merges, card_versions
from sharedbooks.db.types import now
from sharedbooks.domain.books import lock_book
from sharedbooks.domain.bringing_back import insert_again, stored_before
from sharedbooks.domain.card_rows import replace_card
from sharedbooks.domain.cards import Card, find_card, find_name_of_uid, get_card
from sharedbooks.domain.changes import raise_revision
from sharedbooks.domain.history import Actor
from sharedbooks.errors import Conflict, NotFound

_MERGES = select(
    card_merges.c.id,
    card_merges.c.book_id,
    card_merges.c.kept_uid,
    card_merges.c.at,
    card_merges.c.actor_name,
    card_merges.c.undone_at,
)
_CHANGES = (
    select(
        card_merge_changes.c.book_id,
        card_merge_changes.c.card_uid,
        card_merge_changes.c.hash_after,
        card_versions.c.resource_name,
        card_versions.c.content_before,
    )
    .outerjoin(
        card_versions,
        and_(
            card_versions.c.book_id == card_merge_changes.c.book_id,
            card_versions.c.revision == card_merge_changes.c.revision,
        ),
    )
    .where(card_merge_changes.c.merge_id == bindparam("merge"))
    .order_by(card_merge_changes.c.book_id, card_merge_changes.c.revision)
)
_MARK_UNDONE = update(card_merges).where(card_merges.c.id == bindparam("merge"))


@dataclass(frozen=True, slots=True)
class PastMerge:
    """A merge as it was noted; moments are microseconds since 1970, UTC.

    ``undone_at`` is None while it holds.
    """

    id: int
    book_id: int
    kept_uid: str
    at: int
    actor_name: str
    undone_at: int | None


@dataclass(frozen=True, slots=True)
class _Change:
    """One card that the merge changed; ``hash_after`` is None where it deleted it."""

    book_id: int
    card_uid: str
    hash_after: str | None
    resource_name: str | None
    content_before: bytes | None


def list_merges(connection: Connection, book_id: int) -> list[PastMerge]:
    """Return the merges into cards of a book, newest first."""
    statement = _MERGES.where(card_merges.c.book_id == book_id).order_by(card_merges.c.id.desc())
    return [PastMerge(*row) for row in connection.execute(statement)]


def get_merge(connection: Connection, merge_id: int) -> PastMerge:
    """Return a merge.

    Raises:
        NotFound: there is none with that id.
    """
    row = connection.execute(_MERGES.where(card_merges.c.id == merge_id)).first()
    if row is None:
        raise NotFound(f"There is no merge {merge_id}.")
    return PastMerge(*row)


def undo_merge(
    connection: Connection, merge_id: int, actor: Actor, *, force: bool = False
) -> list[str]:
    """Make every card that a merge touched what it was before; return their resource names.

    Deleted cards come back with their octets, names and makers; the kept card and the groups get
    their octets back. These are changes like any other, which every device sees.

    Args:
        connection: a write transaction.
        merge_id: the merge.
        actor: who undoes it.
        force: also where somebody changed one of the cards since; history keeps what they wrote.

    Raises:
        NotFound: there is no such merge, or a book is gone.
        Conflict: it is undone already, a card was changed since, or history has lost what was.
        AccessDenied: one of the books is read-only.
    """
    get_merge(connection, merge_id)
    changes = [_Change(*row) for row in connection.execute(_CHANGES, {"merge": merge_id})]
    for book_id in sorted({change.book_id for change in changes}):
        lock_book(connection, book_id)
    if get_merge(connection, merge_id).undone_at is not None:
        raise Conflict(f"The merge {merge_id} is undone already.")
    present = [_present(connection, change) for change in changes]
    if not force:
        for change, card in zip(changes, present, strict=True):
            _refuse_changed(connection, change, card)
    names = _restore(connection, changes, present, actor)
    connection.execute(_MARK_UNDONE.values(undone_at=now()), {"merge": merge_id})
    return names


def _present(connection: Connection, change: _Change) -> Card | None:
    name = find_name_of_uid(connection, change.book_id, change.card_uid)
    return None if name is None else get_card(connection, change.book_id, name)


def _refuse_changed(connection: Connection, change: _Change, card: Card | None) -> None:
    """Raise Conflict unless the card is what the merge made of it."""
    if change.hash_after is None:
        name = change.resource_name or ""
        if card is not None or find_card(connection, change.book_id, name) is not None:
            raise Conflict(f"There is a card {name!r} again since the merge.")
    elif card is None:
        raise Conflict(f"The card with the UID {change.card_uid!r} was deleted since the merge.")
    elif card.content_hash != change.hash_after:
        raise Conflict(f"The card {card.resource_name!r} was changed since the merge.")


def _restore(
    connection: Connection,
    changes: Sequence[_Change],
    present: Sequence[Card | None],
    actor: Actor,
) -> list[str]:
    names = []
    for change, card in zip(changes, present, strict=True):
        if change.content_before is None or change.resource_name is None:
            raise Conflict(f"History no longer has the card with the UID {change.card_uid!r}.")
        before = stored_before(change.content_before)
        if card is None:
            names += insert_again(
                connection, change.book_id, actor, [(change.resource_name, before)]
            )
            continue
        names.append(card.resource_name)
        if card.content_hash != before.content_hash:
            revision = raise_revision(connection, change.book_id)
            replace_card(connection, change.book_id, card, before, actor, revision)
    return names
