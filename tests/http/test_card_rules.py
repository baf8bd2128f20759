"""A book that refuses cards of no use as contacts, as apps see it."""

from typing import Any

from sharedbooks.domain.book_checks import Policy, set_checks
from sharedbooks.domain.books import Book
from tests.http.world import Member, World, vcard

GOOD = vcard("ann", "Ann", "TEL:+41446681800")


def _rules(world: World, book: Book, **rules: Any) -> None:
    with world.database.write() as connection:
        set_checks(connection, book.id, **rules)


def _refusing(world: World) -> tuple[Member, Book]:
    alice, book = world.shared()
    _rules(world, book, policy=Policy.REFUSE, rule="TEL or EMAIL", country="CH")
    return alice, book


def test_a_refused_card_comes_with_a_text_to_act_on(world: World) -> None:
    alice, book = _refusing(world)
    answer = alice.put(alice.path(book, "ann.vcf"), vcard("ann", "Ann", "TEL:2045"))
    assert answer.status == 403
    assert answer.xml[0].tag == "{urn:sharedbooks:}acceptable-contact"
    sentence = answer.xml.findtext("{DAV:}responsedescription") or ""
    assert "TEL '2045': This is no phone number in CH" in sentence
    assert "Correct that in your app, and save the contact again." in sentence
    assert world.stored(book) == {}
    assert world.revision(book) == 0


def test_the_app_tries_again_until_the_card_is_right(world: World) -> None:
    alice, book = _refusing(world)
    path = alice.path(book, "ann.vcf")
    for _ in range(3):
        assert alice.put(path, vcard(), if_none_match="*").status == 403
    assert alice.put(path, GOOD, if_none_match="*").status == 201
    etag = alice.get(path).etag
    assert alice.put(path, vcard(), if_match=etag).status == 403
    assert (alice.get(path).body, alice.get(path).etag) == (GOOD, etag)


def test_new_members_are_refused_too(world: World) -> None:
    alice, book = _refusing(world)
    path = f"{alice.path(book)}?add-member"
    content_type = {"Content-Type": "text/vcard"}
    assert alice.request("POST", path, vcard(), content_type).status == 403
    assert alice.request("POST", path, GOOD, content_type).status == 201


def test_copies_and_moves_into_the_book_are_refused(world: World) -> None:
    alice, book = _refusing(world)
    alice.listing()
    for name, card in (("bad.vcf", vcard("bad")), ("ann.vcf", GOOD)):
        assert alice.put(f"{alice.contacts}{name}", card).status == 201
    for method in ("COPY", "MOVE"):
        to_bad = {"Destination": alice.path(book, "bad.vcf")}
        assert alice.request(method, f"{alice.contacts}bad.vcf", headers=to_bad).status == 403
    assert alice.get(f"{alice.contacts}bad.vcf").body == vcard("bad")
    to_ann = {"Destination": alice.path(book, "ann.vcf")}
    assert alice.request("MOVE", f"{alice.contacts}ann.vcf", headers=to_ann).status == 201
    assert world.stored(book) == {"ann.vcf": GOOD}


def test_deleting_and_reading_ask_for_nothing(world: World) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    alice.put(path, vcard())
    _rules(world, book, policy=Policy.REFUSE, rule="TEL")
    assert alice.get(path).status == 200
    assert alice.put(path, vcard("ann", "Ann B.")).status == 204
    assert alice.delete(path).status == 204


def test_a_book_that_warns_takes_every_card(world: World) -> None:
    alice, book = world.shared()
    _rules(world, book, policy=Policy.WARN, rule="TEL")
    assert alice.put(alice.path(book, "ann.vcf"), vcard()).status == 201
