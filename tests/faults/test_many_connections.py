"""Phones that keep their connections open take none away from those that come."""

import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.http.client import Client
from tests.support.network import LOOPBACK
from tests.support.process import RunningServer

HELD = 640
_ENDED_AFTER = 30
"""Seconds after which the server ends a connection that idles."""


@pytest.mark.databases("sqlite")
def test_a_newcomer_is_served_while_hundreds_of_connections_idle(
    tmp_path: Path, database_url: str
) -> None:
    with RunningServer(tmp_path, database_url) as server, ExitStack() as stack:
        for _ in range(HELD):
            phone = stack.enter_context(socket.create_connection((LOOPBACK, server.port)))
            phone.sendall(b"OPTIONS / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        start = time.monotonic()
        newcomer = stack.enter_context(Client(server.port))
        assert newcomer.request("OPTIONS", "/").status == 200
        assert time.monotonic() - start < _ENDED_AFTER / 2
