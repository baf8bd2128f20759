import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, delete, select, text, update
from sqlalchemy.exc import DBAPIError

from sharedbooks.db.engine import Database
from sharedbooks.db.prepared import Prepared, SingleWrite
from sharedbooks.db.schema import (
    address_books,
    card_properties,
    card_versions,
    cards,
    login_failures,
    mounts,
    removed_names,
)
from sharedbooks.domain.book_access import open_for_writing
from sharedbooks.domain.history import Action, Change, record
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.domain.principals import lock_principal
from sharedbooks.domain.storing import delete_card, put_card
from sharedbooks.errors import AccessDenied, Conflict, PreconditionFailed, StoreBusy, StoreFull
from tests.support.factories import Device, make_own_book, make_user, vcard
from tests.support.network import LOOPBACK, free_port


@pytest.fixture
def hasty(database_url: str) -> Iterator[Database]:
    """The database of the test, opened by a process that waits for others one second."""
    with closing(Database(database_url, busy_timeout=1, pool_size=2)) as opened:
        yield opened


def _end_other_connections(connection: Connection) -> None:
    """As an administrator does, or a firewall that forgets idle connections."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return
    mine = connection.exec_driver_sql("SELECT connection_id()").scalar()
    others = connection.exec_driver_sql(
        "SELECT id FROM information_schema.processlist WHERE db = database()"
    ).scalars()
    for number in others.all():
        if number != mine:
            with suppress(DBAPIError):  # gone by itself
                connection.exec_driver_sql(f"KILL {number}")


def _rows(database: Database, book_id: int) -> list[object]:
    tables = (cards, card_properties, card_versions, removed_names)
    with database.read() as connection:
        return [
            *(
                connection.execute(
                    select(table).where(table.c.book_id == book_id).order_by(*table.primary_key)
                ).all()
                for table in tables
            ),
            connection.execute(select(address_books).where(address_books.c.id == book_id)).all(),
        ]


def test_writer_gives_up_on_a_book_that_stays_locked(device: Device, hasty: Database) -> None:
    with device.database.write() as connection:
        open_for_writing(connection, device.user.id, device.book)
        started = time.monotonic()
        with pytest.raises(StoreBusy, match="busy; try again"):
            Device(hasty, device.user, device.book).put("ann.vcf", vcard())
        assert time.monotonic() - started < 4
    Device(hasty, device.user, device.book).put("ann.vcf", vcard())


def test_write_transaction_gives_up_the_same_way(device: Device, hasty: Database) -> None:
    with device.database.write() as connection:
        open_for_writing(connection, device.user.id, device.book)
        with pytest.raises(StoreBusy), hasty.write() as other:
            open_for_writing(other, device.user.id, device.book)


@pytest.mark.databases("postgresql", "mariadb")
def test_a_writer_of_the_same_process_gives_up_the_same_way(
    device: Device, hasty: Database
) -> None:
    book_id = device.access().book_id

    def write_meanwhile(_: Connection) -> None:
        with pytest.raises(StoreBusy, match="Others are writing"):
            hasty.run_write(nothing, book_id=book_id)
        hasty.run_write(nothing, book_id=book_id + 1)

    def nothing(_: Connection) -> None:
        return

    hasty.run_write(write_meanwhile, book_id=book_id)
    hasty.run_write(nothing, book_id=book_id)


def test_readers_do_not_wait_for_a_writer(device: Device, hasty: Database) -> None:
    device.put("ann.vcf", vcard())
    reader = Device(hasty, device.user, device.book)
    with device.database.write() as connection:
        open_for_writing(connection, device.user.id, device.book)
        connection.execute(delete(cards))
        assert reader.get("ann.vcf").content == vcard()


@pytest.mark.databases("postgresql", "mariadb")
def test_writers_of_different_books_do_not_wait(device: Device, hasty: Database) -> None:
    make_own_book(device.database, device.user, "friends")
    with device.database.write() as connection:
        open_for_writing(connection, device.user.id, device.book)
        Device(hasty, device.user, "friends").put("ann.vcf", vcard())


@pytest.mark.databases("postgresql")
def test_what_refers_to_a_locked_row_does_not_wait(device: Device, hasty: Database) -> None:
    """A card's creator and a mount's book; waiting both ways would be a deadlock."""
    with device.database.write() as connection:
        lock_principal(connection, device.user.id)
        Device(hasty, device.user, device.book).put("ann.vcf", vcard())
    bob = make_user(device.database, "bob")
    with device.database.write() as connection:
        access = open_for_writing(connection, device.user.id, device.book)
        with hasty.write() as other:
            row = {"book_id": access.book_id, "principal_id": bob.id, "name": "sales"}
            row |= {"hidden": False, "position": 0, "properties": {}}
            other.execute(mounts.insert(), row)


@pytest.mark.parametrize("through", ["write", "run_write", "run_short_write"])
def test_failed_work_leaves_nothing(device: Device, through: str) -> None:
    device.put("ann.vcf", vcard())
    device.put("bob.vcf", vcard("bob"))
    book_id = device.access().book_id
    before = _rows(device.database, book_id)

    def work(connection: Connection) -> None:
        # The device's own transactions, all within this one.
        inner = Device(_Within(connection), device.user, device.book)
        inner.put("new.vcf", vcard("new"))
        inner.put("ann.vcf", vcard("ann", "edited"))
        inner.delete("bob.vcf")
        raise Conflict("no")

    def do() -> None:
        if through != "write":
            device.database.run_write(work, short=through == "run_short_write")
        with device.database.write() as connection:
            work(connection)

    with pytest.raises(Conflict, match="no"):
        do()
    assert _rows(device.database, book_id) == before


def test_failure_that_comes_last_leaves_nothing(device: Device) -> None:
    """Where statements travel together it is met by the commit."""
    device.put("ann.vcf", vcard())
    book_id = device.access().book_id
    before = _rows(device.database, book_id)
    history = Change(1, Action.EDIT, "ann.vcf", "ann", None)

    def work(connection: Connection) -> None:
        Device(_Within(connection), device.user, device.book).put("bob.vcf", vcard("bob"))
        record(connection, book_id, device.actor, [history])

    for _ in range(3):
        with pytest.raises(DBAPIError):
            device.database.run_write(work, short=True)
        assert _rows(device.database, book_id) == before
    device.put("bob.vcf", vcard("bob"))


T = TypeVar("T")


class _Within(Database):
    """Does everything in one transaction that somebody else ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def spares_transactions(self) -> bool:
        return False

    def read_statement(self, statement: Prepared, parameters: dict[str, Any]) -> list[Any]:
        return statement.all(self._connection, parameters)

    def run_write(self, work: Callable[[Connection], T], **_: object) -> T:
        return work(self._connection)


