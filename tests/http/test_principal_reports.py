"""Reports on principals (RFC 3744, section 9) and expand-property (RFC 3253, section 3.8)."""

import xml.etree.ElementTree as ET
from urllib.parse import quote

import pytest

from sharedbooks.domain import bulk, principals
from sharedbooks.domain.history import Actor
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.domain.principals import PrincipalKind
from tests.http.client import NAMESPACES, Answer, Resource, document, prop, short
from tests.http.conftest import Served
from tests.http.test_acl import all_kinds
from tests.http.test_principals import group_path
from tests.http.world import Member, World, fresh, vcard

ON_EVERYTHING = {"D:expand-property"}
ON_COLLECTIONS = {
    *ON_EVERYTHING, "D:principal-match", "D:principal-property-search",
    "D:principal-search-property-set",
}  # fmt: skip
ON_BOOKS = {
    *ON_EVERYTHING, "D:sync-collection", "CARD:addressbook-multiget", "CARD:addressbook-query",
}  # fmt: skip
ACL_REPORT = "D:acl-principal-prop-set"

ADVERTISED = {
    "root": ON_COLLECTIONS,
    "home": {*ON_COLLECTIONS, ACL_REPORT},
    "person": ON_EVERYTHING,
    "group": ON_EVERYTHING,
    "own book": {*ON_BOOKS, ACL_REPORT},
    "shared book": {*ON_BOOKS, ACL_REPORT},
    "card": ON_EVERYTHING,
}

BODIES = {
    "D:expand-property": (
        '<D:property name="current-user-principal"><D:property name="displayname"/></D:property>'
    ),
    "D:principal-match": (
        f"<D:principal-property><D:owner/></D:principal-property>{prop('D:owner')}"
    ),
    "D:principal-property-search": (
        "<D:property-search><D:prop><D:displayname/></D:prop><D:match>ALICE-</D:match>"
        f"</D:property-search>{prop('D:displayname')}<D:apply-to-principal-collection-set/>"
    ),
    "D:principal-search-property-set": "",
    "D:acl-principal-prop-set": prop("D:displayname"),
    "D:sync-collection": f"<D:sync-token/><D:sync-level>1</D:sync-level>{prop('D:getetag')}",
    "CARD:addressbook-multiget": f"{prop('D:getetag')}<D:href>{{card}}</D:href>",
    "CARD:addressbook-query": f"{prop('D:getetag')}<CARD:filter/>",
}  # fmt: skip
"""A report of each kind that finds something wherever it is answered."""


def advertised(member: Member, path: str) -> set[str]:
    reports = member.find(path, "D:supported-report-set").props["D:supported-report-set"]
    found = [short(report[0].tag) for report in reports.iterfind("*/{DAV:}report")]
    assert len(found) == len(set(found)) == len(reports)
    return set(found)


def search(
    member: Member, *criteria: tuple[str, str], path: str = "/", more: str = "", test: str = ""
) -> Answer:
    """Search for principals; each criterion is a property and a text."""
    content = "".join(
        f"<D:property-search>{prop(*names.split())}<D:match>{text}</D:match></D:property-search>"
        for names, text in criteria
    )
    body = document("D:principal-property-search", content + more)
    if test:
        body = body.replace(" xmlns", f' test="{test}" xmlns', 1)
    return member.report(path, body)


def expand(member: Member, path: str, content: str) -> Resource:
    answer = member.report(path, document("D:expand-property", content))
    assert answer.hrefs == [path]
    return answer[path]


def inside(resource: Resource, name: str) -> dict[str, Resource]:
    """The responses that stand in a property instead of hrefs."""
    multistatus = ET.Element("{DAV:}multistatus")
    multistatus.extend(resource.props[name].findall("{DAV:}response"))
    headers = {"Content-Type": "application/xml"}
    return Answer(207, headers, ET.tostring(multistatus)).resources  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ADVERTISED)
