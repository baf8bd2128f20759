"""Bringing the cards of a source into a book: in order, a transaction for some hundred of them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection

from sharedbooks.db.engine import Database
from sharedbooks.db.upkeep import tidy_up
from sharedbooks.domain.books import lock_book
from sharedbooks.domain.history import Actor
from sharedbooks.errors import SharedbooksError
from sharedbooks.exchange.plan import Decision, Keyed, Target, carry_out, decide
from sharedbooks.exchange.records import BadRecord, Record
from sharedbooks.exchange.seen import Seen, Sighting, key_hash, remembering_keys

# A transaction each: other writers of the book get their turn, and memory stays small even when
# every card has a photo.
_MANY = 1000
"""Cards after which the database is tidied up: its searches then find them as fast as others."""
_BATCH_CARDS = 500
_BATCH_OCTETS = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Importing:
    """How an import is done.

    Attributes:
        database: where to.
        book_id: the book.
        actor: who imports, for history.
        source: the name under which the rows are remembered.
        max_card_size: largest card that is kept, in octets.
        overwrite: whether the source counts also against what members changed or deleted.
        dry_run: whether nothing is written.
    """

    database: Database
    book_id: int
    actor: Actor
    source: str
    max_card_size: int
    overwrite: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class ImportSummary:
    """How many rows became new cards, changed cards, changed nothing, or were left out.

    ``skipped`` are those a member deleted, ``failed`` the bad ones; ``kept`` counts the cards that
    keep something members changed although the source says something else.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0
    kept: int = 0


def import_records(
    how: Importing,
    records: Iterable[Record | BadRecord],
    *,
    refuse: Callable[[BadRecord], None],
    tell: Callable[[Decision], None] = lambda _: None,
) -> ImportSummary:
    """Store the cards of a source in a book; bad pieces are reported and left out.

    The same source again changes nothing; a changed one changes its own cards. An import that was
    interrupted is finished by giving it again.

    Args:
        how: what to import into, and how.
        records: the source, read once, in order.
        refuse: called for each bad piece, in the order of the source.
        tell: called with what was done about each row, in order.

    Raises:
        NotFound: the book is gone. Like every error on the way it has a note about the cards
            stored before it.
    """
    summary = ImportSummary()

    def refuse_and_count(bad: BadRecord) -> None:
        summary.failed += 1
        refuse(bad)

    with remembering_keys() as seen, _noting_what_is_in(summary, dry_run=how.dry_run):
        target = Target(
            how.book_id,
            how.source,
            how.overwrite,
            how.max_card_size,
            lambda row_key: seen.find(row_key) is not None,
        )
        expects_news = False
        for batch in _batches(_keyed(records, seen, refuse_and_count)):
            decisions = _do(how, target, batch, expects_news=expects_news)
            expects_news = any(decision.is_news for decision in decisions)
            for decision in decisions:
                _count(summary, decision)
                tell(decision)
    if summary.added + summary.changed >= _MANY and not how.dry_run:
        how.database.run_write(tidy_up)
    return summary


@contextmanager
def _noting_what_is_in(summary: ImportSummary, *, dry_run: bool) -> Iterator[None]:
    try:
        yield
    except SharedbooksError as error:
        stored = summary.added + summary.changed
        if stored and not dry_run:
            error.add_note(f"{stored} cards are in already; import the file again for the rest.")
        raise


def _do(
    how: Importing, target: Target, batch: list[Keyed], *, expects_news: bool
) -> list[Decision]:
    """Decide about some rows and do it; what is unchanged takes no lock and writes nothing."""
    if how.dry_run or not expects_news:
        decisions = how.database.run_read(lambda connection: decide(connection, target, batch))
        if how.dry_run or not any(decision.is_news for decision in decisions):
            return decisions

    def work(connection: Connection) -> list[Decision]:
        lock_book(connection, how.book_id)
        decisions = decide(connection, target, batch)
        carry_out(connection, target, how.actor, decisions)
        return decisions

    return how.database.run_write(work)


def _count(summary: ImportSummary, decision: Decision) -> None:
    name = decision.outcome.value
    setattr(summary, name, getattr(summary, name) + 1)
    summary.kept += bool(decision.kept)


def _keyed(
    records: Iterable[Record | BadRecord], seen: Seen, refuse: Callable[[BadRecord], None]
) -> Iterator[Keyed]:
    """Yield the rows, each with a key that no other one before it has."""
    for record in records:
        keyed = record if isinstance(record, BadRecord) else _with_own_key(record, seen)
        if isinstance(keyed, BadRecord):
            refuse(keyed)
        else:
            seen.add(keyed.row_key, Sighting(str(record.place), keyed.record.card.content_hash))
            yield keyed


def _with_own_key(record: Record, seen: Seen) -> Keyed | BadRecord:
    row_key = key_hash(record.key)
    before = seen.find(row_key)
    if before is None:
        return Keyed(row_key, record)
    if record.key_is_own:
        what = "UID" if record.uid_is_own else "key"
        reason = f"The card has the {what} of the one in {before.place}; that one was taken."
        return BadRecord(record.place, reason)
    if before.content_hash == record.card.content_hash:
        return BadRecord(record.place, f"It says the same as {before.place}; that one was taken.")
    # Another person of that name and address: what else the row says tells them apart.
    other = key_hash(f"{record.key}\n{record.card.content_hash}")
    twin = seen.find(other)
    if twin is not None:
        return BadRecord(record.place, f"It says the same as {twin.place}; that one was taken.")
    return Keyed(other, record)


def _batches(rows: Iterable[Keyed]) -> Iterator[list[Keyed]]:
    batch: list[Keyed] = []
    octets = 0
    for row in rows:
        batch.append(row)
        octets += len(row.record.card.octets)
        if len(batch) == _BATCH_CARDS or octets >= _BATCH_OCTETS:
            yield batch
            batch, octets = [], 0
    if batch:
        yield batch
