"""Imports on each kind of database: what is remembered, recognised, and finished later."""

from collections.abc import Callable
from typing import Any

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain.imports import get_mapping, save_mapping
from sharedbooks.errors import NotFound, StoreBusy
from sharedbooks.exchange.importing import Importing, ImportSummary, import_records
from sharedbooks.exchange.plan import Decision
from sharedbooks.exchange.records import BadRecord
from sharedbooks.exchange.tables import Reading, read_table
from tests.support.factories import Device, vcard

HEADINGS = ["Name", "E-mail", "Phone", "Title", "Categories"]


def bring(
    device: Device, *rows: list[str], source: str = "list.csv", **more: Any
) -> tuple[ImportSummary, list[Decision], list[BadRecord]]:
    """Import a table into the book of the device."""
    decisions: list[Decision] = []
    bad: list[BadRecord] = []
    how = Importing(device.database, device.access().book_id, device.actor, source, 100_000, **more)
    records = read_table([HEADINGS, *rows], Reading(source, 100_000))
    summary = import_records(how, records, refuse=bad.append, tell=decisions.append)
    return summary, decisions, bad


def lines(device: Device) -> dict[str, list[str]]:
    """The lines of each card by display name."""
    found = {}
    for name in device.contents():
        text = device.get(name).content.decode().split("\r\n")
        shown = next(line[3:] for line in text if line.startswith("FN:"))
        found[shown] = text
    return found


def name_of(device: Device, shown: str) -> str:
    return next(name for name in device.contents() if f"FN:{shown}\r\n" in str_of(device, name))


def str_of(device: Device, name: str) -> str:
    return device.get(name).content.decode()


ANNA = ["Anna Meier", "anna@x.example", "+49 30 1111111", "Buyer", "Customers;VIP"]
BERT = ["Bert Groß", "", "0160 555 0100", "", ""]


def test_a_second_import_writes_nothing_and_a_third_what_has_changed(device: Device) -> None:
    assert bring(device, ANNA, BERT)[0] == ImportSummary(added=2)
    revision = device.access().revision
    assert bring(device, BERT, ANNA)[0] == ImportSummary(unchanged=2)
    assert device.access().revision == revision
    changed = ["Anna Meier", "anna@x.example", "+49 30 2222222", "Buyer", "Customers"]
    assert bring(device, changed, BERT)[0] == ImportSummary(changed=1, unchanged=1)
    assert "TEL:+49 30 2222222" in lines(device)["Anna Meier"]
    assert len(device.contents()) == 2


def test_what_members_wrote_stays(device: Device) -> None:
    bring(device, ANNA)
    name = name_of(device, "Anna Meier")
    edited = (
        str_of(device, name)
        .replace("TITLE:Buyer", "TITLE:Head of buying")
        .replace("CATEGORIES:Customers,VIP", "CATEGORIES:VIP,Friends")
        .replace("END:VCARD", "TEL;TYPE=home:+49 30 9999999\r\nEND:VCARD")
    )
    device.put(name, edited.encode())
    news = ["Anna Meier", "anna@y.example", "+49 30 2222222", "Seller", "Customers;Italy"]
    summary, [decision], _ = bring(device, news, source="list.csv")
    # With another address and another number nobody can tell that it is the same person.
    assert (summary.added, decision.kept) == (1, ())
    news[1] = "anna@x.example"
    summary, [decision], _ = bring(device, news)
    assert (summary.changed, decision.kept) == (1, ("TITLE",))
    card = device.get(name).content.decode().split("\r\n")
    assert {"TITLE:Head of buying", "TEL;TYPE=home:+49 30 9999999"} <= set(card)
    assert "TEL:+49 30 2222222" in card
    assert "TEL:+49 30 1111111" not in card
    [categories] = [line for line in card if line.startswith("CATEGORIES:")]
    assert categories.removeprefix("CATEGORIES:").split(",") == ["Friends", "Italy"]


