"""A TCP proxy of ours between a server and what it talks to, which can be slow, silent or gone."""

import socket
import threading
import time
from contextlib import suppress
from typing import Self

from tests.support.network import LOOPBACK, free_port

_CHUNK = 64 * 1024


class Proxy:
    """Carries octets to and from a port of this machine; a ``with`` block opens and closes it.

    Args:
        target: the port it leads to.

    Attributes:
        port: where it listens.
        delay: seconds each piece of octets is held up, in both directions.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.delay = 0.0
        self._target = target
        self._flowing = threading.Event()
        self._flowing.set()
        self._listener = socket.create_server((LOOPBACK, self.port), backlog=128)
        self._ends: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._flowing.set()
        self.cut()

    def lead_to(self, target: int) -> None:
        """Lead to another port from now on; what is connected to the old one is cut off."""
        self._target = target
        self.cut()

    def swallow(self) -> None:
        """Carry nothing any more, and keep every connection: the other side has gone silent."""
        self._flowing.clear()

    def carry(self) -> None:
        """Go on after ``swallow()``, with what has come meanwhile."""
        self._flowing.set()

    def cut(self) -> None:
        """End every connection there is."""
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=[near], daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        self._flowing.wait()
        with near:
            try:
                far = socket.create_connection((LOOPBACK, self._target))
            except OSError:
                return
            with far:
                self._ends += [near, far]
                back = threading.Thread(target=self._pump, args=[far, near], daemon=True)
                back.start()
                self._pump(near, far)
                back.join()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while octets := source.recv(_CHUNK):
                time.sleep(self.delay)
                self._flowing.wait()
                sink.sendall(octets)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
