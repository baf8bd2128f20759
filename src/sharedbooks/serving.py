"""Serve a WSGI application over HTTP with several worker processes, and probe a running server.

Granian answers the requests. It falls short of our promises in a few places, which this module
makes up for:

* Granian gives every worker a listening socket of its own (``SO_REUSEPORT``). Connections that
  wait in the queue of a worker are reset when that worker is replaced, and a second server on the
  same port starts without complaint. Here all workers share one socket that the main process
  holds.
* Granian takes a new worker for ready after a fixed time and stops the old one even if the new
  one is broken; workers that die at start may be started anew for ever. Here a worker reports
  that it is ready.
* Granian has no time limit for an answer nobody reads. The kernel's limits are set on the socket.

A body that arrives slowly keeps a thread busy, without limit of time: threads bound how many such
clients one worker bears, and a proxy that buffers requests takes them off it altogether.
"""

import contextlib
import errno
import http.client
import importlib
import ipaddress
import logging
import multiprocessing
import os
import signal
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from granian.constants import HTTPModes, Interfaces, RuntimeModes, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.net import SocketHolder  # type: ignore[attr-defined]
from granian.server.mp import MPServer

from sharedbooks.errors import ConfigProblem, SharedbooksError, StoreBusy

_logger = logging.getLogger(__name__)

_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
_SIGNALS = _STOP_SIGNALS | {signal.SIGHUP, signal.SIGCHLD}
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
# A worker opens its TLS files after it has loaded the application; so long it is on probation.
_SETTLE_SECONDS = 0.3
# More losses of running workers than this within the window are not bad luck.
_MOST_LOSSES = 5
_LOSS_WINDOW_SECONDS = 60.0
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
        header_timeout: seconds until a connection must have sent the header of its next request;
            also how long an idle connection is kept.
        max_header_bytes: largest header of a request, at least 8192.
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
    header_timeout: float = 30.0
    max_header_bytes: int = 64 * 1024
    max_connections: int = 512


class _Worker(NamedTuple):
    process: BaseProcess
    ready: Connection


def serve(target: str, options: ServeOptions, on_ready: Callable[[], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT, from the main thread.

    Then no connection is accepted any more, requests in flight are finished and idle connections
    closed. SIGHUP replaces the workers one after another: the application is loaded and the TLS
    files are read again, and an old worker stops once the new one is ready. A reload that fails
    leaves the old workers running. A worker that dies is replaced.

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
    _check_tls_files(options)
    with _listening(options) as listeners:
        _Supervisor(target, options, listeners).run(on_ready or (lambda: None))


def check_port_free(host: str, port: int) -> None:
    """Find out whether a server could listen there now.

    Raises:
        ConfigProblem: it could not.
    """
    _bind(host, port, shared=False).close()


@contextlib.contextmanager
def _listening(options: ServeOptions) -> Iterator[list[socket.socket]]:
    """One listening socket for each worker, all on the same port."""
    # A shared port would let a second server in, so it must be free for one that does not share.
    check_port_free(options.host, options.port)
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(options.workers):
            listener = stack.enter_context(_bind(options.host, options.port, shared=True))
            for level, name, value in _KERNEL_LIMITS:
                listener.setsockopt(level, name, value)
            sockets.append(listener)
        # The kernel spreads connections over the listening sockets: none may come too early.
        for listener in sockets:
            listener.listen(options.backlog)
        yield sockets


def _bind(host: str, port: int, *, shared: bool) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(
            address[:2], family=family, reuse_port=shared, dualstack_ipv6=host == "::"
        )
    except OSError as error:
        raise ConfigProblem([_bind_problem(host, port, error)]) from error


def _bind_problem(host: str, port: int, error: OSError) -> str:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if isinstance(error, socket.gaierror):
        return f"The host name {host!r} is unknown; give [server] host an address of this machine."
    remedies = {
        "EADDRINUSE": "stop the program that listens there or choose another [server] port",
        "EADDRNOTAVAIL": "give [server] host an address of this machine",
        "EACCES": "choose a [server] port above 1023 or allow the service to bind low ports",
    }
    reason = (error.strerror or str(error)).lower()
    name = next((n for n in remedies if error.errno == getattr(errno, n, None)), "")
    return (
        f"Cannot listen on {place} ({reason}); {remedies.get(name, 'see [server] host and port')}."
    )


def _check_tls_files(options: ServeOptions) -> None:
    certificate, key = options.tls_certificate, options.tls_key
    if certificate is None or key is None:
        if certificate is not key:
            raise ConfigProblem(["Set both tls_certificate and tls_key in [server], or neither."])
        return
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            problem = f"Cannot read the TLS file {path} ({reason}); correct the path or its rights."
            raise ConfigProblem([problem]) from error
    try:
        # Without a password given, OpenSSL asks for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        problem = (
            f"The TLS files {certificate} and {key} cannot be used ({_ssl_reason(error)}); give a "
            "PEM certificate and its own private key without a password."
        )
        raise ConfigProblem([problem]) from error


def _ssl_reason(error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key belongs to another certificate"
    return (error.reason or "not PEM").replace("_", " ").lower()


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
                if all(self._comes_up(worker) for worker in self._workers):
                    on_ready()
                    self._watch()
                elif not _stop_asked():
                    raise ServerFailed("A worker process could not start; the log tells why.")
            finally:
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
            if not self._comes_up(worker):
                _logger.error("Reload given up, the workers not yet replaced go on.")
                self._retire([worker])
                return
            self._workers[number] = worker
            self._retire([old])
        _logger.info("All workers are replaced.")

    def _start(self, number: int) -> _Worker:
        ready, sender = multiprocessing.Pipe(duplex=False)
        with sender:
            process = self._granian.new_process(
                number, self._listeners[number], partial(_load, self._target, sender)
            )
            process.start()
        _logger.info("Worker %d starts with PID %s.", number + 1, process.pid)
        return _Worker(process, ready)

    def _comes_up(self, worker: _Worker) -> bool:
        """Wait until the worker serves; False if it died or the server is to stop."""
        with worker.ready:
            while worker.process.is_alive() and not _stop_asked():
                if worker.ready.poll(0.1):
                    worker.process.join(_SETTLE_SECONDS)
                    return worker.process.is_alive()
        return False

    def _retire(self, workers: Sequence[_Worker]) -> None:
        deadline = time.monotonic() + self._options.shutdown_timeout
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join(max(deadline - time.monotonic(), 0.01))
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
                header_read_timeout=int(options.header_timeout * 1000),
                max_buffer_size=options.max_header_bytes,
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
        self._shd = SocketHolder(listener.fileno(), uds=False, backlog=self.backlog)
        worker = self._spawn_worker(number, self._spawn_wsgi_worker, load)  # type: ignore[call-arg]
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


def _load(target: str, ready: Connection) -> Callable[..., Any]:
    """Get the application in a new worker, and the process into a state fit for it."""
    # Out of the terminal's reach: the main process alone tells workers to stop. Granian hangs when
    # it is told more than twice.
    os.setpgid(0, 0)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    # Granian puts the environment into each WSGI environ, where these would pass for headers.
    for name in [n for n in os.environ if n.startswith(("HTTP_", "CONTENT_", "REMOTE_", "AUTH_"))]:
        del os.environ[name]
    module, _, function = target.partition(":")
    application: Callable[..., Any] = getattr(importlib.import_module(module), function)()
    ready.send(None)
    return application


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
