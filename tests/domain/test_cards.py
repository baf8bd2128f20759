import random
from dataclasses import fields
from urllib.parse import quote

import pytest
from sqlalchemy import select

from sharedbooks.db.schema import card_properties
from sharedbooks.domain import cards
from sharedbooks.domain.cards import CardInfo
from sharedbooks.domain.prepared_cards import prepare_card, safe_resource_name
from sharedbooks.errors import (
    CardTooLarge,
    InvalidCard,
    InvalidName,
    NotFound,
    PreconditionFailed,
    UidConflict,
    UnsupportedCard,
)
from sharedbooks.identifiers import parse_resource_name
from tests.support.factories import Device, make_own_book, vcard

STRANGE_OCTETS = [
    vcard().replace(b"\r\n", b"\n"),
    b"\xef\xbb\xbf" + vcard(),
    b"\r\n" + vcard() + b"\r\n\r\n",
    vcard("ann", "Ann", 'X-UNKNOWN;X="a;b:c":  spaces \t kept  ', "item1.X-ABLabel:_$!<Home>!$_"),
    vcard("ann", "Ann", "NOTE:folded\r\n  here\r\n\t and here", version="4.0"),
    vcard("ann", "Zoë 山田 😀 \u202eabc", "NOTE:\\n\\,\\;\\\\"),
    b"begin:vcard\r\nuid:ann\r\nfn:no version, no final line end\r\nend:vcard",
]

STRANGE_NAMES = [
    "ann.vcf",
    "quotes\"and's.vcf",
    "co:lon;semi,comma.vcf",
    "Zoë Müller.vcf",
    "Zoe\u0308.vcf",
    "山田.vcf",
    "😀.vcf",
    "100%25_?#[]@!$&()*+=~.vcf",
    " leading and trailing ",
    "back\\slash",
    "ANN.VCF",
    "no-extension",
    "x" * 255,
    "😀" * 255,
]


def _index(device: Device, name: str) -> list[tuple[str, str]]:
    columns = (card_properties.c.name, card_properties.c.value)
    statement = select(*columns).where(card_properties.c.card_id == device.get(name).id)
    with device.database.read() as connection:
        return sorted((row[0], row[1]) for row in connection.execute(statement))


def test_octets_are_kept(device: Device) -> None:
    for number, octets in enumerate(STRANGE_OCTETS):
        octets = octets.replace(b"ann", b"ann%d" % number)  # noqa: PLW2901
        stored = device.put(f"{number}.vcf", octets)
        assert (stored.created, stored.changed, stored.verbatim) == (True, True, True)
        card = device.get(f"{number}.vcf")
        assert card.content == octets
        assert card.size == len(octets)
        assert card.card_uid == f"ann{number}"
        assert card.etag == stored.etag


def test_card_with_a_large_photo_is_kept(device: Device) -> None:
    photo = random.Random(1).randbytes(1_500_000).hex()  # 3 MB as text
    lines = [photo[at : at + 74] for at in range(0, len(photo), 74)]
    octets = vcard("ann", "Ann", "PHOTO;ENCODING=b:" + "\r\n ".join(lines))
    device.put("ann.vcf", octets)
    assert device.get("ann.vcf").content == octets
    device.put("ann.vcf", octets.replace(b"FN:Ann", b"FN:Bob"))
    assert device.history()[1].content_before == octets


def test_facts_of_a_card(device: Device) -> None:
    stored = device.put("ann.vcf", vcard("urn:uuid:1", "Ann", "X-ADDRESSBOOKSERVER-KIND:Group"))
    card = device.get("ann.vcf")
    assert (card.resource_name, card.card_uid) == ("ann.vcf", "urn:uuid:1")
    assert (card.version, card.kind) == ("3.0", "group")
    assert card.creator_id == device.user.id
    assert card.revision == 1
    assert card.created_at == card.changed_at
    assert stored.etag == f'"{card.content_hash}"'
    device.put("ann.vcf", vcard("urn:uuid:1", "Ann", version="4.0"))
    edited = device.get("ann.vcf")
    assert (edited.version, edited.kind, edited.revision) == ("4.0", "individual", 2)
    assert (edited.id, edited.created_at) == (card.id, card.created_at)
    assert edited.changed_at > card.changed_at


