"""A phone deletes everything: it is noticed, taken back, and the phone gets all of it again."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sharedbooks.db.engine import Database
from tests.http.world import Member, World, vcard
from tests.support.network import wait_for
from tests.support.process import RunningServer

LIMIT = 25
CARDS = 40


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[RunningServer]:
    settings = {"server.workers": 2, "books.mass_deletion": LIMIT}
    with RunningServer(tmp_path, database_url, settings) as running:
        yield running


def _known(member: Member, folder: str, known: dict[str, str], token: str) -> tuple[dict, str]:  # type: ignore[type-arg]
    """What a phone knows after a sync from ``token``, and its new token."""
    answer = member.sync(folder, token)
    after = dict(known)
    for href, resource in answer.resources.items():
        if resource.status == 404:
            after.pop(href, None)
        else:
            after[href] = resource.text("D:getetag")
    return after, answer.sync_token


def test_a_phone_deletes_everything(server: RunningServer, database: Database) -> None:
    with World(database, server.port) as world:
        alice, book = world.shared()
        bob = world.member("bob")
        world.grant(book, bob, "write")
        folder, bobs = alice.path(book), bob.path(book)
        for number in range(CARDS):
            assert alice.put(alice.path(book, f"{number}.vcf"), vcard(str(number))).status == 201
        before = world.stored(book)
        known, token = _known(alice, folder, {}, "")
        others, others_token = _known(bob, bobs, {}, "")
        etags = dict(known)

        for number in range(CARDS):
            if number % 5 == 0:
                alice.close()  # the next one may reach the other worker
            assert alice.delete(alice.path(book, f"{number}.vcf")).status == 204
        known, token = _known(alice, folder, known, token)
        assert known == {}
        wait_for(lambda: "mass deletion" in server.log, 10, "the warning")
        [line] = [line for line in server.log.splitlines() if "mass deletion" in line]
        assert " WARNING sharedbooks.history: " in line
        for named in (repr(alice.name), repr(book.name), f"deleted {LIMIT} cards"):
            assert named in line

        undo = re.search(r"sharedbooks (book restore .*)$", line)
        assert undo
        program = [sys.executable, "-m", "sharedbooks.cli", "--config", str(server.config)]
        subprocess.run([*program, *shlex.split(undo[1]), "--yes"], check=True, capture_output=True)

        assert world.stored(book) == before
        known, token = _known(alice, folder, known, token)
        assert known == etags
        # A phone that slept meanwhile misses nothing either.
        others, others_token = _known(bob, bobs, others, others_token)
        assert {href.removeprefix(bobs) for href in others} == {f"{n}.vcf" for n in range(CARDS)}
        for number in (0, CARDS - 1):
            path = alice.path(book, f"{number}.vcf")
            answer = alice.get(path)
            assert (answer.body, answer.etag) == (vcard(str(number)), known[path])
