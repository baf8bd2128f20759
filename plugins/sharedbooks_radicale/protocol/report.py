"""REPORT (RFC 3253, section 3.6)."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import islice

from sqlalchemy import Connection

from sharedbooks.domain.book_access import BookAccess
from sharedbooks.domain.search import search_book
from sharedbooks_radicale.failures import BadRequest, Refused
from sharedbooks_radicale.protocol.call import BookPath, Call
from sharedbooks_radicale.protocol.card_responses import CardResponses
from sharedbooks_radicale.protocol.expand import expand_property
from sharedbooks_radicale.protocol.limits import read_limit, truncated_response
from sharedbooks_radicale.protocol.multiget import multiget
from sharedbooks_radicale.protocol.principal_reports import (
    acl_principal_prop_set,
    principal_match,
    principal_property_search,
    principal_search_property_set,
)
from sharedbooks_radicale.protocol.propstat import PropertyRequest
from sharedbooks_radicale.protocol.query import read_filter
from sharedbooks_radicale.protocol.representations import read_address_data
from sharedbooks_radicale.protocol.sync import sync_collection
from sharedbooks_radicale.protocol.xml import carddav, dav, parse_body
from sharedbooks_radicale.response import Response, multistatus

_ADDRESS_DATA = carddav("address-data")


def report(connection: Connection, call: Call) -> Response:
    """Answer the report that the root of the body asks for.

    Raises:
        BadRequest: there is no body, or a part of it is missing.
        AccessDenied: the report reads what the member may not.
        Refused: a report that this resource does not have, or cards in a form that cannot be made.
        InvalidSyncToken: the token is none of this book.
        NotFound: there is no such book for this member.
    """
    root = parse_body(call.request.body)
    if root is None:
        raise BadRequest("A REPORT has a body.")
    path = call.path()
    principals_handler = _PRINCIPAL_REPORTS.get(root.tag)
    if principals_handler is not None:
        if call.request.depth not in {"", "0"}:
            raise BadRequest("This report is for Depth 0 only.")
        return principals_handler(connection, call, path, root)
    handler = _REPORTS.get(root.tag)
    if handler is None or not isinstance(path, BookPath):
        raise Refused("This report is not answered here.", element="<D:supported-report/>")
    access = call.book(connection, path.book)
    cards = _card_responses(call, access, root)
    return multistatus(handler(connection, access, root, cards), call.request.preference)


def _card_responses(call: Call, access: BookAccess, root: ET.Element) -> CardResponses:
    asked = root.find(dav("prop"))
    if asked is None:
        everything = root.find(dav("allprop")) is not None
        wanted = PropertyRequest((), everything=everything, minimal=call.request.minimal)
        return CardResponses(call, access, wanted)
    data = asked.find(_ADDRESS_DATA)
    wanted = PropertyRequest.of(asked, minimal=call.request.minimal)
    return CardResponses(call, access, wanted, None if data is None else read_address_data(data))


def _query(
    connection: Connection, access: BookAccess, root: ET.Element, cards: CardResponses
) -> Iterator[str | bytes]:
    """Write the cards that match a filter (RFC 6352, section 8.6)."""
    card_filter = read_filter(root)
    limit = read_limit(root, carddav)
    found = search_book(connection, access, card_filter)
    yield from map(cards.of, islice(found, limit))
    if next(found, None) is not None:
        yield truncated_response(cards.book_href)


_REPORTS = {
    dav("sync-collection"): sync_collection,
    carddav("addressbook-multiget"): multiget,
    carddav("addressbook-query"): _query,
}
"""On the cards of a book."""

_PRINCIPAL_REPORTS = {
    dav("expand-property"): expand_property,
    dav("acl-principal-prop-set"): acl_principal_prop_set,
    dav("principal-match"): principal_match,
    dav("principal-property-search"): principal_property_search,
    dav("principal-search-property-set"): principal_search_property_set,
}
"""On principals, and on properties that name them (RFC 3744, section 9)."""
