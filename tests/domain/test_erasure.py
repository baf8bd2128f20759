"""Finding all that is stored about a person, and erasing it with its history."""

import json
from collections.abc import Iterable

import pytest
from sqlalchemy import insert, inspect, select, text, update

from sharedbooks.db import schema
from sharedbooks.db.search_index import settle_texts
from sharedbooks.domain import books, credentials, homes
from sharedbooks.domain.audit import Event, iterate_events, log_event
from sharedbooks.domain.book_access import get_book
from sharedbooks.domain.changes import changes_since
from sharedbooks.domain.erasure import (
    Erased,
    Target,
    erase,
    find_referring,
    find_targets,
    redact_events,
)
from sharedbooks.domain.erasure_records import ErasureRecord, make_record, read_records
from sharedbooks.domain.history import Action, Actor
from sharedbooks.domain.people import Place, Trace, count_contents, find_traces
from sharedbooks.domain.search import search_cards
from sharedbooks.errors import InvalidSyncToken
from sharedbooks.vcard.filters import CardFilter, PropFilter, TextMatch
from sharedbooks.vcard.persons import Person, parse_person
from tests.support.factories import Device, make_own_book, make_user, vcard

MAIL = "ann@private.example"
UID = "0d3c1c1e-5b1f-4a52-9a3c-64a3f0a4c111"
ANN = vcard(UID, "Ann Example", f"EMAIL:{MAIL}", "TEL:+41446681800", "NOTE:secret thing")
BOB = vcard("bob", "Bob")
TEAM = vcard(
    "team", "Team", "KIND:group", f"MEMBER:urn:uuid:{UID}", "MEMBER:urn:uuid:bob", version="4.0"
)
ROOT = Actor(None, "root", "", "sharedbooks privacy erase")


def _look(device: Device, person: Person) -> list[Trace]:
    with device.database.read() as connection:
        read: list[int] = []
        traces = list(find_traces(connection, person, read.append))
        assert sum(read) == count_contents(connection)
    return traces


def _erase(device: Device, person: Person, targets: Iterable[Target]) -> Erased:
    wanted = list(targets)
    with device.database.read() as connection:
        referring = find_referring(connection, wanted, person.is_named)
    return device.database.run_write(lambda c: erase(c, ROOT, wanted, referring, person.is_named))


def _own(traces: Iterable[Trace]) -> set[Target]:
    return {Target(t.book_id, t.card_uid) for t in traces if t.is_own and t.book_id is not None}


def _everything(device: Device) -> str:
    """Return every value of every table, as text."""
    with device.database.read() as connection:
        tables = inspect(connection).get_table_names()
        rows = [connection.execute(text(f"SELECT * FROM {name}")).all() for name in tables]  # noqa: S608
    return str(rows)


@pytest.fixture
def ann(device: Device) -> Device:
    """A book with Ann, who was changed once, and a group with her in it."""
    device.put(f"{UID}.vcf", ANN)
    device.put(f"{UID}.vcf", ANN.replace(b"secret thing", b"hidden thing"))
    device.put("bob.vcf", BOB)
    device.put("team.vcf", TEAM)
    device.database.run_write(settle_texts)
    return device


def test_every_place_is_found(ann: Device) -> None:
    database = ann.database
    carol = make_user(database, "carol", email=MAIL.upper())
    own = make_own_book(database, carol)
    private = Device(database, carol, own.name)
    private.put("a.vcf", ANN)
    private.delete("a.vcf")
    private.put("note.vcf", vcard("note", "Note", f"NOTE:see {MAIL}"))
    with database.write() as connection:
        credentials.add_device(connection, carol, f"phone of {MAIL}")
        homes.describe_book(
            connection,
            get_book(connection, carol.id, own.name),
            display_name=f"Not for {MAIL}",
            description=None,
            properties={},
        )
        connection.execute(
            text("INSERT INTO login_failures VALUES (:subject, 1, 5)"), {"subject": f"user {MAIL}"}
        )
        log_event(connection, Event(5, "root", "card restore", {"card": f"{MAIL}.vcf"}))
        books.delete_book(connection, own.book_id)
    traces = _look(ann, parse_person(MAIL))
    places = [(t.place, t.book, t.book_is_deleted, t.label, t.is_own) for t in traces]
    assert places == [
        (Place.CARD, "sales", False, f"{UID}.vcf", True),
        (Place.CARD, "carol/contacts", True, "note.vcf", False),
        (Place.HISTORY, "sales", False, f"{UID}.vcf", True),
        (Place.HISTORY, "carol/contacts", True, "a.vcf", True),
        (Place.ACCOUNT, "", False, "carol", True),
        (Place.DEVICE, "", False, f"carol: phone of {MAIL}", False),
        (Place.BOOK, "", False, "contacts", False),
        (Place.LOGIN, "", False, f"user {MAIL}", False),
        (Place.AUDIT, "", False, "card restore", False),
    ]
    assert [t.revision for t in traces[:4]] == [None, None, 2, 2]
    assert traces[3].who == "carol"
    assert traces[0].found[0].value == MAIL


