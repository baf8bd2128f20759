"""COPY and MOVE of cards (RFC 4918, 9.8 and 9.9)."""

import pytest

from sharedbooks.domain.books import Book
from tests.http.client import Answer
from tests.http.world import Member, World, authority, vcard


def _transfer(member: Member, method: str, source: str, target: str, **headers: str) -> Answer:
    return member.request(method, source, headers={"Destination": target, **headers})


def _two_books(world: World) -> tuple[Member, Book, Book]:
    """Make a member who writes in two books; the first holds a card."""
    alice, source, target = world.member(), world.book("source"), world.book("target")
    for book in (source, target):
        world.grant(book, alice, "write")
    assert alice.put(alice.path(source, "ann.vcf"), vcard()).status == 201
    alice.listing()
    return alice, source, target


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_a_card_goes_to_another_book_as_it_is(world: World, method: str) -> None:
    alice, source, target = _two_books(world)
    there = alice.path(target, "new.vcf")
    tokens = [alice.sync(alice.path(book)).sync_token for book in (source, target)]
    etag = alice.get(alice.path(source, "ann.vcf")).etag
    assert _transfer(alice, method, alice.path(source, "ann.vcf"), there).status == 201
    assert world.stored(target) == {"new.vcf": vcard()}
    assert world.stored(source) == ({"ann.vcf": vcard()} if method == "COPY" else {})
    assert alice.get(there).etag == etag
    left, arrived = (
        alice.sync(alice.path(book), token)
        for book, token in zip((source, target), tokens, strict=True)
    )
    assert arrived[there].text("D:getetag") == etag
    gone = {} if method == "COPY" else {alice.path(source, "ann.vcf"): 404}
    assert {href: left[href].status for href in left.hrefs} == gone


def test_a_card_is_renamed_within_its_book(world: World) -> None:
    alice, book, _ = _two_books(world)
    token = alice.sync(alice.path(book)).sync_token
    old, new = alice.path(book, "ann.vcf"), alice.path(book, "b.vcf")
    assert _transfer(alice, "MOVE", old, new).status == 201
    changes = alice.sync(alice.path(book), token)
    assert (changes[old].status, changes[new].status) == (404, None)
    assert world.stored(book) == {"b.vcf": vcard()}


def test_a_copy_within_a_book_would_double_the_uid(world: World) -> None:
    alice, book, _ = _two_books(world)
    source = alice.path(book, "ann.vcf")
    answer = _transfer(alice, "COPY", source, alice.path(book, "b.vcf"))
    assert (answer.status, answer.conditions) == (403, ["CARD:no-uid-conflict"])
    assert [href.text for href in answer.xml.iter("{DAV:}href")] == [source]


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_a_uid_that_the_other_book_has_is_a_conflict(world: World, method: str) -> None:
    alice, source, target = _two_books(world)
    holder = alice.path(target, "holder.vcf")
    alice.put(holder, vcard("ann", "Other"))
    answer = _transfer(alice, method, alice.path(source, "ann.vcf"), alice.path(target, "new.vcf"))
    assert (answer.status, answer.conditions) == (403, ["CARD:no-uid-conflict"])
    assert [href.text for href in answer.xml.iter("{DAV:}href")] == [holder]
    assert world.stored(source) == {"ann.vcf": vcard()}
    assert world.stored(target) == {"holder.vcf": vcard("ann", "Other")}


