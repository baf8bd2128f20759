"""Cards as Radicale's items, which fetch their content only when somebody reads it."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import vobject
from radicale.item import Item
from radicale.item.filter import TIMESTAMP_MAX, TIMESTAMP_MIN
from radicale.storage import BaseCollection
from sqlalchemy import Connection

from sharedbooks.domain.cards import Card, CardInfo, get_cards
from sharedbooks_radicale.protocol.properties import http_date
from sharedbooks_radicale.protocol.representations import card_text
from sharedbooks_radicale.protocol.xml import characters

_logger = logging.getLogger("sharedbooks.stock")

_FETCHED_AT_ONCE = 200

Reading = Callable[[], AbstractContextManager[Connection]]
"""Gives a session, also after Radicale has left its lock."""


class CardItem(Item):
    """A card of ``collection``; ``fetch`` returns its octets when they are asked for.

    Everything else is known at once, so that no card is parsed except to be filtered.
    """

    def __init__(
        self, collection: BaseCollection, info: CardInfo, fetch: Callable[[str], bytes]
    ) -> None:
        # Item.__init__ wants the text already, and checks the path for each card anew.
        self._collection_path = collection.path
        self.collection = collection
        self.href = info.resource_name
        self.last_modified = http_date(info.changed_at)
        self._fetch = fetch
        self._text = None
        self._vobject_item = None
        self._etag = info.etag
        self._uid = info.card_uid
        self._name = "VCARD"
        self._component_name = ""
        self._time_range = (TIMESTAMP_MIN, TIMESTAMP_MAX)

    def serialize(self) -> str:
        """Return the card as it is stored, as far as XML and Unicode can say it."""
        if self._text is None:
            # Radicale writes text into its answers as it is; one character that XML cannot say,
            # and no client can read the answer, nor ever again sync the book.
            self._text = characters(card_text(self._fetch(self.href or "")))
        return self._text

    @property
    def vobject_item(self) -> Any:
        """The card as Radicale's filters read it; one they cannot read matches no property.

        Such a card comes from ``sharedbooks serve`` or an import; it must not make every query of
        its book fail.
        """
        if self._vobject_item is None:
            try:
                self._vobject_item = vobject.readOne(self.serialize())
            except Exception as error:  # noqa: BLE001 - vobject raises what it meets
                _logger.info("card %r cannot be filtered: %s", self.href, error)
                self._vobject_item = vobject.vCard()
                self._vobject_item.add("uid").value = self.uid
        return self._vobject_item


def loaded_item(collection: BaseCollection, card: Card) -> CardItem:
    """Return a card whose content is here already."""
    return CardItem(collection, card, lambda _name: card.content)


def listed_items(
    collection: BaseCollection, book_id: int, infos: Sequence[CardInfo], reading: Reading
) -> Iterator[CardItem]:
    """Yield cards that fetch their content, some hundred together, when one is read."""
    for start in range(0, len(infos), _FETCHED_AT_ONCE):
        some = infos[start : start + _FETCHED_AT_ONCE]
        batch = _Batch(book_id, [info.resource_name for info in some], reading)
        for info in some:
            yield CardItem(collection, info, batch.fetch)


class _Batch:
    """The contents of neighbouring cards, read together."""

    def __init__(self, book_id: int, names: Sequence[str], reading: Reading) -> None:
        self._book_id = book_id
        self._names = names
        self._reading = reading
        self._contents: dict[str, bytes] | None = None

    def fetch(self, name: str) -> bytes:
        """Return the content of a card, once; empty if it was deleted since it was listed."""
        if self._contents is None:
            with self._reading() as connection:
                found = get_cards(connection, self._book_id, self._names)
                self._contents = {card.resource_name: card.content for card in found}
        return self._contents.pop(name, b"")
