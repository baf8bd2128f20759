"""Stock mode: which books a member sees, and what may be done to a whole book."""

from urllib.parse import quote

import pytest

from sharedbooks.domain.principals import PrincipalKind, add_member, add_principal
from tests.http.client import document
from tests.http.world import BOOK_TYPE, authority, fresh, vcard
from tests.plugins.stock import MAX_CARD_SIZE, StockWorld

CALENDAR_TYPE = (
    "<D:resourcetype><D:collection/>"
    '<C:calendar xmlns:C="urn:ietf:params:xml:ns:caldav"/></D:resourcetype>'
)


def mkcol_body(properties: str) -> str:
    return document("D:mkcol", f"<D:set><D:prop>{properties}</D:prop></D:set>")


class TestHome:
    def test_the_first_request_makes_the_home_with_the_personal_book(
        self, stock: StockWorld
    ) -> None:
        alice = stock.member()
        assert alice.books() == {"contacts"}
        home = alice.find(alice.home, "D:resourcetype", "CARD:addressbook-home-set")
        assert home.children("D:resourcetype") == ["D:principal", "D:collection"]
        assert home.hrefs("CARD:addressbook-home-set") == [alice.home]

    def test_a_shared_book_shows_up_as_an_address_book_of_the_home(self, stock: StockWorld) -> None:
        alice = stock.member()
        assert alice.books() == {"contacts"}
        book = stock.book(display_name="The team")
        stock.grant(book, alice)
        shown = alice.listing("D:resourcetype", "D:displayname", "D:sync-token", "CS:getctag")
        resource = shown[alice.path(book)]
        assert resource.children("D:resourcetype") == ["CARD:addressbook", "D:collection"]
        assert resource.text("D:displayname") == "The team"
        assert resource.text("D:sync-token")
        assert resource.text("CS:getctag")

    def test_a_book_granted_before_the_first_login_leaves_room_for_the_personal_one(
        self, stock: StockWorld
    ) -> None:
        alice, shared = stock.shared(name="contacts")
        assert alice.books() == {"contacts", shared.name}
        owner = alice.find(alice.contacts, "D:owner").hrefs("D:owner")
        assert owner == [alice.home]

    def test_a_revoked_book_is_gone_and_its_url_tells_nothing(self, stock: StockWorld) -> None:
        alice, book = stock.shared()
        assert alice.put(alice.path(book, "ann.vcf"), vcard()).status == 201
        stock.revoke(book, alice)
        assert alice.books() == {"contacts"}
        for method in ("GET", "PROPFIND", "DELETE"):
            for path in (alice.path(book), alice.path(book, "ann.vcf")):
                answer = alice.request(method, path)
                assert answer.status == alice.request(method, path.replace("sales", "x")).status
                assert answer.status in {403, 404}
        assert alice.put(alice.path(book, "new.vcf"), vcard("new")).status >= 400
        assert list(stock.stored(book)) == ["ann.vcf"]

    def test_homes_and_books_of_others_are_alike_whether_they_exist_or_not(
        self, stock: StockWorld
    ) -> None:
        alice, bob = stock.member(), stock.member("bob")
        assert bob.put(f"{bob.contacts}ann.vcf", vcard()).status == 201
        for method in ("GET", "PROPFIND", "REPORT", "DELETE", "MKCOL", "PUT", "PROPPATCH"):
            for path in (bob.home, bob.contacts, f"{bob.contacts}ann.vcf"):
                body = vcard() if method == "PUT" else b""
                there = alice.request(method, path, body)
                nowhere = alice.request(method, path.replace(bob.name, "nobody"), body)
                assert (there.status, there.body) == (nowhere.status, nowhere.body)
                assert there.status == 403

    def test_the_root_leads_to_the_principal_and_lists_nobody_else(self, stock: StockWorld) -> None:
        stock.member("bob").books()
        alice = stock.member()
        found = alice.propfind("/", ["D:current-user-principal"], depth=1)
        assert found.hrefs == ["/", alice.home]
        assert found["/"].hrefs("D:current-user-principal") == [alice.home]

    def test_a_stranger_is_asked_to_log_in(self, stock: StockWorld) -> None:
        assert stock.client().propfind("/").status == 401
        assert stock.client(("nobody", "wrong")).propfind("/").status == 401


