"""What each privilege allows: what is told beforehand, and what happens when it is tried."""

import pytest

from tests.http.client import Answer
from tests.http.world import Member, World, vcard

READ_ONLY = {"read", "read-current-user-privilege-set"}
EVERYTHING = {*READ_ONLY, "write", "write-properties", "write-content", "bind", "unbind"}

ON_BOOK = {
    "read": READ_ONLY,
    "create": {*READ_ONLY, "write-content", "bind"},
    "edit-own": {*READ_ONLY, "write-content", "bind", "unbind"},
    "write": EVERYTHING,
    "manage": {*EVERYTHING, "read-acl"},
}
"""``current-user-privilege-set`` of a book."""

ON_OWN_CARD = {
    "read": READ_ONLY,
    "create": READ_ONLY,
    "edit-own": {*READ_ONLY, "write-content"},
    "write": {*READ_ONLY, "write-content"},
    "manage": {*READ_ONLY, "write-content"},
}
ON_OTHERS_CARD = {**ON_OWN_CARD, "edit-own": READ_ONLY}

REQUESTS = {
    "put new": ("PUT", "{book}new.vcf", "new"),
    "put own": ("PUT", "{book}own.vcf", "own"),
    "put other's": ("PUT", "{book}others.vcf", "others"),
    "delete own": ("DELETE", "{book}own.vcf", ""),
    "delete other's": ("DELETE", "{book}others.vcf", ""),
    "copy in": ("COPY", "{contacts}new.vcf", "{book}new.vcf"),
    "copy over own": ("COPY", "{contacts}own.vcf", "{book}own.vcf"),
    "copy over other's": ("COPY", "{contacts}others.vcf", "{book}others.vcf"),
    "copy out": ("COPY", "{book}others.vcf", "{home}elsewhere/copy.vcf"),
    "move own out": ("MOVE", "{book}own.vcf", "{home}elsewhere/moved.vcf"),
    "move other's out": ("MOVE", "{book}others.vcf", "{home}elsewhere/moved.vcf"),
    "rename own": ("MOVE", "{book}own.vcf", "{book}renamed.vcf"),
    "rename other's": ("MOVE", "{book}others.vcf", "{book}renamed.vcf"),
}
"""Method, path, and the UID of the card to put or the destination."""

OUTCOMES = {
    "read": (403, 403, 403, 403, 403, 403, 403, 403, 201, 403, 403, 403, 403),
    "create": (201, 403, 403, 403, 403, 201, 403, 403, 201, 403, 403, 403, 403),
    "edit-own": (201, 204, 403, 204, 403, 201, 204, 403, 201, 201, 403, 201, 403),
    "write": (201, 204, 204, 204, 204, 201, 204, 204, 201, 201, 201, 201, 201),
    "manage": (201, 204, 204, 204, 204, 201, 204, 204, 201, 201, 201, 201, 201),
}
"""The status of every operation, in the order above."""

CELLS = [
    (privilege, operation, status)
    for privilege, statuses in OUTCOMES.items()
    for operation, status in zip(REQUESTS, statuses, strict=True)
]


def _prepare(world: World, privilege: str) -> tuple[Member, str]:
    """Make a member with that privilege on a book that holds a card of theirs and another's."""
    alice, bob, book = world.member("alice"), world.member("bob"), world.book()
    for member in (alice, bob):
        world.grant(book, member, "write")
    assert alice.put(alice.path(book, "own.vcf"), vcard("own")).status == 201
    assert bob.put(bob.path(book, "others.vcf"), vcard("others")).status == 201
    for name, uid in (("new", "new"), ("own", "own"), ("others", "others")):
        assert alice.put(f"{alice.contacts}{name}.vcf", vcard(uid, "Anew")).status == 201
    assert alice.mkcol(f"{alice.home}elsewhere/").status == 201
    world.grant(book, alice, privilege)
    return alice, alice.path(book)


def _attempt(alice: Member, book: str, operation: str) -> Answer:
    method, path, argument = (
        part.format(book=book, contacts=alice.contacts, home=alice.home)
        for part in REQUESTS[operation]
    )
    if method == "PUT":
        return alice.put(path, vcard(argument, "Changed"))
    return alice.request(method, path, headers={"Destination": argument} if argument else {})


@pytest.mark.parametrize(("privilege", "operation", "status"), CELLS)
def test_each_privilege_allows_what_it_says(
    world: World, privilege: str, operation: str, status: int
) -> None:
    alice, book = _prepare(world, privilege)
    before = alice.sync(book).sync_token
    cards = alice.get(book).body
    answer = _attempt(alice, book, operation)
    assert answer.status == status, answer
    after = alice.sync(book, before)
    if status == 403:
        assert answer.conditions == ["D:need-privileges"]
        assert set().union(*answer.missing_privileges.values()) <= {
            "bind", "unbind", "write-content",
        }  # fmt: skip
        # Nothing happened, and syncing goes on.
        assert (after.hrefs, after.sync_token) == ([], before)
        assert alice.get(book).body == cards
    elif operation != "copy out":
        assert after.hrefs
        assert after.sync_token != before


