"""Live properties of the root, a book and a card, one table each; see also ``principals``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Generic, TypeVar
from uuid import NAMESPACE_URL, uuid5

from sharedbooks.domain.book_access import BookAccess
from sharedbooks.domain.cards import CardInfo
from sharedbooks.domain.changes import sync_token
from sharedbooks.domain.principals import Principal
from sharedbooks.domain.storing import may_add
from sharedbooks_radicale.protocol.acl import (
    ACL,
    ACL_RESTRICTIONS,
    SUPPORTED_PRIVILEGES,
    may_read_acl,
)
from sharedbooks_radicale.protocol.hrefs import make_href
from sharedbooks_radicale.protocol.privileges import (
    book_privileges,
    card_privileges,
    reading_privileges,
)
from sharedbooks_radicale.protocol.xml import calendarserver, carddav, dav, text

R = TypeVar("R")

ADD_MEMBER = "add-member"
"""Query of the URL to which new cards are posted (RFC 5995)."""

CARD_TYPE = "text/vcard; charset=utf-8"
"""Media type of every card."""


@dataclass(frozen=True, slots=True)
class View:
    """Who looks, and what the answer needs to know beside the resource itself.

    ``max_card_size`` is in octets.
    """

    prefix: str
    user: Principal
    max_card_size: int

    def home_href(self, name: str | None = None) -> str:
        """The home of ``name``, or of the member who looks, as an ``href`` element."""
        home = make_href(self.prefix, name or self.user.name, collection=True)
        return f"<D:href>{home}</D:href>"


Getter = Callable[[View, R], str | None]
"""Returns a property's content as XML (empty for an empty element), or None where it is not."""


@dataclass(frozen=True, slots=True)
class PropertyTable(Generic[R]):
    """The live properties of one kind of resource, by Clark name.

    ``in_allprop`` names those that ``allprop`` gives without being asked (RFC 4918, 9.1: those
    that RFC 4918 defines itself). ``denied`` holds properties that are there and not for this
    member, with the privilege that it would take.
    """

    getters: Mapping[str, Getter[R]]
    in_allprop: frozenset[str]
    denied: Mapping[str, str] = field(default_factory=dict)

    def holding(self, contents: Mapping[str, str]) -> "PropertyTable[R]":
        """Return this table with the contents of some properties known beforehand."""
        if not contents:
            return self
        known = {name: _constant(content) for name, content in contents.items()}
        denied = {name: need for name, need in self.denied.items() if name not in contents}
        return PropertyTable({**self.getters, **known}, self.in_allprop, denied)


_RFC_4918 = {
    dav(name)
    for name in (
        "creationdate", "displayname", "getcontentlength", "getcontenttype", "getetag",
        "getlastmodified", "resourcetype",
    )
}  # fmt: skip


def make_table(
    getters: Mapping[str, Getter[R]], denied: Mapping[str, str] | None = None
) -> PropertyTable[R]:
    """Return the table of one kind of resource; see ``PropertyTable``."""
    return PropertyTable(getters, frozenset(_RFC_4918 & getters.keys()), denied or {})


def _constant(content: str | None) -> Getter[object]:
    return lambda _view, _resource: content


