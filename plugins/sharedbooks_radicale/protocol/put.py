"""PUT of a card (RFC 6352, 6.3.2) and DELETE of a card or book."""

from sqlalchemy import Connection

from sharedbooks.domain.cards import delete_card, prepare_card, put_card
from sharedbooks.domain.homes import delete_own_book, open_for_writing
from sharedbooks.errors import AccessDenied
from sharedbooks.identifiers import parse_resource_name
from sharedbooks_radicale.failures import MethodNotAllowed, Refused
from sharedbooks_radicale.protocol.call import BookPath, Call, CardPath
from sharedbooks_radicale.response import Response

_CARD_TYPES = {"", "text/vcard", "text/x-vcard", "text/directory", "application/octet-stream"}
"""What clients call a vCard; the octets themselves decide."""


def put(call: Call) -> Response:
    """Store the body as a card; the ETag is told only if the stored octets are those sent.

    Raises:
        MethodNotAllowed: the path is no card's; a book is never replaced as a whole.
        Refused: the body is announced as something other than a vCard.
        InvalidCard, UnsupportedCard, CardTooLarge: the body is no card that is kept here.
        AccessDenied, PreconditionFailed, UidConflict, NotFound: see ``put_card``.
    """
    path = call.path()
    if not isinstance(path, CardPath):
        raise MethodNotAllowed(
            "A card is stored below an address book; a whole address book is not replaced.",
            allowed=("OPTIONS", "GET", "HEAD", "PROPFIND", "PROPPATCH", "REPORT", "DELETE"),
        )
    if call.request.content_type not in _CARD_TYPES:
        raise Refused(
            f"A {call.request.content_type} is not kept here; send text/vcard.",
            element="<CARD:supported-address-data/>",
        )
    name = parse_resource_name(path.card)
    card = prepare_card(call.request.body, max_size=call.max_card_size)
    conditions = call.request.conditions
    member = call.member

    def store(connection: Connection) -> Response:
        access = open_for_writing(connection, member.user.id, path.book)
        stored = put_card(connection, access, name, card, member.actor, conditions)
        headers = {"ETag": stored.etag} if stored.verbatim else {}
        return Response(201 if stored.created else 204, headers)

    return call.database.run_write(store)


def delete(call: Call) -> Response:
    """Delete a card, or a book of the member's own.

    Raises:
        AccessDenied: the member may not, or it is a home or the root.
        PreconditionFailed, NotFound: see ``delete_card``.
    """
    path = call.path()
    member = call.member
    conditions = call.request.conditions
    if not isinstance(path, BookPath | CardPath):
        raise AccessDenied("This is deleted by the administrator only.", privileges=["unbind"])

    def remove(connection: Connection) -> Response:
        access = open_for_writing(connection, member.user.id, path.book)
        if isinstance(path, CardPath):
            delete_card(connection, access, path.card, member.actor, conditions)
        else:
            delete_own_book(connection, access)
        return Response(204)

    return call.database.run_write(remove)
