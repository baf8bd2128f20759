"""addressbook-multiget and addressbook-query (RFC 6352, 8.6 and 8.7)."""

import pytest

from sharedbooks.domain.books import Book
from tests.http.client import document, prop
from tests.http.world import Member, World, authority, vcard


def _filled(world: World, count: int = 3) -> tuple[Member, Book, list[str]]:
    alice, book = world.shared()
    paths = [alice.path(book, f"{number}.vcf") for number in range(count)]
    for number, path in enumerate(paths):
        assert alice.put(path, vcard(f"{number}", f"Person {number}")).status == 201
    return alice, book, paths


@pytest.mark.parametrize("depth", ["0", "1", "infinity", None])
def test_cards_are_fetched_by_href_whatever_the_depth(world: World, depth: str | None) -> None:
    alice, book, paths = _filled(world)
    headers = {} if depth is None else {"depth": depth}
    answer = alice.multiget(alice.path(book), paths, **headers)
    assert answer.hrefs == paths
    for number, path in enumerate(paths):
        assert answer[path].text("D:getetag") == alice.get(path).etag
        assert f"FN:Person {number}\n" in answer[path].text("CARD:address-data")


def test_what_is_not_there_or_not_in_this_book_is_404(world: World) -> None:
    alice, book, paths = _filled(world)
    bob = world.member("bob")
    assert bob.put(f"{bob.contacts}secret.vcf", vcard("s", "Secret")).status == 201
    assert alice.put(f"{alice.contacts}own.vcf", vcard("own", "Other book")).status == 201
    foreign = [
        alice.path(book, "none.vcf"),
        f"{alice.contacts}own.vcf",
        f"{bob.contacts}secret.vcf",
        bob.path(book, "0.vcf"),
        alice.path(book),
        alice.home,
        "/",
        "not-a-path",
        "http://[broken/",
        "",
    ]
    answer = alice.multiget(alice.path(book), [*foreign, paths[0]])
    assert {href: answer[href].status for href in foreign} == dict.fromkeys(foreign, 404)
    assert answer[paths[0]].status is None
    assert b"Secret" not in answer.body
    assert b"Other book" not in answer.body


def test_an_href_asked_for_twice_is_answered_once(world: World) -> None:
    alice, book, paths = _filled(world)
    assert alice.multiget(alice.path(book), [paths[0], paths[1], paths[0]]).hrefs == paths[:2]


def test_absolute_urls_are_taken(world: World) -> None:
    alice, book, paths = _filled(world)
    urls = [
        f"http://{authority(world)}{paths[0]}",
        f"https://contacts.example.org{paths[1]}",
    ]
    answer = alice.multiget(alice.path(book), urls)
    assert answer.hrefs == paths[:2]
    assert all("CARD:address-data" in answer[path].props for path in paths[:2])


def test_500_hrefs_are_one_report(world: World) -> None:
    alice, book, paths = _filled(world, 3)
    hrefs = [*paths, *(alice.path(book, f"none-{number}.vcf") for number in range(497))]
    answer = alice.multiget(alice.path(book), hrefs)
    assert answer.hrefs == hrefs
    found = [href for href in hrefs if answer[href].status is None]
    assert found == paths


def test_no_hrefs_are_no_cards(world: World) -> None:
    alice, book, _ = _filled(world)
    assert alice.multiget(alice.path(book), []).hrefs == []


@pytest.mark.parametrize(
    "asked",
    [
        '<CARD:address-data content-type="text/vcard" version="4.0"/>',
        '<CARD:address-data Content-Type="text/vcard" version="3.0"/>',
        "<CARD:address-data><CARD:allprop/></CARD:address-data>",
    ],
)
def test_address_data_is_asked_for_in_many_ways(world: World, asked: str) -> None:
    alice, book, paths = _filled(world, 1)
    content = f"<D:prop><D:getetag/>{asked}</D:prop><D:href>{paths[0]}</D:href>"
    answer = alice.report(alice.path(book), document("CARD:addressbook-multiget", content))
    assert "FN:Person 0" in answer[paths[0]].text("CARD:address-data")


