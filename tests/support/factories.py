"""Users, books and cards for tests, and a device that works on a book as requests do."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import Connection, update

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import principals as principal_table
from sharedbooks.domain import books, cards, changes, grants, homes, principals
from sharedbooks.domain.book_access import BookAccess, get_book, open_for_writing
from sharedbooks.domain.books import Book
from sharedbooks.domain.cards import Card
from sharedbooks.domain.changes import Changes
from sharedbooks.domain.conditions import Conditions
from sharedbooks.domain.history import Actor, CardVersion, list_versions
from sharedbooks.domain.opening import Opening
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.domain.principals import Principal, PrincipalKind
from sharedbooks.domain.privileges import Privilege
from sharedbooks.domain.storing import (
    Stored,
    delete_in_place,
    move_card,
    open_place,
    put_if_unchanged,
    put_in_place,
)
from sharedbooks.identifiers import parse_book_reference

MAX_CARD_SIZE = 10_000_000


def make_new_user(database: Database, name: str = "alice", **more: str) -> Principal:
    """Make a local user who has never logged in."""
    return database.run_write(
        lambda connection: principals.add_principal(connection, PrincipalKind.USER, name, **more)
    )


def make_user(database: Database, name: str = "alice", **more: str) -> Principal:
    """Make a local user who has logged in before, and whose home is empty."""
    user = make_new_user(database, name, **more)
    moment = user.created_at
    with database.write() as connection:
        connection.execute(
            update(principal_table)
            .where(principal_table.c.id == user.id)
            .values(first_login_at=moment)
        )
    return replace(user, first_login_at=moment)


def make_group(database: Database, name: str, members: Iterable[Principal] = ()) -> Principal:
    """Make a group with ``members`` in it."""
    with database.write() as connection:
        group = principals.add_principal(connection, PrincipalKind.GROUP, name)
        for member in members:
            principals.add_member(connection, group, member)
    return group


def make_book(database: Database, reference: str = "sales", **more: str) -> Book:
    """Make a book named as on the command line: ``sales`` or ``alice/contacts``."""
    parsed = parse_book_reference(reference)
    return database.run_write(lambda connection: books.add_book(connection, parsed, **more))


def make_own_book(database: Database, user: Principal, name: str = "contacts") -> BookAccess:
    """Make a book of ``user`` that their home shows."""
    return database.run_write(lambda connection: homes.add_own_book(connection, user, name))


def give(database: Database, book: Book, grantee: Principal, privilege: Privilege) -> None:
    """Grant ``privilege`` on ``book``."""
    database.run_write(lambda connection: grants.set_grant(connection, book, grantee, privilege))


def take(database: Database, book: Book, grantee: Principal) -> None:
    """Revoke the grant on ``book``."""
    database.run_write(lambda connection: grants.remove_grant(connection, book, grantee))


def complete_home(database: Database, user: Principal) -> None:
    """Make what the user's home lacks."""
    database.run_write(
        lambda connection: homes.complete_home(
            connection, user, personal_name="contacts", personal_display_name="Contacts"
        )
    )


def look_home(database: Database, user: Principal) -> dict[str, BookAccess]:
    """Return what the user's home shows, by name, as a client's first request makes it."""
    if not database.run_read(lambda connection: homes.is_complete(connection, user)):
        complete_home(database, user)
    listed = database.run_read(lambda connection: homes.list_home(connection, user.id))
    return {access.name: access for access in listed}


def vcard(
    uid: str | None = "ann", name: str = "Ann Example", *lines: str, version: str = "3.0"
) -> bytes:
    """Return a vCard with these and ``lines``, as clients write it; no UID if that is None."""
    middle = [f"FN:{name}", *lines] if uid is None else [f"UID:{uid}", f"FN:{name}", *lines]
    whole = ["BEGIN:VCARD", f"VERSION:{version}", *middle, "END:VCARD", ""]
    return "\r\n".join(whole).encode()


