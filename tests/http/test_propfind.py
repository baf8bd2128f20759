"""PROPFIND in all its forms (RFC 4918, 9.1; RFC 8144)."""

import pytest

from tests.http.client import document, prop
from tests.http.world import World, vcard

DEFINED_BY_WEBDAV = {
    "D:creationdate", "D:displayname", "D:getcontentlength", "D:getcontenttype", "D:getetag",
    "D:getlastmodified", "D:resourcetype",
}  # fmt: skip
ALLPROP = document("D:propfind", "<D:allprop/>")


@pytest.mark.parametrize("depth", ["infinity", "2", "1,noroot", "Infinity"])
def test_only_depth_0_and_1_are_answered(world: World, depth: str) -> None:
    alice = world.member()
    for path in ("/", alice.home, alice.contacts):
        answer = alice.request("PROPFIND", path, ALLPROP, {"Depth": depth})
        assert (answer.status, answer.conditions) == (403, ["D:propfind-finite-depth"])


def test_no_depth_is_depth_0(world: World) -> None:
    alice = world.member()
    assert alice.request("PROPFIND", alice.home, ALLPROP).hrefs == [alice.home]


@pytest.mark.parametrize("body", ["", ALLPROP], ids=["no body", "allprop"])
def test_allprop_gives_what_webdav_defines(world: World, body: str) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    stored = alice.put(path, vcard())
    alice.set_property(alice.path(book), "<X:colour>red</X:colour>")
    answer = alice.request("PROPFIND", alice.path(book), body, {"Depth": "1"})
    assert answer.hrefs == [alice.path(book), path]
    folder, card = answer[alice.path(book)], answer[path]
    assert set(folder.statuses) == {
        "D:creationdate", "D:displayname", "D:getlastmodified", "D:resourcetype", "X:colour",
    }  # fmt: skip
    assert set(card.statuses) == DEFINED_BY_WEBDAV - {"D:displayname"}
    assert set(folder.statuses.values()) == set(card.statuses.values()) == {200}
    assert card.text("D:getetag") == stored.etag
    assert card.text("D:getcontentlength") == str(len(vcard()))
    assert card.text("D:getcontenttype").startswith("text/vcard")
    assert card.text("D:creationdate").endswith("Z")
    assert card.text("D:getlastmodified").endswith(" GMT")
    assert card.children("D:resourcetype") == []


def test_include_adds_to_allprop(world: World) -> None:
    alice, book = world.shared()
    include = "<D:include><D:sync-token/><CS:getctag/><D:displayname/><X:none/></D:include>"
    body = document("D:propfind", f"<D:allprop/>{include}")
    folder = alice.request("PROPFIND", alice.path(book), body, {"Depth": "0"})[alice.path(book)]
    assert {"D:sync-token", "CS:getctag", "D:displayname", "D:resourcetype"} <= set(folder.props)
    assert folder.statuses["X:none"] == 404


def test_propname_gives_names_without_values(world: World) -> None:
    alice, book = world.shared()
    alice.put(alice.path(book, "ann.vcf"), vcard())
    alice.set_property(alice.path(book), "<X:colour>red</X:colour>")
    body = document("D:propfind", "<D:propname/>")
    for path in ("/", alice.home, alice.path(book), alice.path(book, "ann.vcf")):
        answer = alice.request("PROPFIND", path, body, {"Depth": "0"})[path]
        assert {"D:resourcetype", "D:current-user-principal"} <= set(answer.props)
        for element in answer.props.values():
            assert (element.text, len(element)) == (None, 0)
        # What is named can be asked for.
        found = alice.find(path, *answer.props)
        absent = {name for name, status in found.statuses.items() if status != 200}
        assert absent <= {"CARD:addressbook-description", "D:acl"}
    assert "X:colour" in alice.request("PROPFIND", alice.path(book), body)[alice.path(book)].props


@pytest.mark.parametrize("headers", [{"Prefer": "return=minimal"}, {"Brief": "t"}])
def test_a_client_that_wants_little_is_not_told_what_is_missing(
    world: World, headers: dict[str, str]
) -> None:
    alice, book = world.shared()
    body = document("D:propfind", prop("D:resourcetype", "D:getetag", "X:none"))
    sent = {"Depth": "1", **headers}
    answer = alice.request("PROPFIND", alice.home, body, sent)
    assert answer.hrefs == [alice.home, alice.contacts, alice.path(book)]
    for resource in answer.resources.values():
        assert resource.statuses == {"D:resourcetype": 200}
    assert answer.headers["Preference-Applied"] == "return=minimal"
    nothing = document("D:propfind", prop("X:none"))
    empty = alice.request("PROPFIND", alice.home, nothing, {"Depth": "0", **headers})
    assert empty[alice.home].statuses == {}
    assert empty[alice.home].first_status == "HTTP/1.1 200 OK"
    report = document("D:sync-collection", "<D:sync-token/>" + prop("D:getetag", "X:none"))
    alice.put(alice.path(book, "ann.vcf"), vcard())
    synced = alice.request("REPORT", alice.path(book), report, headers)
    assert synced[alice.path(book, "ann.vcf")].statuses == {"D:getetag": 200}


