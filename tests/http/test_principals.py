"""Principals: a member's own, those of colleagues and of groups (RFC 3744, section 4)."""

import pytest

from sharedbooks.domain.principals import Principal
from tests.http.client import document
from tests.http.world import Member, World, vcard

PRINCIPAL = (
    "D:resourcetype", "D:displayname", "D:principal-URL", "D:alternate-URI-set",
    "D:group-member-set", "D:group-membership", "D:current-user-principal", "D:resource-id",
    "D:supported-report-set", "D:principal-collection-set",
)  # fmt: skip
"""What every principal has."""


def group_path(group: Principal) -> str:
    return f"/.groups/{group.name}/"


def groups_of(member: Member, path: str) -> list[str]:
    """The groups in ``group-membership`` of a principal, as the member sees it."""
    return member.find(path, "D:group-membership").hrefs("D:group-membership")


def members_of(member: Member, group: Principal) -> list[str]:
    return member.find(group_path(group), "D:group-member-set").hrefs("D:group-member-set")


def test_the_dav_header_announces_access_control_everywhere(world: World) -> None:
    alice, book = world.shared()
    group = world.group("crew", [alice])
    card = alice.path(book, "ann.vcf")
    assert alice.put(card, vcard()).status == 201
    for path in ("/", alice.home, group_path(group), alice.path(book), card, "/nobody/"):
        for client, method in ((alice, "PROPFIND"), (alice, "OPTIONS"), (world.client(), "GET")):
            header = client.request(method, path).headers["DAV"]
            assert header == "1, 3, access-control, extended-mkcol, addressbook", (method, path)


def test_the_home_is_a_principal_with_its_groups(world: World) -> None:
    """DAVx5 follows the hrefs in group-membership."""
    alice, bob = world.member("alice", email="alice+dav@example.org"), world.member("bob")
    crew, board = world.group("crew", [alice, bob]), world.group("board", [alice])
    world.group("club", [bob])
    home = alice.find(alice.home, *PRINCIPAL)
    assert home.children("D:resourcetype") == ["D:collection", "D:principal"]
    assert home.hrefs("D:group-membership") == [group_path(board), group_path(crew)]
    assert home.hrefs("D:group-member-set") == []
    assert home.hrefs("D:alternate-URI-set") == ["mailto:alice+dav@example.org"]
    assert set(home.statuses.values()) == {200}
    world.leave(board, alice)
    assert groups_of(alice, alice.home) == [group_path(crew)]
    # The same in a listing, where the member's books follow.
    answer = alice.listing("D:group-membership")
    assert answer[alice.home].hrefs("D:group-membership") == [group_path(crew)]
    assert answer[alice.contacts].statuses == {"D:group-membership": 404}


def test_a_group_is_a_principal_with_its_members_and_has_no_home(world: World) -> None:
    """Group principals: group-member-set, group-membership; no home set on groups."""
    alice, bob = world.member("alice"), world.member("bob")
    crew = world.group("crew & Söhne", [alice, bob])
    path = "/.groups/crew%20%26%20S%C3%B6hne" + crew.name.removeprefix("crew & Söhne") + "/"
    assert groups_of(alice, alice.home) == [path]
    group = alice.find(path, *PRINCIPAL, "CARD:addressbook-home-set", "CS:email-address-set")
    assert group.children("D:resourcetype") == ["D:principal"]
    assert group.text("D:displayname") == crew.display_name
    assert group.hrefs("D:principal-URL") == [path]
    assert group.hrefs("D:group-member-set") == sorted([alice.home, bob.home])
    assert group.hrefs("D:group-membership") == []
    assert group.hrefs("D:alternate-URI-set") == []
    assert group.hrefs("D:current-user-principal") == [alice.home]
    assert group.statuses.pop("CARD:addressbook-home-set") == 404
    assert set(group.statuses.values()) == {200}
    assert alice.propfind(path, depth=1).hrefs == [path]


