"""Thunderbird 153, as recorded, with what its modules CardDAVUtils and CardDAVDirectory ask for."""

from tests.clients.replay.conftest import FRIENDS, Office
from tests.clients.replay.device import (
    OK,
    Login,
    assert_refused,
    cards,
    etags,
    folded,
    gone,
    is_book,
    line,
)
from tests.http.client import Answer, Resource
from tests.http.world import authority, vcard

HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Thunderbird/153.7.0",
    "Accept": "*/*",
    "Accept-Language": "en-US,en;q=0.9",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Connection": "keep-alive",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Mode": "no-cors",
    "Sec-Fetch-Site": "same-origin",
    "Priority": "u=4",
}
XML = {"Content-Type": "text/xml"}

PRINCIPAL = """<?xml version="1.0" encoding="utf-8"?>
      <propfind xmlns="DAV:">
        <prop>
          <current-user-principal/>
        </prop>
      </propfind>"""
HOME = """<?xml version="1.0" encoding="utf-8"?>
      <propfind xmlns="DAV:" xmlns:card="urn:ietf:params:xml:ns:carddav">
        <prop>
          <card:addressbook-home-set/>
        </prop>
      </propfind>"""
BOOKS = """<?xml version="1.0" encoding="utf-8"?>
      <propfind xmlns="DAV:">
        <prop>
          <resourcetype/>
          <displayname/>
          <current-user-privilege-set/>
        </prop>
      </propfind>"""
NAMESPACES = (
    'xmlns:card="urn:ietf:params:xml:ns:carddav" xmlns:cs="http://calendarserver.org/ns/"'
    ' xmlns:d="DAV:"'
)
CARDS = f"""<propfind xmlns="DAV:" {NAMESPACES}>
      <prop>
        <resourcetype/>
        <getetag/>
        <cs:getctag/>
      </prop>
    </propfind>"""
TOKEN = f"""<propfind xmlns="DAV:" {NAMESPACES}>
      <prop>
        <displayname/>
        <cs:getctag/>
        <sync-token/>
      </prop>
    </propfind>"""
MULTIGET = f"""<?xml version="1.0" encoding="utf-8"?>
    <card:addressbook-multiget {NAMESPACES}>
      <d:prop>
        <d:getetag/>
        <card:address-data/>
      </d:prop>
            {{}}
    </card:addressbook-multiget>"""
CHANGES = f"""<sync-collection xmlns="DAV:" {NAMESPACES}>
      <sync-token>{{}}</sync-token>
      <sync-level>1</sync-level>
      <prop>
        <getetag/>
        <card:address-data/>
      </prop>
    </sync-collection>"""

NEW_CARD = (
    "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Tbird Cr\u00e9\u00e9e\r\nEMAIL;PREF=1:tb@example.org\r\n"
    "N:Cr\u00e9\u00e9e;Tbird;;;\r\nTEL;VALUE=TEXT:+33 1 23 45\r\n"
    "UID:68784fba-a967-45d6-b009-d9d0e5e9fed1\r\nEND:VCARD\r\n"
)
EDITED_CARD = (
    "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:68784fba-a967-45d6-b009-d9d0e5e9fed1\r\n"
    "EMAIL;PREF=1:tb@example.org\r\nFN:Tbird Cr\u00e9\u00e9e\r\nN:Cr\u00e9\u00e9e;Tbird;;;\r\n"
    "TEL;VALUE=TEXT:+33 1 23 45\r\nNOTE:edited line 1\\nline 2\\, with comma; and \u00e9 \u20ac\r\n"
    "END:VCARD\r\n"
)


