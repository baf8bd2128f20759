"""PROPPATCH of a book or of the member's home (RFC 4918, 9.2)."""

from sqlalchemy import Connection

from sharedbooks.domain.book_access import get_book, open_for_writing
from sharedbooks.domain.cards import get_card_info
from sharedbooks.domain.homes import describe_book
from sharedbooks.domain.principals import set_properties
from sharedbooks.errors import AccessDenied
from sharedbooks_radicale.failures import BadRequest
from sharedbooks_radicale.protocol.call import BookPath, Call, CardPath, HomePath
from sharedbooks_radicale.protocol.hrefs import make_href
from sharedbooks_radicale.protocol.patch import (
    DESCRIPTION,
    DISPLAYNAME,
    Patch,
    read_patch,
    refusal,
    require_space,
    success,
)
from sharedbooks_radicale.protocol.principals import HOME
from sharedbooks_radicale.protocol.properties import BOOK
from sharedbooks_radicale.protocol.xml import dav, parse_body
from sharedbooks_radicale.response import Response, multistatus


def proppatch(call: Call) -> Response:
    """Set and remove properties, all or none.

    On a shared book they are the member's own, unless the member manages the book.

    Raises:
        AccessDenied: the root, or somebody else's home.
        BadRequest: the body is no ``propertyupdate``.
        Refused: more dead properties than are kept.
        NotFound: nothing is there for this member.
    """
    root = parse_body(call.request.body)
    if root is None:
        raise BadRequest("A PROPPATCH has a body.")
    patch = read_patch(root, dav("propertyupdate"))
    match call.path():
        case BookPath(name):
            refused = patch.protected(BOOK.getters)
            if not refused:
                _patch_book(call, name, patch)
        case HomePath(name) if name == call.member.user.name:
            # Names of people come from the administrator or the directory.
            known = {DISPLAYNAME, DESCRIPTION} & patch.wishes.keys()
            refused = [*patch.protected(HOME.getters), *known]
            if not refused:
                _patch_home(call, patch)
        case CardPath(book, name):
            _require_card(call, book, name)
            # A card is its octets; properties beside them would be lost on every other client.
            refused = list(patch.wishes)
        case _:
            raise AccessDenied("These properties are not yours.", privileges=["write-properties"])
    href = make_href(call.request.prefix, *call.request.segments, collection=not _is_card(call))
    outcome = refusal(patch, refused) if refused else success(patch)
    return multistatus([f"<D:response><D:href>{href}</D:href>{outcome}</D:response>"])


def _is_card(call: Call) -> bool:
    return isinstance(call.path(), CardPath)


def _require_card(call: Call, book: str, name: str) -> None:
    def read(connection: Connection) -> None:
        access = get_book(connection, call.member.user.id, book)
        get_card_info(connection, access.book_id, name)

    call.database.run_read(read)


def _patch_book(call: Call, name: str, patch: Patch) -> None:
    def change(connection: Connection) -> None:
        access = open_for_writing(connection, call.member.user.id, name)
        dead = patch.dead(BOOK.getters)
        require_space({**access.properties, **dead})
        describe_book(
            connection,
            access,
            # Some clients do not show a book without a name, so it cannot lose its last one.
            display_name=patch.text(DISPLAYNAME) or None,
            description=patch.text(DESCRIPTION),
            properties=dead,
        )

    call.database.run_write(change)


def _patch_home(call: Call, patch: Patch) -> None:
    user = call.member.user
    merged = {**user.properties, **patch.dead(HOME.getters)}
    kept = {name: value for name, value in merged.items() if value is not None}
    require_space(kept)
    call.database.run_write(lambda connection: set_properties(connection, user.id, kept))
