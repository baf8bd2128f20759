"""The checks of ``sharedbooks doctor``."""

from datetime import UTC, datetime, timedelta
from functools import partial

from sharedbooks.cli.certificate import certificate_end
from sharedbooks.cli.doctor_database import DATABASE_CHECKS
from sharedbooks.cli.doctor_directory import examine_directories
from sharedbooks.cli.doctor_files import FILE_CHECKS
from sharedbooks.cli.findings import BadError, Check, DoubtfulError, Finding, Result, make
from sharedbooks.cli.output import moment
from sharedbooks.cli.serve import local_url
from sharedbooks.cli.store import Store
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


def examine(store: Store) -> list[Finding]:
    """Make every check of an installation whose configuration could be read."""
    findings = [Finding(_CONFIGURATION, Result.OK, str(store.config.source))]
    for check in _CHECKS:
        sound = {finding.check for finding in findings if finding.result is Result.OK}
        if check.needs and check.needs not in sound:
            findings.append(Finding(check.name, Result.SKIPPED, f"needs: {check.needs}"))
        else:
            findings.append(make(check.name, check.remedy, partial(check.look, store)))
    return [*findings, *examine_directories(store.config)]


def give_up(problem: ConfigProblem) -> list[Finding]:
    """Return what there is to say when the configuration cannot be used."""
    remedy = "Correct the configuration; the other checks come after it."
    return [
        *(Finding(_CONFIGURATION, Result.FAILED, each, remedy) for each in problem.problems),
        *(Finding(check.name, Result.SKIPPED, f"needs: {_CONFIGURATION}") for check in _CHECKS),
    ]


def _look_at_database(store: Store) -> str:
    schema_status(store.database)
    return masked(store.config.database.url)


def _look_at_schema(store: Store) -> str:
    require_current_schema(store.database)
    return "current"


def _look_at_certificate(store: Store) -> str:
    certificate, key = store.config.server.tls_certificate, store.config.server.tls_key
    if certificate is None or key is None:
        return "not used"
    for name, path in (("tls_certificate", certificate), ("tls_key", key)):
        try:
            read_file(path)
        except BadValueError as error:
            raise BadError(f"[server] {name} {error}") from error
    try:
        end = certificate_end(certificate, key)
    except OSError as error:
        raise BadError(f"{certificate} and {key}: {error}") from error
    if end - datetime.now(UTC) < _RENEWAL_TIME:
        raise DoubtfulError(f"{certificate} expires soon, on {end:%Y-%m-%d}")
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
        raise BadError(f"{scheme} does not know a password again")
    return str(scheme)


def _look_at_users(store: Store) -> str:
    users = store.database.run_read(lambda c: list_principals(c, PrincipalKind.USER))
    if not users:
        raise BadError("there are none")
    return str(len(users))


def _look_at_books(store: Store) -> str:
    books = store.database.run_read(list_books)
    if not books:
        raise BadError("there are none")
    return str(len(books))


def _look_at_clock(store: Store) -> str:
    present = datetime.now(UTC)
    changes = [moment(book.changed_at) for book in store.database.run_read(list_books)]
    latest = max((change for change in changes if change is not None), default=_PROGRAM_MADE)
    if present < max(latest, _PROGRAM_MADE) - _CLOCK_TOLERANCE:
        raise BadError(f"it shows {present:%Y-%m-%d %H:%M} UTC, which has long passed")
    return f"{present:%Y-%m-%d %H:%M} UTC"


_CONFIGURATION = "configuration"
_DATABASE = "database"
_SCHEMA = "schema"

_CHECKS = (
    Check(
        _DATABASE,
        _look_at_database,
        "Start the database server, or correct [database] url.",
    ),
    Check(_SCHEMA, _look_at_schema, "Give 'sharedbooks db upgrade'.", needs=_DATABASE),
    *FILE_CHECKS,
    Check(
        "TLS certificate",
        _look_at_certificate,
        "Renew it, or correct [server] tls_certificate and tls_key.",
    ),
    Check(
        "port",
        _look_at_port,
        "Stop the program that listens there, or choose another [server] host or port.",
    ),
    Check(
        "password scheme",
        _look_at_password_scheme,
        "Install sharedbooks anew, or choose another [auth] password_scheme.",
    ),
    Check("users", _look_at_users, "Give 'sharedbooks user add NAME'.", needs=_SCHEMA),
    Check("address books", _look_at_books, "Give 'sharedbooks book add NAME'.", needs=_SCHEMA),
    Check(
        "clock",
        _look_at_clock,
        "Set the clock of this machine and keep it right by NTP.",
        needs=_SCHEMA,
    ),
    *DATABASE_CHECKS,
)
