"""Everything that is stored about a person: cards, their history, and what else names them."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select, true

from sharedbooks.db.schema import (
    ORGANISATION_ID,
    address_books,
    audit_events,
    card_versions,
    cards,
    credentials,
    directory_books,
    directory_entries,
    login_failures,
    login_names,
    mounts,
    principals,
)
from sharedbooks.domain.principals import PrincipalKind
from sharedbooks.errors import InvalidCard
from sharedbooks.identifiers import BookReference
from sharedbooks.vcard.card import inspect_card
from sharedbooks.vcard.persons import Found, Person, find_person

_ROWS_A_STATEMENT = 100
"""Each may have a photo of some megabytes."""


class Place(StrEnum):
    """Where something about a person is."""

    CARD = "card"
    HISTORY = "history"
    ACCOUNT = "account"
    DEVICE = "device"
    HOME = "home"
    BOOK = "book"
    DIRECTORY = "directory"
    LOGIN = "login"
    AUDIT = "audit log"


@dataclass(frozen=True, slots=True)
class Trace:
    """One place that names a person.

    Attributes:
        place: what kind of place.
        book_id: the book, or None outside of books.
        book: how people name it; empty outside of books.
        book_is_deleted: whether it is in the trash.
        label: the card's resource name, or what else people know the place by.
        card_uid: UID of the card, else empty.
        display_name: what the card is called, as it was then.
        revision: of a version in history: the change that ended it; else None.
        at: when it was last changed or written, microseconds since 1970, UTC; None if unknown.
        who: who changed it last, if that is known here, else empty.
        found: which properties name the person; nothing outside of cards.
        is_own: whether it is about the person, and does not only mention them.
    """

    place: Place
    book_id: int | None
    book: str
    book_is_deleted: bool
    label: str
    card_uid: str
    display_name: str
    revision: int | None
    at: int | None
    who: str
    found: Sequence[Found]
    is_own: bool


_BOOK = (
    address_books.c.id,
    address_books.c.name,
    address_books.c.owner_id,
    principals.c.name,
    address_books.c.deletion,
    address_books.c.check_country,
)
_CARDS = (
    select(
        cards.c.id,
        *_BOOK,
        cards.c.resource_name,
        cards.c.card_uid,
        func.nullif(cards.c.revision, cards.c.revision),
        cards.c.changed_at,
        func.nullif("", ""),
        cards.c.content,
    )
    .join(address_books, address_books.c.id == cards.c.book_id)
    .join(principals, principals.c.id == address_books.c.owner_id)
    .where(cards.c.id > bindparam("after"))
    .order_by(cards.c.id)
    .limit(_ROWS_A_STATEMENT)
)
_VERSIONS = (
    select(
        card_versions.c.id,
        *_BOOK,
        card_versions.c.resource_name,
        card_versions.c.card_uid,
        card_versions.c.revision,
        card_versions.c.at,
        card_versions.c.actor_name,
        card_versions.c.content_before,
    )
    .join(address_books, address_books.c.id == card_versions.c.book_id)
    .join(principals, principals.c.id == address_books.c.owner_id)
    .where(card_versions.c.id > bindparam("after"), card_versions.c.content_before.is_not(None))
    .order_by(card_versions.c.id)
    .limit(_ROWS_A_STATEMENT)
)


def count_contents(connection: Connection) -> int:
    """Return how many cards and versions ``find_traces`` reads."""
    counted = select(func.count()).select_from(card_versions)
    versions = counted.where(card_versions.c.content_before.is_not(None))
    living = select(func.count()).select_from(cards)
    return sum(int(connection.execute(each).scalar_one()) for each in (versions, living))


def find_traces(
    connection: Connection, person: Person, advance: Callable[[int], None]
) -> Iterator[Trace]:
    """Yield every place that names a person: cards, history, then everything else.

    Cards and versions of every book are read, of members' own and of deleted ones too, in bounded
    memory.

    Args:
        connection: a snapshot of the database.
        person: whom to look for.
        advance: called with the number of cards and versions read since the last call.
    """
    for place, statement in ((Place.CARD, _CARDS), (Place.HISTORY, _VERSIONS)):
        for rows in pages(connection, statement):
            advance(len(rows))
            for row in rows:
                found = find_person(row[-1], person, row[6])
                if found:
                    yield _trace(place, row, found)
    yield from _find_accounts(connection, person)
    yield from _find_elsewhere(connection, person)


def pages(connection: Connection, statement: Select[Any]) -> Iterator[Sequence[Any]]:
    """Yield the rows of a statement, some at a time, that begins with an id beyond ``after``."""
    after = 0
    while rows := connection.execute(statement, {"after": after}).all():
        yield rows
        after = rows[-1][0]


def _trace(place: Place, row: Any, found: Sequence[Found]) -> Trace:
    (
        _, book_id, name, owner_id, owner, deletion, _country,
        resource_name, card_uid, revision, at, who, content,
    ) = row  # fmt: skip
    return Trace(
        place=place,
        book_id=book_id,
        book=str(BookReference(None if owner_id == ORGANISATION_ID else owner, name)),
        book_is_deleted=deletion != 0,
        label=resource_name,
        card_uid=card_uid,
        display_name=_display_name(content),
        revision=revision,
        at=at,
        who=who or "",
        found=found,
        is_own=any(each.is_own for each in found),
    )


def _display_name(content: bytes) -> str:
    try:
        return inspect_card(content).display_name
    except InvalidCard:
        return ""


def _find_accounts(connection: Connection, person: Person) -> Iterator[Trace]:
    statement = select(
        principals.c.name, principals.c.display_name, principals.c.email, principals.c.created_at
    ).where(principals.c.kind == PrincipalKind.USER.value)
    for name, display_name, email, created_at in connection.execute(statement).all():
        if any(person.is_named(text) for text in (name, display_name, email)):
            yield _other(Place.ACCOUNT, name, created_at, is_own=True)


def _find_elsewhere(connection: Connection, person: Person) -> Iterator[Trace]:
    for place, statement in _ELSEWHERE:
        for row in connection.execute(statement).all():
            label, at, *texts = row
            if any(person.is_mentioned(str(text)) for text in texts if text):
                yield _other(place, str(label), at, is_own=False)


_NO_MOMENT = func.nullif(0, 0)
_ELSEWHERE: tuple[tuple[Place, Select[Any]], ...] = (
    (
        Place.DEVICE,
        select(
            principals.c.name + ": " + credentials.c.label,
            credentials.c.created_at,
            credentials.c.label,
        ).join(principals, principals.c.id == credentials.c.principal_id),
    ),
    (
        Place.HOME,
        select(
            principals.c.name + "/" + mounts.c.name,
            _NO_MOMENT,
            mounts.c.name,
            mounts.c.display_name,
            mounts.c.description,
        ).join(principals, principals.c.id == mounts.c.principal_id),
    ),
    (
        Place.BOOK,
        select(
            address_books.c.name,
            address_books.c.created_at,
            address_books.c.name,
            address_books.c.display_name,
            address_books.c.description,
        ),
    ),
    (
        Place.DIRECTORY,
        select(address_books.c.name, directory_books.c.synced_at, directory_entries.c.name)
        .join(directory_books, directory_books.c.book_id == directory_entries.c.book_id)
        .join(address_books, address_books.c.id == directory_entries.c.book_id),
    ),
    (
        Place.LOGIN,
        select(login_names.c.name, _NO_MOMENT, login_names.c.name),
    ),
    (
        Place.LOGIN,
        select(
            login_failures.c.subject, login_failures.c.window_started_at, login_failures.c.subject
        ),
    ),
    (
        Place.AUDIT,
        select(audit_events.c.action, audit_events.c.at, audit_events.c.details),
    ),
)


def _other(place: Place, label: str, at: int | None, *, is_own: bool) -> Trace:
    return Trace(place, None, "", False, label, "", "", None, at, "", (), is_own)  # noqa: FBT003


def read_only_books(connection: Connection, book_ids: Collection[int]) -> list[str]:
    """Return the names of those books whose cards come from a directory."""
    statement = select(address_books.c.name).where(
        address_books.c.id.in_(book_ids), address_books.c.read_only == true()
    )
    return sorted(connection.execute(statement).scalars())
