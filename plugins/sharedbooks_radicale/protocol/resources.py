"""The resources behind paths, as one member sees them.

What of a property is in the database is read here, before anything is written, and only if it is
asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from sharedbooks.domain.acquaintances import find_acquaintance
from sharedbooks.domain.book_access import BookAccess
from sharedbooks.domain.book_titles import distinguish
from sharedbooks.domain.cards import get_card
from sharedbooks.domain.homes import list_complete_home, list_home
from sharedbooks.domain.principals import Principal, PrincipalKind
from sharedbooks.errors import NotFound
from sharedbooks_radicale.protocol.acl import ACL, read_acls
from sharedbooks_radicale.protocol.call import (
    BookPath,
    Call,
    CardPath,
    GroupPath,
    HomePath,
    Path,
    Root,
)
from sharedbooks_radicale.protocol.hrefs import make_href, principal_href
from sharedbooks_radicale.protocol.principals import read_contents, table_of
from sharedbooks_radicale.protocol.properties import BOOK, CARD, ROOT, PropertyTable, View
from sharedbooks_radicale.protocol.propstat import PropertyRequest, property_response
from sharedbooks_radicale.protocol.xml import dav

_DISPLAYNAME = dav("displayname")


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource, and all that its properties are written from.

    Attributes:
        href: as XML text.
        table: its live properties.
        state: what the getters of the table read.
        dead: what clients stored, Clark name to the whole element as XML.
    """

    href: str
    table: PropertyTable[Any]
    state: Any
    dead: Mapping[str, str] = field(default_factory=dict)

    def content(self, view: View, name: str) -> str | None:
        """Return the content of a live property as XML, or None if it is not there to be read."""
        getter = self.table.getters.get(name)
        return None if getter is None else getter(view, self.state)

    def response(self, view: View, wanted: PropertyRequest) -> str:
        """Return the ``response`` with the properties asked for."""
        return property_response(self.href, self.table, view, self.state, wanted, self.dead)


def find_resource(
    connection: Connection, call: Call, path: Path, wanted: PropertyRequest
) -> Resource:
    """Return what is at ``path``, ready to tell the properties asked for.

    Raises:
        NotFound: nothing is there for this member.
    """
    match path:
        case Root():
            return Resource(make_href(call.request.prefix, collection=True), ROOT, None)
        case HomePath(name):
            return _principal(connection, call, PrincipalKind.USER, name, wanted)
        case GroupPath(name):
            return _principal(connection, call, PrincipalKind.GROUP, name, wanted)
        case BookPath(name):
            return _book(connection, call, name, wanted)
        case CardPath(book, name):
            access = call.book(connection, book)
            card = get_card(connection, access.book_id, name)
            href = make_href(
                call.request.prefix, call.member.user.name, book, name, collection=False
            )
            return Resource(href, CARD, (access, card))


def _principal(
    connection: Connection, call: Call, kind: PrincipalKind, name: str, wanted: PropertyRequest
) -> Resource:
    user = call.member.user
    found: Principal | None = user
    if (kind, name) != (user.kind, user.name):
        found = find_acquaintance(connection, user.id, kind, name)
    if found is None:
        raise NotFound("There is nothing here.")
    return principal_resources(connection, call, [found], wanted)[0]


def principal_resources(
    connection: Connection, call: Call, principals: Sequence[Principal], wanted: PropertyRequest
) -> list[Resource]:
    """Return those principals as resources; the member has to know them all."""
    view = call.view
    contents = read_contents(connection, view, principals, wanted.names)
    return [
        Resource(
            principal_href(view.prefix, principal.kind, principal.name),
            table_of(view, principal).holding(contents[principal.id]),
            principal,
            principal.properties if principal.id == view.user.id else {},
        )
        for principal in principals
    ]


def _book(connection: Connection, call: Call, name: str, wanted: PropertyRequest) -> Resource:
    access = call.book(connection, name)
    if wanted.everything or _DISPLAYNAME in wanted.names:
        # What it is called depends on what the others in the home are called.
        home = distinguish(list_home(connection, call.member.user.id))
        access = next((book for book in home if book.book_id == access.book_id), access)
    [resource] = _book_resources(connection, call, [access], wanted)
    return resource


def iterate_books(
    connection: Connection, call: Call, wanted: PropertyRequest
) -> Iterator[Resource]:
    """Yield the books in the member's home.

    Raises:
        NotFound: the home lacks one that was granted meanwhile.
    """
    # What is raised is caught where writing is possible; the books get their place, and this is
    # asked again.
    home = distinguish(list_complete_home(connection, call.member.user.id))
    yield from _book_resources(connection, call, home, wanted)


def _book_resources(
    connection: Connection, call: Call, books: Sequence[BookAccess], wanted: PropertyRequest
) -> Iterator[Resource]:
    prefix = call.request.prefix
    acls = read_acls(connection, prefix, books) if ACL in wanted.names else {}
    for access in books:
        acl = acls.get(access.book_id)
        yield Resource(
            make_href(prefix, call.member.user.name, access.name, collection=True),
            BOOK if acl is None else BOOK.holding({ACL: acl}),
            access,
            access.properties,
        )
