"""Serve a WSGI application over HTTP with several worker processes, and probe a running server.

Granian answers the requests. Where it falls short of our promises, this module makes up for it:

* Its workers open a listening socket each; connections that wait there are reset when the worker
  stops. Here the main process opens the sockets, and a new worker takes over its predecessor's.
* A worker told to stop closes at once every connection on which it has not yet seen a request,
  even when one is on its way. Here it first lingers: no new connections, old ones end with their
  next answer.
* It takes a new worker for ready after a fixed time, stops the old one even if the new one is
  broken, and may start workers that die at start for ever. Here workers report that they are ready.
* It waits without limit for a client to fetch an answer. Here the kernel limits that.

A body that arrives slowly keeps a thread busy, without limit of time: the threads bound how many
such clients a worker bears, and a proxy that buffers requests takes them off it altogether.
"""

import contextlib
import errno
import http.client
import importlib
import ipaddress
import logging
import multiprocessing
import os
import select
import signal
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from granian import net as granian_net
from granian.constants import HTTPModes, Interfaces, RuntimeModes, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from sharedbooks.errors import ConfigProblem, SharedbooksError, StoreBusy

_logger = logging.getLogger(__name__)

_SocketHolder: Any = granian_net.SocketHolder  # type: ignore[attr-defined]
_Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
_SIGNALS = _STOP_SIGNALS | {signal.SIGHUP, signal.SIGCHLD}
# Tells a worker to take no more connections; SIGTERM follows when the linger is over.
_LEAVE = signal.SIGUSR1
# For requests already on their way over connections that Granian would close at once.
_LINGER_SECONDS = 1.0
_KERNEL_LIMITS = (
    # Phones vanish without a word: find out after some two minutes of silence.
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
    # An answer that nobody takes off the wire for this long (milliseconds) is given up.
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 120_000),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
)
# For the header of the next request; an idle connection is kept as long.
_HEADER_TIMEOUT_MS = 30_000
_MAX_HEADER_BYTES = 64 * 1024
# A worker opens its TLS files after it has loaded the application; so long it is on probation.
_SETTLE_SECONDS = 0.2
# More losses of running workers than this within the window are not bad luck.
_MOST_LOSSES = 5
_LOSS_WINDOW_SECONDS = 60.0
_BIND_REMEDIES = {
    errno.EADDRINUSE: "stop the program that listens there or choose another [server] port",
    errno.EADDRNOTAVAIL: "give [server] host an address of this machine",
    errno.EACCES: "choose a [server] port above 1023 or let the service bind low ports",
}
_GRANIAN_LOGS_THROUGH_ROOT: dict[str, Any] = {
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"handlers": [], "propagate": True}},
}


class ServerFailed(SharedbooksError):
    """The server cannot start its workers, keeps losing them, or does not answer a probe."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How to serve.

    Attributes:
        host: address or name to listen on; a name stands for its first address, ``::`` for every
            address of the machine.
        port: TCP port.
        workers: number of worker processes.
        threads: requests a worker handles at the same time. A request whose body is still
            arriving, or whose streamed answer is still being fetched, counts.
        tls_certificate: PEM file with certificate and chain, or None for plain HTTP.
        tls_key: PEM file with the certificate's unencrypted private key.
        backlog: connections the kernel lets wait, at least 128.
        shutdown_timeout: seconds a worker may take to finish its requests before it is killed.
        log_level: ``critical``, ``error``, ``warning``, ``info`` or ``debug``.
        max_connections: connections a worker holds open at a time; more wait in the backlog.
            Each takes a file descriptor.
    """

    host: str
    port: int
    workers: int = 2
    threads: int = 32
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    backlog: int = 1024
    shutdown_timeout: float = 30.0
    log_level: str = "info"
    max_connections: int = 512


class _Worker(NamedTuple):
    process: BaseProcess
    ready: Connection


