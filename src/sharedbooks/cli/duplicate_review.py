"""``sharedbooks duplicates review``: pair by pair, side by side, with a question after each."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection

from sharedbooks.cli.commands import Command, Invocation
from sharedbooks.cli.duplicate_merge import merge_found, result_sentence
from sharedbooks.cli.duplicate_parameters import books_argument, threshold_option
from sharedbooks.cli.lookup import find_book
from sharedbooks.cli.output import plain_text, say, warn
from sharedbooks.cli.parameters import country_option
from sharedbooks.cli.progress import show_progress
from sharedbooks.cli.store import Store, administrator, open_store
from sharedbooks.domain.book_checks import parse_country
from sharedbooks.domain.cards import Card, find_name_of_uid, get_card
from sharedbooks.domain.distinct_cards import CardKey, dismiss_pair
from sharedbooks.domain.duplicates import DuplicateCard, DuplicatePair, find_duplicates
from sharedbooks.domain.merging import order_by_richness
from sharedbooks.errors import SharedbooksError
from sharedbooks.identifiers import BookReference
from sharedbooks.matching.scoring import DEFAULT_THRESHOLD
from sharedbooks.vcard.differences import side_by_side

_MERGE, _DIFFERENT, _SKIP, _QUIT = "m", "d", "s", "q"
_QUESTION = "[m]erge, [d]ifferent people, [s]kip, [q]uit"
_DIFFERS = "≠"


@dataclass
class _Progress:
    """What was answered so far; ``successors`` tells what became of merged cards."""

    merged: int = 0
    different: int = 0
    skipped: int = 0
    successors: dict[CardKey, DuplicateCard] = field(default_factory=dict)
    seen: set[frozenset[CardKey]] = field(default_factory=set)

    def successor(self, card: DuplicateCard) -> DuplicateCard:
        """Return the card that one was merged into, or itself."""
        while card.key in self.successors:
            card = self.successors[card.key]
        return card


@click.command("review", cls=Command)
@books_argument
@threshold_option(DEFAULT_THRESHOLD)
@country_option
@click.pass_obj
def review(
    invocation: Invocation,
    references: Sequence[BookReference],
    threshold: float,
    country: str | None,
) -> None:
    """Show the pairs that may be of one person side by side, and ask what to do with each.

    Each answer takes effect at once. Who quits goes on at the next review: merged and different
    pairs do not come again, skipped ones do. Of a merged pair the card that says more stays; the
    cards of a pair across books are merged by 'duplicates merge' only.
    """
    if invocation.as_json:
        raise click.UsageError("A review is for people; programs use 'duplicates find --json'")
    region = None if country is None else parse_country(country)
    progress = _Progress()
    with open_store(invocation) as store:
        with store.database.read() as connection:
            books = [find_book(connection, reference) for reference in references]
            pairs = list(
                find_duplicates(
                    connection,
                    books,
                    threshold=threshold,
                    country=region,
                    progress=show_progress,
                )
            )
        for number, pair in enumerate(pairs, start=1):
            heading = f"Pair {number} of {len(pairs)}, score {pair.score:.2f}"
            if not _review_pair(store, pair, progress, heading, region):
                break
    say(
        invocation,
        {},
        f"Merged: {progress.merged}. Different: {progress.different}. "
        f"Skipped: {progress.skipped}. Pairs found: {len(pairs)}.",
    )


def _review_pair(
    store: Store, pair: DuplicatePair, progress: _Progress, heading: str, country: str | None
) -> bool:
    """Show a pair and do what is answered; False if that is to quit."""
    while True:
        present = store.database.run_read(lambda c: _as_they_are(c, pair, progress))
        if present is None:
            return True
        cards = [card for card, _ in present]
        key = frozenset(card.key for card in cards)
        if key in progress.seen:
            return True
        _show(pair, present, heading)
        answer = _ask(can_merge=cards[0].book_id == cards[1].book_id)
        if answer == _QUIT:
            return False
        try:
            _carry_out(answer, store, cards, progress, country)
        except SharedbooksError as error:
            # Somebody changed a card while it was looked at: show it as it is now.
            warn(str(error))
            continue
        progress.seen.add(key)
        return True


def _as_they_are(
    connection: Connection, pair: DuplicatePair, progress: _Progress
) -> list[tuple[DuplicateCard, Card]] | None:
    """Return both cards, or those they were merged into, as they are now; None if one is gone."""
    found = []
    for found_card in (pair.left, pair.right):
        card = progress.successor(found_card)
        name = find_name_of_uid(connection, *card.key)
        if name is None:
            return None
        stored = get_card(connection, card.book_id, name)
        found.append((replace(card, content_hash=stored.content_hash), stored))
    return found if found[0][0].key != found[1][0].key else None


def _carry_out(
    answer: str,
    store: Store,
    cards: Sequence[DuplicateCard],
    progress: _Progress,
    country: str | None,
) -> None:
    if answer == _MERGE:
        kept, gone = store.database.run_read(lambda c: order_by_richness(c, cards))
        done = merge_found(store, [kept, gone], country)
        progress.successors[gone.key] = kept
        progress.merged += 1
        click.echo(result_sentence(done))
    elif answer == _DIFFERENT:
        one, other = cards
        actor = administrator("sharedbooks duplicates review")
        store.database.run_write(lambda c: dismiss_pair(c, one.key, other.key, actor))
        progress.different += 1
    else:
        progress.skipped += 1


def _ask(*, can_merge: bool) -> str:
    choices = [_MERGE, _DIFFERENT, _SKIP, _QUIT] if can_merge else [_DIFFERENT, _SKIP, _QUIT]
    question = _QUESTION if can_merge else _QUESTION.partition(", ")[2]
    answer: str = click.prompt(
        question, type=click.Choice(choices, case_sensitive=False), show_choices=False
    )
    return answer


def _show(pair: DuplicatePair, present: Sequence[tuple[DuplicateCard, Card]], heading: str) -> None:
    table = Table(title=heading, caption=_reasons(pair), title_justify="left")
    table.add_column("")
    table.add_column("Property")
    for card, stored in present:
        table.add_column(Text(plain_text(f"{card.book}: {stored.resource_name}")))
    for row in _rows(present[0][1].content, present[1][1].content):
        table.add_row(*row)
    Console(file=sys.stdout).print(table)


def _rows(one: bytes, other: bytes) -> Iterator[list[Text]]:
    for name, left, right in side_by_side(one, other):
        same = left == right
        style = "dim" if same else "bold"
        texts = [plain_text(value or "") for value in (name, left, right)]
        yield [Text("" if same else _DIFFERS), *(Text(text, style=style) for text in texts)]


def _reasons(pair: DuplicatePair) -> Text:
    return Text(plain_text("; ".join(each.text for each in pair.evidence)))
