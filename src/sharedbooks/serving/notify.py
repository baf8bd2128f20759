"""Telling the service manager how the server is, in the protocol of sd_notify(3)."""

import logging
import os
import socket
import time
from collections.abc import MutableMapping

_logger = logging.getLogger(__name__)

# The manager reads at once; when it does not, the server has better things to do than to wait.
_SEND_SECONDS = 1.0


class Notifier:
    """Sends the state of this process to whoever started it, if they want to know.

    Attributes:
        watchdog: seconds within which the manager expects each sign of life; None if it expects
            none.
    """

    def __init__(self, address: str | None, watchdog: float | None = None) -> None:
        """Make one that sends to a datagram socket.

        Args:
            address: path of the socket, or ``@name`` of an abstract one; None sends nothing.
            watchdog: see the attribute.
        """
        self._address = address
        self.watchdog = watchdog if address else None

    @classmethod
    def take_from(cls, environ: MutableMapping[str, str]) -> "Notifier":
        """Make one from the variables the manager set, and remove them: they are for this process.

        ``WATCHDOG_PID`` is the process that is watched; for another one there is no watchdog.
        """
        address = environ.pop("NOTIFY_SOCKET", None)
        microseconds = environ.pop("WATCHDOG_USEC", "")
        watched = environ.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        expects = watched and microseconds.isdecimal() and int(microseconds) > 0
        return cls(address, int(microseconds) / 1e6 if expects else None)

    def ready(self, status: str) -> None:
        """Say that the server serves, after its start or a reload."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Say that a reload has begun; `ready` ends it."""
        microseconds = time.monotonic_ns() // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={microseconds}", "STATUS=Replacing the workers")

    def stopping(self) -> None:
        """Say that the server ends."""
        self._send("STOPPING=1", "STATUS=Finishing the last requests")

    def alive(self) -> None:
        """Give a sign of life."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Give one line for people."""
        self._send(f"STATUS={text}")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        # An abstract socket has a NUL where @ is written.
        place = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
                link.settimeout(_SEND_SECONDS)
                link.sendto("\n".join(lines).encode(), place)
        except OSError as error:
            _logger.warning("The service manager could not be told %s: %s.", lines[0], error)
