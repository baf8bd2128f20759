"""Writers who wait for one book keep nobody from another."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from sharedbooks.domain.book_access import open_for_writing
from tests.http.conftest import world_of
from tests.http.world import World, vcard
from tests.support.databases import Databases

CONNECTIONS = 2


@pytest.fixture
def world(tmp_path: Path, databases: Databases) -> Iterator[World]:
    settings = {"server.workers": 1, "database.pool_size": CONNECTIONS}
    with databases.migrated() as url, world_of(tmp_path, url, settings) as made:
        yield made


@pytest.mark.databases("postgresql", "mariadb")
def test_writers_who_wait_hold_one_connection(world: World) -> None:
    alice, book = world.shared()
    alice.listing()
    waiting = 2 * CONNECTIONS
    clients = [world.client((alice.name, alice.password)) for _ in range(waiting)]

    def put(number: int) -> int:
        name = f"{number}.vcf"
        return clients[number].put(alice.path(book, name), vcard(f"{number}")).status

    with ThreadPoolExecutor(waiting) as pool:
        with world.database.write() as connection:
            open_for_writing(connection, alice.user.id, book.name)
            pending = [pool.submit(put, number) for number in range(waiting)]
            assert not wait(pending, timeout=0.5).done
            assert alice.put(f"{alice.contacts}ann.vcf", vcard()).status == 201
            assert not any(each.done() for each in pending)
        assert {each.result(20) for each in pending} == {201}
