"""``sharedbooks duplicates merge``, ``merges`` and ``undo``: several cards made one, and back."""

from collections.abc import Sequence

import click
from sqlalchemy import Connection

from sharedbooks.cli.commands import Command, Invocation
from sharedbooks.cli.duplicate_parameters import (
    CardArgument,
    cards_argument,
    find_keys,
    from_option,
    threshold_option,
)
from sharedbooks.cli.failures import command
from sharedbooks.cli.lookup import advice, find_book
from sharedbooks.cli.output import Row, moment, say, show_list, warn
from sharedbooks.cli.parameters import book_argument, country_option
from sharedbooks.cli.progress import show_progress
from sharedbooks.cli.store import Store, administrator, open_store
from sharedbooks.domain.book_checks import get_checks, parse_country
from sharedbooks.domain.books import Book
from sharedbooks.domain.duplicates import DuplicateCard, find_duplicates
from sharedbooks.domain.merge_undo import get_merge, list_merges, undo_merge
from sharedbooks.domain.merging import (
    MergeInput,
    MergeResult,
    group_pairs,
    merge_cards,
    order_by_richness,
)
from sharedbooks.errors import Conflict, SharedbooksError
from sharedbooks.identifiers import BookReference

AUTO_THRESHOLD = 0.95
"""Score from which on cards are merged without anybody looking at them."""

_MERGE_COLUMNS = {
    "merge": "Merge",
    "at": "When",
    "who": "Who",
    "kept": "Kept",
    "undone_at": "Undone",
}
_PLAN_COLUMNS = {"kept": "Stays", "name": "Name", "gone": "Goes", "gone_names": "Names"}


@click.command("merge", cls=Command)
@book_argument
@cards_argument
@from_option
@click.option("--auto", is_flag=True, help="Find the duplicates of BOOK and merge the sure ones.")
@threshold_option(AUTO_THRESHOLD)
@country_option
@click.option("--dry-run", is_flag=True, help="With --auto: show what it would merge, only.")
@click.pass_context
def merge(
    context: click.Context,
    reference: BookReference,
    named: Sequence[str],
    elsewhere: Sequence[CardArgument],
    threshold: float,
    country: str | None,
    *,
    auto: bool,
    dry_run: bool,
) -> None:
    """Make one card of several: the first CARD stays, with all that the others say.

    The others go into the trash; groups name the card that stays. A card of another book goes from
    there too (--from). --auto merges the cards of BOOK of which each makes a pair with each above
    the threshold.
    """
    invocation = context.ensure_object(Invocation)
    region = None if country is None else parse_country(country)
    if auto:
        if named or elsewhere:
            raise click.UsageError("--auto finds the cards itself; leave them out, or --auto")
        context.exit(_merge_automatically(invocation, reference, threshold, region, dry_run))
    if dry_run:
        raise click.UsageError("--dry-run goes with --auto")
    with open_store(invocation) as store:

        def work(connection: Connection) -> MergeResult:
            keys = find_keys(connection, reference, named, elsewhere)
            if len(keys) < 2:
                raise click.UsageError("Name two cards or more, or give --auto")
            kept, *others = (MergeInput(key) for key in keys)
            return _merge(connection, store, kept, others, region)

        done = store.database.run_write(work)
    say(invocation, result_document(reference, done), result_sentence(done))


def _merge(
    connection: Connection,
    store: Store,
    kept: MergeInput,
    others: Sequence[MergeInput],
    country: str | None,
) -> MergeResult:
    return merge_cards(
        connection,
        kept,
        others,
        administrator("sharedbooks duplicates merge"),
        max_card_size=store.config.books.max_card_size,
        country=get_checks(connection, kept.key[0]).country if country is None else country,
    )


def merge_found(store: Store, some: Sequence[DuplicateCard], country: str | None) -> MergeResult:
    """Merge the cards that were found, if they are still as they were, in one transaction.

    The first stays.

    Raises:
        SharedbooksError: see ``merge_cards``.
    """
    kept, *others = (MergeInput(card.key, card.content_hash) for card in some)
    return store.database.run_write(lambda c: _merge(c, store, kept, others, country))


def result_document(reference: BookReference, done: MergeResult) -> Row:
    """Return what a merge did, for programs."""
    return {
        "merge": done.id,
        "book": str(reference),
        "kept": done.kept[1],
        "gone": [uid for _, uid in done.gone],
        "repaired": done.repaired,
    }


