"""Books that show a directory: every member reads them, and nobody writes a card of them."""

import pytest

from sharedbooks.domain.books import Book
from sharedbooks.domain.privileges import PRIVILEGES_BY_NAME
from tests.http.client import Answer
from tests.http.test_acl import entries
from tests.http.world import Member, World, vcard

READ = {"read", "read-current-user-privilege-set"}
ON_BOOK = {
    **dict.fromkeys(PRIVILEGES_BY_NAME, READ),
    "manage": {*READ, "read-acl", "write-properties"},
}
WRITES = {
    "put new": ("PUT", "{book}new.vcf", "new"),
    "put over": ("PUT", "{book}ann.vcf", "ann"),
    "put the same": ("PUT", "{book}ann.vcf", ""),
    "post": ("POST", "{book}?add-member", "new"),
    "delete": ("DELETE", "{book}ann.vcf", ""),
    "delete the book": ("DELETE", "{book}", ""),
    "copy in": ("COPY", "{contacts}new.vcf", "{book}new.vcf"),
    "copy over": ("COPY", "{contacts}new.vcf", "{book}ann.vcf"),
    "move in": ("MOVE", "{contacts}new.vcf", "{book}new.vcf"),
    "move out": ("MOVE", "{book}ann.vcf", "{contacts}ann.vcf"),
    "rename": ("MOVE", "{book}ann.vcf", "{book}renamed.vcf"),
}
"""Method, path, and the UID of the card to put or the destination."""


def _staff(world: World, privilege: str) -> tuple[Member, Book, str]:
    """Make a book with one card from a directory, and a member with that privilege on it."""
    book = world.directory_book("staff", vcard("ann"))
    alice = world.member()
    world.grant(book, alice, privilege)
    assert alice.put(f"{alice.contacts}new.vcf", vcard("new")).status == 201
    return alice, book, alice.path(book)


def _attempt(alice: Member, book: str, write: str) -> Answer:
    method, path, argument = (
        part.format(book=book, contacts=alice.contacts) for part in WRITES[write]
    )
    if method in {"PUT", "POST"}:
        body = vcard(argument, "Changed") if argument else vcard("ann")
        headers = {"Content-Type": "text/vcard"}
        return alice.request(method, path, body, headers)
    return alice.request(method, path, headers={"Destination": argument} if argument else {})


@pytest.mark.parametrize("privilege", PRIVILEGES_BY_NAME)
def test_no_privilege_allows_to_write_a_card(world: World, privilege: str) -> None:
    alice, book, path = _staff(world, privilege)
    before, token = world.stored(book), alice.sync(path).sync_token
    for write in WRITES:
        answer = _attempt(alice, path, write)
        assert (answer.status, answer.conditions) == (403, ["D:need-privileges"]), write
    assert world.stored(book) == before
    after = alice.sync(path, token)
    assert (after.hrefs, after.sync_token) == ([], token)
    assert alice.get(f"{alice.contacts}new.vcf").status == 200


@pytest.mark.parametrize("privilege", PRIVILEGES_BY_NAME)
def test_the_privilege_set_tells_that_nothing_can_be_written(world: World, privilege: str) -> None:
    alice, _, path = _staff(world, privilege)
    name = "D:current-user-privilege-set"
    assert alice.find(path, name).privileges == ON_BOOK[privilege]
    assert alice.listing(name)[path].privileges == ON_BOOK[privilege]
    card = f"{path}ann.vcf"
    assert alice.find(card, name).privileges == READ
    assert alice.sync(path, names=[name])[card].privileges == READ
    assert alice.find(path, "D:add-member").statuses == {"D:add-member": 404}


def test_a_card_is_read_and_copied_elsewhere(world: World) -> None:
    alice, _, path = _staff(world, "read")
    assert alice.get(f"{path}ann.vcf").body == vcard("ann")
    copied = alice.request(
        "COPY", f"{path}ann.vcf", headers={"Destination": f"{alice.contacts}ann.vcf"}
    )
    assert copied.status == 201
    assert alice.put(f"{alice.contacts}ann.vcf", vcard("ann", "My own")).status == 204


def test_a_manager_names_the_book_for_everyone_and_others_for_themselves(world: World) -> None:
    manager, book, path = _staff(world, "manage")
    reader = world.member()
    world.grant(book, reader, "write")
    for member, name in ((manager, "Everyone here"), (reader, "Mine")):
        element = f"<D:displayname>{name}</D:displayname>"
        assert member.set_property(member.path(book), element).status == 207
    assert manager.find(path, "D:displayname").text("D:displayname") == "Everyone here"
    assert reader.find(reader.path(book), "D:displayname").text("D:displayname") == "Mine"
    other = world.member()
    world.grant(book, other, "read")
    shown = other.find(other.path(book), "D:displayname").text("D:displayname")
    assert shown == "Everyone here"


def test_the_access_control_list_says_no_more_than_is_allowed(world: World) -> None:
    manager, book, path = _staff(world, "manage")
    world.grant(book, world.member(), "write")
    granted = list(entries(manager, path).values())
    assert sorted(granted, key=len) == [ON_BOOK["write"], ON_BOOK["manage"]]


def test_a_book_that_is_released_is_written_again_and_its_ctag_tells(world: World) -> None:
    alice, book, path = _staff(world, "write")
    before = alice.find(path, "CS:getctag").text("CS:getctag")
    world.release(book)
    assert alice.find(path, "CS:getctag").text("CS:getctag") != before
    assert alice.put(f"{path}ann.vcf", vcard("ann", "Changed")).status == 204