class TestGroups:
    def test_the_comma_in_a_groups_name_makes_nobody_a_member_of_another(
        self, stock: StockWorld
    ) -> None:
        alice, bob = stock.member(), stock.member("bob")
        town = fresh("EMEA")
        with stock.database.write() as connection:
            comma = add_principal(connection, PrincipalKind.GROUP, f"Sales, {town}")
            part = add_principal(connection, PrincipalKind.GROUP, town)
            add_member(connection, comma, alice.user)
            add_member(connection, part, bob.user)
        both, one = stock.book("both"), stock.book("one")
        stock.grant(both, comma, "read")
        stock.grant(one, part, "read")
        assert alice.books() == {"contacts", both.name}
        assert bob.books() == {"contacts", one.name}

    def test_the_strongest_of_several_grants_counts_and_the_book_is_there_once(
        self, stock: StockWorld
    ) -> None:
        alice, book = stock.shared("read")
        stock.grant(book, stock.group("staff", [alice]), "write")
        assert alice.listing().hrefs.count(alice.path(book)) == 1
        assert alice.put(alice.path(book, "ann.vcf"), vcard()).status == 201


class TestNames:
    @pytest.mark.parametrize("name", ["o'brien", "Müller", "x@example.org", "a, b", 'say "hi"'])
    def test_any_name_of_a_user_logs_in_and_has_a_home(self, stock: StockWorld, name: str) -> None:
        member = stock.member(name)
        home = quote(member.home)
        listed = member.propfind(home, ["D:resourcetype"], depth=1)
        assert listed.hrefs == [home, f"{home}contacts/"]
        assert member.put(f"{home}contacts/ann.vcf", vcard()).status == 201
        assert member.get(f"{home}contacts/ann.vcf").status == 200

    def test_any_name_of_a_book_is_shown(self, stock: StockWorld) -> None:
        alice = stock.member()
        book = stock.book("Kunden: 'A, B' ü? ")
        stock.grant(book, alice)
        path = quote(alice.path(book))
        assert path in alice.listing().hrefs
        assert alice.put(f"{path}ann.vcf", vcard()).status == 201


class TestOwnBooks:
    def test_a_member_makes_and_deletes_books_of_their_own(self, stock: StockWorld) -> None:
        alice = stock.member()
        path = alice.path("friends")
        properties = f"{BOOK_TYPE}<D:displayname>Friends</D:displayname><X:colour>red</X:colour>"
        assert alice.mkcol(path, mkcol_body(properties)).status == 201
        shown = alice.find(path, "D:displayname", "X:colour")
        assert (shown.text("D:displayname"), shown.text("X:colour")) == ("Friends", "red")
        assert alice.mkcol(path, mkcol_body(BOOK_TYPE)).status == 405
        assert alice.delete(path).status == 200
        assert alice.books() == {"contacts"}

    def test_a_file_put_into_the_home_becomes_a_book(self, stock: StockWorld) -> None:
        alice = stock.member()
        answer = alice.put(alice.path("friends"), vcard("ann") + vcard("bob", "Bob"))
        assert answer.status == 201, answer
        book = stock.own_book(alice, "friends")
        assert sorted(stock.stored(book)) == ["ann.vcf", "bob.vcf"]

    @pytest.mark.parametrize(
        "second",
        [
            pytest.param(vcard("ann", "Another"), id="the same UID"),
            pytest.param(vcard("u" * 256, "Bob"), id="a UID too long"),
            pytest.param(vcard("bob", "Bob", "NOTE:" + "x" * MAX_CARD_SIZE), id="too large"),
        ],
    )
    def test_a_file_with_one_card_that_is_refused_leaves_nothing(
        self, stock: StockWorld, second: bytes
    ) -> None:
        alice = stock.member()
        assert alice.put(alice.path("friends"), vcard("ann") + second).status == 400
        assert alice.books() == {"contacts"}
        assert alice.put(alice.path("friends"), vcard("ann")).status == 201

    def test_a_book_that_is_there_is_never_replaced_as_a_whole(self, stock: StockWorld) -> None:
        alice = stock.member()
        assert alice.put(f"{alice.contacts}ann.vcf", vcard()).status == 201
        assert alice.put(alice.contacts, vcard("bob", "Bob")).status == 403
        assert list(stock.stored(stock.own_book(alice))) == ["ann.vcf"]

    def test_a_home_cannot_be_deleted_or_replaced(self, stock: StockWorld) -> None:
        alice = stock.member()
        assert alice.books() == {"contacts"}
        assert alice.delete(alice.home).status == 403
        assert alice.put(alice.home, vcard()).status == 403
        assert alice.books() == {"contacts"}


