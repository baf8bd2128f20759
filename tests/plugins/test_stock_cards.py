"""Stock mode: cards of a book, who may do what to them, and how devices keep up."""

from urllib.parse import quote

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain.book_access import open_for_writing
from sharedbooks.domain.books import Book
from sharedbooks.domain.history import Actor, list_versions
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.domain.principals import Principal
from sharedbooks.domain.storing import put_card
from tests.http.client import document, prop
from tests.http.world import vcard
from tests.plugins.conftest import Stocked
from tests.plugins.stock import MASS_DELETION, MAX_CARD_SIZE, StockMember, StockWorld


def store(database: Database, user: Principal, book: Book, name: str, octets: bytes) -> None:
    """Store octets as ``sharedbooks serve`` does, past Radicale."""
    with database.write() as connection:
        access = open_for_writing(connection, user.id, book.name)
        card = prepare_card(octets, max_size=MAX_CARD_SIZE)
        put_card(connection, access, name, card, Actor(user.id, user.name, "", ""))


def query(member: StockMember, path: str, text: str) -> list[str]:
    """Return the hrefs of the cards whose FN contains ``text``."""
    match = (
        f'<CARD:prop-filter name="FN"><CARD:text-match>{text}</CARD:text-match></CARD:prop-filter>'
    )
    body = prop("D:getetag", "CARD:address-data") + f"<CARD:filter>{match}</CARD:filter>"
    return member.report(path, document("CARD:addressbook-query", body)).hrefs


def test_a_mass_deletion_is_noticed(stocked: Stocked, stock: StockWorld) -> None:
    alice, book = stock.shared()
    paths = [alice.path(book, f"{number}.vcf") for number in range(MASS_DELETION + 3)]
    for number, path in enumerate(paths):
        assert alice.put(path, vcard(str(number))).status == 201
    for path in paths:
        assert alice.delete(path).status == 200
    told = [line for line in stocked.server.log.splitlines() if f"'{book.name}'" in line]
    assert [line for line in told if "mass deletion" in line] == told
    assert len(told) == 1