def test_a_row_that_got_another_address_is_known_by_name_and_number(device: Device) -> None:
    bring(device, ANNA, BERT)
    moved = ["Anna Meier", "anna@new.example", "030 1111111", "Buyer", "Customers;VIP"]
    summary, _, _ = bring(device, moved, BERT)
    assert summary == ImportSummary(changed=1, unchanged=1)
    card = lines(device)["Anna Meier"]
    assert "EMAIL:anna@new.example" in card
    assert "EMAIL:anna@x.example" not in card
    assert bring(device, moved, BERT)[0] == ImportSummary(unchanged=2)


def test_other_sources_add_to_a_card_and_take_nothing(device: Device) -> None:
    device.put("ann.vcf", vcard("ann", "Anna Meier", "EMAIL:ANNA@x.example", "TITLE:Chef"))
    summary, [decision], _ = bring(device, ANNA)
    assert (summary.changed, summary.kept, decision.kept) == (1, 1, ("TITLE",))
    assert {"TITLE:Chef", "TEL:+49 30 1111111", "CATEGORIES:Customers,VIP", "UID:ann"} <= set(
        lines(device)["Anna Meier"]
    )
    other = ["Meier, Anna", "anna@x.example", "", "", ""]
    assert bring(device, other, source="other")[0].added == 0
    stranger = ["Otto", "anna@x.example", "", "", ""]
    assert bring(device, stranger, source="third")[0].added == 1


def test_many_of_one_name_are_not_looked_through(device: Device) -> None:
    crowd = [["Anna Meier", f"a{n}@x.example", f"+49 30 {n:07}", "", ""] for n in range(12)]
    bring(device, *crowd, source="crowd")
    summary, _, _ = bring(device, ["Anna Meier", "", "+49 30 0000003", "", ""], source="other")
    assert summary.added == 1


def test_a_deleted_card_stays_deleted(device: Device) -> None:
    bring(device, ANNA, BERT)
    device.delete(name_of(device, "Bert Groß"))
    summary, decisions, _ = bring(device, ANNA, BERT)
    assert summary == ImportSummary(unchanged=1, skipped=1)
    assert decisions[1].reason == "A member deleted the card; --overwrite brings it back."
    assert bring(device, ANNA, BERT, overwrite=True)[0] == ImportSummary(added=1, unchanged=1)
    assert bring(device, ANNA, BERT)[0] == ImportSummary(unchanged=2)


def test_a_dry_run_writes_nothing(device: Device) -> None:
    bring(device, ANNA)
    before = (device.access().revision, device.contents())
    news = ["Anna Meier", "anna@x.example", "", "", ""]
    summary, _, _ = bring(device, news, BERT, dry_run=True)
    assert summary == ImportSummary(added=1, changed=1)
    assert (device.access().revision, device.contents()) == before
    assert bring(device, news, BERT)[0] == summary


def test_an_import_that_broke_off_is_finished_by_the_next(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [[f"Nr. {n}", f"n{n}@x.example", "", "", ""] for n in range(1200)]
    run_write = device.database.run_write
    calls: list[object] = []

    def failing(work: Callable[..., Any]) -> Any:
        calls.append(work)
        if len(calls) == 2:
            raise StoreBusy("The database is busy; try again in a moment.")
        return run_write(work)

    with monkeypatch.context() as patch:
        patch.setattr(device.database, "run_write", failing)
        with pytest.raises(StoreBusy) as caught:
            bring(device, *rows)
    assert caught.value.__notes__[0].startswith("500 cards are in already;")
    assert bring(device, *rows)[0] == ImportSummary(added=700, unchanged=500)
    assert len(device.contents()) == 1200


def test_mappings_are_kept(database: Database) -> None:
    with pytest.raises(NotFound, match="There is no saved mapping 'x'; saved are: none yet"):
        database.run_read(lambda c: get_mapping(c, "x"))
    for assignments in (["a=TEL"], ["Été=NOTE", "Nr=KEY"]):
        database.run_write(lambda c, kept=assignments: save_mapping(c, "clients", kept))
    assert database.run_read(lambda c: get_mapping(c, "clients")) == ["Été=NOTE", "Nr=KEY"]
    with pytest.raises(NotFound, match="saved are: 'clients'"):
        database.run_read(lambda c: get_mapping(c, "x"))
