"""``sharedbooks export``: the contacts of address books as a file."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

import click
from sqlalchemy import Connection

from sharedbooks.cli.commands import Command, Invocation
from sharedbooks.cli.lookup import find_book
from sharedbooks.cli.output import say, warn
from sharedbooks.cli.progress import show_progress
from sharedbooks.cli.store import open_store
from sharedbooks.domain.books import Book, count_cards
from sharedbooks.domain.selection import select_cards
from sharedbooks.exchange.exporting import ENDINGS, ExportSummary, OutputFormat, export_cards
from sharedbooks.exchange.files import replacing
from sharedbooks.identifiers import BookReference, parse_book_reference

_TABLES = frozenset({OutputFormat.CSV, OutputFormat.CSV_GOOGLE, OutputFormat.XLSX})
"""Their cards are read twice."""


@click.command(cls=Command)
@click.argument("reference", metavar="BOOK", type=parse_book_reference)
@click.argument(
    "path", metavar="[FILE]", required=False, type=click.Path(dir_okay=False, path_type=Path)
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice([each.value for each in OutputFormat]),
    help="Format of FILE, if its name does not say it.",
)
@click.option(
    "--book",
    "others",
    multiple=True,
    metavar="BOOK",
    type=parse_book_reference,
    help="Another book to write into the same file; may be given again.",
)
@click.option("--category", metavar="NAME", help="Only contacts in this category.")
@click.option("--search", "text", metavar="TEXT", help="Only contacts that hold this text.")
@click.pass_obj
def export(
    invocation: Invocation,
    reference: BookReference,
    path: Path | None,
    *,
    format_name: str | None,
    others: tuple[BookReference, ...],
    category: str | None,
    text: str | None,
) -> None:
    """Write the contacts of BOOK into FILE, or to the output ("-", or no FILE).

    The end of FILE's name says the format: .vcf (each card as its client sent it), .csv, .xlsx,
    .ldif or .json (jCard). What FILE was before is replaced once the last contact is written.
    """
    if path == Path("-"):
        path = None
    if path is None and invocation.as_json:
        raise click.UsageError("With --json the cards need a FILE to go to")
    kind = _format(path, format_name)
    output = sys.stdout.buffer

    def write(connection: Connection, file: BinaryIO) -> ExportSummary:
        books = [find_book(connection, each) for each in dict.fromkeys((reference, *others))]
        total = None
        if category is None and text is None:
            total = sum(count_cards(connection, book.id) for book in books)
            total *= 2 if kind in _TABLES else 1
        # A bar among cards on the terminal would spoil both.
        hidden = file is output and output.isatty()
        with show_progress("Exporting", total, hidden=hidden) as advance:

            def cards() -> Iterable[bytes]:
                for book in books:
                    yield from _octets(connection, book, category, text, advance)

            return export_cards(cards, file, kind)

    with open_store(invocation) as store, store.database.read() as connection:
        if path is None:
            summary = write(connection, output)
            output.flush()
        else:
            with replacing(path) as file:
                summary = write(connection, file)
    _tell(invocation, dict.fromkeys((reference, *others)), path, kind, summary)


def _tell(
    invocation: Invocation,
    references: Iterable[BookReference],
    path: Path | None,
    kind: OutputFormat,
    summary: ExportSummary,
) -> None:
    if not invocation.as_json:
        for name, number in sorted(summary.left_out.items()):
            warn(f"Left out, since the format has no place for it: {name} of {number} contacts.")
    if path is None:
        return
    names = [str(each) for each in references]
    document = {
        "book": names[0],
        "file": str(path),
        "cards": summary.cards,
        "books": names,
        "format": kind.value,
        "left_out": dict(sorted(summary.left_out.items())),
    }
    what = " and ".join(map(repr, names))
    say(invocation, document, f"Cards of {what} written into {path}: {summary.cards}.")


def _octets(
    connection: Connection,
    book: Book,
    category: str | None,
    text: str | None,
    advance: Callable[[int], None],
) -> Iterable[bytes]:
    for card in select_cards(connection, book.id, category=category, text=text):
        advance(1)
        yield card.content


def _format(path: Path | None, name: str | None) -> OutputFormat:
    if name is not None:
        return OutputFormat(name)
    if path is None or not path.suffix:
        return OutputFormat.VCF
    found = ENDINGS.get(path.suffix.lower())
    if found is None:
        endings = ", ".join(ENDINGS)
        raise click.UsageError(f"{path.suffix!r} says no format ({endings}); say it with --format.")
    return found