class TestCalendars:
    @pytest.mark.parametrize(
        ("method", "body"),
        [
            ("MKCALENDAR", ""),
            ("MKCOL", mkcol_body(CALENDAR_TYPE)),
            ("MKCOL", mkcol_body("<D:resourcetype><D:collection/></D:resourcetype>")),
        ],
    )
    def test_only_address_books_are_made(self, stock: StockWorld, method: str, body: str) -> None:
        alice = stock.member()
        assert alice.request(method, alice.path("work"), body).status == 403
        assert alice.books() == {"contacts"}

    def test_a_calendar_file_makes_nothing(self, stock: StockWorld) -> None:
        alice = stock.member()
        event = "BEGIN:VEVENT\r\nUID:e\r\nDTSTART:20260101T000000Z\r\nEND:VEVENT\r\n"
        calendar = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{event}END:VCALENDAR\r\n"
        for path in (alice.path("work"), f"{alice.contacts}event.ics"):
            answer = alice.request("PUT", path, calendar, {"Content-Type": "text/calendar"})
            assert answer.status in {400, 403}
        assert alice.books() == {"contacts"}


class TestSharedBooks:
    @pytest.mark.parametrize("privilege", ["read", "create", "edit-own", "write", "manage"])
    def test_members_do_not_delete_or_replace_one(self, stock: StockWorld, privilege: str) -> None:
        alice, book = stock.shared(privilege)
        assert alice.delete(alice.path(book)).status == 403
        assert alice.put(alice.path(book), vcard()).status == 403
        assert book.name in alice.books()
        assert stock.stored(book) == {}

    def test_a_member_names_it_for_themselves(self, stock: StockWorld) -> None:
        alice, book = stock.shared(name="sales")
        bob = stock.member("bob")
        stock.grant(book, bob)
        assert (
            alice.set_property(alice.path(book), "<D:displayname>Mine</D:displayname>").status
            == 207
        )
        assert alice.find(alice.path(book), "D:displayname").text("D:displayname") == "Mine"
        assert bob.find(bob.path(book), "D:displayname").text("D:displayname") == book.name

    def test_a_manager_names_it_for_everyone(self, stock: StockWorld) -> None:
        alice, book = stock.shared("manage")
        bob = stock.member("bob")
        stock.grant(book, bob)
        assert (
            alice.set_property(alice.path(book), "<D:displayname>Ours</D:displayname>").status
            == 207
        )
        assert bob.find(bob.path(book), "D:displayname").text("D:displayname") == "Ours"

    def test_a_reader_changes_no_property(self, stock: StockWorld) -> None:
        alice, book = stock.shared("read")
        assert alice.set_property(alice.path(book), "<X:colour>red</X:colour>").status == 403

    def test_the_tag_of_the_book_tells_of_another_privilege(self, stock: StockWorld) -> None:
        alice, book = stock.shared("read")
        before = alice.find(alice.path(book), "CS:getctag").text("CS:getctag")
        stock.grant(book, alice, "write")
        assert alice.find(alice.path(book), "CS:getctag").text("CS:getctag") != before


