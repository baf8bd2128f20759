"""The checks of ``sharedbooks doctor``."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path

from sqlalchemy.engine import make_url

from sharedbooks.cli.certificate import certificate_end
from sharedbooks.cli.output import moment
from sharedbooks.cli.serve import local_url
from sharedbooks.cli.store import Store, system_user
from sharedbooks.config.checks import read_file
from sharedbooks.config.database_url import masked
from sharedbooks.config.values import BadValueError
from sharedbooks.db.schema_state import require_current_schema, schema_status
from sharedbooks.domain.books import list_books
from sharedbooks.domain.credentials import PasswordHasher
from sharedbooks.domain.principals import PrincipalKind, list_principals
from sharedbooks.errors import ConfigProblem, SharedbooksError
from sharedbooks.serving import check_port_free, probe

_RENEWAL_TIME = timedelta(days=14)
_CLOCK_TOLERANCE = timedelta(minutes=5)
_PROGRAM_MADE = datetime(2025, 1, 1, tzinfo=UTC)
_PROBE_SECONDS = 5


class Result(Enum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; the remedy is empty when there is nothing to mend."""

    check: str
    result: Result
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class _Check:
    """One thing to look at.

    Attributes:
        name: what is looked at.
        look: returns what was found; raises when that is bad.
        remedy: what to do then.
        needs: a check without which this one says nothing.
    """

    name: str
    look: Callable[[Store], str]
    remedy: str
    needs: str = ""


class _BadError(Exception):
    """What was found is bad."""


class _DoubtfulError(Exception):
    """What was found needs attention some day."""


def examine(store: Store) -> list[Finding]:
    """Make every check of an installation whose configuration could be read."""
    findings = [Finding(_CONFIGURATION, Result.OK, str(store.config.source))]
    for check in _CHECKS:
        sound = {finding.check for finding in findings if finding.result is Result.OK}
        if check.needs and check.needs not in sound:
            findings.append(Finding(check.name, Result.SKIPPED, f"needs: {check.needs}"))
        else:
            findings.append(_make(check, store))
    return findings


def give_up(problem: ConfigProblem) -> list[Finding]:
    """Return what there is to say when the configuration cannot be used."""
    remedy = "Correct the configuration; the other checks come after it."
    return [
        *(Finding(_CONFIGURATION, Result.FAILED, each, remedy) for each in problem.problems),
        *(Finding(check.name, Result.SKIPPED, f"needs: {_CONFIGURATION}") for check in _CHECKS),
    ]


def _make(check: _Check, store: Store) -> Finding:
    try:
        return Finding(check.name, Result.OK, check.look(store))
    except _DoubtfulError as error:
        return Finding(check.name, Result.WARNING, str(error), check.remedy)
    except (_BadError, SharedbooksError) as error:
        return Finding(check.name, Result.FAILED, " ".join(str(error).split()), check.remedy)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks are to be made
        detail = f"{type(error).__name__}: {error}"
        return Finding(check.name, Result.FAILED, " ".join(detail.split()), check.remedy)


def _look_at_database(store: Store) -> str:
    schema_status(store.database)
    return masked(store.config.database.url)


def _look_at_schema(store: Store) -> str:
    require_current_schema(store.database)
    return "current"


def _look_at_folder(store: Store) -> str:
    url = make_url(store.config.database.url)
    if store.database.dialect != "sqlite" or url.database is None:
        return "the database is a server"
    file = Path(url.database)
    # SQLite makes files beside the database while it works.
    for path in (file.parent, file, file.with_name(f"{file.name}-wal")):
        if path.exists() and not os.access(path, os.W_OK):
            raise _BadError(f"{path} cannot be written by the user {system_user()}")
    return str(file.parent)


def _look_at_certificate(store: Store) -> str:
    certificate, key = store.config.server.tls_certificate, store.config.server.tls_key
    if certificate is None or key is None:
        return "not used"
    for name, path in (("tls_certificate", certificate), ("tls_key", key)):
        try:
            read_file(path)
        except BadValueError as error:
            raise _BadError(f"[server] {name} {error}") from error
    try:
        end = certificate_end(certificate, key)
    except OSError as error:
        raise _BadError(f"{certificate} and {key}: {error}") from error
    if end - datetime.now(UTC) < _RENEWAL_TIME:
        raise _DoubtfulError(f"{certificate} expires soon, on {end:%Y-%m-%d}")
    return f"valid until {end:%Y-%m-%d}"


def _look_at_port(store: Store) -> str:
    server = store.config.server
    try:
        probe(local_url(store.config), timeout=_PROBE_SECONDS)
    except SharedbooksError:
        check_port_free(server.host, server.port)
        return "free; the server does not run"
    return "the server runs and is well"


def _look_at_password_scheme(store: Store) -> str:
    scheme = store.config.auth.password_scheme
    hasher = PasswordHasher(scheme)
    if not hasher.verify("correct", hasher.hash("correct")):
        raise _BadError(f"{scheme} does not know a password again")
    return str(scheme)


def _look_at_users(store: Store) -> str:
    users = store.database.run_read(lambda c: list_principals(c, PrincipalKind.USER))
    if not users:
        raise _BadError("there are none")
    return str(len(users))


def _look_at_books(store: Store) -> str:
    books = store.database.run_read(list_books)
    if not books:
        raise _BadError("there are none")
    return str(len(books))


def _look_at_clock(store: Store) -> str:
    present = datetime.now(UTC)
    changes = [moment(book.changed_at) for book in store.database.run_read(list_books)]
    latest = max((change for change in changes if change is not None), default=_PROGRAM_MADE)
    if present < max(latest, _PROGRAM_MADE) - _CLOCK_TOLERANCE:
        raise _BadError(f"it shows {present:%Y-%m-%d %H:%M} UTC, which has long passed")
    return f"{present:%Y-%m-%d %H:%M} UTC"


_CONFIGURATION = "configuration"
_DATABASE = "database"
_SCHEMA = "schema"

_CHECKS = (
    _Check(
        _DATABASE,
        _look_at_database,
        "Start the database server, or correct [database] url.",
    ),
    _Check(_SCHEMA, _look_at_schema, "Give 'sharedbooks db upgrade'.", needs=_DATABASE),
    _Check(
        "database folder",
        _look_at_folder,
        "Let the user who runs the server write there.",
    ),
    _Check(
        "TLS certificate",
        _look_at_certificate,
        "Renew it, or correct [server] tls_certificate and tls_key.",
    ),
    _Check(
        "port",
        _look_at_port,
        "Stop the program that listens there, or choose another [server] host or port.",
    ),
    _Check(
        "password scheme",
        _look_at_password_scheme,
        "Install sharedbooks anew, or choose another [auth] password_scheme.",
    ),
    _Check("users", _look_at_users, "Give 'sharedbooks user add NAME'.", needs=_SCHEMA),
    _Check("address books", _look_at_books, "Give 'sharedbooks book add NAME'.", needs=_SCHEMA),
    _Check(
        "clock",
        _look_at_clock,
        "Set the clock of this machine and keep it right by NTP.",
        needs=_SCHEMA,
    ),
)