@pytest.mark.parametrize("overwrite", [None, "T", "F", "f"])
@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_what_is_there_is_replaced_unless_the_client_says_no(
    world: World, method: str, overwrite: str | None
) -> None:
    alice, source, target = _two_books(world)
    there = alice.path(target, "there.vcf")
    alice.put(there, vcard("ann", "Before"))
    headers = {} if overwrite is None else {"Overwrite": overwrite}
    answer = _transfer(alice, method, alice.path(source, "ann.vcf"), there, **headers)
    refused = overwrite in {"F", "f"}
    assert answer.status == (412 if refused else 204)
    assert alice.get(there).body == (vcard("ann", "Before") if refused else vcard())
    kept = {"ann.vcf": vcard()} if refused or method == "COPY" else {}
    assert world.stored(source) == kept


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_a_card_of_another_uid_is_not_overwritten(world: World, method: str) -> None:
    alice, source, target = _two_books(world)
    there = alice.path(target, "there.vcf")
    alice.put(there, vcard("another"))
    answer = _transfer(alice, method, alice.path(source, "ann.vcf"), there)
    assert (answer.status, answer.conditions) == (403, ["CARD:no-uid-conflict"])
    assert [href.text for href in answer.xml.iter("{DAV:}href")] == [there]
    assert world.stored(source) == {"ann.vcf": vcard()}
    assert world.stored(target) == {"there.vcf": vcard("another")}


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_both_ends_ask_for_their_privileges(world: World, method: str) -> None:
    alice, source, target = _two_books(world)
    here, there = alice.path(source, "ann.vcf"), alice.path(target, "new.vcf")
    world.grant(target, alice, "read")
    refused = _transfer(alice, method, here, there)
    assert (refused.status, refused.conditions) == (403, ["D:need-privileges"])
    world.grant(target, alice, "create")
    world.grant(source, alice, "read")
    status = _transfer(alice, method, here, there).status
    assert status == (201 if method == "COPY" else 403)
    assert world.stored(source) == {"ann.vcf": vcard()}
    assert set(world.stored(target)) == ({"new.vcf"} if method == "COPY" else set())


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_a_book_that_is_not_the_members_is_no_end(world: World, method: str) -> None:
    alice, source, target = _two_books(world)
    here = alice.path(source, "ann.vcf")
    world.revoke(target, alice)
    gone = _transfer(alice, method, here, alice.path(target, "new.vcf"))
    never = _transfer(alice, method, here, alice.path("never", "new.vcf"))
    assert gone.status == never.status
    assert gone.status in {404, 409}
    bob = world.member("bob")
    bob.listing()
    for place in (f"{bob.contacts}new.vcf", "/nobody/contacts/new.vcf"):
        assert _transfer(alice, method, here, place).status == 409
    assert world.stored(world.own_book(bob)) == {}
    missing = alice.path(source, "none.vcf")
    assert _transfer(alice, method, missing, f"{alice.contacts}a.vcf").status == 404
    assert world.stored(source) == {"ann.vcf": vcard()}


@pytest.mark.parametrize(
    ("destination", "status"),
    [
        ("", 400),
        ("http://elsewhere.example/{home}/contacts/a.vcf", 502),
        ("{home}", 403),
        ("{home}contacts/", 403),
        ("/", 403),
        ("{source}", 403),
        ("{home}contacts/%00.vcf", 502),
    ],
)
def test_a_destination_that_is_no_place_for_a_card(
    world: World, destination: str, status: int
) -> None:
    alice = world.member()
    source = f"{alice.contacts}ann.vcf"
    alice.put(source, vcard())
    target = destination.format(home=alice.home, source=source)
    for method in ("COPY", "MOVE"):
        answer = _transfer(alice, method, source, target)
        if "%00" in destination:
            assert answer.status in {400, 409, 502}
        else:
            assert answer.status == status, answer
        assert alice.get(source).body == vcard()


def test_absolute_and_relative_destinations_are_the_same(world: World) -> None:
    alice, source, target = _two_books(world)
    there = alice.path(target, "%C3%BC%20x.vcf")
    url = f"http://{authority(world)}{there}"
    assert _transfer(alice, "COPY", alice.path(source, "ann.vcf"), url).status == 201
    assert set(world.stored(target)) == {"ü x.vcf"}
    assert _transfer(alice, "COPY", alice.path(source, "ann.vcf"), there).status == 204


def test_conditions_are_about_the_source(world: World) -> None:
    alice, source, target = _two_books(world)
    here, there = alice.path(source, "ann.vcf"), alice.path(target, "new.vcf")
    etag = alice.get(here).etag or ""
    stale = {"If-Match": '"stale"'}
    assert _transfer(alice, "MOVE", here, there, **stale).status == 412
    assert world.stored(source) == {"ann.vcf": vcard()}
    assert _transfer(alice, "MOVE", here, there, **{"If-Match": etag}).status == 201


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_books_and_homes_stay_where_they_are(world: World, method: str) -> None:
    alice, book, _ = _two_books(world)
    for source in (alice.contacts, alice.path(book), alice.home):
        answer = _transfer(alice, method, source, f"{alice.contacts}new.vcf")
        assert answer.status == 403
    assert world.stored(book) == {"ann.vcf": vcard()}
