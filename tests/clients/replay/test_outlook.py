"""CalDav Synchronizer 4 for Outlook: what its classes WebDavDataAccess and CardDavDataAccess do.

It reads any propstat as if its status were 200, compares the path of a book with the hrefs in it,
and needs a display name to offer a book at all.
"""

from enum import Flag, auto

import pytest

from tests.clients.replay.conftest import FRIENDS, Office
from tests.clients.replay.device import (
    Login,
    assert_refused,
    capabilities,
    cards,
    etags,
    gone,
    is_book,
    line,
)
from tests.http.client import Answer, Resource
from tests.http.world import vcard

HEADERS = {"User-Agent": "CalDavSynchronizer/4.6"}
XML = {"Content-Type": "application/xml; charset=utf-8"}
VCARD = {"Content-Type": "text/vcard; charset=utf-8"}

DECLARATION = "<?xml version='1.0'?>\r\n"


def _propfind(content: str, namespaces: str = 'xmlns:D="DAV:"') -> str:
    return (
        f"{DECLARATION}  <D:propfind {namespaces}>\r\n    <D:prop>\r\n      {content}\r\n"
        "    </D:prop>\r\n  </D:propfind>\r\n"
    )


PRINCIPAL = _propfind("<D:current-user-principal/><D:principal-URL/><D:resourcetype/>")
HOME = _propfind(
    "<A:addressbook-home-set/>", 'xmlns:D="DAV:" xmlns:A="urn:ietf:params:xml:ns:carddav"'
)
BOOKS = _propfind("<D:resourcetype /><D:displayname />")
ACL = _propfind(
    "<D:acl />",
    'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:E="http://apple.com/ns/ical/"',
)
TYPE = _propfind("<D:resourcetype/>")
PRIVILEGES = _propfind("<D:current-user-privilege-set/>")
REPORTS = _propfind("<D:supported-report-set/>")
VERSIONS = _propfind("<D:getetag/><D:getcontenttype/>")
CHANGES = """<?xml version="1.0" encoding="utf-8" ?>
  <D:sync-collection xmlns:D="DAV:">
    {}
    <D:sync-level>1</D:sync-level>
    <D:prop>
      <D:getetag/>
    </D:prop>
  </D:sync-collection>
"""
MULTIGET = """<?xml version="1.0" encoding="utf-8" ?>
  <A:addressbook-multiget xmlns:D="DAV:" xmlns:A="urn:ietf:params:xml:ns:carddav">
    <D:prop>
      <D:getetag/>
      <D:getcontenttype/>
      <A:address-data/>
    </D:prop>
    {}
  </A:addressbook-multiget>
"""
MKCOL = """<?xml version='1.0'?>
  <D:mkcol xmlns:D="DAV:"  xmlns:A="urn:ietf:params:xml:ns:carddav">
    <D:set>
      <D:prop>
        <D:resourcetype>
          <D:collection/>
          <A:addressbook/>
        </D:resourcetype>
      </D:prop>
    </D:set>
  </D:mkcol>"""
RENAME = """<?xml version='1.0'?>
  <D:propertyupdate xmlns:D="DAV:">
    <D:set>
      <D:prop>
        <D:displayname>{}</D:displayname>
      </D:prop>
    </D:set>
  </D:propertyupdate>
"""

UID = "8b7f1d5e-0f0c-4e6b-9f4a-2f6c5f9d7a31"
NEW_CARD = vcard(UID, "Outlook Made", "N:Made;Outlook;;;", "EMAIL;TYPE=INTERNET:o@example.org")


class Access(Flag):
    """What the profile may do with its book."""

    NONE = 0
    MODIFY = auto()
    CREATE = auto()
    DELETE = auto()
    ALL = MODIFY | CREATE | DELETE


