"""PUT of a card (RFC 6352, 6.3.2), POST of a new one (RFC 5995), DELETE of a card or book."""

import uuid
from dataclasses import replace

from sqlalchemy import Connection

from sharedbooks.domain.book_access import BookAccess, open_for_writing
from sharedbooks.domain.cards import get_card
from sharedbooks.domain.homes import delete_own_book
from sharedbooks.domain.mass_deletion import MassDeletion
from sharedbooks.domain.prepared_cards import PreparedCard, prepare_card
from sharedbooks.domain.storing import (
    Stored,
    delete_in_place,
    open_place,
    put_if_unchanged,
    put_in_place,
)
from sharedbooks.errors import AccessDenied
from sharedbooks.identifiers import parse_card_name
from sharedbooks_radicale.failures import MethodNotAllowed, Refused
from sharedbooks_radicale.protocol.call import BookPath, Call, CardPath
from sharedbooks_radicale.protocol.hrefs import make_href
from sharedbooks_radicale.protocol.properties import ADD_MEMBER
from sharedbooks_radicale.protocol.representations import Form
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
            allowed=("OPTIONS", "GET", "HEAD", "PROPFIND", "PROPPATCH", "REPORT", "DELETE", "POST"),
        )
    return _store(call, path.book, parse_card_name(path.card), _read_card(call))


def post(call: Call) -> Response:
    """Add the body as a card under a name that the server chooses (RFC 5995).

    Raises:
        MethodNotAllowed: the path is not the ``DAV:add-member`` of a book.
        Refused, InvalidCard, AccessDenied and others: see ``put``.
    """
    path = call.path()
    if not isinstance(path, BookPath) or call.request.query != ADD_MEMBER:
        raise MethodNotAllowed(
            f"Cards are added with POST to an address book with ?{ADD_MEMBER}.",
            allowed=("OPTIONS", "GET", "HEAD", "PROPFIND", "PROPPATCH", "REPORT"),
        )
    card = _read_card(call)
    name = f"{uuid.uuid4()}.vcf"
    response = _store(call, path.book, name, card)
    location = make_href(
        call.request.prefix, call.member.user.name, path.book, name, collection=False
    )
    return replace(response, headers={**response.headers, "Location": location})


def _read_card(call: Call) -> PreparedCard:
    if call.request.content_type not in _CARD_TYPES:
        raise Refused(
            f"A {call.request.content_type} is not kept here; send text/vcard.",
            element="<CARD:supported-address-data/>",
        )
    return prepare_card(call.request.body, max_size=call.view.max_card_size)


def _store(call: Call, book: str, name: str, card: PreparedCard) -> Response:
    conditions = call.request.conditions
    member = call.member

    def store(connection: Connection) -> tuple[BookAccess, Stored]:
        access, place = open_place(connection, member.user.id, book, name, card.facts.card_uid)
        return access, put_in_place(connection, access, place, card, member.actor, conditions)

    def store_and_read(connection: Connection) -> Response:
        access, stored = store(connection)
        # RFC 8144, 3.2: what is stored now, so that its tag may be told in any case.
        headers = {
            "ETag": stored.etag,
            "Content-Type": Form.STORED.content_type,
            "Preference-Applied": "return=representation",
            "Vary": "Prefer",
        }
        content = get_card(connection, access.book_id, name).content
        return Response(201 if stored.created else 200, headers, content)

    if call.request.wants_representation:
        return call.database.run_write(store_and_read, short=True, book_id=call.book_id)
    seen, single = call.seen, None
    if seen is not None and call.database.spares_transactions:
        single = put_if_unchanged(seen.book, name, seen.card, card, member.actor, conditions)
    stored = call.database.run_write(
        lambda connection: store(connection)[1], short=True, book_id=call.book_id, single=single
    )
    headers = {"ETag": stored.etag} if stored.verbatim else {}
    return Response(201 if stored.created else 204, headers)


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

    def remove(connection: Connection) -> MassDeletion | None:
        if not isinstance(path, CardPath):
            delete_own_book(connection, open_for_writing(connection, member.user.id, path.book))
            return None
        access, place = open_place(connection, member.user.id, path.book, path.card, None)
        delete_in_place(connection, access, place, member.actor, conditions)
        return call.deletions.look(connection, access.book_id, member.actor)

    noticed = call.database.run_write(
        remove, short=isinstance(path, CardPath), book_id=call.book_id
    )
    if noticed is not None:
        noticed.warn()
    return Response(204)
