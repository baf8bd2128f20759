"""Erasing a person's cards for good: what trash and history would keep goes too."""

import re
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from sharedbooks.db.schema import (
    address_books,
    audit_events,
    card_properties,
    card_versions,
    cards,
    directory_entries,
    import_rows,
    import_sources,
    removed_names,
)
from sharedbooks.db.search_index import forget_texts, settle_texts
from sharedbooks.domain.card_rows import replace_card
from sharedbooks.domain.cards import get_cards_by_id
from sharedbooks.domain.changes import raise_revision
from sharedbooks.domain.distinct_cards import forget_cards
from sharedbooks.domain.history import Actor
from sharedbooks.domain.import_marks import keep_marks
from sharedbooks.domain.people import pages
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.vcard.persons import plain_uid, without_references

_ROWS_A_STATEMENT = 100
_NAMING = re.compile(rb"MEMBER|RELATED", re.IGNORECASE)
# Names that programs make of random letters; any other one may say who it was.
_OPAQUE_NAME = re.compile(r"[0-9A-Fa-f-]{16,}(\.vcf)?")
# Arguments of commands that name accounts and books, and never contacts.
_ACCOUNTS = frozenset({"name", "user_name", "group_name", "grantee", "reference", "label"})
_ERASED = "erased"

IsPerson = Callable[[str], bool]
"""Tells whether an address or number in a card that names another one is the person's."""


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """A card with its whole history; ``book_id`` may be that of a deleted book."""

    book_id: int
    card_uid: str


@dataclass(slots=True)
class Erased:
    """What went.

    Attributes:
        cards: living cards.
        versions: versions in history and trash.
        references: cards of others, groups for instance, that named an erased card.
        books: in how many books.
    """

    cards: int = 0
    versions: int = 0
    references: int = 0
    books: int = 0


_CONTENTS = tuple(
    select(table.c.id, table.c.book_id, table.c.card_uid, content)
    .where(table.c.id > bindparam("after"), content.is_not(None))
    .order_by(table.c.id)
    .limit(_ROWS_A_STATEMENT)
    for table, content in (
        (cards, cards.c.content),
        (card_versions, card_versions.c.content_before),
    )
)
_UIDS = tuple(
    select(table.c.id, table.c.book_id, table.c.card_uid)
    .where(table.c.id > bindparam("after"))
    .order_by(table.c.id)
    .limit(10 * _ROWS_A_STATEMENT)
    for table in (cards, card_versions)
)


def find_referring(
    connection: Connection, targets: Collection[Target], is_person: IsPerson
) -> set[Target]:
    """Return the other cards that name one of ``targets``, now or in some version of theirs.

    Args:
        connection: a snapshot of the database.
        targets: the cards.
        is_person: asked for each address and number by which a card names somebody.
    """
    uids = {plain_uid(target.card_uid) for target in targets}
    found: set[Target] = set()
    for statement in _CONTENTS:
        for rows in pages(connection, statement):
            for _, book_id, card_uid, content in rows:
                naming = _NAMING.search(content) is not None
                if naming and without_references(content, uids, is_person) != content:
                    found.add(Target(book_id, card_uid))
    return found.difference(targets)


def find_targets(connection: Connection, is_erased: Callable[[str], bool]) -> set[Target]:
    """Return every card, living or in history, whose UID is one of those erased before."""
    known: dict[str, bool] = {}
    found = set()
    for statement in _UIDS:
        for rows in pages(connection, statement):
            for _, book_id, card_uid in rows:
                if card_uid not in known:
                    known[card_uid] = is_erased(card_uid)
                if known[card_uid]:
                    found.add(Target(book_id, card_uid))
    return found


def erase(
    connection: Connection,
    actor: Actor,
    targets: Collection[Target],
    referring: Collection[Target],
    is_person: IsPerson,
) -> Erased:
    """Delete cards with their whole history, and every line of other cards that names them.

    Phones lose the cards at their next sync. A card that loses a line changes as by any edit, and
    its older versions lose the line too.

    Args:
        connection: a write transaction.
        actor: who erases, for the history of the other cards.
        targets: the cards.
        referring: the other cards, as ``find_referring`` gives them.
        is_person: as there.
    """
    done = Erased(books=len({target.book_id for target in targets}))
    for book_id in sorted({target.book_id for target in (*targets, *referring)}):
        _lock(connection, book_id)
    for book_id, uids in _by_book(targets):
        _erase_cards(connection, book_id, uids, done)
    plain = {plain_uid(target.card_uid) for target in targets}
    for target in sorted(referring):
        done.references += _drop_references(connection, actor, target, plain, is_person)
    settle_texts(connection)
    return done


def redact_events(connection: Connection, is_about: IsPerson) -> int:
    """Take texts that name a contact out of the audit log; return from how many events.

    Names of accounts, groups and books stay: the log must tell who did what.
    """
    changed = 0
    statement = (
        select(audit_events.c.id, audit_events.c.details)
        .where(audit_events.c.id > bindparam("after"))
        .order_by(audit_events.c.id)
        .limit(10 * _ROWS_A_STATEMENT)
    )
    for rows in pages(connection, statement):
        for event_id, details in rows:
            kept = {
                key: _ERASED if key not in _ACCOUNTS and _mentions(value, is_about) else value
                for key, value in details.items()
            }
            if kept != details:
                connection.execute(
                    update(audit_events).where(audit_events.c.id == event_id).values(details=kept)
                )
                changed += 1
    return changed


