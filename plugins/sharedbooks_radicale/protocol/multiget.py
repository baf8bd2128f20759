"""The addressbook-multiget report (RFC 6352, section 8.7)."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator

from sqlalchemy import Connection

from sharedbooks.domain.book_access import BookAccess
from sharedbooks_radicale.failures import Refused
from sharedbooks_radicale.protocol.card_responses import CardResponses
from sharedbooks_radicale.protocol.propstat import gone_response
from sharedbooks_radicale.protocol.xml import dav, text

MAX_HREFS = 100_000
"""Each is one row read; a client with more cards than this syncs."""

_CARDS_AT_ONCE = 200
"""Read together; Thunderbird may ask for a whole book, which must not be in memory at once."""


def multiget(
    connection: Connection, _access: BookAccess, root: ET.Element, cards: CardResponses
) -> Iterator[str | bytes]:
    """Write the cards asked for, in the order of their hrefs.

    What is not here, or not the member's to see, is 404 all the same.

    Raises:
        Refused: more hrefs than ``MAX_HREFS``.
    """
    asked = list(dict.fromkeys((node.text or "").strip() for node in root.iter(dav("href"))))
    if len(asked) > MAX_HREFS:
        raise Refused(
            f"A report asks for at most {MAX_HREFS} cards.",
            element="<D:number-of-matches-within-limits/>",
        )
    for start in range(0, len(asked), _CARDS_AT_ONCE):
        names = {href: cards.name_of(href) for href in asked[start : start + _CARDS_AT_ONCE]}
        wanted = [name for name in names.values() if name is not None]
        found = {card.resource_name: card for card in cards.find(connection, wanted)}
        for href, name in names.items():
            card = None if name is None else found.get(name)
            yield gone_response(text(href)) if card is None else cards.of(card)
