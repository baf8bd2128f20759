"""GET and HEAD of a card, and of a whole book as one file."""

from urllib.parse import quote

from sqlalchemy import Connection

from sharedbooks.domain.cards import get_card, iterate_cards
from sharedbooks.domain.conditions import Conditions
from sharedbooks.domain.homes import get_book
from sharedbooks.errors import NotFound
from sharedbooks_radicale.failures import MethodNotAllowed
from sharedbooks_radicale.protocol.call import BookPath, Call, CardPath, HomePath
from sharedbooks_radicale.protocol.properties import CARD_TYPE, ctag, http_date
from sharedbooks_radicale.response import Response


def get(connection: Connection, call: Call) -> Response:
    """Answer with the stored octets; HEAD is the same, its body left out where it is sent.

    Raises:
        NotFound: nothing is there for this member.
        PreconditionFailed: the client means another content (``If-Match``).
        MethodNotAllowed: the root and the member's home hold no content.
    """
    user_id = call.member.user.id
    match call.path():
        case CardPath(book, name):
            access = get_book(connection, user_id, book)
            card = get_card(connection, access.book_id, name)
            headers = {
                "Content-Type": CARD_TYPE,
                "ETag": card.etag,
                "Last-Modified": http_date(card.changed_at),
            }
            return _unless_known(call, Response(200, headers, card.content))
        case BookPath(name):
            access = get_book(connection, user_id, name)
            headers = {
                "Content-Type": CARD_TYPE,
                "ETag": f'"{ctag(access)}"',
                "Content-Disposition": f"attachment; filename*=utf-8''{quote(access.name)}.vcf",
            }
            cards = iterate_cards(connection, access.book_id)
            content = b"".join(_ended(card.content) for card in cards)
            return _unless_known(call, Response(200, headers, content))
        case HomePath(name) if name != call.member.user.name:
            raise NotFound("There is nothing here.")
    raise MethodNotAllowed(
        "There is nothing to download here.", allowed=("OPTIONS", "PROPFIND", "PROPPATCH")
    )


def _ended(content: bytes) -> bytes:
    """Return a card with a line end after END:VCARD, so that another can follow."""
    return content if content.endswith(b"\n") else content + b"\r\n"


def _unless_known(call: Call, response: Response) -> Response:
    """Return 304 without a body if the client has this very content (RFC 9110, 13.1.2)."""
    conditions = call.request.conditions
    Conditions(if_match=conditions.if_match).require(response.headers["ETag"])
    known = conditions.if_none_match
    if known is None or not ({"*", response.headers["ETag"]} & known):
        return response
    return Response(304, {"ETag": response.headers["ETag"]})
