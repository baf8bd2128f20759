"""KDE's Akonadi 22.12 with KAddressBook, as recorded.

Every single request goes out without the password first, bodies and all. Privileges are never
asked for, and there is no sync token: the ctags in the listing of the home decide.
"""

from tests.clients.replay.conftest import FRIENDS, Office
from tests.clients.replay.device import Login, assert_refused, cards, etags, folded, is_book, line
from tests.http.client import Answer, Resource
from tests.http.world import authority, vcard

HEADERS = {
    "Connection": "keep-alive",
    "User-Agent": (
        "Mozilla/5.0 (X11; Linux x86_64) KIO/5.103 akonadi_davgroupware_resource_0/5.22.3 (22.12.3)"
    ),
    "Pragma": "no-cache",
    "Cache-control": "no-cache",
    "Accept": (
        "text/html, text/*;q=0.9, image/jpeg;q=0.9, image/png;q=0.9, image/*;q=0.9, */*;q=0.8"
    ),
    "Accept-Encoding": "gzip, deflate, x-gzip, x-deflate",
    "Accept-Charset": "utf-8,*;q=0.5",
    "Accept-Language": "en",
}
XML = {"Content-Type": "text/xml; charset=utf-8"}
VCARD = {"Content-Type": "text/vcard"}

PROPFIND = """<?xml version="1.0" encoding="utf-8"?>
<propfind xmlns="DAV:">
 <prop xmlns="DAV:">
{}
 </prop>
</propfind>
"""
HOME_SET = '  <addressbook-home-set xmlns="urn:ietf:params:xml:ns:carddav"/>'
PRINCIPAL = PROPFIND.format(
    f"""{HOME_SET}
  <current-user-principal xmlns="DAV:"/>
  <principal-URL xmlns="DAV:"/>"""
)
HOME = PROPFIND.format(HOME_SET)
BOOKS = PROPFIND.format(
    """  <displayname xmlns="DAV:"/>
  <resourcetype xmlns="DAV:"/>
  <getctag xmlns="http://calendarserver.org/ns/"/>"""
)
CARDS = PROPFIND.format(
    """  <displayname xmlns="DAV:"/>
  <resourcetype xmlns="DAV:"/>
  <getetag xmlns="DAV:"/>"""
)
MULTIGET = """<?xml version="1.0" encoding="utf-8"?>
<addressbook-multiget xmlns="urn:ietf:params:xml:ns:carddav">
 <prop xmlns="DAV:">
  <getetag xmlns="DAV:"/>
  <address-data xmlns="urn:ietf:params:xml:ns:carddav">
   <allprop xmlns="DAV:"/>
  </address-data>
 </prop>
{}
</addressbook-multiget>
"""

NEW_CARD = (
    "BEGIN:VCARD\r\nVERSION:3.0\r\nEMAIL;TYPE=INTERNET:kde@example.org\r\n"
    "FN:Kde Cr\u00e9\u00e9e\r\nN:Cr\u00e9\u00e9e;Kde;;;\r\n"
    "UID:2b5dfd68-0c1a-4539-b946-16cd76af1553\r\nEND:VCARD\r\n\r\n"
)
EDITED_CARD = NEW_CARD.replace(
    "UID:", "NOTE:edited line 1\\nline 2\\, with comma; and \u00e9 \u20ac\r\nUID:"
)


