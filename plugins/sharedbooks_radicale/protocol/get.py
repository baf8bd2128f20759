"""GET and HEAD of a card, and of a whole book as one file."""

from collections.abc import Iterator
from urllib.parse import quote

from sqlalchemy import Connection

from sharedbooks.domain.card_contents import iterate_contents
from sharedbooks.domain.cards import Card, CardInfo, get_card, get_card_info, get_card_of
from sharedbooks.domain.conditions import Conditions
from sharedbooks.errors import NotFound
from sharedbooks_radicale.failures import MethodNotAllowed, NotAcceptable
from sharedbooks_radicale.protocol.call import BookPath, Call, CardPath, GroupPath, HomePath
from sharedbooks_radicale.protocol.clients import reads_only_version_3
from sharedbooks_radicale.protocol.properties import ctag, http_date
from sharedbooks_radicale.protocol.representations import VCARD_TYPE, Form, negotiate
from sharedbooks_radicale.response import Response, collect


def get(connection: Connection, call: Call) -> Response:
    """Answer with the stored octets, or the version that ``Accept`` prefers; HEAD without them.

    A card has one ETag, whatever version of it is shown.

    Raises:
        NotFound: nothing is there for this member.
        NotAcceptable: there is no form that the client takes.
        PreconditionFailed: the client asks for another content than there is.
        MethodNotAllowed: the root and the member's home hold no content.
    """
    match call.path():
        case CardPath(book, name):
            return _get_card(connection, call, book, name)
        case BookPath(name):
            return _get_book(connection, call, name)
        case HomePath(name) if name != call.member.user.name:
            raise NotFound("There is nothing here.")
        case GroupPath():
            raise NotFound("There is nothing here.")
    raise MethodNotAllowed(
        "There is nothing to download here.", allowed=("OPTIONS", "PROPFIND", "PROPPATCH")
    )


def _get_card(connection: Connection, call: Call, book: str, name: str) -> Response:
    access = call.book(connection, book)
    form = _form(call)
    info: CardInfo
    if call.request.method == "HEAD":
        # Without the content, which is not sent.
        info = get_card_info(connection, access.book_id, name)
    else:
        info = get_card_of(connection, access, name)
    headers = {
        "Content-Type": form.content_type,
        "ETag": info.etag,
        "Last-Modified": http_date(info.changed_at),
        "Vary": "Accept",
        "Content-Disposition": "attachment",
    }
    if _is_known(call, info.etag):
        return Response(304, {"ETag": info.etag, "Vary": "Accept"})
    if not isinstance(info, Card):
        if _is_as_stored(form, info):
            return Response(200, headers, length=info.size)
        info = get_card(connection, access.book_id, name)
    return Response(200, headers, form.of(info))


def _get_book(connection: Connection, call: Call, name: str) -> Response:
    access = call.book(connection, name)
    form = _form(call)
    if form is Form.JCARD:
        raise NotAcceptable(f"A whole address book is given as {VCARD_TYPE}.")
    etag = f'"{ctag(access)}"'
    if _is_known(call, etag):
        return Response(304, {"ETag": etag, "Vary": "Accept"})
    headers = {
        "Content-Type": form.content_type,
        "ETag": etag,
        "Vary": "Accept",
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(access.name, safe='')}.vcf",
    }

    def contents() -> Iterator[bytes]:
        for card in iterate_contents(connection, access.book_id):
            content = form.of(card)
            # Another card follows.
            yield content if content.endswith(b"\n") else content + b"\r\n"

    return Response(200, headers, collect(contents()))


def _form(call: Call) -> Form:
    form = negotiate(call.request.header("Accept"))
    if form is Form.STORED and reads_only_version_3(call.request.origin.client):
        return Form.VCARD_3
    return form


def _is_as_stored(form: Form, info: CardInfo) -> bool:
    return form is Form.STORED or form.value == info.version


def _is_known(call: Call, etag: str) -> bool:
    """True if the client has this very content already (RFC 9110, 13.1.2).

    Raises:
        PreconditionFailed: the client asks for another content (``If-Match``, 13.1.1).
    """
    conditions = call.request.conditions
    Conditions(if_match=conditions.if_match).require(etag)
    known = conditions.if_none_match
    return known is not None and ("*" in known or etag in known)
