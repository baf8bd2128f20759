"""Evolution 3.46, as recorded, with what e-webdav-discover.c and e-book-backend-carddav.c need."""

from tests.clients.replay.conftest import FRIENDS, Office
from tests.clients.replay.device import (
    Device,
    Login,
    assert_refused,
    capabilities,
    cards,
    etags,
    is_book,
    line,
)
from tests.http.client import Answer, Resource
from tests.http.world import vcard

HEADERS = {
    "User-Agent": "Evolution/3.46.4",
    "Connection": "close",
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "Accept-Encoding": "gzip, deflate",
    "Accept-Language": "en",
}
XML = {"Content-Type": 'application/xml; charset="utf-8"'}
VCARD = {"Content-Type": 'text/vcard; charset="utf-8"', "Prefer": "return=minimal"}

CARDDAV = "urn:ietf:params:xml:ns:carddav"
PRINCIPAL = (
    f'<propfind xmlns="DAV:" xmlns:c="{CARDDAV}"><prop><resourcetype/><current-user-principal/>'
    "<principal-URL/><c:addressbook-home-set/></prop></propfind>"
)
HOME = (
    f'<propfind xmlns="DAV:" xmlns:c="{CARDDAV}"><prop><c:addressbook-home-set/></prop></propfind>'
)
BOOKS = (
    f'<propfind xmlns="DAV:" xmlns:A="{CARDDAV}"><prop><resourcetype/><displayname/><getetag/>'
    "<getcontenttype/><getcontentlength/><creationdate/><getlastmodified/>"
    "<A:addressbook-description/></prop></propfind>"
)
PRIVILEGES = '<propfind xmlns="DAV:"><prop><current-user-privilege-set/></prop></propfind>'
CTAG = (
    '<propfind xmlns="DAV:" xmlns:CS="http://calendarserver.org/ns/"><prop><CS:getctag/></prop>'
    "</propfind>"
)
ETAGS = '<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>'
MULTIGET = (
    f'<addressbook-multiget xmlns="{CARDDAV}" xmlns:D="DAV:"><D:prop><D:getetag/><address-data/>'
    "</D:prop>{}</addressbook-multiget>"
)

UID = "dbd68aeee0bed67a10631bee097721ec5c20e717"
NEW_CARD = (
    "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Cr\u00e9\u00e9e;Evo;;;\r\nFN:Evo Cr\u00e9\u00e9e\r\n"
    "EMAIL;TYPE=HOME:evo@example.org\r\nTEL;TYPE=CELL:+33 1 23 45\r\n"
    f"UID:{UID}\r\nEND:VCARD"
)
EDITED_CARD = (
    f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{UID}\r\nN:Cr\u00e9\u00e9e;Evo;;;\r\n"
    "FN:Evo Cr\u00e9\u00e9e\r\nEMAIL;TYPE=HOME:evo@example.org\r\n"
    'TEL;X-EVOLUTION-E164=12345,"+33";TYPE=CELL:+33 1 23 45\r\n'
    "NOTE:edited line 1\\nline 2\\, with comma\\; and \u00e9 \u20ac\r\nEND:VCARD"
)