def _mentions(value: object, is_about: IsPerson) -> bool:
    texts = value if isinstance(value, list) else [value]
    return any(isinstance(text, str) and is_about(text) for text in texts)


def _by_book(targets: Iterable[Target]) -> Iterator[tuple[int, list[str]]]:
    ordered = sorted(targets)
    for book_id in sorted({target.book_id for target in ordered}):
        yield book_id, [target.card_uid for target in ordered if target.book_id == book_id]


def _lock(connection: Connection, book_id: int) -> None:
    # Deleted books too.
    connection.execute(
        select(address_books.c.id).where(address_books.c.id == book_id).with_for_update()
    )


def _erase_cards(connection: Connection, book_id: int, uids: list[str], done: Erased) -> None:
    of_cards = (cards.c.book_id == book_id) & cards.c.card_uid.in_(uids)
    of_versions = (card_versions.c.book_id == book_id) & card_versions.c.card_uid.in_(uids)
    living = connection.execute(select(cards.c.id, cards.c.resource_name).where(of_cards)).all()
    before = select(card_versions.c.resource_name).where(of_versions).distinct()
    names = {name for _, name in living} | set(connection.execute(before).scalars())
    ids = [card_id for card_id, _ in living]
    connection.execute(delete(card_properties).where(card_properties.c.card_id.in_(ids)))
    forget_texts(connection, ids)
    connection.execute(delete(cards).where(of_cards))
    done.cards += len(living)
    done.versions += connection.execute(delete(card_versions).where(of_versions)).rowcount
    _forget_origins(connection, book_id, uids)
    if living:
        last = _raise_revision(connection, book_id, len(living))
        rows = [
            {"book_id": book_id, "resource_name": name, "revision": last - number}
            for number, (_, name) in enumerate(living)
        ]
        connection.execute(insert(removed_names), rows)
    forget_cards(connection, book_id, uids)
    _forget_names(connection, book_id, names)


def _forget_origins(connection: Connection, book_id: int, uids: list[str]) -> None:
    """Forget from which rows of files and entries of directories the cards came."""
    sources = select(import_sources.c.id).where(import_sources.c.book_id == book_id)
    connection.execute(
        delete(import_rows).where(
            import_rows.c.source_id.in_(sources), import_rows.c.card_uid.in_(uids)
        )
    )
    connection.execute(
        delete(directory_entries).where(
            directory_entries.c.book_id == book_id, directory_entries.c.card_uid.in_(uids)
        )
    )


def _forget_names(connection: Connection, book_id: int, names: Iterable[str]) -> None:
    """Forget the names of removed cards that may say whose they were.

    Apps then compare the whole book once, since they cannot be told what is gone.
    """
    telling = [name for name in names if not _OPAQUE_NAME.fullmatch(name)]
    if telling:
        connection.execute(
            delete(removed_names).where(
                removed_names.c.book_id == book_id, removed_names.c.resource_name.in_(telling)
            )
        )
        connection.execute(
            update(address_books)
            .where(address_books.c.id == book_id)
            .values(sync_key=secrets.token_hex(8))
        )


def _drop_references(
    connection: Connection, actor: Actor, target: Target, uids: set[str], is_person: IsPerson
) -> int:
    """Take the lines out of the card and all of its versions; return 1 if the card changed."""
    changed = 0
    of_card = (cards.c.book_id == target.book_id) & (cards.c.card_uid == target.card_uid)
    ids = connection.execute(select(cards.c.id).where(of_card)).scalars().all()
    for card in get_cards_by_id(connection, ids):
        octets = without_references(card.content, uids, is_person)
        if octets != card.content:
            revision = _raise_revision(connection, target.book_id)
            prepared = prepare_card(octets, max_size=len(octets))
            replace_card(connection, target.book_id, card, prepared, actor, revision)
            changed = 1
            _distrust_entry(connection, target)
    keep_marks(connection, target.book_id, card_versions.c.card_uid == target.card_uid)
    versions = select(card_versions.c.id, card_versions.c.content_before).where(
        card_versions.c.book_id == target.book_id,
        card_versions.c.card_uid == target.card_uid,
        card_versions.c.content_before.is_not(None),
    )
    for version_id, content in connection.execute(versions).all():
        octets = without_references(content, uids, is_person)
        if octets != content:
            _rewrite(connection, version_id, octets)
    return changed


def _raise_revision(connection: Connection, book_id: int, steps: int = 1) -> int:
    """Return the revision of the last of some changes, which a directory's books take too."""
    asked = select(address_books.c.read_only).where(address_books.c.id == book_id)
    read_only = bool(connection.execute(asked).scalar_one())
    return raise_revision(connection, book_id, steps, from_directory=read_only)


def _distrust_entry(connection: Connection, target: Target) -> None:
    """Let the next sync of a directory's book make the card anew, as the directory has it then."""
    connection.execute(
        update(directory_entries)
        .where(
            directory_entries.c.book_id == target.book_id,
            directory_entries.c.card_uid == target.card_uid,
        )
        .values(stamp="")
    )


def _rewrite(connection: Connection, version_id: int, octets: bytes) -> None:
    values: dict[str, Any] = {"content_before": octets}
    connection.execute(update(card_versions).where(card_versions.c.id == version_id).values(values))
