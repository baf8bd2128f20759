"""``sharedbooks backup`` and ``restore``: everything in one file, and back into a database."""

from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

import click

from sharedbooks.cli.commands import Command, Group, Invocation
from sharedbooks.cli.failures import command
from sharedbooks.cli.output import Row, say
from sharedbooks.cli.progress import show_progress
from sharedbooks.cli.store import log_call, new_sqlite_file, open_any_store, open_store, read_config
from sharedbooks.config.database_url import masked
from sharedbooks.exchange.backup import check_backup, make_backup
from sharedbooks.exchange.backup_file import Contents
from sharedbooks.exchange.backup_restore import restore_backup
from sharedbooks.exchange.backup_rotation import backup_of, remove_outdated

_CREATE = "create"


class _BackupGroup(Group):
    """The group ``backup``; what is none of its commands is the file of a new backup."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        is_path = "/" in args[0] or not get_close_matches(args[0], known, n=1, cutoff=0.8)
        words = [_CREATE, *args] if is_path and args[0] not in known else args
        return super().resolve_command(ctx, words)


@click.group(cls=_BackupGroup, subcommand_metavar="FILE | COMMAND [ARGS]...")
def backup() -> None:
    """Write everything that is in the database into FILE, while the server goes on.

    'backup FILE' is short for 'backup create FILE'.
    """


@backup.command(_CREATE)
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def create(invocation: Invocation, path: Path) -> None:
    """Write everything that is in the database into FILE, and read it back to see that it is whole.

    What FILE was before is replaced then. Nobody but its owner may read it.
    """
    with open_store(invocation) as store:
        contents = make_backup(store.database, path, show_progress)
    size = path.stat().st_size
    say(
        invocation,
        {**_document(path, contents), "octets": size},
        f"Backup written into {path} and read back: {contents.total} rows, {size} octets.",
    )


@backup.command("rotate")
@click.argument("folder", metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--keep",
    type=click.IntRange(1, 3660),
    default=14,
    show_default=True,
    metavar="DAYS",
    help="Number of days, today included, whose backups stay.",
)
@click.pass_obj
def rotate(invocation: Invocation, folder: Path, keep: int) -> None:
    """Write the backup of today into FOLDER, and then remove those of days long past.

    FOLDER is made if it is not there. A backup that fails removes none. Days are those of UTC.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    today = datetime.now(UTC).date()
    path = backup_of(today, folder)
    with open_store(invocation) as store:
        contents = make_backup(store.database, path, show_progress)
    removed = remove_outdated(folder, today, keep)
    say(
        invocation,
        {**_document(path, contents), "removed": [str(each) for each in removed]},
        f"Backup written into {path} and read back: {contents.total} rows.",
        *(f"Removed {each}, which is older than {keep} days." for each in removed),
    )


@backup.command("verify")
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def verify(invocation: Invocation, path: Path) -> None:
    """Read a backup from beginning to end and say whether it is whole, and what is in it."""
    contents = check_backup(path, show_progress)
    say(
        invocation,
        _document(path, contents),
        f"Backup {path} of {contents.header.made_at} is whole: schema {contents.header.schema}.",
        *(f"  {table}: {number}" for table, number in contents.rows.items()),
    )


@click.command(cls=Command)
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--move",
    is_flag=True,
    help="Nothing was changed after the backup: apps go on without comparing whole books.",
)
@click.pass_obj
def restore(invocation: Invocation, path: Path, *, move: bool) -> None:
    """Put the backup FILE into the configured database, which has to be empty.

    That may be of another kind than the one the backup was made of. All of it goes in, or nothing.
    """
    config = read_config(invocation)
    with new_sqlite_file(config), open_any_store(config) as store:
        contents = restore_backup(store.database, path, show_progress, move=move)
        store.database.run_write(log_call)
    url = masked(config.database.url)
    say(
        invocation,
        {**_document(path, contents), "database": url, "move": move},
        f"Backup {path} of {contents.header.made_at} is in {url}: {contents.total} rows.",
        f"{command('doctor')} looks at the installation; then start the server.",
    )


def _document(path: Path, contents: Contents) -> dict[str, object]:
    rows: Row = dict(contents.rows)
    return {
        "file": str(path),
        "made_at": contents.header.made_at,
        "program": contents.header.program,
        "schema": contents.header.schema,
        "rows": rows,
        "sha256": contents.sha256,
    }
