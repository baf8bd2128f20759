"""What an import makes of some rows of a source: new cards, changed ones, or nothing, and why."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from sharedbooks.db.schema import cards
from sharedbooks.domain.bulk import Edit, says_the_same, write_cards
from sharedbooks.domain.cards import Card, get_cards_by_id
from sharedbooks.domain.history import Actor
from sharedbooks.domain.import_marks import NOT_MADE, marks_of
from sharedbooks.domain.imports import (
    ImportedRow,
    add_source,
    find_source,
    remember_rows,
    rows_of_cards,
    rows_of_keys,
)
from sharedbooks.domain.prepared_cards import PreparedCard, prepare_card
from sharedbooks.errors import CardTooLarge, InvalidCard
from sharedbooks.exchange.matching import find_matches
from sharedbooks.exchange.records import Record
from sharedbooks.vcard.card import with_uid
from sharedbooks.vcard.contentlines import content_lines
from sharedbooks.vcard.marks import card_marks, merge_source


class Outcome(StrEnum):
    """What becomes of a row."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"


class Keyed(NamedTuple):
    """A record with the hash of its key."""

    row_key: str
    record: Record


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done about one row, and why.

    Attributes:
        keyed: the row.
        outcome: what becomes of it.
        reason: a sentence; empty where the outcome says all.
        existing: the card of the book that it means, or None.
        result: what that card becomes, or the new card; None if nothing is written.
        kept: names of properties that stay as members have them, though the source differs.
        is_news: whether what is remembered of the row changes.
    """

    keyed: Keyed
    outcome: Outcome
    reason: str = ""
    existing: Card | None = None
    result: PreparedCard | None = None
    kept: tuple[str, ...] = ()
    is_news: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where an import goes, and how.

    Attributes:
        book_id: the book.
        source: the name under which rows are remembered.
        overwrite: whether the source counts also against what members changed or deleted.
        max_card_size: largest card that is kept, in octets.
        is_seen: tells whether this run has met a row of that key hash already.
    """

    book_id: int
    source: str
    overwrite: bool
    max_card_size: int
    is_seen: Callable[[str], bool]


class _Holder(NamedTuple):
    card_id: int
    content_hash: str


@dataclass(slots=True)
class _Work:
    """What is known and decided so far about some rows, by their index.

    ``meant`` is the card a row means with what is remembered of that card; ``taken`` are the UIDs
    of cards that a row of this source has already.
    """

    known: dict[str, ImportedRow]
    holders: dict[str, _Holder]
    decided: dict[int, Decision] = field(default_factory=dict)
    meant: dict[int, tuple[int, ImportedRow | None]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)


_DELETED = "A member deleted the card; --overwrite brings it back."
_UIDS = select(cards.c.card_uid, cards.c.id, cards.c.content_hash).where(
    cards.c.book_id == bindparam("book_id"),
    cards.c.card_uid.in_(bindparam("uids", expanding=True)),
)

_OF_IDS = select(cards.c.id, cards.c.card_uid).where(
    cards.c.id.in_(bindparam("ids", expanding=True))
)


def decide(connection: Connection, target: Target, some: Sequence[Keyed]) -> list[Decision]:
    """Return what becomes of some rows, in their order; nothing is written."""
    source_id = find_source(connection, target.book_id, target.source)
    keys = [each.row_key for each in some]
    known = {} if source_id is None else rows_of_keys(connection, source_id, keys)
    uids = {each.record.card.card_uid for each in some} | {row.card_uid for row in known.values()}
    where = {"book_id": target.book_id, "uids": sorted(uids)}
    found = connection.execute(_UIDS, where)
    work = _Work(known, {uid: _Holder(*rest) for uid, *rest in found})
    _recognise(target, some, work)
    _identify(connection, target, source_id, some, work)
    ids = sorted({card_id for card_id, _ in work.meant.values()})
    stored = {card.id: card for card in get_cards_by_id(connection, ids)}
    for index, (card_id, row) in work.meant.items():
        work.decided[index] = _bring(connection, target, some[index], stored[card_id], row)
    return [work.decided[index] for index in range(len(some))]


def carry_out(
    connection: Connection, target: Target, actor: Actor, decisions: Sequence[Decision]
) -> None:
    """Write what was decided in the same transaction, and remember the rows."""
    new = []
    edits = []
    names = {}
    for each in decisions:
        if each.result is None:
            continue
        if each.existing is not None:
            edits.append(Edit(each.existing, each.result))
            continue
        new.append(each.result)
        if each.keyed.record.resource_name:
            names[each.result.card_uid] = each.keyed.record.resource_name
    write_cards(connection, target.book_id, actor, new, edits, wanted_names=names)
    rows = [_remembered(each) for each in decisions if each.is_news]
    if not rows:
        return
    source_id = add_source(connection, target.book_id, target.source)
    keys = {row.row_key for row in rows}
    before = rows_of_cards(connection, source_id, [row.card_uid for row in rows])
    # A card is one row's: that of another key was the same person under another name.
    gone = [row.row_key for row in before.values() if row.row_key not in keys]
    remember_rows(connection, source_id, rows, gone)


