"""``sharedbooks directory sync``: people, groups and books as the directories have them now."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, fields

import click

from sharedbooks.cli.commands import Command, Invocation
from sharedbooks.cli.directory_book import BOOK_SYNC_COLUMNS, DONE, FAILED, sync_books_of
from sharedbooks.cli.failures import command, sentence_of
from sharedbooks.cli.output import Row, show_details, warn
from sharedbooks.cli.progress import show_progress
from sharedbooks.cli.store import Store, open_store
from sharedbooks.config import Config, DirectoryConfig
from sharedbooks.db.locks import sole
from sharedbooks.directory.connection import Directory
from sharedbooks.directory.sync import SyncSummary, sync_principals
from sharedbooks.errors import DirectoryShrunk, DirectoryUnavailable

_LOCK = "directory-sync"

_COLUMNS = {
    "directory": "Directory",
    "people": "People",
    "groups": "Groups",
    "added": "New",
    "changed": "Changed",
    "barred": "Kept out",
    "admitted": "Back",
    "vanished": "Gone",
    "deleted": "Deleted",
    "memberships_added": "Memberships +",
    "memberships_removed": "Memberships -",
    "result": "Result",
}


@click.command("sync", cls=Command)
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--force", is_flag=True, help="Believe a directory of which more than half has gone.")
@click.pass_context
def sync(context: click.Context, name: str | None, *, dry_run: bool, force: bool) -> None:
    """Bring people, groups and books up to date with the directory NAME, or with all of them.

    Who has left the directory, or is disabled there, cannot log in any more, with app passwords
    neither; who has left a group loses its books. A directory that cannot be asked changes nothing,
    and the exit code is 1.
    """
    invocation = context.ensure_object(Invocation)
    with open_store(invocation) as store, sole(store.database, _LOCK):
        chosen = _chosen(store.config, name)
        outcomes, books = [], []
        for each in chosen:
            with closing(Directory(each)) as directory:
                outcomes.append(_sync_one(store, directory, dry_run=dry_run, force=force))
                books += sync_books_of(store, directory, dry_run=dry_run, force=force)
    # Programs get the names, people how many.
    rows = outcomes if invocation.as_json else [_counted(each) for each in outcomes]
    show_details(
        invocation,
        {"dry_run": dry_run, "directories": rows, "books": books},
        {"dry_run": "Dry run"},
        {"directories": _COLUMNS, "books": BOOK_SYNC_COLUMNS},
    )
    context.exit(0 if all(each["result"] == DONE for each in (*outcomes, *books)) else 1)


def _chosen(config: Config, name: str | None) -> Sequence[DirectoryConfig]:
    known = {each.name: each for each in config.directories}
    if not known:
        raise click.UsageError("The configuration has no [directory.NAME]; describe one first")
    if name is None:
        return config.directories
    if name not in known:
        raise click.UsageError(f"There is no [directory.{name}]; there is {', '.join(known)}")
    return [known[name]]


def _sync_one(store: Store, directory: Directory, *, dry_run: bool, force: bool) -> Row:
    """Sync one directory and return its row; what keeps it from being synced is told at once."""
    name = directory.config.name
    try:
        with show_progress(f"Reading directory {name}", None) as advance:
            summary = sync_principals(
                store.database, directory, dry_run=dry_run, force=force, advance=advance
            )
    except (DirectoryUnavailable, DirectoryShrunk) as error:
        if isinstance(error, DirectoryShrunk):
            forced = command("directory", "sync", name, "--force")
            error.add_note(f"If they have really left, give {forced}.")
        sentence = sentence_of(error)
        warn(sentence)
        nothing = dict.fromkeys(each.name for each in fields(SyncSummary))
        return {**nothing, "directory": name, "result": FAILED, "problems": [sentence]}
    for problem in summary.problems:
        warn(f"Left out: {problem}")
    return {**asdict(summary), "result": DONE}


def _counted(row: Row) -> Row:
    return {key: len(value) if isinstance(value, list) else value for key, value in row.items()}
