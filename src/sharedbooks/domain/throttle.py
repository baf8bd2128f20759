"""Counting failed logins per address and per account, for all processes together."""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from sharedbooks.db.schema import login_failures
from sharedbooks.db.types import now, seconds_left
from sharedbooks.errors import TooManyLogins

_SECOND = 1_000_000

MAX_SUBJECTS = 100_000
"""Addresses and accounts counted at a time; of more, those counted longest are forgotten."""
_FORGOTTEN_AT_ONCE = MAX_SUBJECTS // 100

_FAILURES = select(login_failures.c.failures, login_failures.c.window_started_at).where(
    login_failures.c.subject.in_(bindparam("subjects", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Throttle:
    """After ``limit`` failures within ``window`` seconds, logins are refused until it has passed.

    A limit of 0 never refuses.
    """

    limit: int
    window: int

    def require_patience(self, connection: Connection, address: str, login_name: str) -> None:
        """Return if a password of ``login_name`` from ``address`` may be tried now.

        Raises:
            TooManyLogins: not before ``retry_after`` seconds.
        """
        if not self.limit:
            return
        for failures, started in connection.execute(
            _FAILURES, {"subjects": _subjects(address, login_name)}
        ):
            left = seconds_left(started, self.window)
            if failures >= self.limit and left:
                raise TooManyLogins("Too many failed logins; try again later.", retry_after=left)

    def forget_passed(self, connection: Connection) -> int:
        """Forget failures that do not count any more, in a write transaction; return how many."""
        moment, window = now(), self.window * _SECOND
        # As ``seconds_left`` has it.
        counts = login_failures.c.window_started_at.between(moment - window, moment + window)
        return connection.execute(delete(login_failures).where(~counts)).rowcount

    def count_failure(self, connection: Connection, address: str, login_name: str) -> None:
        """Count one more failed login, in a write transaction."""
        moment = now()
        # Passed windows say nothing any more; clearing them here keeps the table small.
        self.forget_passed(connection)
        for subject in sorted(_subjects(address, login_name)):
            counted = connection.execute(
                update(login_failures)
                .where(login_failures.c.subject == subject)
                .values(failures=login_failures.c.failures + 1)
            ).rowcount
            if not counted:
                _make_room(connection)
                connection.execute(
                    insert(login_failures).values(
                        subject=subject, failures=1, window_started_at=moment
                    )
                )


def _make_room(connection: Connection) -> None:
    """Forget the oldest counts if there are too many: names cost an attacker nothing."""
    counted = connection.execute(select(func.count()).select_from(login_failures)).scalar_one()
    if counted < MAX_SUBJECTS:
        return
    started = login_failures.c.window_started_at
    oldest = select(started).order_by(started).offset(_FORGOTTEN_AT_ONCE).limit(1)
    limit = connection.execute(oldest).scalar_one()
    connection.execute(delete(login_failures).where(started <= limit))


def forget_failure(connection: Connection, address: str, login_name: str) -> None:
    """Take back one failed login that was only a trial, in a write transaction."""
    for subject in sorted(_subjects(address, login_name)):
        row = login_failures.c.subject == subject
        connection.execute(
            update(login_failures).where(row).values(failures=login_failures.c.failures - 1)
        )
        connection.execute(delete(login_failures).where(row, login_failures.c.failures <= 0))


def _subjects(address: str, login_name: str) -> list[str]:
    # The name is a stranger's: quoted, it holds nothing that a database refuses.
    return [f"address:{counted_as(address)}"[:300], f"account:{login_name!r}"[:300]]


@lru_cache(maxsize=1024)
def counted_as(address: str) -> str:
    """Return the address, or the /64 of an IPv6 one: whoever has one of it has them all.

    What is no address is returned as it is.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
