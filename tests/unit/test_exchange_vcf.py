"""vCard files into a book and out of it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.db.upgrade import upgrade_schema
from sharedbooks.domain.books import add_book, count_cards
from sharedbooks.domain.cards import iterate_cards
from sharedbooks.domain.history import Actor
from sharedbooks.errors import StoreBusy
from sharedbooks.exchange.exporting import OutputFormat, export_cards
from sharedbooks.exchange.importing import Importing, ImportSummary, import_records
from sharedbooks.exchange.records import BadRecord
from sharedbooks.exchange.vcf import read_vcf
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


def card(uid: object, *lines: bytes) -> bytes:
    content = (b"BEGIN:VCARD", b"VERSION:3.0", f"UID:{uid}".encode(), b"FN:x", *lines)
    return b"\r\n".join((*content, b"END:VCARD", b""))


def bring(
    database: Database, book_id: int, octets: bytes, *, max_card_size: int = 10**6, chunk: int = 999
) -> tuple[ImportSummary, list[BadRecord]]:
    bad: list[BadRecord] = []
    pieces = (octets[at : at + chunk] for at in range(0, len(octets), chunk))
    how = Importing(database, book_id, ADMINISTRATOR, "cards.vcf", max_card_size)
    records = read_vcf(pieces, max_card_size=max_card_size)
    summary = import_records(how, records, refuse=bad.append)
    return summary, bad


def export(database: Database, book_id: int) -> bytes:
    file = BytesIO()
    with database.read() as connection:

        def cards() -> list[bytes]:
            return [card.content for card in iterate_cards(connection, book_id)]

        export_cards(cards, file, OutputFormat.VCF)
    return file.getvalue()


def test_cards_over_several_batches(database, book_id):
    octets = b"".join(card(number) for number in range(1234))
    summary, bad = bring(database, book_id, octets)
    assert (summary.added, bad) == (1234, [])
    assert bring(database, book_id, octets)[0].unchanged == 1234
    assert sorted(export(database, book_id).split(b"BEGIN")) == sorted(octets.split(b"BEGIN"))


@pytest.mark.parametrize("chunk", [1, 7, 10**6])
def test_uid_repeated_in_another_batch(database, book_id, chunk):
    octets = b"".join(card(number) for number in range(600)) + card(0, b"NOTE:second")
    summary, bad = bring(database, book_id, octets, chunk=chunk)
    assert summary == ImportSummary(added=600, failed=1)
    reason = "The card has the UID of the one in line 1; that one was taken."
    assert [(str(each.place), each.reason) for each in bad] == [("line 3001", reason)]


def test_lines_of_problems_count_from_the_start_of_the_file(database, book_id):
    octets = card(1) + b"\r\n\r\n" + card(2, b"NOTE:ok", b"NOTE:\xff") + card(3, b"", b"\0")
    summary, bad = bring(database, book_id, octets)
    assert summary.added == 1
    assert [(each.place.number, each.reason) for each in bad] == [
        (13, "Line 13 is not UTF-8."),
        (20, "Line 20 holds a NUL octet."),
    ]


def test_large_photos_make_small_batches(database, book_id, monkeypatch):
    sizes: list[int] = []
    run_write = database.run_write

    def counted(work: Callable[..., Any]) -> Any:
        decisions = run_write(work)
        sizes.append(sum(len(each.keyed.record.card.octets) for each in decisions))
        return decisions

    monkeypatch.setattr(database, "run_write", counted)
    photo = b"NOTE:" + b"x" * 900_000
    octets = b"".join(card(number, photo) for number in range(12))
    assert bring(database, book_id, octets, chunk=10**6)[0].added == 12
    assert len(sizes) == 3
    assert max(sizes) < 5_000_000


def test_failure_on_the_way_tells_what_is_in(database, book_id, monkeypatch):
    run_write = database.run_write
    calls: list[object] = []

    def failing(work: Callable[..., Any]) -> Any:
        calls.append(work)
        if len(calls) == 2:
            raise StoreBusy("The database is busy; try again in a moment.")
        return run_write(work)

    monkeypatch.setattr(database, "run_write", failing)
    octets = b"".join(card(number) for number in range(600))
    with pytest.raises(StoreBusy) as caught:
        bring(database, book_id, octets)
    assert caught.value.__notes__ == [
        "500 cards are in already; import the file again for the rest."
    ]
    assert database.run_read(lambda c: count_cards(c, book_id)) == 500
    summary, _ = bring(database, book_id, octets)
    assert summary == ImportSummary(added=100, unchanged=500)


def test_card_larger_than_the_limit(database, book_id):
    summary, bad = bring(database, book_id, card(1, b"NOTE:" + b"x" * 2000), max_card_size=1000)
    assert summary == ImportSummary(failed=1)
    assert bad[0].place == ("line", 1)
    assert bad[0].reason.endswith("this server keeps at most 1000.")


def test_export_keeps_cards_apart(database, book_id):
    bring(database, book_id, card("a") + card("b").removesuffix(b"\r\n"))
    assert export(database, book_id) == card("a") + card("b")
