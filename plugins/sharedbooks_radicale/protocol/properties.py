"""Live properties of the root, a home, a book and a card, one table each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Generic, TypeVar

from sharedbooks.domain.cards import CardInfo
from sharedbooks.domain.changes import sync_token
from sharedbooks.domain.homes import BookAccess
from sharedbooks.domain.principals import Principal
from sharedbooks_radicale.protocol.hrefs import make_href
from sharedbooks_radicale.protocol.privileges import (
    book_privileges,
    card_privileges,
    home_privileges,
    root_privileges,
)
from sharedbooks_radicale.protocol.xml import calendarserver, carddav, dav, text

R = TypeVar("R")

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
    that RFC 4918 defines itself).
    """

    getters: Mapping[str, Getter[R]]
    in_allprop: frozenset[str]


_RFC_4918 = {
    dav(name)
    for name in (
        "creationdate", "displayname", "getcontentlength", "getcontenttype", "getetag",
        "getlastmodified", "resourcetype",
    )
}  # fmt: skip


def _table(getters: Mapping[str, Getter[R]]) -> PropertyTable[R]:
    return PropertyTable(getters, frozenset(_RFC_4918 & getters.keys()))


def _iso_date(moment: int) -> str:
    return datetime.fromtimestamp(moment // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def http_date(moment: int) -> str:
    """Return ``moment`` (microseconds since 1970, UTC) as HTTP writes dates."""
    return formatdate(moment // 1_000_000, usegmt=True)


def ctag(access: BookAccess) -> str:
    """Return what changes when the book's cards change, or what the member may do with them."""
    return f"{access.sync_key}-{access.revision}-{int(access.privilege)}"


def _reports(*names: str) -> str:
    return "".join(
        f"<D:supported-report><D:report><{name}/></D:report></D:supported-report>" for name in names
    )


_BOOK_REPORTS = _reports("D:sync-collection", "CARD:addressbook-multiget", "CARD:addressbook-query")
_ADDRESS_DATA = "".join(
    f'<CARD:address-data-type content-type="text/vcard" version="{version}"/>'
    for version in ("3.0", "4.0")
)
_COLLATIONS = "".join(
    f"<CARD:supported-collation>{name}</CARD:supported-collation>"
    for name in ("i;ascii-casemap", "i;octet", "i;unicode-casemap")
)


def _principal(view: View, _: object) -> str:
    return view.home_href()


def _root_href(view: View, _: object) -> str:
    return f"<D:href>{make_href(view.prefix, collection=True)}</D:href>"


def _no_reports(_view: View, _: object) -> str:
    return ""


def _owner(view: View, access: BookAccess) -> str | None:
    return None if access.owner is None else view.home_href(access.owner)


ROOT: PropertyTable[None] = _table(
    {
        dav("resourcetype"): lambda _view, _root: "<D:collection/>",
        dav("current-user-principal"): _principal,
        dav("principal-collection-set"): _root_href,
        dav("current-user-privilege-set"): lambda _view, _root: root_privileges(),
        dav("supported-report-set"): _no_reports,
    }
)

HOME: PropertyTable[Principal] = _table(
    {
        dav("resourcetype"): lambda _view, _user: "<D:collection/><D:principal/>",
        dav("displayname"): lambda _view, user: text(user.display_name),
        dav("creationdate"): lambda _view, user: _iso_date(user.created_at),
        dav("current-user-principal"): _principal,
        dav("principal-URL"): _principal,
        dav("owner"): _principal,
        dav("principal-collection-set"): _root_href,
        dav("group-membership"): lambda _view, _user: "",
        dav("current-user-privilege-set"): lambda _view, _user: home_privileges(),
        dav("supported-report-set"): _no_reports,
        carddav("addressbook-home-set"): _principal,
        calendarserver("email-address-set"): lambda _view, user: (
            f"<CS:email-address>{text(user.email)}</CS:email-address>" if user.email else ""
        ),
    }
)

PERSON: PropertyTable[tuple[str, str]] = _table(
    {
        dav("resourcetype"): lambda _view, _person: "<D:collection/><D:principal/>",
        dav("displayname"): lambda _view, person: text(person[1]),
        dav("principal-URL"): lambda view, person: view.home_href(person[0]),
        dav("current-user-principal"): _principal,
    }
)
"""The principal of a colleague: name and display name, and nothing of their home."""

BOOK: PropertyTable[BookAccess] = _table(
    {
        dav("resourcetype"): lambda _view, _book: "<D:collection/><CARD:addressbook/>",
        dav("displayname"): lambda _view, book: text(book.display_name),
        dav("creationdate"): lambda _view, book: _iso_date(book.created_at),
        dav("getlastmodified"): lambda _view, book: http_date(book.changed_at),
        dav("current-user-principal"): _principal,
        dav("principal-collection-set"): _root_href,
        dav("owner"): _owner,
        dav("current-user-privilege-set"): lambda _view, book: book_privileges(book),
        dav("supported-report-set"): lambda _view, _book: _BOOK_REPORTS,
        dav("sync-token"): lambda _view, book: sync_token(book.sync_key, book.revision),
        calendarserver("getctag"): lambda _view, book: ctag(book),
        carddav("addressbook-description"): lambda _view, book: (
            text(book.description) if book.description else None
        ),
        carddav("supported-address-data"): lambda _view, _book: _ADDRESS_DATA,
        carddav("supported-collation-set"): lambda _view, _book: _COLLATIONS,
        carddav("max-resource-size"): lambda view, _book: str(view.max_card_size),
        carddav("max-image-size"): lambda view, _book: str(view.max_card_size),
    }
)

ALIKE_ON_CARDS: Mapping[str, Getter[BookAccess]] = {
    dav("resourcetype"): lambda _view, _book: "",
    dav("getcontenttype"): lambda _view, _book: CARD_TYPE,
    dav("current-user-principal"): _principal,
    dav("principal-collection-set"): _root_href,
    dav("owner"): _owner,
    dav("supported-report-set"): _no_reports,
}
"""Properties that are the same on every card of a book."""


def _of_book(getter: Getter[BookAccess]) -> Getter[tuple[BookAccess, CardInfo]]:
    return lambda view, card: getter(view, card[0])


CARD: PropertyTable[tuple[BookAccess, CardInfo]] = _table(
    {
        **{name: _of_book(getter) for name, getter in ALIKE_ON_CARDS.items()},
        dav("getetag"): lambda _view, card: text(card[1].etag),
        dav("getcontentlength"): lambda _view, card: str(card[1].size),
        dav("getlastmodified"): lambda _view, card: http_date(card[1].changed_at),
        dav("creationdate"): lambda _view, card: _iso_date(card[1].created_at),
        dav("current-user-privilege-set"): lambda _view, card: card_privileges(
            card[0], card[1].creator_id
        ),
    }
)
