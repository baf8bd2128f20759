"""Sockets that the service manager holds: nobody is refused while the server is restarted."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.support.databases import SqliteDatabases
from tests.support.network import LOOPBACK, free_port, wait_for
from tests.support.process import toml

# What systemd does between fork and exec: descriptors from 3 on, and three variables.
_MANAGER = """
import fcntl, os, sys
numbers, *command = sys.argv[1:]
given = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 100) for number in numbers.split()]
for place, number in enumerate(given, 3):
    os.dup2(number, place)
os.environ |= {"LISTEN_FDS": str(len(given)), "LISTEN_PID": str(os.getpid())}
os.execv(command[0], command)
"""


@pytest.fixture
def listeners() -> Iterator[list[socket.socket]]:
    """Two sockets that share a port, as ReusePort=yes makes them."""
    port = free_port()
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                socket.create_server((LOOPBACK, port), reuse_port=True, backlog=128)
            )
            for _ in range(2)
        ]


@pytest.fixture
def url(sqlite_databases: SqliteDatabases) -> Iterator[str]:
    with sqlite_databases.migrated() as made:
        yield made


def start(
    folder: Path, url: str, listeners: Sequence[socket.socket], workers: int, *more: str
) -> subprocess.Popen[str]:
    config = folder / "config.toml"
    # Its port is somebody else's, and does not count.
    config.write_text(toml({"server.port": 1, "server.workers": workers, "database.url": url}))
    numbers = [listener.fileno() for listener in listeners]
    serve = (sys.executable, "-m", "sharedbooks.cli", "--config", str(config), "serve", *more)
    command = ("setpriv", "--pdeathsig", "TERM", sys.executable, "-c", _MANAGER)
    with (folder / "log").open("a") as log:
        return subprocess.Popen(
            [*command, " ".join(map(str, numbers)), *serve],
            pass_fds=numbers,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )


@contextmanager
def serving(
    folder: Path, url: str, listeners: Sequence[socket.socket], workers: int
) -> Iterator[None]:
    process = start(folder, url, listeners, workers)
    log = folder / "log"
    starts = log.read_text().count("Serving at")
    try:
        wait_for(lambda: log.read_text().count("Serving at") > starts, 120, "the workers")
        yield
        process.terminate()
        assert process.wait(60) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def health(port: int) -> int:
    # A start takes long on a busy machine, and they wait for one.
    with closing(HTTPConnection(LOOPBACK, port, timeout=150)) as connection:
        connection.request("GET", "/-/health")
        return connection.getresponse().status


def test_all_sockets_are_served_and_clients_wait_for_a_restart(
    tmp_path: Path, url: str, listeners: list[socket.socket]
) -> None:
    port = listeners[0].getsockname()[1]
    with serving(tmp_path, url, listeners, workers=2):
        # The kernel deals connections out to both sockets.
        assert {health(port) for _ in range(20)} == {200}
        assert f"Serving at http://{LOOPBACK}:{port}\n" in (tmp_path / "log").read_text()
    answers: list[int] = []
    waiting = [threading.Thread(target=lambda: answers.append(health(port))) for _ in range(8)]
    for thread in waiting:
        thread.start()
    with serving(tmp_path, url, listeners, workers=2):
        for thread in waiting:
            thread.join(150)
    assert answers == [200] * 8


def test_more_workers_than_sockets_share_them(
    tmp_path: Path, url: str, listeners: list[socket.socket]
) -> None:
    listeners.pop().close()
    with serving(tmp_path, url, listeners, workers=2):
        assert {health(listeners[0].getsockname()[1]) for _ in range(10)} == {200}


@pytest.mark.parametrize("mistake", ["too many", "no port", "a port too"])
def test_what_cannot_be_is_told_with_the_status_that_prevents_a_restart(
    tmp_path: Path, url: str, listeners: list[socket.socket], mistake: str
) -> None:
    with socket.socket(socket.AF_UNIX) as local:
        local.bind(str(tmp_path / "socket"))
        local.listen()
        given = {"no port": [local]}.get(mistake, listeners)
        more = ["--port", "5232"] if mistake == "a port too" else []
        process = start(tmp_path, url, given, 1, *more)
        assert process.wait(60) == 2
    sentence = {
        "too many": "There are 2 sockets from the service manager but only 1 workers",
        "no port": "Descriptor 3 from the service manager is no listening TCP socket",
        "a port too": "The service manager listens already",
    }[mistake]
    log = (tmp_path / "log").read_text()
    assert sentence in log
    assert "Traceback" not in log
