"""Clocks that are set back and forth: what counts is the order of changes, not their moments."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import credentials as credential_table
from sharedbooks.domain import credentials
from sharedbooks.domain.history import list_versions
from tests.http.world import Member, World, vcard
from tests.support.network import wait_for
from tests.support.process import RunningServer
from tests.support.writing import Follower, etags_by_sync, require_sound

_LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
_PASSWORD = "correct horse battery"
_WINDOW = 60

pytestmark = pytest.mark.skipif(_LIBRARY is None, reason="the package faketime is not installed")


class Clock:
    """The clock of a server, as the kernel shows it after somebody has set it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set("+0")
        self.program = [
            "env",
            f"LD_PRELOAD={_LIBRARY}",
            f"FAKETIME_TIMESTAMP_FILE={self._file}",
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
            sys.executable,
            "-m",
            "sharedbooks.cli",
        ]

    def set(self, offset: str) -> None:
        """Set it off from the true time, such as ``-2d``."""
        self._file.write_text(f"{offset}\n")


@contextmanager
def _served(folder: Path, url: str, **settings: int | str) -> Iterator[tuple[Clock, World]]:
    clock = Clock(folder)
    named = {name.replace("__", "."): value for name, value in settings.items()}
    with (
        RunningServer(folder, url, named, clock.program) as server,
        closing(Database(url)) as database,
        World(database, server.port) as world,
    ):
        yield clock, world


def test_tokens_and_history_do_not_go_by_the_clock(
    tmp_path: Path, sqlite_database_url: str
) -> None:
    with _served(tmp_path, sqlite_database_url) as (clock, world):
        alice, book = world.shared()
        path = alice.path(book, "ann.vcf")
        followers = []
        for step, offset in enumerate(["+0", "+3d", "-2d", "-400d", "+1d", "+0"]):
            clock.set(offset)
            followers.append(Follower(world.client(headers=alice.headers), alice.path(book)))
            followers[-1].sync()
            assert alice.put(path, vcard("ann", f"Step {step}")).status in {201, 204}
            assert alice.put(alice.path(book, f"{step}.vcf"), vcard(f"{step}")).status == 201
            if step % 2:
                assert alice.delete(alice.path(book, f"{step - 1}.vcf")).status == 204
        for follower in followers:
            follower.check(etags_by_sync(alice, book))
        with world.database.read() as connection:
            versions = list_versions(connection, book.id, card_uid="ann")
        moments = [version.at for version in versions]
        assert moments != sorted(moments)
        befores = [version.content_before for version in versions]
        assert befores == [None, *(vcard("ann", f"Step {step}") for step in range(5))]
        require_sound(world.database, world, alice, book)


def test_logins_outlive_a_clock_that_was_ahead(tmp_path: Path, sqlite_database_url: str) -> None:
    settings = {"auth__throttle_failures": 3, "auth__throttle_window": f"{_WINDOW} s"}
    with _served(tmp_path, sqlite_database_url, **settings) as (clock, world):
        alice = world.member()
        with world.database.write() as connection:
            secret = credentials.PasswordHasher("argon2").hash(_PASSWORD)
            credentials.set_password(connection, alice.user, secret)
        clock.set("+2d")
        own = world.client((alice.name, _PASSWORD))
        assert own.propfind("/").status == 207
        assert alice.listing().status == 207
        other = world.member("bob")
        assert _guess(world, other, "ahead", 3) == [401, 401, 401]
        refused = world.client((other.name, "wrong")).propfind("/")
        assert refused.status == 429
        assert 0 < int(refused.headers["Retry-After"]) <= _WINDOW

        ahead = _last_use(world, alice.user.id)
        clock.set("+0")
        assert own.propfind("/").status == 207
        assert alice.listing().status == 207
        # Not refused for two days; counted anew.
        assert _guess(world, other, "back", 4) == [401, 401, 401, 429]

        def noted_again() -> bool:
            own.propfind("/")
            return alice.listing().status == 207 and _last_use(world, alice.user.id) < ahead

        wait_for(noted_again, 10, "a note of the last use by the true clock")


def _guess(world: World, member: Member, word: str, times: int) -> list[int]:
    """Try so many wrong passwords of a member, each another one; return the statuses."""
    return [
        world.client((member.name, f"{word} {number}")).propfind("/").status
        for number in range(times)
    ]


def _last_use(world: World, user_id: int) -> int:
    statement = select(credential_table.c.last_used_at).where(
        credential_table.c.principal_id == user_id, credential_table.c.last_used_at.is_not(None)
    )
    with world.database.read() as connection:
        return max(connection.execute(statement).scalars())
