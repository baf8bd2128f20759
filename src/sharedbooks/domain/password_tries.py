"""How often passwords of a directory's account are tried there, counted for all processes together.

A directory locks an account after some wrong passwords. A device with an old password sends it for
days; so a wrong password is remembered and not tried twice, and after a few different ones nothing
is tried for a while. One process at a time asks about an account: the others wait for its answer.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from sharedbooks.db.schema import password_tries, refused_passwords
from sharedbooks.db.types import now, seconds_left
from sharedbooks.errors import TooManyLogins

_SECOND = 1_000_000
_REMEMBERED = 24 * 60 * 60 * _SECOND
_REMEMBERED_EACH = 10


class Account(NamedTuple):
    """An account of a directory: the directory's name and the stable id there."""

    source: str
    source_id: str


@dataclass(frozen=True, slots=True)
class TryLimit:
    """After ``failures`` wrong passwords no other is tried until ``window`` seconds have passed.

    They count from the last one, as directories count: a password now and then, each within the
    window of the one before, adds up.
    """

    failures: int
    window: int


def find_refused(connection: Connection, account: Account, stamp: str) -> list[str]:
    """Return hashes of passwords that were wrong, newest first; none from before a change.

    Args:
        connection: for reading.
        account: whose.
        stamp: what changes in the directory when the password does.
    """
    statement = (
        select(refused_passwords.c.secret_hash)
        .where(
            _of(refused_passwords, account),
            refused_passwords.c.stamp == stamp,
            refused_passwords.c.refused_at > now() - _REMEMBERED,
        )
        .order_by(refused_passwords.c.id.desc())
    )
    return list(connection.execute(statement).scalars())


def begin_try(connection: Connection, account: Account, limit: TryLimit, seconds: int) -> bool:
    """Take the right to ask the directory about ``account``; False while another process has it.

    Args:
        connection: of a write transaction.
        account: whose password is to be tried.
        limit: how many may be wrong.
        seconds: after which the right ends even if nobody ends the try.

    Raises:
        TooManyLogins: too many passwords were wrong.
    """
    row = _locked(connection, account)
    if row is None:
        with suppress(IntegrityError), connection.begin_nested():
            connection.execute(
                insert(password_tries).values(
                    source=account.source,
                    source_id=account.source_id,
                    failures=0,
                    failed_at=0,
                    trying_until=0,
                )
            )
        row = _locked(connection, account)
        assert row is not None  # noqa: S101 - inserted, here or by another process
    failures, failed_at, trying_until = row
    moment = now()
    if moment < trying_until <= moment + seconds * _SECOND:
        return False
    left = seconds_left(failed_at, limit.window)
    if not left:
        failures = 0
    if failures >= limit.failures:
        raise TooManyLogins(
            "Too many wrong passwords of this account; try again later.", retry_after=left
        )
    _set(connection, account, failures=failures, trying_until=moment + seconds * _SECOND)
    return True


def end_try(connection: Connection, account: Account) -> None:
    """Note that nothing became of a try: the directory gave no answer about the password."""
    _set(connection, account, trying_until=0)


def note_accepted(connection: Connection, account: Account) -> None:
    """Note that the directory accepted a password: earlier wrong ones count no more there."""
    _set(connection, account, failures=0, trying_until=0)


def note_refused(connection: Connection, account: Account, secret_hash: str, stamp: str) -> None:
    """Note that a password was wrong, and which: its slow hash, and the account's stamp then."""
    moment = now()
    _set(
        connection,
        account,
        failures=password_tries.c.failures + 1,
        failed_at=moment,
        trying_until=0,
    )
    connection.execute(
        delete(refused_passwords).where(
            (refused_passwords.c.refused_at < moment - _REMEMBERED)
            | refused_passwords.c.id.in_(_surplus(connection, account, stamp))
        )
    )
    connection.execute(
        insert(refused_passwords).values(
            source=account.source,
            source_id=account.source_id,
            secret_hash=secret_hash,
            stamp=stamp,
            refused_at=moment,
        )
    )


def _surplus(connection: Connection, account: Account, stamp: str) -> Iterable[int]:
    """Return ids of wrong passwords not worth keeping: of an earlier stamp, or one too many."""
    rows = connection.execute(
        select(refused_passwords.c.id, refused_passwords.c.stamp)
        .where(_of(refused_passwords, account))
        .order_by(refused_passwords.c.id.desc())
    ).all()
    present = [number for number, its_stamp in rows if its_stamp == stamp]
    kept = set(present[: _REMEMBERED_EACH - 1])
    return [number for number, _ in rows if number not in kept]


def _locked(connection: Connection, account: Account) -> tuple[int, int, int] | None:
    row = connection.execute(
        select(password_tries.c.failures, password_tries.c.failed_at, password_tries.c.trying_until)
        .where(_of(password_tries, account))
        .with_for_update()
    ).first()
    return None if row is None else (row[0], row[1], row[2])


def _set(connection: Connection, account: Account, **values: object) -> None:
    connection.execute(update(password_tries).where(_of(password_tries, account)).values(**values))


def _of(table: Table, account: Account) -> ColumnElement[bool]:
    return (table.c.source == account.source) & (table.c.source_id == account.source_id)
