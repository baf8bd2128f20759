"""What was acknowledged outlives ``kill -9``, of the writers and of the database server."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import select

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import card_properties, removed_names
from sharedbooks.db.upgrade import upgrade_schema
from sharedbooks.domain.cards import iterate_cards
from sharedbooks.domain.prepared_cards import hash_content
from sharedbooks.errors import StoreBusy
from sharedbooks.vcard.card import inspect_card
from tests.domain.writers import open_device
from tests.support.factories import Device, make_device, vcard
from tests.support.network import wait_for
from tests.support.servers import DatabaseServer, MariaDbServer, PostgresServer

ROOT = Path(__file__).parents[2]
WRITERS = 2

Change = tuple[str, str | None]


@dataclass
class Writer:
    """A process of the program ``writers``, and what it has said."""

    process: subprocess.Popen[str]
    done: list[Change] = field(default_factory=list)
    begun: Change | None = None

    def read(self, changes: int | None = None) -> None:
        """Read on until that many changes were acknowledged, or until it is dead."""
        assert self.process.stdout
        while changes is None or len(self.done) < changes:
            line = self.process.stdout.readline()
            if not line.endswith("\n"):
                assert changes is None, "it ended by itself"
                return
            said = json.loads(line)
            if said != "done":
                self.begun = (said[0], said[1])
            elif self.begun is not None:
                self.done.append(self.begun)
                self.begun = None


@dataclass
class Killing:
    """Rounds of writers that are killed, on one book."""

    url: str
    user: str
    book: str
    hashes: dict[str, str | None] = field(default_factory=dict)
    undecided: list[Change] = field(default_factory=list)
    synced: dict[str, dict[str, str]] = field(default_factory=dict)
    """What a client had after each sync so far, by the token it was given then."""

    def start(self) -> list[Writer]:
        """Start writers; return when each has had some changes acknowledged."""
        program = [sys.executable, "-m", "tests.domain.writers", self.url, self.user, self.book]
        writers = [
            Writer(
                subprocess.Popen(
                    [*program, f"writer {number}"], stdout=subprocess.PIPE, text=True, cwd=ROOT
                )
            )
            for number in range(WRITERS)
        ]
        for writer in writers:
            writer.read(random.randint(3, 15))
        return writers

    def end(self, writers: list[Writer]) -> None:
        """Kill the writers, and read what they said last."""
        for writer in writers:
            os.kill(writer.process.pid, signal.SIGKILL)
        self.undecided = []
        for writer in writers:
            with writer.process:
                writer.read()
            self.hashes.update(writer.done)
            if writer.begun is not None:
                self.undecided.append(writer.begun)

    def check(self, device: Device) -> None:
        """Check that all is there that was acknowledged, and no half of anything."""
        found = device.contents()
        for name, content_hash in self.undecided:
            if found.get(name) == content_hash:
                self.hashes[name] = content_hash
        assert found == {name: h for name, h in self.hashes.items() if h is not None}
        _check_book(device)
        for token, held in self.synced.items():
            changes = device.changes(token)
            kept = {name: h for name, h in held.items() if name not in changes.removed}
            assert {**kept, **dict(changes.changed)} == found
        self.synced[device.token()] = found


def _check_book(device: Device) -> None:
    access = device.access()
    versions = device.history()
    assert [version.revision for version in versions] == [*range(1, access.revision + 1)]
    last = {version.resource_name: version for version in versions}
    properties = _properties(device)
    with device.database.read() as connection:
        for card in iterate_cards(connection, access.book_id):
            facts = inspect_card(card.content)
            assert card.content_hash == hash_content(card.content)
            assert (card.size, card.card_uid) == (len(card.content), facts.card_uid)
            assert sorted(properties.pop(card.id)) == sorted(map(tuple, facts.properties))
            assert last.pop(card.resource_name).revision == card.revision
        assert properties == {}
        removed = connection.execute(
            select(removed_names.c.resource_name, removed_names.c.revision)
        ).all()
    removals = {row.resource_name: row.revision for row in removed}
    assert removals == {name: version.revision for name, version in last.items()}


def _properties(device: Device) -> dict[int, list[tuple[str, str]]]:
    columns = (card_properties.c.card_id, card_properties.c.name, card_properties.c.value)
    found: dict[int, list[tuple[str, str]]] = {}
    with device.database.read() as connection:
        for card_id, name, value in connection.execute(select(*columns)):
            found.setdefault(card_id, []).append((name, value))
    return found


@pytest.mark.timeout(3 * 3600)
def test_writers_killed(device: Device, database_url: str, thorough: bool) -> None:  # noqa: FBT001
    killing = Killing(database_url, device.user.name, device.book)
    for number in range(100 if thorough else 2):
        killing.end(killing.start())
        killing.check(device)
        # Nothing the dead left behind is in the way.
        name = f"between {number}.vcf"
        stored = device.put(name, vcard(name))
        killing.hashes[name] = stored.etag.strip('"')
        if device.database.dialect == "sqlite":
            with device.database.read() as connection:
                assert connection.exec_driver_sql("PRAGMA integrity_check").all() == [("ok",)]
                assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


@pytest.fixture(params=[PostgresServer, MariaDbServer], ids=["postgresql", "mariadb"])
def durable_server(
    request: pytest.FixtureRequest, pytestconfig: pytest.Config
) -> Iterator[DatabaseServer]:
    """A server of the test's own that keeps what it acknowledged over a crash."""
    if request.node.callspec.id not in pytestconfig.getoption("--databases"):
        pytest.skip("not among --databases")
    with request.param(durable=True) as server:
        server.create_database("books")
        yield server


@pytest.mark.timeout(3 * 3600)
def test_server_killed(durable_server: DatabaseServer, thorough: bool) -> None:  # noqa: FBT001
    url = durable_server.url("books")
    with closing(Database(url)) as database:
        upgrade_schema(database)
        device = make_device(database)
        killing = Killing(url, device.user.name, device.book)
        for _ in range(100 if thorough else 2):
            writers = killing.start()
            durable_server.kill()
            killing.end(writers)
            with pytest.raises(StoreBusy, match="cannot be reached"):
                device.access()
            durable_server.restart()
            wait_for(lambda: _is_there(database), 60, "the database")
            killing.check(open_device(database, device.user.name, device.book))


def _is_there(database: Database) -> bool:
    try:
        database.run_read(lambda connection: connection.exec_driver_sql("SELECT 1").all())
    except StoreBusy:
        return False
    return True
