"""One HTTP response, and what every response carries."""

import errno
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import responses
from tempfile import TemporaryFile
from typing import IO

from sharedbooks.errors import StoreFull

DAV_CLASSES = "1, 3, access-control, extended-mkcol, addressbook"
"""What the server can do, for the ``DAV`` header (RFC 4918, 10.1; no ``calendar-access``)."""

METHODS = "OPTIONS, GET, HEAD, PUT, POST, DELETE, COPY, MOVE, MKCOL, PROPFIND, PROPPATCH, REPORT"
"""Every method that some resource knows, for the ``Allow`` header."""


NAMESPACES = (
    'xmlns:D="DAV:" xmlns:CARD="urn:ietf:params:xml:ns:carddav"'
    ' xmlns:CS="http://calendarserver.org/ns/"'
)
"""Declarations for the root element of every XML answer."""

_ON_ALL = (
    ("DAV", DAV_CLASSES),
    # What members write is no page of this server, whatever a browser thinks it looks like.
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)

_MULTISTATUS = f'<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus {NAMESPACES}>'.encode()

_IN_MEMORY = 4 * 1024 * 1024
"""Octets of an answer that are kept in memory; a longer one goes to a temporary file.

So a whole book costs no memory, its length is known before the first octet is sent, and a slow
phone holds no database session.
"""
_CHUNK = 256 * 1024
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class Response:
    """Status, headers and body.

    Attributes:
        length: octets of the body where it is left out (HEAD), else None.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: "bytes | StoredBody" = b""
    length: int | None = None

    @property
    def status_line(self) -> str:
        """The status with its phrase, as WSGI wants it."""
        return f"{self.status} {responses.get(self.status, 'Unknown')}"

    def wsgi_headers(self) -> list[tuple[str, str]]:
        """The headers as WSGI wants them."""
        sent = [*_ON_ALL, *self.headers.items()]
        if self.status not in {204, 304}:
            length = len(self.body) if self.length is None else self.length
            sent.append(("Content-Length", str(length)))
        return sent

    def wsgi_body(self) -> Iterable[bytes]:
        """The body as WSGI wants it."""
        return [self.body] if isinstance(self.body, bytes) else self.body


class StoredBody:
    """A long body in a temporary file, read as it is sent; to be iterated once."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._length = file.tell()
        file.seek(0)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        with self._file:
            while chunk := self._file.read(_CHUNK):
                yield chunk

    def close(self) -> None:
        """Let the file go; WSGI calls this when the client has left early."""
        self._file.close()


def collect(parts: Iterable[bytes]) -> bytes | StoredBody:
    """Return ``parts`` as one body, in a file if they are long together."""
    kept: list[bytes] = []
    size = 0
    pending = iter(parts)
    for part in pending:
        kept.append(part)
        size += len(part)
        if size > _IN_MEMORY:
            return _store(kept, pending)
    return b"".join(kept)


def _store(kept: list[bytes], pending: Iterator[bytes]) -> StoredBody:
    """Return what is there and what comes as a file.

    Raises:
        StoreFull: there is no room for it.
    """
    try:
        return _write(kept, pending)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise StoreFull("There is no room for the temporary file of a long answer.") from error


def _write(kept: list[bytes], pending: Iterator[bytes]) -> StoredBody:
    file = TemporaryFile(buffering=_CHUNK)  # noqa: SIM115 - closed when it is sent
    try:
        file.writelines(kept)
        kept.clear()
        file.writelines(pending)
        return StoredBody(file)
    except BaseException:
        with suppress(OSError):
            file.close()
        raise


def multistatus(parts: Iterable[str | bytes], headers: Mapping[str, str] | None = None) -> Response:
    """Return a 207 with the ``response`` elements in ``parts``, text or UTF-8 (RFC 4918, 13)."""
    sent = {"Content-Type": "application/xml; charset=utf-8", **(headers or {})}
    return Response(207, sent, collect(_document(parts)))


def _document(parts: Iterable[str | bytes]) -> Iterator[bytes]:
    yield _MULTISTATUS
    for part in parts:
        yield part if isinstance(part, bytes) else part.encode()
    yield b"</D:multistatus>\n"


def xml_response(status: int, body: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response whose body is that XML document."""
    sent = {"Content-Type": "application/xml; charset=utf-8", **(headers or {})}
    return Response(status, sent, body.encode())


def text_response(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response with one sentence for people."""
    sent = {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}
    return Response(status, sent, f"{text}\n".encode())
