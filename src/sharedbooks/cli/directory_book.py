"""``sharedbooks directory book``: address books whose cards come from a directory."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, fields
from typing import Any

import click
from sqlalchemy import Connection

from sharedbooks.cli.commands import Group, Invocation
from sharedbooks.cli.failures import command, sentence_of
from sharedbooks.cli.lookup import advice, find_book
from sharedbooks.cli.output import Row, moment, say, show_details, show_list, warn
from sharedbooks.cli.parameters import book_argument, display_name_option
from sharedbooks.cli.progress import show_progress
from sharedbooks.cli.store import Store, open_store
from sharedbooks.config import Config, DirectoryConfig
from sharedbooks.config.card_mapping import (
    merge_card_mappings,
    parse_card_mapping,
    split_written_pair,
)
from sharedbooks.config.ldap_values import DN, FILTER
from sharedbooks.config.values import BadValueError, Kind
from sharedbooks.directory.books import BookSyncSummary, sync_book
from sharedbooks.directory.connection import Directory
from sharedbooks.domain.books import add_book, count_cards, delete_book, set_book
from sharedbooks.domain.directory_books import (
    DirectoryBook,
    add_directory_book,
    count_entries,
    get_directory_book,
    list_directory_books,
    list_problems,
    release_book,
)
from sharedbooks.errors import ConfigProblem, DirectoryShrunk, NotFound, SharedbooksError
from sharedbooks.identifiers import BookReference

_COLUMNS = {
    "reference": "Book",
    "directory": "Directory",
    "entries": "Entries",
    "cards": "Cards",
    "groups": "Groups",
    "synced_at": "Last sync",
}
_LABELS = {
    **_COLUMNS,
    "base": "Base",
    "filter": "Filter",
    "group_filter": "Group filter",
}
BOOK_SYNC_COLUMNS = {
    "book": "Book",
    "entries": "Entries",
    "added": "Added",
    "changed": "Changed",
    "removed": "Removed",
    "result": "Result",
}
"""How syncs of books are shown."""

DONE, FAILED = "done", "failed"
"""How a sync may end."""

_MAPPING_COLUMNS = {"property": "Property", "attributes": "Comes from"}
_PROBLEM_COLUMNS = {"entry": "Entry", "problem": "Why it is no card as it is now"}


def _checked(kind: Kind[Any]) -> Callable[[str], Any]:
    """Return what reads an option as the configuration reads the same."""

    def read(value: str) -> Any:
        try:
            return kind.read(value)
        except BadValueError as error:
            raise click.BadParameter(f"it {error}; write {kind.description}") from None

    return read


def _pair(value: str) -> tuple[str, str]:
    try:
        pair = split_written_pair(value)
        parse_card_mapping([pair])
    except BadValueError as error:
        raise click.BadParameter(f"it {error}") from None
    return pair


@click.group(cls=Group)
def book() -> None:
    """Address books whose cards come from a directory; members read them, nobody writes them."""


@book.command("add")
@book_argument
@click.option("--directory", "directory", metavar="NAME", help="Which [directory.NAME] to show.")
@click.option("--base", metavar="DN", type=_checked(DN), help="Where to look.")
@click.option(
    "--filter",
    "entry_filter",
    metavar="FILTER",
    type=_checked(FILTER),
    help="Which entries to show, instead of user_filter.",
)
@click.option(
    "--map",
    "pairs",
    multiple=True,
    metavar="PROPERTY=ATTRIBUTE",
    type=_pair,
    help='What cards are made of, as in "TEL;TYPE=work=ipPhone"; may be given again.',
)
@click.option("--groups", is_flag=True, help="Show groups as contact groups too.")
@click.option(
    "--group-filter",
    metavar="FILTER",
    type=_checked(FILTER),
    help="Which groups to show, instead of group_filter.",
)
@display_name_option
@click.pass_obj
def add(
    invocation: Invocation,
    /,
    reference: BookReference,
    *,
    directory: str | None,
    pairs: Sequence[tuple[str, str]],
    groups: bool,
    group_filter: str | None,
    display_name: str | None,
    **where: str | None,
) -> None:
    """Let BOOK show a part of a directory; it is made if it is not there.

    What is not said here is as the configuration says. The book is read-only from now on, whatever
    anybody was granted. The first sync fills it.
    """
    with open_store(invocation) as store:
        config = _directory_config(store.config, directory)
        _check_together(config, pairs)

        def work(connection: Connection) -> Row:
            _make_book(connection, reference, display_name)
            with advice("Take a new name, or an empty book of the organisation."):
                made = add_directory_book(
                    connection,
                    reference,
                    config.name,
                    group_filter=group_filter or ("" if groups else None),
                    mapping=dict(pairs),
                    **{name: text or "" for name, text in where.items()},
                )
            return _document(connection, made)

        document = store.database.run_write(work)
    fill = command("directory", "book", "sync", str(reference))
    grant = command("grant", "add", str(reference), "group:NAME", "read")
    say(
        invocation,
        document,
        f"Address book {str(reference)!r} shows the directory {config.name} now. Fill it with "
        f"{fill}, grant it with {grant}.",
    )


def _directory_config(config: Config, name: str | None) -> DirectoryConfig:
    known = {each.name: each for each in config.directories}
    if not known:
        raise click.UsageError("The configuration has no [directory.NAME]; describe one first")
    if name is None and len(known) > 1:
        raise click.UsageError(f"Say which with --directory: there is {', '.join(known)}")
    if name is not None and name not in known:
        raise click.UsageError(f"There is no [directory.{name}]; there is {', '.join(known)}")
    return known[name] if name is not None else config.directories[0]


def _check_together(config: DirectoryConfig, pairs: Sequence[tuple[str, str]]) -> None:
    try:
        parse_card_mapping(merge_card_mappings(config.card, pairs))
    except BadValueError as error:
        raise click.UsageError(f"--map, over what the configuration says, {error}") from None


def _make_book(connection: Connection, reference: BookReference, display_name: str | None) -> None:
    try:
        found = find_book(connection, reference)
    except NotFound:
        if reference.owner is not None:
            raise
        found = add_book(connection, reference)
    set_book(connection, found.id, display_name=display_name)


@book.command("list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """List the books that come from directories."""

    def work(connection: Connection) -> list[Row]:
        return [_document(connection, each) for each in list_directory_books(connection)]

    with open_store(invocation) as store:
        rows = store.database.run_read(work)
    show_list(
        invocation,
        rows,
        _COLUMNS,
        if_empty="There are no books from directories; make one with "
        f"{command('directory', 'book', 'add', 'NAME')}.",
    )


@book.command("show")
@book_argument
@click.pass_obj
def show(invocation: Invocation, reference: BookReference) -> None:
    """Show what BOOK is made of, and which entries are no cards."""

    def work(connection: Connection) -> Row:
        found = _find(connection, reference)
        problems = list_problems(connection, found.book.id)
        return {
            **_document(connection, found),
            "mapping": [
                {"property": name, "attributes": attributes}
                for name, attributes in found.mapping.items()
            ],
            "problems": [
                {"entry": each.name or each.source_id, "problem": each.problem} for each in problems
            ],
        }

    with open_store(invocation) as store:
        document = store.database.run_read(work)
    tables = {"mapping": _MAPPING_COLUMNS, "problems": _PROBLEM_COLUMNS}
    show_details(invocation, document, _LABELS, tables)


@book.command("remove")
@book_argument
@click.option("--delete", is_flag=True, help="Put the book with its cards into the trash.")
@click.pass_obj
def remove(invocation: Invocation, reference: BookReference, *, delete: bool) -> None:
    """Part BOOK from its directory: it becomes an ordinary book with the cards it has.

    Members keep it as it is, and who was granted more than reading may write from now on.
    """

    def work(connection: Connection) -> int:
        found = _find(connection, reference)
        if delete:
            delete_book(connection, found.book.id)
        else:
            release_book(connection, found.book.id)
        return count_cards(connection, found.book.id)

    with open_store(invocation) as store:
        cards = store.database.run_write(work)
    outcome = "in the trash with" if delete else "an ordinary one now and keeps"
    document = {"book": str(reference), "cards": cards, "deleted": delete}
    sentence = f"Address book {str(reference)!r} is {outcome} its cards ({cards})."
    say(invocation, document, sentence)


@book.command("sync")
@book_argument
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--force", is_flag=True, help="Believe a directory of which more than half has gone.")
@click.pass_obj
def sync(invocation: Invocation, reference: BookReference, *, dry_run: bool, force: bool) -> None:
    """Make the cards of BOOK those that its directory has now; what is unchanged is not touched.

    Entries that cannot become cards are left out, each with the reason.
    """
    with open_store(invocation) as store:
        found = store.database.run_read(lambda connection: _find(connection, reference))
        configs = {each.name: each for each in store.config.directories}
        if found.directory not in configs:
            problem = (
                f"Address book {str(reference)!r} shows the directory {found.directory}, and there "
                f"is no [directory.{found.directory}] in the configuration."
            )
            raise ConfigProblem([problem])
        with closing(Directory(configs[found.directory])) as directory:
            document = _sync_one(store, directory, found, dry_run=dry_run, force=force)
    verb = "would be" if dry_run else "were"
    say(
        invocation,
        {**document, "dry_run": dry_run},
        f"Cards of {str(reference)!r} that {verb} added: {document['added']}, changed: "
        f"{document['changed']}, removed: {document['removed']}; entries in the directory: "
        f"{document['entries']}.",
    )


def sync_books_of(store: Store, directory: Directory, *, dry_run: bool, force: bool) -> list[Row]:
    """Sync every book of a directory and return a row for each; a failure is told at once."""
    name = directory.config.name
    found = store.database.run_read(lambda connection: list_directory_books(connection, name))
    rows: list[Row] = []
    for each in found:
        try:
            done = _sync_one(store, directory, each, dry_run=dry_run, force=force)
            rows.append({**done, "result": DONE})
        except SharedbooksError as error:
            sentence = sentence_of(error)
            warn(sentence)
            nothing = dict.fromkeys(each.name for each in fields(BookSyncSummary))
            named = {"book": str(each.book.reference), "directory": name}
            rows.append({**nothing, **named, "problems": [sentence], "result": FAILED})
    return rows


def _sync_one(
    store: Store, directory: Directory, found: DirectoryBook, *, dry_run: bool, force: bool
) -> Row:
    """Sync one book with a progress bar, warn of what was left out, and return what was done."""
    reference = str(found.book.reference)
    try:
        with show_progress(f"Reading {directory} for {reference}", None) as advance:
            summary = sync_book(
                store.database,
                directory,
                found,
                max_card_size=store.config.books.max_card_size,
                dry_run=dry_run,
                force=force,
                advance=advance,
            )
    except DirectoryShrunk as error:
        forced = command("directory", "book", "sync", reference, "--force")
        error.add_note(f"If they have really left, give {forced}.")
        raise
    for problem in summary.problems:
        warn(f"Left out: {problem}")
    return asdict(summary)


def _find(connection: Connection, reference: BookReference) -> DirectoryBook:
    find_book(connection, reference)
    with advice(f"{command('directory', 'book', 'list')} shows which do."):
        return get_directory_book(connection, reference)


def _document(connection: Connection, shown: DirectoryBook) -> dict[str, object]:
    return {
        "reference": str(shown.book.reference),
        "directory": shown.directory,
        "base": shown.base,
        "filter": shown.filter,
        "groups": shown.group_filter is not None,
        "group_filter": shown.group_filter,
        "entries": count_entries(connection, shown.book.id),
        "cards": count_cards(connection, shown.book.id),
        "synced_at": moment(shown.synced_at),
    }