@pytest.mark.databases("postgresql")
def test_connections_for_writing_are_not_trusted_once_one_for_reading_was_lost(
    device: Device, database_url: str
) -> None:
    device.put("ann.vcf", vcard())
    with closing(Database(database_url)) as other, other.write() as connection:
        _end_other_connections(connection)
    assert device.put("ann.vcf", vcard("ann", "Edited")).changed


@pytest.mark.databases("postgresql")
def test_single_statement_that_may_have_been_done_is_not_repeated(device: Device) -> None:
    end = Prepared(text("SELECT pg_terminate_backend(pg_backend_pid(), 5000)"))
    single = SingleWrite(end, dict, lambda _: None, lambda _: "done")
    with pytest.raises(StoreBusy, match="cannot be reached"):
        device.database.run_write(
            lambda _: pytest.fail("repeated"),
            short=True,
            book_id=device.access().book_id,
            single=single,
        )


@pytest.mark.databases("postgresql", "mariadb")
def test_deadlock_is_tried_again(database: Database) -> None:
    users = [make_user(database, name) for name in ("alice", "bob")]
    met = threading.Barrier(2)
    attempts = [0, 0]

    def lock(number: int) -> None:
        first, second = users[number], users[1 - number]

        def work(connection: Connection) -> None:
            attempts[number] += 1
            lock_principal(connection, first.id)
            if attempts[number] == 1:
                met.wait(10)
            lock_principal(connection, second.id)

        database.run_write(work)

    threads = [threading.Thread(target=lock, args=[number]) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(attempts) == [1, 2]


@pytest.mark.databases("postgresql", "mariadb")
def test_idle_connections_that_were_ended_are_no_failure(device: Device, database_url: str) -> None:
    device.put("ann.vcf", vcard())
    with closing(Database(database_url)) as administrator:
        for number in range(2):
            administrator.run_write(_end_other_connections)
            assert device.put("ann.vcf", vcard("ann", f"Ann {number}")).changed
            administrator.run_write(_end_other_connections)
            assert device.database.run_read(lambda c: c.execute(select(cards.c.size)).scalar())
    assert len(device.history()) == 3


@pytest.mark.databases("postgresql", "mariadb")
def test_connection_lost_within_the_work_is_tried_again(
    database: Database, database_url: str
) -> None:
    attempts = []
    row = {"subject": "x", "failures": 1, "window_started_at": 1}

    with closing(Database(database_url)) as administrator:

        def work(connection: Connection) -> None:
            connection.execute(login_failures.insert(), row)
            attempts.append(connection)
            if len(attempts) == 1:
                administrator.run_write(_end_other_connections)
            connection.execute(select(login_failures)).all()

        database.run_write(work)
    assert len(attempts) == 2
    with database.read() as connection:
        assert len(connection.execute(select(login_failures)).all()) == 1


@pytest.mark.databases("postgresql")
def test_a_refused_write_does_not_make_the_next_ones_slow(device: Device) -> None:
    """After a rollback the driver would prepare anew what it has prepared on that connection."""

    def prepared() -> list[object]:
        known = "SELECT name FROM pg_prepared_statements ORDER BY name"
        return device.database.run_write(lambda c: c.exec_driver_sql(known).all())

    for number in range(8):
        device.put("ann.vcf", vcard("ann", str(number)))
    before = prepared()
    assert before
    with pytest.raises(PreconditionFailed):
        device.put("ann.vcf", vcard(), if_none_match="*")
    assert prepared() == before


def test_a_book_that_turned_read_only_is_not_written_to(device: Device) -> None:
    """Whoever says that they may: what they looked at may be old."""
    device.put("ann.vcf", vcard())
    device.put("bob.vcf", vcard("bob"))
    access, before = device.access(), _rows(device.database, device.access().book_id)[:-1]
    device.database.run_write(lambda c: c.execute(update(address_books).values(read_only=True)))

    def write(work: Callable[[Connection], object]) -> None:
        with pytest.raises((AccessDenied, DBAPIError)):
            device.database.run_write(work, short=True)

    new = prepare_card(vcard("new"), max_size=10_000)
    edited = prepare_card(vcard("ann", "edited"), max_size=10_000)
    write(lambda c: put_card(c, access, "new.vcf", new, device.actor))
    write(lambda c: put_card(c, access, "ann.vcf", edited, device.actor))
    write(lambda c: delete_card(c, access, "bob.vcf", device.actor))
    assert _rows(device.database, access.book_id)[:-1] == before


@pytest.mark.databases("postgresql", "mariadb")
@pytest.mark.parametrize("when", ["before it locks", "under the lock", "before it commits"])
def test_connection_lost_within_a_short_write(device: Device, database_url: str, when: str) -> None:
    """It is done at the second attempt, or refused where nobody knows whether it was done."""
    cuts = [when]
    card = prepare_card(vcard(), max_size=10_000)

    with closing(Database(database_url)) as administrator:

        def cut(now: str) -> None:
            if now in cuts:
                cuts.remove(now)
                administrator.run_write(_end_other_connections)

        def work(connection: Connection) -> None:
            cut("before it locks")
            access = open_for_writing(connection, device.user.id, device.book)
            cut("under the lock")
            put_card(connection, access, "ann.vcf", card, device.actor)
            cut("before it commits")

        if when == "before it commits":
            with pytest.raises(StoreBusy, match="cannot be reached"):
                device.database.run_write(work, short=True)
            stored = device.database.run_read(lambda c: c.execute(select(cards.c.id)).all())
            assert stored == []
        else:
            device.database.run_write(work, short=True)
    assert not cuts
    device.put("ann.vcf", vcard())
    assert len(device.history()) == 1


@pytest.mark.databases("postgresql", "mariadb")
def test_connection_lost_while_committing_is_for_the_caller_to_find_out(
    database: Database, database_url: str
) -> None:
    attempts = []
    with closing(Database(database_url)) as administrator:

        def work(connection: Connection) -> None:
            lock_principal(connection, 1)
            attempts.append(connection)
            administrator.run_write(_end_other_connections)

        with pytest.raises(StoreBusy, match="cannot be reached"):
            database.run_write(work)
    assert len(attempts) == 1
    database.run_write(lambda c: lock_principal(c, 1))


@pytest.mark.databases("postgresql", "mariadb")
def test_connection_ended_while_it_waits_is_typed(device: Device, database_url: str) -> None:
    def wait(number: int) -> None:
        try:
            with device.database.write() as connection:
                lock_principal(connection, device.user.id)
        except StoreBusy as error:
            caught.append(error)

    caught: list[StoreBusy] = []
    with closing(Database(database_url)) as administrator, administrator.write() as connection:
        lock_principal(connection, device.user.id)
        waiting = threading.Thread(target=wait, args=[0])
        waiting.start()
        while waiting.is_alive():
            _end_other_connections(connection)
            waiting.join(0.05)
    assert len(caught) == 1


@pytest.mark.parametrize("call", ["read", "write", "run_read", "run_write"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql+psycopg", "mariadb+pymysql"])
def test_database_that_is_away_is_busy(kind: str, call: str, tmp_path: Path) -> None:
    url = f"{kind}://user:secret@{LOOPBACK}:{free_port()}/books"
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path}/missing/books.db"

    def use(away: Database) -> None:
        if call.startswith("run"):
            getattr(away, call)(lambda connection: connection)
        with getattr(away, call)():
            pass

    with closing(Database(url, busy_timeout=5)) as away:
        with pytest.raises(StoreBusy, match="cannot be reached") as caught:
            use(away)
        assert "secret" not in str(caught.value)


@pytest.mark.databases("sqlite")
def test_every_connection_in_use_is_busy(hasty: Database) -> None:
    with hasty.read(), hasty.read():
        with pytest.raises(StoreBusy, match="in use"), hasty.read():
            pass
        with pytest.raises(StoreBusy, match="in use"):
            hasty.run_read(lambda connection: connection)


@pytest.mark.databases("sqlite")
def test_no_space_left(device: Device) -> None:
    device.put("ann.vcf", vcard())
    with device.database.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreFull, match="no space left"):
        device.put("ann.vcf", vcard("ann", "x" * 100_000))
    assert device.get("ann.vcf").content == vcard()


def test_defect_is_not_hidden(database: Database) -> None:
    for run in (database.run_read, database.run_write):
        with pytest.raises(DBAPIError, match="nonsense"):
            run(lambda connection: connection.exec_driver_sql("SELECT nonsense FROM principals"))


@pytest.mark.databases("postgresql", "mariadb")
def test_reader_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)read.only"), database.read() as connection:
        connection.execute(delete(cards))


def test_read_is_of_one_moment(device: Device) -> None:
    device.put("ann.vcf", vcard())
    with device.database.read() as connection:
        first = connection.execute(select(cards.c.content_hash)).all()
        device.put("ann.vcf", vcard("ann", "edited"))
        device.put("bob.vcf", vcard("bob"))
        assert connection.execute(select(cards.c.content_hash)).all() == first
    assert len(device.contents()) == 2


@pytest.mark.parametrize("through", ["write", "run_write", "run_short_write"])
def test_lost_connection_that_the_work_overlooks_is_no_success(
    device: Device, through: str
) -> None:
    def work(connection: Connection) -> None:
        Device(_Within(connection), device.user, device.book).put("ann.vcf", vcard())
        connection.invalidate()

    def do() -> None:
        if through != "write":
            device.database.run_write(work, short=through == "run_short_write")
        with device.database.write() as connection:
            work(connection)

    with pytest.raises(StoreBusy, match="lost"):
        do()
    device.put("bob.vcf", vcard("bob"))
    assert device.find("ann.vcf") is None
