"""Noticing that a device deletes a great many cards of a book, as one that went wrong does."""

import logging
import shlex
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select, update

from sharedbooks.db.prepared import Prepared
from sharedbooks.db.schema import address_books, card_versions
from sharedbooks.db.types import now
from sharedbooks.domain.books import get_reference
from sharedbooks.domain.history import Action, Actor
from sharedbooks.identifiers import BookReference
from sharedbooks.watching.metrics import MASS_DELETIONS

_logger = logging.getLogger("sharedbooks.history")

_SECOND = 1_000_000
_LOOKED_AT = 4
"""Changes looked at for each deletion that is needed: others may change the book meanwhile."""

_COUNTS = 50
"""How often a client's deletions are counted on their way to the limit."""

# A client can have deleted that many only if the book had that many changes. So this asks each
# deletion for one row, by its key.
_OLDEST = Prepared(
    select(card_versions.c.at, address_books.c.revision, address_books.c.deletions_warned_at)
    .join(
        card_versions,
        (card_versions.c.book_id == address_books.c.id)
        & (card_versions.c.revision == address_books.c.revision - bindparam("back")),
    )
    .where(address_books.c.id == bindparam("book_id"))
)
_COUNT = Prepared(
    select(func.count(), func.min(card_versions.c.revision)).where(
        card_versions.c.book_id == bindparam("book_id"),
        card_versions.c.revision > bindparam("after"),
        card_versions.c.action == Action.DELETE.value,
        card_versions.c.actor_id == bindparam("actor_id"),
        card_versions.c.device == bindparam("device"),
        card_versions.c.at >= bindparam("since"),
    )
)
_WARNED = Prepared(
    update(address_books)
    .where(address_books.c.id == bindparam("book"))
    .values(deletions_warned_at=bindparam("moment"))
)


@dataclass(frozen=True, slots=True)
class MassDeletion:
    """So many cards that one device has deleted; ``before`` is the book's revision before that."""

    book: BookReference
    actor: Actor
    cards: int
    before: int

    def warn(self) -> None:
        """Write one line into the log, with the command that undoes it, and count it."""
        MASS_DELETIONS.count()
        undo = shlex.join(
            ["sharedbooks", "book", "restore", str(self.book), "--revision", str(self.before)]
        )
        _logger.warning(
            "mass deletion: %r with device %r (%r) deleted %d cards of the address book %r;"
            " this brings them back: %s",
            self.actor.name,
            self.actor.device,
            self.actor.client,
            self.cards,
            str(self.book),
            undo,
        )


@dataclass(frozen=True, slots=True)
class DeletionWatch:
    """Notices ``limit`` deletions by one device within ``window`` seconds; a limit of 0 none."""

    limit: int
    window: int

    def look(self, connection: Connection, book_id: int, actor: Actor) -> MassDeletion | None:
        """Return what there is to warn of, after ``actor`` deleted a card in this transaction.

        The book is told of once in a window, by all processes together.
        """
        if not self.limit:
            return None
        row = _OLDEST.first(connection, {"book_id": book_id, "back": self.limit - 1})
        if row is None:
            return None
        at, revision, warned_at = row
        # Counting reads thousands of rows, so only one deletion in a hundred or so does it: of as
        # many as are looked for, some are sure to.
        if revision % max(1, self.limit // _COUNTS):
            return None
        since = now() - self.window * _SECOND
        if at < since or (warned_at is not None and warned_at >= since):
            return None
        where = {
            "book_id": book_id,
            "after": revision - _LOOKED_AT * self.limit,
            "actor_id": actor.principal_id,
            "device": actor.device,
            "since": since,
        }
        [(number, first)] = _COUNT.all(connection, where)
        if number < self.limit:
            return None
        _WARNED.run(connection, {"book": book_id, "moment": now()})
        return MassDeletion(get_reference(connection, book_id), actor, number, first - 1)
