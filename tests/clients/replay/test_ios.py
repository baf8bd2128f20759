"""An iPhone: iOS 26, all books of the account; see ``apple.py`` for where this is from."""

import pytest

from tests.clients.replay.apple import CHANGES, HOME, MINIMAL, VCARD, WRITING, XML, Contacts, photo
from tests.clients.replay.conftest import FRIENDS, Office
from tests.clients.replay.device import assert_refused, assert_version, line
from tests.http.world import vcard

USER_AGENTS = ("iOS/26.6.1 (23G90) accountsd/1.0", "iOS/26.6.1 (23G90) dataaccessd/1.0")

UID = "E3B0C442-98FC-4C14-9AFB-F4C8996FB924"
NEW_CARD = (
    "BEGIN:VCARD\r\nVERSION:3.0\r\nPRODID:-//Apple Inc.//iOS 26.6.1//EN\r\n"
    "N:Appleseed;Johnny;;;\r\nFN:Johnny Appleseed\r\n"
    "item1.EMAIL;type=INTERNET;type=pref:johnny@example.org\r\n"
    "item2.TEL;type=pref:+49 170 1\r\nitem2.X-ABLabel:Orchard\r\n"
    "item3.ADR;type=HOME;type=pref:;;1 Road;Town;;12345;Land\r\nitem3.X-ABADR:de\r\n"
    "BDAY;value=date:1604-04-12\r\n"
    f"REV:2026-08-21T10:15:00Z\r\nUID:{UID}\r\nEND:VCARD\r\n"
)


@pytest.fixture
def phone(office: Office) -> Contacts:
    return Contacts(office, USER_AGENTS, in_reports={})


def test_an_account_is_set_up_without_a_redirect(office: Office, phone: Contacts) -> None:
    """A redirect that ends in a 401 makes iOS give up, and each part of it is asked anew."""
    home = phone.set_up()
    assert home == office.alice.home
    assert phone.setup.log == [
        "PROPFIND /.well-known/carddav 401",
        "PROPFIND /.well-known/carddav 207",
        "PROPFIND / 207",
        f"OPTIONS {home} 200",
    ]
    assert phone.device.log == [
        f"OPTIONS {home} 200", f"PROPFIND {home} 401", f"PROPFIND {home} 207"
    ]  # fmt: skip


def test_the_principal_tells_who_it_is(office: Office, phone: Contacts) -> None:
    phone.set_up()
    [found] = phone.propfind(phone.device, office.alice.home, HOME).resources.values()
    assert found.text("D:displayname") == "Alice Liddell"
    assert "D:principal" in found.children("D:resourcetype")


def test_every_book_is_shown_with_its_privileges(office: Office, phone: Contacts) -> None:
    books = phone.list_books()
    assert set(books) == {office.alice.contacts, office.friends_path, office.company_path}
    assert "read" in books[office.company_path].privileges
    assert not books[office.company_path].privileges & WRITING
    for href in (office.alice.contacts, office.friends_path):
        assert books[href].privileges >= {"read", "write", "bind", "unbind"}


def test_a_book_is_fetched_and_polled(office: Office, phone: Contacts) -> None:
    office.fill(office.friends, [vcard(f"{n}", f"Person {n}") for n in range(30)])
    book = office.friends_path
    phone.set_up()
    sent = phone.sync(book)
    assert sent == [f"PROPFIND {book} 207"] * 2 + [f"REPORT {book} 207"] * 2
    assert len(phone.cards) == 30 + len(FRIENDS)
    assert phone.sync(book) == [f"PROPFIND {book} 207"]


def test_a_colleagues_changes_arrive(office: Office, phone: Contacts) -> None:
    book = office.friends_path
    phone.sync(book)
    office.put(office.friends, "new.vcf", vcard("new", "Newcomer"))
    office.put(office.friends, "ann.vcf", vcard("ann", "Ann Married"))
    for name in FRIENDS:
        if "Neil" in name:
            office.delete(office.friends, name)
    phone.sync(book)
    assert phone.names() == {"Ann Married", "Bob Example", "Newcomer"}


def test_every_card_is_vcard_3(office: Office, phone: Contacts) -> None:
    """Whatever version another client has written; the phone never says which it wants."""
    office.put(office.friends, "new.vcf", vcard("new", "Newcomer").replace(b"3.0", b"4.0"))
    phone.sync(office.friends_path)
    assert len(phone.cards) == len(FRIENDS) + 1
    assert_version(phone.cards.values(), "3.0")


def test_an_edited_card_that_was_version_4_comes_back_in_3(office: Office, phone: Contacts) -> None:
    """An answer to PUT without an ETag is followed by a report and one GET of the card."""
    office.put(office.friends, "new.vcf", vcard("new", "Newcomer").replace(b"3.0", b"4.0"))
    book = office.friends_path
    phone.sync(book)
    href = f"{book}new.vcf"
    card = vcard("new", "Edited", "TEL;type=CELL;type=VOICE;type=pref:+49 170 1")
    headers = {**VCARD, "If-Match": phone.etags[href]}
    edited = phone.device.send("PUT", href, card, headers)
    assert edited.status == 204
    assert edited.etag is None or office.stored("new.vcf") == card
    changed = phone.device.send("REPORT", book, CHANGES.format(phone.token), XML)
    got = phone.device.send("GET", href)
    assert got.etag == changed[href].text("D:getetag")
    assert line(got.body.decode(), "FN") == "Edited"
    assert_version([got.body.decode()], "3.0")