class Thunderbird:
    """Asks for the password once; keeps cards by href, compared as strings, and a sync token."""

    def __init__(self, office: Office) -> None:
        headers = {**HEADERS, "Origin": f"http://{authority(office.world)}"}
        self.device = office.device(Login.ONCE_ASKED, headers)
        self.etags: dict[str, str] = {}
        self.cards: dict[str, str] = {}
        self.token = ""

    def _propfind(self, path: str, body: str, depth: int) -> Answer:
        answer = self.device.send("PROPFIND", path, body, {"Depth": str(depth), **XML})
        assert answer.status == 207, answer
        return answer

    def _report(self, book: str, body: str) -> Answer:
        return self.device.send("REPORT", book, body, {"Depth": "1", **XML})

    def find_books(self) -> dict[str, Resource]:
        """Search from the well-known address; return what is offered for ticking."""
        [found] = self._propfind("/.well-known/carddav", PRINCIPAL, 0).resources.values()
        [principal] = found.hrefs("D:current-user-principal")
        [found] = self._propfind(principal, HOME, 0).resources.values()
        [home] = found.hrefs("CARD:addressbook-home-set")
        listing = self._propfind(home, BOOKS, 1).resources
        return {
            href: resource
            for href, resource in listing.items()
            if resource.first_status == OK and is_book(resource)
        }

    def fetch_all(self, book: str) -> None:
        """Fetch a book for the first time, or anew: what changed, then the token."""
        listed = etags(self._propfind(book, CARDS, 1), book)
        wanted = [href for href in listed if self.etags.get(href) != listed[href]]
        self.cards = {href: card for href, card in self.cards.items() if href in listed}
        self.etags = {href: etag for href, etag in self.etags.items() if href in listed}
        for start in range(0, len(wanted), 500):
            self.multiget(book, wanted[start : start + 500])
        assert self.etags == listed
        [found] = self._propfind(book, TOKEN, 0).resources.values()
        assert found.text("CS:getctag")
        self.token = found.text("D:sync-token")
        assert ":" in self.token

    def multiget(self, book: str, hrefs: list[str]) -> None:
        asked = "\n      ".join(f"<d:href>{href}</d:href>" for href in hrefs)
        answer = self._report(book, MULTIGET.format(asked))
        assert set(answer.hrefs) == set(hrefs)
        self.etags |= etags(answer, book)
        self.cards |= cards(answer)

    def sync(self, book: str) -> list[str]:
        """Ask what changed, starting over where the token is refused; return what was sent."""
        self.device.take_log()
        answer = self._report(book, CHANGES.format(self.token))
        if answer.status == 400:
            self.fetch_all(book)
            return self.device.take_log()
        assert answer.status == 207, f"Thunderbird never syncs this book again: {answer}"
        changed = etags(answer, book)
        assert changed.keys() == cards(answer).keys()
        self.etags |= changed
        self.cards |= cards(answer)
        for href in gone(answer):
            # Looked up as a string: a card whose href is written otherwise here would stay.
            self.etags.pop(href, None)
            self.cards.pop(href, None)
        self.token = answer.sync_token
        return self.device.take_log()

    def put(self, href: str, card: str) -> Answer:
        """Store a new or edited card, whatever is there."""
        return self.device.send("PUT", href, card, {"Content-Type": "text/vcard"})

    def delete(self, href: str) -> Answer:
        answer = self.device.send("DELETE", href, headers=XML)
        assert answer.status in {200, 204}
        del self.etags[href], self.cards[href]
        return answer


def _is_writable(book: Resource) -> bool:
    return bool(book.privileges & {"write", "write-properties", "write-content", "all"})


def _names(client: Thunderbird) -> set[str]:
    return {line(card, "FN") for card in client.cards.values()}


def test_the_books_are_found_and_told_apart(office: Office) -> None:
    client = Thunderbird(office)
    books = client.find_books()
    assert client.device.log == [
        "PROPFIND /.well-known/carddav 401",
        "PROPFIND /.well-known/carddav 207",
        f"PROPFIND {office.alice.home} 207",
        f"PROPFIND {office.alice.home} 207",
    ]
    assert {href: _is_writable(book) for href, book in books.items()} == {
        office.alice.contacts: True,
        office.friends_path: True,
        office.company_path: False,
    }
    assert all("read" in book.privileges for book in books.values())
    assert books[office.friends_path].text("D:displayname") == "Friends & Family \u00e9"
    assert books[office.company_path].text("D:displayname") == "Company (read only)"