def test_a_group_is_for_its_members_and_for_managers_of_what_it_was_granted(world: World) -> None:
    alice, bob, carol = (world.member(name) for name in ("alice", "bob", "carol"))
    crew, book = world.group("crew", [bob]), world.book()
    path = group_path(crew)
    nowhere = alice.propfind("/.groups/nobody/")
    assert nowhere.status == 404
    for _ in range(2):
        world.grant(book, alice, "write")
        world.grant(book, crew, "read")
        hidden = alice.propfind(path)
        assert (hidden.status, hidden.body) == (nowhere.status, nowhere.body)
        world.grant(book, alice, "manage")
        assert alice.find(path, "D:displayname").text("D:displayname") == crew.name
        # Who is in it is not for managers to know, unless they know them otherwise.
        assert members_of(alice, crew) == []
        assert carol.propfind(path).status == 404
        world.revoke(book, crew)
        assert alice.propfind(path).status == 404
    assert members_of(bob, crew) == [bob.home]
    world.leave(crew, bob)
    assert bob.propfind(path).status == 404


@pytest.mark.parametrize(
    "path", ["/.groups/", "/.groups/{group}/contacts/", "/.groups/{group}/a/b"]
)
def test_there_is_nothing_around_group_principals(world: World, path: str) -> None:
    alice = world.member()
    url = path.format(group=world.group("crew", [alice]).name)
    for method in ("PROPFIND", "GET"):
        assert alice.request(method, url).status == 404


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "PUT", "DELETE", "MKCOL", "PROPPATCH", "COPY", "MOVE"]
)
def test_nobody_does_anything_to_a_group(world: World, method: str) -> None:
    alice = world.member()
    crew = world.group("crew", [alice])
    body = {
        "PROPPATCH": document(
            "D:propertyupdate",
            "<D:set><D:prop><D:group-member-set/></D:prop></D:set>",
        ),
        "PUT": vcard(),
    }.get(method, "")
    headers = {"Destination": f"{alice.contacts}a.vcf"}
    there = alice.request(method, group_path(crew), body, headers)
    nowhere = alice.request(method, "/.groups/nobody/", body, headers)
    assert there.status == nowhere.status == (404 if method in {"GET", "HEAD"} else there.status)
    assert there.status in {403, 404, 405}
    assert there.body.replace(crew.name.encode(), b"nobody") == nowhere.body
    assert members_of(alice, crew) == [alice.home]


def test_fellows_owners_and_grantees_are_known_and_nobody_else(world: World) -> None:
    names = ("alice", "fellow", "owner", "grantee", "other")
    alice, fellow, owner, grantee, other = (
        world.member(name, display_name=name.title(), email=f"{name}@example.org") for name in names
    )
    for member in (alice, owner):
        member.listing()
    crew = world.group("crew", [alice, fellow])
    world.group("others", [fellow, other])
    world.grant(world.own_book(owner), alice, "read")
    world.grant(world.own_book(owner), other, "read")
    world.grant(world.own_book(alice), grantee, "read")
    for member in (fellow, owner, grantee):
        person = alice.find(
            member.home, *PRINCIPAL, "CARD:addressbook-home-set", "CS:email-address-set"
        )
        title = member.name.split("-")[0].title()
        assert person.text("D:displayname") == title
        assert person.hrefs("D:principal-URL") == [member.home]
        assert person.hrefs("D:current-user-principal") == [alice.home]
        assert person.hrefs("D:alternate-URI-set") == [f"mailto:{title.lower()}@example.org"]
        assert person.statuses.pop("CARD:addressbook-home-set") == 404
        assert set(person.statuses.values()) == {200}
        assert alice.propfind(member.home, depth=1).hrefs == [member.home]
        assert alice.propfind(member.contacts).status == 404
        # Of their groups, those that are the member's as well.
        shared = [group_path(crew)] if member is fellow else []
        assert person.hrefs("D:group-membership") == shared
    nowhere = alice.propfind("/nobody/")
    hidden = alice.propfind(other.home)
    assert (hidden.status, hidden.body) == (nowhere.status, nowhere.body) == (404, nowhere.body)


def test_a_colleague_is_unknown_again_once_nothing_is_shared(world: World) -> None:
    alice, bob = world.member("alice"), world.member("bob")
    bob.listing()
    crew, book = world.group("crew", [alice, bob]), world.own_book(bob)
    world.grant(book, crew, "read")
    assert alice.propfind(bob.home).status == 207
    world.revoke(book, crew)
    assert alice.propfind(bob.home).status == 207
    world.leave(crew, bob)
    assert alice.propfind(bob.home).status == 404
    assert members_of(alice, crew) == [alice.home]


