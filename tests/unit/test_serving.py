"""Real servers on loopback: what clients see while the server stops, reloads and loses workers."""

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from sharedbooks.errors import ConfigProblem, ServerFailed, StoreBusy
from sharedbooks.serving import ServeOptions, check_port_free, probe, serve

TOY = """
import json, os, pathlib, time

def create():
    if pathlib.Path(__file__).with_name("broken").exists():
        raise RuntimeError("cannot load")
    return application

def application(environ, start_response):
    first, *rest = environ["PATH_INFO"].strip("/").split("/")
    status, body = "200 OK", [b"fine"]
    if first == "slow":
        time.sleep(float(rest[0]))
    elif first == "stream":
        body = (b"x" * 65536 for _ in range(160))
    elif first == "status":
        status = rest[0] + " As asked"
    elif first == "environ":
        parts = iter(lambda: environ["wsgi.input"].read(1000), b"")
        facts = {key: value for key, value in environ.items() if isinstance(value, str)}
        body = [json.dumps(facts | {"pid": os.getpid(), "body": len(b"".join(parts))}).encode()]
    elif rest[-1:] != ["ready"]:
        status = "404 Not Found"
    start_response(status, [("Content-Type", "text/plain")])
    return body
"""
LAUNCHER = """
import sys
from pathlib import Path
from sharedbooks.serving import ServeOptions, serve
files = dict(zip(("tls_certificate", "tls_key"), map(Path, sys.argv[2:])))
options = ServeOptions(host="127.0.0.1", port=int(sys.argv[1]), shutdown_timeout=3, **files)
serve("toy:create", options, on_ready=lambda: print("ready", flush=True))
"""


@dataclass
class Served:
    process: subprocess.Popen[str]
    port: int
    folder: Path

    def get(self, path: str, timeout: float = 10) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().read()

    def worker(self) -> int:
        return int(json.loads(self.get("/environ"))["pid"])

    def workers(self) -> set[int]:
        """The workers that answer; the kernel deals connections out at random."""
        return {self.worker() for _ in range(40)}

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(10)


Start = Callable[..., Served]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def starting(folder: Path) -> Iterator[Start]:
    (folder / "toy.py").write_text(TOY)
    started: list[subprocess.Popen[str]] = []

    def start(*files: Path, ready: bool = True) -> Served:
        port = free_port()
        with (folder / "log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", LAUNCHER, str(port), *files],
                env=os.environ | {"PYTHONPATH": str(folder), "HTTP_X_FORGED": "inherited"},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        started.append(process)
        assert process.stdout is not None
        if ready:
            assert process.stdout.readline() == "ready\n", (folder / "log").read_text()
        return Served(process, port, folder)

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.communicate()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with starting(tmp_path) as starter:
        yield starter


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with starting(tmp_path_factory.mktemp("served")) as starter:
        yield starter()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    for name in ("one", "two"):
        subprocess.run(
            [
                *(
                    "openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                ),
                *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
                *("-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt"),
            ],
            check=True,
            capture_output=True,
        )
    return folder


def in_background(work: Callable[[], object]) -> Callable[[], object]:
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()

    def result() -> object:
        thread.join()
        return results[0] if results else None

    return result


def eventually(holds: Callable[[], bool], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if holds():
                return True
        time.sleep(0.05)
    return False


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_port_in_use_is_told_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigProblem) as caught:
            serve("toy:create", ServeOptions(host="127.0.0.1", port=port))
    assert str(caught.value) == (
        f"Cannot listen on 127.0.0.1:{port} (address already in use); "
        "stop the program that listens there or choose another [server] port."
    )
    check_port_free("127.0.0.1", port)


def test_a_second_server_cannot_share_the_port(served: Served) -> None:
    with pytest.raises(ConfigProblem, match="address already in use"):
        serve("toy:create", ServeOptions(host="127.0.0.1", port=served.port))


def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(ConfigProblem, match=r"host an address of this machine\.$"):
        check_port_free("192.0.2.1", free_port())


def test_stop_finishes_requests_in_flight(start: Start) -> None:
    served = start()
    idle = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
    idle.request("GET", "/environ")
    idle.getresponse().read()
    slow = [in_background(lambda: served.get("/slow/1")) for _ in range(6)]
    time.sleep(0.4)
    served.process.terminate()
    time.sleep(0.2)
    assert refused(served.port)
    assert [result() for result in slow] == [b"fine"] * 6
    assert served.process.wait(5) == 0
    idle.close()


def test_stop_answers_a_request_on_a_connection_already_open(start: Start) -> None:
    served = start()
    early = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
    early.connect()
    time.sleep(0.2)
    served.process.terminate()
    time.sleep(0.3)
    with contextlib.closing(early):
        early.request("GET", "/slow/1")
        answer = early.getresponse()
        assert answer.read() == b"fine"
        assert answer.headers["Connection"] == "close"
    assert served.process.wait(5) == 0


def test_stop_kills_what_exceeds_its_time(start: Start) -> None:
    served = start()
    with socket.create_connection(("127.0.0.1", served.port)) as link:
        link.sendall(b"PUT /environ HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx")
        time.sleep(0.2)
        began = time.monotonic()
        assert served.stop() == 0
    assert time.monotonic() - began == pytest.approx(3, abs=1)


def test_reload_replaces_all_workers_and_loses_no_request(start: Start) -> None:
    served = start()
    before = served.workers()
    finished = threading.Event()

    def trickle(*, keep: bool) -> set[bytes]:
        answers = set()
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
        with contextlib.closing(connection):
            while not finished.is_set():
                connection.request("GET", "/slow/0.01")
                answers.add(connection.getresponse().read())
                if not keep:
                    connection.close()
        return answers

    clients = [in_background(partial(trickle, keep=number < 4)) for number in range(8)]
    served.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: len(served.workers() - before) == 2)
    assert eventually(lambda: not served.workers() & before)
    finished.set()
    assert [result() for result in clients] == [{b"fine"}] * 8