def test_people_are_found_by_phone_and_name(ann: Device) -> None:
    for other in ("+41 44 668 18 00", "example ANN"):
        assert _own(_look(ann, parse_person(other))) == _own(_look(ann, parse_person(MAIL)))


def test_nothing_of_an_erased_card_is_left(ann: Device) -> None:
    person = parse_person(MAIL)
    token = ann.token()
    erased = _erase(ann, person, _own(_look(ann, person)))
    assert erased == Erased(cards=1, versions=2, references=1, books=1)
    assert _look(ann, person) == []
    left = _everything(ann)
    for gone in (MAIL, "secret thing", "hidden thing", "Ann Example", "ann example"):
        assert gone not in left
    assert f"urn:uuid:{UID}" not in left
    told = ann.changes(token)
    assert told.removed == [f"{UID}.vcf"]
    assert [name for name, _ in told.changed] == ["team.vcf"]
    assert set(ann.contents()) == {"bob.vcf", "team.vcf"}
    wanted = CardFilter((PropFilter("EMAIL", texts=(TextMatch("private"),)),))
    with ann.database.read() as connection:
        assert list(search_cards(connection, ann.access().book_id, wanted)) == []


def test_a_group_loses_the_member_now_and_in_its_history(ann: Device) -> None:
    person = parse_person(MAIL)
    _erase(ann, person, _own(_look(ann, person)))
    without = TEAM.replace(f"MEMBER:urn:uuid:{UID}\r\n".encode(), b"")
    assert ann.get("team.vcf").content == without
    made, edited = ann.history("team")
    assert (made.action, edited.action) == (Action.CREATE, Action.EDIT)
    assert edited.content_before == without
    assert edited.actor_name == "root"


def test_a_card_in_the_trash_and_a_deleted_book_are_erased(ann: Device) -> None:
    person = parse_person(MAIL)
    ann.delete(f"{UID}.vcf")
    with ann.database.write() as connection:
        books.delete_book(connection, ann.access().book_id)
    erased = _erase(ann, person, _own(_look(ann, person)))
    assert (erased.cards, erased.versions) == (0, 3)
    assert MAIL not in _everything(ann)


def test_a_name_that_tells_who_it_was_is_forgotten(device: Device) -> None:
    device.put("Ann Example.vcf", ANN)
    token, person = device.token(), parse_person(MAIL)
    _erase(device, person, _own(_look(device, person)))
    assert "Ann Example" not in _everything(device)
    # Apps start over, since the name of what is gone cannot be told any more.
    with pytest.raises(InvalidSyncToken):
        device.changes(token)
    assert device.contents() == {}


def test_another_card_stays_as_it_is(ann: Device) -> None:
    person = parse_person(MAIL)
    before = (ann.get("bob.vcf"), ann.history("bob"))
    _erase(ann, person, _own(_look(ann, person)))
    assert (ann.get("bob.vcf"), ann.history("bob")) == before


def test_the_log_forgets_contacts_and_keeps_accounts(device: Device) -> None:
    person = parse_person(MAIL)
    with device.database.write() as connection:
        log_event(connection, Event(1, "root", "card restore", {"card": MAIL, "reference": "crm"}))
        log_event(connection, Event(2, "root", "user add", {"name": MAIL}))
        log_event(connection, Event(3, "root", "duplicates", {"texts": ["a", f"<{MAIL}>"], "n": 1}))
        assert redact_events(connection, person.is_mentioned) == 2
        events = list(iterate_events(connection, since=0, until=9))
    assert [event.details for event in events if isinstance(event, Event)] == [
        {"card": "erased", "reference": "crm"},
        {"name": MAIL},
        {"texts": "erased", "n": 1},
    ]


def test_where_cards_came_from_is_forgotten(ann: Device) -> None:
    person, book_id = parse_person(MAIL), ann.access().book_id
    with ann.database.write() as connection:
        for uid in (UID, "bob"):
            entry = {"book_id": book_id, "source_id": uid, "card_uid": uid, "is_group": False}
            texts = {"dn_hash": "", "name": f"entry of {uid}", "stamp": ""}
            connection.execute(insert(schema.directory_entries).values(**entry, **texts))
        source = {"id": 1, "book_id": book_id, "name": "file"}
        connection.execute(insert(schema.import_sources).values(source))
        for uid in (UID, "bob"):
            row = {"source_id": 1, "row_key": uid[:32], "card_uid": uid, "content_hash": ""}
            connection.execute(insert(schema.import_rows).values(**row, marks=b""))
    _erase(ann, person, _own(_look(ann, person)))
    with ann.database.read() as connection:
        for table in (schema.directory_entries, schema.import_rows):
            assert connection.execute(select(table.c.card_uid)).scalars().all() == ["bob"]


