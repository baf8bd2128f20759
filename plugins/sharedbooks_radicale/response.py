"""One HTTP response, and what every response carries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.client import responses

DAV_CLASSES = "1, 3, extended-mkcol, addressbook"
"""What the server can do, for the ``DAV`` header (RFC 4918, 10.1; no ``calendar-access``)."""

METHODS = "OPTIONS, GET, HEAD, PUT, DELETE, COPY, MOVE, MKCOL, PROPFIND, PROPPATCH, REPORT"
"""Every method that some resource knows, for the ``Allow`` header."""


NAMESPACES = (
    'xmlns:D="DAV:" xmlns:CARD="urn:ietf:params:xml:ns:carddav"'
    ' xmlns:CS="http://calendarserver.org/ns/"'
)
"""Declarations for the root element of every XML answer."""


@dataclass(frozen=True, slots=True)
class Response:
    """Status, headers and body; ``Content-Length`` is added when it is sent."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def status_line(self) -> str:
        """The status with its phrase, as WSGI wants it."""
        return f"{self.status} {responses.get(self.status, 'Unknown')}"

    def wsgi_headers(self) -> list[tuple[str, str]]:
        """The headers as WSGI wants them."""
        sent = [("DAV", DAV_CLASSES), *self.headers.items()]
        if self.status not in {204, 304}:
            sent.append(("Content-Length", str(len(self.body))))
        return sent


def multistatus(parts: Iterable[str], headers: Mapping[str, str] | None = None) -> Response:
    """Return a 207 with the ``response`` elements in ``parts`` (RFC 4918, 13)."""
    body = "".join(
        (
            f'<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus {NAMESPACES}>',
            *parts,
            "</D:multistatus>\n",
        )
    )
    return xml_response(207, body, headers)


def xml_response(status: int, body: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response whose body is that XML document."""
    sent = {"Content-Type": "application/xml; charset=utf-8", **(headers or {})}
    return Response(status, sent, body.encode())


def text_response(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response with one sentence for people."""
    sent = {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}
    return Response(status, sent, f"{text}\n".encode())
