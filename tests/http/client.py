"""A small CardDAV client: requests as they go over the wire, and answers taken apart."""

import base64
import gzip
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from http.client import HTTPConnection, HTTPMessage
from typing import Self

from tests.support.network import LOOPBACK

NAMESPACES = {
    "D": "DAV:",
    "CARD": "urn:ietf:params:xml:ns:carddav",
    "CS": "http://calendarserver.org/ns/",
    "X": "http://example.org/ns/",
}
"""Prefixes in which tests write the names of elements: ``D:getetag``."""

_DECLARATIONS = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
_SHORT = {uri: prefix for prefix, uri in NAMESPACES.items()}


def short(tag: str) -> str:
    """Return a Clark name with one of the prefixes above."""
    uri, _, local = tag.removeprefix("{").rpartition("}")
    return f"{_SHORT[uri]}:{local}" if uri in _SHORT else tag


def document(name: str, content: str = "") -> str:
    """Return an XML document whose root declares the prefixes above."""
    return f'<?xml version="1.0" encoding="utf-8"?><{name} {_DECLARATIONS}>{content}</{name}>'


def prop(*names: str) -> str:
    """Return a ``prop`` element that asks for ``names``."""
    return f"<D:prop>{''.join(f'<{name}/>' for name in names)}</D:prop>"


@dataclass
class Resource:
    """One ``response`` of a multistatus.

    Attributes:
        status: of the whole resource, where it has one; else None.
        props: the properties answered with 200.
        statuses: the status of every property answered.
        first_status: the first status line in the response, as Thunderbird reads it.
        error: names of the conditions in ``error`` elements.
    """

    status: int | None = None
    props: dict[str, ET.Element] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    first_status: str = ""
    error: list[str] = field(default_factory=list)

    def text(self, name: str) -> str:
        """The text of a property."""
        return self.props[name].text or ""

    def children(self, name: str) -> list[str]:
        """The names of a property's child elements."""
        return [short(child.tag) for child in self.props[name]]

    def hrefs(self, name: str) -> list[str]:
        """The text of every ``href`` in a property."""
        return [node.text or "" for node in self.props[name].iter("{DAV:}href")]

    @property
    def privileges(self) -> set[str]:
        """The privileges in ``current-user-privilege-set``."""
        granted = self.props["D:current-user-privilege-set"]
        return {short(node[0].tag).removeprefix("D:") for node in granted}


