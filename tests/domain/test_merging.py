"""Merging cards and undoing it, on every kind of database."""

from collections.abc import Sequence

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain import books
from sharedbooks.domain.cards import Card, iterate_cards
from sharedbooks.domain.duplicates import find_duplicates
from sharedbooks.domain.history import Action, Actor
from sharedbooks.domain.merge_undo import list_merges, undo_merge
from sharedbooks.domain.merging import (
    MergeInput,
    MergeResult,
    group_pairs,
    merge_cards,
    order_by_richness,
)
from sharedbooks.domain.privileges import Privilege
from sharedbooks.errors import CardTooLarge, Conflict, NotFound
from tests.support.factories import MAX_CARD_SIZE, Device, join_book, make_book, vcard

ADMINISTRATOR = Actor(None, "root", "", "sharedbooks duplicates merge")
ANN = vcard("ann", "Ann Example", "TEL:+41441112233", "NOTE:first")
ANNA = vcard("anna", "Anna Example", "TEL:+41441112233", "EMAIL:anna@example.org")
TEAM = vcard(
    "team",
    "Team",
    "X-ADDRESSBOOKSERVER-KIND:group",
    "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:ann",
    "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:anna",
    "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:bob",
)
CLUB = vcard("club", "Club", "KIND:group", "MEMBER:urn:uuid:anna", version="4.0")
BOB = vcard("bob", "Bob Other", "RELATED;TYPE=friend:urn:uuid:anna", version="4.0")


def fill(device: Device, **named: bytes) -> None:
    for name, octets in named.items():
        device.put(f"{name}.vcf", octets)


def merge(device: Device, kept: str, *others: str, **more: int) -> MergeResult:
    book_id = device.access().book_id
    inputs = [MergeInput((book_id, uid)) for uid in (kept, *others)]
    size = more.get("max_card_size", MAX_CARD_SIZE)
    return device.database.run_write(
        lambda c: merge_cards(c, inputs[0], inputs[1:], ADMINISTRATOR, max_card_size=size)
    )


def undo(device: Device, merge_id: int, *, force: bool = False) -> list[str]:
    return device.database.run_write(lambda c: undo_merge(c, merge_id, ADMINISTRATOR, force=force))


def octets(device: Device) -> dict[str, bytes]:
    with device.database.read() as connection:
        found = iterate_cards(connection, device.access().book_id)
        return {card.resource_name: card.content for card in found}


def stored(device: Device) -> list[Card]:
    with device.database.read() as connection:
        return list(iterate_cards(connection, device.access().book_id))


def test_merge_is_one_change_a_card_and_undo_gives_every_octet_back(device: Device) -> None:
    fill(device, ann=ANN, anna=ANNA, team=TEAM, club=CLUB, bob=BOB)
    before = octets(device)
    token = device.token()
    done = merge(device, "ann", "anna")
    after = octets(device)
    assert after.keys() == {"ann.vcf", "team.vcf", "club.vcf", "bob.vcf"}
    assert b"EMAIL:anna@example.org\r\n" in after["ann.vcf"]
    assert b"NOTE:first\\nName also: Anna Example\r\n" in after["ann.vcf"]
    assert after["team.vcf"] == TEAM.replace(b"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:anna\r\n", b"")
    assert after["club.vcf"] == CLUB.replace(b":anna", b":ann")
    assert after["bob.vcf"] == BOB.replace(b":anna", b":ann")
    assert done.repaired == 3
    changes = device.changes(token)
    assert changes.removed == ["anna.vcf"]
    assert sorted(name for name, _ in changes.changed) == sorted(after)
    assert [v.action for v in device.history()[5:]].count(Action.DELETE) == 1
    assert {v.client for v in device.history()[5:]} == {"sharedbooks duplicates merge"}

    assert sorted(undo(device, done.id)) == sorted(before)
    assert octets(device) == before
    with pytest.raises(Conflict, match="undone already"):
        undo(device, done.id)


def test_undo_gives_the_maker_back(device: Device) -> None:
    book = device.database.run_read(books.list_books)[0]
    bob = join_book(device.database, book, "bob", Privilege.CREATE)
    device.put("ann.vcf", ANN)
    bob.put("anna.vcf", ANNA)
    makers = {card.card_uid: card.creator_id for card in stored(device)}
    undo(device, merge(device, "ann", "anna").id)
    assert {card.card_uid: card.creator_id for card in stored(device)} == makers


def test_merge_of_three(device: Device) -> None:
    third = vcard("a3", "Ann Example", "URL:https://ann.example", version="4.0")
    fill(device, ann=ANN, anna=ANNA, a3=third)
    before = octets(device)
    done = merge(device, "anna", "ann", "a3")
    (merged,) = octets(device).values()
    for value in (b"VERSION:4.0", b"https://ann.example", b"first", b"anna@example.org"):
        assert value in merged
    assert [uid for _, uid in done.gone] == ["ann", "a3"]
    undo(device, done.id)
    assert octets(device) == before


def test_cards_that_say_nothing_new_go_without_a_change_of_the_kept_one(device: Device) -> None:
    fill(device, ann=ANN, copy=vcard("copy", "ANN EXAMPLE", "TEL:0041 44 111 22 33"))
    merge(device, "ann", "copy")
    assert octets(device) == {"ann.vcf": ANN}
    assert len(device.history("ann")) == 1