def test_long_facts_are_cut(device: Device) -> None:
    octets = vcard("ann", "ü" * 1000, "KIND:" + "x-" * 100, "NOTE:" + "ä" * 5000, version="4.0")
    for name in ("first", "again"):
        device.put("ann.vcf", octets.replace(b"VERSION", b"X-A:" + name.encode() + b"\r\nVERSION"))
        assert device.get("ann.vcf").kind == "x-" * 16
        assert max(len(value) for _, value in _index(device, "ann.vcf")) == 255


def test_index_follows_the_card(device: Device) -> None:
    device.put("ann.vcf", vcard("ann", "Ann Ä", "EMAIL:Ann@Example.org", "X-A:1"))
    rows = [("EMAIL", "ann@example.org"), ("FN", "ann a\u0308"), ("X-A", "1")]
    assert _index(device, "ann.vcf") == rows
    device.put("ann.vcf", vcard("ann", "Ann B"))
    assert _index(device, "ann.vcf") == [("FN", "ann b")]
    device.delete("ann.vcf")
    with device.database.read() as connection:
        assert connection.execute(select(card_properties)).all() == []


def test_equal_content_changes_nothing(device: Device) -> None:
    first = device.put("ann.vcf", vcard())
    card, token = device.get("ann.vcf"), device.token()
    again = device.put("ann.vcf", vcard())
    assert (again.created, again.changed, again.etag) == (False, False, first.etag)
    assert device.get("ann.vcf") == card
    assert device.token() == token
    assert len(device.history()) == 1


def test_equal_content_still_needs_its_conditions(device: Device) -> None:
    device.put("ann.vcf", vcard())
    with pytest.raises(PreconditionFailed):
        device.put("ann.vcf", vcard(), if_match='"other"')
    with pytest.raises(PreconditionFailed):
        device.put("ann.vcf", vcard(), if_none_match="*")


def test_strange_names_are_kept(device: Device) -> None:
    for name in STRANGE_NAMES:
        assert parse_resource_name(name) == name
        token = device.token()
        device.put(name, vcard("1"))
        card = device.get(name)
        assert card.resource_name == name
        assert device.changes(token).changed == [(name, card.content_hash)]
        assert device.find(name + " ") is None
        assert device.find(name.swapcase() + "x") is None
        device.delete(name)
        assert device.find(name) is None
        assert device.changes(token).removed == [name]
        assert device.history()[-1].resource_name == name


def test_names_differ_by_case_accent_space_and_normal_form(device: Device) -> None:
    names = [*STRANGE_NAMES, "Ann.vcf", "änn.vcf", "ann.vcf ", "ann.vcf\u00a0", quote("山田.vcf")]
    for number, name in enumerate(names):
        device.put(name, vcard(f"{number}", name[:50]))
    assert set(device.contents()) == set(names)
    assert len(names) == len(set(names))
    with device.database.read() as connection:
        found = list(cards.get_cards(connection, device.access().book_id, [*names, "nobody"]))
    assert {card.resource_name: card.card_uid for card in found} == {
        name: f"{number}" for number, name in enumerate(names)
    }


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b", "a\nb", "\x7f", "x" * 256])
def test_unsafe_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidName):
        parse_resource_name(name)


def test_many_cards_are_found_by_name(device: Device) -> None:
    names = [f"{number}.vcf" for number in range(3)]
    for name in names:
        device.put(name, vcard(name))
    wanted = [*names, *(f"missing {number}" for number in range(1200))]
    with device.database.read() as connection:
        found = list(cards.get_cards(connection, device.access().book_id, wanted))
        assert sorted(card.resource_name for card in found) == names
        assert list(cards.get_cards(connection, device.access().book_id, [])) == []


def test_listing_tells_all_but_the_content(device: Device) -> None:
    for name in ("b", "a", "C"):
        device.put(name, vcard(name))
    with device.database.read() as connection:
        book = device.access().book_id
        listed = cards.list_cards(connection, book)
        assert [info.resource_name for info in listed] == ["C", "a", "b"]
        for info in listed:
            card = cards.get_card(connection, book, info.resource_name)
            assert info == CardInfo(*(getattr(card, each.name) for each in fields(CardInfo)))
            assert info.etag == card.etag
        some = cards.get_card_infos(connection, book, ["b", "C", "missing"])
        assert sorted(info.card_uid for info in some) == ["C", "b"]
        assert cards.list_cards(connection, book + 1) == []


