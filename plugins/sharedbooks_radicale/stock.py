"""The stock mode: Radicale's own command with our plugins, and what these share in a process.

::

    [auth]
    type = sharedbooks_radicale.auth
    [rights]
    type = sharedbooks_radicale.rights
    [storage]
    type = sharedbooks_radicale.storage

Login, privileges, shared books in every member's home, history and sync tokens are those of
``sharedbooks serve``, over the same database. Between the client and us stand Radicale's own
handlers, however, and with them this mode

- stores a card as Radicale writes it anew, not octet for octet as it was sent, and refuses cards
  without UID and cards that its parser cannot read;
- announces ``calendar-access``, though every calendar is refused;
- tells ``D:write`` to members who may only add cards or edit their own, and refuses (403) when
  they try more;
- gives members who may only read no name of their own for a book;
- ignores ``limit``, ``Depth: infinity``, partial ``address-data``, ``Prefer`` and conditional GET,
  and filters cards in Python, one by one;
- answers 500 where the database is busy or away (never 401), 401 where logins are throttled, and
  403 without the precondition element;
- writes no User-Agent into history, and does not try a transaction again that met another one.
"""

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from radicale.config import filepath
from radicale.pathutils import CollidingPathError
from radicale.storage import ComponentNotFoundError
from sqlalchemy import Connection

from sharedbooks.config import Config, find_config, load_config
from sharedbooks.db.schema_state import keep_to_schema
from sharedbooks.domain import homes
from sharedbooks.domain.principals import Principal, PrincipalKind, find_principal
from sharedbooks.errors import (
    AccessDenied,
    CardRefused,
    Conflict,
    NotFound,
    SharedbooksError,
    StoreFull,
)
from sharedbooks.runtime import Runtime, configure_logging, open_runtime
from sharedbooks_radicale.scope import current_connection, current_member

CONFIG_OPTION = "sharedbooks_config"
"""Each plugin's option in Radicale's configuration: the path of ``sharedbooks.toml``."""

_lock = threading.Lock()
_runtimes: dict[Path, Runtime] = {}


def plugin_schema(section: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what the plugin of ``section`` adds to Radicale's configuration."""
    described = {
        "value": "",
        "help": "path of sharedbooks.toml; empty: the usual places",
        "type": filepath,
    }
    return {section: {CONFIG_OPTION: described}}


def shared_runtime(named: str) -> Runtime:
    """Return the runtime for the configuration file ``named``, one for the whole process.

    Radicale makes two of some plugins; together they must not hold more connections than one.

    Args:
        named: path of the file; empty: it is looked for in the usual places.

    Raises:
        RuntimeError: the configuration or the database cannot be used; says what to do about it.
    """
    try:
        path = Path(named) if named else find_config(None)
        with _lock:
            if path not in _runtimes:
                _runtimes[path] = _open(path)
            return _runtimes[path]
    except SharedbooksError as error:
        raise RuntimeError(str(error)) from error


def _open(path: Path) -> Runtime:
    config = load_config(path)
    configure_logging(config)
    runtime = open_runtime(config)
    keep_to_schema(runtime.database)
    return runtime


@contextmanager
def reading(runtime: Runtime) -> Iterator[Connection]:
    """Give the request's session, or a short one where Radicale has left its lock already."""
    current = current_connection()
    if current is not None:
        yield current
    else:
        with runtime.database.read() as connection:
            yield connection


def find_user(connection: Connection, name: str) -> Principal | None:
    """Return the user called ``name``, without asking the database for who has just logged in."""
    member = current_member()
    if member is not None and member.user.name == name and member.user.first_login_at is not None:
        return member.user
    return find_principal(connection, PrincipalKind.USER, name)


def complete_home(connection: Connection, config: Config, user: Principal) -> None:
    """Make what the home of ``user`` lacks, as configured."""
    homes.complete_home(
        connection,
        user,
        personal_name=config.books.personal_name,
        personal_display_name=config.books.personal_display_name,
    )


@contextmanager
def change() -> Iterator[Connection]:
    """Open a savepoint of the request's write transaction.

    Radicale turns what is raised here into a returned 4xx and then leaves its lock as if all were
    well, so that the transaction is committed: what was half done must be undone before.

    Raises:
        ValueError: the domain refused, in the words by which Radicale chooses the status.
    """
    connection = current_connection()
    if connection is None:
        raise RuntimeError("Radicale writes without its lock.")
    try:
        with connection.begin_nested():
            yield connection
    except NotFound as error:
        raise ComponentNotFoundError(str(error)) from error
    except Conflict as error:
        raise CollidingPathError(str(error)) from error
    except SharedbooksError as error:
        raise refusal(error) from error


def refusal(error: SharedbooksError) -> ValueError:
    """Return ``error`` as Radicale's 403, 507 or else 400."""
    if isinstance(error, (AccessDenied, CardRefused)):
        return ValueError(f"[Errno {errno.EACCES}] {error}")
    if isinstance(error, StoreFull):
        return ValueError(f"[Errno {errno.ENOSPC}] {error}")
    return ValueError(str(error))