@dataclass(frozen=True)
class Device:
    """A program of ``user`` that works on one book of their home, each call a transaction."""

    database: Database
    user: Principal
    book: str
    label: str = "phone"
    client: str = "DAVx5/4"

    @property
    def actor(self) -> Actor:
        """Who history says it was."""
        return Actor(self.user.id, self.user.name, self.label, self.client)

    def access(self) -> BookAccess:
        """The book as the user sees it now."""
        return self.database.run_read(lambda c: get_book(c, self.user.id, self.book))

    def put(
        self,
        name: str,
        octets: bytes,
        *,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> Stored:
        """Store a card as a request does, on conditions if any are given."""
        prepared = prepare_card(octets, max_size=MAX_CARD_SIZE)
        conditions = _conditions(if_match, if_none_match)
        seen = self.look(name)

        def work(connection: Connection) -> Stored:
            uid = prepared.facts.card_uid
            access, place = open_place(connection, self.user.id, self.book, name, uid)
            return put_in_place(connection, access, place, prepared, self.actor, conditions)

        single = None
        if seen.book is not None and self.database.spares_transactions:
            single = put_if_unchanged(seen.book, name, seen.info, prepared, self.actor, conditions)
        return self.database.run_write(work, short=True, book_id=_id(seen), single=single)

    def look(self, name: str) -> Opening:
        """Return the book, and the card if there is one, as the login of a PUT sees them."""
        seen = Opening(self.book, resource_name=name)
        seen.find_alone(self.database, self.user.name)
        return seen

    def delete(self, name: str, *, if_match: str | None = None) -> None:
        """Delete a card, on a condition if one is given."""
        conditions = _conditions(if_match, None)

        def work(connection: Connection) -> None:
            access, place = open_place(connection, self.user.id, self.book, name, None)
            delete_in_place(connection, access, place, self.actor, conditions)

        self.database.run_write(work, short=True, book_id=_id(self.look(name)))

    def move(self, name: str, new_name: str, book: str | None = None) -> Stored:
        """Move a card to another name, or to another book of the home."""

        def work(connection: Connection) -> Stored:
            source = open_for_writing(connection, self.user.id, self.book)
            target = source if book is None else open_for_writing(connection, self.user.id, book)
            return move_card(connection, source, name, target, new_name, self.actor)

        return self.database.run_write(work)

    def find(self, name: str) -> Card | None:
        """Return a card, or None."""
        with self.database.read() as connection:
            access = get_book(connection, self.user.id, self.book)
            return cards.find_card(connection, access.book_id, name)

    def get(self, name: str) -> Card:
        """Return a card that is there."""
        card = self.find(name)
        assert card is not None
        return card

    def contents(self) -> dict[str, str]:
        """Return the hash of every card, by name, as a client knows the book after a sync."""
        with self.database.read() as connection:
            access = get_book(connection, self.user.id, self.book)
            found = cards.iterate_cards(connection, access.book_id)
            return {card.resource_name: card.content_hash for card in found}

    def changes(self, token: str = "", limit: int | None = None) -> Changes:
        """Return the changes of the book since ``token``."""
        with self.database.read() as connection:
            book = get_book(connection, self.user.id, self.book)
            return changes.changes_since(
                connection, book.book_id, book.sync_key, book.revision, token, limit
            )

    def token(self) -> str:
        """Return the token for the book as it is now."""
        access = self.access()
        return changes.sync_token(access.sync_key, access.revision)

    def history(self, card_uid: str | None = None) -> list[CardVersion]:
        """Return the changes of the book, or of one card."""
        book_id = self.access().book_id
        return self.database.run_read(lambda c: list_versions(c, book_id, card_uid=card_uid))


def make_device(
    database: Database,
    privilege: Privilege = Privilege.WRITE,
    *,
    user: str = "alice",
    book: str = "sales",
) -> Device:
    """Make a user, and a book of the organisation with that privilege for them."""
    principal = make_user(database, user)
    give(database, make_book(database, book), principal, privilege)
    assert list(look_home(database, principal)) == [book]
    return Device(database, principal, book)


def join_book(database: Database, book: Book, name: str, privilege: Privilege) -> Device:
    """Make another user with that privilege on a book of the organisation."""
    principal = make_user(database, name)
    give(database, book, principal, privilege)
    assert book.name in look_home(database, principal)
    return Device(database, principal, book.name)


def _conditions(if_match: str | None, if_none_match: str | None) -> Conditions:
    return Conditions(
        None if if_match is None else frozenset({if_match}),
        None if if_none_match is None else frozenset({if_none_match}),
    )


def _id(seen: Opening) -> int | None:
    return None if seen.book is None else seen.book.book_id
