"""Contacts on a Mac: macOS 26 and older, one book of the account, groups and a card of one's own.

See ``apple.py`` for where this is from.
"""

import pytest

from tests.clients.replay.apple import CHANGES, ME_CARD, MINIMAL, WRITING, XML, Contacts, photo
from tests.clients.replay.conftest import FRIENDS, Office
from tests.clients.replay.device import assert_refused, assert_version
from tests.http.world import vcard

USER_AGENTS = (
    "macOS/26.5.1 (25F80) AddressBookCore/2732.600.11",
    "macOS/26.5.1 (25F80) AddressBookCore/2732.600.11",
)
HIGH_SIERRA = "Mac OS X/10.13.2 (17C88) AddressBook/1808.6"

UID = "0F3C2A74-5B0B-4C2B-8D7E-1F2F53C0A6B1"
NEW_CARD = (
    "BEGIN:VCARD\r\nVERSION:3.0\r\nPRODID:-//Apple Inc.//macOS 26.5.1//EN\r\n"
    "N:Appleseed;Johnny;;;\r\nFN:Johnny Appleseed\r\n"
    "EMAIL;type=INTERNET;type=HOME;type=pref:johnny@example.org\r\n"
    "TEL;type=CELL;type=VOICE;type=pref:+49 170 1\r\n"
    "BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-12\r\n"
    f"REV:2026-08-21T10:15:00Z\r\nUID:{UID}\r\nEND:VCARD\r\n"
)
GROUP_UID = "7A0D6A4E-1C36-4E4C-8E0B-0B54B3B9D9C7"
GROUP = (
    "BEGIN:VCARD\r\nVERSION:3.0\r\nPRODID:-//Apple Inc.//macOS 26.5.1//EN\r\n"
    "N:Choir\r\nFN:Choir\r\nX-ADDRESSBOOKSERVER-KIND:group\r\n"
    "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:ann\r\n"
    f"REV:2026-08-21T10:15:00Z\r\nUID:{GROUP_UID}\r\nEND:VCARD\r\n"
)

ME_CARD_ASKED = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<A:propfind xmlns:A="DAV:"><A:prop>'
    '<C:me-card xmlns:C="http://calendarserver.org/ns/"/></A:prop></A:propfind>'
)


@pytest.fixture
def mac(office: Office) -> Contacts:
    return Contacts(office, USER_AGENTS, in_reports={"Depth": "1", **MINIMAL})


def test_the_first_book_of_the_account_is_the_personal_one(office: Office, mac: Contacts) -> None:
    """A Mac takes no other."""
    assert mac.set_up() == office.alice.home
    assert next(iter(mac.list_books())) == office.alice.contacts


def test_the_personal_book_is_synced(office: Office, mac: Contacts) -> None:
    mac.set_up()
    mac.list_books()
    book = office.alice.contacts
    # An empty book is listed, and no card asked for.
    assert mac.sync(book) == [f"PROPFIND {book} 207"] * 2
    href = f"{book}{UID}.vcf"
    assert mac.put(href, NEW_CARD, If_None_Match="*").status == 201
    assert mac.sync(book) == [f"PROPFIND {book} 207", f"REPORT {book} 207"]
    assert mac.sync(book) == [f"PROPFIND {book} 207"]
    edited = NEW_CARD.replace("Johnny", "Jon")
    assert mac.put(href, edited, If_Match=mac.etags[href]).status == 204
    assert mac.device.send("GET", href).body == edited.encode()
    assert mac.device.send("DELETE", href, headers={"If-Match": mac.etags[href]}).status in {
        200, 204
    }  # fmt: skip
    mac.sync(book)
    assert mac.cards == {}


def test_a_shared_book_is_fetched_and_followed(office: Office, mac: Contacts) -> None:
    """With an account whose address is the book's, a Mac shows a shared book."""
    book = office.friends_path
    assert mac.sync(book) == [
        f"PROPFIND {book} 401",
        *[f"PROPFIND {book} 207"] * 2,
        f"REPORT {book} 207",
    ]
    assert len(mac.cards) == len(FRIENDS)
    office.put(office.friends, "new.vcf", vcard("new", "Newcomer"))
    office.delete(office.friends, "bob.vcf")
    mac.sync(book)
    assert mac.names() == {"Ann Example", "Jack O'Neil", "Newcomer"}


