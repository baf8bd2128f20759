"""Address books of other servers and of Radicale's storage, brought in whole."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from sqlalchemy import Connection

from sharedbooks.cli.commands import Invocation
from sharedbooks.cli.failures import command
from sharedbooks.cli.import_reports import (
    Telling,
    bad_rows_file,
    document,
    explain,
    summary_sentence,
)
from sharedbooks.cli.lookup import find_book, find_user
from sharedbooks.cli.output import Row, say, show_list
from sharedbooks.cli.progress import show_progress
from sharedbooks.cli.store import Store, administrator
from sharedbooks.domain.books import add_book, get_book
from sharedbooks.domain.homes import add_own_book
from sharedbooks.domain.principals import PrincipalKind, add_principal, list_principals
from sharedbooks.errors import NotFound
from sharedbooks.exchange.carddav import RemoteBook, find_books, read_book
from sharedbooks.exchange.http import HttpClient
from sharedbooks.exchange.importing import Importing, ImportSummary, import_records
from sharedbooks.exchange.radicale_folder import (
    StoredBook,
    count_stored,
    find_stored_books,
    read_stored,
)
from sharedbooks.exchange.records import BadRecord, Record
from sharedbooks.identifiers import BookReference

_MAX_PASSWORD_LENGTH = 1024
_NO_BOOK = 0
"""What a dry run takes for the id of a book that would be made."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How books are brought in.

    Attributes:
        overwrite: whether the source counts also against what members changed or deleted.
        dry_run: whether nothing is written.
        report: file for what is left out, or None.
        source: name under which the rows of a single book are remembered, or None.
    """

    overwrite: bool
    dry_run: bool
    report: Path | None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    """One book to bring in.

    Attributes:
        source: the name under which its rows are remembered.
        reference: where it goes.
        display_name: for a book that is made.
        description: for a book that is made.
        read: gives its cards, and tells how many there will be.
    """

    source: str
    reference: BookReference
    display_name: str
    description: str
    read: Callable[[Callable[[int], None]], Iterator[Record | BadRecord]]


def list_remote(invocation: Invocation, url: str, user: str, password_file: Path | None) -> None:
    """Print the address books that a login sees on another server."""
    with HttpClient(url, user, _password(password_file)) as client:
        rows: list[Row] = [
            {
                "name": book.name,
                "display_name": book.display_name,
                "description": book.description,
                "url": book.url,
            }
            for book in find_books(client, url)
        ]
    columns = {"name": "Name", "display_name": "Display name", "url": "URL"}
    show_list(invocation, rows, columns, if_empty="This login sees no address books there.")


def import_remote(
    invocation: Invocation,
    store: Store,
    url: str,
    login: tuple[str, Path | None],
    goal: BookReference | str | None,
    manners: Manners,
) -> int:
    """Bring in one book of another server, or all; return how many cards were left out.

    Args:
        invocation: says for whom to print.
        store: where to.
        url: the server, or one book of it.
        login: user name, and the file with the password (None: the input).
        goal: the book that one goes into; for all of them, the user they will belong to, or None
            for the organisation.
        manners: how.
    """
    user, password_file = login
    size = store.config.books.max_card_size
    with HttpClient(url, user, _password(password_file)) as client:
        books = find_books(client, url)
        if isinstance(goal, BookReference):
            targets = [(_only(books), goal)]
        else:
            targets = [(book, BookReference(goal, book.name)) for book in books]
        jobs = [
            _Job(
                manners.source or book.url,
                reference,
                book.display_name,
                book.description,
                lambda found, book=book: read_book(  # type: ignore[misc]
                    client, book, max_card_size=size, found=found
                ),
            )
            for book, reference in targets
        ]
        makes = not isinstance(goal, BookReference)
        return _bring(invocation, store, jobs, manners, makes_books=makes)


def _only(books: Sequence[RemoteBook]) -> RemoteBook:
    if len(books) == 1:
        return books[0]
    if not books:
        raise NotFound("This login sees no address books there.")
    urls = ", ".join(book.url for book in books)
    raise click.UsageError(f"There are several books: give the URL of one, or --all. {urls}")


def import_radicale(
    invocation: Invocation, store: Store, folder: Path, manners: Manners, *, create_users: bool
) -> int:
    """Bring in every address book of Radicale's storage; return how many cards were left out."""
    books = find_stored_books(folder)
    _need_owners(store, books, manners, create_users=create_users)
    size = store.config.books.max_card_size

    def reading(
        book: StoredBook,
    ) -> Callable[[Callable[[int], None]], Iterator[Record | BadRecord]]:
        def read(found: Callable[[int], None]) -> Iterator[Record | BadRecord]:
            found(count_stored(book))
            return read_stored(book, max_card_size=size)

        return read

    jobs = [
        _Job(
            f"radicale:{book.reference}",
            book.reference,
            book.display_name,
            book.description,
            reading(book),
        )
        for book in books
    ]
    return _bring(invocation, store, jobs, manners, makes_books=True)


