"""Access control as clients read it (RFC 3744, sections 5 and 8)."""

import xml.etree.ElementTree as ET

import pytest

from tests.http.client import document, prop, short
from tests.http.test_principals import group_path
from tests.http.test_privileges import EVERYTHING, ON_BOOK
from tests.http.world import Member, World, vcard

REQUIRED = (
    "D:owner", "D:group", "D:supported-privilege-set", "D:current-user-privilege-set",
    "D:acl-restrictions", "D:inherited-acl-set", "D:principal-collection-set",
)  # fmt: skip
"""What section 5 wants on every resource, beside ``D:acl``."""

MANAGING = {*EVERYTHING, "read-acl"}


def entries(member: Member, path: str) -> dict[str, set[str]]:
    """The privileges in ``DAV:acl`` by principal: an href, or the name of a property."""
    found: dict[str, set[str]] = {}
    for ace in member.find(path, "D:acl").props["D:acl"]:
        assert [short(child.tag) for child in ace] == ["D:principal", "D:grant", "D:protected"]
        [principal] = ace[0]
        if short(principal.tag) == "D:property":
            who = short(principal[0].tag)
        else:
            assert short(principal.tag) == "D:href"
            who = principal.text or ""
        assert who not in found
        found[who] = {short(node[0].tag).removeprefix("D:") for node in ace[1]}
    return found


def all_kinds(world: World) -> tuple[Member, dict[str, str]]:
    """A member, and the path of one resource of each kind that they see."""
    alice, book = world.shared("manage")
    bob = world.member("bob")
    crew = world.group("crew", [alice, bob])
    card = alice.path(book, "ann.vcf")
    assert alice.put(card, vcard()).status == 201
    paths = {
        "root": "/", "home": alice.home, "person": bob.home, "group": group_path(crew),
        "own book": alice.contacts, "shared book": alice.path(book), "card": card,
    }  # fmt: skip
    return alice, paths


def test_every_resource_has_the_properties_of_access_control(world: World) -> None:
    alice, paths = all_kinds(world)
    for kind, path in paths.items():
        resource = alice.find(path, *REQUIRED)
        assert set(resource.statuses.values()) == {200}, kind
        assert resource.children("D:group") == []
        assert resource.children("D:inherited-acl-set") == []
        assert resource.children("D:acl-restrictions") == ["D:grant-only", "D:no-invert"]
        assert resource.hrefs("D:principal-collection-set") == ["/"]
        assert "read" in resource.privileges
        # They cost much, so nobody gets them who does not ask (section 5).
        everything = alice.request("PROPFIND", path, document("D:propfind", "<D:allprop/>"))[path]
        assert not {*REQUIRED, "D:acl"} & set(everything.statuses)
        named = alice.request("PROPFIND", path, document("D:propfind", "<D:propname/>"))[path]
        assert {*REQUIRED, "D:acl"} <= set(named.props)


def test_the_owner_is_a_principal_or_nobody(world: World) -> None:
    alice, paths = all_kinds(world)
    owners = {kind: alice.find(path, "D:owner").hrefs("D:owner") for kind, path in paths.items()}
    assert owners == {
        "root": [], "home": [alice.home], "person": [paths["person"]], "group": [],
        # The organisation is no principal that anybody could look at.
        "own book": [alice.home], "shared book": [], "card": [],
    }  # fmt: skip
    own = f"{alice.contacts}ann.vcf"
    alice.put(own, vcard())
    assert alice.find(own, "D:owner").hrefs("D:owner") == [alice.home]


def test_the_supported_privileges_are_a_tree_that_holds_all_that_are_told(world: World) -> None:
    alice, paths = all_kinds(world)

    def read(node: ET.Element) -> dict[str, set[str]]:
        """Return for every privilege below ``node`` what it contains."""
        name = short(node.find("{DAV:}privilege")[0].tag).removeprefix("D:")
        description = node.find("{DAV:}description")
        assert description.text
        assert description.get("{http://www.w3.org/XML/1998/namespace}lang") == "en"
        below: dict[str, set[str]] = {}
        for part in node.iterfind("{DAV:}supported-privilege"):
            below.update(read(part))
        return {**below, name: set(below)}

    for path in paths.values():
        resource = alice.find(path, "D:supported-privilege-set", "D:current-user-privilege-set")
        [top] = resource.props["D:supported-privilege-set"]
        tree = read(top)
        assert tree["all"] == set(tree) - {"all"} == MANAGING
        assert tree["write"] == {"write-properties", "write-content", "bind", "unbind"}
        assert not any(tree[name] for name in tree if name not in {"all", "write"})
        assert top.find("{DAV:}abstract") is not None
        # Who has a privilege has those in it, and is told so.
        for name in resource.privileges:
            assert tree[name] <= resource.privileges


def test_a_manager_reads_to_whom_a_book_is_granted(world: World) -> None:
    """DAV:acl is readable by managers."""
    alice, book = world.shared("manage")
    expected = {alice.home: MANAGING}
    for privilege in ("read", "create", "edit-own", "write"):
        grantee = world.member(privilege)
        world.grant(book, grantee, privilege)
        expected[grantee.home] = ON_BOOK[privilege]
    crew = world.group("crew")
    world.grant(book, crew, "write")
    expected[group_path(crew)] = EVERYTHING
    assert entries(alice, alice.path(book)) == expected
    # A group is named as such: who is in it may change.
    [first, *_] = entries(alice, alice.path(book))
    assert first == group_path(crew)
    for href in expected:
        assert alice.propfind(href).status == 207, "everybody in the list can be looked at"
    world.revoke(book, crew)
    del expected[group_path(crew)]
    assert entries(alice, alice.path(book)) == expected