class Akonadi:
    """A DAV resource: all books of the account, their ctags, and ETags by URL."""

    def __init__(self, office: Office) -> None:
        self.device = office.device(Login.EACH_TIME_ASKED, HEADERS)
        self._site = f"http://{authority(office.world)}"
        self.ctags: dict[str, str] = {}
        self.etags: dict[str, dict[str, str]] = {}
        self.cards: dict[str, str] = {}

    def _propfind(self, path: str, body: str, depth: int = 0) -> dict[str, Resource]:
        answer = self.device.send("PROPFIND", path, body, {"Depth": str(depth), **XML})
        assert answer.status == 207, answer
        return answer.resources

    def sync(self) -> list[str]:
        """Look for books, then for cards where a ctag is new; return the books looked into."""
        [root] = self._propfind("/", PRINCIPAL).values()
        [principal] = root.hrefs("D:current-user-principal")
        [found] = self._propfind(principal, HOME).values()
        [home] = found.hrefs("CARD:addressbook-home-set")
        listing = self._propfind(home, BOOKS, 1)
        books = {href: book.text("CS:getctag") for href, book in listing.items() if is_book(book)}
        assert all(listing[book].text("D:displayname") for book in books)
        for lost in self.ctags.keys() - books.keys():
            for href in self.etags.pop(lost):
                del self.cards[href]
        changed = [book for book, ctag in books.items() if self.ctags.get(book) != ctag]
        for book in changed:
            self._fetch(book)
        self.ctags = books
        return changed

    def _fetch(self, book: str) -> None:
        answer = self.device.send("PROPFIND", book, CARDS, {"Depth": "1", **XML})
        listed = etags(answer, book)
        known = self.etags.get(book, {})
        for href in known.keys() - listed.keys():
            del self.cards[href]
        wanted = [href for href in listed if known.get(href) != listed[href]]
        self.etags[book] = listed
        if wanted:
            asked = "\n".join(f' <href xmlns="DAV:">{self._site}{href}</href>' for href in wanted)
            report = self.device.send("REPORT", book, MULTIGET.format(asked), {"Depth": "0", **XML})
            # Asked for by whole URLs, but found again by the path of the listing.
            assert set(report.hrefs) == set(wanted)
            assert etags(report, book).items() <= listed.items()
            self.cards |= cards(report)

    def put(self, book: str, href: str, card: str, condition: dict[str, str]) -> Answer:
        """Store a card and get it back, as another program of KDE's does."""
        answer = self.device.send("PUT", href, card, {**VCARD, **condition})
        if answer.status in {201, 204}:
            reader = {"User-Agent": "KDE DAV groupware client"}
            got = self.device.send("GET", href, headers=reader)
            assert got.status == 200
            assert got.etag == answer.etag
            self.etags[book][href] = got.etag or ""
            self.cards[href] = got.body.decode()
        return answer

    def names(self, book: str) -> set[str]:
        return {line(card, "FN") for href, card in self.cards.items() if href.startswith(book)}


