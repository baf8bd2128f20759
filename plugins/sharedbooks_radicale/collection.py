"""The root, homes and books as Radicale's collections.

They hold what they show: Radicale reads them after it has left its lock and our session is gone.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, overload

from defusedxml.ElementTree import fromstring
from radicale.item import Item
from radicale.storage import BaseCollection
from radicale.xmlutils import make_clark, make_human_tag
from sqlalchemy import Connection

from sharedbooks.domain import cards, storing
from sharedbooks.domain.book_access import BookAccess
from sharedbooks.domain.changes import changes_since, sync_token
from sharedbooks.domain.history import Actor
from sharedbooks.domain.homes import delete_own_book, describe_book
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.domain.principals import Principal, get_user, lock_principal, set_properties
from sharedbooks.errors import AccessDenied, InvalidName, InvalidSyncToken, StoreFull
from sharedbooks.identifiers import parse_resource_name
from sharedbooks.runtime import Runtime
from sharedbooks_radicale.items import CardItem, listed_items, loaded_item
from sharedbooks_radicale.protocol.patch import MAX_DEAD_PROPERTIES
from sharedbooks_radicale.protocol.principals import HOME
from sharedbooks_radicale.protocol.properties import BOOK, ctag, http_date
from sharedbooks_radicale.scope import current_member
from sharedbooks_radicale.stock import change, reading, refusal

BOOK_TAG = "VADDRESSBOOK"

_DISPLAYNAME = "D:displayname"
_DESCRIPTION = "CR:addressbook-description"
_MAX_RESOURCE_SIZE = "CR:max-resource-size"
_LIVE = frozenset(make_human_tag(name) for name in (*BOOK.getters, *HOME.getters))


class _Tag(str):
    """The tag we gave to Radicale, to be told from an equal one that a client sent."""

    __slots__ = ()


_GIVEN_TAG = _Tag(BOOK_TAG)


class Fixed(BaseCollection):
    """A collection without cards that nothing can be done to: the root, for instance.

    Args:
        path: without slashes at its ends.
        tag: empty for a plain folder.
    """

    def __init__(self, path: str, tag: str = "") -> None:
        self._path = path
        self._fixed_tag = tag

    @property
    def path(self) -> str:
        """The path without slashes at its ends."""
        return self._path

    @property
    def tag(self) -> str:
        """Radicale's name for the kind of collection."""
        return self._fixed_tag

    @property
    def etag(self) -> str:
        """An entity tag, in quotes."""
        return '"fixed"'

    @property
    def last_modified(self) -> str:
        """The moment of the last change as HTTP writes it."""
        return http_date(0)

    @overload
    def get_meta(self, key: None = None) -> Mapping[str, str]: ...

    @overload
    def get_meta(self, key: str) -> str | None: ...

    def get_meta(self, key: str | None = None) -> Mapping[str, str] | str | None:
        """Return one property, or all."""
        meta = self._meta()
        return meta if key is None else meta.get(key)

    def _meta(self) -> dict[str, str]:
        return {}

    def set_meta(self, props: Mapping[str, str]) -> None:  # noqa: ARG002
        """Refuse."""
        raise _refused()

    def get_multi(self, hrefs: Iterable[str]) -> Iterable[tuple[str, Item | None]]:
        """Yield that none of ``hrefs`` is here."""
        return ((href, None) for href in hrefs)

    def get_all(self) -> Iterable[Item]:
        """Return no items."""
        return ()

    def has_uid(self, uid: str) -> bool:  # noqa: ARG002
        """Return False."""
        return False

    def upload(self, href: str, item: Item) -> tuple[Item, Item | None]:  # noqa: ARG002
        """Refuse."""
        raise _refused()

    def delete(self, href: str | None = None) -> None:  # noqa: ARG002
        """Refuse."""
        raise _refused()


class Home(Fixed):
    """A member's home and principal; ``user`` is the member."""

    def __init__(self, user: Principal) -> None:
        super().__init__(user.name)
        self._user = user

    def _meta(self) -> dict[str, str]:
        return {_DISPLAYNAME: self._user.display_name} | _to_radicale(self._user.properties)

    def set_meta(self, props: Mapping[str, str]) -> None:
        """Store the properties that clients keep in the home.

        Raises:
            ValueError: one of them is the server's to set.
        """
        with change() as connection:
            wishes = read_wishes(self._meta(), props)
            if wishes.display_name is not None:
                raise _denied("The administrator names people.")
            lock_principal(connection, self._user.id)
            kept = {**get_user(connection, self._user.name).properties, **wishes.dead}
            properties = {name: value for name, value in kept.items() if value is not None}
            set_properties(connection, self._user.id, properties)