def test_a_card_is_made_edited_and_deleted(office: Office, phone: Contacts) -> None:
    book = office.friends_path
    phone.sync(book)
    href = f"{book}{UID}.vcf"
    assert phone.put(href, NEW_CARD, If_None_Match="*").status == 201
    edited = NEW_CARD.replace("Johnny", "Jon").replace("10:15:00", "10:16:00")
    assert phone.put(href, edited, If_Match=phone.etags[href]).status == 204
    assert office.stored(f"{UID}.vcf") == edited.encode()
    # Told back with the ETag of the answer to PUT, so that nothing is fetched.
    assert phone.sync(book) == [f"PROPFIND {book} 207", f"REPORT {book} 207"]
    assert phone.put(href, NEW_CARD, If_None_Match="*").status == 412
    assert phone.device.send("DELETE", href).status in {200, 204}
    phone.sync(book)
    assert set(phone.etags) == set(phone.cards)
    assert len(phone.cards) == len(FRIENDS)


def test_a_conflict_is_noticed(office: Office, phone: Contacts) -> None:
    book = office.friends_path
    phone.sync(book)
    href = f"{book}ann.vcf"
    office.put(office.friends, "ann.vcf", vcard("ann", "By the colleague"))
    mine = vcard("ann", "By Alice").decode()
    assert phone.put(href, mine, If_Match=phone.etags[href]).status == 412
    phone.sync(book)
    assert line(phone.cards[href], "FN") == "By the colleague"


def test_a_photo_comes_back_as_it_was_sent(office: Office, phone: Contacts) -> None:
    """Sent in vain first: a step begins without the password, whatever its size."""
    picture = photo()
    card = NEW_CARD.replace("REV:", f"{picture}\r\nREV:")
    assert max(len(text) for text in card.split("\r\n")) > 1_500
    href = f"{office.friends_path}{UID}.vcf"
    assert phone.put(href, card, If_None_Match="*").status == 201
    assert phone.device.log == [f"PUT {href} 401", f"PUT {href} 201"]
    assert phone.device.send("GET", href).body == card.encode()
    phone.etags.clear()
    phone.sync(office.friends_path)
    assert picture.replace("\r\n", "\n") in phone.cards[href]


def test_a_card_of_some_megabytes(office: Office, phone: Contacts) -> None:
    card = NEW_CARD.replace("REV:", f"{photo(3_000_000)}\r\nREV:")
    href = f"{office.friends_path}{UID}.vcf"
    assert phone.put(href, card, If_None_Match="*").status == 201
    assert office.stored(f"{UID}.vcf") == card.encode()


def test_a_refused_edit_is_repeated_and_the_rest_syncs_on(office: Office, phone: Contacts) -> None:
    """The edit of a read-only book is sent again for hours; a 401 would stop all syncing."""
    book = office.company_path
    phone.sync(book)
    href = f"{book}hotline.vcf"
    for minute in range(5):
        card = vcard("hotline", "Mine", f"REV:2026-08-21T10:{minute:02}:00Z").decode()
        assert_refused(phone.put(href, card, If_Match=phone.etags[href]), href)
    new = f"{book}{UID}.vcf"
    assert_refused(phone.put(new, NEW_CARD, If_None_Match="*"), new)
    assert_refused(phone.device.send("DELETE", href), href)
    office.put(office.company, "hotline.vcf", vcard("hotline", "Hotline 24 h"))
    phone.sync(book)
    assert phone.names() == {"Reception", "Hotline 24 h"}
    assert len(phone.list_books()) == 3


def test_a_refused_token_lets_it_start_over(office: Office, phone: Contacts) -> None:
    book = office.friends_path
    phone.sync(book)
    phone.token = "http://radicale.org/ns/sync/25bf5fc17a7371f47862859e1cacc920"
    office.delete(office.friends, "ann.vcf")
    phone.sync(book)
    assert phone.names() == {"Bob Example", "Jack O'Neil"}
    assert phone.sync(book) == [f"PROPFIND {book} 207"]


def test_books_come_and_go_with_their_grants(office: Office, phone: Contacts) -> None:
    phone.set_up()
    phone.list_books()
    phone.sync(office.friends_path)
    project = office.world.book("project")
    office.world.grant(project, office.alice, "write")
    office.world.revoke(office.friends, office.alice)
    books = phone.list_books()
    assert set(books) == {office.alice.contacts, office.alice.path(project), office.company_path}
    headers = {"Depth": "1", **XML, **MINIMAL}
    assert phone.device.send("PROPFIND", office.friends_path, HOME, headers).status == 404
    office.world.grant(office.friends, office.alice, "read")
    assert office.friends_path in phone.list_books()
    phone.sync(office.friends_path)
    assert phone.names() == {"Ann Example", "Bob Example", "Jack O'Neil"}
