"""Reports on principals (RFC 3744, sections 9.2 to 9.5).

They find what the member may know anyway, and nobody else.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection

from sharedbooks.domain.acquaintances import find_acquaintance, list_acquaintances
from sharedbooks.domain.book_access import get_book
from sharedbooks.domain.cards import list_cards
from sharedbooks.domain.grantees import list_grantees
from sharedbooks.domain.principals import Principal, PrincipalKind, list_groups_of
from sharedbooks.errors import AccessDenied
from sharedbooks.vcard.index import fold_text
from sharedbooks_radicale.failures import BadRequest, Refused
from sharedbooks_radicale.protocol.acl import may_read_acl
from sharedbooks_radicale.protocol.call import BookPath, Call, HomePath, Path, Root
from sharedbooks_radicale.protocol.card_responses import CardResponses
from sharedbooks_radicale.protocol.hrefs import make_href, principal_href
from sharedbooks_radicale.protocol.limits import truncated_response
from sharedbooks_radicale.protocol.principals import DISPLAYNAME, EMAIL_ADDRESSES
from sharedbooks_radicale.protocol.properties import ALIKE_ON_CARDS
from sharedbooks_radicale.protocol.propstat import PropertyRequest
from sharedbooks_radicale.protocol.resources import (
    iterate_books,
    principal_resources,
)
from sharedbooks_radicale.protocol.xml import dav, element
from sharedbooks_radicale.response import NAMESPACES, Response, multistatus, xml_response

_MOST_PRINCIPALS = 100
"""Principals that one search finds; who looks for somebody looks closer then."""
_MOST_MATCHES = 1000
"""Resources of the member's own that one answer holds."""

_MAX_CONDITIONS = 50
"""Each costs time for each principal; no client sends more than a few."""

_PROP = dav("prop")

_SEARCHABLE = {DISPLAYNAME: "Name", EMAIL_ADDRESSES: "E-mail address"}
"""Properties in which principals are searched for, and what they are called."""


def acl_principal_prop_set(
    connection: Connection, call: Call, path: Path, root: ET.Element
) -> Response:
    """Tell of everybody in the access control list of a book or of the own home (9.2).

    Raises:
        BadRequest: not exactly one ``prop``.
        AccessDenied: the member does not manage the book.
        Refused: another resource.
        NotFound: nothing is there for this member.
    """
    wanted = _wanted(root, call, required=True)
    user = call.member.user
    match path:
        case HomePath(user.name):
            listed: list[Principal] = [user]
        case BookPath(name):
            access = get_book(connection, user.id, name)
            if not may_read_acl(access):
                raise AccessDenied(
                    "Only who manages an address book sees to whom it is granted.",
                    privileges=["read-acl"],
                )
            grantees = list_grantees(connection, [access.book_id])
            listed = [grantee.principal for grantee in grantees.get(access.book_id, ())]
            if access.owner is not None:
                owner = find_acquaintance(connection, user.id, PrincipalKind.USER, access.owner)
                listed = [*filter(None, [owner]), *listed]
        case _:
            raise _not_here()
    responses = _responses(connection, call, listed, wanted)
    return multistatus(responses, call.request.preference)


def principal_match(connection: Connection, call: Call, path: Path, root: ET.Element) -> Response:
    """Tell what below a collection is the member, or names the member in some property (9.3).

    The member matches their own principal, and those of their groups.

    Raises:
        BadRequest: neither ``self`` nor one property in ``principal-property``.
        Refused: neither the root nor the member's home.
    """
    base = _require_collection(call, path)
    wanted = _wanted(root, call)
    named = root.find(dav("principal-property"))
    if (named is None) is (root.find(dav("self")) is None):
        raise BadRequest("A principal-match holds self or principal-property.")
    if named is not None and len(named) != 1:
        raise BadRequest("A principal-property holds one property.")
    mine = [call.member.user, *list_groups_of(connection, call.member.user)]
    if named is not None:
        found = _naming(connection, call, path, mine, named[0].tag, wanted)
    elif isinstance(path, Root):
        found = _responses(connection, call, mine, wanted)
    else:
        # There are no principals below a home.
        found = iter(())
    return multistatus(_limited(found, _MOST_MATCHES, base), call.request.preference)


def _naming(
    connection: Connection,
    call: Call,
    path: Path,
    mine: Sequence[Principal],
    name: str,
    wanted: PropertyRequest,
) -> Iterator[str]:
    """Write the member's resources whose property ``name`` holds one of the hrefs ``mine``."""
    view = call.view
    hrefs = {f"<D:href>{principal_href(view.prefix, one.kind, one.name)}</D:href>" for one in mine}

    def matches(content: str | None) -> bool:
        return content is not None and any(href in content for href in hrefs)

    reading = PropertyRequest([name, *wanted.names])
    if isinstance(path, Root):
        for resource in principal_resources(connection, call, mine, reading):
            if matches(resource.content(view, name)):
                yield resource.response(view, wanted)
    for book in iterate_books(connection, call, reading):
        if matches(book.content(view, name)):
            yield book.response(view, wanted)
        on_cards = ALIKE_ON_CARDS.get(name)
        if on_cards is not None and matches(on_cards(view, book.state)):
            cards = list_cards(connection, book.state.book_id)
            yield from map(CardResponses(call, book.state, wanted).of, cards)