@pytest.mark.parametrize("changed", ["ann.vcf", "team.vcf"])
def test_undo_of_what_was_changed_since_is_refused_unless_forced(
    device: Device, changed: str
) -> None:
    fill(device, ann=ANN, anna=ANNA, team=TEAM)
    before = octets(device)
    done = merge(device, "ann", "anna")
    edited = octets(device)[changed].replace(b"END:", b"X-NEW:1\r\nEND:")
    device.put(changed, edited)
    present = octets(device)
    with pytest.raises(Conflict, match=f"'{changed}' was changed since the merge"):
        undo(device, done.id)
    assert octets(device) == present
    undo(device, done.id, force=True)
    assert octets(device) == before
    assert device.history(changed.removesuffix(".vcf"))[-1].content_before == edited


def test_undo_where_a_card_went_or_came_since(device: Device) -> None:
    fill(device, ann=ANN, anna=ANNA)
    first = merge(device, "ann", "anna")
    device.delete("ann.vcf")
    with pytest.raises(Conflict, match="'ann' was deleted since"):
        undo(device, first.id)
    device.put("anna.vcf", vcard("new", "New"))
    with pytest.raises(Conflict):
        undo(device, first.id)
    undo(device, first.id, force=True)
    found = octets(device)
    assert sorted(found.values()) == sorted([ANN, ANNA, vcard("new", "New")])
    assert found["anna.vcf"] == vcard("new", "New")


def test_merges_on_one_another_are_undone_in_the_opposite_order(device: Device) -> None:
    third = vcard("a3", "Ann Example", "URL:https://ann.example")
    fill(device, ann=ANN, anna=ANNA, a3=third)
    before = octets(device)
    first, second = merge(device, "ann", "anna"), merge(device, "ann", "a3")
    with pytest.raises(Conflict, match="changed since"):
        undo(device, first.id)
    undo(device, second.id)
    undo(device, first.id)
    assert octets(device) == before
    book_id = device.access().book_id
    listed = device.database.run_read(lambda c: list_merges(c, book_id))
    assert [each.id for each in listed] == [second.id, first.id]
    assert all(each.undone_at for each in listed)
    assert {each.actor_name for each in listed} == {"root"}


def test_what_was_decided_on_must_still_be_there(device: Device) -> None:
    fill(device, ann=ANN, anna=ANNA, team=TEAM)
    book_id = device.access().book_id
    seen = {card.card_uid: card.content_hash for card in stored(device)}
    device.put("anna.vcf", vcard("anna", "Anna Changed"))
    before = octets(device)
    kept, other = (MergeInput((book_id, uid), seen[uid]) for uid in ("ann", "anna"))

    def try_to(kept: MergeInput, others: Sequence[MergeInput]) -> None:
        device.database.run_write(
            lambda c: merge_cards(c, kept, others, ADMINISTRATOR, max_card_size=MAX_CARD_SIZE)
        )

    with pytest.raises(Conflict, match=r"'anna\.vcf' was changed meanwhile"):
        try_to(kept, [other])
    with pytest.raises(NotFound):
        try_to(kept, [MergeInput((book_id, "nobody"))])
    with pytest.raises(Conflict, match="is a group"):
        try_to(kept, [MergeInput((book_id, "team"))])
    for others in ([], [kept]):
        with pytest.raises(Conflict, match="two cards or more"):
            try_to(kept, others)
    assert octets(device) == before


def test_merge_that_would_be_too_large_changes_nothing(device: Device) -> None:
    fill(device, ann=ANN, anna=ANNA)
    before = octets(device)
    with pytest.raises(CardTooLarge):
        merge(device, "ann", "anna", max_card_size=len(ANN) + 5)
    assert octets(device) == before


def test_merge_across_books(device: Device, database: Database) -> None:
    other = make_book(database, "press")
    press = join_book(database, other, "pia", Privilege.WRITE)
    device.put("ann.vcf", ANN)
    fill(press, anna=ANNA, team=TEAM)
    before = octets(press)
    inputs = [MergeInput((device.access().book_id, "ann")), MergeInput((other.id, "anna"))]
    done = database.run_write(
        lambda c: merge_cards(c, inputs[0], inputs[1:], ADMINISTRATOR, max_card_size=10_000)
    )
    assert b"anna@example.org" in octets(device)["ann.vcf"]
    member = b"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:anna\r\n"
    assert octets(press) == {"team.vcf": TEAM.replace(member, b"")}
    undo(device, done.id)
    assert octets(press) == before
    assert octets(device) == {"ann.vcf": ANN}


def test_groups_of_pairs_hold_only_cards_that_are_each_like_each(device: Device) -> None:
    same = ("N:Baumgartner;Rosa;;;", "TEL:+41791112233", "EMAIL:rosa@example.org")
    fill(device, a=vcard("a", "Rosa Baumgartner", *same))
    fill(device, b=vcard("b", "Rosa Baumgartner", *same, "NOTE:richest"))
    fill(device, c=vcard("c", "Rosa Baumgartner", same[0], same[1]))
    # Like one of them only, by a number that it shares with nobody else.
    fill(device, d=vcard("d", "Karl Other", "TEL:+41780000000"))
    fill(device, e=vcard("e", "Karl Other", "TEL:+41780000000", "BDAY:19700101"))
    book = device.database.run_read(books.list_books)[0]

    with device.database.read() as connection:
        pairs = list(find_duplicates(connection, [book], threshold=0.5))
        groups = [order_by_richness(connection, group) for group in group_pairs(pairs)]
    assert sorted([card.card_uid for card in group] for group in groups) == [
        ["b", "a", "c"],
        ["e", "d"],
    ]
    chain = [pair for pair in pairs if {pair.left.card_uid, pair.right.card_uid} != {"a", "c"}]
    sizes = sorted(len(group) for group in group_pairs(chain))
    assert sizes == [2, 2]