def test_a_password_is_tried_by_a_request_without_a_body(office: Office) -> None:
    client = Thunderbird(office)
    answer = client.device.send("PROPFIND", office.friends_path, headers={"Depth": "0", **XML})
    assert (answer.status, answer.hrefs) == (207, [office.friends_path])
    office.alice.password = "wrong"
    wrong = Thunderbird(office).device
    assert wrong.send("PROPFIND", office.friends_path, headers={"Depth": "0", **XML}).status == 401
    assert len(wrong.log) == 2


def test_a_book_is_fetched_and_polled(office: Office) -> None:
    client = Thunderbird(office)
    client.fetch_all(office.friends_path)
    assert _names(client) == {"Ann Example", "Bob Example", "Jack O'Neil"}
    assert len(client.cards) == len(FRIENDS)
    before = client.token
    assert client.sync(office.friends_path) == [f"REPORT {office.friends_path} 207"]
    assert client.token == before


def test_a_colleagues_changes_arrive(office: Office) -> None:
    client = Thunderbird(office)
    client.fetch_all(office.friends_path)
    [odd] = [href for href in client.cards if "Neil" in href]
    office.put(office.friends, "new.vcf", vcard("new", "Newcomer"))
    office.put(office.friends, "ann.vcf", vcard("ann", "Ann Married"))
    for name in FRIENDS:
        if "Neil" in name:
            office.delete(office.friends, name)
    client.sync(office.friends_path)
    assert _names(client) == {"Ann Married", "Bob Example", "Newcomer"}
    assert odd not in client.cards


def test_a_card_is_made_edited_and_deleted(office: Office) -> None:
    client = Thunderbird(office)
    client.fetch_all(office.friends_path)
    name = "68784fba-a967-45d6-b009-d9d0e5e9fed1.vcf"
    href = f"{office.friends_path}{name}"
    assert client.put(href, NEW_CARD).status == 201
    client.multiget(office.friends_path, [href])
    assert line(client.cards[href], "FN") == "Tbird Cr\u00e9\u00e9e"
    assert line(client.cards[href], "UID") == name.removesuffix(".vcf")
    first = client.etags[href]
    assert client.put(href, EDITED_CARD).status == 204
    client.multiget(office.friends_path, [href])
    assert client.etags[href] != first
    assert "edited line 1\\nline 2\\, with comma" in line(client.cards[href], "NOTE")
    assert office.stored(name) == EDITED_CARD.encode()

    mine = dict(client.etags)
    client.sync(office.friends_path)
    assert client.etags == mine
    client.delete(href)
    client.sync(office.friends_path)
    assert name not in office.world.stored(office.friends)
    assert len(client.cards) == len(FRIENDS)


def test_an_edit_of_what_came_back_is_kept(office: Office) -> None:
    """The editor works on the card as the server has shown it, in whatever version."""
    client = Thunderbird(office)
    href = f"{office.friends_path}68784fba-a967-45d6-b009-d9d0e5e9fed1.vcf"
    client.put(href, NEW_CARD)
    client.multiget(office.friends_path, [href])
    edited = client.cards[href].replace("tb@example.org", "new@example.org")
    assert client.put(href, edited.replace("\n", "\r\n")).status == 204
    client.multiget(office.friends_path, [href])
    assert "new@example.org" in client.cards[href]
    assert "tb@example.org" not in client.cards[href]
    assert "+33 1 23 45" in client.cards[href]