def test_all_cards_are_read_by_name(device: Device) -> None:
    for name in ("b", "a", "C"):
        device.put(name, vcard(name))
    with device.database.read() as connection:
        book = device.access().book_id
        assert [c.resource_name for c in cards.iterate_cards(connection, book)] == ["C", "a", "b"]
        # A reader may stop early, and go on with something else.
        some = cards.iterate_cards(connection, book)
        assert next(some).content == vcard("C")
        some.close()
        assert cards.get_card(connection, book, "b").card_uid == "b"
        assert "yield_per" not in connection.get_execution_options()


def test_nobody_is_not_found(device: Device) -> None:
    device.put("ann.vcf", vcard())
    with device.database.read() as connection:
        with pytest.raises(NotFound, match=r"no card 'Ann\.vcf'"):
            cards.get_card(connection, device.access().book_id, "Ann.vcf")
        assert cards.find_card(connection, device.access().book_id + 1, "ann.vcf") is None
    with pytest.raises(NotFound):
        device.delete("Ann.vcf")


def test_if_match(device: Device) -> None:
    for tag in ("*", '"x"'):
        with pytest.raises(PreconditionFailed):
            device.put("ann.vcf", vcard(), if_match=tag)
    first = device.put("ann.vcf", vcard())
    second = device.put("ann.vcf", vcard("ann", "Ann 2"), if_match=first.etag)
    assert second.etag != first.etag
    for tag in (first.etag, second.etag.strip('"'), second.etag.upper(), "W/" + second.etag):
        with pytest.raises(PreconditionFailed, match="If-Match"):
            device.put("ann.vcf", vcard("ann", "Ann 3"), if_match=tag)
        with pytest.raises(PreconditionFailed, match="If-Match"):
            device.delete("ann.vcf", if_match=tag)
    assert device.get("ann.vcf").etag == second.etag
    third = device.put("ann.vcf", vcard("ann", "Ann 3"), if_match="*")
    device.delete("ann.vcf", if_match=third.etag)
    assert device.contents() == {}


def test_if_none_match(device: Device) -> None:
    created = device.put("ann.vcf", vcard(), if_none_match="*")
    assert created.created
    for tag in ("*", created.etag):
        with pytest.raises(PreconditionFailed, match="If-None-Match"):
            device.put("ann.vcf", vcard("ann", "Other"), if_none_match=tag)
    assert device.get("ann.vcf").content == vcard()
    assert device.put("ann.vcf", vcard("ann", "Other"), if_none_match='"old"').changed


def test_etag_comes_back_with_the_content(device: Device) -> None:
    first = device.put("ann.vcf", vcard())
    device.put("ann.vcf", vcard("ann", "Other"))
    assert device.put("ann.vcf", vcard()).etag == first.etag
    device.delete("ann.vcf")
    assert device.put("ann.vcf", vcard()).etag == first.etag


def test_uid_of_another_card_is_refused(device: Device) -> None:
    device.put("ann.vcf", vcard("ann"))
    token = device.token()
    with pytest.raises(UidConflict) as caught:
        device.put("bob.vcf", vcard("ann", "Bob"))
    assert caught.value.resource_name == "ann.vcf"
    assert device.token() == token
    assert list(device.contents()) == ["ann.vcf"]


def test_uids_differ_by_case_accent_and_space(device: Device) -> None:
    uids = ["ann", "ANN", "änn", "a nn", "山田", "😀", "urn:uuid:x", "x" * 255, "ü" * 255]
    for number, uid in enumerate(uids):
        device.put(f"{number}.vcf", vcard(uid))
    with device.database.read() as connection:
        for number, uid in enumerate(uids):
            book_id = device.access().book_id
            assert cards.find_name_of_uid(connection, book_id, uid) == f"{number}.vcf"
        assert cards.find_name_of_uid(connection, book_id, "Ann") is None


