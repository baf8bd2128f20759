"""What is read without a snapshot is what a snapshot shows, or it is not told at all."""

import pytest

from sharedbooks.domain import bulk
from sharedbooks.domain.at_once import MoreWanted, at_once
from sharedbooks.domain.book_access import BookAccess
from sharedbooks.domain.cards import get_card_of
from sharedbooks.domain.changes import changes_since, revision_in, sync_token
from sharedbooks.domain.opening import Opening
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.domain.principals import PrincipalKind, find_principal
from sharedbooks.domain.search import search_book
from sharedbooks.errors import NotFound
from sharedbooks.vcard.filters import CardFilter, PropFilter, TextMatch
from tests.support.factories import Device, vcard


def _opened(device: Device, since: int) -> Opening:
    opening = Opening(device.book, since)
    opening.find_alone(device.database, device.user.name)
    return opening


def _since(device: Device, access: BookAccess, revision: int, limit: int | None) -> None:
    """Read changes both ways; they have to agree."""
    where = (access.book_id, access.sync_key, access.revision)
    token = sync_token(access.sync_key, revision)
    with device.database.read() as connection:
        told = changes_since(connection, *where, token, limit)
    opening = _opened(device, revision)
    assert opening.book == access
    assert changes_since(at_once(device.database, opening.news), *where, token, limit) == told


@pytest.mark.databases("postgresql")
def test_changes_are_those_of_a_snapshot(device: Device) -> None:
    for number in range(5):
        device.put(f"{number}.vcf", vcard(str(number)))
    device.delete("3.vcf")
    device.put("1.vcf", vcard("1", "Changed"))
    device.delete("0.vcf")
    access = device.access()
    for revision in range(access.revision + 1):
        for limit in (None, 1, 2, 3):
            _since(device, access, revision, limit)


@pytest.mark.databases("postgresql")
def test_few_changes_are_told_at_once_and_many_are_not(device: Device) -> None:
    for number in range(48):
        device.put(f"{number}.vcf", vcard(str(number)))
    for name in ("new.vcf", "newer.vcf"):
        device.put(name, vcard(name))
        device.delete(name)
    access = device.access()
    _since(device, access, 0, None)
    device.put("one more.vcf", vcard("one more"))
    assert _opened(device, 0).news is None
    _since(device, device.access(), 1, None)


@pytest.mark.databases("postgresql")
def test_changes_since_another_revision_take_a_snapshot(device: Device) -> None:
    """What the request was taken to ask for is a guess."""
    for number in range(3):
        device.put(f"{number}.vcf", vcard(str(number)))
    access, token = device.access(), sync_token(device.access().sync_key, 1)
    where = (access.book_id, access.sync_key, access.revision, token)
    for news in (None, _opened(device, 2).news):
        with pytest.raises(MoreWanted):
            changes_since(at_once(device.database, news), *where)


@pytest.mark.databases("postgresql")
def test_changes_of_no_book_and_for_nobody(device: Device) -> None:
    device.put("ann.vcf", vcard())
    opening = Opening("nothing", 0)
    assert opening.find_alone(device.database, device.user.name)
    assert opening.book is None
    assert Opening(device.book, 0).find_alone(device.database, "nobody") is None


@pytest.mark.parametrize(
    ("body", "revision"),
    [
        (b"<sync-token>urn:sharedbooks:sync:abc:all:17</sync-token>", 17),
        (b"<sync-token> urn:sharedbooks:sync:abc:all:0 </sync-token>", 0),
        (b"<sync-token/>", None),
        (b"<sync-token>urn:sharedbooks:sync:abc:mine:17</sync-token>", None),
        (b"<sync-token>urn:sharedbooks:sync:abc:all:</sync-token>", None),
        (b"<sync-token>urn:sharedbooks:sync:abc:all:17th</sync-token>", None),
        (b"<sync-token>urn:sharedbooks:sync:abc:all:" + b"9" * 19 + b"</sync-token>", None),
        (b"", None),
    ],
)
def test_the_revision_that_a_request_tells(body: bytes, revision: int | None) -> None:
    assert revision_in(body) == revision


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


def _with(text: str, *names: str) -> CardFilter:
    texts = (TextMatch(text),)
    return CardFilter(tuple(PropFilter(name, texts=texts) for name in names), all_of=False)


@pytest.mark.databases("postgresql")
def test_cards_that_match_are_those_of_a_snapshot(device: Device) -> None:
    for uid, name in (("ann", "Ann Orange"), ("bob", "Bob 100%"), ("eve", "Eve Orange_Violet")):
        device.put(f"{uid}.vcf", vcard(uid, name))
    long = b"NOTE:" + b"x" * 300 + b" orange\r\nEND:VCARD"
    device.put("long.vcf", vcard("long", "Long").replace(b"END:VCARD", long))
    access, database = device.access(), device.database
    for text, names, matching in (
        ("orange", ("FN",), ["ann.vcf", "eve.vcf"]),
        ("orange", ("FN", "NOTE"), ["ann.vcf", "eve.vcf", "long.vcf"]),
        ("0%", ("FN", "EMAIL"), ["bob.vcf"]),
        ("e_V", ("FN",), ["eve.vcf"]),
        ("green", ("FN", "NOTE"), []),
    ):
        with database.read() as connection:
            inside = list(search_book(connection, access, _with(text, *names)))
        found = list(search_book(at_once(database), access, _with(text, *names)))
        assert sorted(card.resource_name for card in inside) == matching
        assert sorted(found, key=lambda card: card.id) == inside


@pytest.mark.databases("postgresql")
def test_a_search_that_reads_much_takes_a_snapshot(device: Device) -> None:
    prepared = [prepare_card(vcard(f"{n}", f"Orange {n}"), max_size=10_000) for n in range(101)]
    book_id = device.access().book_id
    device.database.run_write(lambda c: bulk.store_cards(c, book_id, device.actor, prepared))
    everybody = CardFilter((PropFilter("X-NOT-IN-THE-INDEX", defined=False),))
    two_texts = CardFilter((*_with("orange 1", "FN").props, *_with("orange 2", "FN").props))
    for wanted in (_with("orange", "FN"), everybody, two_texts):
        with pytest.raises(MoreWanted):
            list(search_book(at_once(device.database), device.access(), wanted))


def test_what_has_changed_since_the_book_was_opened_is_not_told(device: Device) -> None:
    device.put("ann.vcf", vcard())
    access, database = device.access(), device.database
    device.put("bob.vcf", vcard("bob"))
    with pytest.raises(MoreWanted):
        get_card_of(at_once(database), access, "ann.vcf")


def test_all_changes_of_a_book_and_everything_else_take_a_snapshot(device: Device) -> None:
    device.put("ann.vcf", vcard())
    access, connection = device.access(), at_once(device.database)
    with pytest.raises(MoreWanted):
        changes_since(connection, access.book_id, access.sync_key, access.revision, "")
    with pytest.raises(MoreWanted):
        find_principal(connection, PrincipalKind.USER, "alice")
