"""Statements that go past SQLAlchemy, on the connections that it uses as well."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import ARRAY, BigInteger, Connection, String, bindparam, func, select, text
from sqlalchemy.exc import DBAPIError

from sharedbooks.db.engine import Database
from sharedbooks.db.prepared import Prepared
from sharedbooks.db.schema import principals

_BY_ID = Prepared(select(principals.c.name).where(principals.c.id == bindparam("id")))
_NONSENSE = Prepared(text("SELECT nonsense FROM nowhere"))
_ECHO = Prepared(text("SELECT CAST(:octets AS bytea)"))
_LIST = Prepared(select(func.unnest(bindparam("texts", type_=ARRAY(String)))))
_NUMBERS = Prepared(select(func.unnest(bindparam("numbers", type_=ARRAY(BigInteger)))))
_IN_SESSION = Prepared(text("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'share%'"))


@pytest.fixture
def alone(database_url: str) -> Iterator[Database]:
    """The database of the test, with one connection."""
    with closing(Database(database_url, pool_size=1)) as opened:
        yield opened


def test_a_savepoint_that_is_taken_back_leaves_statements_prepared(alone: Database) -> None:
    for _ in range(7):
        with alone.write() as connection:
            savepoint = connection.begin_nested()
            assert connection.execute(select(principals.c.id)).all()
            savepoint.rollback()
            assert _BY_ID.all(connection, {"id": 1})


@pytest.mark.databases("postgresql")
def test_one_with_numbers_of_any_size_is_prepared_once(alone: Database) -> None:
    with alone.read() as connection:
        _BY_ID.all(connection, {"id": 1})
        [[before]] = _IN_SESSION.all(connection, {})
        for number in (2, 2**15, 2**31, 2**62):
            assert _BY_ID.all(connection, {"id": number}) == []
        assert _IN_SESSION.all(connection, {}) == [(before,)]


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize(
    "texts", [[], [""], ["NULL", "null"], ['"', "\\", '\\"'], ["{a,b}", " ", "\n", "ä", "😀"]]
)
def test_a_list_comes_as_it_is(alone: Database, texts: list[str]) -> None:
    with alone.read() as connection:
        assert _LIST.all(connection, {"texts": texts}) == [(each,) for each in texts]
        numbers = list(range(len(texts)))
        assert _NUMBERS.all(connection, {"numbers": numbers}) == [(each,) for each in numbers]


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("texts", [["a\0b"], ["\0", ""], ["a", "\0"]])
def test_a_list_with_what_no_text_may_have_is_refused(alone: Database, texts: list[str]) -> None:
    with alone.read() as connection, pytest.raises(DBAPIError, match="NUL"):
        _LIST.all(connection, {"texts": texts})


@pytest.mark.databases("postgresql")
def test_what_a_failure_has_kept_from_being_prepared_is_prepared_later(alone: Database) -> None:
    def fail(connection: Connection) -> None:
        _NONSENSE.run(connection, {})
        _BY_ID.all(connection, {"id": 1})

    for _ in range(2):
        with pytest.raises(DBAPIError, match="nowhere"):
            alone.run_write(fail, short=True)
        assert alone.run_write(lambda connection: _BY_ID.all(connection, {"id": 1}), short=True)


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("short", [False, True])
def test_more_octets_than_the_way_to_the_server_holds(alone: Database, *, short: bool) -> None:
    octets = bytes(range(256)) * 40_000

    def echo(connection: Connection) -> list[list[tuple[bytes]]]:
        later = [_ECHO.send(connection, {"octets": octets}) for _ in range(3)] if short else []
        found = [_ECHO.all(connection, {"octets": octets}) for _ in range(2)]
        return found + [rows() for rows in later]

    assert alone.run_write(echo, short=short) == [[(octets,)]] * (5 if short else 2)
