"""Finding duplicates and judging pairs different, on every kind of database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain import books
from sharedbooks.domain.book_checks import set_checks
from sharedbooks.domain.distinct_cards import (
    dismiss_pair,
    forget_cards,
    forget_dismissal,
    list_distinct,
)
from sharedbooks.domain.duplicates import DuplicatePair, find_duplicates
from sharedbooks.domain.history import Actor
from sharedbooks.domain.merge_undo import list_merges
from sharedbooks.domain.merging import MergeInput, merge_cards
from sharedbooks.domain.privileges import Privilege
from sharedbooks.errors import Conflict
from sharedbooks.matching.scoring import DEFAULT_THRESHOLD
from tests.support.factories import Device, join_book, make_book, vcard

JUDGE = Actor(None, "root", "", "test")
ROSA = vcard("rosa", "Rosa Baumgartner", "TEL:079 111 22 33")
ROSI = vcard("rosi", "Baumgartner\\, Rosi", "TEL:+41 79 111 22 33", version="4.0")


def find(device: Device, *names: str, **more: float | str) -> list[DuplicatePair]:
    with device.database.read() as connection:
        known = {book.name: book for book in books.list_books(connection)}
        wanted = [known[name] for name in names or ("sales",)]
        return list(find_duplicates(connection, wanted, **more))  # type: ignore[arg-type]


def uids(pairs: list[DuplicatePair]) -> list[set[str]]:
    return [{pair.left.card_uid, pair.right.card_uid} for pair in pairs]


def test_pairs_come_with_score_and_reasons_the_likeliest_first(device: Device) -> None:
    device.put("rosa.vcf", ROSA)
    device.put("rosi.vcf", ROSI)
    device.put("a.vcf", vcard("a", "Igor Petrenko", "EMAIL:igor@example.org", "BDAY:19700203"))
    device.put("b.vcf", vcard("b", "Игорь Петренко", "EMAIL:IGOR@example.org", "BDAY:1970-02-03"))
    device.put("c.vcf", vcard("c", "Somebody Else", "TEL:+41 79 999 22 33"))
    pairs = find(device)
    assert uids(pairs) == [{"a", "b"}, {"rosa", "rosi"}]
    assert 1 >= pairs[0].score >= pairs[1].score >= DEFAULT_THRESHOLD
    told = [[each.text for each in pair.evidence] for pair in pairs]
    assert {"same birthday", "same mail igor@example.org"} < set(told[0])
    assert "similar name" in told[1]
    first = pairs[1].left
    assert (first.resource_name, str(first.book), first.display_name) == (
        "rosa.vcf",
        "sales",
        "Rosa Baumgartner",
    )
    assert first.content_hash == device.get("rosa.vcf").content_hash
    assert len(find(device, threshold=pairs[0].score)) == 1


def test_country_of_the_book_says_what_a_national_number_is(device: Device) -> None:
    device.put("a.vcf", vcard("a", "A. B.", "TEL:079 111 22 33"))
    device.put("b.vcf", vcard("b", "A. B.", "TEL:+41 79 111 22 33"))

    def phones() -> list[str]:
        found = find(device, threshold=0)
        return [each.text for pair in found for each in pair.evidence if each.kind == "phone"]

    assert phones() == ["same phone 791112233"]
    book_id = device.access().book_id
    device.database.run_write(lambda c: set_checks(c, book_id, country="CH"))
    assert phones() == ["same phone +41791112233"]
    found = find(device, threshold=0, country="DE")
    assert [each.text for pair in found for each in pair.evidence if each.kind == "phone"] == [
        "no phone in common"
    ]


def test_groups_are_nobody(device: Device) -> None:
    for uid in ("a", "b"):
        lines = ("KIND:group", "EMAIL:team@example.org")
        device.put(f"{uid}.vcf", vcard(uid, "Rosa Baumgartner", *lines, version="4.0"))
    assert find(device, threshold=0) == []


def test_across_books(device: Device, database: Database) -> None:
    press = join_book(database, make_book(database, "press"), "pia", Privilege.WRITE)
    device.put("rosa.vcf", ROSA)
    press.put("same.vcf", ROSI)
    assert find(device) == find(device, "press") == []
    (pair,) = find(device, "sales", "press", country="CH")
    assert (str(pair.left.book), str(pair.right.book)) == ("sales", "press")


def test_pairs_judged_different_stay_so(device: Device, database: Database) -> None:
    device.put("rosa.vcf", ROSA)
    device.put("rosi.vcf", ROSI)
    (pair,) = find(device)
    one, other = pair.left.key, pair.right.key
    assert database.run_write(lambda c: dismiss_pair(c, other, one, JUDGE))
    assert not database.run_write(lambda c: dismiss_pair(c, one, other, JUDGE))
    assert find(device) == []
    device.put("rosi.vcf", ROSI.replace(b"END:", b"NOTE:edited\r\nEND:"))
    device.delete("rosa.vcf")
    device.put("again.vcf", ROSA)
    assert find(device) == []
    (judged,) = database.run_read(lambda c: list_distinct(c, one[0]))
    assert ({judged.left, judged.right}, judged.actor_name) == ({one, other}, "root")
    assert database.run_write(lambda c: forget_dismissal(c, one, other))
    assert not database.run_write(lambda c: forget_dismissal(c, one, other))
    assert len(find(device)) == 1
    with pytest.raises(Conflict):
        database.run_write(lambda c: dismiss_pair(c, one, one, JUDGE))


def test_erased_cards_leave_no_trace(device: Device, database: Database) -> None:
    names = ("a", "b", "c", "d", "e")
    for uid in names:
        device.put(f"{uid}.vcf", vcard(uid, "Rosa Baumgartner"))
    book_id = device.access().book_id
    a, b, c, d, e = ((book_id, uid) for uid in names)
    with database.write() as connection:
        dismiss_pair(connection, a, b, JUDGE)
        dismiss_pair(connection, b, e, JUDGE)
        dismiss_pair(connection, d, e, JUDGE)
        merge_cards(connection, MergeInput(a), [MergeInput(c)], JUDGE, max_card_size=1000)
        merge_cards(connection, MergeInput(d), [MergeInput(b)], JUDGE, max_card_size=1000)
        forget_cards(connection, book_id, ["a", "b"])
        assert [(pair.left, pair.right) for pair in list_distinct(connection, book_id)] == [(d, e)]
        assert list_merges(connection, book_id) == []


def test_progress_counts_cards_and_pairs(device: Device) -> None:
    device.put("rosa.vcf", ROSA)
    device.put("rosi.vcf", ROSI)
    seen: dict[str, list[int | None]] = {}

    @contextmanager
    def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
        seen[what] = [total]
        yield seen[what].append

    with device.database.read() as connection:
        list(find_duplicates(connection, books.list_books(connection), progress=progress))
    assert seen == {"Reading": [2, 1, 1], "Comparing": [1, 1]}
