"""What the real server tells a service manager: ready, reloading, stopping, and signs of life."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sharedbooks.serving.notify import Notifier
from tests.http.client import Client
from tests.service.manager import Manager
from tests.support.daemon import family_of
from tests.support.databases import PostgresDatabases, SqliteDatabases
from tests.support.network import wait_for
from tests.support.process import RunningServer
from tests.support.servers import PostgresServer

_WATCHDOG_SECONDS = 6
# The manager would act after a silence of _WATCHDOG_SECONDS, the server notices half of it.
_NOTICED = _WATCHDOG_SECONDS / 2 + 3


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """A manager to which every server that the tests start is told to report."""
    address = str(tmp_path_factory.mktemp("manager") / "notify")
    with Manager(address) as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOTIFY_SOCKET", address)
        patch.setenv("WATCHDOG_USEC", str(_WATCHDOG_SECONDS * 1_000_000))
        yield made


@pytest.fixture(scope="module")
def server(
    manager: Manager,
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_databases: SqliteDatabases,
) -> Iterator[RunningServer]:
    """A server that every test leaves well."""
    folder = tmp_path_factory.mktemp("server")
    with (
        sqlite_databases.migrated() as url,
        RunningServer(folder, url, {"server.workers": 2}) as running,
    ):
        wait_for(lambda: "Serving at" in running.log, 60, "both workers")
        yield running


def workers(server: RunningServer) -> list[int]:
    return sorted(family_of(server.pid) - {server.pid})


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_messages_reach_both_kinds_of_socket(tmp_path: Path, kind: str) -> None:
    address = str(tmp_path / "notify") if kind == "path" else f"@sharedbooks-test-{os.getpid()}"
    environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1", "A": "b"}
    with Manager(address) as manager:
        notifier = Notifier.take_from(environ)
        notifier.ready("fine")
        assert manager.wait_for("READY=1") == {"READY": "1", "STATUS": "fine"}
    # The watchdog is meant for another process, and all of it not for those started from here.
    assert notifier.watchdog is None
    assert environ == {"A": "b"}
    notifier.alive()  # to nobody, without harm


def test_it_says_when_it_is_ready_reloads_and_stops(
    tmp_path: Path, sqlite_databases: SqliteDatabases, manager: Manager
) -> None:
    manager.forget()
    with (
        sqlite_databases.migrated() as url,
        RunningServer(tmp_path, url, {"server.workers": 2}) as server,
    ):
        status = f"2 workers serve port {server.port}"
        assert manager.wait_for("READY=1")["STATUS"] == status
        before = workers(server)
        os.kill(server.pid, signal.SIGHUP)
        assert int(manager.wait_for("RELOADING=1")["MONOTONIC_USEC"]) > 0
        manager.wait_for("WATCHDOG=1")
        assert manager.wait_for("READY=1")["STATUS"] == status
        assert not set(before) & set(workers(server))
        server.config.write_text("nonsense")
        os.kill(server.pid, signal.SIGHUP)
        assert manager.wait_for("READY=1")["STATUS"] == f"{status}; the last reload failed"
        os.kill(server.pid, signal.SIGTERM)
        manager.wait_for("STOPPING=1")
        assert "no sign of life" not in server.log


def test_a_server_that_cannot_start_is_never_ready(
    tmp_path: Path, sqlite_databases: SqliteDatabases, manager: Manager
) -> None:
    manager.forget()
    with sqlite_databases.blank() as url, pytest.raises(AssertionError, match="exit code 2"):
        RunningServer(tmp_path, url).start()
    assert manager.seen("READY=1") == 0


def test_a_worker_that_hangs_ends_the_signs_of_life(
    server: RunningServer, manager: Manager
) -> None:
    hanging = workers(server)[0]
    os.kill(hanging, signal.SIGSTOP)
    try:
        wait_for(lambda: f"[{hanging}] give no sign of life" in server.log, _NOTICED, "a complaint")
        assert manager.count("WATCHDOG=1", 3) == 0
    finally:
        os.kill(hanging, signal.SIGCONT)
    manager.forget()
    manager.wait_for("WATCHDOG=1")


def test_a_worker_that_accepts_nothing_ends_the_signs_of_life(
    server: RunningServer, manager: Manager
) -> None:
    # What tells a worker to take no more connections, here without its end to follow.
    os.kill(workers(server)[0], signal.SIGUSR1)
    wait_for(lambda: "HTTP loop gives no sign" in server.log, 3 * _NOTICED, "a complaint")
    assert manager.count("WATCHDOG=1", 3) == 0
    os.kill(server.pid, signal.SIGHUP)
    manager.wait_for("READY=1")
    manager.forget()
    manager.wait_for("WATCHDOG=1")


def test_a_main_process_that_hangs_gives_no_sign_of_life(
    server: RunningServer, manager: Manager
) -> None:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        assert manager.count("WATCHDOG=1", 3) == 0
    finally:
        os.kill(server.pid, signal.SIGCONT)


def test_a_database_that_is_slow_or_away_is_nothing_to_be_restarted_for(
    tmp_path: Path,
    manager: Manager,
    stopping_postgresql: PostgresServer,
) -> None:
    settings = {"server.workers": 2, "server.threads": 2}
    with (
        PostgresDatabases(stopping_postgresql).migrated() as url,
        RunningServer(tmp_path, url, settings) as server,
    ):
        waiting = [threading.Thread(target=ask, args=[server.port]) for _ in range(12)]
        with stopping_postgresql.connect(urlsplit(url).path[1:]) as other, other.transaction():
            other.execute("LOCK TABLE principals IN ACCESS EXCLUSIVE MODE")
            for thread in waiting:
                thread.start()
            # More requests than threads wait for the database, for longer than the manager would.
            assert manager.count("WATCHDOG=1", 2 * _WATCHDOG_SECONDS) >= _WATCHDOG_SECONDS
            assert all(thread.is_alive() for thread in waiting)
        for thread in waiting:
            thread.join(60)
        stopping_postgresql.stop()
        try:
            ask(server.port)
            lost = workers(server)[0]
            os.kill(lost, signal.SIGKILL)
            wait_for(lambda: len(workers(server)) == 2, 30, "another worker")
            assert manager.count("WATCHDOG=1", _WATCHDOG_SECONDS) >= 3
        finally:
            stopping_postgresql.restart()
        assert "no sign of life" not in server.log


def ask(port: int) -> None:
    with suppress(OSError, HTTPException), Client(port, ("alice", "secret")) as client:
        client.propfind("/")