def test_the_owner_comes_first_in_the_list_of_their_book(world: World) -> None:
    alice, bob, carol = (world.member(name) for name in ("alice", "bob", "carol"))
    alice.listing()
    book = world.own_book(alice)
    assert entries(alice, alice.contacts) == {"D:owner": MANAGING}
    world.grant(book, bob, "manage")
    world.grant(book, carol, "read")
    expected = {"D:owner": MANAGING, bob.home: MANAGING, carol.home: ON_BOOK["read"]}
    assert list(entries(alice, alice.contacts).items()) == list(expected.items())
    shared = f"{bob.home}contacts-{alice.name}/"
    bob.listing()
    assert entries(bob, shared) == expected
    assert bob.find(shared, "D:owner").hrefs("D:owner") == [alice.home]


def test_the_home_belongs_to_the_member(world: World) -> None:
    alice = world.member()
    assert entries(alice, alice.home) == {"D:owner": MANAGING}
    assert alice.find(alice.home, "D:current-user-privilege-set").privileges == MANAGING


@pytest.mark.parametrize("privilege", ON_BOOK)
def test_only_a_manager_has_read_acl(world: World, privilege: str) -> None:
    alice, book = world.shared(privilege)
    path = alice.path(book)
    answer = alice.propfind(path, ["D:acl", "D:displayname", "X:none"])
    told = alice.find(path, "D:current-user-privilege-set").privileges
    if privilege == "manage":
        assert answer[path].statuses["D:acl"] == 200
        assert "read-acl" in told
        return
    assert "read-acl" not in told
    # Refused is the property alone, and after what can be told.
    assert answer[path].statuses == {"D:acl": 403, "D:displayname": 200, "X:none": 404}
    assert answer[path].first_status == "HTTP/1.1 200 OK"
    [resource] = answer.xml.iter("{DAV:}resource")
    assert resource.findtext("{DAV:}href") == path
    assert [short(node.tag) for node in resource.iterfind("{DAV:}privilege/*")] == ["D:read-acl"]
    assert answer[path].error == ["D:need-privileges"]
    # A client that wants little is still told what it may not have (RFC 8144, 2.1).
    minimal = alice.propfind(path, ["D:acl", "X:none"], prefer="return=minimal")
    assert minimal[path].statuses == {"D:acl": 403}


def test_nobody_reads_the_list_of_what_is_not_theirs_to_grant(world: World) -> None:
    """The rights on a card are those on its book, and of who added it: there is no list for it."""
    alice, paths = all_kinds(world)
    for kind in ("root", "person", "group", "card"):
        path = paths[kind]
        assert alice.find(path, "D:acl").statuses == {"D:acl": 403}
        told = alice.find(path, "D:current-user-privilege-set").privileges
        assert "read-acl" not in told
    book, card = paths["shared book"], paths["card"]
    for answer in (
        alice.propfind(book, ["D:acl", "D:getetag"], depth=1),
        alice.multiget(book, [card], ["D:acl", "D:getetag"]),
        alice.sync(book, names=["D:acl", "D:getetag"]),
    ):
        assert answer[card].statuses == {"D:acl": 403, "D:getetag": 200}


def test_lists_of_many_books_come_in_one_listing(world: World) -> None:
    alice, managed = world.shared("manage")
    bob, other = world.member("bob"), world.book()
    world.grant(managed, bob, "read")
    world.grant(other, alice, "write")
    answer = alice.listing("D:acl")
    statuses = {href: answer[href].statuses["D:acl"] for href in answer.hrefs}
    assert statuses == {
        alice.home: 200, alice.contacts: 200, alice.path(managed): 200, alice.path(other): 403,
    }  # fmt: skip
    assert bob.home in answer[alice.path(managed)].hrefs("D:acl")
    assert bob.home not in answer[alice.contacts].hrefs("D:acl")


@pytest.mark.parametrize("kind", ["root", "home", "own book", "shared book", "card", "group"])
def test_grants_are_not_made_over_http(world: World, kind: str) -> None:
    """There is no ACL method, and the properties are protected."""
    alice, paths = all_kinds(world)
    path = paths[kind]
    body = document(
        "D:acl",
        "<D:ace><D:principal><D:all/></D:principal><D:grant><D:privilege><D:read/></D:privilege>"
        "</D:grant></D:ace>",
    )
    answer = alice.request("ACL", path, body)
    assert answer.status == 405
    assert answer.allow
    assert "ACL" not in answer.allow
    assert "ACL" not in alice.request("OPTIONS", path).allow
    if kind in {"home", "own book", "shared book"}:
        for name in ("D:acl", "D:owner", "D:group-membership", "D:supported-privilege-set"):
            assert alice.set_property(path, f"<{name}/>")[path].statuses == {name: 403}
        named = document("D:propfind", prop("D:acl"))
        before = alice.request("PROPFIND", path, named)[path].props["D:acl"]
        assert len(before) == 1