def test_the_resource_id_stays_and_is_the_same_for_everybody(world: World) -> None:
    alice, book = world.shared("manage")
    bob = world.member("bob")
    crew = world.group("crew", [alice, bob])
    world.grant(book, bob, "read")

    def resource_id(member: Member, path: str) -> str:
        [found] = member.find(path, "D:resource-id").hrefs("D:resource-id")
        assert found.startswith("urn:uuid:")
        return found

    ids = [
        resource_id(alice, path)
        for path in (alice.home, alice.contacts, alice.path(book), group_path(crew), bob.home)
    ]
    assert len(set(ids)) == len(ids)
    alice.set_property(alice.path(book), "<D:displayname>Renamed</D:displayname>")
    alice.put(alice.path(book, "ann.vcf"), vcard())
    assert resource_id(alice, alice.path(book)) == resource_id(bob, bob.path(book)) == ids[2]
    assert resource_id(bob, alice.home) == ids[0]
    assert resource_id(bob, bob.home) == ids[4]


@pytest.mark.parametrize("name", ["CARD:principal-address", "CARD:directory-gateway"])
def test_what_is_not_offered_is_a_clean_404(world: World, name: str) -> None:
    alice = world.member()
    for path in ("/", alice.home, alice.contacts):
        assert alice.find(path, name).statuses == {name: 404}
    assert alice.set_property(alice.home, f"<{name}/>")[alice.home].statuses == {name: 403}


def test_the_home_tells_the_space_used_and_no_limit(world: World) -> None:
    """RFC 4331 quota props on home; without a quota there is no number of octets left."""
    alice, book = world.shared()
    card = vcard("ann", "Ann", "NOTE:" + "ü" * 500)
    alice.put(f"{alice.contacts}ann.vcf", card)
    alice.put(alice.path(book, "ann.vcf"), card)
    names = ("D:quota-used-bytes", "D:quota-available-bytes")
    answer = alice.listing(*names)
    assert answer[alice.home].statuses == {names[0]: 200, names[1]: 404}
    assert answer[alice.home].text(names[0]) == str(len(card))
    assert answer[alice.contacts].statuses == dict.fromkeys(names, 404)
    alice.mkcol(f"{alice.home}more/")
    alice.put(f"{alice.home}more/ann.vcf", card)
    assert alice.find(alice.home, names[0]).text(names[0]) == str(2 * len(card))
    alice.delete(f"{alice.home}more/")
    assert alice.find(alice.home, names[0]).text(names[0]) == str(len(card))


def test_what_is_of_the_home_alone_is_nobody_elses_business(world: World) -> None:
    alice, bob = world.member("alice"), world.member("bob")
    world.group("crew", [alice, bob])
    names = ("D:quota-used-bytes", "X:colour", "D:creationdate")
    alice.set_property(alice.home, "<X:colour>red</X:colour>")
    assert alice.find(alice.home, *names).statuses == dict.fromkeys(names, 200)
    assert bob.find(alice.home, *names).statuses == dict.fromkeys(names, 404)
    everything = bob.request("PROPFIND", alice.home)[alice.home]
    assert set(everything.statuses) == {"D:displayname", "D:resourcetype"}


def test_every_book_has_a_display_name_that_no_other_in_the_home_has(world: World) -> None:
    """A displayname is always there, and unique in what one user sees."""
    alice = world.member()
    alice.listing()
    books = [world.book("team", display_name="Contacts") for _ in range(2)]
    for book in books:
        world.grant(book, alice, "read")
    answer = alice.listing("D:displayname")
    shown = {href: answer[href].text("D:displayname") for href in answer.hrefs[1:]}
    assert shown[alice.contacts] == "Contacts"
    assert len(set(shown.values())) == 3
    for href, title in shown.items():
        assert title.startswith("Contacts")
        # Looked at by itself a book is called the same.
        assert alice.find(href, "D:displayname").text("D:displayname") == title
        everything = alice.request("PROPFIND", href, document("D:propfind", "<D:allprop/>"))
        assert everything[href].text("D:displayname") == title
    alice.set_property(alice.path(books[0]), "<D:displayname>Team</D:displayname>")
    renamed = alice.listing("D:displayname")
    assert renamed[alice.path(books[0])].text("D:displayname") == "Team"
