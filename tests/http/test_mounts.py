"""A book granted to a member appears in their home by itself, and goes with the grant."""

import pytest

from sharedbooks.identifiers import BookReference
from tests.http.client import Answer, document, prop
from tests.http.world import Member, World, fresh, vcard


def _every_access(member: Member, book: str) -> dict[str, Answer]:
    """Try all that a client may try on a book and on a card in it."""
    card = f"{book}ann.vcf"
    return {
        "PROPFIND": member.propfind(book),
        "PROPFIND 1": member.propfind(book, depth=1),
        "GET": member.get(book),
        "sync": member.sync(book),
        "multiget": member.multiget(book, [card]),
        "query": member.report(book, document("CARD:addressbook-query", prop("D:getetag"))),
        "DELETE": member.delete(book),
        "PROPPATCH": member.set_property(book, "<D:displayname>Mine</D:displayname>"),
        "PROPFIND card": member.propfind(card),
        "GET card": member.get(card),
        "HEAD card": member.request("HEAD", card),
        "PUT card": member.put(card, vcard()),
        "PUT new card": member.put(f"{book}new.vcf", vcard("new")),
        "DELETE card": member.delete(card),
        "COPY card": member.request(
            "COPY", card, headers={"Destination": f"{member.contacts}ann.vcf"}
        ),
        "COPY card there": member.request(
            "COPY", f"{member.contacts}own.vcf", headers={"Destination": f"{book}own.vcf"}
        ),
    }


def test_a_book_granted_to_a_group_is_in_the_next_listing_and_gone_after_the_revocation(
    world: World,
) -> None:
    alice = world.member()
    group, book = world.group("sales", [alice]), world.book("sales", display_name="Sales")
    assert alice.books() == {"contacts"}
    alice.put(f"{alice.contacts}own.vcf", vcard("own"))

    world.grant(book, group, "write")
    answer = alice.listing("D:resourcetype", "D:displayname")
    assert answer.hrefs == [alice.home, alice.contacts, alice.path(book)]
    assert answer[alice.path(book)].text("D:displayname") == "Sales"
    assert "CARD:addressbook" in answer[alice.path(book)].children("D:resourcetype")
    assert alice.put(alice.path(book, "ann.vcf"), vcard()).status == 201

    world.revoke(book, group)
    assert alice.books() == {"contacts"}
    statuses = {what: a.status for what, a in _every_access(alice, alice.path(book)).items()}
    assert statuses.pop("COPY card there") in {404, 409}
    assert statuses == dict.fromkeys(statuses, 404)
    assert world.stored(book) == {"ann.vcf": vcard()}

    world.grant(book, group, "read")
    assert alice.books() == {"contacts", book.name}
    assert alice.get(alice.path(book, "ann.vcf")).body == vcard()


def test_a_revoked_book_answers_as_one_that_never_was(world: World) -> None:
    alice, book = world.shared()
    alice.put(alice.path(book, "ann.vcf"), vcard())
    alice.put(f"{alice.contacts}own.vcf", vcard("own"))
    world.revoke(book, alice)
    gone = _every_access(alice, alice.path(book))
    never = _every_access(alice, alice.path("never-there"))
    for what, answer in gone.items():
        assert answer.status == never[what].status
        assert answer.body.replace(book.name.encode(), b"never-there") == never[what].body


def test_the_direct_url_works_without_a_listing_first(world: World) -> None:
    alice = world.member()
    alice.listing()
    for method in ("PROPFIND", "GET", "PUT", "REPORT"):
        book = world.book()
        world.grant(book, alice, "write")
        body = {"PUT": vcard(), "REPORT": document("D:sync-collection", "<D:sync-token/>")}
        path = alice.path(book, "ann.vcf" if method == "PUT" else "")
        answer = alice.request(method, path, body.get(method, ""))
        assert answer.status in {200, 201, 207}, (method, answer)


def test_who_joins_a_group_gets_its_books_and_who_leaves_loses_them(world: World) -> None:
    alice, bob = world.member("alice"), world.member("bob")
    group, book = world.group("sales", [alice]), world.book()
    world.grant(book, group, "read")
    assert (alice.books(), bob.books()) == ({"contacts", book.name}, {"contacts"})
    world.join(group, bob)
    assert bob.books() == {"contacts", book.name}
    world.leave(group, alice)
    assert (alice.books(), bob.books()) == ({"contacts"}, {"contacts", book.name})


def test_a_grant_that_stays_keeps_the_book_when_another_goes(world: World) -> None:
    alice, book = world.member(), world.book()
    group = world.group("sales", [alice])
    world.grant(book, group, "write")
    world.grant(book, alice, "read")
    assert alice.listing().hrefs.count(alice.path(book)) == 1
    assert alice.put(alice.path(book, "a.vcf"), vcard("a")).status == 201
    world.revoke(book, group)
    assert alice.books() == {"contacts", book.name}
    assert alice.put(alice.path(book, "b.vcf"), vcard("b")).status == 403


