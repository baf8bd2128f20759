"""The end of a service manager: what a server tells it."""

import socket
import threading
import time
from contextlib import suppress
from typing import Self

from tests.support.network import wait_for


class Manager:
    """A datagram socket as systemd has one for each service, and what arrived there.

    Args:
        address: path of the socket, or ``@name`` of an abstract one.
    """

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._messages: list[list[str]] = []
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # a datagram socket is not connected, but wakes up
            self._socket.shutdown(socket.SHUT_RD)
        self._listener.join()
        self._socket.close()

    def _listen(self) -> None:
        while message := self._socket.recv(8192):
            self._messages.append(message.decode().splitlines())

    def wait_for(self, assignment: str, seconds: float = 60) -> dict[str, str]:
        """Return the first message that has ``assignment``, and forget it and those before it.

        Raises:
            AssertionError: it did not come in time.
        """
        index = wait_for(lambda: self._position(assignment) + 1, seconds, assignment) - 1
        message = self._messages[index]
        del self._messages[: index + 1]
        return dict(line.split("=", 1) for line in message)

    def seen(self, assignment: str) -> int:
        """Return how many messages with ``assignment`` are not forgotten."""
        return sum(assignment in message for message in self._messages)

    def count(self, assignment: str, seconds: float) -> int:
        """Forget everything, and return how many with ``assignment`` come within that time."""
        self.forget()
        time.sleep(seconds)
        return self.seen(assignment)

    def forget(self) -> None:
        """Forget what has come."""
        self._messages.clear()

    def _position(self, assignment: str) -> int:
        found = (n for n, message in enumerate(self._messages) if assignment in message)
        return next(found, -1)
