from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, update

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import login_failures
from sharedbooks.domain import throttle
from sharedbooks.domain.throttle import Throttle
from sharedbooks.errors import TooManyLogins

THROTTLE = Throttle(limit=3, window=60)


def _fail(database: Database, address: str, name: str, times: int = 1) -> None:
    for _ in range(times):
        database.run_write(lambda c: THROTTLE.count_failure(c, address, name))


def _wait(database: Database, address: str, name: str, throttle: Throttle = THROTTLE) -> int:
    """Return how many seconds one has to wait, 0 for not at all."""
    try:
        with database.read() as connection:
            throttle.require_patience(connection, address, name)
    except TooManyLogins as error:
        assert error.retry_after > 0  # noqa: PT017 - not being refused is fine too
        return error.retry_after
    return 0


def _shift(database: Database, seconds: float) -> None:
    """Let every window have begun that much earlier."""
    started = login_failures.c.window_started_at
    values = {"window_started_at": started - int(seconds * 1_000_000)}
    with database.write() as connection:
        connection.execute(update(login_failures).values(values))


def test_account_and_address_are_counted_apart(database: Database) -> None:
    _fail(database, "192.0.2.1", "alice", 2)
    _fail(database, "192.0.2.2", "alice")
    assert _wait(database, "192.0.2.3", "alice") > 0
    assert _wait(database, "192.0.2.1", "bob") == 0
    _fail(database, "192.0.2.1", "bob")
    assert _wait(database, "192.0.2.1", "carol") > 0
    assert _wait(database, "192.0.2.2", "bob") == 0


def test_nobody_is_taken_for_another(database: Database) -> None:
    _fail(database, "alice", "192.0.2.1", 3)
    for address, name in [("192.0.2.1", "alice"), ("ALICE", "Bob"), ("x", "192.0.2.1 ")]:
        assert _wait(database, address, name) == 0
    assert _wait(database, "x", "192.0.2.1") > 0
    _fail(database, "y", "Jürgen", 3)
    assert _wait(database, "x", "Jurgen") == 0
    assert _wait(database, "x", "jürgen") == 0


def test_any_name_can_be_counted(database: Database) -> None:
    for number, name in enumerate(["", "a\0b", "\ud800", "x" * 5000, "a\nb", "😀" * 1000]):
        _fail(database, f"192.0.2.{number}", name, 3)
        assert _wait(database, "198.51.100.1", name) > 0


def test_patience_asked_for_is_enough(database: Database) -> None:
    _fail(database, "192.0.2.1", "alice", 3)
    wait = _wait(database, "192.0.2.1", "alice")
    assert 55 <= wait <= 60
    _shift(database, wait)
    assert _wait(database, "192.0.2.1", "alice") == 0


def test_window_begins_with_the_first_failure_and_then_anew(database: Database) -> None:
    _fail(database, "192.0.2.1", "alice", 2)
    _shift(database, 50)
    _fail(database, "192.0.2.1", "alice")
    assert 5 <= _wait(database, "192.0.2.1", "alice") <= 10
    _shift(database, 10)
    _fail(database, "192.0.2.1", "alice")
    assert _wait(database, "192.0.2.1", "alice") == 0


def test_passed_windows_are_cleared(database: Database) -> None:
    for number in range(5):
        _fail(database, f"192.0.2.{number}", f"user {number}")
    _shift(database, 61)
    _fail(database, "198.51.100.1", "alice")
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(login_failures)).scalar() == 2


def test_limit_of_zero_asks_for_no_patience(database: Database) -> None:
    _fail(database, "192.0.2.1", "alice", 10)
    assert _wait(database, "192.0.2.1", "alice", Throttle(limit=0, window=60)) == 0


def test_failures_counted_at_once_are_all_counted(database: Database) -> None:
    _fail(database, "192.0.2.1", "alice")
    with ThreadPoolExecutor(5) as pool:
        for _ in pool.map(lambda _: _fail(database, "192.0.2.1", "alice", 4), range(5)):
            pass
    with database.read() as connection:
        counts = connection.execute(select(login_failures.c.failures)).scalars().all()
    assert counts == [21, 21]


def test_all_addresses_of_one_owner_are_counted_as_one(database: Database) -> None:
    _fail(database, "2001:db8:1:2::1", "alice")
    _fail(database, "2001:db8:1:2:ffff::", "bob")
    _fail(database, "2001:0DB8:1:2:0:0:0:3", "carol")
    assert _wait(database, "2001:db8:1:2:abcd::9", "dora") > 0
    assert _wait(database, "2001:db8:1:3::1", "dora") == 0
    _fail(database, "::ffff:192.0.2.1", "alice", 1)
    _fail(database, "192.0.2.1", "bob", 2)
    assert _wait(database, "::ffff:192.0.2.1", "dora") > 0
    assert _wait(database, "192.0.2.2", "dora") == 0


def test_names_without_end_fill_no_table(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "MAX_SUBJECTS", 20)
    monkeypatch.setattr(throttle, "_FORGOTTEN_AT_ONCE", 5)
    for number in range(50):
        _fail(database, "192.0.2.1", f"nobody {number}")
        with database.read() as connection:
            rows = connection.execute(select(func.count()).select_from(login_failures)).scalar_one()
        assert rows <= 20
    _fail(database, "192.0.2.9", "alice", 3)
    assert _wait(database, "198.51.100.1", "alice") > 0
