"""How long a database may take, and what tells each driver and server so."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import URL

_CONNECT_SECONDS = 10.0
_MARGIN_SECONDS = 2.0
"""The server gives up first: its end of a statement is orderly, ours costs the connection."""

# A machine that has gone without a word is missed after some 25 s, by either side.
_KEEPALIVE = {"idle": 10, "interval": 5, "count": 3}
_UNACKNOWLEDGED_MS = 20_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How long is waited for a database, in seconds.

    Attributes:
        busy: for another writer.
        answer: for what a statement takes otherwise, and for its transaction to go on; None for
            commands, which may take hours.
        hosts: how many are tried for a connection.
    """

    busy: float
    answer: float | None = None
    hosts: int = 1

    @property
    def connect(self) -> float:
        """For a connection to one host."""
        return min(_CONNECT_SECONDS, self.answer or _CONNECT_SECONDS) / self.hosts

    def statement(self, *, writing: bool) -> float | None:
        """For a statement, which waits for other writers too if it writes."""
        if self.answer is None:
            return None
        return self.answer + (self.busy if writing else 0)

    def patience(self, *, writing: bool) -> float | None:
        """For the end of a statement, until the connection is given up."""
        statement = self.statement(writing=writing)
        return None if statement is None else statement + _MARGIN_SECONDS


def postgresql_arguments(url: URL, limits: Limits, *, writing: bool) -> dict[str, Any]:
    """Return the arguments of psycopg for one kind of transaction; what ``url`` says has its way.

    What the server is told is for the case that we are the ones who vanish, with a lock in hand.
    """
    settings = {f"tcp_keepalives_{name}": value for name, value in _KEEPALIVE.items()}
    if writing:
        settings["lock_timeout"] = _milliseconds(limits.busy)
    else:
        settings["default_transaction_read_only"] = 1
    statement = limits.statement(writing=writing)
    if limits.answer is not None and statement is not None:
        settings["statement_timeout"] = _milliseconds(statement)
        settings["idle_in_transaction_session_timeout"] = _milliseconds(limits.answer)
    arguments = {
        "application_name": "sharedbooks",
        "connect_timeout": max(2, round(limits.connect)),
        "tcp_user_timeout": _UNACKNOWLEDGED_MS,
        "keepalives_idle": _KEEPALIVE["idle"],
        "keepalives_interval": _KEEPALIVE["interval"],
        "keepalives_count": _KEEPALIVE["count"],
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
    }
    return _unless_in(url.query, arguments)


def mariadb_arguments(url: URL, limits: Limits, *, writing: bool) -> dict[str, Any]:
    """Return the arguments of PyMySQL for one kind of transaction; what ``url`` says has its way.

    MariaDB rounds the wait for a lock up to seconds.
    """
    if writing:
        settings: dict[str, float] = {"innodb_lock_wait_timeout": max(1, round(limits.busy))}
    else:
        settings = {"tx_read_only": 1}
    arguments: dict[str, Any] = {"connect_timeout": limits.connect}
    statement = limits.statement(writing=writing)
    if limits.answer is not None and statement is not None:
        settings["max_statement_time"] = statement
        settings["idle_transaction_timeout"] = max(1, round(limits.answer))
        arguments["read_timeout"] = arguments["write_timeout"] = limits.patience(writing=writing)
    assignments = ", ".join(f"{name} = {value}" for name, value in settings.items())
    arguments["init_command"] = f"SET SESSION {assignments}"
    return _unless_in(url.query, arguments)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _unless_in(query: Mapping[str, object], arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in query}