class Collection(Fixed):
    """A book as one member sees it, at ``/<home>/<book>/``.

    Args:
        runtime: where it is read from once Radicale has left its lock.
        home: name of the member.
        access: the book; locked by this transaction if it is going to be changed.
    """

    def __init__(self, runtime: Runtime, home: str, access: BookAccess) -> None:
        super().__init__(f"{home}/{access.name}", BOOK_TAG)
        self._runtime = runtime
        self._home = home
        self.access = access

    @property
    def owner(self) -> str:
        """The member's name for a book of their own; no other owner's home can be seen."""
        return self._home if self.access.owned else ""

    @property
    def etag(self) -> str:
        """An entity tag, in quotes, that changes with the cards and with the privilege."""
        return f'"{ctag(self.access)}"'

    @property
    def last_modified(self) -> str:
        """The moment of the last change as HTTP writes it."""
        return http_date(self.access.changed_at)

    def reading(self) -> AbstractContextManager[Connection]:
        """Give the request's session, or one of our own after it."""
        return reading(self._runtime)

    def sync(self, old_token: str = "") -> tuple[str, Iterable[str]]:
        """Return the sync token and the names changed or removed since ``old_token``.

        Without an old one the names are read only if they are wanted: Radicale asks so for the
        property ``D:sync-token`` too, after its lock.

        Raises:
            ValueError: the old token is none of this book.
        """
        access = self.access
        if not old_token:
            return sync_token(access.sync_key, access.revision), self._names()
        try:
            with self.reading() as connection:
                changes = changes_since(
                    connection, access.book_id, access.sync_key, access.revision, old_token
                )
        except InvalidSyncToken as error:
            raise refusal(error) from error
        return changes.token, [*(name for name, _ in changes.changed), *changes.removed]

    def _names(self) -> Iterator[str]:
        for info in self._infos():
            yield info.resource_name

    def _infos(self) -> list[cards.CardInfo]:
        with self.reading() as connection:
            return cards.list_cards(connection, self.access.book_id)

    def list_items(self) -> Iterator[CardItem]:
        """Yield every card without its content."""
        return listed_items(self, self.access.book_id, self._infos(), self.reading)

    def get_multi(self, hrefs: Iterable[str]) -> Iterable[tuple[str, Item | None]]:
        """Return each of ``hrefs`` once, with its card, content included, or None."""
        names = list(dict.fromkeys(hrefs))
        usable = [name for name in names if _is_name(name)]
        with self.reading() as connection:
            found = {
                card.resource_name: loaded_item(self, card)
                for card in cards.get_cards(connection, self.access.book_id, usable)
            }
        return [(name, found.get(name)) for name in names]

    def get_all(self) -> Iterable[Item]:
        """Return every card with its content."""
        with self.reading() as connection:
            found = cards.iterate_cards(connection, self.access.book_id)
            return [loaded_item(self, card) for card in found]

    def serialize(
        self,
        vcf_to_ics: bool = False,  # noqa: ARG002, FBT001, FBT002
        ShareActions: dict[str, Any] | None = None,  # noqa: ARG002, N803
    ) -> str:
        """Return the whole book as one file."""
        texts = (item.serialize() for item in self.get_all())
        return "".join(text if text.endswith("\n") else f"{text}\r\n" for text in texts)

    def has_uid(self, uid: str) -> bool:
        """Return whether a card has that UID."""
        with self.reading() as connection:
            name = cards.find_name_of_uid(connection, self.access.book_id, uid.strip())
        return name is not None

    def upload(self, href: str, item: Item) -> tuple[Item, Item | None]:
        """Store a card; return it as stored, and the one it replaces.

        Raises:
            ValueError: the member may not, or it is no card that is kept.
        """
        book_id = self.access.book_id
        with change() as connection:
            before = cards.find_card(connection, book_id, href)
            self.put(connection, href, item)
            after = cards.get_card(connection, book_id, href)
        return loaded_item(self, after), None if before is None else loaded_item(self, before)

    def put(self, connection: Connection, name: str, item: Item) -> None:
        """Store ``item`` as the card ``name``.

        Raises:
            SharedbooksError: see ``prepare_card`` and ``put_card``.
        """
        max_size = self._runtime.config.books.max_card_size
        prepared = prepare_card(item.serialize().encode(), max_size=max_size)
        storing.put_card(connection, self.access, parse_resource_name(name), prepared, self.actor())

    def delete(self, href: str | None = None) -> None:
        """Delete a card, or put the book into the trash.

        Raises:
            ValueError: there is no such card, or the member may not.
        """
        access, noticed = self.access, None
        with change() as connection:
            if href is None:
                delete_own_book(connection, access)
            else:
                storing.delete_card(connection, access, href, self.actor())
                watch = self._runtime.deletions
                noticed = watch.look(connection, access.book_id, self.actor())
        if noticed is not None:
            noticed.warn()

    def actor(self) -> Actor:
        """Return who history says it was."""
        member = current_member()
        if member is not None and member.user.id == self.access.user_id:
            return member.actor
        return Actor(self.access.user_id, self._home, "", "")

    def _meta(self) -> dict[str, str]:
        access = self.access
        shown = {_DISPLAYNAME: access.display_name, _DESCRIPTION: access.description}
        return {
            "tag": _GIVEN_TAG,
            _MAX_RESOURCE_SIZE: str(self._runtime.config.books.max_card_size),
            **{name: value for name, value in shown.items() if value},
            **_to_radicale(access.properties),
        }

    def set_meta(self, props: Mapping[str, str]) -> None:
        """Change how the book presents itself, for everyone or for the member alone.

        Raises:
            ValueError: a property is the server's to set, and none is changed.
        """
        with change() as connection:
            wishes = read_wishes(self._meta(), props)
            describe_book(
                connection,
                self.access,
                # Some apps do not show a book without a name: it gets its own name back.
                display_name=self.access.name if wishes.display_name == "" else wishes.display_name,
                description=wishes.description,
                properties=wishes.dead,
            )


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a client wants a book or home to say of itself.

    ``display_name`` and ``description`` are None where they shall stay, empty where they shall go;
    ``dead`` holds other properties as the domain does, None for one that shall go.
    """

    display_name: str | None
    description: str | None
    dead: dict[str, str | None]


def read_wishes(before: Mapping[str, str], after: Mapping[str, str]) -> Wishes:
    """Return what makes ``after`` of ``before``, both as Radicale writes properties.

    Radicale stores what clients set, the server's own properties included, and makes a plain
    folder of a book whose ``D:resourcetype`` they remove. All of that is refused.

    Raises:
        AccessDenied: a property is the server's to set.
        StoreFull: more text than is kept beside a book.
    """
    wishes: dict[str, str | None] = {name: None for name in before if name not in after}
    wishes |= {name: value for name, value in after.items() if value != before.get(name)}
    if after.get("tag") is not before.get("tag"):
        # An equal one: Radicale would answer 400 after it has stored the other properties.
        wishes["tag"] = None
    protected = sorted(name for name in wishes if _is_protected(name))
    if protected:
        raise _denied(f"The server's own properties cannot be set: {', '.join(protected)}.")
    if sum(map(len, after.values())) > MAX_DEAD_PROPERTIES:
        raise StoreFull("These properties take too much space.")
    return Wishes(
        wishes.pop(_DISPLAYNAME) or "" if _DISPLAYNAME in wishes else None,
        wishes.pop(_DESCRIPTION) or "" if _DESCRIPTION in wishes else None,
        {make_clark(name): _to_xml(name, value) for name, value in wishes.items()},
    )


def _is_protected(name: str) -> bool:
    if name in {_DISPLAYNAME, _DESCRIPTION}:
        return False
    return name == "tag" or name.startswith("D:") or name in _LIVE


def _to_xml(name: str, value: str | None) -> str | None:
    if value is None:
        return None
    element = ET.Element(make_clark(name))
    element.text = value
    return ET.tostring(element, encoding="unicode")


def _to_radicale(properties: Mapping[str, str]) -> dict[str, str]:
    """Return dead properties as Radicale knows them: names with its prefixes, text alone."""
    return {
        make_human_tag(name): "".join(fromstring(xml).itertext())
        for name, xml in properties.items()
        # Radicale has no way to write a name without a namespace.
        if name.startswith("{")
    }


def _refused() -> ValueError:
    return refusal(_denied("This collection cannot be changed."))


def _denied(sentence: str) -> AccessDenied:
    return AccessDenied(sentence, privileges=["write-properties"])


def _is_name(text: str) -> bool:
    try:
        parse_resource_name(text)
    except InvalidName:
        return False
    return True
