"""The main process: starts, replaces and stops the workers."""

import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import NamedTuple

from sharedbooks.errors import ConfigProblem, ServerFailed
from sharedbooks.serving.listening import check_tls_files, listening
from sharedbooks.serving.memory import share_arenas
from sharedbooks.serving.notify import Notifier
from sharedbooks.serving.options import ServeOptions
from sharedbooks.serving.watchdog import Heartbeat, Watchdog
from sharedbooks.serving.worker import LEAVE, SUPERVISOR_SIGNALS, Granian

_logger = logging.getLogger(__name__)

_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
# For requests already on their way over connections that Granian would close at once.
_LINGER_SECONDS = 1.0
# A worker opens its TLS files after it has loaded the application; so long it is on probation.
_SETTLE_SECONDS = 0.2
# More losses of running workers than this within the window are not bad luck.
_MOST_LOSSES = 5
_LOSS_WINDOW_SECONDS = 60.0
# Between two looks at the workers.
_PULSE_SECONDS = 0.5


class _Worker(NamedTuple):
    process: BaseProcess
    ready: Connection
    heart: Heartbeat


def serve(target: str, options: ServeOptions, on_ready: Callable[[], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT, from the main thread.

    On these, clients are refused from now on and every request on a connection already accepted
    is answered; this takes a second at least. SIGHUP replaces the workers one after another: each
    new one loads the application and the TLS files afresh, and the old one leaves once it is
    ready. A reload that fails leaves the old workers running. A worker that dies is replaced.

    A service manager that set ``NOTIFY_SOCKET`` is told when the server is ready, reloads and
    stops; with ``WATCHDOG_USEC`` it also gets signs of life, as long as all workers give them.

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
    share_arenas()
    check_tls_files(options)
    notifier = Notifier.take_from(os.environ)
    with listening(options) as listeners:
        _Supervisor(target, options, listeners, notifier).run(on_ready or (lambda: None))


class _Supervisor:
    """Starts, replaces and stops the worker processes.

    The signals stay blocked and are fetched one at a time, so that none is missed or comes in
    between; a worker's death is one of them.
    """

    def __init__(
        self,
        target: str,
        options: ServeOptions,
        listeners: Sequence[socket.socket],
        notifier: Notifier,
    ) -> None:
        self._target = target
        self._options = options
        self._listeners = listeners
        self._notifier = notifier
        self._watchdog = Watchdog(notifier, listeners[0], options.max_connections)
        self._granian = Granian(options)
        self._workers: list[_Worker] = []
        self._losses: deque[float] = deque(maxlen=_MOST_LOSSES + 1)

    def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until told to stop; see `serve`."""
        with _signals_held():
            try:
                self._workers = [self._start(number) for number in range(self._options.workers)]
                if all(self._comes_up(worker, _SETTLE_SECONDS) for worker in self._workers):
                    on_ready()
                    self._notifier.ready(self._status())
                    self._watch()
                elif not _stop_asked():
                    raise ServerFailed("A worker process could not start; the log tells why.")
            finally:
                self._notifier.stopping()
                # Each worker now has the last handle of its socket: clients are refused as soon as
                # it has taken in those that wait.
                for listener in self._listeners:
                    listener.close()
                self._retire(self._workers)

    def _watch(self) -> None:
        while (received := self._next_signal()) not in _STOP_SIGNALS:
            if received == signal.SIGHUP:
                self._notifier.reloading()
                done = self._reload()
                self._notifier.ready(self._status("" if done else "; the last reload failed"))
            self._replace_dead()

    def _next_signal(self) -> int:
        while True:
            received = signal.sigtimedwait(SUPERVISOR_SIGNALS, _PULSE_SECONDS)
            if received is not None:
                return received.si_signo
            self._watchdog.look(self._hearts())

    def _hearts(self) -> dict[int, Heartbeat]:
        """The heartbeats of the workers that serve, by process id."""
        return {
            worker.process.pid: worker.heart
            for worker in self._workers
            if worker.process.pid is not None and worker.process.is_alive()
        }

    def _status(self, remark: str = "") -> str:
        port = self._listeners[0].getsockname()[1]
        return f"{len(self._workers)} workers serve port {port}{remark}"

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

    def _reload(self) -> bool:
        """Replace the workers; return False if some of them could not be."""
        try:
            check_tls_files(self._options)
        except ConfigProblem as problem:
            _logger.error("Reload given up, the workers go on: %s", problem)  # noqa: TRY400
            return False
        for number, old in enumerate(self._workers):
            worker = self._start(number)
            if not self._comes_up(worker, _SETTLE_SECONDS):
                _logger.error("Reload given up, the workers not yet replaced go on.")
                self._retire([worker])
                return False
            self._workers[number] = worker
            self._retire([old])
        _logger.info("All workers are replaced.")
        return True

    def _start(self, number: int) -> _Worker:
        ready, sender = multiprocessing.Pipe(duplex=False)
        heart = Heartbeat()
        # The new process would keep the connections open.
        self._watchdog.forget()
        with sender:
            process = self._granian.new_process(
                number, self._target, self._listeners, sender, heart
            )
            process.start()
        _logger.info("Worker %d starts with PID %s.", number + 1, process.pid)
        return _Worker(process, ready, heart)

    def _comes_up(self, worker: _Worker, probation: float = 0) -> bool:
        """Wait until the worker is ready; False if it died first or the server is to stop."""
        with worker.ready:
            while not _stop_asked():
                self._watchdog.look_away(self._hearts())
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
                os.kill(worker.process.pid, LEAVE)
        linger_end = time.monotonic() + _LINGER_SECONDS
        for worker in workers:
            self._wait_for(worker, linger_end)
            worker.process.terminate()
        for worker in workers:
            self._wait_for(worker, deadline)
            if worker.process.is_alive():
                _logger.warning("Worker with PID %s did not finish in time.", worker.process.pid)
                worker.process.kill()
                worker.process.join()

    def _wait_for(self, worker: _Worker, deadline: float) -> None:
        """Wait until the worker has ended or ``deadline`` has passed."""
        while worker.process.is_alive() and (left := deadline - time.monotonic()) > 0:
            self._watchdog.look_away(self._hearts())
            worker.process.join(min(left, _PULSE_SECONDS))


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SUPERVISOR_SIGNALS)
    try:
        yield
    finally:
        while signal.sigpending() & SUPERVISOR_SIGNALS:
            signal.sigwait(SUPERVISOR_SIGNALS)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop_asked() -> bool:
    return bool(signal.sigpending() & _STOP_SIGNALS)
