"""A card stored by one statement without a lock: just as with one, or not at all."""

import time
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, select, update

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import (
    address_books,
    card_properties,
    card_versions,
    cards,
    mounts,
    removed_names,
)
from sharedbooks.domain import books
from sharedbooks.domain.book_access import open_for_writing
from sharedbooks.domain.book_checks import Policy, set_checks
from sharedbooks.domain.conditions import UNCONDITIONAL, Conditions
from sharedbooks.domain.opening import Opening
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.domain.privileges import Privilege
from sharedbooks.domain.storing import Stored, open_place, put_if_unchanged, put_in_place
from sharedbooks.identifiers import BookReference
from tests.support.factories import (
    MAX_CARD_SIZE,
    Device,
    give,
    join_book,
    look_home,
    make_book,
    make_device,
    make_user,
    take,
    vcard,
)

pytestmark = pytest.mark.databases("postgresql")

ANN = vcard("ann", "Ann Example", "EMAIL:ann@example.org", "TEL:+41 44 1", "NOTE:x")
EDITED = vcard("ann", "Ann Example", "EMAIL:ann@example.org", "TEL:+41 44 2", "TEL:+41 44 2")


def _store(
    device: Device,
    name: str,
    octets: bytes,
    *,
    seen: Opening | None = None,
    conditions: Conditions = UNCONDITIONAL,
) -> Stored | None:
    """Store a card if its book is as it was seen; None if it was not stored."""
    seen = seen or device.look(name)
    book = seen.book
    assert book is not None
    card = prepare_card(octets, max_size=MAX_CARD_SIZE)

    def work(connection: Connection) -> Stored | None:
        return put_if_unchanged(connection, book, name, seen.info, card, device.actor, conditions)

    return device.database.run_write(lambda _: None, short=True, book_id=book.book_id, at_once=work)


def _store_with_lock(device: Device, name: str, octets: bytes) -> Stored:
    card = prepare_card(octets, max_size=MAX_CARD_SIZE)

    def work(connection: Connection) -> Stored:
        uid = card.facts.card_uid
        access, place = open_place(connection, device.user.id, device.book, name, uid)
        return put_in_place(connection, access, place, card, device.actor, UNCONDITIONAL)

    return device.database.run_write(work, short=True)


def _rows(database: Database, book: str) -> list[list[tuple[object, ...]]]:
    """Return what is stored of a book of the organisation, without ids and moments."""
    with database.read() as connection:
        book_id = books.get_book(connection, BookReference(None, book)).id
        found = []
        for table in (cards, card_properties, card_versions, removed_names):
            columns = [
                column
                for column in table.columns
                if column.name not in {"id", "card_id", "book_id", "at", "created_at", "changed_at"}
            ]
            rows = connection.execute(select(*columns).where(table.c.book_id == book_id))
            found.append(sorted((tuple(row) for row in rows), key=repr))
        revision = select(address_books.c.revision).where(address_books.c.id == book_id)
        return [*found, [tuple(connection.execute(revision).one())]]


@pytest.mark.parametrize(
    "steps",
    [
        [ANN],
        [ANN, EDITED],
        [ANN, EDITED, ANN],
        [ANN, None, EDITED],
        [ANN, vcard("ann", "Ann", "NOTE:" + "y" * 100_000, version="4.0")],
        [vcard("ann", "Ann", version="4.0"), vcard("ann", "Anne", version="4.0")],
    ],
)
def test_it_is_as_with_a_lock(database: Database, steps: list[bytes | None]) -> None:
    at_once = make_device(database)
    give(database, make_book(database, "locked"), at_once.user, Privilege.WRITE)
    assert "locked" in look_home(database, at_once.user)
    locked = Device(database, at_once.user, "locked")
    for octets in steps:
        if octets is None:
            at_once.delete("ann.vcf")
            locked.delete("ann.vcf")
            continue
        stored = _store(at_once, "ann.vcf", octets)
        assert stored is not None
        assert stored == _store_with_lock(locked, "ann.vcf", octets)
    assert _rows(database, "sales") == _rows(database, "locked")
    card = at_once.get("ann.vcf")
    assert card.content == steps[-1]
    assert card.changed_at == at_once.access().changed_at


def _set(device: Device, **values: object) -> None:
    book_id = device.access().book_id
    with device.database.write() as connection:
        connection.execute(
            update(address_books).where(address_books.c.id == book_id).values(values)
        )


def _book(device: Device) -> books.Book:
    with device.database.read() as connection:
        return books.get_book(connection, BookReference(None, device.book))


