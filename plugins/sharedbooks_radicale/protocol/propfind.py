"""PROPFIND (RFC 4918, 9.1)."""

from collections.abc import Iterator

from sqlalchemy import Connection

from sharedbooks.domain.cards import get_card
from sharedbooks.domain.homes import (
    BookAccess,
    find_sharing_owner,
    get_book,
    is_complete,
    list_home,
)
from sharedbooks.errors import NotFound
from sharedbooks_radicale.failures import Refused
from sharedbooks_radicale.protocol.call import BookPath, Call, CardPath, HomePath, Root
from sharedbooks_radicale.protocol.card_responses import CardResponses
from sharedbooks_radicale.protocol.hrefs import make_href
from sharedbooks_radicale.protocol.properties import BOOK, CARD, HOME, PERSON, ROOT
from sharedbooks_radicale.protocol.propstat import (
    PropertyRequest,
    property_response,
    read_propfind,
)
from sharedbooks_radicale.protocol.xml import parse_body
from sharedbooks_radicale.response import Response, multistatus


def propfind(connection: Connection, call: Call) -> Response:
    """Answer a PROPFIND; no Depth is taken for 0, as address book clients mean it.

    Raises:
        Refused: Depth infinity.
        BadRequest: the body is no ``propfind``.
        NotFound: nothing is there for this member.
    """
    request = call.request
    if request.depth not in {"", "0", "1"}:
        raise Refused("Only Depth 0 and 1 are answered.", element="<D:propfind-finite-depth/>")
    wanted = read_propfind(parse_body(request.body), minimal=request.minimal)
    children = request.depth == "1"
    return multistatus(_responses(connection, call, wanted, children=children), request.preference)


def _responses(
    connection: Connection, call: Call, wanted: PropertyRequest, *, children: bool
) -> Iterator[str]:
    match call.path():
        case Root():
            yield _root(call, wanted)
            if children:
                yield _home(call, wanted)
        case HomePath(name) if name == call.member.user.name:
            yield _home(call, wanted)
            if children:
                yield from _books(connection, call, wanted)
        case HomePath(name):
            yield _person(connection, call, wanted, name)
        case BookPath(name):
            access = get_book(connection, call.member.user.id, name)
            yield _book(call, wanted, access)
            if children:
                yield from CardResponses(call, access, wanted).of_all(connection)
        case CardPath(book, name):
            access = get_book(connection, call.member.user.id, book)
            card = get_card(connection, access.book_id, name)
            href = make_href(
                call.request.prefix, call.member.user.name, book, name, collection=False
            )
            yield property_response(href, CARD, call.view, (access, card), wanted)


def _root(call: Call, wanted: PropertyRequest) -> str:
    href = make_href(call.request.prefix, collection=True)
    return property_response(href, ROOT, call.view, None, wanted)


def _home(call: Call, wanted: PropertyRequest) -> str:
    user = call.member.user
    href = make_href(call.request.prefix, user.name, collection=True)
    return property_response(href, HOME, call.view, user, wanted, user.properties)


def _person(connection: Connection, call: Call, wanted: PropertyRequest, name: str) -> str:
    person = find_sharing_owner(connection, call.member.user.id, name)
    if person is None:
        raise NotFound("There is nothing here.")
    href = make_href(call.request.prefix, name, collection=True)
    return property_response(href, PERSON, call.view, person, wanted)


def _books(connection: Connection, call: Call, wanted: PropertyRequest) -> Iterator[str]:
    user_id = call.member.user.id
    if not is_complete(connection, call.member.user):
        # Caught where writing is possible; the books get their place and this is asked again.
        raise NotFound("A book was granted and has no place in the home yet.")
    for access in list_home(connection, user_id):
        yield _book(call, wanted, access)


def _book(call: Call, wanted: PropertyRequest, access: BookAccess) -> str:
    href = make_href(call.request.prefix, call.member.user.name, access.name, collection=True)
    return property_response(href, BOOK, call.view, access, wanted, access.properties)