def test_every_report_that_is_advertised_gives_an_answer_and_no_other_does(
    world: World, kind: str
) -> None:
    """supported-report-set truthful; every advertised report gives real answers."""
    alice, paths = all_kinds(world)
    alice.put(f"{alice.contacts}ann.vcf", vcard())
    path = paths[kind]
    assert advertised(alice, path) == ADVERTISED[kind]
    for name, content in BODIES.items():
        answer = alice.report(path, document(name, content.format(card=f"{path}ann.vcf")))
        if name not in ADVERTISED[kind]:
            assert (answer.status, answer.conditions) == (403, ["D:supported-report"])
        elif name == "D:principal-search-property-set":
            assert answer.status == 200
        else:
            assert answer.hrefs
            found = [resource.statuses for resource in answer.resources.values()]
            assert all(set(statuses.values()) == {200} for statuses in found), (name, answer)
    unknown = alice.report(path, document("X:report"))
    assert (unknown.status, unknown.conditions) == (403, ["D:supported-report"])


@pytest.mark.parametrize("name", BODIES)
def test_reports_tell_nothing_of_who_is_not_known(world: World, name: str) -> None:
    alice, bob = world.member("alice"), world.member("bob")
    bob.listing()
    crew = world.group("crew", [bob])
    body = document(name, BODIES[name].format(card=f"{bob.contacts}ann.vcf"))
    for there, nowhere in (
        (bob.home, "/nobody/"),
        (group_path(crew), "/.groups/nobody/"),
        (bob.contacts, "/nobody/contacts/"),
    ):
        hidden, missing = alice.report(there, body), alice.report(nowhere, body)
        assert hidden.status in {403, 404}
        assert (hidden.status, hidden.body) == (missing.status, missing.body)


@pytest.mark.parametrize("depth", ["1", "infinity"])
@pytest.mark.parametrize("name", sorted({*ON_COLLECTIONS, ACL_REPORT}))
def test_reports_on_principals_are_for_depth_0(world: World, name: str, depth: str) -> None:
    alice = world.member()
    body = document(name, BODIES[name])
    assert alice.report(alice.home, body, depth=depth).status == 400
    assert alice.report(alice.home, body, depth="0").status in {200, 207}


# expand-property


def test_a_principal_is_expanded_to_its_groups_and_their_members(world: World) -> None:
    """expand-property on the principal, which access-control owes."""
    alice, bob = world.member("alice", display_name="Alice"), world.member("bob")
    crew, board = world.group("crew", [alice, bob]), world.group("board", [alice])
    asked = (
        '<D:property name="displayname"/><D:property name="group-membership">'
        '<D:property name="displayname"/><D:property name="group-member-set">'
        '<D:property name="displayname"/><D:property name="nothing"/></D:property></D:property>'
    )
    home = expand(alice, alice.home, asked)
    assert home.text("D:displayname") == "Alice"
    groups = inside(home, "D:group-membership")
    assert list(groups) == [group_path(board), group_path(crew)]
    assert groups[group_path(board)].text("D:displayname") == board.name
    members = inside(groups[group_path(crew)], "D:group-member-set")
    assert set(members) == {alice.home, bob.home}
    assert members[bob.home].text("D:displayname") == bob.name
    assert members[bob.home].statuses["D:nothing"] == 404
    assert not list(home.props["D:group-membership"].iterfind("{DAV:}href"))


def test_books_and_cards_are_expanded_too(world: World) -> None:
    alice, paths = all_kinds(world)
    own = f"{alice.contacts}ann.vcf"
    alice.put(own, vcard())
    asked = (
        '<D:property name="owner">'
        f'<D:property name="addressbook-home-set" namespace="{NAMESPACES["CARD"]}"/></D:property>'
    )
    for path in (alice.contacts, own):
        found = expand(alice, path, asked)
        owner = inside(found, "D:owner")[alice.home]
        assert owner.hrefs("CARD:addressbook-home-set") == [alice.home]
    listed = expand(
        alice,
        paths["shared book"],
        '<D:property name="acl"><D:property name="displayname"/></D:property>',
    )
    [response] = listed.props["D:acl"].iter("{DAV:}response")
    assert response.findtext("{DAV:}href") == alice.home