def test_the_last_edit_wins(office: Office) -> None:
    """Thunderbird sends no condition; the colleague's edit in between is overwritten."""
    client = Thunderbird(office)
    client.fetch_all(office.friends_path)
    office.put(office.friends, "ann.vcf", vcard("ann", "By the colleague"))
    href = f"{office.friends_path}ann.vcf"
    assert client.put(href, vcard("ann", "By Alice").decode()).status == 204
    client.sync(office.friends_path)
    assert line(client.cards[href], "FN") == "By Alice"


def test_a_read_only_book_syncs_and_an_edit_of_it_is_refused(office: Office) -> None:
    """Whether a book is writable is looked at when it is added, so an edit may still be sent."""
    client = Thunderbird(office)
    client.fetch_all(office.company_path)
    href = f"{office.company_path}hotline.vcf"
    assert_refused(client.put(href, vcard("hotline", "Mine").decode()), href)
    new = f"{office.company_path}68784fba-a967-45d6-b009-d9d0e5e9fed1.vcf"
    assert_refused(client.put(new, NEW_CARD), new)
    refused = client.device.send("DELETE", href, headers=XML)
    assert_refused(refused, href)
    office.put(office.company, "hotline.vcf", vcard("hotline", "Hotline 24 h"))
    client.sync(office.company_path)
    assert _names(client) == {"Reception", "Hotline 24 h"}


def test_a_refused_token_lets_it_start_over(office: Office) -> None:
    client = Thunderbird(office)
    client.fetch_all(office.friends_path)
    client.token += "x0x"
    office.put(office.friends, "ann.vcf", vcard("ann", "Ann Married"))
    office.delete(office.friends, "bob.vcf")
    book = office.friends_path
    assert client.sync(book) == [
        f"REPORT {book} 400", f"PROPFIND {book} 207", f"REPORT {book} 207", f"PROPFIND {book} 207",
    ]  # fmt: skip
    assert _names(client) == {"Ann Married", "Jack O'Neil"}
    assert client.sync(book) == [f"REPORT {book} 207"]


def test_a_granted_book_is_offered_and_a_revoked_one_answers_nothing(office: Office) -> None:
    client = Thunderbird(office)
    client.find_books()
    client.fetch_all(office.friends_path)
    project = office.world.book("project", display_name="Project")
    office.world.grant(project, office.alice, "edit-own")
    office.world.revoke(office.friends, office.alice)
    offered = client.find_books()
    assert set(offered) == {
        office.alice.contacts, office.alice.path(project), office.company_path
    }  # fmt: skip
    assert _is_writable(offered[office.alice.path(project)])
    refused = client.device.send(
        "REPORT", office.friends_path, CHANGES.format(client.token), {"Depth": "1", **XML}
    )
    assert refused.status == 404

    office.world.grant(office.friends, office.alice, "read")
    office.put(office.friends, "new.vcf", vcard("new", "Newcomer"))
    client.sync(office.friends_path)
    assert _names(client) == {"Ann Example", "Bob Example", "Jack O'Neil", "Newcomer"}


def test_more_cards_than_one_report_asks_for_and_a_large_photo(office: Office) -> None:
    photo = folded("PHOTO;VALUE=URI:data:image/jpeg;base64," + "QUJD" * 500_000)
    card = NEW_CARD.replace("END:VCARD", f"{photo}\r\nEND:VCARD")
    client = Thunderbird(office)
    client.fetch_all(office.friends_path)
    href = f"{office.friends_path}68784fba-a967-45d6-b009-d9d0e5e9fed1.vcf"
    # The first request of the day: the password goes along after the photo was sent in vain.
    morning = Thunderbird(office)
    assert morning.put(href, card).status == 201
    assert morning.device.log == [f"PUT {href} 401", f"PUT {href} 201"]
    office.fill(office.friends, [vcard(f"{n}", f"Person {n}") for n in range(520)])
    client.fetch_all(office.friends_path)
    assert len(client.cards) == len(FRIENDS) + 1 + 520
    assert "QUJD" * 400_000 in client.cards[href].replace("\n ", "")
