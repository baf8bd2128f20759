"""Watching the workers: signs of life go to the service manager only while all of them answer.

What is watched is our own loop and never the database: a worker all of whose threads wait for one
is well. Two things tell:

* A thread of each worker beats: the process runs, and Python in it.
* Now and then somebody knocks at the port with what is no request. The HTTP loop turns it away by
  itself, with no thread of the application; which worker gets a knock, the kernel decides, so that
  a silent one is found after a few.
"""

import contextlib
import logging
import mmap
import select
import socket
import struct
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from sharedbooks.serving.notify import Notifier

_logger = logging.getLogger(__name__)

_BEAT_SECONDS = 1.0
# Silent ones are kept as evidence; more of them prove nothing more.
_MOST_KNOCKS = 8
_NO_REQUEST = b"are you there?\r\n\r\n"
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not listened on


class Heartbeat:
    """The last sign of life of a worker, in memory that it shares with the main process."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)

    @property
    def age(self) -> float:
        """Seconds since the last beat; 0 before the first one."""
        (beaten,) = struct.unpack_from("d", self._memory)
        return float(time.monotonic() - beaten) if beaten else 0.0

    def go_on(self) -> None:
        """Beat from now on, from a thread of this process that ends with it."""
        threading.Thread(target=self._beat_always, daemon=True).start()

    def _beat_always(self) -> None:
        while True:
            self._beat()
            time.sleep(_BEAT_SECONDS)

    def _beat(self) -> None:
        struct.pack_into("d", self._memory, 0, time.monotonic())


class Knocks:
    """Connections to the server's own port that wait for its loop to turn them away.

    Args:
        listener: a socket of the port.
    """

    def __init__(self, listener: socket.socket) -> None:
        host, port = listener.getsockname()[:2]
        self._family = listener.family
        self._address = (_EVERY_ADDRESS.get(host, host), port)
        self._waiting: dict[socket.socket, float] = {}
        self._mute: set[socket.socket] = set()

    @property
    def longest_wait(self) -> float:
        """Seconds that the oldest knock not yet heard has waited."""
        return time.monotonic() - min(self._waiting.values(), default=time.monotonic())

    def hear(self) -> None:
        """Let go of the knocks that were answered, or could not even be made."""
        heard, connected, _ = select.select(self._waiting, self._mute, [], 0)
        for link in connected:
            self._speak(link)
        for link in heard:
            del self._waiting[link]
            self._mute.discard(link)
            link.close()

    def knock(self) -> None:
        """Knock once more, without waiting for an answer."""
        if len(self._waiting) >= _MOST_KNOCKS:
            return
        link = socket.socket(self._family, socket.SOCK_STREAM)
        link.settimeout(0)
        with contextlib.suppress(OSError):
            link.connect(self._address)
        self._waiting[link] = time.monotonic()
        self._speak(link)

    def _speak(self, link: socket.socket) -> None:
        self._mute.add(link)
        with contextlib.suppress(OSError):
            link.send(_NO_REQUEST)
            self._mute.discard(link)

    def forget(self) -> None:
        """Give up all that wait."""
        for link in self._waiting:
            link.close()
        self._waiting.clear()
        self._mute.clear()


class Watchdog:
    """Gives the service manager signs of life while every worker gives them.

    Args:
        notifier: where to, and within which time; a silence of half of that is one too many.
        listener: a socket of the port.
        max_connections: connections with which a worker takes no more.
    """

    def __init__(self, notifier: Notifier, listener: socket.socket, max_connections: int) -> None:
        self._notifier = notifier
        self._knocks = Knocks(listener)
        self._max_connections = max_connections
        self._patience = (notifier.watchdog or 0) / 2
        self._next = 0.0
        self._complained = False

    def look(self, heartbeats: Mapping[int, Heartbeat]) -> None:
        """Look at the workers that serve, by process id, and give a sign of life if all are well.

        Nothing is done when it is too early for another one, or nobody wants to know.
        """
        if not self._is_time():
            return
        self._knocks.hear()
        silent = [pid for pid, heart in heartbeats.items() if heart.age > self._patience]
        # A worker with as many connections as it may have lets further ones wait, and is well.
        deaf = self._knocks.longest_wait > self._patience and not any(
            self._may_be_full(pid) for pid in heartbeats
        )
        if not silent and not deaf:
            self._notifier.alive()
        self._complain(silent, deaf=deaf)
        self._knocks.knock()

    def look_away(self, heartbeats: Mapping[int, Heartbeat]) -> None:
        """As `look`, while a worker is missing: whose door a knock is at, nobody can tell."""
        if not self._is_time():
            return
        self._knocks.forget()
        silent = [pid for pid, heart in heartbeats.items() if heart.age > self._patience]
        if not silent:
            self._notifier.alive()
        self._complain(silent, deaf=False)

    def forget(self) -> None:
        """Give up the knocks that wait."""
        self._knocks.forget()

    def _is_time(self) -> bool:
        now = time.monotonic()
        if self._notifier.watchdog is None or now < self._next:
            return False
        self._next = now + self._patience / 3
        return True

    def _may_be_full(self, pid: int) -> bool:
        try:
            return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()) >= self._max_connections
        except OSError:
            return False

    def _complain(self, silent: list[int], *, deaf: bool) -> None:
        if self._complained or not (silent or deaf):
            self._complained = bool(silent or deaf)
            return
        self._complained = True
        who = f"Workers {silent} give" if silent else "A worker's HTTP loop gives"
        _logger.error("%s no sign of life; the service manager is told so.", who)