def test_what_a_member_may_not_see_is_not_found_behind_an_href_either(world: World) -> None:
    alice, book = world.shared("write")
    bob = world.member("bob")
    world.grant(book, bob, "read")
    asked = '<D:property name="acl"><D:property name="displayname"/></D:property>'
    assert expand(alice, alice.path(book), asked).statuses == {"D:acl": 403}
    alice.set_property(alice.home, f"<CS:me-card><D:href>{bob.contacts}x</D:href></CS:me-card>")
    asked = (
        f'<D:property name="me-card" namespace="{NAMESPACES["CS"]}">'
        '<D:property name="getetag"/></D:property>'
    )
    # Stored by a client, and left as it is.
    assert expand(alice, alice.home, asked).hrefs("CS:me-card") == [f"{bob.contacts}x"]


def test_other_uris_are_left_alone(world: World) -> None:
    alice = world.member(email="alice@example.org")
    asked = "".join(
        f'<D:property name="{name}"><D:property name="displayname"/></D:property>'
        for name in ("alternate-URI-set", "resource-id")
    )
    home = expand(alice, alice.home, asked)
    assert home.hrefs("D:alternate-URI-set") == ["mailto:alice@example.org"]
    assert home.hrefs("D:resource-id")[0].startswith("urn:uuid:")
    for name in ("D:alternate-URI-set", "D:resource-id"):
        assert home.children(name) == ["D:href"]


def test_expansion_ends_after_three_levels(world: World) -> None:
    alice = world.member()
    asked = ""
    for _ in range(6):
        asked = f'<D:property name="current-user-principal">{asked}</D:property>'
    found = expand(alice, alice.home, asked)
    for _ in range(3):
        found = inside(found, "D:current-user-principal")[alice.home]
    # There the href stays an href.
    assert found.children("D:current-user-principal") == ["D:href"]
    assert found.hrefs("D:current-user-principal") == [alice.home]


def test_expansion_ends_after_a_hundred_hrefs(world: World) -> None:
    alice = world.member()
    crew = world.group("crew", [alice])
    with world.database.write() as connection:
        for _ in range(120):
            user = principals.add_principal(connection, PrincipalKind.USER, fresh("fellow"))
            principals.add_member(connection, crew, user)
    asked = '<D:property name="group-member-set"><D:property name="displayname"/></D:property>'
    group = expand(alice, group_path(crew), asked)
    assert len(inside(group, "D:group-member-set")) == 100
    # Of the others, who they are is still told.
    assert len(group.props["D:group-member-set"].findall("{DAV:}href")) == 21
    assert len(set(group.hrefs("D:group-member-set"))) == 121


def test_no_answer_repeats_endless_names_for_every_href(world: World) -> None:
    alice = world.member()
    name = "x" * 20_000
    asked = f'<D:property name="current-user-principal"><D:property name="{name}"/></D:property>'
    assert alice.report(alice.home, document("D:expand-property", asked)).status == 400


@pytest.mark.parametrize(
    "attributes", ["", 'name=""', 'name="a b"', 'name="1st"', 'name="a:b"', 'name="a&gt;&lt;b"']
)
def test_a_property_to_expand_has_a_name(world: World, attributes: str) -> None:
    alice = world.member()
    body = document("D:expand-property", f"<D:property {attributes}/>")
    assert alice.report(alice.home, body).status == 400


def test_a_namespace_to_expand_may_be_any(world: World) -> None:
    alice = world.member()
    asked = '<D:property name="x" namespace="urn:a&amp;&lt;b&quot;"/>'
    assert expand(alice, alice.home, asked).statuses == {'{urn:a&<b"}x': 404}


def test_below_a_prefix_principals_are_named_and_found_all_the_same(prefixed: Served) -> None:
    with prefixed.world() as world:
        alice = world.member()
        crew = world.group("crew", [alice])
        home, group = f"/dav{alice.home}", f"/dav{group_path(crew)}"
        asked = (
            '<D:property name="group-membership"><D:property name="principal-URL"/></D:property>'
        )
        expanded = inside(expand(alice, home, asked), "D:group-membership")
        assert expanded[group].hrefs("D:principal-URL") == [group]
        assert match(alice, "/dav/", "<D:self/>").hrefs == [home, group]
        assert search(alice, ("D:displayname", crew.name), path="/dav/").hrefs == [group]
        owned = "<D:principal-property><D:owner/></D:principal-property>"
        assert match(alice, "/dav/", owned).hrefs == [home, f"{home}contacts/"]