def _need_owners(
    store: Store, books: Sequence[StoredBook], manners: Manners, *, create_users: bool
) -> None:
    def work(connection: Connection) -> list[str]:
        known = {each.name for each in list_principals(connection, PrincipalKind.USER)}
        owners = {book.reference.owner for book in books if book.reference.owner is not None}
        return sorted(owners - known)

    missing = store.database.run_read(work)
    if missing and not create_users:
        raise click.UsageError(
            f"There are no users {', '.join(map(repr, missing))}: --create-users makes them."
        )
    if missing and not manners.dry_run:

        def make(connection: Connection) -> None:
            for name in missing:
                add_principal(connection, PrincipalKind.USER, name)

        store.database.run_write(make)


def _bring(
    invocation: Invocation,
    store: Store,
    jobs: Sequence[_Job],
    manners: Manners,
    *,
    makes_books: bool,
) -> int:
    documents = []
    failed = 0
    with bad_rows_file(manners.report) as write_down:
        for job in jobs:
            book_id = _book_id(store, job, manners, makes_books=makes_books)
            telling = Telling(job.source, str(job.reference), manners.dry_run)
            summary = _bring_one(store, job, book_id, manners, telling, write_down)
            failed += summary.failed
            documents.append(document(telling, summary, {"source": job.source}))
            if not invocation.as_json:
                explain(telling, [])
                click.echo(summary_sentence(telling, summary))
    if invocation.as_json:
        say(invocation, {"books": documents})
    elif not jobs:
        click.echo("There are no address books there.")
    return failed


def _bring_one(
    store: Store,
    job: _Job,
    book_id: int,
    manners: Manners,
    telling: Telling,
    write_down: Callable[[BadRecord], None],
) -> ImportSummary:
    how = Importing(
        store.database,
        book_id,
        administrator("sharedbooks import"),
        job.source,
        store.config.books.max_card_size,
        manners.overwrite,
        manners.dry_run,
    )
    totals: list[int] = []
    records = job.read(totals.append)
    first = next(records, None)
    with show_progress("Importing", totals[0] if totals else None) as advance:

        def counted() -> Iterator[Record | BadRecord]:
            record = first
            while record is not None:
                advance(1)
                yield record
                record = next(records, None)

        def refuse(bad: BadRecord) -> None:
            telling.refuse(bad)
            write_down(bad)

        return import_records(how, counted(), refuse=refuse, tell=telling.decide)


def _book_id(store: Store, job: _Job, manners: Manners, *, makes_books: bool) -> int:
    """Return the id of the book that a job goes into, after making it if that is to be."""

    def work(connection: Connection) -> int:
        if not makes_books:
            return find_book(connection, job.reference).id
        try:
            return get_book(connection, job.reference).id
        except NotFound:
            return _NO_BOOK if manners.dry_run else _made(connection, job)

    return (store.database.run_read if manners.dry_run else store.database.run_write)(work)


def _made(connection: Connection, job: _Job) -> int:
    reference = job.reference
    name, text = job.display_name, job.description
    if reference.owner is None:
        return add_book(connection, reference, display_name=name, description=text).id
    owner = find_user(connection, reference.owner)
    return add_own_book(
        connection, owner, reference.name, display_name=name, description=text
    ).book_id


def _password(path: Path | None) -> str:
    """Return the password: the first line of a file, or of the input.

    Raises:
        click.UsageError: there is none.
    """
    if path is not None:
        with path.open("rb") as file:
            line = file.readline(_MAX_PASSWORD_LENGTH + 2)
    elif sys.stdin.isatty():
        typed = click.prompt("Password there", hide_input=True, err=True)
        return str(typed)
    else:
        line = sys.stdin.buffer.readline(_MAX_PASSWORD_LENGTH + 2)
    try:
        password = line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise click.UsageError("The password is not in UTF-8.") from None
    if not password:
        raise click.UsageError(
            f"There is no password: put it into a file for {command('import')} --password-file,"
            " or pipe it into the command."
        )
    return password
