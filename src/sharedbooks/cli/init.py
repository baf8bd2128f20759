"""``sharedbooks init``: a configuration file and a database to begin with."""

import os
import shlex
from pathlib import Path

import click

from sharedbooks.cli.commands import Command, Invocation
from sharedbooks.cli.init_system import init_system
from sharedbooks.cli.output import say
from sharedbooks.cli.store import new_sqlite_file, open_any_store
from sharedbooks.config import find_config, initial_config_text, load_config
from sharedbooks.config.places import ENVIRONMENT_VARIABLE, FILE_NAME
from sharedbooks.db.upgrade import upgrade_schema
from sharedbooks.errors import ConfigProblem, Conflict


@click.command(cls=Command)
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder to make them in, instead of the current one.",
)
@click.option(
    "--system",
    is_flag=True,
    help="Make a service of this machine instead: its account, units and configuration in /etc.",
)
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="With --system, the machine whose files are in this folder.",
)
@click.pass_obj
def init(
    invocation: Invocation, directory: Path | None, root: Path | None, *, system: bool
) -> None:
    """Make a configuration file and a database, and say what to do next.

    Nothing is asked, and a configuration file that is there is never touched. With --system, files
    that you changed stay too; all else is brought to this version of the program.
    """
    if invocation.config_path is not None:
        raise click.UsageError(f"It makes {FILE_NAME} in a folder: give --directory, not --config")
    if root is not None and not system:
        raise click.UsageError("--root goes with --system")
    if system:
        if directory is not None:
            raise click.UsageError("--system knows its folders: give no --directory")
        init_system(invocation, (root or Path("/")).absolute())
        return
    folder = (directory or Path()).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / FILE_NAME
    try:
        with source.open("x", encoding="utf-8") as file:
            file.write(initial_config_text())
    except FileExistsError:
        raise Conflict(
            f"There is a configuration file {source} already, and it stays as it is; to begin "
            "anew, move it away or choose another --directory."
        ) from None
    try:
        database = _make_database(source)
    except BaseException:
        source.unlink()
        raise
    steps = _next_steps(source)
    say(
        invocation,
        {"config": str(source), "database": str(database), "next": steps},
        f"Made the configuration file {source}",
        f"and the database {database}.",
        "",
        "Next:",
        *(f"  {step}" for step in steps),
    )


def _make_database(source: Path) -> Path:
    """Make the database that the file at ``source`` names and return its path.

    One that is there is kept and brought to the present schema.
    """
    config = load_config(source)
    with new_sqlite_file(config) as path, open_any_store(config) as store:
        upgrade_schema(store.database)
    assert path is not None  # noqa: S101 - the file was made a moment ago, with SQLite
    return path


def _next_steps(source: Path) -> list[str]:
    steps = [
        "sharedbooks user add NAME",
        "sharedbooks device add NAME LABEL",
        "sharedbooks book add BOOK",
        "sharedbooks grant add BOOK user:NAME write",
        "sharedbooks serve",
    ]
    if not _is_found(source):
        steps.insert(0, f"export {ENVIRONMENT_VARIABLE}={shlex.quote(str(source))}")
    if os.geteuid() == 0:
        steps.insert(
            0,
            f"chown -R USER {shlex.quote(str(source.parent))}"
            "   # unless the server runs as root too",
        )
    return steps


def _is_found(source: Path) -> bool:
    """True if a command given here without --config uses the file at ``source``."""
    try:
        return find_config(None) == source
    except ConfigProblem:
        return False