def test_merges_and_judgements_of_it_are_forgotten(ann: Device) -> None:
    person, book_id = parse_person(MAIL), ann.access().book_id
    pairs = [(UID, "x"), ("a", UID), ("a", "b")]
    with ann.database.write() as connection:
        for one, other in pairs:
            values = {"book_id": book_id, "card_uid": one, "other_book_id": book_id}
            more = {"other_uid": other, "at": 1, "actor_name": "root"}
            connection.execute(insert(schema.distinct_cards).values(**values, **more))
        for number, (kept, other) in enumerate(pairs, start=1):
            values = {"id": number, "book_id": book_id, "kept_uid": kept}
            connection.execute(insert(schema.card_merges).values(**values, at=1, actor_name="x"))
            change = {"merge_id": number, "book_id": book_id, "revision": 1, "card_uid": other}
            connection.execute(insert(schema.card_merge_changes).values(change))
    _erase(ann, person, _own(_look(ann, person)))
    with ann.database.read() as connection:
        for column in (
            schema.distinct_cards.c.card_uid,
            schema.card_merges.c.kept_uid,
        ):
            assert connection.execute(select(column)).scalars().all() == ["a"]
        changed = select(schema.card_merge_changes.c.card_uid)
        assert connection.execute(changed).scalars().all() == ["b"]


def test_every_table_that_names_cards_is_thought_of() -> None:
    """A new one has to be erased from too: see ``erasure``."""
    naming = {
        table.name
        for table in schema.metadata.sorted_tables
        if any("uid" in column.name for column in table.columns)
    }
    assert naming == {
        *("cards", "card_versions", "directory_entries", "import_rows"),
        *("distinct_cards", "card_merges", "card_merge_changes"),
    }


def test_a_record_finds_what_an_old_backup_brings_back(ann: Device) -> None:
    person = parse_person(MAIL)
    record = make_record(person, [f"urn:uuid:{UID.upper()}"])
    line = json.dumps({"kind": "command", "action": "privacy erase", "details": record.details()})
    assert UID not in line
    assert "ann" not in line
    bad: list[int] = []
    other = json.dumps({"kind": "card", "action": "edit"})
    [again] = read_records([other, line + "\n", "", "no json", '{"kind": "command"}'], bad.append)
    assert again == record
    assert bad == [4, 5]
    assert again.is_person(f"mailto:{MAIL}")
    assert not again.is_person("mailto:bob@private.example")
    with ann.database.read() as connection:
        assert find_targets(connection, again.is_erased) == {Target(ann.access().book_id, UID)}
    other_record = make_record(person, [UID])
    assert other_record.person != record.person
    assert other_record.uids != record.uids


def test_a_record_by_name_means_nobody_in_other_cards() -> None:
    record = make_record(parse_person("Ann Example"), [UID])
    assert not record.is_person("Ann Example")
    assert isinstance(record, ErasureRecord)


def test_a_token_of_before_still_holds(ann: Device) -> None:
    person, access = parse_person(MAIL), ann.access()
    token = ann.token()
    _erase(ann, person, _own(_look(ann, person)))
    after = ann.access()
    assert after.revision == access.revision + 2
    with ann.database.read() as connection:
        told = changes_since(connection, after.book_id, after.sync_key, after.revision, token)
    assert told.removed == [f"{UID}.vcf"]


def test_books_that_nobody_else_may_write_are_no_hiding_place(ann: Device) -> None:
    """A directory's book: its group, which loses her, is made anew by the next sync."""
    book = ann.access()
    with ann.database.write() as connection:
        entry = {
            "book_id": book.book_id,
            "source_id": "1",
            "card_uid": "team",
            "stamp": "known",
            "is_group": True,
            "dn_hash": "",
            "name": "Team",
        }
        connection.execute(insert(schema.directory_entries).values(entry))
        connection.execute(update(schema.address_books).values(read_only=True))
    token = ann.token()
    erased = _erase(ann, parse_person(MAIL), [Target(book.book_id, UID)])
    assert (erased.cards, erased.references) == (1, 1)
    told = ann.changes(token)
    assert ([name for name, _ in told.changed], told.removed) == (["team.vcf"], [f"{UID}.vcf"])
    with ann.database.read() as connection:
        assert connection.execute(select(schema.directory_entries.c.stamp)).scalars().all() == [""]
