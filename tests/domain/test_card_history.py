import pytest

from sharedbooks.db.schema import card_versions
from sharedbooks.domain import books
from sharedbooks.domain.card_history import (
    HistoryEntry,
    content_at,
    find_card_uid,
    iterate_history,
    revision_at,
)
from sharedbooks.domain.history import Action
from sharedbooks.errors import Conflict, NotFound
from sharedbooks.vcard.differences import PropertyChange
from tests.support.factories import Device, vcard


def _entries(device: Device, **wanted: object) -> list[HistoryEntry]:
    with device.database.read() as connection:
        book_id = device.access().book_id
        return list(iterate_history(connection, book_id, **wanted))  # type: ignore[arg-type]


def test_newest_first_with_what_each_change_did(device: Device) -> None:
    device.put("ann.vcf", vcard("ann", "Ann"))
    device.put("bob.vcf", vcard("bob", "Bob"))
    device.put("ann.vcf", vcard("ann", "Anna", "TEL:1"))
    device.delete("ann.vcf")
    entries = _entries(device)
    assert [(e.version.revision, e.version.action, e.display_name) for e in entries] == [
        (4, Action.DELETE, "Anna"),
        (3, Action.EDIT, "Anna"),
        (2, Action.CREATE, "Bob"),
        (1, Action.CREATE, "Ann"),
    ]
    assert entries[1].changes == [
        PropertyChange("FN", "Ann", "Anna"),
        PropertyChange("TEL", None, "1"),
    ]
    assert ("FN", "Anna", None) in entries[0].changes
    assert ("FN", None, "Bob") in entries[2].changes
    assert ("FN", None, "Ann") in entries[3].changes


def test_of_one_card_since_a_moment_and_before_a_revision(device: Device) -> None:
    for number in range(50):
        device.put("ann.vcf", vcard("ann", f"Ann {number}"))
        device.put("bob.vcf", vcard("bob", f"Bob {number}"))
    entries = _entries(device, card_uid="ann")
    assert [e.version.revision for e in entries] == [*range(99, 0, -2)]
    assert entries[0].changes == [PropertyChange("FN", "Ann 48", "Ann 49")]
    assert entries[30].changes == [PropertyChange("FN", "Ann 18", "Ann 19")]
    since = entries[10].version.at
    recent = _entries(device, card_uid="ann", since=since)
    assert [e.version.revision for e in recent] == [*range(99, 78, -2)]
    assert [e.version.revision for e in _entries(device, before=3)] == [2, 1]


def test_an_erased_version_is_no_change_of_everything(device: Device) -> None:
    device.put("ann.vcf", vcard("ann", "Ann"))
    device.put("ann.vcf", vcard("ann", "Anna"))
    device.delete("ann.vcf")
    with device.database.write() as connection:
        connection.execute(card_versions.delete().where(card_versions.c.revision == 3))
    assert [entry.changes for entry in _entries(device)] == [[], _entries(device)[1].changes]


def test_revision_and_content_at_a_moment(device: Device) -> None:
    contents = [vcard("ann", f"Ann {number}") for number in range(3)]
    for content in contents:
        device.put("ann.vcf", content)
    device.delete("ann.vcf")
    device.put("bob.vcf", vcard("bob"))
    book_id = device.access().book_id
    moments = [version.at for version in device.history()]
    with device.database.read() as connection:
        assert [revision_at(connection, book_id, at) for at in moments] == [1, 2, 3, 4, 5]
        assert revision_at(connection, book_id, moments[0] - 1) == 0
        assert revision_at(connection, book_id, moments[2] - 1) == 2
        for revision, content in enumerate([None, *contents, None, None]):
            assert content_at(connection, book_id, "ann", revision) == content
        assert content_at(connection, book_id, "bob", 5) == vcard("bob")
        assert content_at(connection, book_id, "bob", 4) is None


def test_a_card_is_found_by_what_people_call_it(device: Device) -> None:
    device.put("1.vcf", vcard("ann", "Ann Example"))
    device.put("2.vcf", vcard("bob", "Bob"))
    device.put("3.vcf", vcard("bob2", "Bob"))
    device.put("gone.vcf", vcard("gone", "Gone"))
    device.delete("gone.vcf")
    book_id = device.access().book_id
    with device.database.read() as connection:
        for text in ("1.vcf", "ann", "Ann Example"):
            assert find_card_uid(connection, book_id, text) == "ann"
        for text in ("gone", "gone.vcf"):
            assert find_card_uid(connection, book_id, text) == "gone"
        with pytest.raises(Conflict, match="Several cards"):
            find_card_uid(connection, book_id, "Bob")
        with pytest.raises(NotFound):
            find_card_uid(connection, book_id, "nobody")


def test_history_of_a_deleted_book_is_read(device: Device) -> None:
    device.put("ann.vcf", vcard())
    book_id = device.access().book_id
    with device.database.write() as connection:
        books.delete_book(connection, book_id)
    with device.database.read() as connection:
        assert len(list(iterate_history(connection, book_id))) == 1
