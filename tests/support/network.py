"""Waiting for things to happen, and loopback ports and addresses nobody else has."""

import socket
import time
from collections.abc import Callable, Sequence
from random import SystemRandom
from typing import TypeVar

T = TypeVar("T")

LOOPBACK = "127.0.0.1"

_PAUSE = 0.01

# Below Linux's ephemeral ports, so that no outgoing connection takes the port between our look
# and the server's bind. SystemRandom, since pytest-randomly seeds the other one for every test.
_PORTS = range(20_000, 32_000)
_random = SystemRandom()
_given: set[int] = set()
_addresses: set[str] = set()


def free_port() -> int:
    """Return a loopback TCP port that nothing listens on, never the same one twice in a run."""
    while True:
        port = _random.choice(_PORTS)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def free_address(ports: Sequence[int]) -> str:
    """Return a loopback address on which nothing listens on any of ``ports``.

    For servers whose ports are fixed: they share them, each with an address of its own.
    """
    while True:
        address = f"127.{_random.randrange(1, 255)}.{_random.randrange(256)}.9"
        if address not in _addresses and all(_is_free(port, address) for port in ports):
            _addresses.add(address)
            return address


def _is_free(port: int, address: str = LOOPBACK) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def wait_for(predicate: Callable[[], T], timeout: float, what: str) -> T:
    """Call ``predicate`` until it returns something true, and return that.

    Args:
        predicate: asked again and again; an exception it raises ends the waiting.
        timeout: seconds until it is given up.
        what: what is waited for, for the sentence of the failure.

    Raises:
        AssertionError: it did not come true in time.
    """
    deadline = time.monotonic() + timeout
    while True:
        outcome = predicate()
        if outcome:
            return outcome
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s in vain for {what}")
        time.sleep(_PAUSE)