def test_any_property_of_a_card_may_be_asked_for(world: World) -> None:
    alice, book, paths = _filled(world, 1)
    names = ("D:getcontenttype", "D:resourcetype", "D:getlastmodified", "X:none")
    answer = alice.multiget(alice.path(book), paths, names)
    assert answer[paths[0]].statuses == {**dict.fromkeys(names, 200), "X:none": 404}


def test_spaces_around_an_href_do_not_count(world: World) -> None:
    alice, book, paths = _filled(world, 1)
    assert alice.multiget(alice.path(book), [f"\n  {paths[0]}\n"]).hrefs == paths


def _query(member: Member, book: Book, content: str, *names: str) -> dict[str, str]:
    body = document("CARD:addressbook-query", prop("D:getetag", *names) + content)
    answer = member.report(member.path(book), body, depth="1")
    return {
        href.rpartition("/")[2]: resource.text("D:getetag")
        for href, resource in answer.resources.items()
    }


def _text_match(name: str, text: str, kind: str = "contains") -> str:
    return (
        f'<CARD:prop-filter name="{name}"><CARD:text-match collation="i;unicode-casemap" '
        f'match-type="{kind}">{text}</CARD:text-match></CARD:prop-filter>'
    )


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ("", {"ann.vcf", "bob.vcf", "odd.vcf"}),
        (_text_match("FN", "exam"), {"ann.vcf", "bob.vcf"}),
        (_text_match("FN", "EXAMPLE"), {"ann.vcf", "bob.vcf"}),
        (_text_match("FN", "nobody"), set()),
        (_text_match("EMAIL", "ann@example.org", "equals"), {"ann.vcf"}),
        (_text_match("EMAIL", "example.org", "equals"), set()),
        (_text_match("EMAIL", "bob@", "starts-with"), {"bob.vcf"}),
        (_text_match("FN", "Ann") + _text_match("FN", "Bob"), {"ann.vcf", "bob.vcf"}),
        ('<CARD:prop-filter name="TEL"/>', {"bob.vcf"}),
        (
            '<CARD:prop-filter name="TEL"><CARD:is-not-defined/></CARD:prop-filter>',
            {"ann.vcf", "odd.vcf"},
        ),
    ],
)
def test_a_query_finds_the_right_cards(world: World, conditions: str, found: set[str]) -> None:
    alice, book = world.shared("write")
    etags = {}
    for name, card in {
        "ann.vcf": vcard("ann", "Ann Example", "EMAIL;TYPE=work:ann@example.org"),
        "bob.vcf": vcard("bob", "Bob Example", "item1.EMAIL:bob@example.org", "TEL:+49 30 1"),
        "odd.vcf": vcard("odd", "Müller, Jürgen", "X-ODD;;:broken"),
    }.items():
        etags[name] = alice.put(alice.path(book, name), card).etag
    answer = _query(alice, book, f"<CARD:filter>{conditions}</CARD:filter>")
    assert set(answer) == found
    assert answer == {name: etags[name] for name in found}


def test_a_query_asks_for_what_a_member_may_see_only(world: World) -> None:
    alice, book, _ = _filled(world, 1)
    bob = world.member("bob")
    body = document("CARD:addressbook-query", f"{prop('D:getetag')}<CARD:filter/>")
    bob.listing()
    for path in (alice.path(book), bob.path(book)):
        assert bob.report(path, body).status in {403, 404}
    world.grant(book, bob, "read")
    assert bob.report(bob.path(book), body).hrefs == [bob.path(book, "0.vcf")]


def test_a_query_may_bring_the_cards(world: World) -> None:
    alice, book, paths = _filled(world, 2)
    content = f"{prop('D:getetag', 'CARD:address-data')}<CARD:filter/>"
    answer = alice.report(alice.path(book), document("CARD:addressbook-query", content))
    texts = {answer[path].text("CARD:address-data").splitlines()[3] for path in paths}
    assert texts == {"FN:Person 0", "FN:Person 1"}
