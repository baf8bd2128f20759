"""``response`` elements of many cards of one book, for one request.

What is the same for every card is written once; for the listings that every client makes, a card
then costs one formatting of its name and hash.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from sharedbooks.domain.book_access import BookAccess
from sharedbooks.domain.card_contents import CardContent, get_contents, iterate_contents
from sharedbooks.domain.cards import (
    Card,
    CardInfo,
    get_card_infos,
    get_cards,
    iterate_cards,
    list_cards,
    list_hashes,
)
from sharedbooks.domain.changes import Changes
from sharedbooks_radicale.protocol.call import Call
from sharedbooks_radicale.protocol.hrefs import (
    all_plain,
    is_plain,
    make_href,
    quote_segment,
    split_href,
)
from sharedbooks_radicale.protocol.properties import ALIKE_ON_CARDS, CARD, View
from sharedbooks_radicale.protocol.propstat import (
    PropertyRequest,
    found_response,
    property_response,
)
from sharedbooks_radicale.protocol.representations import AddressData
from sharedbooks_radicale.protocol.xml import carddav, dav, element

_ROWS_AT_ONCE = 500
_GETETAG = dav("getetag")
_ADDRESS_DATA = carddav("address-data")


@dataclass(frozen=True, slots=True)
class _DataTemplate:
    """The response of any card with its content, in UTF-8.

    Attributes:
        pieces: what is before, between and after the places for href, hash and data.
        data_first: whether the data comes before the hash.
        address_data: in which form cards are wanted.
    """

    pieces: tuple[bytes, bytes, bytes, bytes]
    data_first: bool
    address_data: AddressData

    @classmethod
    def of(cls, template: str, book_href: str, address_data: AddressData) -> "_DataTemplate":
        """Return the template for one book."""
        filled = template % {"href": f"{book_href}\0", "hash": "\0", "data": "\0"}
        start, second, third, end = filled.encode().split(b"\0")
        data_first = template.index("%(data)s") < template.index("%(hash)s")
        return cls((start, second, third, end), data_first, address_data)

    def fill(self, card: Card | CardContent) -> bytes:
        """Write one card."""
        start, second, third, end = self.pieces
        name = quote_segment(card.resource_name).encode()
        shown, data = card.content_hash.encode(), self.address_data.xml_of(card)
        if self.data_first:
            shown, data = data, shown
        return b"".join((start, name, second, shown, third, data, end))


class CardResponses:
    """Writes the cards of a book as one client asked for them.

    Args:
        call: the request.
        access: the book.
        wanted: the properties asked for.
        address_data: in which form cards are wanted, where ``wanted`` names them.
    """

    def __init__(
        self,
        call: Call,
        access: BookAccess,
        wanted: PropertyRequest,
        address_data: AddressData | None = None,
    ) -> None:
        self._view: View = call.view
        self._path = (call.member.user.name, access.name)
        self._access = access
        self._wanted = wanted
        self._address_data = address_data
        self.book_href = make_href(
            call.request.prefix, call.member.user.name, access.name, collection=True
        )
        self._template = self._listing_template()
        self._with_data: _DataTemplate | None = None
        if self._template is not None and address_data is not None:
            self._with_data = _DataTemplate.of(self._template, self.book_href, address_data)

    def href(self, resource_name: str) -> str:
        """Return the href of a card of this book."""
        return self.book_href + quote_segment(resource_name)

    def name_of(self, href: str) -> str | None:
        """Return the resource name that a client's href asks for, or None if it is elsewhere."""
        # Most hrefs are as this server wrote them, and most names are UUIDs.
        rest = href.removeprefix(self.book_href)
        if rest and rest != href and is_plain(rest):
            return rest
        segments = split_href(href, self._view.prefix)
        if segments is None or len(segments) != 3 or segments[:2] != self._path:
            return None
        return segments[2]

    def of_all(self, connection: Connection) -> Iterator[str | bytes]:
        """Write every card of the book."""
        book_id = self._access.book_id
        if self._with_data is not None:
            yield from map(self._with_data.fill, iterate_contents(connection, book_id))
        elif self._address_data is not None:
            yield from map(self.of, iterate_cards(connection, book_id))
        elif self._template is not None:
            yield from self._listed(list_hashes(connection, book_id))
        else:
            yield from map(self.of, list_cards(connection, book_id))

    def of_changed(self, connection: Connection, changes: Changes) -> Iterator[str | bytes]:
        """Write the cards that are new or changed."""
        if not changes.changed:
            return
        if self._with_data is not None:
            contents = iterate_contents(
                connection, self._access.book_id, changes.since, changes.until
            )
            yield from map(self._with_data.fill, contents)
        elif self._template is not None and self._address_data is None:
            yield from self._listed(changes.changed)
        else:
            names = [name for name, _ in changes.changed]
            yield from map(self.of, self.find(connection, names))

    def find(
        self, connection: Connection, names: Sequence[str]
    ) -> Iterable[CardInfo | CardContent]:
        """Return the cards that exist among ``names``; with content where it is asked for."""
        book_id = self._access.book_id
        if self._with_data is not None:
            return get_contents(connection, book_id, names)
        read = get_card_infos if self._address_data is None else get_cards
        return read(connection, book_id, names)

    def of(self, card: CardInfo | CardContent) -> str | bytes:
        """Write one card."""
        if self._with_data is not None and isinstance(card, Card | CardContent):
            return self._with_data.fill(card)
        href = self.href(card.resource_name)
        content: dict[str, str] = {}
        if self._address_data is not None and isinstance(card, Card):
            data = self._address_data.xml_of(card).decode()
            content = {_ADDRESS_DATA: element(_ADDRESS_DATA, data)}
        shown: Any = (self._access, card)
        return property_response(href, CARD, self._view, shown, self._wanted, content)

    def _listed(self, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
        template = (self._template or "") % {"href": "\0", "hash": "\0"}
        before, between, after = template.split("\0")
        before += self.book_href
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[start : start + _ROWS_AT_ONCE]
            if not all_plain([name for name, _ in some]):
                some = [(quote_segment(name), content_hash) for name, content_hash in some]
            yield "".join(
                [f"{before}{name}{between}{content_hash}{after}" for name, content_hash in some]
            )

    def _listing_template(self) -> str | None:
        """Return the response of any card, with places for what differs, if that is possible."""
        wanted = self._wanted
        if _GETETAG not in wanted.names or wanted.everything:
            return None
        found: list[str] = []
        missing: list[str] = []
        for name in wanted.names:
            if name in CARD.denied:
                return None
            getter = CARD.getters.get(name)
            if name == _GETETAG:
                found.append('<D:getetag>"%(hash)s"</D:getetag>')
            elif name == _ADDRESS_DATA and self._address_data is not None:
                found.append("<CARD:address-data>%(data)s</CARD:address-data>")
            elif getter is None:
                missing.append(_literal(element(name, None)))
            elif name not in ALIKE_ON_CARDS:
                return None
            else:
                content = ALIKE_ON_CARDS[name](self._view, self._access)
                place = missing if content is None else found
                place.append(_literal(element(name, content)))
        absent = "" if wanted.minimal else "".join(missing)
        return found_response("%(href)s", "".join(found), absent)


def _literal(xml: str) -> str:
    return xml.replace("%", "%%")