def _check(device: Device) -> None:
    book_id = device.access().book_id
    device.database.run_write(
        lambda connection: set_checks(connection, book_id, policy=Policy.REFUSE)
    )


def _rename_in_home(device: Device) -> None:
    with device.database.write() as connection:
        connection.execute(update(mounts).values(name="other"))


def _delete_book(device: Device) -> None:
    book_id = _book(device).id
    device.database.run_write(lambda connection: books.delete_book(connection, book_id))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda device: device.put("bob.vcf", vcard("bob")), id="another card"),
        pytest.param(lambda device: device.put("ann.vcf", vcard("ann", "A")), id="this card"),
        pytest.param(lambda device: device.delete("ann.vcf"), id="deleted"),
        pytest.param(lambda device: device.move("ann.vcf", "b.vcf"), id="moved"),
        pytest.param(lambda device: _set(device, read_only=True), id="read-only"),
        pytest.param(_check, id="rules"),
        pytest.param(_rename_in_home, id="other name in the home"),
        pytest.param(_delete_book, id="book deleted"),
        pytest.param(lambda d: take(d.database, _book(d), d.user), id="revoked"),
        pytest.param(lambda d: give(d.database, _book(d), d.user, Privilege.READ), id="less"),
    ],
)
@pytest.mark.parametrize("name", ["ann.vcf", "new.vcf"])
def test_what_changes_meanwhile_is_respected(
    database: Database, change: Callable[[Device], object], name: str
) -> None:
    device = make_device(database)
    device.put("ann.vcf", ANN)
    seen = device.look(name)
    change(device)
    with database.read() as connection:
        before = connection.execute(select(card_versions)).all()
    octets = EDITED if name == "ann.vcf" else vcard("new")
    assert _store(device, name, octets, seen=seen) is None
    with database.read() as connection:
        assert connection.execute(select(card_versions)).all() == before


@pytest.mark.parametrize(
    ("name", "octets", "conditions"),
    [
        pytest.param("new.vcf", ANN, UNCONDITIONAL, id="UID of another card"),
        pytest.param("ann.vcf", vcard("other"), UNCONDITIONAL, id="another UID"),
        pytest.param("ann.vcf", ANN, UNCONDITIONAL, id="the same octets"),
        pytest.param("new.vcf", vcard(None), UNCONDITIONAL, id="no UID"),
        pytest.param("four.vcf", vcard("four", "F"), UNCONDITIONAL, id="3.0 over 4.0"),
        pytest.param("ann.vcf", EDITED, Conditions(frozenset({'"0"'}), None), id="If-Match"),
        pytest.param("ann.vcf", EDITED, Conditions(None, frozenset({"*"})), id="If-None-Match"),
    ],
)
def test_what_is_not_plain_is_left_to_the_lock(
    database: Database, name: str, octets: bytes, conditions: Conditions
) -> None:
    device = make_device(database)
    device.put("ann.vcf", ANN)
    device.put("four.vcf", vcard("four", "Four", version="4.0"))
    before = _rows(database, "sales")
    assert _store(device, name, octets, conditions=conditions) is None
    assert _rows(database, "sales") == before


@pytest.mark.parametrize("privilege", [Privilege.READ, Privilege.CREATE, Privilege.EDIT_OWN])
def test_weaker_rights(database: Database, privilege: Privilege) -> None:
    device = make_device(database)
    device.put("ann.vcf", ANN)
    weaker = join_book(database, _book(device), "bob", privilege)
    assert _store(weaker, "ann.vcf", EDITED) is None
    added = _store(weaker, "own.vcf", vcard("own"))
    assert (added is not None) == (privilege > Privilege.READ)
    if privilege is Privilege.EDIT_OWN:
        assert _store(weaker, "own.vcf", vcard("own", "Edited")) is not None


def test_it_does_not_wait(database: Database) -> None:
    """Whoever waited would write with the rights of before."""
    device = make_device(database)
    device.put("ann.vcf", ANN)
    with database.write() as connection:
        open_for_writing(connection, device.user.id, device.book)
        started = time.monotonic()
        assert _store(device, "ann.vcf", EDITED) is None
        assert _store(device, "new.vcf", vcard("new")) is None
        assert time.monotonic() - started < 10
    assert _store(device, "ann.vcf", EDITED) is not None


def test_what_is_not_the_cards_does_not_matter(database: Database) -> None:
    device = make_device(database)
    device.put("ann.vcf", ANN)
    seen = device.look("ann.vcf")
    _set(device, display_name="Sales", description="new")
    give(database, _book(device), make_user(database, "bob"), Privilege.MANAGE)
    assert _store(device, "ann.vcf", EDITED, seen=seen) is not None
