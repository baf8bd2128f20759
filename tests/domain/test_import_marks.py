"""What a source said of a card is known as long as somebody may need it."""

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from sharedbooks.db.schema import address_books, card_versions, import_rows
from sharedbooks.domain.erasure import Target, erase
from sharedbooks.domain.history import Actor
from sharedbooks.domain.retention import Retention, purge
from sharedbooks.exchange.importing import Importing, ImportSummary, import_records
from sharedbooks.exchange.vcf import read_vcf
from tests.support.factories import Device, vcard

SOURCE = vcard("ann", "Ann", "TEL:+41 44 111 11 11", "RELATED:urn:uuid:bob", "TITLE:Buyer")
NEWS = vcard("ann", "Ann", "TEL:+41 44 222 22 22", "TITLE:Seller")
DAY = 86400


def _import(device: Device, octets: bytes) -> ImportSummary:
    how = Importing(device.database, device.access().book_id, device.actor, "file", 100_000)
    records = read_vcf([octets], max_card_size=100_000)
    return import_records(how, records, refuse=lambda _: None, tell=lambda _: None)


def _edit(device: Device, old: str, new: str) -> None:
    octets = device.get("ann.vcf").content.decode()
    assert old in octets
    device.put("ann.vcf", octets.replace(old, new).encode())


def _marks(device: Device) -> bytes:
    with device.database.read() as connection:
        return bytes(connection.execute(select(import_rows.c.marks)).scalar_one())


def _lose_nothing(_device: Device) -> None:
    """History keeps the card as it was imported."""


def _lose_versions(device: Device) -> None:
    with device.database.write() as connection:
        connection.execute(update(card_versions).values(at=card_versions.c.at - 2 * DAY * 10**6))
    assert purge(device.database, Retention(DAY, 0)).versions == 3


def _lose_trash(device: Device) -> None:
    card = device.get("ann.vcf").content
    device.delete("ann.vcf")
    with device.database.write() as connection:
        for column in (card_versions.c.at, address_books.c.deleted_at):
            values = {column.name: column - 2 * DAY * 10**6}
            connection.execute(update(column.table).values(values))
    assert purge(device.database, Retention(0, DAY)).cards == 1
    device.put("ann.vcf", card)


def _lose_references(device: Device) -> None:
    target = Target(device.access().book_id, "ann")
    gone = Target(device.access().book_id, "bob")
    administrator = Actor(None, "root", "", "")
    device.database.run_write(
        lambda c: erase(c, administrator, [gone], [target], lambda _value: False)
    )
    assert all(b"bob" not in (version.content_before or b"") for version in device.history("ann"))


@pytest.mark.parametrize("lose", [_lose_nothing, _lose_versions, _lose_trash, _lose_references])
def test_a_source_takes_back_what_it_said(device: Device, lose: Callable[[Device], None]) -> None:
    assert _import(device, SOURCE) == ImportSummary(added=1)
    assert _marks(device) == b""
    _edit(device, "TITLE:Buyer", "TITLE:Head of buying")
    _edit(device, "END:VCARD", "NOTE:a member's\r\nEND:VCARD")
    lose(device)
    assert _import(device, NEWS) == ImportSummary(changed=1, kept=1)
    card = device.get("ann.vcf").content.decode()
    assert "111 11 11" not in card
    assert "222 22 22" in card
    assert "RELATED" not in card
    assert "TITLE:Head of buying" in card
    assert "a member's" in card
    # What is merged is not in history as the source has it.
    assert len(_marks(device)) > 0
    assert _import(device, NEWS) == ImportSummary(unchanged=1)
