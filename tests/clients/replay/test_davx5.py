"""DAVx5 4.5 on Android: what its source, and that of its library dav4jvm, sends and expects.

It sends the password unasked, finds cards by the last segment of their path, and leaves the book
alone with an error wherever an answer lacks what it counts on.
"""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote
from xml.sax.saxutils import escape

from tests.clients.replay.conftest import FRIENDS, Office
from tests.clients.replay.device import (
    Login,
    assert_refused,
    assert_version,
    capabilities,
    cards,
    etags,
    gone,
    is_book,
    line,
)
from tests.http.client import Answer, Resource
from tests.http.world import vcard

HEADERS = {
    "User-Agent": "DAVx5/4.5.14-ose (at.bitfire.davdroid)",
    "Accept-Language": "de-DE, de;q=0.7, *;q=0.5",
    "Accept-Encoding": "br, gzip",
}
XML = {
    "Content-Type": "application/xml; charset=UTF-8",
    "Accept": "application/xml, text/xml;q=0.9",
}
VCARD = {"Content-Type": "text/vcard;version=4.0"}

DECLARATION = "<?xml version='1.0' encoding='UTF-8' ?>"
NAMESPACES = (
    'xmlns="DAV:" xmlns:CAL="urn:ietf:params:xml:ns:caldav"'
    ' xmlns:CARD="urn:ietf:params:xml:ns:carddav"'
)
GETCTAG = '<n0:getctag xmlns:n0="http://calendarserver.org/ns/" />'
PUSH = (
    '<n0:transports xmlns:n0="https://bitfire.at/webdav-push" />'
    '<n1:topic xmlns:n1="https://bitfire.at/webdav-push" />'
)


def _propfind(content: str) -> str:
    return f"{DECLARATION}<propfind {NAMESPACES}><prop>{content}</prop></propfind>"


ACCOUNT = _propfind(
    "<resourcetype /><displayname /><current-user-principal /><CARD:addressbook-home-set />"
    "<CARD:addressbook-description />"
)
CALENDAR_ACCOUNT = _propfind(
    "<resourcetype /><displayname /><CAL:supported-calendar-component-set />"
    "<current-user-principal /><CAL:calendar-home-set />"
)
PRINCIPAL = _propfind("<current-user-principal />")
PERSON = _propfind(
    "<displayname /><group-membership /><resourcetype /><CARD:addressbook-home-set />"
)
OWNER = _propfind("<displayname /><resourcetype />")
BOOKS = _propfind(
    f"<current-user-privilege-set /><displayname /><owner /><resourcetype />{PUSH}"
    "<CARD:addressbook-description />"
)
STATE = _propfind(
    f"<supported-report-set /><sync-token />{GETCTAG}<CAL:max-resource-size />"
    "<CARD:max-resource-size /><CARD:supported-address-data />"
)
CHANGES = (
    f"{DECLARATION}<sync-collection {NAMESPACES}><sync-token>{{}}</sync-token>"
    "<sync-level>1</sync-level><prop><getetag /><resourcetype /></prop></sync-collection>"
)
MULTIGET = (
    f"{DECLARATION}<CARD:addressbook-multiget {NAMESPACES}><prop><getcontenttype /><getetag />"
    '<CARD:address-data content-type="text/vcard" version="4.0" /></prop>{}'
    "</CARD:addressbook-multiget>"
)
MKCOL = (
    f"{DECLARATION}<mkcol {NAMESPACES}><set><prop>"
    "<resourcetype><collection /><CARD:addressbook /></resourcetype>"
    "<displayname>{}</displayname><CARD:addressbook-description>{}</CARD:addressbook-description>"
    "</prop></set></mkcol>"
)

NEW_CARD = vcard("0d0c7d3a-6a4c-4a6b-8f6a-7b1f4a0c9c11", "Android Made").replace(b"3.0", b"4.0")
GROUP = (
    "BEGIN:VCARD\r\nVERSION:4.0\r\nPRODID:DAVx5/4.5.14-ose ez-vcard/0.12.1\r\n"
    "UID:5a1f0e5e-7cd9-4f60-9a2b-60f1f3f7d0a2\r\nFN:Choir\r\nKIND:group\r\n"
    "MEMBER:urn:uuid:ann\r\nMEMBER:urn:uuid:bob\r\nREV:20260821T101500Z\r\nEND:VCARD\r\n"
)


