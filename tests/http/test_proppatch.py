"""PROPPATCH: all or nothing, and dead properties kept as they are (RFC 4918, 9.2 and 4.3)."""

import xml.etree.ElementTree as ET

import pytest

from tests.http.client import document
from tests.http.world import World, vcard

STRUCTURED = (
    '<X:list kind="a&amp;b" xml:lang="de">text<X:item>1</X:item>between<o:other xmlns:o="urn:o">'
    '<o:inner o:attribute="&quot;"/></o:other>tail &lt;end&gt; 🎉</X:list>'
)


def _canonical(element: ET.Element) -> str:
    copy = ET.fromstring(ET.tostring(element))  # noqa: S314 - our own server's
    copy.tail = None
    return ET.canonicalize(ET.tostring(copy, encoding="unicode"), rewrite_prefixes=True)


def _expected(content: str) -> str:
    return _canonical(ET.fromstring(document("D:x", content))[0])  # noqa: S314 - ours


@pytest.mark.parametrize("where", ["home", "own", "shared", "managed"])
def test_dead_properties_come_back_with_their_structure(world: World, where: str) -> None:
    alice, book = world.shared("manage" if where == "managed" else "read")
    path = {"home": alice.home, "own": alice.contacts}.get(where, alice.path(book))
    colour = '<a:calendar-color xmlns:a="http://apple.com/ns/ical/">#FF0000</a:calendar-color>'
    answer = alice.set_property(path, STRUCTURED + colour)
    name = "{http://apple.com/ns/ical/}calendar-color"
    assert answer[path].statuses == {"X:list": 200, name: 200}
    body = document(
        "D:propfind",
        '<D:prop><X:list/><a:calendar-color xmlns:a="http://apple.com/ns/ical/"/></D:prop>',
    )
    found = alice.request("PROPFIND", path, body)[path]
    assert _canonical(found.props["X:list"]) == _expected(STRUCTURED)
    assert found.text(name) == "#FF0000"
    replaced = "<X:list><X:item>2</X:item></X:list>"
    alice.set_property(path, replaced)
    assert _canonical(alice.find(path, "X:list").props["X:list"]) == _expected(replaced)
    removed = alice.proppatch(path, "<D:remove><D:prop><X:list/><X:never/></D:prop></D:remove>")
    assert set(removed[path].statuses.values()) == {200}
    found = alice.request("PROPFIND", path, body)[path]
    assert found.statuses == {"X:list": 404, name: 200}


def test_the_me_card_is_the_members_own_even_on_a_read_only_book(world: World) -> None:
    alice, book = world.shared("read")
    bob = world.member("bob")
    world.grant(book, bob, "read")
    element = f"<CS:me-card><D:href>{alice.path(book, 'me.vcf')}</D:href></CS:me-card>"
    for path in (alice.home, alice.path(book)):
        assert alice.set_property(path, element)[path].statuses == {"CS:me-card": 200}
        assert alice.find(path, "CS:me-card").hrefs("CS:me-card") == [alice.path(book, "me.vcf")]
    assert bob.find(bob.path(book), "CS:me-card").statuses == {"CS:me-card": 404}
    assert bob.find(bob.home, "CS:me-card").statuses == {"CS:me-card": 404}


PROTECTED = [
    "D:resourcetype", "D:getetag", "D:getcontentlength", "D:getlastmodified", "D:creationdate",
    "D:owner", "D:sync-token", "D:current-user-principal", "D:current-user-privilege-set",
    "D:supported-report-set", "D:lockdiscovery", "D:quota-available-bytes",
    "CARD:supported-address-data", "CARD:max-resource-size", "CARD:addressbook-home-set",
]  # fmt: skip


@pytest.mark.parametrize("step", ["set", "remove"])
@pytest.mark.parametrize(
    ("where", "name"),
    [("own", name) for name in [*PROTECTED, "CS:getctag"]]
    + [("home", name) for name in [*PROTECTED, "CS:email-address-set"]],
)
def test_what_is_the_servers_is_refused_and_nothing_is_done(
    world: World, where: str, name: str, step: str
) -> None:
    alice = world.member()
    path = alice.contacts if where == "own" else alice.home
    before = alice.find(path, "D:resourcetype", "D:displayname")
    answer = alice.proppatch(
        path,
        "<D:set><D:prop><X:first>1</X:first></D:prop></D:set>"
        f"<D:{step}><D:prop><{name}/></D:prop></D:{step}>"
        "<D:set><D:prop><X:last>1</X:last></D:prop></D:set>",
    )
    assert answer[path].statuses == {"X:first": 424, name: 403, "X:last": 424}
    assert answer[path].error == ["D:cannot-modify-protected-property"]
    after = alice.find(path, "D:resourcetype", "D:displayname", "X:first", "X:last")
    assert after.statuses["X:first"] == after.statuses["X:last"] == 404
    assert after.children("D:resourcetype") == before.children("D:resourcetype")


