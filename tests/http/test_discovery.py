"""How a client finds its way from a host name to the books (RFC 6764, RFC 5397, RFC 6352, 7.1)."""

import pytest

from tests.http.world import World, vcard

PRINCIPAL_PROPERTIES = (
    "D:current-user-principal",
    "D:principal-URL",
    "D:resourcetype",
    "CARD:addressbook-home-set",
    "CARD:directory-gateway",
    "D:displayname",
    "CS:email-address-set",
    "D:principal-collection-set",
    "D:resource-id",
    "D:supported-report-set",
)
"""What iOS and macOS ask their principal for."""


@pytest.mark.parametrize("path", ["/", "/.well-known/carddav", "/.well-known/carddav/"])
def test_the_principal_is_found_where_clients_begin(world: World, path: str) -> None:
    alice = world.member()
    answer = alice.propfind(path, ["D:current-user-principal", "D:resourcetype"])
    assert answer.hrefs == ["/"]
    assert answer["/"].hrefs("D:current-user-principal") == [alice.home]
    assert answer["/"].children("D:resourcetype") == ["D:collection"]


@pytest.mark.parametrize("path", ["/", "/.well-known/carddav", "/alice/", "/alice/contacts/"])
def test_a_stranger_is_asked_for_a_password_in_place(world: World, path: str) -> None:
    answer = world.client().propfind(path)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="sharedbooks", charset="UTF-8"'
    assert answer.headers["Location"] is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
def test_other_methods_are_sent_from_the_well_known_address_to_the_root(
    world: World, method: str
) -> None:
    answer = world.client().request(method, "/.well-known/carddav")
    assert (answer.status, answer.headers["Location"]) == (301, "/")


@pytest.mark.parametrize("path", ["/.well-known/caldav", "/.well-known/", "/.well-known/other"])
def test_there_is_nothing_else_at_well_known_addresses(world: World, path: str) -> None:
    alice = world.member()
    assert alice.propfind(path).status == 404
    assert alice.get(path).status == 404


def test_the_root_lists_the_home_and_no_other(world: World) -> None:
    alice, _other = world.member(), world.member()
    assert alice.propfind("/", depth=1).hrefs == ["/", alice.home]


def test_the_home_is_the_principal_and_has_one_home_set(world: World) -> None:
    alice = world.member(display_name="Alice Liddell", email="alice@example.org")
    home = alice.find(alice.home, *PRINCIPAL_PROPERTIES)
    assert home.children("D:resourcetype") == ["D:collection", "D:principal"]
    for name in ("CARD:addressbook-home-set", "D:principal-URL", "D:current-user-principal"):
        assert home.hrefs(name) == [alice.home]
        assert home.children(name) == ["D:href"]
    assert home.hrefs("D:principal-collection-set") == ["/"]
    assert home.text("D:displayname") == "Alice Liddell"
    [address] = home.props["CS:email-address-set"]
    assert address.text == "alice@example.org"
    assert home.statuses["CARD:directory-gateway"] == 404


def test_a_calendar_home_is_not_there(world: World) -> None:
    alice = world.member()
    name = "{urn:ietf:params:xml:ns:caldav}calendar-home-set"
    body = (
        '<propfind xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop>'
        "<C:calendar-home-set/><current-user-principal/></prop></propfind>"
    )
    answer = alice.request("PROPFIND", alice.home, body, {"Depth": "0"})
    assert answer[alice.home].statuses == {name: 404, "D:current-user-principal": 200}


def test_the_current_user_principal_is_told_everywhere(world: World) -> None:
    alice, book = world.shared()
    card = alice.path(book, "ann.vcf")
    assert alice.put(card, vcard()).status == 201
    for path in ("/", alice.home, alice.contacts, alice.path(book), card):
        resource = alice.find(path, "D:current-user-principal")
        assert resource.hrefs("D:current-user-principal") == [alice.home]


def test_the_personal_book_is_there_from_the_first_request(world: World) -> None:
    alice = world.member()
    answer = alice.listing("D:resourcetype", "D:displayname", "D:owner")
    assert answer.hrefs == [alice.home, alice.contacts]
    book = answer[alice.contacts]
    assert book.children("D:resourcetype") == ["D:collection", "CARD:addressbook"]
    assert book.text("D:displayname") == "Contacts"
    assert book.hrefs("D:owner") == [alice.home]