def serve(target: str, options: ServeOptions, on_ready: Callable[[], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT, from the main thread.

    On these, clients are refused from now on and every request on a connection already accepted
    is answered; this takes a second at least. SIGHUP replaces the workers one after another: each
    new one loads the application and the TLS files afresh, and the old one leaves once it is
    ready. A reload that fails leaves the old workers running. A worker that dies is replaced.

    Workers are forked: the caller must hold no database connections or threads of its own.

    Args:
        target: ``package.module:function``; each worker calls it without arguments for its WSGI
            application.
        options: how to serve.
        on_ready: called once, when every worker has its application.

    Raises:
        ConfigProblem: the address cannot be bound or the TLS files cannot be used.
        ServerFailed: a worker could not load the application, or workers keep dying.
    """
    multiprocessing.set_start_method("fork", force=True)
    _check_tls_files(options)
    with _listening(options) as listeners:
        _Supervisor(target, options, listeners).run(on_ready or (lambda: None))


def check_port_free(host: str, port: int) -> None:
    """Find out whether a server could listen there now.

    Raises:
        ConfigProblem: it could not.
    """
    _bind(host, port, backlog=1, shared=False).close()


@contextlib.contextmanager
def _listening(options: ServeOptions) -> Iterator[list[socket.socket]]:
    """One listening socket for each worker, all on the same port."""
    # A shared port would let a second server in, so it must be free for one that does not share.
    check_port_free(options.host, options.port)
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(options.workers):
            listener = _bind(options.host, options.port, options.backlog, shared=True)
            stack.enter_context(listener)
            for level, name, value in _KERNEL_LIMITS:
                listener.setsockopt(level, name, value)
            sockets.append(listener)
        yield sockets


def _bind(host: str, port: int, backlog: int, *, shared: bool) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        every = host == "::"
        return socket.create_server(
            address[:2], family=family, backlog=backlog, reuse_port=shared, dualstack_ipv6=every
        )
    except OSError as error:
        raise ConfigProblem([_bind_problem(host, port, error)]) from error


def _bind_problem(host: str, port: int, error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"The host name {host!r} is unknown; give [server] host an address of this machine."
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    number = error.errno or 0
    remedy = _BIND_REMEDIES.get(number, "correct [server] host and port")
    return f"Cannot listen on {place} ({os.strerror(number).lower()}); {remedy}."


def _check_tls_files(options: ServeOptions) -> None:
    certificate, key = options.tls_certificate, options.tls_key
    if certificate is None or key is None:
        return
    try:
        for path in (certificate, key):
            path.read_bytes()
        # Without a password given, OpenSSL asks for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        reason = (error.reason or "not in PEM format").replace("_", " ").lower()
        problem = (
            f"The TLS files {certificate} and {key} cannot be used together ({reason}); give a "
            "PEM certificate and its own private key, without a password."
        )
        raise ConfigProblem([problem]) from error
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        problem = f"Cannot read the TLS file {error.filename} ({reason}); correct path or rights."
        raise ConfigProblem([problem]) from error


class _Supervisor:
    """Starts, replaces and stops the worker processes.

    The signals stay blocked and are fetched one at a time, so that none is missed or comes in
    between; a worker's death is one of them.
    """

    def __init__(
        self, target: str, options: ServeOptions, listeners: Sequence[socket.socket]
    ) -> None:
        self._target = target
        self._options = options
        self._listeners = listeners
        self._granian = _Granian(options)
        self._workers: list[_Worker] = []
        self._losses: deque[float] = deque(maxlen=_MOST_LOSSES + 1)

    def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until told to stop; see `serve`."""
        with _signals_held():
            try:
                self._workers = [self._start(number) for number in range(self._options.workers)]
                if all(self._comes_up(worker, _SETTLE_SECONDS) for worker in self._workers):
                    on_ready()
                    self._watch()
                elif not _stop_asked():
                    raise ServerFailed("A worker process could not start; the log tells why.")
            finally:
                # Each worker now has the last handle of its socket: clients are refused as soon as
                # it has taken in those that wait.
                for listener in self._listeners:
                    listener.close()
                self._retire(self._workers)

    def _watch(self) -> None:
        while (received := signal.sigwait(_SIGNALS)) not in _STOP_SIGNALS:
            if received == signal.SIGHUP:
                self._reload()
            self._replace_dead()

    def _replace_dead(self) -> None:
        for number, worker in enumerate(self._workers):
            if worker.process.is_alive():
                continue
            _logger.error("Worker %d died (exit %s).", number + 1, worker.process.exitcode)
            now = time.monotonic()
            self._losses.append(now)
            if len(self._losses) > _MOST_LOSSES and now - self._losses[0] < _LOSS_WINDOW_SECONDS:
                raise ServerFailed("Worker processes keep dying; the log tells why.")
            self._workers[number] = self._start(number)
            if not self._comes_up(self._workers[number]) and not _stop_asked():
                raise ServerFailed("A worker process could not be replaced; the log tells why.")

    def _reload(self) -> None:
        try:
            _check_tls_files(self._options)
        except ConfigProblem as problem:
            _logger.error("Reload given up, the workers go on: %s", problem)  # noqa: TRY400
            return
        for number, old in enumerate(self._workers):
            worker = self._start(number)
            if not self._comes_up(worker, _SETTLE_SECONDS):
                _logger.error("Reload given up, the workers not yet replaced go on.")
                self._retire([worker])
                return
            self._workers[number] = worker
            self._retire([old])
        _logger.info("All workers are replaced.")

    def _start(self, number: int) -> _Worker:
        ready, sender = multiprocessing.Pipe(duplex=False)
        with sender:
            listener = self._listeners[number]
            siblings = [other for other in self._listeners if other is not listener]
            load = partial(_load, self._target, listener, siblings, sender)
            process = self._granian.new_process(number, listener, load)
            process.start()
        _logger.info("Worker %d starts with PID %s.", number + 1, process.pid)
        return _Worker(process, ready)

    def _comes_up(self, worker: _Worker, probation: float = 0) -> bool:
        """Wait until the worker is ready; False if it died first or the server is to stop."""
        with worker.ready:
            while not _stop_asked():
                if worker.ready.poll(0.1):
                    try:
                        worker.ready.recv()
                    except EOFError:
                        return False
                    worker.process.join(probation)
                    return worker.process.is_alive() or not probation
        return False

    def _retire(self, workers: Sequence[_Worker]) -> None:
        deadline = time.monotonic() + self._options.shutdown_timeout
        for worker in workers:
            if worker.process.is_alive() and worker.process.pid:
                os.kill(worker.process.pid, _LEAVE)
        linger_end = time.monotonic() + _LINGER_SECONDS
        for worker in workers:
            worker.process.join(max(linger_end - time.monotonic(), 0))
            worker.process.terminate()
        for worker in workers:
            worker.process.join(max(deadline - time.monotonic(), 0))
            if worker.process.is_alive():
                _logger.warning("Worker with PID %s did not finish in time.", worker.process.pid)
                worker.process.kill()
                worker.process.join()


class _Granian(MPServer):
    """Granian's configuration of a worker process, with a shared listening socket.

    It relies on what Granian keeps to itself; the tests of this module fail when that changes.
    """

    def __init__(self, options: ServeOptions) -> None:
        super().__init__(
            "",
            interface=Interfaces.WSGI,
            blocking_threads=options.threads,
            runtime_mode=RuntimeModes.mt,
            # With HTTP/2 on offer, Granian waits without limit for a client's first octet.
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=_HEADER_TIMEOUT_MS,
                max_buffer_size=_MAX_HEADER_BYTES,
            ),
            websockets=False,
            backlog=options.backlog,
            backpressure=options.max_connections,
            log_level=LogLevels(options.log_level),
            log_dictconfig=_GRANIAN_LOGS_THROUGH_ROOT,
            ssl_cert=options.tls_certificate,
            ssl_key=options.tls_key,
            ssl_protocol_min=SSLProtocols.tls12,
        )

    def new_process(
        self, number: int, listener: socket.socket, load: Callable[[], Any]
    ) -> BaseProcess:
        """Prepare a worker that serves what comes to the socket with the application it loads."""
        self._sso = listener
        self._shd = _SocketHolder(listener.fileno(), uds=False, backlog=self.backlog)
        worker = self._spawn_worker(number, self._spawn_wsgi_worker, load)
        process: BaseProcess = worker.inner
        return process


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        while signal.sigpending() & _SIGNALS:
            signal.sigwait(_SIGNALS)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop_asked() -> bool:
    return bool(signal.sigpending() & _STOP_SIGNALS)


def _load(
    target: str, listener: socket.socket, siblings: Sequence[socket.socket], ready: Connection
) -> _Application:
    """Get the application in a new worker, and the process into a state fit for it."""
    for sibling in siblings:
        sibling.close()
    # Out of the terminal's reach: the main process alone tells workers to stop. Told repeatedly
    # while a request is in flight, Granian hangs.
    os.setpgid(0, 0)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    # Granian puts the environment into each WSGI environ, where these would pass for headers.
    for name in [n for n in os.environ if n.startswith(("HTTP_", "CONTENT_", "REMOTE_", "AUTH_"))]:
        del os.environ[name]
    module, _, function = target.partition(":")
    application: _Application = getattr(importlib.import_module(module), function)()
    leaving = threading.Event()

    def leave(*_: object) -> None:
        _stop_accepting(listener)
        leaving.set()

    signal.signal(_LEAVE, leave)
    ready.send(None)
    return _closing_when(leaving, application)


def _stop_accepting(listener: socket.socket) -> None:
    # Other processes hold the same socket, so that it cannot be shut down. Granian's handle on it
    # is made one on a socket to which nobody connects.
    with socket.socket(socket.AF_UNIX) as silent:
        silent.settimeout(0)
        silent.bind("")
        silent.listen()
        # Once nobody holds the socket any more, connections not yet accepted would be reset.
        for _ in range(200):
            if not select.select([listener], [], [], 0)[0]:
                break
            time.sleep(0.001)
        os.dup2(silent.fileno(), listener.fileno())


def _closing_when(leaving: threading.Event, application: _Application) -> _Application:
    """The application, whose answers end their connection once the worker is leaving."""

    def closing(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            if leaving.is_set():
                headers = [*headers, ("Connection", "close")]
            return start_response(status, headers, *exc_info)

        return application(environ, start)

    return closing


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def probe(url: str, *, timeout: float) -> None:
    """Ask a running server for its health.

    On a loopback address any certificate will do, as nobody can stand in between.

    Args:
        url: where the server is, with its prefix: ``https://127.0.0.1:5232/contacts``.
        timeout: seconds each step of the exchange may take.

    Raises:
        StoreBusy: the server runs but cannot do its work now.
        ServerFailed: nothing answers there, or something else does.
    """
    parts = urlsplit(url)
    host, path = parts.hostname or "", parts.path.rstrip("/") + "/-/health"
    connection = http.client.HTTPConnection(host, parts.port, timeout=timeout)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        if _is_loopback(host):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)
    try:
        with contextlib.closing(connection):
            connection.request("GET", path)
            status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        problem = (
            f"No answer from {url} ({str(error) or type(error).__name__}); is the server running?"
        )
        raise ServerFailed(problem) from error
    if status == http.client.SERVICE_UNAVAILABLE:
        raise StoreBusy(f"The server at {url} runs but cannot reach its database; see its log.")
    if status != http.client.OK:
        raise ServerFailed(f"{url} answers with status {status}; is it a sharedbooks server?")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
