"""SQLite's write-ahead log stays short though somebody always reads."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sharedbooks.db import write_ahead_log
from sharedbooks.db.engine import Database
from tests.support.factories import Device, make_device, vcard
from tests.support.network import wait_for

pytestmark = pytest.mark.databases("sqlite")

MIB = 2**20
LIMIT = 8 * MIB
PHOTO = "NOTE:" + "x" * MIB


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the log looked after from a few megabytes on, at each commit."""
    monkeypatch.setattr(write_ahead_log, "LIMIT", LIMIT)
    monkeypatch.setattr(write_ahead_log, "_PAUSE", 0.0)


def _size(database: Database) -> int:
    return Path(f"{database.url.database}-wal").stat().st_size


def _write(device: Device, number: int) -> None:
    for each in range(number):
        device.put(f"{each}.vcf", vcard(f"{each}", f"{time.monotonic_ns()}", PHOTO))


@contextmanager
def _always_read(device: Device) -> Iterator[None]:
    """Read in snapshots that overlap, so that there is no moment without one."""
    stop, counts = threading.Event(), [0, 0, 0]

    def read(number: int) -> None:
        while not stop.is_set():
            with device.database.read() as connection:
                connection.exec_driver_sql("SELECT count(*) FROM cards")
                time.sleep(0.02)
            counts[number] += 1

    threads = [threading.Thread(target=read, args=[number]) for number in range(len(counts))]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: min(counts) > 1, 10, "readers")
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)


def test_it_stays_short_though_there_are_always_readers(database: Database) -> None:
    device = make_device(database)
    with _always_read(device):
        _write(device, 40)
        assert _size(database) < 2 * LIMIT
    assert len(device.contents()) == 40


def test_a_reader_that_stays_keeps_its_snapshot_and_the_log_until_it_goes(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_ahead_log, "_WAIT", 0.02)
    device = make_device(database)
    device.put("0.vcf", vcard("0", "Before"))
    names = "SELECT display_name FROM cards"
    with database.read() as connection:
        assert connection.exec_driver_sql(names).all() == [("Before",)]
        _write(device, 20)
        assert connection.exec_driver_sql(names).all() == [("Before",)]
        assert _size(database) > 2 * LIMIT
    wait_for(lambda: _size_after_a_commit(device) < LIMIT, 30, "a short log")


def _size_after_a_commit(device: Device) -> int:
    device.put("last.vcf", vcard("last", f"{time.monotonic_ns()}"))
    return _size(device.database)
