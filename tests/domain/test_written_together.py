"""Writers of one process who wait for the same book write in one transaction, each on their own."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from sharedbooks.db.engine import Database
from sharedbooks.db.prepared import Prepared
from sharedbooks.domain.book_access import open_for_writing
from sharedbooks.errors import NotFound, PreconditionFailed, StoreBusy
from tests.support.factories import Device, vcard
from tests.support.network import free_port

pytestmark = pytest.mark.databases("postgresql", "mariadb")


@dataclass
class Waiting:
    """Threads that wait to write to a book of which somebody else has the lock."""

    device: Device
    pool: ThreadPoolExecutor
    started: list[Future[Any]] = field(default_factory=list)

    def start(self, work: Callable[[], object]) -> Future[Any]:
        """Begin some work, and leave it the time to come as far as it gets."""
        future = self.pool.submit(work)
        self.started.append(future)
        time.sleep(0.1)
        assert not future.done()
        return future

    def put(self, name: str, **conditions: str) -> Future[Any]:
        """Begin to store a card."""
        return self.start(lambda: self.device.put(name, vcard(name), **conditions))

    def write(self, work: Callable[[Connection], object]) -> Future[Any]:
        """Begin some other write to the book."""
        book_id = self.device.access().book_id
        return self.start(lambda: self.device.database.run_write(work, short=True, book_id=book_id))


@contextmanager
def waiting(device: Device) -> Iterator[Waiting]:
    """Have those that are started in the block wait until its end, and then see them done."""
    with ThreadPoolExecutor(8) as pool:
        them = Waiting(device, pool)
        with device.database.write() as connection:
            open_for_writing(connection, device.user.id, device.book)
            yield them
        for future in them.started:
            future.exception(20)


def _require_cards(device: Device, *names: str) -> None:
    """Check that these cards are there, each stored once and at a revision of its own."""
    assert device.contents().keys() == set(names)
    history = device.history()
    assert sorted(version.resource_name for version in history) == sorted(names)
    assert {version.revision for version in history} == set(range(1, len(names) + 1))


@pytest.mark.databases("postgresql")
def test_one_transaction_for_those_who_waited(device: Device) -> None:
    names = [f"{number}.vcf" for number in range(5)]
    with waiting(device) as them:
        stored = [them.put(name) for name in names]
    assert all(each.result().created for each in stored)
    _require_cards(device, *names)
    with device.database.read() as connection:
        written = connection.scalars(text("SELECT xmin::text FROM cards ORDER BY resource_name"))
        first, *others = written.all()
    assert first not in others
    assert len(set(others)) == 1


def test_each_is_told_what_became_of_it(device: Device) -> None:
    with waiting(device) as them:
        first = them.put("first.vcf")
        again = them.put("first.vcf", if_none_match="*")
        gone = them.start(lambda: device.delete("nobody.vcf"))
        last = them.put("last.vcf")
    assert first.result().created
    assert last.result().created
    with pytest.raises(PreconditionFailed):
        again.result()
    with pytest.raises(NotFound):
        gone.result()
    _require_cards(device, "first.vcf", "last.vcf")


def test_each_sees_what_those_before_it_did(device: Device) -> None:
    etag = device.put("ann.vcf", vcard("ann")).etag
    with waiting(device) as them:
        edited = them.start(lambda: device.put("ann.vcf", vcard("ann", "B"), if_match=etag))
        late = them.start(lambda: device.put("ann.vcf", vcard("ann", "C"), if_match=etag))
        removed = them.start(lambda: device.delete("ann.vcf"))
        new = them.start(lambda: device.put("ann.vcf", vcard("ann", "D")))
    assert edited.result().changed
    with pytest.raises(PreconditionFailed):
        late.result()
    assert removed.result() is None
    assert new.result().created
    assert [version.action for version in device.history()] == [
        "create", "edit", "delete", "create",
    ]  # fmt: skip


def _break(_connection: Connection) -> None:
    raise ZeroDivisionError


_NONSENSE = Prepared(text("SELECT nonsense FROM nowhere"))


def _ask_nonsense(connection: Connection) -> None:
    _NONSENSE.run(connection, {})


_END_CONNECTION = Prepared(text("SELECT pg_terminate_backend(pg_backend_pid(), 5000)"))


def _lose_connection(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        _END_CONNECTION.all(connection, {})
    else:
        connection.execute(text("KILL CONNECTION CONNECTION_ID()"))
        connection.execute(text("SELECT 1"))


@pytest.mark.parametrize(
    ("wrong", "error"),
    [(_break, ZeroDivisionError), (_ask_nonsense, DBAPIError), (_lose_connection, StoreBusy)],
)
def test_what_one_does_wrong_is_its_own_affair(
    device: Device, wrong: Callable[[Connection], object], error: type[Exception]
) -> None:
    with waiting(device) as them:
        before = them.put("before.vcf")
        failing = them.write(wrong)
        other = them.write(lambda _: "written")
        after = them.put("after.vcf")
    with pytest.raises(error):
        failing.result()
    assert other.result() == "written"
    assert before.result().created
    assert after.result().created
    _require_cards(device, "before.vcf", "after.vcf")


@pytest.mark.databases("postgresql")
def test_commit_that_fails(device: Device) -> None:
    """Whoever's fault it is, only that one finds it out alone."""
    with device.database.write() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " IF NEW.resource_name = 'bad.vcf' THEN RAISE EXCEPTION 'no'; END IF;"
                " RETURN NEW; END $$"
            )
        )
        connection.execute(
            text(
                "CREATE CONSTRAINT TRIGGER refusing AFTER INSERT ON cards DEFERRABLE"
                " INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"
            )
        )
    with waiting(device) as them:
        good, bad, better = (them.put(name) for name in ("good.vcf", "bad.vcf", "better.vcf"))
    with pytest.raises(DBAPIError):
        bad.result()
    assert good.result().created
    assert better.result().created
    _require_cards(device, "good.vcf", "better.vcf")


def test_database_that_is_away(device: Device) -> None:
    url = device.database.url.set(port=free_port())
    with closing(Database(url, busy_timeout=1)) as away, pytest.raises(StoreBusy):
        away.run_write(lambda _: None, short=True, book_id=device.access().book_id)


def test_patience(device: Device) -> None:
    """Whoever waits too long is told so, and nothing of theirs is written afterwards."""
    with closing(Database(device.database.url, busy_timeout=1)) as database:
        with waiting(Device(database, device.user, device.book)) as them:
            for late in (them.put("first.vcf"), them.put("second.vcf")):
                with pytest.raises(StoreBusy):
                    late.result(20)
        device.put("after.vcf", vcard("after"))
        _require_cards(device, "after.vcf")