def _remembered(decision: Decision) -> ImportedRow:
    row_key, record = decision.keyed
    card = decision.existing or decision.result
    assert card is not None  # noqa: S101 - news is about a card
    result = decision.result
    is_verbatim = result is not None and result.content_hash == record.card.content_hash
    marks = NOT_MADE if is_verbatim else card_marks(record.card.octets)
    return ImportedRow(row_key, card.card_uid, record.card.content_hash, marks)


def _recognise(target: Target, some: Sequence[Keyed], work: _Work) -> None:
    """Decide about the rows that were imported before."""
    for index, keyed in enumerate(some):
        row = work.known.get(keyed.row_key)
        if row is None:
            continue
        holder = work.holders.get(row.card_uid)
        if holder is None:
            if not target.overwrite:
                work.decided[index] = Decision(keyed, Outcome.SKIPPED, _DELETED)
            continue
        work.taken.add(row.card_uid)
        hashes = {holder.content_hash} if target.overwrite else {row.content_hash}
        if keyed.record.card.content_hash in hashes:
            work.decided[index] = Decision(keyed, Outcome.UNCHANGED)
        else:
            work.meant[index] = (holder.card_id, row)


def _identify(
    connection: Connection,
    target: Target,
    source_id: int | None,
    some: Sequence[Keyed],
    work: _Work,
) -> None:
    """Find the cards that the other rows mean; those that mean none are new."""
    left = [i for i in range(len(some)) if i not in work.decided and i not in work.meant]
    by_uid = [i for i in left if some[i].record.card.card_uid in work.holders]
    matches = find_matches(connection, target.book_id, [some[i].record for i in left])
    ids = sorted(set().union(*matches.values())) if matches else []
    uids = {row[0]: row[1] for row in connection.execute(_OF_IDS, {"ids": ids})} if ids else {}
    candidates = {uid: card_id for card_id, uid in uids.items()}
    candidates |= {
        some[i].record.card.card_uid: work.holders[some[i].record.card.card_uid].card_id
        for i in by_uid
    }
    links: dict[str, ImportedRow] = {}
    if source_id is not None and candidates:
        links = rows_of_cards(connection, source_id, sorted(candidates))
    for position, index in enumerate(left):
        record = some[index].record
        own = [record.card.card_uid] if record.card.card_uid in work.holders else []
        wanted = [*own, *(uids[each] for each in matches.get(position, ()) if each in uids)]
        found = next((uid for uid in wanted if _is_free(target, uid, links, work.taken)), None)
        if found is None:
            card = _with_free_uid(record.card, work)
            new = Decision(some[index], Outcome.ADDED, result=card, is_news=True)
            work.decided[index] = new
            work.taken.add(card.card_uid)
        else:
            work.taken.add(found)
            work.meant[index] = (candidates[found], links.get(found))


def _is_free(target: Target, uid: str, links: dict[str, ImportedRow], taken: set[str]) -> bool:
    link = links.get(uid)
    return uid not in taken and (link is None or not target.is_seen(link.row_key))


def _with_free_uid(card: PreparedCard, work: _Work) -> PreparedCard:
    if card.card_uid not in work.holders and card.card_uid not in work.taken:
        return card
    return _with_uid(card, str(uuid.uuid4()))


def _with_uid(card: PreparedCard, card_uid: str) -> PreparedCard:
    """Return a card with another UID."""
    if card.card_uid == card_uid:
        return card
    rest = b"".join(line.octets for line in content_lines(card.octets) if line.name != "UID")
    octets = with_uid(rest, card_uid)
    return prepare_card(octets, max_size=len(octets))


def _bring(
    connection: Connection, target: Target, keyed: Keyed, card: Card, row: ImportedRow | None
) -> Decision:
    """Decide what becomes of the card that a row means."""
    record = keyed.record
    news = _with_uid(record.card, card.card_uid)
    is_news = row is None or row.row_key != keyed.row_key
    is_news = is_news or (row is not None and row.content_hash != record.card.content_hash)
    if says_the_same(card.content, news.octets):
        return Decision(keyed, Outcome.UNCHANGED, existing=card, is_news=is_news)
    is_untouched = row is not None and row.content_hash == card.content_hash
    if target.overwrite or is_untouched or (row is None and record.uid_is_own):
        return Decision(keyed, Outcome.CHANGED, existing=card, result=news, is_news=True)
    try:
        before = marks_of(connection, target.book_id, row) if row else None
        merged = merge_source(card.content, news.octets, before)
        if merged.octets == card.content:
            return Decision(
                keyed, Outcome.UNCHANGED, existing=card, kept=merged.kept, is_news=is_news
            )
        result = prepare_card(merged.octets, max_size=target.max_card_size)
    except (CardTooLarge, InvalidCard) as error:
        return Decision(keyed, Outcome.SKIPPED, f"It cannot go into its card: {error}")
    return Decision(
        keyed, Outcome.CHANGED, existing=card, result=result, kept=merged.kept, is_news=True
    )
