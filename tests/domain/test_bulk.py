import pytest
from sqlalchemy import select

from sharedbooks.db.schema import card_properties
from sharedbooks.domain import books, bulk
from sharedbooks.domain.bulk import BulkResult
from sharedbooks.domain.history import Action
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.errors import NotFound
from tests.support.factories import MAX_CARD_SIZE, Device, vcard


def _store(device: Device, *octets: bytes) -> BulkResult:
    prepared = [
        bulk.with_content_uid(prepare_card(each, max_size=MAX_CARD_SIZE)) for each in octets
    ]
    book_id = device.access().book_id
    return device.database.run_write(
        lambda connection: bulk.store_cards(connection, book_id, device.actor, prepared)
    )


def test_many_new_cards(device: Device) -> None:
    device.put("before.vcf", vcard("before"))
    token = device.token()
    wanted = {f"uid-{number}.vcf": vcard(f"uid-{number}", f"Nr. {number}") for number in range(300)}
    assert _store(device, *wanted.values()) == BulkResult(added=300, changed=0, unchanged=0)
    told = device.changes(token)
    assert [name for name, _ in told.changed] == list(wanted)
    versions = device.history()
    assert [version.revision for version in versions] == [*range(1, 302)]
    assert {version.action for version in versions} == {Action.CREATE}
    for name in ("uid-0.vcf", "uid-150.vcf", "uid-299.vcf"):
        card = device.get(name)
        assert card.content == wanted[name]
        # Each card has its own rows, whatever order the database gave the ids in.
        rows = select(card_properties.c.value).where(card_properties.c.card_id == card.id)
        with device.database.read() as connection:
            assert connection.execute(rows).scalars().all() == [
                f"nr. {card.card_uid.removeprefix('uid-')}"
            ]


def test_cards_that_are_there_are_edited_or_left(device: Device) -> None:
    device.put("my name.vcf", vcard("one"))
    device.put("two.vcf", vcard("two"))
    device.put("three.vcf", b"\r\n" + vcard("three"))
    token = device.token()
    result = _store(device, vcard("one", "Edited"), vcard("two"), vcard("three"), vcard("four"))
    assert result == BulkResult(added=1, changed=1, unchanged=2)
    assert {name for name, _ in device.changes(token).changed} == {"my name.vcf", "four.vcf"}
    assert device.get("my name.vcf").content == vcard("one", "Edited")
    assert device.get("three.vcf").content == b"\r\n" + vcard("three")
    edits = [version for version in device.history() if version.action is Action.EDIT]
    assert [version.content_before for version in edits] == [vcard("one")]


def test_same_file_again_changes_nothing(device: Device) -> None:
    file = [vcard("one"), vcard(None, "No UID"), vcard(None, "No UID either")]
    assert _store(device, *file).added == 3
    token = device.token()
    assert _store(device, *file) == BulkResult(added=0, changed=0, unchanged=3)
    unix = [each.replace(b"\r\n", b"\n") for each in file[1:]]
    assert _store(device, *unix).added == 0
    assert device.token() == token or device.changes(token).removed == []
    assert len(device.contents()) == 3


def test_name_that_is_taken_is_not_taken_again(device: Device) -> None:
    device.put("one.vcf", vcard("another"))
    _store(device, vcard("one"), vcard("urn:uuid:one"))
    assert len(device.contents()) == 3
    assert device.get("one.vcf").card_uid == "another"


def test_name_of_a_deleted_card_comes_back(device: Device) -> None:
    device.put("one.vcf", vcard("one"))
    token = device.token()
    device.delete("one.vcf")
    _store(device, vcard("one"))
    told = device.changes(token)
    assert [name for name, _ in told.changed] == ["one.vcf"]
    assert told.removed == []


def test_nothing_to_store(device: Device) -> None:
    assert _store(device) == BulkResult(added=0, changed=0, unchanged=0)
    assert device.access().revision == 0


def test_book_that_is_gone(device: Device) -> None:
    book_id = device.access().book_id
    with device.database.write() as connection:
        books.delete_book(connection, book_id)
        with pytest.raises(NotFound):
            bulk.store_cards(connection, book_id, device.actor, [])