# principal-match


def match(member: Member, path: str, content: str) -> Answer:
    return member.report(path, document("D:principal-match", content))


def test_the_member_matches_their_principal_and_their_groups(world: World) -> None:
    alice, bob = world.member("alice"), world.member("bob")
    crew = world.group("crew", [alice, bob])
    world.group("club", [bob])
    answer = match(alice, "/", "<D:self/>" + prop("D:displayname"))
    assert answer.hrefs == [alice.home, group_path(crew)]
    assert answer[group_path(crew)].text("D:displayname") == crew.name
    bare = match(alice, "/", "<D:self/>")
    assert bare.hrefs == answer.hrefs
    assert bare[alice.home].statuses == {}
    assert bare[alice.home].first_status == "HTTP/1.1 200 OK"
    # Below the home there are books, and no principals.
    assert match(alice, alice.home, "<D:self/>").hrefs == []


def test_what_the_member_owns_is_found_at_any_depth(world: World) -> None:
    alice, book = world.shared("manage")
    bob = world.member("bob")
    bob.listing()
    world.grant(world.own_book(bob), alice, "write")
    alice.mkcol(f"{alice.home}more/")
    alice.listing()
    own = [f"{alice.contacts}a.vcf", f"{alice.contacts}b.vcf"]
    others = [alice.path(book, "c.vcf"), f"{alice.home}contacts-{bob.name}/d.vcf"]
    for path in (*own, *others):
        assert alice.put(path, vcard(path[-5])).status == 201
    owned = "<D:principal-property><D:owner/></D:principal-property>"
    answer = match(alice, alice.home, owned + prop("D:getetag"))
    assert answer.hrefs == [alice.contacts, *own, f"{alice.home}more/"]
    assert all(answer[path].text("D:getetag") for path in own)
    assert match(alice, "/", owned).hrefs == [alice.home, *answer.hrefs]


def test_any_property_that_names_the_member_or_a_group_of_theirs_is_looked_at(
    world: World,
) -> None:
    alice, managed = world.shared("manage")
    bob, other = world.member("bob"), world.book()
    crew = world.group("crew", [alice])
    world.grant(other, alice, "read")
    world.grant(other, crew, "manage")
    alice.listing()
    world.grant(world.own_book(alice), bob, "read")
    listed = "<D:principal-property><D:acl/></D:principal-property>"
    # Of the list of the own book only a property is told, which is no href.
    assert match(alice, alice.home, listed).hrefs == [alice.path(managed), alice.path(other)]
    membership = "<D:principal-property><D:group-membership/></D:principal-property>"
    assert match(alice, "/", membership).hrefs == [alice.home]
    for name in ("X:none", "D:displayname", "D:resource-id", "D:principal-collection-set"):
        asked = f"<D:principal-property><{name}/></D:principal-property>"
        assert match(alice, "/", asked).hrefs == []


def test_a_book_granted_just_now_is_found_as_well(world: World) -> None:
    alice = world.member()
    alice.listing()
    book = world.book()
    world.grant(book, alice, "read")
    asked = "<D:principal-property><D:current-user-principal/></D:principal-property>"
    assert match(alice, alice.home, asked).hrefs == [alice.contacts, alice.path(book)]


def test_matches_are_limited_and_the_client_is_told(world: World) -> None:
    alice = world.member()
    alice.listing()
    own = world.own_book(alice)
    cards = [prepare_card(vcard(f"uid-{number}"), max_size=1000) for number in range(1005)]
    with world.database.write() as connection:
        bulk.store_cards(connection, own.id, Actor(alice.user.id, alice.name, "", ""), cards)
    owned = "<D:principal-property><D:owner/></D:principal-property>"
    answer = match(alice, alice.home, owned + prop("D:getetag"))
    assert len(answer.hrefs) == 1001
    assert answer.hrefs[-1] == alice.home
    assert answer[alice.home].status == 507
    assert answer[alice.home].error == ["D:number-of-matches-within-limits"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<D:self/><D:principal-property><D:owner/></D:principal-property>",
        "<D:principal-property/>",
        "<D:principal-property><D:owner/><D:group/></D:principal-property>",
        "<D:self/><D:prop/><D:prop/>",
    ],
)
def test_a_match_that_asks_for_nothing_definite_is_refused(world: World, content: str) -> None:
    alice = world.member()
    for path in ("/", alice.home):
        assert match(alice, path, content).status == 400


