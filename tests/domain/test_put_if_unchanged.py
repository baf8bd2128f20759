"""A card stored by one statement without a lock: just as with one, or not at all."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, select, text, update

from sharedbooks.db.engine import Database
from sharedbooks.db.prepared import SingleWrite
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
from sharedbooks.domain.conditions import UNCONDITIONAL, Conditions, make_etag
from sharedbooks.domain.opening import Opening
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.domain.privileges import Privilege
from sharedbooks.domain.storing import Stored, open_place, put_if_unchanged, put_in_place
from sharedbooks.errors import PreconditionFailed
from sharedbooks.identifiers import BookReference
from tests.support.contents import waits_at_the_gate
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
from tests.support.network import wait_for

pytestmark = pytest.mark.databases("postgresql")

ANN = vcard("ann", "Ann Example", "EMAIL:ann@example.org", "TEL:+41 44 1", "NOTE:x")
OTHER = vcard("ann", "Ann Other")
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
    assert seen.book is not None
    single = _prepare(device, name, octets, seen, conditions)

    def otherwise(_: Connection) -> Stored | None:
        return None

    return device.database.run_write(
        otherwise, short=True, book_id=seen.book.book_id, single=single
    )


def _prepare(
    device: Device,
    name: str,
    octets: bytes,
    seen: Opening,
    conditions: Conditions = UNCONDITIONAL,
) -> SingleWrite[Stored] | None:
    assert seen.book is not None
    card = prepare_card(octets, max_size=MAX_CARD_SIZE)
    return put_if_unchanged(seen.book, name, seen.info, card, device.actor, conditions)


def _run(single: SingleWrite[Stored], connection: Connection) -> Stored | None:
    """Run the statement as it is; return what it has stored."""
    rows = single.statement.all(connection, single.parameters())
    return single.outcome(rows[0]) if rows else None


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


_BOOK_CHANGES: dict[str, Callable[[Device], object]] = {
    "read-only": lambda device: _set(device, read_only=True),
    "rules": _check,
    "other name in the home": _rename_in_home,
    "book deleted": _delete_book,
    "revoked": lambda device: take(device.database, _book(device), device.user),
    "less": lambda device: give(device.database, _book(device), device.user, Privilege.READ),
}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        pytest.param("ann.vcf", lambda d: d.put("ann.vcf", vcard("ann", "A")), id="edited"),
        pytest.param("ann.vcf", lambda d: d.delete("ann.vcf"), id="deleted"),
        pytest.param("ann.vcf", lambda d: d.move("ann.vcf", "b.vcf"), id="moved"),
        pytest.param("new.vcf", lambda d: d.put("new.vcf", vcard("other")), id="name taken"),
        pytest.param("new.vcf", lambda d: d.put("other.vcf", vcard("new")), id="UID taken"),
        *(
            pytest.param(name, change, id=f"{what}, {name}")
            for name in ("ann.vcf", "new.vcf")
            for what, change in _BOOK_CHANGES.items()
        ),
    ],
)
def test_what_changes_meanwhile_is_respected(
    database: Database, name: str, change: Callable[[Device], object]
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
    ("name", "octets"),
    [
        pytest.param("new.vcf", ANN, id="UID of another card"),
        pytest.param("ann.vcf", vcard("other"), id="another UID"),
        pytest.param("ann.vcf", ANN, id="the same octets"),
        pytest.param("new.vcf", vcard(None), id="no UID"),
        pytest.param("four.vcf", vcard("four", "F"), id="3.0 over 4.0"),
    ],
)
def test_what_is_not_plain_is_left_to_the_lock(
    database: Database, name: str, octets: bytes
) -> None:
    device = make_device(database)
    device.put("ann.vcf", ANN)
    device.put("four.vcf", vcard("four", "Four", version="4.0"))
    before = _rows(database, "sales")
    assert _store(device, name, octets) is None
    assert _rows(database, "sales") == before


@pytest.mark.parametrize(
    "conditions", [Conditions(frozenset({'"0"'}), None), Conditions(None, frozenset({"*"}))]
)
def test_conditions_are_of_what_was_seen(database: Database, conditions: Conditions) -> None:
    device = make_device(database)
    device.put("ann.vcf", ANN)
    with pytest.raises(PreconditionFailed):
        _prepare(device, "ann.vcf", EDITED, device.look("ann.vcf"), conditions)
    # What the member may not do is not told by a condition.
    weaker = join_book(database, _book(device), "bob", Privilege.READ)
    assert _prepare(weaker, "ann.vcf", EDITED, weaker.look("ann.vcf"), conditions) is None


def _if_match(*contents: bytes) -> Conditions:
    hashes = [prepare_card(each, max_size=MAX_CARD_SIZE).content_hash for each in contents]
    return Conditions(frozenset(map(make_etag, hashes)))


def test_it_tells_that_the_card_is_another_by_then(database: Database) -> None:
    device = make_device(database)
    device.put("ann.vcf", ANN)
    seen = device.look("ann.vcf")
    device.put("ann.vcf", OTHER)
    with pytest.raises(PreconditionFailed, match="If-Match"):
        _store(device, "ann.vcf", EDITED, seen=seen, conditions=_if_match(ANN))
    for conditions in (UNCONDITIONAL, _if_match(ANN, OTHER)):
        assert _store(device, "ann.vcf", EDITED, seen=seen, conditions=conditions) is None
    assert device.get("ann.vcf").content == OTHER
    device.put("ann.vcf", ANN)
    assert _store(device, "ann.vcf", EDITED, seen=seen, conditions=_if_match(ANN)) is None
    device.delete("ann.vcf")
    assert _store(device, "ann.vcf", EDITED, seen=seen, conditions=_if_match(ANN)) is None


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


def test_it_waits_for_nobody(database: Database) -> None:
    device = make_device(database)
    device.put("ann.vcf", ANN)
    edit = _prepare(device, "ann.vcf", EDITED, device.look("ann.vcf"))
    add = _prepare(device, "new.vcf", vcard("new"), device.look("new.vcf"))
    assert edit is not None
    assert add is not None
    with database.write() as connection, database.write() as other:
        open_for_writing(connection, device.user.id, device.book)
        other.execute(text("SET LOCAL lock_timeout = 1"))
        assert _run(edit, other) is None
        assert _run(add, other) is None
    assert _store(device, "ann.vcf", EDITED) is not None


@contextmanager
def _gate(database: Database) -> Iterator[None]:
    """Have statements that change a book wait at a gate, once they have begun, if told to."""
    with database.write() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " IF current_setting('test.stops', true) = 'yes' THEN"
                " PERFORM pg_advisory_xact_lock(1); END IF; RETURN NULL; END $$"
            )
        )
        connection.execute(
            text(
                "CREATE TRIGGER stopping BEFORE UPDATE ON address_books"
                " FOR EACH STATEMENT EXECUTE FUNCTION stop()"
            )
        )
    yield
    with database.write() as connection:
        connection.execute(text("DROP FUNCTION stop() CASCADE"))


@pytest.mark.parametrize("name", ["ann.vcf", "new.vcf"])
def test_what_changes_between_its_look_and_its_lock(database: Database, name: str) -> None:
    """What a statement sees is what was there when it began; what it locks is what is there now."""
    device = make_device(database)
    device.put("ann.vcf", ANN)
    uid = name.removesuffix(".vcf")
    single = _prepare(device, name, vcard(uid, "Late"), device.look(name))
    assert single is not None
    with _gate(database), ThreadPoolExecutor(1) as pool, database.write() as gate:
        gate.execute(text("SELECT pg_advisory_xact_lock(1)"))

        def run() -> Stored | None:
            with database.write() as connection:
                connection.execute(text("SET LOCAL test.stops = 'yes'"))
                return _run(single, connection)

        late = pool.submit(run)
        wait_for(lambda: waits_at_the_gate(database), 10, "the statement at the gate")
        device.put(name, vcard(uid, "Early"))
        gate.rollback()
        assert late.result(10) is None
    assert b"Early" in device.get(name).content
    assert [version.revision for version in device.history()] == [1, 2]


@pytest.mark.parametrize("name", ["ann.vcf", "new.vcf"])
def test_what_is_not_the_cards_does_not_matter(database: Database, name: str) -> None:
    device = make_device(database)
    device.put("ann.vcf", ANN)
    seen = device.look(name)
    device.put("bob.vcf", vcard("bob"))
    _set(device, display_name="Sales", description="new")
    give(database, _book(device), make_user(database, "bob"), Privilege.MANAGE)
    octets = EDITED if name == "ann.vcf" else vcard("new")
    assert _store(device, name, octets, seen=seen) is not None