def iso_date(moment: int) -> str:
    """Return ``moment`` (microseconds since 1970, UTC) as RFC 3339 writes dates."""
    return datetime.fromtimestamp(moment // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def http_date(moment: int) -> str:
    """Return ``moment`` (microseconds since 1970, UTC) as HTTP writes dates."""
    return formatdate(moment // 1_000_000, usegmt=True)


_NAMESPACE = uuid5(NAMESPACE_URL, "https://github.com/sharedbooks/sharedbooks")


def resource_id(kind: str, row_id: int, created_at: int) -> str:
    """Return a ``resource-id`` that no other resource ever has (RFC 5842, 3.1).

    The moment belongs to it because a database may give the id of a deleted row again.
    """
    return f"<D:href>{uuid5(_NAMESPACE, f'{kind} {row_id} {created_at}').urn}</D:href>"


def ctag(access: BookAccess) -> str:
    """Return what changes when the book's cards change, or what the member may do with them."""
    read_only = "r" if access.read_only else ""
    return f"{access.sync_key}-{access.revision}-{int(access.privilege)}{read_only}"


def reports(*names: str) -> str:
    """Return the content of ``supported-report-set`` with the elements of those names."""
    return "".join(
        f"<D:supported-report><D:report><{name}/></D:report></D:supported-report>" for name in names
    )


EXPANDING = reports("D:expand-property")
"""What every resource answers."""
SEARCHING = EXPANDING + reports(
    "D:principal-match", "D:principal-property-search", "D:principal-search-property-set"
)
"""What collections with principals in them, or around them, answer."""
ACL_READING = reports("D:acl-principal-prop-set")
"""What resources answer to those who may read their access control list."""
_BOOK_REPORTS = EXPANDING + reports(
    "D:sync-collection", "CARD:addressbook-multiget", "CARD:addressbook-query"
)
_ADDRESS_DATA = "".join(
    f'<CARD:address-data-type content-type="text/vcard" version="{version}"/>'
    for version in ("3.0", "4.0")
)
_COLLATIONS = "".join(
    f"<CARD:supported-collation>{name}</CARD:supported-collation>"
    for name in ("i;ascii-casemap", "i;octet", "i;unicode-casemap")
)


def current_principal(view: View, _: object) -> str:
    """Return the principal of the member who looks, as an ``href`` element."""
    return view.home_href()


def _root_href(view: View, _: object) -> str:
    return f"<D:href>{make_href(view.prefix, collection=True)}</D:href>"


def _owner(view: View, access: BookAccess) -> str:
    # Empty for the organisation's books: RFC 3744, 5.1 wants the property there.
    return "" if access.owner is None else view.home_href(access.owner)


def _book_reports(_view: View, access: BookAccess) -> str:
    return _BOOK_REPORTS + ACL_READING if may_read_acl(access) else _BOOK_REPORTS


ON_ALL: Mapping[str, Getter[object]] = {
    dav("current-user-principal"): current_principal,
    dav("principal-collection-set"): _root_href,
    dav("group"): _constant(""),
    dav("supported-privilege-set"): _constant(SUPPORTED_PRIVILEGES),
    dav("acl-restrictions"): _constant(ACL_RESTRICTIONS),
    dav("inherited-acl-set"): _constant(""),
}
"""Properties that are the same on every resource."""

ACL_DENIED: Mapping[str, str] = {ACL: "read-acl"}
"""For resources whose access control list a member may not read, or not yet."""


ROOT: PropertyTable[None] = make_table(
    {
        **ON_ALL,
        dav("resourcetype"): _constant("<D:collection/>"),
        dav("owner"): _constant(""),
        dav("current-user-privilege-set"): _constant(reading_privileges()),
        dav("supported-report-set"): _constant(SEARCHING),
    },
    ACL_DENIED,
)


def _add_member(view: View, access: BookAccess) -> str | None:
    if not may_add(access):
        return None
    book = make_href(view.prefix, view.user.name, access.name, collection=True)
    return f"<D:href>{book}?{ADD_MEMBER}</D:href>"


BOOK: PropertyTable[BookAccess] = make_table(
    {
        **ON_ALL,
        dav("resourcetype"): _constant("<D:collection/><CARD:addressbook/>"),
        dav("displayname"): lambda _view, book: text(book.display_name),
        dav("creationdate"): lambda _view, book: iso_date(book.created_at),
        dav("getlastmodified"): lambda _view, book: http_date(book.changed_at),
        dav("resource-id"): lambda _view, book: resource_id("book", book.book_id, book.created_at),
        dav("owner"): _owner,
        dav("current-user-privilege-set"): lambda _view, book: book_privileges(book),
        dav("supported-report-set"): _book_reports,
        dav("sync-token"): lambda _view, book: sync_token(book.sync_key, book.revision),
        calendarserver("getctag"): lambda _view, book: ctag(book),
        carddav("addressbook-description"): lambda _view, book: (
            text(book.description) if book.description else None
        ),
        carddav("supported-address-data"): lambda _view, _book: _ADDRESS_DATA,
        dav("add-member"): _add_member,
        carddav("supported-collation-set"): lambda _view, _book: _COLLATIONS,
        carddav("max-resource-size"): lambda view, _book: str(view.max_card_size),
        carddav("max-image-size"): lambda view, _book: str(view.max_card_size),
    },
    ACL_DENIED,
)

ALIKE_ON_CARDS: Mapping[str, Getter[BookAccess]] = {
    **ON_ALL,
    dav("resourcetype"): _constant(""),
    dav("getcontenttype"): _constant(CARD_TYPE),
    dav("owner"): _owner,
    dav("supported-report-set"): _constant(EXPANDING),
}
"""Properties that are the same on every card of a book."""


def _of_book(getter: Getter[BookAccess]) -> Getter[tuple[BookAccess, CardInfo]]:
    return lambda view, card: getter(view, card[0])


CARD: PropertyTable[tuple[BookAccess, CardInfo]] = make_table(
    {
        **{name: _of_book(getter) for name, getter in ALIKE_ON_CARDS.items()},
        dav("getetag"): lambda _view, card: text(card[1].etag),
        dav("getcontentlength"): lambda _view, card: str(card[1].size),
        dav("getlastmodified"): lambda _view, card: http_date(card[1].changed_at),
        dav("creationdate"): lambda _view, card: iso_date(card[1].created_at),
        dav("current-user-privilege-set"): lambda _view, card: card_privileges(
            card[0], card[1].creator_id
        ),
    },
    ACL_DENIED,
)