class TestStoring:
    def test_a_card_comes_back_with_its_tag(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        path = alice.path(book, "ann.vcf")
        made = alice.put(path, vcard(), if_none_match="*")
        assert made.status == 201
        got = alice.get(path)
        assert got.body == stock.stored(book)["ann.vcf"]
        assert got.etag == made.etag
        assert got.headers["Last-Modified"].endswith("GMT")
        assert alice.put(path, vcard("ann", "New"), if_match=made.etag or "").status == 204
        assert alice.put(path, vcard("ann", "Old"), if_match=made.etag or "").status == 412
        assert alice.put(path, vcard("ann", "Old"), if_none_match="*").status == 412
        assert b"FN:New" in alice.get(path).body

    def test_members_see_each_others_changes(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        bob = stock.member("bob")
        stock.grant(book, bob)
        assert alice.put(alice.path(book, "ann.vcf"), vcard()).status == 201
        assert b"FN:Ann Example" in bob.get(bob.path(book, "ann.vcf")).body

    @pytest.mark.parametrize(
        "name",
        ["ümlaut.vcf", "X:ABPerson.vcf", "O'Brien.vcf", "a,b.vcf", "*?.vcf", "blank ", "~", "漢"],
    )
    def test_any_name_is_kept(self, stock: StockWorld, name: str) -> None:
        alice, book = stock.shared()
        path = alice.path(book, quote(name))
        assert alice.put(path, vcard()).status == 201
        assert list(stock.stored(book)) == [name]
        assert alice.get(path).status == 200
        for answer in (
            alice.propfind(alice.path(book), ["D:getetag"], depth=1),
            alice.sync(alice.path(book)),
            alice.multiget(alice.path(book), [path]),
        ):
            assert path in answer.hrefs
        assert alice.delete(path).status == 200

    def test_a_name_too_long_is_refused(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        assert alice.put(alice.path(book, "x" * 256), vcard()).status == 400
        assert stock.stored(book) == {}

    def test_a_uid_is_given_once_and_never_changes(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        assert alice.put(alice.path(book, "ann.vcf"), vcard("ann")).status == 201
        assert alice.put(alice.path(book, "two.vcf"), vcard("ann")).status == 409
        assert alice.put(alice.path(book, "ann.vcf"), vcard("other")).status == 409
        assert list(stock.stored(book)) == ["ann.vcf"]

    def test_a_card_too_large_is_refused(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        large = vcard("ann", "Ann", "NOTE:" + "x" * MAX_CARD_SIZE)
        assert alice.put(alice.path(book, "ann.vcf"), large).status == 400
        assert stock.stored(book) == {}

    def test_the_same_card_again_is_no_change(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        for _ in range(2):
            assert alice.put(alice.path(book, "ann.vcf"), vcard()).status in {201, 204}
        assert stock.revision(book) == 1

    def test_history_knows_who_and_by_which_device(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        alice.put(alice.path(book, "ann.vcf"), vcard())
        with stock.database.read() as connection:
            [version] = list_versions(connection, book.id)
        assert version.actor_name == alice.name
        assert version.device.startswith("phone")

    def test_a_card_moves_to_another_name_and_another_book(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        assert alice.put(alice.path(book, "ann.vcf"), vcard()).status == 201
        target = {"Destination": f"{alice.contacts}moved.vcf"}
        assert alice.request("MOVE", alice.path(book, "ann.vcf"), headers=target).status == 201
        assert stock.stored(book) == {}
        assert list(stock.stored(stock.own_book(alice))) == ["moved.vcf"]


class TestContentOfTheOtherServer:
    def test_octets_come_back_as_they_are_stored(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        assert book.name in alice.books()
        octets = vcard("ann", "Ann", "photo:data:image/png;base64,AAAA", "item1.X-a:1")
        store(stock.database, alice.user, book, "ann.vcf", octets)
        assert alice.get(alice.path(book, "ann.vcf")).body == octets
        found = alice.multiget(alice.path(book), [alice.path(book, "ann.vcf")])
        [card] = found.resources.values()
        assert card.text("CARD:address-data") == octets.decode().replace("\r\n", "\n")

    def test_a_fold_inside_a_character_harms_nothing(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        assert book.name in alice.books()
        store(stock.database, alice.user, book, "x.vcf", vcard().replace(b"Ann", b"\xc3\r\n \xbc"))
        assert "FN:ü Example".encode() in alice.get(alice.path(book, "x.vcf")).body

    def test_a_control_character_breaks_no_sync(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        path = alice.path(book, "ann.vcf")
        assert book.name in alice.books()
        store(stock.database, alice.user, book, "ann.vcf", vcard("ann", "Vertical\x0btab"))
        found = alice.multiget(alice.path(book), [path])
        assert "FN:Vertical\ufffdtab" in found[path].text("CARD:address-data")

    def test_a_card_that_radicale_cannot_read_breaks_no_query(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        assert alice.put(alice.path(book, "ann.vcf"), vcard()).status == 201
        strange = vcard("odd", "Odd", "PHOTO;ENCODING=b:A")
        store(stock.database, alice.user, book, "odd.vcf", strange)
        assert query(alice, alice.path(book), "ann") == [alice.path(book, "ann.vcf")]

    def test_a_whole_book_keeps_its_cards_apart(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        assert book.name in alice.books()
        for uid in ("ann", "bob"):
            store(stock.database, alice.user, book, uid, vcard(uid).rstrip())
        assert alice.get(alice.path(book)).body.count(b"END:VCARD\r\n") == 2


class TestPrivileges:
    """Each member tries everything on a card of their own and on a colleague's."""

    def member_and_card(self, stock: StockWorld, privilege: str) -> tuple[StockMember, Book]:
        colleague, book = stock.shared("write")
        assert colleague.put(colleague.path(book, "theirs.vcf"), vcard("theirs")).status == 201
        member = stock.member("bob")
        stock.grant(book, member, privilege)
        assert isinstance(member, StockMember)
        return member, book

    @pytest.mark.parametrize(
        ("privilege", "allowed"),
        [
            ("read", set()),
            ("create", {"create"}),
            ("edit-own", {"create", "own"}),
            ("write", {"create", "own", "theirs"}),
            ("manage", {"create", "own", "theirs"}),
        ],
    )
    def test_what_a_privilege_allows(
        self, stock: StockWorld, privilege: str, allowed: set[str]
    ) -> None:
        bob, book = self.member_and_card(stock, privilege)
        target = {"Destination": f"{bob.contacts}moved.vcf"}
        assert bob.put(bob.path(book, "own.vcf"), vcard("own")).status == (
            201 if "create" in allowed else 403
        )
        for uid in ("own", "theirs"):
            name = f"{uid}.vcf"
            path = bob.path(book, name)
            before = stock.stored(book)
            if uid in allowed:
                assert bob.put(path, vcard(uid, "New")).status == 204
                assert bob.request("MOVE", path, headers=target).status == 201
                assert (
                    bob.request("MOVE", target["Destination"], headers={"Destination": path}).status
                    == 201
                )
                assert bob.delete(path).status == 200
            elif name in before:
                assert bob.put(path, vcard(uid, "New")).status == 403
                assert bob.request("MOVE", path, headers=target).status == 403
                assert bob.delete(path).status == 403
                assert stock.stored(book) == before
        assert bob.get(bob.path(book)).status == 200

    def test_moving_does_not_replace_a_card_that_may_not_be_changed(
        self, stock: StockWorld
    ) -> None:
        bob, book = self.member_and_card(stock, "create")
        assert bob.put(f"{bob.contacts}x.vcf", vcard("theirs", "New")).status == 201
        headers = {"Destination": bob.path(book, "theirs.vcf"), "Overwrite": "T"}
        before = stock.stored(book)
        assert bob.request("MOVE", f"{bob.contacts}x.vcf", headers=headers).status == 403
        assert stock.stored(book) == before
        # Taken out first, it is back: the answer was no, and so nothing was done.
        assert list(stock.stored(stock.own_book(bob))) == ["x.vcf"]

    def test_a_privilege_taken_back_counts_at_once(self, stock: StockWorld) -> None:
        alice, book = stock.shared("write")
        assert alice.put(alice.path(book, "ann.vcf"), vcard()).status == 201
        stock.grant(book, alice, "read")
        assert alice.put(alice.path(book, "ann.vcf"), vcard("ann", "New")).status == 403
        assert alice.delete(alice.path(book, "ann.vcf")).status == 403


class TestSync:
    def test_each_change_is_told_once(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        path = alice.path(book)
        first = alice.sync(path)
        assert first.hrefs == []
        alice.put(f"{path}ann.vcf", vcard("ann"))
        alice.put(f"{path}bob.vcf", vcard("bob"))
        added = alice.sync(path, first.sync_token)
        assert {href: r.status for href, r in added.resources.items()} == {
            f"{path}ann.vcf": None,
            f"{path}bob.vcf": None,
        }
        alice.put(f"{path}ann.vcf", vcard("ann", "New"))
        alice.delete(f"{path}bob.vcf")
        changed = alice.sync(path, added.sync_token)
        assert changed[f"{path}ann.vcf"].text("D:getetag") == alice.get(f"{path}ann.vcf").etag
        assert changed[f"{path}bob.vcf"].status == 404
        quiet = alice.sync(path, changed.sync_token)
        assert quiet.hrefs == []
        assert quiet.sync_token == changed.sync_token
        assert alice.sync(path).hrefs == [f"{path}ann.vcf"]

    def test_the_property_is_the_token_of_the_report(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        alice.put(alice.path(book, "ann.vcf"), vcard())
        token = alice.find(alice.path(book), "D:sync-token").text("D:sync-token")
        assert token == alice.sync(alice.path(book)).sync_token

    @pytest.mark.parametrize("token", ["nonsense", "http://radicale.org/ns/sync/1"])
    def test_a_foreign_token_is_refused_by_its_condition(
        self, stock: StockWorld, token: str
    ) -> None:
        alice, book = stock.shared()
        answer = alice.sync(alice.path(book), token)
        assert answer.status == 403
        assert answer.conditions == ["D:valid-sync-token"]

    def test_cards_asked_for_twice_or_not_there(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        path = alice.path(book)
        alice.put(f"{path}ann.vcf", vcard())
        hrefs = [f"{path}ann.vcf", f"{path}ann.vcf", f"{path}gone.vcf", f"{path}%00.vcf"]
        found = alice.multiget(path, hrefs)
        assert "FN:Ann Example" in found[hrefs[0]].text("CARD:address-data")
        assert found[hrefs[2]].status == 404
        assert found[hrefs[3]].status == 404

    def test_a_listing_tells_what_is_asked(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        cards = {f"{uid}.vcf": vcard(uid, "Ü" * number) for number, uid in enumerate("abc", 1)}
        for name, card in cards.items():
            alice.put(alice.path(book, name), card)
        names = ["D:getetag", "D:getlastmodified", "D:getcontentlength", "D:getcontenttype"]
        listed = alice.propfind(alice.path(book), names, depth=1)
        for name, octets in stock.stored(book).items():
            card = listed[alice.path(book, name)]
            assert card.text("D:getetag") == alice.get(alice.path(book, name)).etag
            assert card.text("D:getcontentlength") == str(len(octets))
            assert card.text("D:getlastmodified")

    def test_a_query_finds_cards_by_name(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        alice.put(alice.path(book, "ann.vcf"), vcard("ann", "Ann Ümlaut"))
        alice.put(alice.path(book, "bob.vcf"), vcard("bob", "Bob"))
        assert query(alice, alice.path(book), "ümlaut") == [alice.path(book, "ann.vcf")]
