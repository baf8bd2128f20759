"""``sharedbooks import`` and ``export``: address books as vCard files."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, BinaryIO

import click
from sqlalchemy import Connection

from sharedbooks.cli.commands import Command, Invocation
from sharedbooks.cli.lookup import find_book
from sharedbooks.cli.output import say, warn
from sharedbooks.cli.parameters import book_argument
from sharedbooks.cli.progress import show_progress
from sharedbooks.cli.store import administrator, open_store
from sharedbooks.domain.books import count_cards
from sharedbooks.exchange.files import replacing
from sharedbooks.exchange.vcf import BadCard, export_cards, import_cards
from sharedbooks.identifiers import BookReference

_CHUNK_OCTETS = 256 * 1024


@click.command(cls=Command)
@book_argument
@click.argument(
    "path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
@click.pass_context
def import_(context: click.Context, reference: BookReference, path: str) -> None:
    """Bring the cards of the vCard FILE ("-" for the input) into BOOK.

    A card takes the place of the one with the same UID; what that one was stays in the history.
    Bad cards are left out, each with its line and the reason; the exit code is 1 then.
    """
    invocation = context.ensure_object(Invocation)
    bad: list[BadCard] = []
    with open_store(invocation) as store, click.open_file(path, "rb") as file:
        book = store.database.run_read(lambda c: find_book(c, reference))
        with show_progress("Importing", _size(file)) as advance:
            summary = import_cards(
                store.database,
                book.id,
                administrator("sharedbooks import"),
                _chunks(file, advance),
                max_card_size=store.config.books.max_card_size,
                report=bad.append,
            )
    if not invocation.as_json:
        name = "standard input" if path == "-" else path
        for each in bad:
            warn(f"{name}, line {each.line}: {each.reason}")
    sentence = (
        f"Cards imported into {str(reference)!r}: {summary.added} added, {summary.changed} "
        f"changed, {summary.unchanged} unchanged."
    )
    if summary.failed:
        sentence += f" Left out: {summary.failed}, for the reasons above."
    document = {
        "book": str(reference),
        "added": summary.added,
        "changed": summary.changed,
        "unchanged": summary.unchanged,
        "failed": summary.failed,
        "problems": [{"line": each.line, "reason": each.reason} for each in bad],
    }
    say(invocation, document, sentence)
    context.exit(1 if bad else 0)


@click.command(cls=Command)
@book_argument
@click.argument(
    "path", metavar="[FILE]", required=False, type=click.Path(dir_okay=False, path_type=Path)
)
@click.pass_obj
def export(invocation: Invocation, reference: BookReference, path: Path | None) -> None:
    """Write the cards of BOOK into the vCard FILE, or to the output ("-", or no FILE).

    Each card is written as its client sent it. What FILE was before is replaced once the last card
    is written.
    """
    if path == Path("-"):
        path = None
    if path is None and invocation.as_json:
        raise click.UsageError("With --json the cards need a FILE to go to")
    output = sys.stdout.buffer

    def write(connection: Connection, file: BinaryIO) -> int:
        book = find_book(connection, reference)
        total = count_cards(connection, book.id)
        # A bar among cards on the terminal would spoil both.
        hidden = file is output and output.isatty()
        with show_progress("Exporting", total, hidden=hidden) as advance:
            return export_cards(connection, book.id, file, lambda: advance(1))

    with open_store(invocation) as store, store.database.read() as connection:
        if path is None:
            write(connection, output)
            output.flush()
            return
        with replacing(path) as file:
            number = write(connection, file)
    say(
        invocation,
        {"book": str(reference), "file": str(path), "cards": number},
        f"Cards of {str(reference)!r} written into {path}: {number}.",
    )


def _chunks(file: IO[bytes], advance: Callable[[int], None]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK_OCTETS):
        advance(len(chunk))
        yield chunk


def _size(file: IO[bytes]) -> int | None:
    """Return how long the file is, or None for a pipe."""
    if not file.seekable():
        return None
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size
