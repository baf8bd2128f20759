"""A worker process: Granian with our application, and leaving without losing a request."""

import gc
import importlib
import multiprocessing
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from granian import net as granian_net
from granian.constants import HTTPModes, Interfaces, RuntimeModes, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from sharedbooks.serving.options import ServeOptions
from sharedbooks.serving.watchdog import Heartbeat

LEAVE = signal.SIGUSR1
"""Tells a worker to take no more connections; SIGTERM follows when it has lingered."""

SUPERVISOR_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
"""Blocked in the main process, which fetches them one at a time."""

_SocketHolder: Any = granian_net.SocketHolder  # type: ignore[attr-defined]
_Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
# For the header of the next request; an idle connection is kept as long.
_HEADER_TIMEOUT_MS = 30_000
_MAX_HEADER_BYTES = 64 * 1024
_GRANIAN_LOGS_THROUGH_ROOT: dict[str, Any] = {
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"handlers": [], "propagate": True}},
}


class Granian(MPServer):
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
        self,
        number: int,
        target: str,
        listeners: Sequence[socket.socket],
        ready: Connection,
        heart: Heartbeat,
    ) -> BaseProcess:
        """Prepare the worker of that number, which says through ``ready`` when it can serve.

        It serves what comes to the listener of its number with what ``target`` makes, and lets
        its heart beat from then on.
        """
        listener = listeners[number]
        siblings = [other for other in listeners if other is not listener]
        load = partial(_load, target, listener, siblings, ready, heart)
        self._sso = listener
        self._shd = _SocketHolder(listener.fileno(), uds=False, backlog=self.backlog)
        worker = self._spawn_worker(number, self._spawn_wsgi_worker, load)
        process: BaseProcess = worker.inner
        return process


def _load(
    target: str,
    listener: socket.socket,
    siblings: Sequence[socket.socket],
    ready: Connection,
    heart: Heartbeat,
) -> _Application:
    """Get the application in a new worker, and the process into a state fit for it."""
    for sibling in siblings:
        sibling.close()
    # Out of the terminal's reach: the main process alone tells workers to stop. Told repeatedly
    # while a request is in flight, Granian hangs.
    os.setpgid(0, 0)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SUPERVISOR_SIGNALS)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    # Granian puts the environment into each WSGI environ, where these would pass for headers.
    for name in [n for n in os.environ if n.startswith(("HTTP_", "CONTENT_", "REMOTE_", "AUTH_"))]:
        del os.environ[name]
    module, _, function = target.partition(":")
    application: _Application = getattr(importlib.import_module(module), function)()
    # All that was loaded stays; the collector need not look at it again with each long answer.
    gc.collect()
    gc.freeze()
    leaving = threading.Event()

    def leave(*_: object) -> None:
        _stop_accepting(listener)
        leaving.set()

    signal.signal(LEAVE, leave)
    heart.go_on()
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