# principal-property-search


def test_principals_are_found_by_name_and_address_among_the_known(world: World) -> None:
    mark = fresh("Quäker")
    names = {"alice": "Alice", "bob": "Bob", "owner": "Olga", "stranger": "Sten"}
    members = {
        name: world.member(
            name, display_name=f"{first} {mark}", email=f"{name}.{first}@Example.ORG"
        )
        for name, first in names.items()
    }
    alice, bob, owner = members["alice"], members["bob"], members["owner"]
    crew = world.group(mark.lower(), [alice, bob])
    world.group(mark, [members["stranger"]])
    owner.listing()
    world.grant(world.own_book(owner), alice, "read")
    name, address = "D:displayname", "CS:email-address-set"

    def found(*criteria: tuple[str, str], **more: str) -> set[str]:
        return set(search(alice, *criteria, **more).hrefs)

    people = {alice.home, bob.home, owner.home}
    # In any case of the letters, anywhere in the text.
    assert found((name, mark)) == {*people, f"/.groups/{quote(crew.name)}/"}
    assert found((name, mark[2:].upper())) == found((name, mark))
    assert found((name, f" {mark.upper()}")) == people
    assert found((address, "BOB.bob@")) >= {bob.home}
    assert found((address, "bob.bob@"), (name, mark)) == {bob.home}
    # All of the criteria, unless it is said otherwise.
    assert found((name, "Bob"), (name, mark)) == {bob.home}
    assert found((name, "Bob " + mark), (name, "Olga " + mark)) == set()
    assert found((name, "Bob " + mark), (name, "Olga " + mark), test="anyof") == {
        bob.home, owner.home,
    }  # fmt: skip
    assert found((f"{name} {address}", "bob")) >= {bob.home}
    assert found((f"{name} {address}", mark)) == set()
    assert found(("D:owner", mark)) == set()
    assert found((name, "Sten " + mark)) == set()
    answer = search(alice, (name, "Bob " + mark), more=prop(name, "D:principal-URL", "X:none"))
    assert answer[bob.home].text(name) == f"Bob {mark}"
    assert answer[bob.home].hrefs("D:principal-URL") == [bob.home]
    assert answer[bob.home].statuses["X:none"] == 404
    assert search(alice, (name, "Bob " + mark))[bob.home].statuses == {}


def test_a_search_is_below_the_collection_or_everywhere(world: World) -> None:
    alice = world.member()
    criterion = ("D:displayname", alice.name)
    assert search(alice, criterion).hrefs == [alice.home]
    assert search(alice, criterion, path=alice.home).hrefs == []
    everywhere = "<D:apply-to-principal-collection-set/>"
    assert search(alice, criterion, path=alice.home, more=everywhere).hrefs == [alice.home]
    assert search(alice, criterion, more=everywhere).hrefs == [alice.home]


def test_a_search_finds_a_hundred_and_says_that_there_are_more(world: World) -> None:
    alice, mark = world.member(), fresh("many")
    crew = world.group("crew", [alice])
    with world.database.write() as connection:
        for number in range(101):
            user = principals.add_principal(
                connection, PrincipalKind.USER, f"{mark}-{number:03}", display_name=mark
            )
            principals.add_member(connection, crew, user)
    criterion = ("D:displayname", mark)
    everywhere = prop("D:displayname") + "<D:apply-to-principal-collection-set/>"
    for path in ("/", alice.home):
        answer = search(alice, criterion, path=path, more=everywhere)
        assert len(answer.hrefs) == 101
        assert answer["/"].status == 507
        assert answer["/"].error == ["D:number-of-matches-within-limits"]
        assert answer[f"/{mark}-099/"].text("D:displayname") == mark
    with world.database.write() as connection:
        gone = principals.get_user(connection, f"{mark}-050")
        principals.remove_member(connection, crew, gone)
    assert len(search(alice, criterion).hrefs) == 100
    assert "/" not in search(alice, criterion).resources


