"""MKCOL of a member's own address book (RFC 5689; RFC 6352, 6.3.1)."""

from sqlalchemy import Connection

from sharedbooks.domain.homes import add_own_book
from sharedbooks.errors import Conflict
from sharedbooks.identifiers import parse_resource_name
from sharedbooks_radicale.failures import MethodNotAllowed, Refused
from sharedbooks_radicale.protocol.call import BookPath, Call, CardPath
from sharedbooks_radicale.protocol.patch import (
    DESCRIPTION,
    DISPLAYNAME,
    Patch,
    read_patch,
    refusal,
    require_space,
)
from sharedbooks_radicale.protocol.properties import BOOK
from sharedbooks_radicale.protocol.xml import carddav, dav, parse_body
from sharedbooks_radicale.response import NAMESPACES, Response, xml_response

_RESOURCETYPE = dav("resourcetype")
_BOOK_TYPE = {dav("collection"), carddav("addressbook")}


def mkcol(call: Call) -> Response:
    """Make an address book in the member's own home; a plain MKCOL makes one too.

    Raises:
        MethodNotAllowed: there is something of that name.
        Refused: another type than an address book, or a book inside a book.
        BadRequest: the body is no extended MKCOL.
        NotFound: the path is not below the member's home.
    """
    path = call.path()
    if isinstance(path, CardPath):
        raise Refused(
            "An address book holds no collections.",
            element="<CARD:addressbook-collection-location-ok/>",
        )
    if not isinstance(path, BookPath):
        raise MethodNotAllowed("There is a collection already.", allowed=("OPTIONS", "PROPFIND"))
    name = parse_resource_name(path.book)
    root = parse_body(call.request.body)
    patch = Patch({}) if root is None else read_patch(root, dav("mkcol"))
    kind = patch.wishes.pop(_RESOURCETYPE, None)
    if kind is not None and {child.tag for child in kind} != _BOOK_TYPE:
        raise Refused("Only address books are made here.", element="<D:valid-resourcetype/>")
    if refused := patch.protected(BOOK.getters):
        body = f"<D:mkcol-response {NAMESPACES}>{refusal(patch, refused)}</D:mkcol-response>"
        return xml_response(424, body)
    properties = {
        name: value for name, value in patch.dead(BOOK.getters).items() if value is not None
    }
    require_space(properties)

    def make(connection: Connection) -> Response:
        add_own_book(
            connection,
            call.member.user,
            name,
            display_name=patch.text(DISPLAYNAME) or "",
            description=patch.text(DESCRIPTION) or "",
            properties=properties,
        )
        return Response(201)

    try:
        return call.database.run_write(make)
    except Conflict as error:
        raise MethodNotAllowed(str(error), allowed=("OPTIONS", "PROPFIND", "REPORT")) from error


def mkcalendar(_call: Call) -> Response:
    """Refuse to make a calendar (RFC 4791, 5.3.1), and say why.

    Raises:
        Refused: always.
    """
    raise Refused(
        "This server keeps address books only; calendars need a server of their own.",
        element='<C:calendar-collection-location-ok xmlns:C="urn:ietf:params:xml:ns:caldav"/>',
    )
