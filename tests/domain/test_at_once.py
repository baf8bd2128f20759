"""What is read without a snapshot is what a snapshot shows, or it is not told at all."""

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain.at_once import MoreWanted, at_once
from sharedbooks.domain.book_access import BookAccess
from sharedbooks.domain.cards import get_card_of
from sharedbooks.domain.changes import changes_since, sync_token
from sharedbooks.domain.principals import PrincipalKind, find_principal
from sharedbooks.errors import NotFound
from tests.support.factories import Device, vcard


def _since(database: Database, access: BookAccess, revision: int, limit: int | None) -> None:
    """Read changes both ways; they have to agree."""
    where = (access.book_id, access.sync_key, access.revision)
    token = sync_token(access.sync_key, revision)
    with database.read() as connection:
        told = changes_since(connection, *where, token, limit)
    assert changes_since(at_once(database), *where, token, limit) == told


def test_changes_are_those_of_a_snapshot(device: Device) -> None:
    for number in range(5):
        device.put(f"{number}.vcf", vcard(str(number)))
    device.delete("3.vcf")
    device.put("1.vcf", vcard("1", "Changed"))
    device.delete("0.vcf")
    access = device.access()
    for revision in range(access.revision + 1):
        for limit in (None, 1, 2, 3):
            _since(device.database, access, revision, limit)


def test_a_card_is_that_of_a_snapshot(device: Device) -> None:
    device.put("ann.vcf", vcard())
    access, database = device.access(), device.database
    with database.read() as connection:
        card = get_card_of(connection, access, "ann.vcf")
        with pytest.raises(NotFound):
            get_card_of(connection, access, "bob.vcf")
    assert get_card_of(at_once(database), access, "ann.vcf") == card
    with pytest.raises(MoreWanted):
        get_card_of(at_once(database), access, "bob.vcf")


def test_what_has_changed_since_the_book_was_opened_is_not_told(device: Device) -> None:
    device.put("ann.vcf", vcard())
    access, database = device.access(), device.database
    device.put("bob.vcf", vcard("bob"))
    with pytest.raises(MoreWanted):
        get_card_of(at_once(database), access, "ann.vcf")
    with pytest.raises(MoreWanted):
        _since(database, access, 0, None)


def test_all_changes_of_a_book_and_everything_else_take_a_snapshot(device: Device) -> None:
    device.put("ann.vcf", vcard())
    access, connection = device.access(), at_once(device.database)
    with pytest.raises(MoreWanted):
        changes_since(connection, access.book_id, access.sync_key, access.revision, "")
    with pytest.raises(MoreWanted):
        find_principal(connection, PrincipalKind.USER, "alice")
