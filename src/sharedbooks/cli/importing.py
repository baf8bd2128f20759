"""``sharedbooks import``: contacts from files and servers into address books."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sharedbooks.cli.commands import Command, Invocation
from sharedbooks.cli.import_books import Manners, import_radicale, import_remote, list_remote
from sharedbooks.cli.import_reports import (
    Telling,
    bad_rows_file,
    document,
    explain,
    summary_sentence,
)
from sharedbooks.cli.lookup import find_book
from sharedbooks.cli.output import say
from sharedbooks.cli.parameters import parse_label
from sharedbooks.cli.progress import show_progress
from sharedbooks.cli.store import Store, administrator, open_store
from sharedbooks.domain.imports import get_mapping, save_mapping
from sharedbooks.exchange.importing import Importing, import_records
from sharedbooks.exchange.mapping import KEY_MARK, parse_assignments
from sharedbooks.exchange.opening import Manner, open_source
from sharedbooks.exchange.records import BadRecord
from sharedbooks.exchange.sniffing import Format
from sharedbooks.exchange.sources import Source, spooled
from sharedbooks.exchange.tables import Reading
from sharedbooks.identifiers import BookReference, parse_book_reference, parse_principal_name

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


@dataclass(frozen=True, slots=True)
class Choices:
    """What the options of an import say."""

    format_name: str | None
    encoding: str
    delimiter: str | None
    source: str | None
    assignments: tuple[str, ...]
    key: str | None
    mapping: str | None
    save_as: str | None
    overwrite: bool
    dry_run: bool
    report: Path | None
    from_url: str | None
    user: str | None
    password_file: Path | None
    lists: bool
    every: bool
    owner: str | None
    from_radicale: Path | None
    create_users: bool

    def manner(self) -> Manner:
        """Return how the file is to be read."""
        kind = Format(self.format_name) if self.format_name else None
        return Manner(kind, self.encoding, self.delimiter or "")


def _delimiter(value: str) -> str:
    delimiter = _DELIMITERS.get(value, value)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        names = ", ".join(_DELIMITERS)
        raise click.BadParameter(f"{value!r} is none; write one character or {names}")
    return delimiter


@click.command(cls=Command)
@click.argument("reference", metavar="[BOOK]", required=False, type=parse_book_reference)
@click.argument(
    "path",
    metavar="[FILE]",
    required=False,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice([each.value for each in Format]),
    help="Format of FILE, if it is not found out.",
)
@click.option("--encoding", default="", metavar="NAME", help="Character encoding of FILE.")
@click.option(
    "--delimiter", type=_delimiter, metavar="CHARACTER", help="What separates columns, or 'tab'."
)
@click.option(
    "--source", type=parse_label, metavar="NAME", help="Name to know these rows by next time."
)
@click.option(
    "--map",
    "assignments",
    multiple=True,
    metavar="COLUMN=TARGET",
    help="What a column means, such as 'Handy=TEL;TYPE=cell'; may be given again.",
)
@click.option("--key", metavar="COLUMN", help="The column that tells rows apart, such as a number.")
@click.option("--mapping", type=parse_label, metavar="NAME", help="Use the mapping saved as NAME.")
@click.option(
    "--save-mapping", "save_as", type=parse_label, metavar="NAME", help="Save the mapping as NAME."
)
@click.option("--overwrite", is_flag=True, help="Also against what members changed or deleted.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and write nothing.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the rows that are left out into a CSV file.",
)
@click.option("--from-url", metavar="URL", help="Instead of FILE, another CardDAV server.")
@click.option("--user", metavar="NAME", help="Login there; the password is read from the input.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Read the password from the first line of FILE.",
)
@click.option("--list", "lists", is_flag=True, help="Show the books of that server, and stop.")
@click.option("--all", "every", is_flag=True, help="Bring in every book of that server.")
@click.option("--owner", metavar="USER", type=parse_principal_name, help="Whose books --all makes.")
@click.option(
    "--from-radicale",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Instead of FILE, the storage of Radicale, with its owners.",
)
@click.option("--create-users", is_flag=True, help="Make the owners that are not there.")
@click.pass_context
def import_(
    context: click.Context,
    /,
    reference: BookReference | None,
    path: str | None,
    **options: Any,
) -> None:
    """Bring the contacts of FILE ("-" for the input) into BOOK.

    vCard, CSV, Excel, LDIF and jCard are told apart by what is in FILE. The same FILE again changes
    nothing, and a newer one changes its own cards; what members changed stays. Bad rows are left
    out, each with its number and the reason; the exit code is 1 then.
    """
    invocation = context.ensure_object(Invocation)
    choices = Choices(**options)
    _require_sense(choices, reference, path)
    if choices.lists and choices.from_url:
        list_remote(invocation, choices.from_url, choices.user or "", choices.password_file)
        return
    with open_store(invocation) as store:
        failed = _import(invocation, store, choices, reference, path)
    context.exit(1 if failed else 0)


def _import(
    invocation: Invocation,
    store: Store,
    choices: Choices,
    reference: BookReference | None,
    path: str | None,
) -> int:
    manners = Manners(choices.overwrite, choices.dry_run, choices.report, choices.source)
    if choices.from_radicale is not None:
        return import_radicale(
            invocation,
            store,
            choices.from_radicale,
            manners,
            create_users=choices.create_users,
        )
    if choices.from_url is not None:
        login = (choices.user or "", choices.password_file)
        goal = choices.owner if choices.every else reference
        return import_remote(invocation, store, choices.from_url, login, goal, manners)
    assert reference is not None  # noqa: S101 - seen to before
    assert path is not None  # noqa: S101
    shown = "standard input" if path == "-" else path
    with _opened(path) as file:
        return _import_file(invocation, store, reference, file, shown, choices)


def _require_sense(choices: Choices, reference: BookReference | None, path: str | None) -> None:
    """Refuse arguments and options that do not go together."""
    of_server = {
        "--user": choices.user,
        "--password-file": choices.password_file,
        "--list": choices.lists,
        "--all": choices.every,
        "--owner": choices.owner,
    }
    of_file = {
        "--map": choices.assignments,
        "--key": choices.key,
        "--mapping": choices.mapping,
        "--save-mapping": choices.save_as,
        "--format": choices.format_name,
        "--encoding": choices.encoding,
        "--delimiter": choices.delimiter,
    }
    if choices.from_url is None:
        _refuse(of_server, "without --from-url")
    else:
        if choices.user is None:
            raise click.UsageError("--from-url needs --user")
        if reference is None and not (choices.lists or choices.every):
            raise click.UsageError("--from-url needs a BOOK to go to, --all, or --list")
    if choices.from_radicale is None:
        _refuse({"--create-users": choices.create_users}, "without --from-radicale")
    if choices.from_url is None and choices.from_radicale is None:
        for name, value in (("BOOK", reference), ("FILE", path)):
            if value is None:
                raise click.UsageError(f"Missing argument '{name}'")
        return
    _refuse(of_file, "for a FILE only")
    _refuse({"FILE": path}, "together with a server or folder")
    if choices.from_radicale is not None:
        _refuse({"--from-url": choices.from_url}, "together with --from-radicale")
    if choices.from_radicale is not None or choices.lists or choices.every:
        _refuse({"BOOK": reference}, "here: books come with their names")


def _refuse(given: Mapping[str, object], why: str) -> None:
    name = next((name for name, value in given.items() if value), None)
    if name is not None:
        raise click.UsageError(f"{name} makes no sense {why}")


@contextmanager
def _opened(path: str) -> Iterator[Source]:
    """Open a file; what comes in a pipe is kept aside first, to be read twice."""
    if path != "-" and Path(path).is_file():
        with Path(path).open("rb") as file:
            yield Source(file, Path(path).name)
        return
    with click.open_file(path, "rb") as stream, spooled(stream) as file:
        yield Source(file, "" if path == "-" else Path(path).name)


def _import_file(
    invocation: Invocation,
    store: Store,
    reference: BookReference,
    file: Source,
    shown: str,
    choices: Choices,
) -> int:
    """Import one file and tell what was done; return how many rows were left out."""
    book = store.database.run_read(lambda c: find_book(c, reference))
    name = choices.source or file.name or "standard input"
    reading = Reading(name, store.config.books.max_card_size)
    reading.mapping, reading.key = _mapping(store, choices)
    how = Importing(
        store.database,
        book.id,
        administrator("sharedbooks import"),
        name,
        store.config.books.max_card_size,
        choices.overwrite,
        choices.dry_run,
    )
    telling = Telling(shown, str(reference), choices.dry_run)
    opened = open_source(file, choices.manner(), reading)
    with (
        bad_rows_file(choices.report) as write_down,
        show_progress("Importing", file.size, hidden=choices.dry_run) as advance,
    ):
        file.advance = advance

        def refuse(bad: BadRecord) -> None:
            telling.refuse(bad)
            write_down(bad)

        summary = import_records(how, opened.records, refuse=refuse, tell=telling.decide)
    notes = []
    if reading.unknown:
        columns = ", ".join(repr(each) for each in reading.unknown)
        notes.append(f"Nothing is known of, and not taken: {columns}; --map says what they mean.")
    more = {
        "source": name,
        "format": opened.manner.format,
        "layout": reading.layout,
        "encoding": opened.manner.encoding,
        "delimiter": opened.manner.delimiter,
        "unknown_columns": list(reading.unknown),
    }
    if not invocation.as_json:
        explain(telling, notes)
    say(invocation, document(telling, summary, more), summary_sentence(telling, summary))
    return summary.failed


def _mapping(store: Store, choices: Choices) -> tuple[dict[str, str], str | None]:
    """Return the mapping that was saved with what is said over it; save it if that is wanted."""
    saved: list[str] = []
    name = choices.mapping
    if name is not None:
        saved = store.database.run_read(lambda c: get_mapping(c, name))
    assignments = [*saved, *choices.assignments]
    if choices.key is not None:
        assignments.append(f"{choices.key}={KEY_MARK}")
    try:
        mapping, key = parse_assignments(assignments)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    save_as = choices.save_as
    if save_as is not None and not choices.dry_run:
        if not assignments:
            raise click.UsageError("There is nothing to save: --map says what columns mean.")
        store.database.run_write(lambda c: save_mapping(c, save_as, assignments))
    return mapping, key
