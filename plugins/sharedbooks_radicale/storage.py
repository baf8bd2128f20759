"""Radicale's seam for storage: paths become homes, books and cards of one member."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from radicale.config import Configuration
from radicale.item import Item
from radicale.storage import BaseCollection, BaseStorage
from sqlalchemy import Connection

from sharedbooks.domain.book_access import BookAccess, find_book
from sharedbooks.domain.books import list_books, lock_book
from sharedbooks.domain.cards import find_card, iterate_cards
from sharedbooks.domain.homes import add_own_book, list_home
from sharedbooks.domain.prepared_cards import hash_content, safe_resource_name
from sharedbooks.domain.principals import Principal
from sharedbooks.domain.storing import may_edit, move_card
from sharedbooks.errors import AccessDenied, Conflict, NotFound
from sharedbooks.identifiers import parse_resource_name
from sharedbooks.runtime import Runtime
from sharedbooks_radicale.collection import BOOK_TAG, Collection, Fixed, Home, read_wishes
from sharedbooks_radicale.items import loaded_item
from sharedbooks_radicale.scope import current_connection, current_member, using
from sharedbooks_radicale.stock import (
    CONFIG_OPTION,
    change,
    complete_home,
    find_user,
    plugin_schema,
    reading,
    shared_runtime,
)

PLUGIN_CONFIG_SCHEMA = plugin_schema("storage")

_logger = logging.getLogger("sharedbooks.stock")

_method: ContextVar[str] = ContextVar("method", default="")
"""The HTTP method for which Radicale holds its lock for writing."""


class Storage(BaseStorage):
    """Shows every member one home with their own books and those granted to them.

    A path is ``/<member>/<mounted name>/<resource name>``. Radicale's lock is a database session:
    a snapshot to read, one transaction to write.
    """

    _is_collision_free = True
    _supports_unicode = True
    _supports_trailing_whitespace = True
    _supports_problematic_chars = True

    def __init__(self, configuration: Configuration, runtime: Runtime | None = None) -> None:
        super().__init__(configuration.copy(PLUGIN_CONFIG_SCHEMA))
        if self.configuration.get("sharing", "type") != "none":
            # It would act in the owner's name, past grants and history.
            raise RuntimeError(
                "Radicale's own sharing does not work with sharedbooks: set [sharing] type = none"
                " and use 'sharedbooks grant'."
            )
        self._runtime = runtime or shared_runtime(self.configuration.get("storage", CONFIG_OPTION))

    @contextmanager
    def acquire_lock(
        self,
        mode: str,
        user: str = "",  # noqa: ARG002
        *args: Any,  # noqa: ARG002
        **kwargs: Any,
    ) -> Iterator[None]:
        """Open the request's session, or join the one it has.

        For writing, the books in the paths that Radicale tells are locked, always in the same
        order, before anything is read: the privileges found afterwards are those that count.
        """
        if current_connection() is not None:
            yield
            return
        database = self._runtime.database
        if mode == "r":
            with database.read() as connection, using(connection):
                yield
            return
        with database.write() as connection, using(connection), _for_method(kwargs.get("request")):
            self._lock_books(connection, kwargs.get("path"), kwargs.get("to_path"))
            yield

    def _lock_books(self, connection: Connection, *paths: str | None) -> None:
        named = [_segments(path) for path in paths if path]
        found = {
            access.book_id
            for home, name, *_ in (segments for segments in named if len(segments) > 1)
            if (access := self._find_access(connection, home, name)) is not None
        }
        for book_id in sorted(found):
            # One deleted meanwhile is not found by what follows either.
            with suppress(NotFound):
                lock_book(connection, book_id)

    def _find_access(self, connection: Connection, home: str, name: str) -> BookAccess | None:
        user = find_user(connection, home)
        return None if user is None else find_book(connection, user.id, name)

    def discover(
        self,
        path: str,
        depth: str = "0",
        child_context_manager: (  # noqa: ARG002
            Callable[[str, str | None], AbstractContextManager[None]] | None
        ) = None,
        user_groups: set[str] | None = None,  # noqa: ARG002
    ) -> Iterator[Item | BaseCollection]:
        """Yield what is at ``path``, then, unless ``depth`` is "0", what is directly below.

        Nothing below is looked for before it is asked for: most callers take the first alone.
        """
        with reading(self._runtime) as connection:
            match _segments(path):
                case []:
                    yield from self._discover_root(connection, depth)
                case [home]:
                    yield from self._discover_home(connection, home, depth)
                case [home, name]:
                    yield from self._discover_book(connection, home, name, depth)
                case [home, name, card]:
                    yield from self._discover_card(connection, home, name, card)

    def _discover_root(self, connection: Connection, depth: str) -> Iterator[BaseCollection]:
        yield Fixed("")
        member = current_member()
        if depth != "0" and member is not None:
            yield from self._discover_home(connection, member.user.name, "0")

    def _discover_home(
        self, connection: Connection, name: str, depth: str
    ) -> Iterator[BaseCollection]:
        user = find_user(connection, name)
        if user is None or user.first_login_at is None:
            return
        if _method.get() == "DELETE":
            yield _undeletable(name)
            return
        yield Home(user)
        if depth != "0":
            for access in list_home(connection, user.id):
                yield Collection(self._runtime, user.name, access)

    def _discover_book(
        self, connection: Connection, home: str, name: str, depth: str
    ) -> Iterator[Item | BaseCollection]:
        access = self._find_access(connection, home, name)
        if access is None:
            return
        book = Collection(self._runtime, home, access)
        yield book
        if depth != "0":
            yield from book.list_items()

    def _discover_card(
        self, connection: Connection, home: str, name: str, resource_name: str
    ) -> Iterator[Item | BaseCollection]:
        access = self._find_access(connection, home, name)
        if access is None:
            return
        card = find_card(connection, access.book_id, resource_name)
        if card is None:
            return
        if _method.get() == "DELETE" and not may_edit(access, card.creator_id):
            yield _undeletable(f"{home}/{name}/{resource_name}")
        else:
            yield loaded_item(Collection(self._runtime, home, access), card)

    def create_collection(
        self,
        href: str,
        items: Iterable[Item] | None = None,
        props: Mapping[str, str] | None = None,
    ) -> tuple[BaseCollection, dict[str, Item], list[str]]:
        """Make a member's home, or a book of their own with ``items`` in it, all or nothing.

        Raises:
            ValueError: it is no address book in a home, or there is something already.
        """
        with change() as connection:
            match _segments(href):
                case [home]:
                    return self._open_home(connection, home), {}, []
                case [home, name] if (user := find_user(connection, home)) is not None:
                    book = self._make_book(connection, user, name, props or {})
                    return book, {}, _fill(connection, book, items or ())
            raise AccessDenied("Address books are made in one's home only.", privileges=["bind"])

    def _open_home(self, connection: Connection, name: str) -> Home:
        user = find_user(connection, name)
        if user is None:
            raise ValueError(f"There is no user {name!r}; log in with sharedbooks_radicale.auth.")
        complete_home(connection, self._runtime.config, user)
        return Home(user)

    def _make_book(
        self, connection: Connection, user: Principal, name: str, props: Mapping[str, str]
    ) -> Collection:
        if props.get("tag") != BOOK_TAG:
            raise AccessDenied("Only address books are kept here.", privileges=["bind"])
        if find_book(connection, user.id, name) is not None:
            raise Conflict(f"There is already an address book {name!r} here.")
        wishes = read_wishes({}, {key: value for key, value in props.items() if key != "tag"})
        access = add_own_book(
            connection,
            user,
            name,
            display_name=wishes.display_name or "",
            description=wishes.description or "",
            properties={key: xml for key, xml in wishes.dead.items() if xml is not None},
        )
        return Collection(self._runtime, user.name, access)

    def move(self, item: Item, to_collection: BaseCollection, to_href: str) -> None:
        """Move a card, replacing what is there.

        Raises:
            ValueError: the member may not take it away or not put it there.
        """
        source = item.collection
        if not isinstance(source, Collection) or not isinstance(to_collection, Collection):
            raise ValueError("Cards are kept in address books only.")  # noqa: TRY004 - Radicale's
        with change() as connection:
            name = parse_resource_name(to_href)
            move_card(
                connection,
                source.access,
                item.href or "",
                to_collection.access,
                name,
                to_collection.actor(),
            )

    def verify(self) -> bool:
        """Return whether the content of every card is what was stored; name those that are not."""
        intact = True
        with reading(self._runtime) as connection:
            for book in list_books(connection):
                for card in iterate_cards(connection, book.id):
                    if hash_content(card.content) != card.content_hash:
                        _logger.error("%s: card %r is damaged", book.reference, card.resource_name)
                        intact = False
        return intact


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


def _undeletable(path: str) -> Fixed:
    """Return what stands for something that may not be deleted, so that the answer is 403.

    Asked to delete a card, Radicale looks at the letters of its book alone, and an error from
    ``delete`` ends as 500. A tagged collection needs ``w`` on its own path, which neither cards
    nor homes have.
    """
    return Fixed(path, BOOK_TAG)


def _fill(connection: Connection, book: Collection, items: Iterable[Item]) -> list[str]:
    names: list[str] = []
    for item in items:
        name = safe_resource_name(item.uid, names)
        book.put(connection, name, item)
        names.append(name)
    return names


@contextmanager
def _for_method(method: str | None) -> Iterator[None]:
    token = _method.set(method or "")
    try:
        yield
    finally:
        _method.reset(token)