def test_a_book_stays_a_book(world: World) -> None:
    """Radicale's own handler makes a plain folder of it."""
    alice = world.member()
    remove = "<D:remove><D:prop><D:resourcetype/></D:prop></D:remove>"
    assert alice.proppatch(alice.contacts, remove)[alice.contacts].statuses == {
        "D:resourcetype": 403
    }
    assert alice.put(f"{alice.contacts}ann.vcf", vcard()).status == 201
    types = alice.find(alice.contacts, "D:resourcetype").children("D:resourcetype")
    assert types == ["D:collection", "CARD:addressbook"]


@pytest.mark.parametrize("removal", [True, False])
def test_a_book_keeps_a_name(world: World, removal: bool) -> None:  # noqa: FBT001
    alice = world.member()
    alice.listing()
    name = "<D:prop><D:displayname/></D:prop>"
    alice.proppatch(
        alice.contacts, f"<D:remove>{name}</D:remove>" if removal else f"<D:set>{name}</D:set>"
    )
    assert alice.find(alice.contacts, "D:displayname").text("D:displayname")


def test_a_description_is_set_and_removed(world: World) -> None:
    alice = world.member()
    name = "CARD:addressbook-description"
    alice.set_property(alice.contacts, f"<{name}>Friends &amp; family</{name}>")
    assert alice.find(alice.contacts, name).text(name) == "Friends & family"
    alice.proppatch(alice.contacts, f"<D:remove><D:prop><{name}/></D:prop></D:remove>")
    assert alice.find(alice.contacts, name).statuses == {name: 404}


def test_the_name_of_a_person_is_not_theirs_to_change(world: World) -> None:
    alice = world.member(display_name="Alice Liddell")
    answer = alice.set_property(alice.home, "<D:displayname>Queen</D:displayname>")
    assert answer[alice.home].statuses == {"D:displayname": 403}
    assert alice.find(alice.home, "D:displayname").text("D:displayname") == "Alice Liddell"


def test_a_card_has_no_properties_of_its_own(world: World) -> None:
    alice = world.member()
    path = f"{alice.contacts}ann.vcf"
    alice.put(path, vcard())
    answer = alice.set_property(path, "<X:colour>red</X:colour>")
    assert answer[path].statuses == {"X:colour": 403}


@pytest.mark.parametrize("path", ["/", "/nobody/", "{bob}"])
def test_other_resources_are_not_patched(world: World, path: str) -> None:
    alice, bob = world.member("alice"), world.member("bob")
    bob.listing()
    answer = alice.set_property(path.format(bob=bob.home), "<X:colour>red</X:colour>")
    assert answer.status in {403, 404}
    assert bob.find(bob.home, "X:colour").statuses == {"X:colour": 404}


def test_what_is_removed_and_set_again_is_set(world: World) -> None:
    alice = world.member()
    alice.set_property(alice.contacts, "<X:colour>red</X:colour>")
    alice.proppatch(
        alice.contacts,
        "<D:remove><D:prop><X:colour/></D:prop></D:remove>"
        "<D:set><D:prop><X:colour>blue</X:colour></D:prop></D:set>",
    )
    assert alice.find(alice.contacts, "X:colour").text("X:colour") == "blue"


def test_properties_that_take_too_much_space_are_refused(world: World) -> None:
    alice = world.member()
    alice.listing()
    for path in (alice.contacts, alice.home):
        assert alice.set_property(path, f"<X:big>{'x' * 70_000}</X:big>").status == 507
        assert alice.find(path, "X:big").statuses == {"X:big": 404}
        for number in range(3):
            answer = alice.set_property(path, f"<X:p{number}>{'x' * 30_000}</X:p{number}>")
            assert answer.status == (507 if number == 2 else 207)


def test_patching_properties_moves_no_card(world: World) -> None:
    alice, book = world.shared("manage")
    alice.put(alice.path(book, "ann.vcf"), vcard())
    token = alice.sync(alice.path(book)).sync_token
    alice.set_property(alice.path(book), "<D:displayname>New</D:displayname><X:a>1</X:a>")
    after = alice.sync(alice.path(book), token)
    assert (after.hrefs, after.sync_token) == ([], token)
