"""PROPFIND (RFC 4918, 9.1)."""

from collections.abc import Iterator

from sqlalchemy import Connection

from sharedbooks_radicale.failures import Refused
from sharedbooks_radicale.protocol.call import BookPath, Call, HomePath, Root
from sharedbooks_radicale.protocol.card_responses import CardResponses
from sharedbooks_radicale.protocol.propstat import PropertyRequest, read_propfind
from sharedbooks_radicale.protocol.resources import find_resource, iterate_books
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
    wanted = read_propfind(request.body, minimal=request.minimal)
    children = request.depth == "1"
    return multistatus(_responses(connection, call, wanted, children=children), request.preference)


def _responses(
    connection: Connection, call: Call, wanted: PropertyRequest, *, children: bool
) -> Iterator[str | bytes]:
    path = call.path()
    resource = find_resource(connection, call, path, wanted)
    yield resource.response(call.view, wanted)
    if not children:
        return
    own_home = HomePath(call.member.user.name)
    match path:
        case Root():
            yield find_resource(connection, call, own_home, wanted).response(call.view, wanted)
        case HomePath() if path == own_home:
            for book in iterate_books(connection, call, wanted):
                yield book.response(call.view, wanted)
        case BookPath():
            yield from CardResponses(call, resource.state, wanted).of_all(connection)