def test_uid_cannot_change(device: Device) -> None:
    device.put("ann.vcf", vcard("ann"))
    with pytest.raises(UidConflict, match="cannot change") as caught:
        device.put("ann.vcf", vcard("other"))
    assert caught.value.resource_name == "ann.vcf"
    assert device.get("ann.vcf").content == vcard("ann")


def test_uid_and_name_of_a_deleted_card_are_free(device: Device) -> None:
    device.put("ann.vcf", vcard("ann"))
    device.delete("ann.vcf")
    assert device.put("other.vcf", vcard("ann")).created
    assert device.put("ann.vcf", vcard("other")).created


def test_uid_may_be_in_several_books(device: Device) -> None:
    make_own_book(device.database, device.user, "friends")
    friends = Device(device.database, device.user, "friends")
    for each in (device, friends):
        each.put("ann.vcf", vcard("ann"))
    friends.delete("ann.vcf")
    assert device.get("ann.vcf").card_uid == "ann"


def test_missing_uid_is_added(device: Device) -> None:
    stored = device.put("ann.vcf", vcard(None))
    assert not stored.verbatim
    card = device.get("ann.vcf")
    assert card.etag == stored.etag
    assert card.content == vcard(card.card_uid)
    assert device.put("bob.vcf", vcard(None)).created
    assert device.get("bob.vcf").card_uid != card.card_uid
    # A client that never learnt the UID goes on with the card it has.
    again = device.put("ann.vcf", vcard(None))
    assert (again.changed, again.verbatim) == (False, False)
    edited = device.put("ann.vcf", vcard(None, "Other"))
    assert (edited.changed, edited.verbatim) == (True, False)
    assert device.get("ann.vcf").content == vcard(card.card_uid, "Other")


def test_card_is_moved_with_its_octets(device: Device) -> None:
    make_own_book(device.database, device.user, "friends")
    friends = Device(device.database, device.user, "friends")
    device.put("ann.vcf", STRANGE_OCTETS[1])
    moved = device.move("ann.vcf", "new.vcf")
    assert (moved.created, moved.verbatim) == (True, True)
    assert device.get("new.vcf").content == STRANGE_OCTETS[1]
    device.move("new.vcf", "ann.vcf", "friends")
    assert device.contents() == {}
    assert friends.get("ann.vcf").content == STRANGE_OCTETS[1]


def test_move_that_fails_leaves_all_as_it_was(device: Device) -> None:
    make_own_book(device.database, device.user, "friends")
    friends = Device(device.database, device.user, "friends")
    device.put("ann.vcf", vcard("ann"))
    friends.put("other.vcf", vcard("ann", "Same UID"))
    before = device.token(), friends.token(), device.contents(), friends.contents()
    with pytest.raises(UidConflict) as caught:
        device.move("ann.vcf", "new.vcf", "friends")
    assert caught.value.resource_name == "other.vcf"
    with pytest.raises(NotFound):
        device.move("nobody.vcf", "new.vcf", "friends")
    assert (device.token(), friends.token(), device.contents(), friends.contents()) == before


@pytest.mark.parametrize(
    ("octets", "error"),
    [
        (b"", InvalidCard),
        (b"hello", InvalidCard),
        (vcard() + vcard("bob"), InvalidCard),
        (vcard("x" * 256), InvalidCard),
        (vcard(version="2.1"), UnsupportedCard),
        (vcard("ann", "x" * 1000), CardTooLarge),
    ],
)
def test_what_is_no_card_of_ours_is_refused(octets: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        prepare_card(octets, max_size=900)


def test_size_at_the_limit_is_kept() -> None:
    octets = vcard()
    assert prepare_card(octets, max_size=len(octets)).octets == octets


def test_safe_resource_name() -> None:
    plain = "2E1F-0a"
    assert safe_resource_name(plain) == f"{plain}.vcf"
    assert safe_resource_name(f"urn:uuid:{plain}") == f"{plain}.vcf"
    for uid in ("a/b", "..", "ä", "x" * 250, "", "a b", "a%b"):
        name = safe_resource_name(uid)
        assert name == safe_resource_name(uid)
        assert name.removesuffix(".vcf").replace("-", "").isalnum()
        assert safe_resource_name(uid, {name}) != name
