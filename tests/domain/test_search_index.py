"""Searches find what cards say now, however their changes went into the index."""

import random
from collections.abc import Callable

import pytest
from sqlalchemy import text

from sharedbooks.db.search_index import settle_texts
from sharedbooks.domain.search import search_cards
from sharedbooks.vcard.filters import CardFilter, PropFilter, TextMatch
from tests.support.factories import Device, vcard

WORDS = ["orange", "violet", "Grün", "山田太郎", "indigo", 'quo"te', "o'clock", "100%_"]


def _found(device: Device, wanted: str, name: str = "FN") -> set[str]:
    return _matching(device, CardFilter((PropFilter(name, texts=(TextMatch(wanted),)),)))


def _matching(device: Device, wish: CardFilter) -> set[str]:
    book_id = device.access().book_id
    with device.database.read() as connection:
        return {card.resource_name for card in search_cards(connection, book_id, wish)}


def _waiting(device: Device) -> int:
    with device.database.read() as connection:
        count = connection.execute(text("SELECT count(*) FROM card_texts_recent")).scalar_one()
    return int(count)


def _settle(device: Device) -> None:
    device.database.run_write(settle_texts)


def test_every_change_is_found_at_once(device: Device) -> None:
    chance = random.Random(7)
    names: dict[str, str] = {}
    for step in range(150):
        name = f"{chance.randrange(12)}.vcf"
        if name in names and chance.choice([True, False, False]):
            device.delete(name)
            del names[name]
        else:
            names[name] = f"{chance.choice(WORDS)} {step}"
            device.put(name, vcard(name, names[name]))
        if step % 50 == 49:
            _settle(device)
        for word in WORDS:
            assert _found(device, word) == {n for n, said in names.items() if word in said}, step


def test_a_text_that_a_card_says_twice_is_found_until_both_are_gone(device: Device) -> None:
    def put(notes: int) -> None:
        said = b"NOTE:trumpet\r\n" * notes
        device.put("ann.vcf", vcard().replace(b"END:VCARD", said + b"END:VCARD"))

    for notes in (2, 1, 2):
        put(notes)
        assert _found(device, "trumpet", "NOTE") == {"ann.vcf"}
    put(0)
    assert _found(device, "trumpet", "NOTE") == set()


@pytest.mark.parametrize("sign", ["%", "_", "/", "\\", "'", '"', "%s", ":x", "[a]"])
def test_a_sign_that_means_something_to_a_database_is_found(device: Device, sign: str) -> None:
    escaped = sign.replace("\\", "\\\\")
    device.put("with.vcf", vcard("with", f"before{escaped}after"))
    device.put("without.vcf", vcard("without", "beforeXafter"))
    assert _found(device, f"fore{sign}af") == {"with.vcf"}
    assert _found(device, sign) == {"with.vcf"}


def test_each_text_is_looked_for_in_its_own_property_and_beyond_every_cut(device: Device) -> None:
    long = "filling " * 40
    device.put("named.vcf", vcard("named", "orange"))
    device.put("noted.vcf", vcard("noted", "violet", "NOTE:indigo"))
    device.put("swapped.vcf", vcard("swapped", "indigo", "NOTE:orange"))
    device.put("cut.vcf", vcard("cut", "violet", f"NOTE:{long} indigo"))
    device.put("long.vcf", vcard("long", f"{long} orange"))
    name = PropFilter("FN", texts=(TextMatch("orange"),))
    note = PropFilter("NOTE", texts=(TextMatch("indigo"),))
    assert _matching(device, CardFilter((name, note))) == {
        "named.vcf",
        "noted.vcf",
        "cut.vcf",
        "long.vcf",
    }


def test_a_text_that_very_many_values_hold_is_found_where_it_is_looked_for(device: Device) -> None:
    for number in range(12):
        addresses = [f"EMAIL:common.{each}@example.org" for each in range(100)]
        device.put(f"{number}.vcf", vcard(str(number), "violet", *addresses))
    device.put("named.vcf", vcard("named", "Uncommon"))
    for said in ("common", "uncommon"):
        assert _found(device, said) == {"named.vcf"}
    address = PropFilter("EMAIL", texts=(TextMatch("common"),))
    assert _matching(device, CardFilter((address,))) == {f"{number}.vcf" for number in range(12)}


@pytest.mark.parametrize("then", [lambda _device: None, _settle], ids=["waiting", "settled"])
def test_a_deleted_card_leaves_its_id_to_another(
    device: Device, then: Callable[[Device], None]
) -> None:
    device.put("old.vcf", vcard("old", "orange"))
    _settle(device)
    device.delete("old.vcf")
    then(device)
    device.put("new.vcf", vcard("new", "violet"))
    assert (_found(device, "orange"), _found(device, "violet")) == (set(), {"new.vcf"})
    _settle(device)
    assert (_found(device, "orange"), _found(device, "violet")) == (set(), {"new.vcf"})


def test_changes_do_not_wait_without_end(device: Device) -> None:
    if device.database.dialect != "sqlite":
        pytest.skip("only SQLite's index takes changes together")
    most = 0
    for number in range(100):
        device.put(f"{number}.vcf", vcard(str(number), f"orange {number}"))
        most = max(most, _waiting(device))
    assert 10 < most < 50
    assert len(_found(device, "orange")) == 100
    _settle(device)
    assert _waiting(device) == 0
    assert len(_found(device, "orange")) == 100


@pytest.mark.databases("postgresql")
def test_few_new_entries_wait_to_go_into_the_index(device: Device) -> None:
    """Each search reads all that wait."""
    chance = random.Random(7)
    for number in range(60):
        note = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz ", k=2000))
        device.put(f"{number}.vcf", vcard(f"{number}", f"Ann {number}", f"NOTE:{note}"))
    with device.database.write() as connection:
        index = "SELECT gin_clean_pending_list('ix_card_properties_trigrams')"
        pages = connection.execute(text(index)).scalar_one()
    assert pages * 8 <= 256 + 64
