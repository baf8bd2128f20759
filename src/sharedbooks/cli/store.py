"""The configuration and the database that a command works with."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from sharedbooks.cli.audited import describe_call
from sharedbooks.cli.commands import Invocation
from sharedbooks.config import Config, find_config, load_config
from sharedbooks.db.engine import Database
from sharedbooks.db.schema_state import require_current_schema
from sharedbooks.db.types import now
from sharedbooks.domain.audit import Event, log_event
from sharedbooks.domain.history import Actor
from sharedbooks.errors import ConfigProblem
from sharedbooks.runtime import open_database


@dataclass(frozen=True, slots=True)
class Store:
    """An open database with the configuration that names it."""

    config: Config
    database: Database


def read_config(invocation: Invocation, *, serving: bool = False) -> Config:
    """Return the configuration that the command was told to use, or that is found.

    Raises:
        ConfigProblem: there is none, or it cannot be used.
    """
    return load_config(find_config(invocation.config_path), serving=serving)


@contextmanager
def open_any_store(config: Config) -> Iterator[Store]:
    """Open the database of ``config``, whatever schema it has.

    Raises:
        ConfigProblem: the package that talks to such a database is not installed.
    """
    try:
        database = open_database(config)
    except ModuleNotFoundError as error:
        problem = (
            f"[database] url needs the Python package {error.name}, which is not installed; "
            "install sharedbooks[postgresql] or sharedbooks[mariadb]."
        )
        raise ConfigProblem([problem]) from error
    try:
        yield Store(config, database)
    finally:
        database.close()


@contextmanager
def new_sqlite_file(config: Config) -> Iterator[Path | None]:
    """Make the SQLite file that ``config`` names if there is none; yield its path.

    It is for its owner alone: contacts are personal. When the block fails, a file that was made is
    gone again. For another kind of database the path is None.
    """
    url = make_url(config.database.url)
    if url.get_backend_name() != "sqlite":
        yield None
        return
    path = Path(url.database or "")
    is_new = not path.exists()
    if is_new:
        path.touch(mode=0o600)
    try:
        yield path
    except BaseException:
        if is_new:
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        raise


@contextmanager
def open_store(invocation: Invocation) -> Iterator[Store]:
    """Open the configured database, which has to have the present schema.

    The first change that the command makes takes a line of the audit log with it, in the same
    transaction; see ``describe_call``.

    Raises:
        ConfigProblem: the configuration is not there or cannot be used.
        SchemaMismatch: the database has another schema; says which command mends it.
        StoreBusy: the database cannot be reached.
    """
    with open_any_store(read_config(invocation)) as store:
        require_current_schema(store.database)
        # The command comes before what it does.
        store.database.accompany_first_write(partial(log_call, at=now()))
        yield store


def log_call(connection: Connection, *, at: int | None = None) -> None:
    """Write the command that runs, begun ``at`` that moment, into the audit log if it belongs."""
    called = describe_call()
    if called is not None:
        log_event(connection, Event(now() if at is None else at, caller(), *called))


def administrator(client: str) -> Actor:
    """Return who runs this command, as history writes them down.

    Args:
        client: the command, for instance ``sharedbooks import``.
    """
    return Actor(None, caller(), "", client)


def caller() -> str:
    """Return the name of the person who runs this command: behind sudo that is not root."""
    return os.environ.get("SUDO_USER") or system_user()


def system_user() -> str:
    """Return the name of the user whom this process belongs to."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        return f"uid {os.getuid()}"