class Evolution:
    """A source for one book: keeps the ETags it has seen, and the book's ctag."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.device = office.device(Login.ONCE_ASKED, HEADERS)
        self.etags: dict[str, str] = {}
        self.cards: dict[str, str] = {}
        self.ctag = ""

    def _propfind(self, path: str, body: str, depth: int = 0) -> Answer:
        return self.device.send("PROPFIND", path, body, {"Depth": str(depth), **XML})

    def _find(self, path: str, body: str) -> Resource:
        [found] = self._propfind(path, body).resources.values()
        return found

    def find_books(self) -> dict[str, str]:
        """Search from the root; return the names of the books by href."""
        root = self._find("/", PRINCIPAL)
        assert "CARD:addressbook-home-set" not in root.props
        [principal] = root.hrefs("D:current-user-principal")
        [home] = self._find(principal, HOME).hrefs("CARD:addressbook-home-set")
        listing = self._propfind(home, BOOKS, 1).resources
        return {
            href: resource.text("D:displayname")
            for href, resource in listing.items()
            if is_book(resource)
        }

    def open(self, book: str) -> bool:
        """Connect to a book; return whether it is writable."""
        options = self.device.send("OPTIONS", book)
        assert options.status == 200
        assert "addressbook" in capabilities(options)
        privileges = self._find(book, PRIVILEGES).privileges
        return bool(privileges & {"write", "write-content", "all"})

    def sync(self, book: str) -> list[str]:
        """Bring the book up to date; return what was sent."""
        self.device.take_log()
        ctag = self._find(book, CTAG).text("CS:getctag")
        if ctag == self.ctag:
            return self.device.take_log()
        listed = etags(self._propfind(book, ETAGS, 1), book)
        wanted = [href for href in listed if self.etags.get(href) != listed[href]]
        self.cards = {href: card for href, card in self.cards.items() if href in listed}
        for start in range(0, len(wanted), 100):
            asked = "".join(f"<D:href>{href}</D:href>" for href in wanted[start : start + 100])
            answer = self.device.send("REPORT", book, MULTIGET.format(asked), XML)
            assert set(answer.hrefs) == set(wanted[start : start + 100])
            assert etags(answer, book).items() <= listed.items()
            self.cards |= cards(answer)
        self.etags, self.ctag = listed, ctag
        return self.device.take_log()

    def put(self, href: str, card: str, **condition: str) -> Answer:
        """Store a card; where the answer has a strong ETag, it need not be fetched again."""
        headers = {name.replace("_", "-"): value for name, value in condition.items()}
        answer = self.device.send("PUT", href, card, {**headers, **VCARD})
        if answer.status in {201, 204}:
            assert (answer.etag or "").startswith('"')
            self.etags[href], self.cards[href] = answer.etag or "", card
        return answer

    def names(self) -> set[str]:
        return {line(card, "FN") for card in self.cards.values()}


def test_the_books_are_found_from_the_root(office: Office) -> None:
    client = Evolution(office)
    assert client.find_books() == {
        office.alice.contacts: "Contacts",
        office.friends_path: "Friends & Family \u00e9",
        office.company_path: "Company (read only)",
    }
    assert client.device.log == [
        "PROPFIND / 401", "PROPFIND / 207",
        f"PROPFIND {office.alice.home} 207", f"PROPFIND {office.alice.home} 207",
    ]  # fmt: skip


def test_a_wrong_password_is_refused_wherever_it_is_tried(office: Office) -> None:
    office.alice.password = "wrong"
    for path in ("/", "/.well-known/carddav"):
        device: Device = Evolution(office).device
        answer = device.send("PROPFIND", path, PRINCIPAL, {"Depth": "0", **XML})
        assert answer.status == 401
        assert device.log == [f"PROPFIND {path} 401"] * 2


def test_a_book_is_opened_as_writable_or_read_only(office: Office) -> None:
    """OPTIONS goes to the book itself, before there is a password."""
    Evolution(office).find_books()
    client = Evolution(office)
    assert client.open(office.friends_path)
    assert client.device.take_log() == [
        f"OPTIONS {office.friends_path} 200",
        f"PROPFIND {office.friends_path} 401",
        f"PROPFIND {office.friends_path} 207",
    ]
    assert not Evolution(office).open(office.company_path)


def test_a_book_is_fetched_and_polled(office: Office) -> None:
    client, book = Evolution(office), office.friends_path
    assert client.open(book)
    assert client.sync(book) == [f"PROPFIND {book} 207"] * 2 + [f"REPORT {book} 207"]
    assert client.names() == {"Ann Example", "Bob Example", "Jack O'Neil"}
    assert client.sync(book) == [f"PROPFIND {book} 207"]


def test_a_card_is_made_and_edited_without_being_fetched_again(office: Office) -> None:
    client, book = Evolution(office), office.friends_path
    client.sync(book)
    href = f"{book}{UID}.vcf"
    assert client.put(href, NEW_CARD, If_None_Match="*").status == 201
    assert client.put(href, EDITED_CARD).status == 204
    assert client.sync(book) == [f"PROPFIND {book} 207"] * 2
    assert office.stored(f"{UID}.vcf") == EDITED_CARD.encode()
    got = client.device.send("GET", href)
    assert (got.etag, got.body) == (client.etags[href], EDITED_CARD.encode())
    assert client.put(href, NEW_CARD, If_None_Match="*").status == 412

    assert client.device.send("DELETE", href).status in {200, 204}
    client.sync(book)
    assert len(client.cards) == len(FRIENDS)


def test_a_colleagues_changes_arrive(office: Office) -> None:
    client, book = Evolution(office), office.friends_path
    client.sync(book)
    office.put(office.friends, "new.vcf", vcard("new", "Newcomer"))
    office.put(office.friends, "ann.vcf", vcard("ann", "Ann Married"))
    assert client.sync(book) == [f"PROPFIND {book} 207"] * 2 + [f"REPORT {book} 207"]
    assert client.names() == {"Ann Married", "Bob Example", "Jack O'Neil", "Newcomer"}
    office.delete(office.friends, "new.vcf")
    assert client.sync(book) == [f"PROPFIND {book} 207"] * 2
    assert client.names() == {"Ann Married", "Bob Example", "Jack O'Neil"}


def test_a_conflict_is_noticed_and_the_colleagues_card_fetched(office: Office) -> None:
    client, book = Evolution(office), office.friends_path
    client.sync(book)
    href = f"{book}ann.vcf"
    office.put(office.friends, "ann.vcf", vcard("ann", "By the colleague"))
    mine = vcard("ann", "By Alice").decode()
    assert client.put(href, mine, If_Match=client.etags[href]).status == 412
    client.sync(book)
    assert line(client.cards[href], "FN") == "By the colleague"
    assert client.put(href, mine, If_Match=client.etags[href]).status == 204


def test_a_book_becomes_read_only_and_goes(office: Office) -> None:
    client, book = Evolution(office), office.friends_path
    assert client.open(book)
    client.sync(book)
    office.world.grant(office.friends, office.alice, "read")
    href = f"{book}ann.vcf"
    assert_refused(client.put(href, vcard("ann", "By Alice").decode()), href)
    assert_refused(client.device.send("DELETE", href), href)
    # The ctag tells a change of rights too, and everything is still there.
    assert client.sync(book) == [f"PROPFIND {book} 207"] * 2
    assert not client.open(book)

    office.world.revoke(office.friends, office.alice)
    assert client.device.send("PROPFIND", book, CTAG, {"Depth": "0", **XML}).status == 404
    assert book not in client.find_books()
    office.world.grant(office.friends, office.alice, "write")
    assert book in client.find_books()
    assert client.open(book)
    client.sync(book)
    assert client.names() == {"Ann Example", "Bob Example", "Jack O'Neil"}


def test_a_book_is_fetched_in_hundreds(office: Office) -> None:
    office.fill(office.friends, [vcard(f"{n}", f"Person {n}") for n in range(230)])
    client, book = Evolution(office), office.friends_path
    assert client.open(book)
    sent = client.sync(book)
    assert sent[2:] == [f"REPORT {book} 207"] * 3
    assert len(client.cards) == 230 + len(FRIENDS)