def result_sentence(done: MergeResult) -> str:
    """Return what a merge did, for people."""
    repaired = f" Groups and other cards that name it now: {done.repaired}." * bool(done.repaired)
    step = command("duplicates", "undo", str(done.id))
    return f"Merged {len(done.gone) + 1} cards into one.{repaired} {step} takes it back."


def _merge_automatically(
    invocation: Invocation,
    reference: BookReference,
    threshold: float,
    country: str | None,
    dry_run: bool,  # noqa: FBT001 - passed on as it was given
) -> int:
    """Merge what is sure and return the exit code: 1 if something was left out."""
    with open_store(invocation) as store:
        with store.database.read() as connection:
            book = find_book(connection, reference)
            planned = _plan(connection, book, threshold, country)
        if dry_run:
            rows = [_planned_row(group) for group in planned]
            show_list(invocation, rows, _PLAN_COLUMNS, if_empty="There is nothing to merge.")
            return 0
        done: list[MergeResult] = []
        refused: list[str] = []
        with show_progress("Merging", len(planned)) as advance:
            for group in planned:
                try:
                    done.append(merge_found(store, group, country))
                except SharedbooksError as error:
                    refused.append(f"{group[0].resource_name}: {error}")
                advance(1)
    if not invocation.as_json:
        for each in refused:
            warn(each)
    document = {
        "book": str(reference),
        "merges": [result_document(reference, each) for each in done],
        "refused": refused,
    }
    gone = sum(len(each.gone) for each in done)
    sentence = f"Merged {gone + len(done)} cards of {str(reference)!r} into {len(done)}."
    if done:
        sentence += f" {command('duplicates', 'merges', str(reference))} lists what can be undone."
    if refused:
        sentence += f" Left out: {len(refused)}, for the reasons above."
    say(invocation, document, sentence)
    return 1 if refused else 0


def _plan(
    connection: Connection, book: Book, threshold: float, country: str | None
) -> list[list[DuplicateCard]]:
    found = find_duplicates(
        connection, [book], threshold=threshold, country=country, progress=show_progress
    )
    return [order_by_richness(connection, group) for group in group_pairs(found)]


def _planned_row(group: Sequence[DuplicateCard]) -> Row:
    kept, *gone = group
    return {
        "kept": kept.resource_name,
        "uid": kept.card_uid,
        "name": kept.display_name,
        "gone": [card.resource_name for card in gone],
        "gone_uids": [card.card_uid for card in gone],
        "gone_names": [card.display_name for card in gone],
    }


@click.command("merges", cls=Command)
@book_argument
@click.pass_obj
def merges(invocation: Invocation, reference: BookReference) -> None:
    """List the merges into cards of BOOK, newest first."""

    def work(connection: Connection) -> list[Row]:
        return [
            {
                "merge": each.id,
                "at": moment(each.at),
                "who": each.actor_name,
                "kept": each.kept_uid,
                "undone_at": moment(each.undone_at),
            }
            for each in list_merges(connection, find_book(connection, reference).id)
        ]

    with open_store(invocation) as store:
        rows = store.database.run_read(work)
    show_list(invocation, rows, _MERGE_COLUMNS, if_empty="Nothing was merged in this address book.")


@click.command("undo", cls=Command)
@click.argument("merge_id", metavar="MERGE", type=click.IntRange(1))
@click.option("--force", is_flag=True, help="Also where a card was changed since the merge.")
@click.pass_obj
def undo(invocation: Invocation, merge_id: int, *, force: bool) -> None:
    """Make every card that the merge numbered MERGE touched what it was before.

    If one was changed since, it is refused. With --force what was changed is overwritten; history
    keeps it.
    """
    actor = administrator("sharedbooks duplicates undo")

    def work(connection: Connection) -> list[str]:
        if get_merge(connection, merge_id).undone_at is not None:
            raise Conflict(f"The merge {merge_id} is undone already.")
        again = command("duplicates", "undo", str(merge_id), "--force")
        with advice(f"{again} does it all the same."):
            return undo_merge(connection, merge_id, actor, force=force)

    with open_store(invocation) as store:
        names = store.database.run_write(work)
    say(
        invocation,
        {"merge": merge_id, "restored": names},
        f"Undone: the merge {merge_id}. Cards as they were before: {', '.join(names)}.",
    )
