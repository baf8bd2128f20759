from contextlib import closing

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.db.locks import sole
from sharedbooks.errors import StoreBusy


def test_one_holder_at_a_time(database: Database, database_url: str) -> None:
    with closing(Database(database_url)) as other, sole(database, "directory-sync"):
        with (
            pytest.raises(StoreBusy, match="Another directory sync is running"),
            sole(other, "directory-sync"),
        ):
            raise AssertionError("two hold it")
        with sole(other, "something-else"):
            pass
    with sole(database, "directory-sync"):
        pass


def test_a_failure_gives_it_back(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), sole(database, "directory-sync"):
        raise ZeroDivisionError
    with sole(database, "directory-sync"):
        pass


def test_it_takes_no_connection_from_the_work(database_url: str) -> None:
    with (
        closing(Database(database_url, pool_size=1, busy_timeout=1)) as small,
        sole(small, "directory-sync"),
        sole(small, "another"),
    ):
        assert small.run_read(lambda connection: connection.exec_driver_sql("SELECT 1").scalar())


def test_databases_have_locks_of_their_own(database: Database, databases) -> None:
    with (
        databases.migrated() as url,
        closing(Database(url)) as other,
        sole(database, "directory-sync"),
        sole(other, "directory-sync"),
    ):
        pass
