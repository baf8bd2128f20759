"""COPY and MOVE of a card (RFC 4918, 9.8 and 9.9)."""

from urllib.parse import urlsplit

from sqlalchemy import Connection

from sharedbooks.domain.book_access import BookAccess, get_book, open_for_writing
from sharedbooks.domain.cards import find_card, get_card
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.domain.storing import move_card, put_card
from sharedbooks.errors import AccessDenied, NotFound, PreconditionFailed, UidConflict
from sharedbooks.identifiers import parse_card_name
from sharedbooks_radicale.failures import BadRequest, Refused
from sharedbooks_radicale.protocol.call import Call, CardPath
from sharedbooks_radicale.protocol.hrefs import make_href, split_href
from sharedbooks_radicale.response import Response


def transfer(call: Call) -> Response:
    """Copy or move a card to the place that ``Destination`` names; Overwrite is T unless F.

    Raises:
        BadRequest: no usable Destination.
        AccessDenied: the source or destination is no card's place, or the member may not.
        NotFound: there is no such card, or no such book to put it.
        PreconditionFailed: something is there and ``Overwrite: F`` was sent.
        Refused: the book at the destination has another card of this UID.
    """
    source = call.path()
    target = _destination(call)
    if not isinstance(source, CardPath):
        raise AccessDenied("Only cards are copied and moved.", privileges=["unbind"])
    if source == target:
        raise AccessDenied("Source and destination are the same.", privileges=["bind"])
    return call.database.run_write(lambda connection: _transfer(connection, call, source, target))


def _transfer(connection: Connection, call: Call, source: CardPath, target: CardPath) -> Response:
    origin, place = _open_both(connection, call.member.user.id, source.book, target.book)
    card = get_card(connection, origin.book_id, source.card)
    call.request.conditions.require(card.etag)
    replaced = find_card(connection, place.book_id, target.card)
    if replaced is not None and call.request.header("Overwrite").strip().upper() == "F":
        raise PreconditionFailed("There is a card at the destination.")
    actor = call.member.actor
    try:
        if call.request.method == "MOVE":
            move_card(connection, origin, source.card, place, target.card, actor)
        else:
            prepared = prepare_card(card.content, max_size=card.size)
            put_card(connection, place, target.card, prepared, actor)
    except UidConflict as error:
        holder = make_href(
            call.request.prefix,
            call.member.user.name,
            target.book,
            error.resource_name,
            collection=False,
        )
        condition = f"<CARD:no-uid-conflict><D:href>{holder}</D:href></CARD:no-uid-conflict>"
        raise Refused(str(error), element=condition) from error
    return Response(201 if replaced is None else 204)


def _open_both(
    connection: Connection, user_id: int, source: str, target: str
) -> tuple[BookAccess, BookAccess]:
    """Open both books, always in the order of their ids, so that two transfers cannot deadlock."""
    names = {source, target}
    ordered = sorted(names, key=lambda name: get_book(connection, user_id, name).book_id)
    opened = {name: open_for_writing(connection, user_id, name) for name in ordered}
    return opened[source], opened[target]


def _destination(call: Call) -> CardPath:
    header = call.request.header("Destination")
    if not header:
        raise BadRequest("COPY and MOVE name a Destination.")
    try:
        host = urlsplit(header).netloc
    except ValueError:
        raise BadRequest("The Destination is no URL.") from None
    if host and host != call.request.host:
        raise Refused("The destination is on another server.", element="", status=502)
    segments = split_href(header, call.request.prefix)
    if segments is None:
        raise Refused("The destination is not on this server.", element="", status=502)
    try:
        path = call.resolve(segments)
    except NotFound:
        raise Refused("There is no such place for a card.", element="", status=409) from None
    if not isinstance(path, CardPath):
        raise AccessDenied("The destination is no place for a card.", privileges=["bind"])
    parse_card_name(path.card)
    return path
