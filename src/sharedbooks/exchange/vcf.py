"""vCard files: the cards of one into a book, and the cards of a book into one."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from sqlalchemy import Connection

from sharedbooks.db.engine import Database
from sharedbooks.domain.bulk import store_cards, with_content_uid
from sharedbooks.domain.cards import iterate_cards
from sharedbooks.domain.history import Actor
from sharedbooks.domain.prepared_cards import PreparedCard, prepare_card
from sharedbooks.errors import CardTooLarge, InvalidCard, SharedbooksError, UnsupportedCard
from sharedbooks.vcard.card import inspect_card
from sharedbooks.vcard.stream import MAX_CARD_OCTETS, RawCard, split_cards

# A transaction each: other writers of the book get their turn, and memory stays small even when
# every card has a photo.
_BATCH_CARDS = 500
_BATCH_OCTETS = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BadCard:
    """A card, or a piece of the file that is none, that was left out.

    Attributes:
        line: 1-based line of the file where it went wrong.
        reason: a sentence.
    """

    line: int
    reason: str


@dataclass(slots=True)
class ImportSummary:
    """How many cards were new, replaced one of the same UID, were there already, or are bad."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    failed: int = 0


def import_cards(
    database: Database,
    book_id: int,
    actor: Actor,
    chunks: Iterable[bytes],
    *,
    max_card_size: int,
    report: Callable[[BadCard], None],
) -> ImportSummary:
    """Store the cards of a vCard file in a book; bad ones are reported and left out.

    A card takes the place of the one with its UID. Importing the same file again changes nothing.

    Args:
        database: where to.
        book_id: the book.
        actor: who imports, for history.
        chunks: the octets of the file in order.
        max_card_size: largest card that is kept.
        report: called for each bad card, in the order of the file.

    Raises:
        NotFound: the book is gone. Like every error on the way it has a note about the cards
            stored before it.
    """
    summary = ImportSummary()

    def refuse(bad: BadCard) -> None:
        summary.failed += 1
        report(bad)

    try:
        for batch in _batches(_good_cards(chunks, max_card_size, refuse)):
            result = database.run_write(
                partial(store_cards, book_id=book_id, actor=actor, some=batch)
            )
            summary.added += result.added
            summary.changed += result.changed
            summary.unchanged += result.unchanged
    except SharedbooksError as error:
        if stored := summary.added + summary.changed:
            error.add_note(f"{stored} cards are in already; import the file again for the rest.")
        raise
    return summary


def export_cards(
    connection: Connection, book_id: int, file: BinaryIO, advance: Callable[[], None]
) -> int:
    """Write every card of a book into ``file``, by resource name; return how many.

    Args:
        connection: a snapshot of the database.
        book_id: the book.
        file: open for writing octets.
        advance: called after each card.
    """
    number = 0
    for number, card in enumerate(iterate_cards(connection, book_id), start=1):  # noqa: B007
        file.write(card.content)
        if not card.content.endswith(b"\n"):
            # Else the next BEGIN would stand in the same line.
            file.write(b"\r\n")
        advance()
    return number


def _good_cards(
    chunks: Iterable[bytes], max_card_size: int, refuse: Callable[[BadCard], None]
) -> Iterator[PreparedCard]:
    """Yield the cards that can be stored, each with a UID that no other one before it has."""
    lines: dict[str, int] = {}
    for raw in split_cards(chunks, max_octets=max(MAX_CARD_OCTETS, max_card_size)):
        checked = _check(raw, max_card_size)
        if isinstance(checked, PreparedCard):
            first = lines.setdefault(checked.card_uid, raw.line)
            if first == raw.line:
                yield checked
                continue
            reason = f"The card has the UID of the one in line {first}; that one was taken."
            checked = BadCard(raw.line, reason)
        refuse(checked)


def _check(raw: RawCard, max_card_size: int) -> PreparedCard | BadCard:
    if raw.problem is not None:
        return BadCard(raw.line, raw.problem)
    try:
        return with_content_uid(prepare_card(raw.octets, max_size=max_card_size))
    except InvalidCard as error:
        return _placed(raw, error)
    except (UnsupportedCard, CardTooLarge) as error:
        return BadCard(raw.line, str(error))


def _placed(raw: RawCard, error: InvalidCard) -> BadCard:
    """Tell what is wrong with the lines counted as in the file, not as in the card."""
    if error.line is not None:
        try:
            inspect_card(b"\n" * (raw.line - 1) + raw.octets)
        except InvalidCard as same:
            return BadCard(same.line or raw.line, str(same))
    return BadCard(raw.line, str(error))


def _batches(cards: Iterable[PreparedCard]) -> Iterator[list[PreparedCard]]:
    batch: list[PreparedCard] = []
    octets = 0
    for card in cards:
        batch.append(card)
        octets += len(card.octets)
        if len(batch) == _BATCH_CARDS or octets >= _BATCH_OCTETS:
            yield batch
            batch, octets = [], 0
    if batch:
        yield batch
