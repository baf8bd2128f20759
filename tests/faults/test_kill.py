"""Processes killed in the middle of writes: what was acknowledged is there, and nothing is torn."""

import os
import random
import signal
from pathlib import Path

import pytest

from sharedbooks.db.engine import Database
from tests.http.world import World
from tests.support.daemon import family_of
from tests.support.network import wait_for
from tests.support.process import RunningServer
from tests.support.writing import make_writers, require_sound, working

CLIENTS = 4


def _workers(server: RunningServer) -> set[int]:
    return family_of(server.pid) - {server.pid}


@pytest.mark.databases("sqlite")
def test_a_killed_worker_loses_nothing_and_is_replaced(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    with (
        RunningServer(tmp_path, database_url, {"server.workers": 2}) as server,
        World(database, server.port) as world,
    ):
        alice, book = world.shared()
        assert alice.books()
        wait_for(lambda: "Serving at" in server.log, 20, "both workers")
        writers, main, workers = (
            make_writers(world, alice, book, CLIENTS),
            server.pid,
            _workers(server),
        )
        assert len(workers) == 2
        with working(writers):
            os.kill(random.choice(sorted(workers)), signal.SIGKILL)
            wait_for(lambda: len(_workers(server) - workers) == 1, 20, "a new worker")
        # One that has not come up yet lets connections wait; by chance, these reach both.
        for _ in range(16):
            alice.close()
            assert alice.get("/-/health").status == 200
        for writer in writers:
            writer.check(world.stored(book))
            assert writer.refused == []
        require_sound(database, world, alice, book)
        assert (server.pid, len(_workers(server))) == (main, 2)
    assert server.log.count(" died ") == 1


def test_a_killed_server_has_all_it_acknowledged_after_the_restart(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    with (
        RunningServer(tmp_path, database_url, {"server.workers": 2}) as server,
        World(database, server.port) as world,
    ):
        alice, book = world.shared()
        assert alice.books()
        writers = make_writers(world, alice, book, CLIENTS)
        token = alice.sync(alice.path(book)).sync_token
        for _ in range(2 if database.dialect == "sqlite" else 1):
            with working(writers):
                server.kill()
            alice.close()
            server.start()
            stored = world.stored(book)
            for writer in writers:
                writer.check(stored)
            require_sound(database, world, alice, book)
            # A token from before is still good, and tells of everything that is there now.
            changes = alice.sync(alice.path(book), token)
            told = {href.rpartition("/")[2] for href in changes.hrefs}
            assert told >= stored.keys()