class Outlook:
    """A profile: one folder of Outlook and one book, with ETags by href and a sync token."""

    def __init__(self, office: Office) -> None:
        self.device = office.device(Login.ONCE_ASKED, HEADERS)
        self.etags: dict[str, str] = {}
        self.cards: dict[str, str] = {}
        self.token: str | None = None

    def propfind(self, path: str, body: str, depth: int = 0) -> Answer:
        answer = self.device.send("PROPFIND", path, body, {"Depth": str(depth), **XML})
        assert answer.status == 207, answer
        return answer

    def find(self, path: str, body: str) -> Resource:
        [found] = self.propfind(path, body).resources.values()
        return found

    def find_books(self) -> dict[str, str]:
        """Search from the well-known address; return the names offered by href."""
        [principal] = self.find("/.well-known/carddav", PRINCIPAL).hrefs("D:current-user-principal")
        [home] = self.find(principal, HOME).hrefs("CARD:addressbook-home-set")
        found = {
            href: resource.text("D:displayname")
            for href, resource in self.propfind(home, BOOKS, 1).resources.items()
            if is_book(resource)
        }
        for href in found:
            self.propfind(href, ACL)
        return found

    def check_settings(self, book: str) -> Access:
        """What the button of that name does; return what the profile may do."""
        options = self.device.send("OPTIONS", book)
        assert "addressbook" in capabilities(options)
        assert is_book(self.find(book, TYPE))
        reports = self.find(book, REPORTS).props["D:supported-report-set"]
        assert "{DAV:}sync-collection" in {node.tag for node in reports.iter()}
        privileges = self.find(book, PRIVILEGES).privileges
        if "write" in privileges:
            return Access.ALL
        named = {
            "write-content": Access.MODIFY, "bind": Access.CREATE, "unbind": Access.DELETE
        }  # fmt: skip
        access = Access.NONE
        for name in privileges & named.keys():
            access |= named[name]
        return access

    def list_versions(self, book: str) -> dict[str, str]:
        """List the book, as profiles without collection sync do at every run."""
        answer = self.propfind(book, VERSIONS, 1)
        # The book itself is told from its cards by this path alone.
        assert book in answer.resources
        found = etags(answer, book)
        assert not any("x-vlist" in answer[href].text("D:getcontenttype") for href in found)
        return found

    def sync(self, book: str) -> None:
        """Run the profile with collection sync."""
        token = (
            "<D:sync-token/>"
            if self.token is None
            else f"<D:sync-token>{self.token}</D:sync-token>"
        )
        answer = self.device.send("REPORT", book, CHANGES.format(token), {"Depth": "0", **XML})
        if self.token and answer.status == 403 and answer.conditions[0] == "D:valid-sync-token":
            self.token, self.etags, self.cards = None, {}, {}
            return self.sync(book)
        assert answer.status == 207, answer
        changed = etags(answer, book)
        wanted = [href for href in changed if self.etags.get(href) != changed[href]]
        for href in gone(answer):
            self.etags.pop(href, None)
            self.cards.pop(href, None)
        if wanted:
            asked = "\r\n".join(f"<D:href>{href}</D:href>" for href in wanted)
            report = self.device.send("REPORT", book, MULTIGET.format(asked), {"Depth": "0", **XML})
            assert set(cards(report)) == set(wanted)
            self.cards |= cards(report)
        self.etags |= changed
        self.token = answer.sync_token
        return None

    def put(self, href: str, card: bytes, **condition: str) -> Answer:
        headers = {name.replace("_", "-"): value for name, value in condition.items()}
        answer = self.device.send("PUT", href, card, {**VCARD, **headers})
        if answer.status in {201, 204}:
            assert answer.headers["Location"] is None, "the card would be looked for there"
            assert answer.etag, "this would cost a GET"
            self.etags[href], self.cards[href] = answer.etag, card.decode()
        return answer

    def names(self) -> set[str]:
        return {line(card, "FN") for card in self.cards.values()}


def test_books_are_found_by_name(office: Office) -> None:
    client = Outlook(office)
    assert client.find_books() == {
        office.alice.contacts: "Contacts",
        office.friends_path: "Friends & Family \u00e9",
        office.company_path: "Company (read only)",
    }
    assert client.device.log[:2] == [
        "PROPFIND /.well-known/carddav 401", "PROPFIND /.well-known/carddav 207"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("privilege", "access"),
    [
        ("read", Access.NONE),
        ("create", Access.MODIFY | Access.CREATE),
        ("edit-own", Access.ALL),
        ("write", Access.ALL),
        ("manage", Access.ALL),
    ],
)
def test_a_profile_learns_what_it_may_do(office: Office, privilege: str, access: Access) -> None:
    office.world.grant(office.friends, office.alice, privilege)
    assert Outlook(office).check_settings(office.friends_path) == access


def test_a_book_is_fetched_and_followed(office: Office) -> None:
    client, book = Outlook(office), office.friends_path
    client.sync(book)
    assert len(client.cards) == len(FRIENDS)
    assert client.list_versions(book) == client.etags
    office.put(office.friends, "new.vcf", vcard("new", "Newcomer"))
    office.put(office.friends, "ann.vcf", vcard("ann", "Ann Married"))
    for name in FRIENDS:
        if "Neil" in name:
            office.delete(office.friends, name)
    client.sync(book)
    assert client.names() == {"Ann Married", "Bob Example", "Newcomer"}
    assert client.list_versions(book) == client.etags
    client.device.take_log()
    client.sync(book)
    assert client.device.log == [f"REPORT {book} 207"]