class TestProperties:
    @pytest.mark.parametrize(
        "change",
        [
            "<D:remove><D:prop><D:resourcetype/></D:prop></D:remove>",
            f"<D:set><D:prop>{BOOK_TYPE}</D:prop></D:set>",
            f"<D:set><D:prop>{CALENDAR_TYPE}</D:prop></D:set>",
        ],
    )
    def test_a_book_stays_a_book_and_the_refused_request_changes_nothing(
        self, stock: StockWorld, change: str
    ) -> None:
        alice = stock.member()
        named = "<D:set><D:prop><D:displayname>New</D:displayname></D:prop></D:set>"
        assert alice.proppatch(alice.contacts, named + change).status == 403
        book = alice.find(alice.contacts, "D:resourcetype", "D:displayname")
        assert book.children("D:resourcetype") == ["CARD:addressbook", "D:collection"]
        assert book.text("D:displayname") == "Contacts"

    @pytest.mark.parametrize(
        "protected",
        [
            "<D:getetag>x</D:getetag>",
            "<CS:getctag>x</CS:getctag>",
            "<D:sync-token>x</D:sync-token>",
        ],
    )
    def test_the_servers_own_properties_are_not_set(
        self, stock: StockWorld, protected: str
    ) -> None:
        alice = stock.member()
        assert alice.set_property(alice.contacts, protected).status == 403

    def test_the_largest_card_is_told_and_not_set(self, stock: StockWorld) -> None:
        alice = stock.member()
        fake = "<CARD:max-resource-size>9</CARD:max-resource-size>"
        assert alice.set_property(alice.contacts, fake).status == 403
        assert alice.mkcol(alice.path("b"), mkcol_body(BOOK_TYPE + fake)).status == 403
        told = alice.find(alice.contacts, "CARD:max-resource-size")
        assert told.text("CARD:max-resource-size") == str(MAX_CARD_SIZE)

    def test_unknown_properties_are_kept_and_removed(self, stock: StockWorld) -> None:
        alice = stock.member()
        for path in (alice.contacts, alice.home):
            assert alice.set_property(path, "<X:colour>a &lt; b &amp; ü</X:colour>").status == 207
            assert alice.find(path, "X:colour").text("X:colour") == "a < b & ü"
            gone = "<D:remove><D:prop><X:colour/></D:prop></D:remove>"
            assert alice.proppatch(path, gone).status == 207
            assert alice.find(path, "X:colour").statuses["X:colour"] == 404

    def test_a_removed_name_is_the_books_own_again(self, stock: StockWorld) -> None:
        alice = stock.member()
        gone = "<D:remove><D:prop><D:displayname/></D:prop></D:remove>"
        assert alice.proppatch(alice.contacts, gone).status == 207
        assert alice.find(alice.contacts, "D:displayname").text("D:displayname") == "contacts"

    def test_a_description_is_kept(self, stock: StockWorld) -> None:
        alice = stock.member()
        name = "CARD:addressbook-description"
        assert alice.set_property(alice.contacts, f"<{name}>People</{name}>").status == 207
        assert alice.find(alice.contacts, name).text(name) == "People"

    def test_people_are_named_by_the_administrator(self, stock: StockWorld) -> None:
        alice = stock.member(display_name="Alice A.")
        assert alice.find(alice.home, "D:displayname").text("D:displayname") == "Alice A."
        assert alice.set_property(alice.home, "<D:displayname>Bob</D:displayname>").status == 403

    def test_no_more_than_64_kib_are_kept(self, stock: StockWorld) -> None:
        alice = stock.member()
        much = f"<X:note>{'x' * 70_000}</X:note>"
        assert alice.set_property(alice.contacts, much).status == 507

    def test_all_properties_of_everything_can_be_asked_for(self, stock: StockWorld) -> None:
        alice = stock.member()
        assert alice.put(f"{alice.contacts}ann.vcf", vcard()).status == 201
        body = document("D:propfind", "<D:allprop/>")
        for path in ("/", alice.home, alice.contacts):
            assert alice.request("PROPFIND", path, body, {"Depth": "1"}).status == 207


class TestBookOfADirectory:
    @pytest.mark.parametrize("privilege", ["read", "write", "manage"])
    def test_everybody_reads_and_nobody_writes(self, stock: StockWorld, privilege: str) -> None:
        book = stock.directory_book("staff", vcard("ann"))
        alice = stock.member()
        stock.grant(book, alice, privilege)
        path = alice.path(book)
        assert alice.put(f"{alice.contacts}new.vcf", vcard("new")).status == 201
        assert b"FN:Ann Example" in alice.get(f"{path}ann.vcf").body
        shown = alice.find(path, "D:current-user-privilege-set").privileges
        assert not shown & {"write", "write-content", "bind", "unbind"}
        moves = [(f"{path}ann.vcf", f"{alice.contacts}a.vcf")]
        moves += [(f"{alice.contacts}new.vcf", f"{path}new.vcf")]
        answers = [
            alice.put(f"{path}new.vcf", vcard("new")),
            alice.put(f"{path}ann.vcf", vcard("ann", "Changed")),
            alice.delete(f"{path}ann.vcf"),
            alice.delete(path),
            *(alice.request("MOVE", a, headers={"Destination": _url(stock, b)}) for a, b in moves),
        ]
        assert [answer.status for answer in answers] == [403] * 6
        assert list(stock.stored(book).values()) == [vcard("ann")]


def _url(stock: StockWorld, path: str) -> str:
    return f"http://{authority(stock)}{path}"
