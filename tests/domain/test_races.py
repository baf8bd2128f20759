"""Two processes do the same thing at the same moment: one wins, the other is told."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from sharedbooks.db.engine import Database
from sharedbooks.domain import books, grants, homes, principals
from sharedbooks.domain.book_access import open_for_writing
from sharedbooks.domain.principals import PrincipalKind
from sharedbooks.domain.privileges import Privilege
from sharedbooks.errors import Conflict, NotFound, PreconditionFailed, SharedbooksError, UidConflict
from sharedbooks.identifiers import BookReference
from tests.support.factories import (
    Device,
    give,
    look_home,
    make_book,
    make_device,
    make_group,
    make_own_book,
    make_user,
    vcard,
)

T = TypeVar("T")

RACERS = 4


@pytest.fixture
def processes(database_url: str) -> Iterator[list[Database]]:
    """The same database, opened by several processes as it were."""
    opened = [Database(database_url) for _ in range(RACERS)]
    yield opened
    for database in opened:
        database.close()


def _race(
    processes: list[Database], action: Callable[[Database, int], T]
) -> tuple[list[T], list[SharedbooksError]]:
    """Return what the winners got and what the others were told."""
    ready = threading.Barrier(len(processes))
    told = []

    def run(number: int) -> T | None:
        # The first use makes the connection, which takes longer than what is raced.
        processes[number].run_write(books.list_books)
        ready.wait(30)
        try:
            return action(processes[number], number)
        except SharedbooksError as error:
            told.append(error)
            return None

    with ThreadPoolExecutor(len(processes)) as pool:
        outcomes = list(pool.map(run, range(len(processes))))
    return [outcome for outcome in outcomes if outcome is not None], told


def test_principal(processes: list[Database]) -> None:
    won, told = _race(processes, lambda database, _: make_user(database, "alice"))
    assert len(won) == 1
    assert [type(error) for error in told] == [Conflict] * (RACERS - 1)


def test_book(processes: list[Database]) -> None:
    won, told = _race(processes, lambda database, _: make_book(database, "sales"))
    assert len(won) == 1
    assert [type(error) for error in told] == [Conflict] * (RACERS - 1)


def test_own_book(processes: list[Database]) -> None:
    user = make_user(processes[0])
    won, told = _race(processes, lambda database, _: make_own_book(database, user, "friends"))
    assert len(won) == 1
    assert [type(error) for error in told] == [Conflict] * (RACERS - 1)
    assert list(look_home(processes[0], user)) == ["friends"]


def test_grant(processes: list[Database]) -> None:
    user, book = make_user(processes[0]), make_book(processes[0])
    wanted = list(Privilege)

    def grant(database: Database, number: int) -> list[Privilege | None]:
        def work(connection: Connection) -> Privilege | None:
            return grants.set_grant(connection, book, user, wanted[number])

        return [database.run_write(work)]

    won, told = _race(processes, grant)
    assert (len(won), told) == (RACERS, [])
    assert won.count([None]) == 1
    assert len(processes[0].run_read(lambda c: grants.list_grants(c, book))) == 1


def test_member(processes: list[Database]) -> None:
    user, group = make_user(processes[0]), make_group(processes[0], "crew")

    def join(database: Database, _number: int) -> bool:
        return database.run_write(lambda c: principals.add_member(c, group, user))

    won, told = _race(processes, join)
    assert (sorted(won), told) == ([False] * (RACERS - 1) + [True], [])


def test_new_card(processes: list[Database]) -> None:
    device = make_device(processes[0])

    def create(database: Database, number: int) -> int:
        mine = Device(database, device.user, device.book)
        mine.put("ann.vcf", vcard("ann", f"Ann {number}"), if_none_match="*")
        return number

    [winner], told = _race(processes, create)
    assert [type(error) for error in told] == [PreconditionFailed] * (RACERS - 1)
    assert device.get("ann.vcf").content == vcard("ann", f"Ann {winner}")
    assert device.access().revision == 1


def test_uid(processes: list[Database]) -> None:
    device = make_device(processes[0])

    def create(database: Database, number: int) -> str:
        Device(database, device.user, device.book).put(f"{number}.vcf", vcard("ann"))
        return f"{number}.vcf"

    [winner], told = _race(processes, create)
    assert [type(error) for error in told] == [UidConflict] * (RACERS - 1)
    assert list(device.contents()) == [winner]


def test_delete(processes: list[Database]) -> None:
    device = make_device(processes[0])
    device.put("ann.vcf", vcard())

    def remove(database: Database, _number: int) -> bool:
        Device(database, device.user, device.book).delete("ann.vcf")
        return True

    won, told = _race(processes, remove)
    assert won == [True]
    assert [type(error) for error in told] == [NotFound] * (RACERS - 1)
    assert len(device.history()) == 2


def test_book_deleted_while_a_writer_waits(processes: list[Database]) -> None:
    device = make_device(processes[0])
    other = Device(processes[1], device.user, device.book)
    with ThreadPoolExecutor(1) as pool:
        with processes[0].write() as connection:
            books.delete_book(connection, device.access().book_id)
            waiting = pool.submit(other.put, "ann.vcf", vcard())
            time.sleep(0.1)
            assert not waiting.done()
        with pytest.raises(NotFound):
            waiting.result(30)


def test_grant_revoked_while_a_writer_waits(processes: list[Database]) -> None:
    device = make_device(processes[0])
    other = Device(processes[1], device.user, device.book)
    book = processes[0].run_read(books.list_books)[0]
    with ThreadPoolExecutor(1) as pool:
        with processes[0].write() as connection:
            open_for_writing(connection, device.user.id, device.book)
            waiting = pool.submit(other.put, "ann.vcf", vcard())
            time.sleep(0.1)
            assert not waiting.done()
            grants.remove_grant(connection, book, device.user)
        with pytest.raises(NotFound):
            waiting.result(30)
    give(processes[0], book, device.user, Privilege.READ)
    assert device.contents() == {}


@pytest.mark.parametrize("outcome", ["commit", "rollback"])
def test_name_taken_by_a_transaction_that_is_still_open(
    processes: list[Database], outcome: str
) -> None:
    """On MariaDB two that wait for a name deadlock when the first gives it up."""

    def add(database: Database) -> str:
        try:
            make_user(database, "alice")
        except Conflict:
            return "conflict"
        return "made"

    with ThreadPoolExecutor(3) as pool:
        with processes[0].write() as connection:
            principals.add_principal(connection, PrincipalKind.USER, "alice")
            waiting = [pool.submit(add, database) for database in processes[1:]]
            time.sleep(0.2)
            assert not any(future.done() for future in waiting)
            if outcome == "rollback":
                connection.rollback()
        outcomes = sorted(future.result(60) for future in waiting)
    assert outcomes == ["conflict", "conflict", "made" if outcome == "rollback" else "conflict"]


def test_user_deleted_while_a_book_of_theirs_is_made(processes: list[Database]) -> None:
    user = make_user(processes[0])
    with ThreadPoolExecutor(1) as pool:
        with processes[0].write() as connection:
            homes.add_own_book(connection, user, "friends")
            waiting = pool.submit(
                processes[1].run_write, lambda c: principals.delete_principal(c, user)
            )
            time.sleep(0.1)
            assert not waiting.done()
        assert waiting.result(30) == 1
    with closing(processes[2]) as database:
        assert database.run_read(books.list_books) == []
        with pytest.raises(NotFound), database.write() as connection:
            books.add_book(connection, BookReference(user.name, "more"))
