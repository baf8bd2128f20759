"""Books that members make themselves; address books are all that can be made."""

import pytest

from tests.http.client import document
from tests.http.world import BOOK_TYPE, World, vcard

CALDAV = 'xmlns:C="urn:ietf:params:xml:ns:caldav"'
CALENDAR_TYPE = f"<D:resourcetype><D:collection/><C:calendar {CALDAV}/></D:resourcetype>"


def _mkcol(properties: str) -> str:
    return document("D:mkcol", f"<D:set><D:prop>{properties}</D:prop></D:set>")


def test_a_plain_mkcol_makes_an_address_book(world: World) -> None:
    alice = world.member()
    assert alice.mkcol(f"{alice.home}friends/").status == 201
    book = alice.listing("D:resourcetype", "D:displayname", "D:owner", "CS:getctag")[
        f"{alice.home}friends/"
    ]
    assert book.children("D:resourcetype") == ["D:collection", "CARD:addressbook"]
    assert book.text("D:displayname") == "friends"
    assert book.hrefs("D:owner") == [alice.home]
    assert alice.put(f"{alice.home}friends/ann.vcf", vcard()).status == 201


@pytest.mark.parametrize("slash", ["/", ""])
def test_an_extended_mkcol_names_and_describes_the_book(world: World, slash: str) -> None:
    alice = world.member()
    path = f"{alice.home}5a1c9d5e-7a47/"
    properties = (
        f"{BOOK_TYPE}<D:displayname>Freunde &amp; Familie 🎉</D:displayname>"
        "<CARD:addressbook-description>Privat</CARD:addressbook-description>"
        '<X:colour code="7">red</X:colour>'
    )
    assert alice.mkcol(path.removesuffix("/") + slash, _mkcol(properties)).status == 201
    book = alice.find(path, "D:displayname", "CARD:addressbook-description", "X:colour")
    assert book.text("D:displayname") == "Freunde & Familie 🎉"
    assert book.text("CARD:addressbook-description") == "Privat"
    assert (book.text("X:colour"), book.props["X:colour"].get("code")) == ("red", "7")


@pytest.mark.parametrize(
    "properties",
    [
        CALENDAR_TYPE,
        "<D:resourcetype><D:collection/></D:resourcetype>",
        "<D:resourcetype/>",
        BOOK_TYPE.replace("</", f"<C:calendar {CALDAV}/></"),
        "<D:resourcetype><D:collection/><D:principal/></D:resourcetype>",
    ],
)
def test_only_address_books_are_made(world: World, properties: str) -> None:
    alice = world.member()
    answer = alice.mkcol(f"{alice.home}work/", _mkcol(properties))
    assert answer.status == 403
    assert answer.conditions == ["D:valid-resourcetype"]
    assert alice.books() == {"contacts"}


@pytest.mark.parametrize("where", ["work/", "contacts/work/", ""])
def test_a_calendar_is_refused_with_a_reason(world: World, where: str) -> None:
    alice = world.member()
    body = f'<C:mkcalendar {CALDAV} xmlns="DAV:"><set><prop/></set></C:mkcalendar>'
    for content in ("", body):
        answer = alice.request("MKCALENDAR", f"{alice.home}{where}", content)
        assert answer.status == 403
        assert answer.conditions == [
            "{urn:ietf:params:xml:ns:caldav}calendar-collection-location-ok"
        ]
        reason = answer.xml.findtext("{DAV:}responsedescription") or ""
        assert "address books only" in reason
    assert alice.books() == {"contacts"}


@pytest.mark.parametrize("method", ["OPTIONS", "PROPFIND", "GET", "REPORT", "PUT", "DELETE"])
def test_no_answer_claims_to_know_calendars(world: World, method: str) -> None:
    alice = world.member()
    for path in ("/", alice.home, alice.contacts, f"{alice.contacts}none.vcf", "/nobody/"):
        classes = {name.strip() for name in alice.request(method, path).headers["DAV"].split(",")}
        assert {"1", "3", "addressbook", "extended-mkcol"} <= classes
        assert not any("calendar" in name for name in classes)


def test_there_are_no_books_in_books(world: World) -> None:
    alice, shared = world.shared("manage")
    for path in (alice.contacts, alice.path(shared)):
        answer = alice.mkcol(f"{path}inner/", _mkcol(BOOK_TYPE))
        assert answer.status == 403
        assert answer.conditions == ["CARD:addressbook-collection-location-ok"]
    assert alice.mkcol(f"{alice.contacts}a/b/").status in {403, 404, 409}


