"""``sharedbooks check``: cards that are of no use as contacts, and mending them."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice

import click
from sqlalchemy import Connection

from sharedbooks.cli.commands import Command, Invocation
from sharedbooks.cli.lookup import find_book
from sharedbooks.cli.output import Row, show_stream, warn
from sharedbooks.cli.parameters import book_argument, country_option, rule_option
from sharedbooks.cli.progress import show_progress
from sharedbooks.cli.store import Store, administrator, open_store
from sharedbooks.domain.book_checks import BookChecks, get_checks, parse_country
from sharedbooks.domain.books import Book, count_cards
from sharedbooks.domain.cleaning import CheckedCard, check_cards, fix_cards
from sharedbooks.identifiers import BookReference
from sharedbooks.vcard.quality import Problem
from sharedbooks.vcard.required import parse_rule

_COLUMNS = {
    "card": "Card",
    "name": "Name",
    "property": "Property",
    "value": "Value",
    "problem": "Problem",
    "proposal": "Proposal",
    "fixed": "Fixed",
}
_CARDS_A_TRANSACTION = 200

Fixer = Callable[[list[CheckedCard]], set[tuple[str, Problem]]]
"""Mends what can be mended in some cards; returns what it mended in which."""


@dataclass
class _Summary:
    """What was found so far; ``kinds`` counts the problems of each kind."""

    cards: int = 0
    with_problems: int = 0
    fixed: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def sentence(self) -> str:
        kinds = ", ".join(f"{kind} {number}" for kind, number in self.kinds.most_common())
        return (
            f"Problems: {self.kinds.total()}{kinds and f' ({kinds})'}, in {self.with_problems} of "
            f"{self.cards} cards. Fixed: {self.fixed}."
        )


@click.command(cls=Command)
@book_argument
@rule_option
@country_option
@click.option(
    "--untouched",
    type=click.IntRange(1, 1200),
    metavar="MONTHS",
    help="Show contacts that nobody has changed for so long too.",
)
@click.option("--fix", is_flag=True, help="Put safe proposals in place: phones and mail addresses.")
@click.option("--dry-run", is_flag=True, help="With --fix: show what it would change, only.")
@click.pass_context
def check(
    context: click.Context,
    reference: BookReference,
    rule: str | None,
    country: str | None,
    untouched: int | None,
    *,
    fix: bool,
    dry_run: bool,
) -> None:
    """Show what is wrong with the cards of BOOK.

    That is: missing properties, phones, mail addresses and dates that are none, and names in
    capitals. The rules are those of the book ('sharedbooks book set'), or the ones given here.
    The exit code is 1 if problems remain.
    """
    if dry_run and not fix:
        raise click.UsageError("--dry-run goes with --fix; without both nothing is changed anyway")
    parse_rule(rule or "")
    invocation = context.ensure_object(Invocation)
    summary = _Summary()
    with open_store(invocation) as store, store.database.read() as connection:
        book = find_book(connection, reference)
        checks = _checks(connection, book, rule, country)
        fixer: Fixer = _fix_nothing
        if fix and not dry_run:
            fixer = partial(_fix, store, book, checks.country)
        since = None if untouched is None else _months_ago(untouched)
        total = count_cards(connection, book.id)
        # A bar among the rows on the terminal would spoil both.
        with show_progress("Checking", total, hidden=sys.stdout.isatty()) as advance:
            checked = check_cards(connection, book.id, checks, untouched_since=since)
            rows = _rows(_counted(checked, summary, advance), fixer, summary)
            show_stream(
                invocation,
                (row for row in rows if row["safe"]) if dry_run else rows,
                _COLUMNS,
                if_empty="Nothing to fix." if dry_run else "Nothing is wrong.",
            )
    if not invocation.as_json:
        warn(summary.sentence())
    context.exit(1 if summary.kinds.total() > summary.fixed and not dry_run else 0)


def _checks(
    connection: Connection, book: Book, rule: str | None, country: str | None
) -> BookChecks:
    checks = get_checks(connection, book.id)
    if rule is not None:
        checks = replace(checks, rule=rule)
    if country is not None:
        checks = replace(checks, country=parse_country(country))
    return checks


def _counted(
    checked: Iterable[CheckedCard], summary: _Summary, advance: Callable[[int], None]
) -> Iterator[CheckedCard]:
    """Count what passes; only cards with problems do."""
    for each in checked:
        advance(1)
        summary.cards += 1
        if each.problems:
            summary.with_problems += 1
            summary.kinds.update(str(problem.kind) for problem in each.problems)
            yield each


def _rows(checked: Iterator[CheckedCard], fixer: Fixer, summary: _Summary) -> Iterator[Row]:
    while some := list(islice(checked, _CARDS_A_TRANSACTION)):
        fixed = fixer([each for each in some if each.can_be_fixed])
        summary.fixed += len(fixed)
        for each in some:
            for problem in each.problems:
                yield {
                    "card": each.resource_name,
                    "uid": each.card_uid,
                    "name": each.display_name,
                    "property": problem.name,
                    "kind": str(problem.kind),
                    "value": problem.value,
                    "problem": problem.sentence,
                    "proposal": problem.proposal,
                    "safe": problem.is_safe,
                    "fixed": (each.resource_name, problem) in fixed,
                }


def _fix(
    store: Store, book: Book, country: str, some: list[CheckedCard]
) -> set[tuple[str, Problem]]:
    names = [each.resource_name for each in some]
    if not names:
        return set()
    actor = administrator("sharedbooks check --fix")
    return set(store.database.run_write(lambda c: fix_cards(c, book.id, actor, names, country)))


def _fix_nothing(_some: list[CheckedCard]) -> set[tuple[str, Problem]]:
    return set()


def _months_ago(months: int) -> int:
    """Return the moment so many months ago: microseconds since 1970, UTC."""
    today = datetime.now(UTC)
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    # No month is shorter than 28 days.
    then = today.replace(year=year, month=month + 1, day=min(today.day, 28))
    return int(then.timestamp() * 1_000_000)
