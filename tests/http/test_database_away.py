"""A database that is away: 503 with the time to come back, never 401, and then all goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.conftest import world_of
from tests.http.world import World, vcard
from tests.support.databases import PostgresDatabases
from tests.support.network import wait_for
from tests.support.servers import PostgresServer


@pytest.fixture
def world_on_postgresql(tmp_path: Path, stopping_postgresql: PostgresServer) -> Iterator[World]:
    with (
        PostgresDatabases(stopping_postgresql).migrated() as url,
        world_of(tmp_path, url, {"server.workers": 2}) as made,
    ):
        yield made


def test_a_database_that_is_away_is_503_until_it_is_back(
    world_on_postgresql: World, stopping_postgresql: PostgresServer
) -> None:
    world = world_on_postgresql
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    assert alice.put(path, vcard()).status == 201
    clients = [world.client(headers=alice.headers) for _ in range(3)]
    for client in clients:
        assert client.get(path).status == 200
    stopping_postgresql.stop()
    try:
        for client in clients:
            for answer in (
                client.put(path, vcard("ann", "Changed")),
                client.get(path),
                client.propfind(alice.home, depth=1),
                client.sync(alice.path(book)),
                client.delete(path),
                client.get("/-/ready"),
            ):
                assert answer.status == 503, answer
                assert int(answer.headers["Retry-After"]) > 0
                assert b"psycopg" not in answer.body
        assert world.client((alice.name, "wrong")).propfind("/").status == 503
        assert world.client().get("/-/health").status == 200
        assert world.client().request("OPTIONS", "/").status == 200
    finally:
        stopping_postgresql.restart()
    for client in clients:
        wait_for(lambda c=client: c.get("/-/ready").status == 200, 20, "a server that is ready")
        assert client.get(path).body == vcard()
    wait_for(lambda: alice.put(path, vcard("ann", "Changed")).status == 204, 20, "a write")
    assert {client.get(path).body for client in clients} == {vcard("ann", "Changed")}


def test_a_restart_of_the_database_between_two_requests_is_not_noticed_by_readers(
    world_on_postgresql: World, stopping_postgresql: PostgresServer
) -> None:
    world = world_on_postgresql
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    clients = [world.client(headers=alice.headers) for _ in range(3)]
    assert alice.put(path, vcard()).status == 201
    for client in clients:
        assert client.get(path).status == 200
    stopping_postgresql.restart()
    for client in clients:
        assert client.get(path).status == 200
    statuses = [alice.put(path, vcard("ann", f"{number}")).status for number in range(6)]
    # The first write on a dead connection may have to be sent again; the client is told so.
    assert set(statuses) <= {204, 503}
    assert statuses[-1] == 204