def test_members_see_the_same_cards_under_the_same_last_segment(world: World) -> None:
    alice, book = world.shared()
    bob = world.member("bob")
    world.grant(book, bob, "read")
    answer = alice.put(alice.path(book, "ann.vcf"), vcard())
    seen = bob.propfind(bob.path(book), ["D:getetag"], depth=1)
    assert seen.hrefs == [bob.path(book), bob.path(book, "ann.vcf")]
    assert seen[bob.path(book, "ann.vcf")].text("D:getetag") == answer.etag
    assert bob.get(bob.path(book, "ann.vcf")).body == vcard()


def test_own_books_come_first_and_shared_ones_by_name(world: World) -> None:
    alice = world.member()
    alice.listing()
    names = [fresh("aaa"), fresh("bbb")]
    for name in reversed(names):
        world.grant(world.exact_book(BookReference(None, name)), alice, "read")
    alice.mkcol(f"{alice.home}zzz/")
    assert [href.split("/")[2] for href in alice.listing().hrefs[1:]] == ["contacts", "zzz", *names]


def test_a_book_whose_name_is_taken_in_the_home_gets_another_that_stays(world: World) -> None:
    alice, name = world.member(), fresh("sales")
    alice.mkcol(f"{alice.home}{name}/")
    alice.put(alice.path(name, "own.vcf"), vcard("own"))
    book = world.exact_book(BookReference(None, name))
    world.grant(book, alice, "write")
    assert alice.books() == {"contacts", name, f"{name}-2"}
    alice.put(alice.path(f"{name}-2", "ann.vcf"), vcard())
    assert set(world.stored(book)) == {"ann.vcf"}
    assert alice.delete(f"{alice.home}{name}/").status == 204
    assert alice.books() == {"contacts", f"{name}-2"}
    assert alice.get(alice.path(f"{name}-2", "ann.vcf")).status == 200


@pytest.mark.parametrize("privilege", ["read", "create", "edit-own", "write"])
def test_a_member_names_a_shared_book_for_themselves_only(world: World, privilege: str) -> None:
    alice, bob = world.member("alice"), world.member("bob")
    book = world.book("sales", display_name="Sales", description="Customers")
    world.grant(book, alice, privilege)
    world.grant(book, bob, "read")
    given = (
        "<D:displayname>Mine</D:displayname>"
        "<CARD:addressbook-description>My own</CARD:addressbook-description>"
        "<X:colour>red</X:colour>"
    )
    answer = alice.set_property(alice.path(book), given)
    assert set(answer[alice.path(book)].statuses.values()) == {200}
    asked = ("D:displayname", "CARD:addressbook-description", "X:colour")
    own, others = alice.find(alice.path(book), *asked), bob.find(bob.path(book), *asked)
    assert [own.text(name) for name in asked] == ["Mine", "My own", "red"]
    assert others.text("D:displayname") == "Sales"
    assert others.text("CARD:addressbook-description") == "Customers"
    assert others.statuses["X:colour"] == 404
    listed = alice.listing("D:displayname")[alice.path(book)]
    assert listed.text("D:displayname") == "Mine"


def test_a_manager_names_a_shared_book_for_all_who_gave_it_no_name(world: World) -> None:
    alice, book = world.shared("manage")
    bob, carol = world.member("bob"), world.member("carol")
    for member in (bob, carol):
        world.grant(book, member, "read")
    carol.set_property(carol.path(book), "<D:displayname>Hers</D:displayname>")
    answer = alice.set_property(alice.path(book), "<D:displayname>Customers</D:displayname>")
    assert answer[alice.path(book)].statuses == {"D:displayname": 200}
    names = {m: m.find(m.path(book), "D:displayname").text("D:displayname") for m in (alice, bob)}
    assert names == {alice: "Customers", bob: "Customers"}
    assert carol.find(carol.path(book), "D:displayname").text("D:displayname") == "Hers"


@pytest.mark.parametrize("privilege", ["read", "create", "edit-own", "write", "manage"])
def test_no_member_deletes_or_overwrites_a_shared_book(world: World, privilege: str) -> None:
    alice, book = world.shared(privilege)
    alice.listing()
    refused = alice.delete(alice.path(book))
    assert (refused.status, refused.conditions) == (403, ["D:need-privileges"])
    assert refused.missing_privileges == {alice.path(book): {"unbind"}}
    whole = alice.put(alice.path(book), vcard())
    assert whole.status == 405
    assert "PUT" not in whole.allow
    assert alice.mkcol(alice.path(book)).status == 405
    assert alice.books() == {"contacts", book.name}