def test_books_are_found_and_fetched_each_request_asked_for_a_password(office: Office) -> None:
    client = Akonadi(office)
    assert set(client.sync()) == {
        office.alice.contacts, office.friends_path, office.company_path
    }  # fmt: skip
    home = office.alice.home
    sent = client.device.take_log()
    assert sent[:6] == [
        "PROPFIND / 401", "PROPFIND / 207", f"PROPFIND {home} 401", f"PROPFIND {home} 207",
        f"PROPFIND {home} 401", f"PROPFIND {home} 207",
    ]  # fmt: skip
    assert [entry.rpartition(" ")[2] for entry in sent] == ["401", "207"] * (len(sent) // 2)
    assert client.names(office.friends_path) == {"Ann Example", "Bob Example", "Jack O'Neil"}
    assert client.names(office.company_path) == {"Reception", "Help"}
    assert client.sync() == []
    assert len(client.device.log) == 6


def test_a_card_is_made_edited_and_deleted(office: Office) -> None:
    client, book = Akonadi(office), office.friends_path
    client.sync()
    name = "1795290993.R766.vcf"
    href = f"{book}{name}"
    assert client.put(book, href, NEW_CARD, {"If-None-Match": "*"}).status == 201
    condition = {"If-Match": client.etags[book][href]}
    assert client.put(book, href, EDITED_CARD, condition).status == 204
    assert office.stored(name) == EDITED_CARD.encode()
    client.device.take_log()
    assert client.sync() == [book]
    assert client.device.log[-1] == f"PROPFIND {book} 207", "its own card was fetched again"

    assert client.device.send("DELETE", href, headers=condition).status == 412
    condition = {"If-Match": client.etags[book][href]}
    assert client.device.send("DELETE", href, headers=condition).status in {200, 204}
    client.sync()
    assert len(client.etags[book]) == len(FRIENDS)


def test_a_colleagues_changes_arrive(office: Office) -> None:
    client, book = Akonadi(office), office.friends_path
    client.sync()
    office.put(office.friends, "new.vcf", vcard("new", "Newcomer"))
    office.put(office.friends, "ann.vcf", vcard("ann", "Ann Married"))
    assert client.sync() == [book]
    assert client.names(book) == {"Ann Married", "Bob Example", "Jack O'Neil", "Newcomer"}
    for name in FRIENDS:
        if "Neil" in name:
            office.delete(office.friends, name)
    assert client.sync() == [book]
    assert client.names(book) == {"Ann Married", "Bob Example", "Newcomer"}


def test_an_edit_of_a_card_that_has_changed_is_refused(office: Office) -> None:
    client, book = Akonadi(office), office.friends_path
    client.sync()
    href = f"{book}ann.vcf"
    condition = {"If-Match": client.etags[book][href]}
    office.put(office.friends, "ann.vcf", vcard("ann", "By the colleague"))
    mine = vcard("ann", "By Alice").decode()
    assert client.put(book, href, mine, condition).status == 412
    # The user is shown both and chooses.
    client.sync()
    assert line(client.cards[href], "FN") == "By the colleague"
    condition = {"If-Match": client.etags[book][href]}
    assert client.put(book, href, mine, condition).status == 204


def test_edits_of_a_read_only_book_are_refused_and_the_rest_goes_on(office: Office) -> None:
    client, book = Akonadi(office), office.company_path
    client.sync()
    href, new = f"{book}hotline.vcf", f"{book}1795291000.R264.vcf"
    condition = {"If-Match": client.etags[book][href]}
    assert_refused(client.put(book, new, NEW_CARD, {"If-None-Match": "*"}), new)
    assert_refused(client.put(book, href, vcard("hotline").decode(), condition), href)
    assert_refused(client.device.send("DELETE", href, headers=condition), href)
    assert client.sync() == []
    office.put(office.company, "hotline.vcf", vcard("hotline", "Hotline 24 h"))
    assert client.sync() == [book]
    assert client.names(book) == {"Reception", "Hotline 24 h"}


def test_books_come_and_go_with_their_grants(office: Office) -> None:
    client = Akonadi(office)
    client.sync()
    project = office.world.book("project")
    office.fill(project, [vcard("plan", "Planner")])
    office.world.grant(project, office.alice, "create")
    office.world.revoke(office.company, office.alice)
    assert client.sync() == [office.alice.path(project)]
    assert client.names(office.alice.path(project)) == {"Planner"}
    assert client.names(office.company_path) == set()
    office.world.grant(project, office.alice, "read")
    assert client.sync() == [office.alice.path(project)]


def test_a_photo_is_sent_twice(office: Office) -> None:
    """First in vain: the connection has to last until the whole of it was refused."""
    photo = folded("PHOTO;ENCODING=b;TYPE=jpeg:" + "QUJD" * 300_000)
    card = NEW_CARD.replace("END:VCARD", f"{photo}\r\nEND:VCARD")
    client, book = Akonadi(office), office.friends_path
    client.sync()
    client.device.take_log()
    href = f"{book}1795290993.R766.vcf"
    assert client.put(book, href, card, {"If-None-Match": "*"}).status == 201
    assert client.device.log == [
        f"PUT {href} 401", f"PUT {href} 201", f"GET {href} 401", f"GET {href} 200"
    ]  # fmt: skip
    assert client.cards[href] == card
