"""Processes killed in the middle of writes: what was acknowledged is there, and nothing is torn."""

import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sharedbooks.db.engine import Database
from tests.http.world import Member, World
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


@dataclass
class Phones:
    """What phones hold that synced last at different moments, by the token each was given."""

    member: Member
    folder: str
    held: dict[str, dict[str, str]] = field(default_factory=dict)

    def sync(self) -> None:
        """Add a phone that syncs now, and require of each other that a sync tells it the truth."""
        answer = self.member.sync(self.folder)
        truth = {href: resource.text("D:getetag") for href, resource in answer.resources.items()}
        for token, before in self.held.items():
            known = dict(before)
            for href, resource in self.member.sync(self.folder, token).resources.items():
                if resource.status == 404:
                    known.pop(href, None)
                else:
                    known[href] = resource.text("D:getetag")
            assert known == truth
        self.held[answer.sync_token] = truth


@pytest.mark.timeout(3 * 3600)
def test_a_killed_server_has_all_it_acknowledged_after_the_restart(
    tmp_path: Path,
    database_url: str,
    database: Database,
    thorough: bool,  # noqa: FBT001
) -> None:
    with (
        RunningServer(tmp_path, database_url, {"server.workers": 2}) as server,
        World(database, server.port) as world,
    ):
        alice, book = world.shared()
        assert alice.books()
        writers = make_writers(world, alice, book, CLIENTS)
        phones = Phones(alice, alice.path(book))
        for _ in range(100 if thorough else 1):
            phones.sync()
            with working(writers):
                time.sleep(random.uniform(0, 0.5))
                server.kill()
            alice.close()
            server.start()
            stored = world.stored(book)
            for writer in writers:
                writer.check(stored)
            require_sound(database, world, alice, book)
        phones.sync()
