"""Everything the server counts. docs/monitoring.md tells each by its name here."""

from sharedbooks.watching.board import BOARD
from sharedbooks.watching.clients import FAMILIES
from sharedbooks.watching.instruments import OTHER, Counter, Histogram, Latest, Level

_METHODS = (
    *("OPTIONS", "GET", "HEAD", "PUT", "POST", "DELETE", "COPY", "MOVE", "MKCOL", "MKCALENDAR"),
    *("PROPFIND", "PROPPATCH", "REPORT", OTHER),
)
_STATUSES = tuple(
    str(status)
    for status in (
        *(200, 201, 204, 206, 207, 301, 304, 400, 401, 403, 404, 405, 406, 409, 411, 412, 413),
        *(414, 415, 416, 417, 423, 424, 429, 431, 500, 501, 502, 503, 504, 507),
    )
)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_CHANGES = (0, 1, 10, 100, 1_000, 10_000, 100_000)
_USES = ("reading", "writing")

REQUESTS = Counter(
    "sharedbooks_requests_total",
    "Requests answered, by method, status and family of the app.",
    {"method": _METHODS, "status": (*_STATUSES, OTHER), "client": FAMILIES},
    sparse=True,
)
REQUEST_SECONDS = Histogram(
    "sharedbooks_request_seconds",
    "Seconds until an answer was ready to be sent, the arrival of the request's body included.",
    _SECONDS,
    {"method": _METHODS},
    sparse=True,
)
REQUESTS_IN_PROGRESS = Level(
    "sharedbooks_requests_in_progress", "Requests that are being worked on now."
)
SLOW_REQUESTS = Counter(
    "sharedbooks_slow_requests_total", "Requests that took longer than [log] slow_request."
)
LOGINS = Counter(
    "sharedbooks_logins_total",
    "Requests by what became of their login: device and password were accepted, refused was wrong,"
    " throttled came after too many wrong ones, none brought no password, unavailable met a"
    " directory that does not answer.",
    {"outcome": ("device", "password", "refused", "throttled", "none", "unavailable")},
)
SYNC_CHANGES = Histogram(
    "sharedbooks_sync_changes",
    "Cards in an answer to sync-collection, changed and removed; first is a whole book.",
    _CHANGES,
    {"sync": ("first", "later")},
)
MASS_DELETIONS = Counter(
    "sharedbooks_mass_deletions_total",
    "Times that a device deleted more cards than [books] mass_deletion.",
)

CONNECTIONS = Level(
    "sharedbooks_database_connections",
    "Database connections at work now.",
    {"use": _USES},
)
CONNECTION_WAITS = Histogram(
    "sharedbooks_database_connection_wait_seconds",
    "Seconds that a request waited for a free database connection; those that found one at once do"
    " not count.",
    _SECONDS,
    {"use": _USES},
)
LOCK_WAITS = Histogram(
    "sharedbooks_database_lock_seconds",
    "Seconds in which a writer got its lock: the book's, or on SQLite that of the file.",
    _SECONDS,
)
COMMITS = Histogram(
    "sharedbooks_database_commit_seconds", "Seconds that a commit of changes took.", _SECONDS
)
RETRIES = Counter(
    "sharedbooks_database_retries_total",
    "Transactions begun again: after a conflict with another one, or on a lost connection.",
    {"reason": ("conflict", "unavailable")},
)
DATABASE_FAILURES = Counter(
    "sharedbooks_database_failures_total",
    "Work given up because the database was busy, unavailable or full.",
    {"reason": ("busy", "unavailable", "full")},
)

WORKER_STARTS = Counter(
    "sharedbooks_worker_starts_total",
    "Worker processes started, those that replaced others included.",
)

CONTENTS = Latest(5)
"""When cards were counted last, in seconds since 1970; how many cards, books and users there are;
and how many seconds that took."""

COUNTING = Latest(1)
"""When a process began to count."""

MAX_DIRECTORIES = 16
DIRECTORY_STATES = tuple(Latest(2) for _ in range(MAX_DIRECTORIES))
"""When each directory of the configuration was asked last, in seconds since the machine started,
and whether it answered."""

INSTRUMENTS: tuple[Counter | Histogram, ...] = (
    REQUESTS,
    REQUEST_SECONDS,
    REQUESTS_IN_PROGRESS,
    SLOW_REQUESTS,
    LOGINS,
    SYNC_CHANGES,
    MASS_DELETIONS,
    CONNECTIONS,
    CONNECTION_WAITS,
    LOCK_WAITS,
    COMMITS,
    RETRIES,
    DATABASE_FAILURES,
    WORKER_STARTS,
)
"""What is counted as it happens."""


def join() -> None:
    """Count from now on as one of the worker processes."""
    if BOARD.take_row():
        for level in (REQUESTS_IN_PROGRESS, CONNECTIONS):
            level.forget()
    WORKER_STARTS.count()