def test_a_preference_among_others_counts_and_others_do_not(world: World) -> None:
    alice = world.member()
    for preference, minimal in (
        ("respond-async, return=minimal", True),
        ("return=representation", False),
    ):
        answer = alice.propfind(alice.home, ["X:none"], prefer=preference)
        assert answer[alice.home].statuses == ({} if minimal else {"X:none": 404})


def test_unknown_elements_are_ignored(world: World) -> None:
    alice = world.member()
    body = document("D:propfind", f"<X:odd><D:prop/></X:odd>{prop('D:displayname')}<X:more/>")
    answer = alice.request("PROPFIND", alice.home, body)
    assert answer[alice.home].statuses == {"D:displayname": 200}


@pytest.mark.parametrize("name", ['<x xmlns=""/>', '<x xmlns="urn:a&amp;b&quot;c"/>', "<X:a.b-c/>"])
def test_properties_of_any_namespace_may_be_asked_for(world: World, name: str) -> None:
    alice = world.member()
    body = document("D:propfind", f"<D:prop>{name}<D:displayname/></D:prop>")
    statuses = alice.request("PROPFIND", alice.home, body)[alice.home].statuses
    assert sorted(statuses.values()) == [200, 404]


def test_a_property_asked_for_twice_is_told_once(world: World) -> None:
    alice = world.member()
    answer = alice.propfind(alice.home, ["D:displayname", "X:none", "D:displayname", "X:none"])
    assert answer[alice.home].statuses == {"D:displayname": 200, "X:none": 404}
    include = "<D:include><CS:email-address-set/><X:none/><X:none/><D:displayname/></D:include>"
    body = document("D:propfind", f"<D:allprop/>{include}")
    assert "X:none" in alice.request("PROPFIND", alice.home, body)[alice.home].statuses


@pytest.mark.parametrize("names", [[f"X:p{n}" for n in range(2000)], ["X:" + "p" * 20_000]])
def test_more_properties_than_any_client_knows_are_refused(world: World, names: list[str]) -> None:
    """They would be repeated for every card of a book."""
    alice, book = world.shared()
    path = alice.path(book)
    include = "".join(f"<{name}/>" for name in names)
    body = document("D:propfind", f"<D:allprop/><D:include>{include}</D:include>")
    for answer in (
        alice.propfind(path, names, depth=1),
        alice.request("PROPFIND", path, body),
        alice.sync(path, names=names),
        alice.multiget(path, [], names),
    ):
        assert answer.status == 400
    assert alice.propfind(path, [f"X:p{n}" for n in range(200)]).status == 207


def test_cards_are_listed_with_their_tags(world: World) -> None:
    alice, book = world.shared()
    etags = {
        alice.path(book, name): alice.put(alice.path(book, name), vcard(name)).etag
        for name in ("b.vcf", "a.vcf", "c.vcf")
    }
    answer = alice.propfind(alice.path(book), ["D:getetag"], depth=1)
    assert answer.hrefs[0] == alice.path(book)
    assert set(answer.hrefs[1:]) == etags.keys()
    assert {href: answer[href].text("D:getetag") for href in etags} == etags
    assert alice.propfind(alice.path(book, "a.vcf"), depth=1).hrefs == [alice.path(book, "a.vcf")]


def test_values_are_escaped(world: World) -> None:
    alice, book = world.member(display_name='A <b> & "c" ]]>'), world.book()
    world.grant(book, alice, "manage")
    assert alice.find(alice.home, "D:displayname").text("D:displayname") == 'A <b> & "c" ]]>'
    card = vcard("ann", "<&>]]>", "NOTE:\x01\x0b control")
    alice.put(alice.path(book, "ann.vcf"), card)
    fetched = alice.multiget(alice.path(book), [alice.path(book, "ann.vcf")])
    text = fetched[alice.path(book, "ann.vcf")].text("CARD:address-data")
    # XML cannot carry some characters at all.
    assert "FN:<&>]]>\nNOTE:\ufffd\ufffd control" in text