def test_the_personal_book_is_there_when_the_first_request_is_for_it(world: World) -> None:
    alice = world.member()
    assert alice.put(f"{alice.contacts}a.vcf", vcard()).status == 201


def test_a_book_tells_all_that_clients_ask_of_it(world: World) -> None:
    alice, book = world.shared()
    resource = alice.find(
        alice.path(book),
        "D:resourcetype",
        "D:supported-report-set",
        "CARD:supported-address-data",
        "CARD:max-resource-size",
        "CARD:max-image-size",
        "CARD:supported-collation-set",
        "D:sync-token",
        "CS:getctag",
        "D:owner",
    )
    assert resource.children("D:resourcetype") == ["D:collection", "CARD:addressbook"]
    reports = {element.tag for element in resource.props["D:supported-report-set"].iter()}
    assert {
        "{DAV:}sync-collection",
        "{urn:ietf:params:xml:ns:carddav}addressbook-multiget",
        "{urn:ietf:params:xml:ns:carddav}addressbook-query",
    } < reports
    versions = [
        (kind.get("content-type"), kind.get("version"))
        for kind in resource.props["CARD:supported-address-data"]
    ]
    assert versions == [("text/vcard", "3.0"), ("text/vcard", "4.0")]
    assert resource.text("CARD:max-resource-size") == str(4 * 1024 * 1024)
    assert resource.text("CARD:max-image-size").isdigit()
    assert ":" in resource.text("D:sync-token")
    assert resource.text("CS:getctag")
    # A book of the organisation belongs to no user.
    assert resource.children("D:owner") == []


def test_the_first_status_of_every_response_is_200(world: World) -> None:
    alice, _book = world.shared()
    answer = alice.listing("D:nothing-of-this-name", "D:resourcetype", "D:displayname")
    assert len(answer.hrefs) == 3
    for resource in answer.resources.values():
        assert resource.first_status == "HTTP/1.1 200 OK"
        assert resource.statuses["D:nothing-of-this-name"] == 404


def test_a_colleague_is_visible_while_they_share_a_book(world: World) -> None:
    alice, bob = world.member("alice", display_name="Alice Liddell"), world.member("bob")
    for member in (alice, bob):
        member.listing()
    assert bob.propfind(alice.home).status == 404
    world.grant(world.own_book(alice), bob, "read")
    [shared] = bob.books() - {"contacts"}
    assert shared == f"contacts-{alice.name}"
    owner = bob.find(bob.path(shared), "D:owner", "D:displayname")
    assert owner.hrefs("D:owner") == [alice.home]
    assert owner.text("D:displayname") == "Contacts (Alice Liddell)"
    person = bob.propfind(
        alice.home, ["D:displayname", "D:resourcetype", "CARD:addressbook-home-set"], depth=1
    )
    assert person.hrefs == [alice.home]
    assert person[alice.home].text("D:displayname") == "Alice Liddell"
    assert "D:principal" in person[alice.home].children("D:resourcetype")
    assert person[alice.home].statuses["CARD:addressbook-home-set"] == 404
    # Seeing whose book it is opens nothing of theirs.
    assert bob.propfind(alice.contacts).status == 404
    world.revoke(world.own_book(alice), bob)
    assert bob.propfind(alice.home).status == 404


@pytest.mark.parametrize("below", ["", "contacts/", "contacts/ann.vcf"])
@pytest.mark.parametrize("method", ["PROPFIND", "GET", "REPORT", "PUT", "DELETE", "PROPPATCH"])
def test_somebody_elses_home_is_like_one_that_does_not_exist(
    world: World, method: str, below: str
) -> None:
    alice, bob = world.member("alice"), world.member("bob")
    card = vcard()
    assert alice.put(f"{alice.contacts}ann.vcf", card).status == 201
    body = {
        "PROPPATCH": '<propertyupdate xmlns="DAV:"/>',
        "REPORT": '<sync-collection xmlns="DAV:"><sync-token/></sync-collection>',
        "PUT": card,
    }.get(method, "")
    there = bob.request(method, f"{alice.home}{below}", body)
    nowhere = bob.request(method, f"/nobody-at-all/{below}", body)
    assert there.status in {403, 404, 405}
    assert there.status == nowhere.status
    named = there.body.replace(alice.home.encode(), b"/nobody-at-all/")
    assert named == nowhere.body
    assert world.stored(world.own_book(alice)) == {"ann.vcf": card}
