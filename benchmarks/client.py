"""A small HTTP/1.1 client for measuring: one connection, kept while the server keeps it.

It acknowledges every packet at once (``TCP_QUICKACK``): servers that write an answer in pieces
would otherwise show the kernel's delayed acknowledgements, 40 ms each.
"""

import asyncio
import base64
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

TIMEOUT = 120.0
"""Seconds after which an answer is given up."""

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_CLOSING = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)
_KEEPING = re.compile(rb"\r\nconnection:[ \t]*keep-alive", re.IGNORECASE)


class NoAnswer(Exception):
    """The server closed the connection, or did not answer in time."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens, and as whom it is asked."""

    port: int
    user: str = ""
    password: str = ""
    host: str = "127.0.0.1"

    @property
    def headers(self) -> str:
        """The header lines that every request to it has."""
        lines = f"Host: {self.host}:{self.port}\r\n"
        if self.user:
            token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            lines += f"Authorization: Basic {token}\r\n"
        return lines


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; ``head`` is its status line and header as they came."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of a header field."""
        pattern = rb"\r\n" + re.escape(name.encode()) + rb":[ \t]*([^\r]*)"
        found = re.search(pattern, self.head, re.IGNORECASE)
        return found[1].decode("latin-1").strip() if found else None


class _Wire(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self.closed = False
        self._buffer = bytearray()
        self._head: bytes | None = None
        self._body: list[bytes] = []
        self._need: int | None = None
        self._bare = False
        self._answer: asyncio.Future[Reply] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._socket: socket.socket = transport.get_extra_info("socket")

    def ask(self, request: bytes, *, bare: bool) -> asyncio.Future[Reply]:
        """Send a request; ``bare`` if its answer has no body whatever its header says."""
        self._head, self._body, self._need, self._bare = None, [], None, bare
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        self._buffer += data
        if self._head is None and not self._read_head():
            return
        if self._need is not None:
            if len(self._buffer) >= self._need:
                self._finish(bytes(self._buffer))
        elif _CHUNKED.search(self._head or b""):
            self._read_chunks()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self._answer is None or self._answer.done():
            return
        if self._head is not None and self._need is None and not _CHUNKED.search(self._head):
            self._finish(bytes(self._buffer))
        else:
            self._answer.set_exception(NoAnswer(f"connection closed: {exc}"))

    def _read_head(self) -> bool:
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end])
            del self._buffer[: end + 4]
            if head[9:10] == b"1":  # 100 Continue and its like
                continue
            self._head = head
            if self._bare or head[9:12] in {b"204", b"304"}:
                self._need = 0
            elif length := _LENGTH.search(head):
                self._need = int(length[1])
            return True
        return False

    def _read_chunks(self) -> None:
        start = 0
        while (end := self._buffer.find(b"\r\n", start)) >= 0:
            size = int(self._buffer[start:end].split(b";")[0], 16)
            after = end + 2 + size
            if len(self._buffer) < after + 2:
                break
            if size == 0:
                self._finish(b"".join(self._body))
                return
            self._body.append(bytes(self._buffer[end + 2 : after]))
            start = after + 2
        del self._buffer[:start]

    def _finish(self, body: bytes) -> None:
        head = self._head or b""
        self._buffer.clear()
        kept = b"HTTP/1.1" in head[:8] and not _CLOSING.search(head)
        if not kept and not _KEEPING.search(head):
            self.closed = True
            self.transport.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Reply(int(head[9:12]), head, body))


class Client:
    """A phone: it connects when it must."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._wire: _Wire | None = None

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send a request and return the answer.

        Raises:
            NoAnswer: the connection ended, or ``TIMEOUT`` passed.
        """
        lines = [f"{method} {path} HTTP/1.1\r\n{self._address.headers}"]
        lines += [f"{name}: {value}\r\n" for name, value in (headers or {}).items()]
        if body or method not in {"GET", "DELETE", "OPTIONS"}:
            lines.append(f"Content-Length: {len(body)}\r\n")
        request = "".join([*lines, "\r\n"]).encode() + body
        try:
            async with asyncio.timeout(TIMEOUT):
                wire = await self._connected()
                return await wire.ask(request, bare=method == "HEAD")
        except (TimeoutError, OSError) as error:
            raise NoAnswer(f"{method} {path}: {error!r}") from error
        except NoAnswer as error:
            raise NoAnswer(f"{method} {path}: {error}") from None

    async def connect(self) -> None:
        """Connect without asking for anything."""
        await self._connected()

    @property
    def connected(self) -> bool:
        """Whether there is a connection that the next request would go over."""
        return self._wire is not None and not self._wire.closed

    def close(self) -> None:
        """End the connection; the next request makes another."""
        if self._wire is not None and not self._wire.closed:
            self._wire.transport.close()
        self._wire = None

    async def _connected(self) -> _Wire:
        if self._wire is None or self._wire.closed:
            loop = asyncio.get_running_loop()
            address = self._address
            _, self._wire = await loop.create_connection(_Wire, address.host, address.port)
        return self._wire