@pytest.mark.parametrize("privilege", ON_BOOK)
def test_the_privilege_set_tells_beforehand(world: World, privilege: str) -> None:
    alice, book = _prepare(world, privilege)
    name = "D:current-user-privilege-set"
    assert alice.find("/", name).privileges == READ_ONLY
    assert alice.find(alice.home, name).privileges == ON_BOOK["manage"]
    assert alice.find(alice.contacts, name).privileges == ON_BOOK["manage"]
    assert alice.find(book, name).privileges == ON_BOOK[privilege]
    assert alice.listing(name)[book].privileges == ON_BOOK[privilege]
    own, others = f"{book}own.vcf", f"{book}others.vcf"
    listed = alice.propfind(book, [name], depth=1)
    changed = alice.sync(book, names=[name])
    fetched = alice.multiget(book, [own, others], [name])
    for answer in (listed, changed, fetched):
        assert answer[own].privileges == ON_OWN_CARD[privilege]
        assert answer[others].privileges == ON_OTHERS_CARD[privilege]
    assert alice.find(own, name).privileges == ON_OWN_CARD[privilege]


def test_a_refused_write_tells_which_privilege_is_missing_where(world: World) -> None:
    alice, book = _prepare(world, "read")
    refused = alice.put(f"{book}new.vcf", vcard("new"))
    assert refused.missing_privileges == {f"{book}new.vcf": {"bind"}}
    refused = alice.put(f"{book}own.vcf", vcard("own", "Changed"))
    assert refused.missing_privileges == {f"{book}own.vcf": {"write-content"}}
    refused = alice.delete(f"{book}own.vcf")
    assert refused.missing_privileges == {f"{book}own.vcf": {"unbind"}}


def test_the_reason_of_a_refusal_comes_before_the_state_of_the_card(world: World) -> None:
    """A client that may not write at all learns that, and not to fetch the card and try again."""
    alice, book = _prepare(world, "read")
    stale = {"if_match": '"stale"'}
    assert alice.put(f"{book}own.vcf", vcard("own"), **stale).status == 403
    assert alice.put(f"{book}other-name.vcf", vcard("own")).status == 403
    assert alice.delete(f"{book}own.vcf", **stale).status == 403


def test_the_same_octets_again_are_refused_as_well(world: World) -> None:
    alice, book = _prepare(world, "read")
    card = alice.get(f"{book}own.vcf").body
    assert alice.put(f"{book}own.vcf", card).status == 403


@pytest.mark.parametrize("privilege", ON_BOOK)
def test_a_changed_privilege_counts_at_once_and_changes_the_ctag(
    world: World, privilege: str
) -> None:
    alice, book = world.shared("write" if privilege == "read" else "read")
    before = alice.find(alice.path(book), "CS:getctag").text("CS:getctag")
    world.grant(book, alice, privilege)
    now = alice.find(alice.path(book), "CS:getctag", "D:current-user-privilege-set")
    assert now.privileges == ON_BOOK[privilege]
    assert now.text("CS:getctag") != before
    allowed = privilege != "read"
    status = alice.put(alice.path(book, "ann.vcf"), vcard()).status
    assert status == (201 if allowed else 403)


def test_the_strongest_of_several_grants_counts(world: World) -> None:
    alice, book = world.member(), world.book()
    for name, privilege in (("readers", "read"), ("editors", "write"), ("helpers", "create")):
        world.grant(book, world.group(name, [alice]), privilege)
    world.grant(book, alice, "edit-own")
    granted = alice.find(alice.path(book), "D:current-user-privilege-set").privileges
    assert granted == ON_BOOK["write"]


def test_what_a_colleague_shares_of_their_own_book_is_no_more_than_they_said(world: World) -> None:
    alice, bob = world.member("alice"), world.member("bob")
    assert alice.put(f"{alice.contacts}ann.vcf", vcard()).status == 201
    world.grant(world.own_book(alice), bob, "read")
    [shared] = bob.books() - {"contacts"}
    card = bob.path(shared, "ann.vcf")
    assert bob.get(card).body == vcard()
    assert bob.put(card, vcard("ann", "Changed")).status == 403
    assert bob.delete(card).status == 403
    assert bob.delete(bob.path(shared)).status == 403
    assert alice.get(f"{alice.contacts}ann.vcf").body == vcard()


@pytest.mark.parametrize("path", ["/", "{home}", "/nobody/"])
def test_no_member_deletes_a_home_or_the_root(world: World, path: str) -> None:
    alice = world.member()
    alice.listing()
    answer = alice.delete(path.format(home=alice.home))
    assert (answer.status, answer.conditions) == (403, ["D:need-privileges"])
    assert alice.books() == {"contacts"}