class Answer:
    """A response: status, headers and body; XML bodies are parsed when they are looked at."""

    def __init__(self, status: int, headers: HTTPMessage, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def __repr__(self) -> str:
        return f"<{self.status} {self.headers.items()} {self.body[:2000]!r}>"

    def __getitem__(self, href: str) -> Resource:
        return self.resources[href]

    @property
    def etag(self) -> str | None:
        """The ``ETag`` header."""
        return self.headers["ETag"]

    @property
    def allow(self) -> set[str]:
        """The methods in the ``Allow`` header."""
        return {name.strip() for name in (self.headers["Allow"] or "").split(",")} - {""}

    @cached_property
    def xml(self) -> ET.Element:
        """The root element of the body."""
        assert (self.headers["Content-Type"] or "").startswith("application/xml"), self
        packed = self.headers.get("Content-Encoding") == "gzip"
        content = gzip.decompress(self.body) if packed else self.body
        return ET.fromstring(content)  # noqa: S314 - our own server's

    @cached_property
    def resources(self) -> dict[str, Resource]:
        """The resources of a multistatus by href, none of them told twice."""
        assert self.status == 207, self
        assert self.xml.tag == "{DAV:}multistatus"
        found: dict[str, Resource] = {}
        for node in self.xml.iterfind("{DAV:}response"):
            href = node.findtext("{DAV:}href") or ""
            assert href not in found, f"{href} is there twice"
            found[href] = _resource(node)
        return found

    @property
    def hrefs(self) -> list[str]:
        """The hrefs of a multistatus, in its order."""
        return list(self.resources)

    @property
    def sync_token(self) -> str:
        """The ``sync-token`` of a multistatus."""
        [node] = self.xml.iterfind("{DAV:}sync-token")
        return node.text or ""

    @property
    def conditions(self) -> list[str]:
        """The names of the conditions in an ``error`` document."""
        assert self.xml.tag == "{DAV:}error", self
        names = [short(child.tag) for child in self.xml]
        return [name for name in names if name != "D:responsedescription"]

    @property
    def missing_privileges(self) -> dict[str, set[str]]:
        """What a ``need-privileges`` condition asks for, by href."""
        [condition] = self.xml.iterfind("{DAV:}need-privileges")
        return {
            node.findtext("{DAV:}href") or "": {
                short(privilege[0].tag).removeprefix("D:")
                for privilege in node.iterfind("{DAV:}privilege")
            }
            for node in condition.iterfind("{DAV:}resource")
        }


def _resource(node: ET.Element) -> Resource:
    resource = Resource()
    first = next(node.iter("{DAV:}status"), None)
    resource.first_status = "" if first is None else first.text or ""
    whole = node.findtext("{DAV:}status")
    resource.status = None if whole is None else _code(whole)
    for propstat in node.iterfind("{DAV:}propstat"):
        status = _code(propstat.findtext("{DAV:}status") or "")
        for element in propstat.iterfind("{DAV:}prop/*"):
            name = short(element.tag)
            assert name not in resource.statuses, f"{name} is there twice"
            resource.statuses[name] = status
            if status == 200:
                resource.props[name] = element
    for error in node.iter("{DAV:}error"):
        resource.error += [short(child.tag) for child in error]
    return resource


def _code(status_line: str) -> int:
    version, code, *_ = status_line.split()
    assert version == "HTTP/1.1"
    return int(code)


class Client:
    """A device that talks to a server on loopback over one connection, kept open.

    Args:
        port: where the server listens.
        login: user name and password; None sends no credentials.
        headers: sent with every request, for instance a ``User-Agent``.
    """

    def __init__(
        self,
        port: int,
        login: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.port = port
        self.headers = dict(headers or {})
        if login is not None:
            self.headers["Authorization"] = basic(*login)
        self._connection = HTTPConnection(LOOPBACK, port, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def request(
        self,
        method: str,
        path: str,
        body: str | bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request; ``path`` goes onto the wire as it is."""
        octets = body.encode() if isinstance(body, str) else body
        sent = {**self.headers, **(headers or {})}
        self._connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in sent.items():
            self._connection.putheader(name, value)
        if octets or method in {"PUT", "POST"}:
            self._connection.putheader("Content-Length", str(len(octets)))
        self._connection.endheaders(octets or None)
        response = self._connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, headers=_named(headers))

    def put(self, path: str, card: str | bytes, **headers: str) -> Answer:
        """Store a card; header names are given in Python's spelling: ``if_match=…``."""
        named = {"Content-Type": "text/vcard; charset=utf-8", **_named(headers)}
        return self.request("PUT", path, card, named)

    def delete(self, path: str, **headers: str) -> Answer:
        return self.request("DELETE", path, headers=_named(headers))

    def mkcol(self, path: str, body: str = "") -> Answer:
        return self.request("MKCOL", path, body)

    def propfind(
        self, path: str, names: Sequence[str] = ("D:resourcetype",), depth: int = 0, **headers: str
    ) -> Answer:
        """Ask for properties by name."""
        body = document("D:propfind", prop(*names))
        return self.request("PROPFIND", path, body, {"Depth": str(depth), **_named(headers)})

    def find(self, path: str, *names: str) -> Resource:
        """Return the properties of one resource that is there."""
        resources = self.propfind(path, names).resources
        assert len(resources) == 1
        return next(iter(resources.values()))

    def proppatch(self, path: str, content: str) -> Answer:
        """Send ``set`` and ``remove`` elements."""
        return self.request("PROPPATCH", path, document("D:propertyupdate", content))

    def set_property(self, path: str, element: str) -> Answer:
        """Set one property."""
        return self.proppatch(path, f"<D:set><D:prop>{element}</D:prop></D:set>")

    def report(self, path: str, body: str, **headers: str) -> Answer:
        return self.request("REPORT", path, body, _named(headers))

    def sync(
        self,
        path: str,
        token: str = "",
        names: Sequence[str] = ("D:getetag",),
        limit: int | None = None,
        **headers: str,
    ) -> Answer:
        """Ask for the changes of a book since ``token``."""
        limited = "" if limit is None else f"<D:limit><D:nresults>{limit}</D:nresults></D:limit>"
        content = f"<D:sync-token>{token}</D:sync-token><D:sync-level>1</D:sync-level>{limited}"
        return self.report(path, document("D:sync-collection", content + prop(*names)), **headers)

    def multiget(
        self,
        path: str,
        hrefs: Sequence[str],
        names: Sequence[str] = ("D:getetag", "CARD:address-data"),
        **headers: str,
    ) -> Answer:
        """Ask for cards by href."""
        asked = "".join(f"<D:href>{href}</D:href>" for href in hrefs)
        body = document("CARD:addressbook-multiget", prop(*names) + asked)
        return self.report(path, body, **headers)


def basic(name: str, password: str) -> str:
    """Return the value of an ``Authorization`` header (RFC 7617, in UTF-8)."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-").title(): value for name, value in headers.items()}