def test_a_name_that_is_taken_is_refused_and_nothing_changes(world: World) -> None:
    alice, shared = world.shared("read")
    alice.put(f"{alice.contacts}ann.vcf", vcard())
    for path in (alice.contacts, alice.path(shared), alice.home, "/"):
        answer = alice.mkcol(path, _mkcol(f"{BOOK_TYPE}<D:displayname>New</D:displayname>"))
        assert answer.status == 405
        assert "MKCOL" not in answer.allow
    assert alice.get(f"{alice.contacts}ann.vcf").status == 200
    assert alice.find(alice.contacts, "D:displayname").text("D:displayname") == "Contacts"


def test_a_property_that_is_the_servers_fails_the_whole_mkcol(world: World) -> None:
    alice = world.member()
    properties = f"{BOOK_TYPE}<D:displayname>New</D:displayname><D:getetag>mine</D:getetag>"
    answer = alice.mkcol(f"{alice.home}new/", _mkcol(properties))
    assert answer.status == 424
    assert answer.xml.tag == "{DAV:}mkcol-response"
    statuses = {
        prop[0].tag: propstat.findtext("{DAV:}status")
        for propstat in answer.xml.iterfind("{DAV:}propstat")
        for prop in propstat.iterfind("{DAV:}prop")
    }
    assert statuses == {
        "{DAV:}getetag": "HTTP/1.1 403 Forbidden",
        "{DAV:}displayname": "HTTP/1.1 424 Failed Dependency",
    }
    assert alice.books() == {"contacts"}


def test_a_book_is_not_made_in_somebody_elses_home(world: World) -> None:
    alice, bob = world.member("alice"), world.member("bob")
    alice.listing()
    for home in (alice.home, "/nobody/"):
        assert bob.mkcol(f"{home}new/", _mkcol(BOOK_TYPE)).status == 404
    assert alice.books() == {"contacts"}


def test_an_own_book_is_renamed(world: World) -> None:
    alice = world.member()
    answer = alice.set_property(alice.contacts, "<D:displayname>Privat</D:displayname>")
    assert answer[alice.contacts].statuses == {"D:displayname": 200}
    assert alice.listing("D:displayname")[alice.contacts].text("D:displayname") == "Privat"


def test_a_deleted_book_is_gone_and_its_name_is_free(world: World) -> None:
    alice = world.member()
    path = f"{alice.home}friends/"
    alice.mkcol(path, _mkcol(f"{BOOK_TYPE}<D:displayname>Old</D:displayname>"))
    alice.put(f"{path}ann.vcf", vcard())
    token = alice.sync(path).sync_token
    assert alice.delete(path).status == 204
    assert alice.books() == {"contacts"}
    for answer in (alice.propfind(path), alice.get(f"{path}ann.vcf"), alice.delete(path)):
        assert answer.status == 404
    assert alice.mkcol(path).status == 201
    book = alice.find(path, "D:displayname", "D:sync-token")
    assert book.text("D:displayname") == "friends"
    assert book.text("D:sync-token") != token
    assert alice.sync(path, token).status == 403
    assert alice.sync(path).hrefs == []
    assert alice.put(f"{path}bob.vcf", vcard()).status == 201


def test_the_personal_book_once_deleted_does_not_come_back_by_itself(world: World) -> None:
    alice = world.member()
    alice.listing()
    assert alice.delete(alice.contacts).status == 204
    assert alice.books() == set()
    assert alice.mkcol(alice.contacts).status == 201
    assert alice.books() == {"contacts"}


def test_a_book_shared_by_its_owner_is_gone_for_all_when_the_owner_deletes_it(world: World) -> None:
    alice, bob = world.member("alice"), world.member("bob")
    alice.listing()
    world.grant(world.own_book(alice), bob, "manage")
    [shared] = bob.books() - {"contacts"}
    assert bob.delete(bob.path(shared)).status == 403
    assert alice.delete(alice.contacts).status == 204
    assert bob.books() == {"contacts"}
    assert bob.propfind(bob.path(shared)).status == 404


@pytest.mark.parametrize("name", ["a%00b", "%0A", "%1F", "a%2Fb", "x" * 256])
def test_a_name_that_cannot_be_used_is_refused(world: World, name: str) -> None:
    alice = world.member()
    assert alice.mkcol(f"{alice.home}{name}/").status in {400, 403}
    assert alice.books() == {"contacts"}