def principal_property_search(
    connection: Connection, call: Call, path: Path, root: ET.Element
) -> Response:
    """Find principals by name or address (9.4).

    All criteria have to hold, or, with ``test="anyof"`` as CalendarServer has it, one of them. A
    property that is not searched in holds nothing that matches.

    Raises:
        BadRequest: there are no criteria, too many, or one of them is not whole.
        Refused: neither the root nor the member's home.
    """
    _require_collection(call, path)
    search = _Search.of(root)
    wanted = _wanted(root, call)
    everywhere = root.find(dav("apply-to-principal-collection-set")) is not None
    base = make_href(call.request.prefix, collection=True)
    if not everywhere and not isinstance(path, Root):
        # There are no principals below a home.
        return multistatus([], call.request.preference)
    matching = filter(search.accepts, list_acquaintances(connection, call.member.user.id))
    found = list(islice(matching, _MOST_PRINCIPALS + 1))
    responses = _responses(connection, call, found, wanted)
    return multistatus(_limited(responses, _MOST_PRINCIPALS, base), call.request.preference)


@dataclass(frozen=True, slots=True)
class _Search:
    """Texts to be found, each in all of some properties: Clark names and folded text."""

    criteria: Sequence[tuple[Sequence[str], str]]
    all_of: bool

    @classmethod
    def of(cls, root: ET.Element) -> "_Search":
        criteria = []
        for node in root.iterfind(dav("property-search")):
            prop, match = node.find(_PROP), node.find(dav("match"))
            if prop is None or not len(prop) or match is None:
                raise BadRequest("A property-search holds prop and match.")
            criteria.append(([child.tag for child in prop], fold_text(match.text or "")))
        if not criteria:
            raise BadRequest("A principal-property-search holds property-search.")
        if sum(len(names) for names, _ in criteria) > _MAX_CONDITIONS:
            raise BadRequest("The search has too many conditions.")
        return cls(criteria, root.get("test") != "anyof")

    def accepts(self, principal: Principal) -> bool:
        """True if what is searched for is in the principal, in any case of its letters."""
        values = {
            DISPLAYNAME: fold_text(principal.display_name),
            EMAIL_ADDRESSES: fold_text(principal.email),
        }
        outcomes = (
            all(name in values and text in values[name] for name in names)
            for names, text in self.criteria
        )
        return all(outcomes) if self.all_of else any(outcomes)


def principal_search_property_set(
    _connection: Connection, call: Call, path: Path, _root: ET.Element
) -> Response:
    """Tell in which properties principals are searched for (9.5).

    Raises:
        Refused: neither the root nor the member's home.
    """
    _require_collection(call, path)
    properties = "".join(
        f"<D:principal-search-property><D:prop>{element(name, None)}</D:prop>"
        f'<D:description xml:lang="en">{description}</D:description>'
        "</D:principal-search-property>"
        for name, description in _SEARCHABLE.items()
    )
    opening = (
        f'<?xml version="1.0" encoding="utf-8"?>\n<D:principal-search-property-set {NAMESPACES}>'
    )
    return xml_response(200, f"{opening}{properties}</D:principal-search-property-set>\n")


def _require_collection(call: Call, path: Path) -> str:
    """Return the href of the root or the member's home, which are what can be searched below.

    Raises:
        Refused: another resource.
    """
    match path:
        case Root():
            return make_href(call.request.prefix, collection=True)
        case HomePath(name) if name == call.member.user.name:
            return make_href(call.request.prefix, name, collection=True)
    raise _not_here()


def _not_here() -> Refused:
    return Refused("This report is not answered here.", element="<D:supported-report/>")


def _wanted(root: ET.Element, call: Call, *, required: bool = False) -> PropertyRequest:
    """Return the properties asked for; none where that is allowed."""
    asked = root.findall(_PROP)
    if len(asked) > 1 or (required and not asked):
        raise BadRequest("This report holds one DAV:prop.")
    return PropertyRequest.of(asked[0] if asked else (), minimal=call.request.minimal)


def _responses(
    connection: Connection, call: Call, principals: Iterable[Principal], wanted: PropertyRequest
) -> Iterator[str]:
    for resource in principal_resources(connection, call, list(principals), wanted):
        yield resource.response(call.view, wanted)


def _limited(responses: Iterator[str], most: int, base: str) -> Iterator[str]:
    """Yield at most that many responses, and then one for ``base`` that says if there are more."""
    yield from islice(responses, most)
    if next(responses, None) is not None:
        yield truncated_response(base)