def test_a_reload_that_fails_leaves_the_old_workers(start: Start) -> None:
    served = start()
    before = served.workers()
    (served.folder / "broken").touch()
    served.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: "Reload given up" in (served.folder / "log").read_text())
    assert served.workers() == before
    assert served.stop() == 0


def test_a_killed_worker_is_replaced(start: Start) -> None:
    served = start()
    victim = served.worker()
    os.kill(victim, signal.SIGKILL)
    assert eventually(lambda: len(served.workers() - {victim}) == 2)
    assert served.stop() == 0


def test_an_application_that_cannot_be_loaded_ends_the_server(start: Start, tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    served = start(ready=False)
    assert served.process.wait(10) == 1
    log = (tmp_path / "log").read_text()
    assert "cannot load" in log
    assert "ServerFailed: A worker process could not start" in log


def test_workers_do_not_outlive_the_main_process(start: Start) -> None:
    served = start()
    served.process.kill()
    assert eventually(lambda: refused(served.port))


def test_tls(start: Start, certificates: Path) -> None:
    served = start(certificates / "one.crt", certificates / "one.key")
    context = ssl.create_default_context(cafile=certificates / "one.crt")
    connection = http.client.HTTPSConnection("localhost", served.port, timeout=5, context=context)
    with contextlib.closing(connection):
        connection.request("GET", "/environ")
        facts = json.loads(connection.getresponse().read())
    assert facts["wsgi.url_scheme"] == "https"
    probe(f"https://127.0.0.1:{served.port}", timeout=5)


@pytest.mark.parametrize(
    ("certificate", "key", "sentence"),
    [
        ("one.crt", "two.key", "cannot be used together"),
        ("one.crt", "one.crt", "cannot be used together"),
        ("none.crt", "one.key", r"Cannot read the TLS file .*none\.crt \(no such file"),
    ],
)
def test_unusable_tls_files(certificates: Path, certificate: str, key: str, sentence: str) -> None:
    options = ServeOptions(
        host="127.0.0.1",
        port=free_port(),
        tls_certificate=certificates / certificate,
        tls_key=certificates / key,
    )
    with pytest.raises(ConfigProblem, match=sentence):
        serve("toy:create", options)


def test_a_chunked_body_arrives(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
    with contextlib.closing(connection):
        connection.request(
            "PUT", "/environ", body=(b"x" * 5000 for _ in range(60)), encode_chunked=True
        )
        facts = json.loads(connection.getresponse().read())
    assert facts["body"] == 300_000
    assert "CONTENT_LENGTH" not in facts


def test_a_streamed_answer_arrives(served: Served) -> None:
    assert len(served.get("/stream")) == 160 * 65536


def test_environ_has_the_decoded_path_and_nothing_forged(served: Served) -> None:
    facts = json.loads(served.get("/environ/%C3%BC%20b"))
    assert facts["PATH_INFO"].encode("latin-1").decode() == "/environ/ü b"
    assert "HTTP_X_FORGED" not in facts


def test_probe_of_a_healthy_server(served: Served) -> None:
    probe(f"http://127.0.0.1:{served.port}/", timeout=5)
    probe(f"http://127.0.0.1:{served.port}/some/prefix", timeout=5)


def test_probe_tells_what_is_wrong(served: Served) -> None:
    base = f"http://127.0.0.1:{served.port}"
    with pytest.raises(ServerFailed, match="status 404"):
        probe(f"{base}/status/404", timeout=5)
    with pytest.raises(StoreBusy, match="cannot reach its database"):
        probe(f"{base}/status/503", timeout=5)
    with pytest.raises(ServerFailed, match="is the server running"):
        probe(f"http://127.0.0.1:{free_port()}", timeout=5)
    with pytest.raises(ServerFailed, match="No answer"):
        probe(f"https://127.0.0.1:{served.port}", timeout=5)
