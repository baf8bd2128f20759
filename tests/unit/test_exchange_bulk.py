"""Storing many cards at once."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.db.upgrade import upgrade_schema
from sharedbooks.domain.books import add_book, delete_book, get_book_by_id
from sharedbooks.domain.bulk import BulkResult, store_cards, with_content_uid
from sharedbooks.domain.cards import iterate_cards
from sharedbooks.domain.changes import changes_since, sync_token
from sharedbooks.domain.history import Action, Actor, list_versions
from sharedbooks.domain.prepared_cards import PreparedCard, prepare_card
from sharedbooks.errors import NotFound
from sharedbooks.identifiers import BookReference

ADMINISTRATOR = Actor(None, "root", "", "sharedbooks import")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(f"sqlite:///{tmp_path}/books.db")) as opened:
        upgrade_schema(opened)
        yield opened


@pytest.fixture
def book_id(database: Database) -> int:
    return database.run_write(lambda c: add_book(c, BookReference(None, "crm")).id)


def prepared(uid: str | None, name: str = "x", *, end: str = "\r\n") -> PreparedCard:
    uids = [] if uid is None else [f"UID:{uid}"]
    lines = ["BEGIN:VCARD", "VERSION:3.0", *uids, f"FN:{name}", "END:VCARD"]
    return prepare_card("".join(line + end for line in lines).encode(), max_size=10_000)


def store(database: Database, book_id: int, *some: PreparedCard) -> BulkResult:
    return database.run_write(lambda c: store_cards(c, book_id, ADMINISTRATOR, some))


def revision(database: Database, book_id: int) -> int:
    return database.run_read(lambda c: get_book_by_id(c, book_id).revision)


def stored(database: Database, book_id: int) -> dict[str, tuple[str, bytes]]:
    found = database.run_read(lambda c: list(iterate_cards(c, book_id)))
    return {card.card_uid: (card.resource_name, card.content) for card in found}


def test_each_change_has_a_revision_and_history(database, book_id):
    first = store(database, book_id, prepared("a"), prepared("b"), prepared("c"))
    assert first == BulkResult(added=3, changed=0, unchanged=0)
    second = store(database, book_id, prepared("a"), prepared("b", "B"), prepared("d"))
    assert second == BulkResult(added=1, changed=1, unchanged=1)
    assert revision(database, book_id) == 5
    versions = database.run_read(lambda c: list_versions(c, book_id))
    assert [version.revision for version in versions] == [1, 2, 3, 4, 5]
    assert [(version.action, version.card_uid) for version in versions] == [
        (Action.CREATE, "a"),
        (Action.CREATE, "b"),
        (Action.CREATE, "c"),
        (Action.CREATE, "d"),
        (Action.EDIT, "b"),
    ]
    assert versions[4].content_before == prepared("b").octets
    assert {version.client for version in versions} == {"sharedbooks import"}


def test_a_client_learns_of_it_by_sync(database, book_id):
    store(database, book_id, prepared("a"))
    with database.read() as connection:
        book = get_book_by_id(connection, book_id)
    token = sync_token(book.sync_key, book.revision)
    store(database, book_id, prepared("a", "A"), prepared("b"))
    changes = database.run_read(
        lambda c: changes_since(c, book_id, book.sync_key, book.revision + 2, token)
    )
    assert [name for name, _ in changes.changed] == ["b.vcf", "a.vcf"]


def test_same_content_changes_nothing(database, book_id):
    store(database, book_id, prepared("a"), prepared("b"))
    again = store(database, book_id, prepared("b"), prepared("a"))
    assert again == BulkResult(added=0, changed=0, unchanged=2)
    assert revision(database, book_id) == 2


def test_blank_lines_around_a_card_change_nothing(database, book_id):
    store(database, book_id, prepare_card(prepared("a").octets + b"\r\n", max_size=1000))
    assert store(database, book_id, prepared("a")).unchanged == 1
    assert stored(database, book_id)["a"][1].endswith(b"\r\n\r\n")


def test_other_line_ends_are_an_edit(database, book_id):
    store(database, book_id, prepared("a"))
    assert store(database, book_id, prepared("a", end="\n")).changed == 1
    assert stored(database, book_id)["a"][1] == prepared("a", end="\n").octets


def test_resource_names_are_unique(database, book_id):
    uid = "6f0c2a1e-5d0b-4d0e-9a57-1c3d1f6b8e42"
    store(database, book_id, prepared(uid))
    store(database, book_id, prepared(f"urn:uuid:{uid}"), prepared("e@x"), prepared("E@x"))
    names = [name for name, _ in stored(database, book_id).values()]
    assert len(set(names)) == 4
    assert f"{uid}.vcf" in names


def test_two_cards_of_one_batch_want_one_name(database, book_id):
    store(database, book_id, prepared("ab"), prepared("urn:uuid:ab"))
    names = {uid: name for uid, (name, _) in stored(database, book_id).items()}
    assert names["ab"] == "ab.vcf"
    assert names["urn:uuid:ab"] != "ab.vcf"


def test_uid_from_content_is_the_same_every_time():
    card = with_content_uid(prepared(None, "Anna"))
    assert card.card_uid == with_content_uid(prepared(None, "Anna", end="\n")).card_uid
    assert card.card_uid != with_content_uid(prepared(None, "Bert")).card_uid
    assert b"\r\nUID:" + card.card_uid.encode() + b"\r\n" in card.octets
    assert with_content_uid(card) is card


def test_long_kind_is_cut_on_creation_and_edit(database, book_id):
    octets = b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:a\r\nKIND:%s\r\nFN:%s\r\nEND:VCARD\r\n"
    for name in (b"x", b"y"):
        store(database, book_id, prepare_card(octets % (b"k" * 60, name), max_size=1000))
    [card] = database.run_read(lambda c: list(iterate_cards(c, book_id)))
    assert card.kind == "k" * 32


def test_book_that_is_gone(database, book_id):
    database.run_write(lambda c: delete_book(c, book_id))
    with pytest.raises(NotFound):
        store(database, book_id, prepared("a"))
