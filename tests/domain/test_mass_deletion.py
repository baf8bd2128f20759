import pytest
from sqlalchemy import Connection, update

from sharedbooks.db.schema import address_books, card_versions
from sharedbooks.domain import books, storing
from sharedbooks.domain.book_access import open_for_writing
from sharedbooks.domain.book_restore import restore_book_to
from sharedbooks.domain.mass_deletion import DeletionWatch, MassDeletion
from sharedbooks.domain.privileges import Privilege
from tests.support.factories import Device, join_book, vcard

WATCH = DeletionWatch(5, 600)


def _fill(device: Device, number: int) -> None:
    for each in range(number):
        device.put(f"{each}.vcf", vcard(str(each)))


def _delete(device: Device, *numbers: int, watch: DeletionWatch = WATCH) -> list[MassDeletion]:
    """Delete cards as a phone does, and return what was noticed."""

    def work(connection: Connection, name: str) -> MassDeletion | None:
        access = open_for_writing(connection, device.user.id, device.book)
        storing.delete_card(connection, access, name, device.actor)
        return watch.look(connection, access.book_id, device.actor)

    found = [device.database.run_write(lambda c, n=n: work(c, f"{n}.vcf")) for n in numbers]
    return [each for each in found if each is not None]


def _earlier(device: Device, seconds: int) -> None:
    with device.database.write() as connection:
        for column in (card_versions.c.at, address_books.c.deletions_warned_at):
            values = {column.name: column - seconds * 1_000_000}
            connection.execute(update(column.table).values(values))


def test_told_once_with_the_way_back(device: Device) -> None:
    _fill(device, 20)
    assert _delete(device, *range(4)) == []
    [noticed] = _delete(device, *range(4, 12))
    assert (noticed.cards, noticed.actor, str(noticed.book)) == (5, device.actor, "sales")
    book_id = device.access().book_id
    restore_book_to(device.database, book_id, noticed.before, device.actor)
    assert len(device.contents()) == 20


def test_slowly_is_no_mass(device: Device) -> None:
    _fill(device, 20)
    for number in range(10):
        assert _delete(device, number) == []
        _earlier(device, 200)


def test_told_again_when_it_happens_again(device: Device) -> None:
    _fill(device, 20)
    assert len(_delete(device, *range(5))) == 1
    _earlier(device, 700)
    assert len(_delete(device, *range(5, 10))) == 1


def test_each_device_counts_for_itself(device: Device) -> None:
    [book] = device.database.run_read(books.list_books)
    bob = join_book(device.database, book, "bob", Privilege.WRITE)
    tablet = Device(device.database, device.user, device.book, "tablet")
    _fill(device, 20)
    for number, each in enumerate([device, bob, tablet] * 4):
        assert _delete(each, number) == []
    assert len(_delete(device, 12)) == 1


def test_other_changes_meanwhile_do_not_hide_it(device: Device) -> None:
    _fill(device, 20)
    noticed = []
    for number in range(5):
        noticed += _delete(device, number)
        for extra in range(2):
            device.put("19.vcf", vcard("19", f"{number} {extra}"))
    assert len(noticed) == 1


def test_zero_turns_it_off(device: Device) -> None:
    _fill(device, 10)
    assert _delete(device, *range(10), watch=DeletionWatch(0, 600)) == []


def test_the_warning_names_what_matters(device: Device, caplog: pytest.LogCaptureFixture) -> None:
    _fill(device, 5)
    [noticed] = _delete(device, *range(5))
    with caplog.at_level("WARNING", "sharedbooks.history"):
        noticed.warn()
    [record] = caplog.records
    assert record.getMessage() == (
        "mass deletion: 'alice' with device 'phone' ('DAVx5/4') deleted 5 cards of the address"
        " book 'sales'; this brings them back: sharedbooks book restore sales --revision 5"
    )
