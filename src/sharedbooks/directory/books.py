"""Directory books: the cards of a book brought up to date with the entries of a directory."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from typing import TypeVar

from sqlalchemy import Connection

from sharedbooks.db.engine import Database
from sharedbooks.db.locks import sole
from sharedbooks.directory.book_scan import (
    Advance,
    Part,
    Relations,
    Scan,
    fetch,
    hash_dn,
    part_of,
    scan,
)
from sharedbooks.directory.cards import card_uid, person_card, related_dn
from sharedbooks.directory.connection import Directory
from sharedbooks.directory.contact_groups import group_cards
from sharedbooks.directory.entries import Entry
from sharedbooks.directory.groups import GroupGraph
from sharedbooks.directory.stamps import server_identity
from sharedbooks.directory.values import BadEntry
from sharedbooks.domain.bulk import (
    BulkResult,
    compare_cards,
    find_uids,
    remove_cards,
    store_cards,
)
from sharedbooks.domain.directory_books import (
    DirectoryBook,
    DirectoryEntry,
    finish_sync,
    forget_entries,
    forget_stamps,
    get_directory_book,
    list_entries,
    write_entries,
)
from sharedbooks.domain.history import Actor
from sharedbooks.domain.prepared_cards import PreparedCard, hash_content, prepare_card
from sharedbooks.errors import CardTooLarge, DirectoryShrunk, InvalidCard

T = TypeVar("T")

_logger = logging.getLogger("sharedbooks.directory")

# A transaction each: whoever renames the book gets their turn, and memory stays small even when
# everybody has a photo.
_BATCH_CARDS = 250
_BATCH_OCTETS = 4 * 1024 * 1024

_CARDS_MADE = "1"
"""To be changed with the way cards are made, so that every entry is read again."""


@dataclass(slots=True)
class BookSyncSummary:
    """What a sync of a book did, or would do, counted by cards.

    Attributes:
        book: how people name the book.
        directory: name of the directory.
        entries: how many entries of the directory belong to the book, groups included.
        added, changed, removed: cards.
        problems: why entries did not become cards, a sentence each with the DN or name.
    """

    book: str
    directory: str
    entries: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    problems: list[str] = field(default_factory=list)

    def count(self, result: BulkResult) -> None:
        """Add what happened to some cards."""
        self.added += result.added
        self.changed += result.changed


@dataclass(frozen=True, slots=True)
class _Made:
    """What became of an entry: a card, unless there is a problem with it."""

    entry: DirectoryEntry
    card: PreparedCard | None


@dataclass(frozen=True, slots=True)
class _Sync:
    """A sync that runs."""

    database: Database
    book: DirectoryBook
    part: Part
    max_card_size: int
    dry_run: bool
    force: bool
    advance: Advance
    summary: BookSyncSummary

    @property
    def actor(self) -> Actor:
        """Who history says it was."""
        return Actor(None, f"directory:{self.book.directory}", "", "sharedbooks directory sync")

    def write(self, work: Callable[[Connection], T]) -> T:
        return self.database.run_write(work)


def sync_book(
    database: Database,
    directory: Directory,
    book: DirectoryBook,
    *,
    max_card_size: int,
    dry_run: bool,
    force: bool,
    advance: Advance,
) -> BookSyncSummary:
    """Make the cards of a book those of its entries; what did not change is not touched.

    Entries are told by their stable id: whoever is renamed or moved keeps their card. One that no
    card can be made of is reported, and keeps the card it had before, if any. A sync that fails in
    the middle leaves every card whole, and the next one goes on from there.

    Args:
        database: where the book is.
        directory: the directory that it shows.
        book: the book.
        max_card_size: largest card that is kept, in octets.
        dry_run: write nothing.
        force: believe the directory even if more than half of the cards would go.
        advance: is told of progress.

    Raises:
        DirectoryUnavailable: no server answers, or one stopped in the middle.
        DirectoryShrunk: more than half of the cards would go.
        Conflict: the mapping of the book cannot be used.
        NotFound: the book is gone, or the place in the directory it is made of.
        AccessDenied: the book was taken from the directory meanwhile.
        StoreBusy: another sync of this book runs, or the database is away or busy.
    """
    with sole(database, f"directory-book-{book.book.id}"):
        # As the last sync has left it.
        current = database.run_read(lambda c: get_directory_book(c, book.book.reference))
        run = _Sync(
            database=database,
            book=current,
            part=part_of(directory, current),
            max_card_size=max_card_size,
            dry_run=dry_run,
            force=force,
            advance=advance,
            summary=BookSyncSummary(str(current.book.reference), directory.config.name),
        )
        _run(run)
    return run.summary


def _run(run: _Sync) -> None:
    identity = server_identity(run.part.directory)
    graph = None if run.book.group_filter is None else GroupGraph(run.part.directory.config)
    found = scan(run.part, run.advance, graph)
    if identity is None or server_identity(run.part.directory) != identity:
        # Nobody knows which server the stamps are of: they are good for nothing.
        identity = ""
        found.entries = {key: replace(each, stamp="") for key, each in found.entries.items()}
    stamps_of = _stamps_of(run, identity)
    known = run.database.run_read(lambda c: list_entries(c, run.book.book.id))
    people = {entry.source_id: entry for entry in known if not entry.is_group}
    gone = [entry for source_id, entry in people.items() if source_id not in found.entries]
    _believe(run, gone, len(people))
    trusted = stamps_of == run.book.stamps_of
    if not trusted and not run.dry_run:
        run.write(lambda connection: forget_stamps(connection, run.book.book.id))
    run.summary.entries = len(found.entries)
    run.summary.problems += [f"{dn}: {sentence}" for dn, sentence in found.problems]
    _write_people(run, found, people, trusted=trusted)
    _remove(run, gone)
    groups = [each for each in known if each.is_group and each.source_id not in found.entries]
    _write_groups(run, found, groups, graph)
    if not run.dry_run:
        run.write(lambda connection: finish_sync(connection, run.book.book.id, stamps_of))


def _stamps_of(run: _Sync, identity: str) -> str:
    """Return what stamps hold for: the server, and all that a card depends on beside its entry."""
    config = run.part.directory.config
    made_by = (_CARDS_MADE, config.preset, config.id_attribute, run.part.lines, run.max_card_size)
    return f"{blake2b(repr(made_by).encode(), digest_size=16).hexdigest()} {identity}"[:255].strip()


def _believe(run: _Sync, gone: Sequence[DirectoryEntry], known: int) -> None:
    if 2 * len(gone) > known and not run.force:
        raise DirectoryShrunk(
            f"The directory {run.book.directory} holds {known - len(gone)} of the {known} entries "
            f"that the address book {run.summary.book!r} shows, so nothing was changed: a wrong "
            "base or filter, or an account that may not read any more, looks like that."
        )


def _write_people(
    run: _Sync, found: Scan, known: dict[str, DirectoryEntry], *, trusted: bool
) -> None:
    stale = _stale(found, known, trusted=trusted)
    for source_id in found.entries.keys() - stale:
        entry = known[source_id]
        if entry.problem is not None:
            run.summary.problems.append(f"{entry.name or entry.source_id}: {entry.problem}")
    for batch in _batches(_make(run, found, stale)):
        _store(run, batch)
    moved = [
        replace(known[source_id], dn_hash=entry.dn_hash)
        for source_id, entry in found.entries.items()
        if source_id not in stale and known[source_id].dn_hash != entry.dn_hash
    ]
    if moved and not run.dry_run:
        run.write(lambda connection: write_entries(connection, run.book.book.id, moved))


def _stale(found: Scan, known: dict[str, DirectoryEntry], *, trusted: bool) -> set[str]:
    """Return the ids of the entries to be read: they changed, or what their managers are called."""
    stale = set()
    renamed = {entry.dn_hash for entry in known.values() if entry.source_id not in found.entries}
    for source_id, entry in found.entries.items():
        before = known.get(source_id)
        same_person = before is not None and (before.name, before.dn_hash) == (
            entry.name,
            entry.dn_hash,
        )
        if before is None or not same_person:
            # Whoever names them, by the old DN or the new one, says something else now.
            renamed.add(entry.dn_hash)
            if before is not None:
                renamed.add(before.dn_hash)
        unchanged = before is not None and entry.stamp and before.stamp == entry.stamp
        if not trusted or not unchanged or before is None or before.name != entry.name:
            stale.add(source_id)
    stale.update(
        entry.source_id
        for entry in known.values()
        if entry.manager_hash in renamed and entry.source_id in found.entries
    )
    return stale


def _make(run: _Sync, found: Scan, stale: set[str]) -> Iterator[_Made]:
    """Yield what becomes of each of those entries."""
    relations = Relations(run.part, found)
    for source_id, entry in fetch(run.part, stale):
        run.advance(1)
        made = _make_one(run, found, source_id, entry, relations)
        if made.entry.problem is not None:
            run.summary.problems.append(f"{entry.dn}: {made.entry.problem}")
        yield made


def _make_one(run: _Sync, found: Scan, source_id: str, entry: Entry, relations: Relations) -> _Made:
    scanned = found.entries[source_id]
    card, problem, manager = None, None, None
    try:
        manager = related_dn(entry, run.part.lines)
        octets = person_card(entry, source_id, run.part.lines, relations.resolve)
        card = prepare_card(octets, max_size=run.max_card_size)
    except (BadEntry, CardTooLarge, InvalidCard) as error:
        problem = str(error)
    noted = DirectoryEntry(
        source_id=source_id,
        is_group=False,
        card_uid=card_uid(source_id),
        dn_hash=scanned.dn_hash,
        name=scanned.name,
        stamp=scanned.stamp,
        manager_hash=None if manager is None else hash_dn(manager),
        problem=problem,
    )
    return _Made(noted, card)


def _batches(some: Iterator[_Made]) -> Iterator[list[_Made]]:
    batch: list[_Made] = []
    octets = 0
    for made in some:
        batch.append(made)
        octets += 0 if made.card is None else len(made.card.octets)
        if len(batch) == _BATCH_CARDS or octets >= _BATCH_OCTETS:
            yield batch
            batch, octets = [], 0
    if batch:
        yield batch


def _store(run: _Sync, batch: Sequence[_Made]) -> None:
    book_id = run.book.book.id
    cards = [made.card for made in batch if made.card is not None]
    if run.dry_run:
        run.summary.count(
            run.database.run_read(partial(compare_cards, book_id=book_id, some=cards))
        )
        return

    def work(connection: Connection) -> BulkResult:
        result = store_cards(connection, book_id, run.actor, cards, from_directory=True)
        write_entries(connection, book_id, [made.entry for made in batch])
        return result

    run.summary.count(run.write(work))


def _remove(run: _Sync, gone: Sequence[DirectoryEntry]) -> None:
    book_id = run.book.book.id
    for start in range(0, len(gone), _BATCH_CARDS):
        some = gone[start : start + _BATCH_CARDS]
        if run.dry_run:
            uids = [entry.card_uid for entry in some]
            run.summary.removed += len(
                run.database.run_read(partial(find_uids, book_id=book_id, card_uids=uids))
            )
            continue

        def work(connection: Connection, some: Sequence[DirectoryEntry] = some) -> int:
            uids = [entry.card_uid for entry in some]
            forget_entries(connection, book_id, [entry.source_id for entry in some])
            return remove_cards(connection, book_id, run.actor, uids, from_directory=True)

        run.summary.removed += run.write(work)


def _write_groups(
    run: _Sync, found: Scan, known: Sequence[DirectoryEntry], graph: GroupGraph | None
) -> None:
    """Bring the contact groups up to date; all of them are read, since their members may differ."""
    if graph is None or run.book.group_filter is None:
        _remove(run, known)
        return
    made = group_cards(run.part, run.book.group_filter, graph, found, run.advance)
    gone = [entry for entry in known if entry.source_id not in made]
    _believe(run, gone, len(known))
    run.summary.entries += len(made)
    stamps = {entry.source_id: entry.stamp for entry in known if entry.problem is None}
    for batch in _batches(_prepared_groups(run, made, stamps)):
        _store(run, batch)
    _remove(run, gone)


def _prepared_groups(
    run: _Sync, made: dict[str, tuple[str, bytes]], stamps: dict[str, str]
) -> Iterator[_Made]:
    """Yield the groups whose cards are not those of the last time, told by their hash."""
    for source_id, (name, octets) in made.items():
        stamp = hash_content(octets)
        if stamps.get(source_id) == stamp:
            continue
        card, problem = None, None
        try:
            card = prepare_card(octets, max_size=run.max_card_size)
        except (CardTooLarge, InvalidCard) as error:
            problem = str(error)
            run.summary.problems.append(f"{name}: {problem}")
        noted = DirectoryEntry(
            source_id=source_id,
            is_group=True,
            card_uid=card_uid(source_id),
            dn_hash="",
            name=name[:255],
            stamp=stamp,
            manager_hash=None,
            problem=problem,
        )
        yield _Made(noted, card)
