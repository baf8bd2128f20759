"""REPORT on a book: sync-collection (RFC 6578), multiget and query (RFC 6352, 8.6 and 8.7)."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from sqlalchemy import Connection

from sharedbooks.domain.cards import (
    Card,
    CardInfo,
    get_card_infos,
    get_cards,
    iterate_cards,
    list_cards,
)
from sharedbooks.domain.changes import changes_since
from sharedbooks.domain.homes import BookAccess, get_book
from sharedbooks.domain.search import search_cards
from sharedbooks_radicale.failures import BadRequest, Refused
from sharedbooks_radicale.protocol.call import BookPath, Call
from sharedbooks_radicale.protocol.hrefs import card_href, make_href, split_href
from sharedbooks_radicale.protocol.properties import CARD, PropertyTable, card_text
from sharedbooks_radicale.protocol.propstat import (
    PropertyRequest,
    gone_response,
    property_response,
)
from sharedbooks_radicale.protocol.query import read_filter, read_limit
from sharedbooks_radicale.protocol.xml import carddav, dav, text
from sharedbooks_radicale.response import Response, multistatus

_ADDRESS_DATA = carddav("address-data")


def _address_data(_view: object, card: tuple[BookAccess, CardInfo]) -> str | None:
    stored = card[1]
    return text(card_text(stored.content)) if isinstance(stored, Card) else None


_CARD_WITH_DATA = PropertyTable({**CARD.getters, _ADDRESS_DATA: _address_data}, CARD.in_allprop)


def report(connection: Connection, call: Call, root: ET.Element | None) -> Response:
    """Answer the report that ``root`` asks for.

    Raises:
        BadRequest: there is no body, or a part of it is missing.
        Refused: a report that this resource does not have.
        InvalidSyncToken: the token is none of this book.
        NotFound: there is no such book for this member.
    """
    if root is None:
        raise BadRequest("A REPORT has a body.")
    path = call.path()
    handler = _REPORTS.get(root.tag)
    if handler is None or not isinstance(path, BookPath):
        raise Refused("This report is not answered here.", element="<D:supported-report/>")
    access = get_book(connection, call.member.user.id, path.book)
    return multistatus(handler(connection, call, access, root))


def _sync_collection(
    connection: Connection, call: Call, access: BookAccess, root: ET.Element
) -> Iterator[str]:
    if (root.findtext(dav("sync-level")) or "1").strip() != "1":
        raise Refused("A book has one level.", element="<D:sync-traversal-supported/>")
    token = (root.findtext(dav("sync-token")) or "").strip()
    limit = read_limit(root, dav)
    wanted = _wanted(root, call)
    changes = changes_since(
        connection, access.book_id, access.sync_key, access.revision, token, limit
    )
    base = _book_href(call, access)
    names = [name for name, _ in changes.changed]
    everything = not token and not changes.truncated
    for card in _rows(connection, access, wanted, None if everything else names):
        yield _card_response(base, call, access, card, wanted)
    for name in changes.removed:
        yield gone_response(card_href(base, name))
    if changes.truncated:
        yield _truncated(base)
    yield f"<D:sync-token>{changes.token}</D:sync-token>"


def _multiget(
    connection: Connection, call: Call, access: BookAccess, root: ET.Element
) -> Iterator[str]:
    asked = [(node.text or "").strip() for node in root.iter(dav("href"))]
    names = {href: _name_in_book(href, call, access) for href in asked}
    wanted = _wanted(root, call)
    wanted_names = [name for name in names.values() if name is not None]
    found = {card.resource_name: card for card in _rows(connection, access, wanted, wanted_names)}
    base = _book_href(call, access)
    for href, name in names.items():
        card = None if name is None else found.get(name)
        if card is None:
            yield gone_response(text(href))
        else:
            yield _card_response(base, call, access, card, wanted)


def _query(
    connection: Connection, call: Call, access: BookAccess, root: ET.Element
) -> Iterator[str]:
    card_filter = read_filter(root)
    limit = read_limit(root, carddav)
    wanted = _wanted(root, call)
    base = _book_href(call, access)
    found = search_cards(connection, access.book_id, card_filter)
    for card in islice(found, limit):
        yield _card_response(base, call, access, card, wanted)
    if next(found, None) is not None:
        yield _truncated(base)


_REPORTS = {
    dav("sync-collection"): _sync_collection,
    carddav("addressbook-multiget"): _multiget,
    carddav("addressbook-query"): _query,
}


def _truncated(href: str) -> str:
    """Return the ``response`` that says there is more than the client's limit lets through."""
    return (
        f"<D:response><D:href>{href}</D:href>"
        "<D:status>HTTP/1.1 507 Insufficient Storage</D:status>"
        "<D:error><D:number-of-matches-within-limits/></D:error></D:response>"
    )


def _name_in_book(href: str, call: Call, access: BookAccess) -> str | None:
    """Return the resource name an href asks for, or None if it points elsewhere."""
    segments = split_href(href, call.request.prefix)
    here = (call.member.user.name, access.name)
    return segments[2] if segments and len(segments) == 3 and segments[:2] == here else None


def _rows(
    connection: Connection,
    access: BookAccess,
    wanted: PropertyRequest,
    names: Sequence[str] | None,
) -> Iterable[CardInfo]:
    """Return the cards of those names, or all; with their content only where it is asked for."""
    with_content = _ADDRESS_DATA in wanted.names
    if names is None:
        read_all = iterate_cards if with_content else list_cards
        return read_all(connection, access.book_id)
    read_some = get_cards if with_content else get_card_infos
    return read_some(connection, access.book_id, names)


def _card_response(
    base: str, call: Call, access: BookAccess, card: CardInfo, wanted: PropertyRequest
) -> str:
    href = card_href(base, card.resource_name)
    return property_response(href, _CARD_WITH_DATA, call.view, (access, card), wanted)


def _wanted(root: ET.Element, call: Call) -> PropertyRequest:
    asked = root.find(dav("prop"))
    if asked is None:
        return PropertyRequest((), everything=root.find(dav("allprop")) is not None)
    return PropertyRequest.of(asked, minimal=call.request.minimal)


def _book_href(call: Call, access: BookAccess) -> str:
    return make_href(call.request.prefix, call.member.user.name, access.name, collection=True)
