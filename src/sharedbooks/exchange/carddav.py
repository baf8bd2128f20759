"""Address books of another CardDAV server: found by discovery, their cards read in pages."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urljoin, urlsplit
from xml.sax.saxutils import escape

from sharedbooks.errors import (
    CardTooLarge,
    InvalidCard,
    InvalidName,
    InvalidSource,
    UnsupportedCard,
)
from sharedbooks.exchange.http import Answer, HttpClient
from sharedbooks.exchange.multistatus import CARDDAV, DAV, Resource, read_multistatus
from sharedbooks.exchange.records import BadRecord, Place, Record
from sharedbooks.exchange.vcf import read_card
from sharedbooks.identifiers import parse_card_name, parse_resource_name

_PAGE = 100
"""Cards asked for at once."""

_XML = {"Content-Type": "application/xml; charset=utf-8"}
_WELL_KNOWN = "/.well-known/carddav"
_NAMESPACES = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"'
_WHO = "<D:resourcetype/><D:current-user-principal/><C:addressbook-home-set/>"
_WHAT = "<D:resourcetype/><D:displayname/><C:addressbook-description/>"


@dataclass(frozen=True, slots=True)
class RemoteBook:
    """An address book of another server.

    Attributes:
        url: where it is.
        name: the last part of its path.
        display_name: what people call it; may be empty.
        description: what it is for; may be empty.
    """

    url: str
    name: str
    display_name: str
    description: str


def find_books(client: HttpClient, url: str) -> list[RemoteBook]:
    """Return the address books that a login sees (RFC 6764, section 6; RFC 6352, section 7).

    Args:
        client: the server.
        url: its root, a principal, a home, or one book.

    Raises:
        InvalidSource: there is no CardDAV there, or no login.
    """
    here = _look(client, url, _WHO + _WHAT, "0", url)
    if here is None:
        raise InvalidSource(f"There is no CardDAV server at {url}.")
    at, resource = here
    if resource.is_kind(f"{CARDDAV}addressbook"):
        return [_book(at, resource)]
    homes = resource.hrefs(f"{CARDDAV}addressbook-home-set")
    for principal in [] if homes else resource.hrefs(f"{DAV}current-user-principal"):
        found = _look(client, urljoin(at, principal), _WHO, "0", None)
        if found is not None:
            at = found[0]
            homes += found[1].hrefs(f"{CARDDAV}addressbook-home-set")
    books: dict[str, RemoteBook] = {}
    for home in homes or [at]:
        for href, each in _listing(client, urljoin(at, home), _WHAT):
            if each.is_kind(f"{CARDDAV}addressbook"):
                books.setdefault(href, _book(href, each))
    return list(books.values())


def _look(
    client: HttpClient, url: str, props: str, depth: str, fallback: str | None
) -> tuple[str, Resource] | None:
    """Return what a server says of one address, after where it really is; None if nothing.

    With a ``fallback`` that has no path, the well-known address is tried first.
    """
    candidates = [url]
    if fallback is not None and urlsplit(fallback).path in {"", "/"}:
        candidates = [urljoin(url, _WELL_KNOWN), urljoin(url, "/")]
    for candidate in candidates:
        answer = _propfind(client, candidate, props, depth)
        if answer.status == 207:
            resource = next(read_multistatus(answer.body), None)
            if resource is not None and resource.status < 400:
                return answer.url, resource
    return None


def _propfind(client: HttpClient, url: str, props: str, depth: str) -> Answer:
    body = f'<?xml version="1.0"?><D:propfind {_NAMESPACES}><D:prop>{props}</D:prop></D:propfind>'
    return client.ask("PROPFIND", url, body.encode(), {**_XML, "Depth": depth})


def _listing(client: HttpClient, url: str, props: str) -> Iterator[tuple[str, Resource]]:
    answer = _propfind(client, url, props, "1")
    if answer.status != 207:
        raise InvalidSource(f"The server does not list {url}: it answers {answer.status}.")
    for resource in read_multistatus(answer.body):
        if resource.status < 400:
            yield urljoin(answer.url, resource.href), resource


def _book(url: str, resource: Resource) -> RemoteBook:
    try:
        name = parse_resource_name(unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2]))
    except InvalidName:
        name = "contacts"
    return RemoteBook(
        url,
        name,
        resource.text(f"{DAV}displayname"),
        resource.text(f"{CARDDAV}addressbook-description"),
    )


def read_book(
    client: HttpClient, book: RemoteBook, *, max_card_size: int, found: Callable[[int], None]
) -> Iterator[Record | BadRecord]:
    """Yield the cards of an address book, with the names they have there.

    Args:
        client: the server.
        book: the book.
        max_card_size: largest card that is kept, in octets.
        found: called once with how many cards there are.

    Raises:
        InvalidSource: the server does not answer as a CardDAV server does.
    """
    hrefs = [
        href
        for href, resource in _listing(client, book.url, "<D:resourcetype/><D:getetag/>")
        if not resource.is_kind(f"{DAV}collection") and not href.endswith("/")
    ]
    found(len(hrefs))
    for start in range(0, len(hrefs), _PAGE):
        page = hrefs[start : start + _PAGE]
        cards = _multiget(client, book, page)
        for href in page:
            octets = cards.pop(href, None)
            if octets is None:
                octets = _get(client, href)
            yield _record(href, octets, max_card_size)


def _multiget(client: HttpClient, book: RemoteBook, hrefs: Sequence[str]) -> dict[str, bytes]:
    """Return what one report tells of those cards; nothing if the server does not know it."""
    listed = "".join(f"<D:href>{escape(urlsplit(href).path)}</D:href>" for href in hrefs)
    body = (
        f'<?xml version="1.0"?><C:addressbook-multiget {_NAMESPACES}>'
        f"<D:prop><C:address-data/></D:prop>{listed}</C:addressbook-multiget>"
    )
    answer = client.ask("REPORT", book.url, body.encode(), {**_XML, "Depth": "1"})
    if answer.status != 207:
        return {}
    cards = {}
    for resource in read_multistatus(answer.body):
        data = resource.found.get(f"{CARDDAV}address-data")
        if data is not None and data.text:
            # XML knows one line end only; vCard another.
            text = data.text.replace("\r\n", "\n").lstrip("\n").replace("\n", "\r\n")
            cards[urljoin(answer.url, resource.href)] = text.encode()
    return cards


def _get(client: HttpClient, href: str) -> bytes | None:
    answer = client.ask("GET", href)
    return answer.body.read() if answer.status == 200 else None


def _record(href: str, octets: bytes | None, max_card_size: int) -> Record | BadRecord:
    raw_name = unquote(urlsplit(href).path.rpartition("/")[2])
    place = Place("resource", raw_name)
    if octets is None:
        return BadRecord(place, "The server does not hand the card out.")
    try:
        name: str | None = parse_card_name(raw_name)
    except InvalidName:
        name = None
    try:
        return read_card(octets, place, max_card_size=max_card_size, resource_name=name)
    except (InvalidCard, CardTooLarge, UnsupportedCard) as error:
        return BadRecord(place, str(error), (octets[:2000].decode("utf-8", "replace"),))