class Davx5:
    """One book's sync: ETags and cards by file name, and the sync token."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.device = office.device(Login.ALWAYS, HEADERS)
        self.etags: dict[str, str] = {}
        self.cards: dict[str, str] = {}
        self.token = ""

    def propfind(self, path: str, body: str, depth: int = 0) -> Answer:
        return self.device.send("PROPFIND", path, body, {"Depth": str(depth), **XML})

    def find(self, path: str, body: str) -> Resource:
        [found] = self.propfind(path, body).resources.values()
        return found

    def options(self, path: str) -> set[str]:
        headers = {"Content-Length": "0", "Accept-Encoding": "identity"}
        answer = self.device.send("OPTIONS", path, headers=headers)
        assert answer.status == 200
        return capabilities(answer)

    def list_books(self) -> dict[str, Resource]:
        """Refresh the list of books."""
        person = self.find(self.office.alice.home, PERSON)
        assert person.hrefs("D:group-membership") == []
        [home] = person.hrefs("CARD:addressbook-home-set")
        listing = self.propfind(home, BOOKS, 1).resources
        return {href: book for href, book in listing.items() if is_book(book)}

    def sync(self, book: str) -> list[str]:
        """Poll a book, and fetch what is new where the token has changed; return what was sent."""
        self.device.take_log()
        state = self.find(book, STATE)
        reports = {node.tag for node in state.props["D:supported-report-set"].iter()}
        assert "{DAV:}sync-collection" in reports
        versions = {
            (node.get("content-type"), node.get("version"))
            for node in state.props["CARD:supported-address-data"]
        }
        assert ("text/vcard", "4.0") in versions
        if state.text("D:sync-token") != self.token:
            self._fetch_changes(book)
            assert self.token == state.text("D:sync-token"), "the next poll would not be the last"
        return self.device.take_log()

    def _fetch_changes(self, book: str) -> None:
        answer = self.device.send("REPORT", book, CHANGES.format(self.token), {"Depth": "0", **XML})
        if answer.status != 207 and "D:valid-sync-token" in answer.conditions:
            self.token, self.etags, self.cards = "", {}, {}
            return self._fetch_changes(book)
        # Without a limit in the request, nothing is left for a second page.
        assert book not in answer.resources
        listed = {_name(href): etag for href, etag in etags(answer, book).items()}
        for href in gone(answer):
            self.etags.pop(_name(href), None)
            self.cards.pop(_name(href), None)
        wanted = [
            href
            for href in etags(answer, book)
            if self.etags.get(_name(href)) != listed[_name(href)]
        ]
        for start in range(0, len(wanted), 10):
            self.multiget(book, wanted[start : start + 10])
        assert self.etags.items() >= listed.items()
        self.token = answer.sync_token
        return None

    def multiget(self, book: str, hrefs: list[str]) -> Answer:
        asked = "".join(f"<href>{escape(href)}</href>" for href in hrefs)
        answer = self.device.send("REPORT", book, MULTIGET.format(asked), {"Depth": "0", **XML})
        assert {_name(href) for href in cards(answer)} == {_name(href) for href in hrefs}
        for href, card in cards(answer).items():
            assert answer[href].text("D:getcontenttype").startswith("text/vcard")
            self.etags[_name(href)] = answer[href].text("D:getetag")
            self.cards[_name(href)] = card
        return answer

    def put(self, path: str, card: str | bytes, **condition: str) -> Answer:
        headers = {name.replace("_", "-"): value for name, value in condition.items()}
        answer = self.device.send("PUT", path, card, {**VCARD, **headers})
        if answer.status in {201, 204}:
            self.etags[_name(path)] = answer.etag or ""
            assert self.etags[_name(path)], "the card would be downloaded again"
        return answer

    def names(self) -> set[str]:
        return {line(card, "FN") for card in self.cards.values()}


def _name(href: str) -> str:
    """The last path segment, by which a card is known on the phone."""
    return unquote(href.rpartition("/")[2])


def _is_writable(book: Resource) -> bool:
    return bool(book.privileges & {"write-content", "write", "all"})


def test_an_account_is_set_up_from_the_bare_host(office: Office) -> None:
    client = Davx5(office)
    root = client.find("/", ACCOUNT)
    assert not is_book(root)
    assert "CARD:addressbook-home-set" not in root.props
    [principal] = root.hrefs("D:current-user-principal")
    assert client.find("/.well-known/carddav", PRINCIPAL).hrefs("D:current-user-principal") == [
        principal
    ]
    assert client.options(principal) >= {"1", "3", "addressbook"}
    # The same search for calendars finds nothing, and does not fail.
    assert client.find("/", CALENDAR_ACCOUNT).hrefs("D:current-user-principal") == [principal]
    assert "calendar-access" not in client.options(principal)
    assert client.propfind("/.well-known/caldav", PRINCIPAL).status == 404


def test_books_are_listed_with_what_may_be_done(office: Office) -> None:
    client = Davx5(office)
    theirs = office.world.own_book(office.colleague)
    office.world.grant(theirs, office.alice, "edit-own")
    books = client.list_books()
    [shared] = set(books) - {office.alice.contacts, office.friends_path, office.company_path}
    assert {href: _is_writable(book) for href, book in books.items()} == {
        office.alice.contacts: True, office.friends_path: True, office.company_path: False,
        shared: True,
    }  # fmt: skip
    assert all("read" in book.privileges and book.text("D:displayname") for book in books.values())
    [owner] = books[shared].hrefs("D:owner")
    assert client.find(owner, OWNER).text("D:displayname")
    assert "principal" in "".join(client.find(owner, OWNER).children("D:resourcetype"))


def test_a_book_is_fetched_polled_and_followed(office: Office) -> None:
    client, book = Davx5(office), office.friends_path
    assert client.sync(book) == [f"PROPFIND {book} 207", f"REPORT {book} 207", f"REPORT {book} 207"]
    assert set(client.cards) == set(FRIENDS)
    assert client.sync(book) == [f"PROPFIND {book} 207"]
    office.put(office.friends, "new.vcf", vcard("new", "Newcomer"))
    office.put(office.friends, "ann.vcf", vcard("ann", "Ann Married"))
    for name in FRIENDS:
        if "Neil" in name:
            office.delete(office.friends, name)
    client.sync(book)
    assert client.names() == {"Ann Married", "Bob Example", "Newcomer"}


def test_cards_come_in_version_4(office: Office) -> None:
    """The server names 4.0 among what it has, so that DAVx5 asks for it and reads nothing else."""
    office.put(office.friends, "new.vcf", NEW_CARD)
    client = Davx5(office)
    client.sync(office.friends_path)
    assert len(client.cards) == len(FRIENDS) + 1
    assert_version(client.cards.values(), "4.0")


def test_cards_are_made_edited_and_deleted(office: Office) -> None:
    client, book = Davx5(office), office.friends_path
    client.sync(book)
    path = f"{book}0d0c7d3a-6a4c-4a6b-8f6a-7b1f4a0c9c11.vcf"
    assert client.put(path, NEW_CARD, If_None_Match="*").status == 201
    edited = NEW_CARD.replace(b"Made", b"Edited")
    assert client.put(path, edited, If_Match=client.etags[_name(path)]).status == 204
    assert office.stored(_name(path)) == edited
    mine = dict(client.etags)
    # What it has just sent is told back with the same ETag, and not fetched.
    assert client.sync(book) == [f"PROPFIND {book} 207", f"REPORT {book} 207"]
    assert client.etags == mine
    weak = {"If-Match": client.etags[_name(path)].removeprefix("W/")}
    assert client.device.send("DELETE", path, headers=weak).status in {200, 204}
    client.sync(book)
    assert set(client.etags) == set(FRIENDS)


def test_any_uid_may_be_a_file_name(office: Office) -> None:
    """These characters go into the path as they are, and the name has to be the same later."""
    client, book = Davx5(office), office.friends_path
    client.sync(book)
    name = "a;b:c@d&e=f+g$h,i-j_k.l!m~n*o'p(q)`r.vcf"
    path = f"{book}{name.replace('`', '%60')}"
    card = NEW_CARD.replace(b"0d0c7d3a-6a4c-4a6b-8f6a-7b1f4a0c9c11", name[:-4].encode())
    assert client.put(path, card, If_None_Match="*").status == 201
    client.sync(book)
    assert set(client.etags) == {*FRIENDS, name}
    assert name not in client.cards, "it was not known again"
    client.multiget(book, [path])
    assert client.put(path, card.replace(b"Made", b"2"), If_Match=client.etags[name]).status == 204


def test_a_conflict_is_won_by_the_server(office: Office) -> None:
    client, book = Davx5(office), office.friends_path
    client.sync(book)
    stale = client.etags["ann.vcf"]
    office.put(office.friends, "ann.vcf", vcard("ann", "By the colleague"))
    path = f"{book}ann.vcf"
    assert client.put(path, NEW_CARD, If_Match=stale).status in {409, 412}
    assert client.device.send("DELETE", path, headers={"If-Match": stale}).status == 412
    client.sync(book)
    assert "By the colleague" in client.names()


def test_an_edit_of_a_card_that_is_gone_makes_it_anew(office: Office) -> None:
    client, book = Davx5(office), office.friends_path
    client.sync(book)
    office.delete(office.friends, "ann.vcf")
    path, mine = f"{book}ann.vcf", vcard("ann", "By Alice")
    assert client.put(path, mine, If_Match=client.etags["ann.vcf"]).status in {404, 410, 412}
    client.sync(book)
    assert "ann.vcf" not in client.cards
    assert client.put(path, mine, If_None_Match="*").status == 201


def test_a_refused_edit_is_undone_and_the_rest_of_the_sync_goes_on(office: Office) -> None:
    """In an edit-own book only the server knows which cards may be edited."""
    office.world.grant(office.friends, office.alice, "edit-own")
    client, book = Davx5(office), office.friends_path
    client.sync(book)
    path = f"{book}ann.vcf"
    condition = {"If-Match": client.etags["ann.vcf"]}
    assert_refused(client.device.send("DELETE", path, headers=condition), path)
    assert_refused(client.put(path, vcard("ann", "By Alice"), **condition), path)
    own = f"{book}0d0c7d3a-6a4c-4a6b-8f6a-7b1f4a0c9c11.vcf"
    assert client.put(own, NEW_CARD, If_None_Match="*").status == 201
    assert client.put(own, NEW_CARD + b"\r\n", If_Match=client.etags[_name(own)]).status == 204
    client.sync(book)
    client.multiget(book, [path])
    assert "Ann Example" in client.names()


def test_local_edits_of_a_read_only_book_are_undone(office: Office) -> None:
    """Nothing is sent: the cards are fetched again by their names."""
    client, book = Davx5(office), office.company_path
    client.sync(book)
    client.cards = dict.fromkeys(client.cards, "BEGIN:VCARD\nFN:Local edit\nEND:VCARD\n")
    client.multiget(book, [f"{book}{name}" for name in client.cards])
    assert client.names() == {"Reception", "Help"}


def test_a_refused_token_lets_it_start_over(office: Office) -> None:
    client, book = Davx5(office), office.friends_path
    client.sync(book)
    client.token = "http://radicale.org/ns/sync/25bf5fc17a7371f47862859e1cacc920"
    office.delete(office.friends, "ann.vcf")
    assert client.sync(book)[2:] == [f"REPORT {book} 207"] * 2
    assert client.names() == {"Bob Example", "Jack O'Neil"}


def test_books_come_and_go_with_their_grants(office: Office) -> None:
    client = Davx5(office)
    client.list_books()
    project = office.world.book("project")
    office.world.grant(project, office.alice, "write")
    office.world.revoke(office.friends, office.alice)
    client.sync(office.alice.path(project))
    assert set(client.list_books()) == {
        office.alice.contacts, office.alice.path(project), office.company_path
    }  # fmt: skip
    # A book that is no longer listed is asked for once more, and then deleted on the phone.
    assert client.propfind(office.friends_path, BOOKS).status in {403, 404, 410}


def test_a_book_of_ones_own_is_made_and_deleted_and_a_shared_one_is_not(office: Office) -> None:
    client = Davx5(office)
    client.list_books()
    made = f"{office.alice.home}6f2f0bd8-90a5-4a8f-9a68-93a1c1d7e0f1/"
    assert client.device.send("MKCOL", made, MKCOL.format("Choir", "Who sings"), XML).status == 201
    book = client.list_books()[made]
    assert book.text("D:displayname") == "Choir"
    assert book.text("CARD:addressbook-description") == "Who sings"
    assert book.privileges & {"unbind", "write", "all"}
    client.sync(made)
    assert client.device.send("DELETE", made).status in {200, 204}
    assert made not in client.list_books()
    assert_refused(client.device.send("DELETE", office.friends_path), office.friends_path)
    assert office.friends_path in client.list_books()


def test_a_group_is_a_card_of_its_own(office: Office) -> None:
    client, book = Davx5(office), office.friends_path
    client.sync(book)
    path = f"{book}5a1f0e5e-7cd9-4f60-9a2b-60f1f3f7d0a2.vcf"
    assert client.put(path, GROUP, If_None_Match="*").status == 201
    client.multiget(book, [path])
    lines = client.cards[_name(path)].splitlines()
    assert {"KIND:group", "FN:Choir", "MEMBER:urn:uuid:ann", "MEMBER:urn:uuid:bob"} <= set(lines)


def test_downloads_run_side_by_side(office: Office) -> None:
    office.fill(office.friends, [vcard(f"{n}", f"Person {n}") for n in range(57)])
    client, book = Davx5(office), office.friends_path
    answer = client.device.send("REPORT", book, CHANGES.format(""), {"Depth": "0", **XML})
    hrefs = list(etags(answer, book))
    parts = [hrefs[start : start + 10] for start in range(0, len(hrefs), 10)]
    others = [Davx5(office) for _ in parts]
    with ThreadPoolExecutor(4) as pool:
        fetched = list(pool.map(lambda other, part: other.multiget(book, part), others, parts))
    assert sum(len(cards(part)) for part in fetched) == 57 + len(FRIENDS)