def test_a_contact_is_made_edited_and_deleted(office: Office) -> None:
    client, book = Outlook(office), office.friends_path
    client.sync(book)
    href = f"{book}{UID}.vcf"
    assert client.put(href, NEW_CARD, If_None_Match="*").status == 201
    edited = NEW_CARD.replace(b"Outlook Made", b"Outlook Edited")
    assert client.put(href, edited, If_Match=client.etags[href]).status == 204
    client.sync(book)
    assert office.stored(f"{UID}.vcf") == edited
    assert client.names() == {"Ann Example", "Bob Example", "Jack O'Neil", "Outlook Edited"}
    deleted = client.device.send("DELETE", href, headers={"If-Match": client.etags[href]})
    assert deleted.status in {200, 204}
    assert deleted.headers["X-Dav-Error"] is None
    client.sync(book)
    assert len(client.cards) == len(FRIENDS)


def test_an_edit_of_a_changed_or_deleted_contact_is_given_up(office: Office) -> None:
    """Both 404 and 412 make the add-in look again instead of reporting an error."""
    client, book = Outlook(office), office.friends_path
    client.sync(book)
    office.put(office.friends, "ann.vcf", vcard("ann", "By the colleague"))
    office.delete(office.friends, "bob.vcf")
    for name in ("ann", "bob"):
        href = f"{book}{name}.vcf"
        condition = {"If-Match": client.etags[href]}
        assert client.put(href, vcard(name, "Mine"), **condition).status in {404, 412}
        assert client.device.send("DELETE", href, headers=condition).status in {404, 412}
    client.sync(book)
    assert client.names() == {"By the colleague", "Jack O'Neil"}


def test_edits_of_a_read_only_book_are_refused_and_it_syncs_on(office: Office) -> None:
    client, book = Outlook(office), office.company_path
    client.sync(book)
    href, new = f"{book}hotline.vcf", f"{book}{UID}.vcf"
    condition = {"If-Match": client.etags[href]}
    assert_refused(client.put(href, vcard("hotline", "Mine"), **condition), href)
    assert_refused(client.put(new, NEW_CARD, If_None_Match="*"), new)
    assert_refused(client.device.send("DELETE", href, headers=condition), href)
    office.put(office.company, "hotline.vcf", vcard("hotline", "Hotline 24 h"))
    client.sync(book)
    assert client.names() == {"Reception", "Hotline 24 h"}


def test_a_refused_token_lets_it_start_over(office: Office) -> None:
    client, book = Outlook(office), office.friends_path
    client.sync(book)
    client.token = "http://radicale.org/ns/sync/25bf5fc17a7371f47862859e1cacc920"
    office.delete(office.friends, "ann.vcf")
    client.sync(book)
    assert client.names() == {"Bob Example", "Jack O'Neil"}


def test_a_revoked_book_is_an_error_and_not_an_empty_one(office: Office) -> None:
    """An empty listing would delete the contacts in Outlook, and so would a book behind the 404."""
    client, book = Outlook(office), office.friends_path
    client.sync(book)
    office.world.revoke(office.friends, office.alice)
    for method, body, depth in (
        ("PROPFIND", VERSIONS, "1"), ("PROPFIND", TYPE, "0"), ("REPORT", CHANGES, "0"),
    ):  # fmt: skip
        answer = client.device.send(method, book, body.format(""), {"Depth": depth, **XML})
        assert answer.status == 404
    assert book not in client.find_books()
    office.world.grant(office.friends, office.alice, "write")
    client.sync(book)
    assert len(client.cards) == len(FRIENDS)


def test_a_book_is_made_and_then_named(office: Office) -> None:
    client = Outlook(office)
    client.find_books()
    made = f"{office.alice.home}2c1d2a3e-53d5-4dd1-9b55-0b1f7f4f2c11/"
    assert client.device.send("MKCOL", made, MKCOL, XML).status == 201
    renamed = client.device.send("PROPPATCH", made, RENAME.format("Choir"), {"Depth": "0", **XML})
    assert renamed.status == 207
    assert client.find_books()[made] == "Choir"


def test_a_distribution_list_is_a_card_of_its_own(office: Office) -> None:
    client, book = Outlook(office), office.friends_path
    client.sync(book)
    group = vcard(UID, "Choir", "N:Choir", "X-ADDRESSBOOKSERVER-KIND:group",
                  "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:ann")  # fmt: skip
    href = f"{book}{UID}.vcf"
    assert client.put(href, group, If_None_Match="*").status == 201
    client.token, client.etags, client.cards = None, {}, {}
    client.sync(book)
    assert "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:ann" in client.cards[href].splitlines()