@pytest.mark.parametrize(
    "content",
    [
        "",
        prop("D:displayname"),
        "<D:property-search><D:match>x</D:match></D:property-search>",
        "<D:property-search><D:prop/><D:match>x</D:match></D:property-search>",
        "<D:property-search><D:prop><D:displayname/></D:prop></D:property-search>",
        51 * "<D:property-search><D:prop><X:a/></D:prop><D:match>x</D:match></D:property-search>",
    ],
)
def test_a_search_that_is_not_whole_is_refused(world: World, content: str) -> None:
    alice = world.member()
    body = document("D:principal-property-search", content)
    assert alice.report("/", body).status == 400


def test_the_searchable_properties_are_told_and_searched(world: World) -> None:
    alice = world.member(display_name="Alice Liddell", email="alice@example.org")
    for path in ("/", alice.home):
        answer = alice.report(path, document("D:principal-search-property-set"))
        assert answer.status == 200
        assert answer.xml.tag == "{DAV:}principal-search-property-set"
        names = []
        for node in answer.xml:
            assert [short(child.tag) for child in node] == ["D:prop", "D:description"]
            assert node[1].text
            assert node[1].get("{http://www.w3.org/XML/1998/namespace}lang") == "en"
            names += [short(child.tag) for child in node[0]]
        assert names == ["D:displayname", "CS:email-address-set"]
    for name in names:
        assert alice.home in search(alice, (name, "alice")).resources


# acl-principal-prop-set


def test_a_manager_learns_of_all_in_the_access_control_list(world: World) -> None:
    alice, bob, carol = (world.member(name) for name in ("alice", "bob", "carol"))
    alice.listing()
    book, crew = world.own_book(alice), world.group("crew")
    world.grant(book, bob, "manage")
    world.grant(book, carol, "read")
    world.grant(book, crew, "write")
    body = document(ACL_REPORT, prop("D:displayname", "D:group-member-set", "X:none"))
    everybody = [alice.home, group_path(crew), bob.home, carol.home]
    bob.listing()
    for member, path in (
        (alice, alice.contacts),
        (bob, f"{bob.home}contacts-{alice.name}/"),
    ):
        answer = member.report(path, body)
        assert answer.hrefs == everybody
        assert answer[carol.home].text("D:displayname") == carol.name
        assert answer[group_path(crew)].statuses == {
            "D:displayname": 200, "D:group-member-set": 200, "X:none": 404,
        }  # fmt: skip
    assert alice.report(alice.home, body).hrefs == [alice.home]
    world.revoke(book, carol)
    assert alice.report(alice.contacts, body).hrefs == everybody[:-1]


@pytest.mark.parametrize("privilege", ["read", "create", "edit-own", "write"])
def test_who_does_not_manage_a_book_is_told_which_privilege_it_takes(
    world: World, privilege: str
) -> None:
    alice, book = world.shared(privilege)
    path = alice.path(book)
    assert ACL_REPORT not in advertised(alice, path)
    answer = alice.report(path, document(ACL_REPORT, prop("D:displayname")))
    assert (answer.status, answer.conditions) == (403, ["D:need-privileges"])
    assert answer.missing_privileges == {path: {"read-acl"}}


@pytest.mark.parametrize("content", ["", "<D:prop/><D:prop/>"])
def test_the_list_is_told_with_one_set_of_properties(world: World, content: str) -> None:
    alice = world.member()
    assert alice.report(alice.contacts, document(ACL_REPORT, content)).status == 400


def test_a_client_that_wants_little_gets_little(world: World) -> None:
    alice = world.member()
    bodies = {
        "D:expand-property": '<D:property name="displayname"/><D:property name="none"/>',
        "D:principal-match": "<D:self/>" + prop("D:displayname", "X:none"),
        ACL_REPORT: prop("D:displayname", "X:none"),
    }
    for name, content in bodies.items():
        path = "/" if name == "D:principal-match" else alice.home
        answer = alice.report(path, document(name, content), prefer="return=minimal")
        assert answer[alice.home].statuses == {"D:displayname": 200}
        assert answer.headers["Preference-Applied"] == "return=minimal"
