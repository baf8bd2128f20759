"""A database of several hosts: the first that serves is taken."""

import socket
import time
from contextlib import closing

import pytest

from sharedbooks.config.database_url import DATABASE_URL
from sharedbooks.db.engine import Database
from sharedbooks.db.upgrade import SchemaState, schema_status
from sharedbooks.domain.principals import PrincipalKind, add_principal, get_user
from sharedbooks.errors import StoreBusy
from tests.support.network import LOOPBACK, free_port

pytestmark = pytest.mark.databases("postgresql", "mariadb")


def _with_hosts(url: str, hosts: str) -> str:
    """Return ``url`` with ``HERE`` in ``hosts`` standing for the host that it names."""
    front, _, rest = url.rpartition("@")
    here, slash, name = rest.partition("/")
    return DATABASE_URL.read(f"{front}@{hosts.replace('HERE', here)}{slash}{name}")


def test_hosts_that_are_away_are_passed_over(database_url: str) -> None:
    dead = f"{LOOPBACK}:{free_port()}"
    with closing(Database(_with_hosts(database_url, f"{dead},HERE,{dead}"))) as database:
        database.run_write(lambda c: add_principal(c, PrincipalKind.USER, "alice"))
        assert database.run_read(lambda c: get_user(c, "alice")).name == "alice"
        assert schema_status(database).state is SchemaState.CURRENT


def test_no_host_that_serves_is_busy(database_url: str) -> None:
    dead = f"{LOOPBACK}:{free_port()},{LOOPBACK}:{free_port()}"
    with (
        closing(Database(_with_hosts(database_url, dead))) as database,
        pytest.raises(StoreBusy, match="cannot be reached") as caught,
    ):
        schema_status(database)
    assert "password" not in str(caught.value)


def test_a_host_that_says_nothing_is_passed_over(database_url: str) -> None:
    with socket.create_server((LOOPBACK, 0)) as silent:
        hosts = f"{LOOPBACK}:{silent.getsockname()[1]},HERE"
        started = time.monotonic()
        with closing(Database(_with_hosts(database_url, hosts), answer_timeout=2)) as database:
            assert schema_status(database).state is SchemaState.CURRENT
        assert time.monotonic() - started < 15