def test_every_card_is_vcard_3(office: Office, mac: Contacts) -> None:
    group = GROUP.replace("VERSION:3.0", "VERSION:4.0").replace("X-ADDRESSBOOKSERVER-", "")
    office.put(office.friends, "group.vcf", group.encode())
    office.put(office.friends, "new.vcf", vcard("new", "Newcomer").replace(b"3.0", b"4.0"))
    mac.sync(office.friends_path)
    assert len(mac.cards) == len(FRIENDS) + 2
    assert_version(mac.cards.values(), "3.0")
    # A group in the words of 4.0 would be shown as a person.
    choir = mac.cards[f"{office.friends_path}group.vcf"].splitlines()
    assert "X-ADDRESSBOOKSERVER-KIND:group" in choir
    assert "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:ann" in choir


def test_a_group_is_a_card_with_its_members(office: Office, mac: Contacts) -> None:
    book = office.friends_path
    mac.sync(book)
    href = f"{book}{GROUP_UID}.vcf"
    assert mac.put(href, GROUP, If_None_Match="*").status == 201
    grown = GROUP.replace("REV:", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:bob\r\nREV:")
    assert mac.put(href, grown, If_Match=mac.etags[href]).status == 204
    mac.etags.clear()
    mac.token = mac.ctag = ""
    mac.sync(book)
    members = [text for text in mac.cards[href].splitlines() if "MEMBER" in text]
    assert members == [
        "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:ann",
        "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:bob",
    ]
    assert office.stored(f"{GROUP_UID}.vcf") == grown.encode()


def test_the_card_of_oneself_is_remembered(office: Office, mac: Contacts) -> None:
    """A refusal was said to crash the older application."""
    mac.list_books()
    me = f"{office.alice.contacts}{UID}.vcf"
    answer = mac.device.send("PROPPATCH", office.alice.home, ME_CARD.format(me), XML)
    assert answer.status == 207
    assert answer[office.alice.home].statuses == {"CS:me-card": 200}
    other = Contacts(office, USER_AGENTS, in_reports={})
    found = other.find(other.device, other.set_up(), ME_CARD_ASKED)
    assert found.hrefs("CS:me-card") == [me]


def test_a_photo_comes_back_as_it_was_sent(office: Office, mac: Contacts) -> None:
    picture = photo(300_000)
    card = NEW_CARD.replace("REV:", f"{picture}\r\nREV:")
    href = f"{office.friends_path}{UID}.vcf"
    assert mac.put(href, card, If_None_Match="*").status == 201
    mac.etags.clear()
    mac.sync(office.friends_path)
    assert picture.replace("\r\n", "\n") in mac.cards[href]


def test_a_read_only_book_is_read_and_its_edits_refused(office: Office, mac: Contacts) -> None:
    book = office.company_path
    privileges = mac.list_books()[book].privileges
    assert "read" in privileges
    assert not privileges & WRITING
    mac.sync(book)
    href, new = f"{book}hotline.vcf", f"{book}{UID}.vcf"
    mine = vcard("hotline", "Mine").decode()
    assert_refused(mac.put(href, mine, If_Match=mac.etags[href]), href)
    # On a synced account an edit was also seen to become a second card.
    assert_refused(mac.put(new, NEW_CARD, If_None_Match="*"), new)
    office.put(office.company, "hotline.vcf", vcard("hotline", "Hotline 24 h"))
    mac.sync(book)
    assert mac.names() == {"Reception", "Hotline 24 h"}


def test_a_token_that_is_not_the_servers_lets_it_start_over(office: Office, mac: Contacts) -> None:
    """macOS 10.14 once sent a UUID of its own as a token."""
    book = office.friends_path
    mac.sync(book)
    mac.token = "D0A4A6B2-2E0F-4C1E-A1C9-6E0B2B6B1D55"
    answer = mac.device.send(
        "REPORT", book, CHANGES.format(mac.token), {"Depth": "1", **XML, **MINIMAL}
    )
    assert answer.status in {403, 410}
    office.delete(office.friends, "ann.vcf")
    mac.sync(book)
    assert mac.names() == {"Bob Example", "Jack O'Neil"}


def test_an_old_mac_names_its_cards_otherwise(office: Office) -> None:
    agents = (HIGH_SIERRA, HIGH_SIERRA)
    old = Contacts(office, agents, in_reports={"Depth": "1", "Brief": "t"})
    book = office.alice.contacts
    old.set_up()
    old.sync(book)
    href = f"{book}{UID}-ABSPlugin.vcf"
    assert old.put(href, NEW_CARD, If_None_Match="*").status == 201
    old.etags.clear()
    old.sync(book)
    assert set(old.cards) == {href}
