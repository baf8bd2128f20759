"""``sharedbooks book restore``: a whole address book back to what it was at some moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import click
from sqlalchemy import Connection

from sharedbooks.cli.commands import Command, Invocation
from sharedbooks.cli.failures import command
from sharedbooks.cli.lookup import find_book
from sharedbooks.cli.output import Row, say
from sharedbooks.cli.parameters import MOMENT, book_argument
from sharedbooks.cli.progress import show_progress
from sharedbooks.cli.store import administrator, open_store
from sharedbooks.domain.book_restore import (
    Kind,
    PlannedChange,
    RestoreResult,
    plan_restore,
    restore_book_to,
)
from sharedbooks.domain.books import Book
from sharedbooks.domain.card_history import revision_at
from sharedbooks.identifiers import BookReference

_NAMES_SHOWN = 20


@dataclass
class _Plan:
    """What a restore would do: how many cards of each kind, and their names."""

    book: Book
    revision: int
    names: Mapping[Kind, list[str]] = field(default_factory=lambda: {kind: [] for kind in Kind})

    @property
    def total(self) -> int:
        return sum(map(len, self.names.values()))


@click.command("restore", cls=Command)
@book_argument
@click.option("--at", "moment", type=MOMENT, metavar="MOMENT", help="When it was as it should be.")
@click.option("--revision", type=click.IntRange(0), help="The revision, instead of a moment.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.pass_obj
def restore(
    invocation: Invocation,
    reference: BookReference,
    moment: int | None,
    revision: int | None,
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    """Make BOOK what it was at a moment: '2026-11-20 14:00', the machine's time without a zone.

    The restore is a change like any other: it goes to every device, and another one undoes it.
    """
    if (moment is None) == (revision is None):
        raise click.UsageError("Say to when: either --at or --revision")
    with open_store(invocation) as store:
        plan = store.database.run_read(lambda c: _plan(c, reference, moment, revision))
        if dry_run or not plan.total:
            _show_plan(invocation, plan)
            return
        if not yes:
            if invocation.as_json:
                raise click.UsageError("With --json nothing is asked: give --yes or --dry-run")
            _show_plan(invocation, plan)
            click.confirm(f"Restore {str(reference)!r}?", abort=True, err=True)
        with show_progress("Restoring", plan.total) as advance:
            done = restore_book_to(
                store.database,
                plan.book.id,
                plan.revision,
                administrator("sharedbooks book restore"),
                advance,
            )
    _show_done(invocation, plan, done)


def _plan(
    connection: Connection, reference: BookReference, moment: int | None, revision: int | None
) -> _Plan:
    book = find_book(connection, reference)
    if revision is None:
        revision = revision_at(connection, book.id, moment or 0)
    plan = _Plan(book, min(revision, book.revision))
    for change in plan_restore(connection, book.id, plan.revision):
        plan.names[change.kind].append(_name(change))
    return plan


def _name(change: PlannedChange) -> str:
    return change.display_name or change.resource_name


def _show_plan(invocation: Invocation, plan: _Plan) -> None:
    book = str(plan.book.reference)
    document: Row = {
        "book": book,
        "revision": plan.revision,
        "dry_run": True,
        **{kind.value: names for kind, names in plan.names.items()},
    }
    if not plan.total:
        say(invocation, document, f"Address book {book!r} is as it was then; nothing changes.")
        return
    say(
        invocation,
        document,
        f"To make {book!r} what it was at revision {plan.revision}, cards would be:",
        *(f"  {kind.value}: {len(names)}{_listed(names)}" for kind, names in plan.names.items()),
    )


def _listed(names: Iterable[str]) -> str:
    every = sorted(names)
    if not every:
        return ""
    more = len(every) - _NAMES_SHOWN
    return f" ({', '.join(every[:_NAMES_SHOWN])}{f' and {more} more' if more > 0 else ''})"


def _show_done(invocation: Invocation, plan: _Plan, done: RestoreResult) -> None:
    book = str(plan.book.reference)
    undo = command("book", "restore", book, "--revision", str(done.before))
    say(
        invocation,
        {
            "book": book,
            "revision": plan.revision,
            "dry_run": False,
            "created": done.created,
            "changed": done.changed,
            "removed": done.removed,
            "undo_revision": done.before,
        },
        f"Address book {book!r} is as it was at revision {plan.revision}: {done.created} cards "
        f"created, {done.changed} changed, {done.removed} removed. {undo} undoes it.",
    )
