"""Polls, which are answered from one statement: they tell what longer requests tell, at once."""

import pytest

from sharedbooks.domain import credentials, principals
from tests.http.client import Answer
from tests.http.world import Member, World, vcard

STATE = ("D:sync-token", "CS:getctag", "D:current-user-privilege-set", "D:owner")
MORE = (*STATE, "D:displayname")
"""A book's name depends on the others in the home: this is read in a snapshot."""


def _poll(member: Member, path: str, names: tuple[str, ...] = STATE) -> Answer:
    return member.propfind(path, names, depth=0)


def _told(member: Member, path: str, names: tuple[str, ...] = STATE) -> list[object]:
    [resource] = _poll(member, path, names).resources.values()
    known = [resource.text(name) for name in STATE[:2]]
    return [*known, resource.privileges, resource.hrefs("D:owner")]


@pytest.mark.parametrize("privilege", ["read", "create", "edit-own", "write", "manage"])
def test_a_poll_tells_what_a_longer_request_tells(world: World, privilege: str) -> None:
    alice, book = world.shared(privilege)
    world.device(alice.user, "tablet")
    for path in (alice.path(book), alice.contacts):
        assert _told(alice, path) == _told(alice, path, MORE)


def test_a_poll_knows_the_groups_of_its_own_user_only(world: World) -> None:
    alice, bob = world.member("alice"), world.member("bob")
    group, book = world.group("sales", [alice, bob]), world.book()
    world.grant(book, group, "write")
    path = bob.path(book)
    before = _told(bob, path)
    world.leave(group, bob)
    for names in (STATE, MORE):
        assert _poll(bob, path, names).status == 404
    assert bob.sync(path, "").status == 404
    assert _poll(alice, alice.path(book)).status == 207
    world.join(group, bob)
    assert _told(bob, path) == before


def test_a_changed_privilege_is_seen_by_the_next_poll(world: World) -> None:
    alice, book = world.shared("write")
    seen = [_told(alice, alice.path(book))]
    for privilege in ("read", "manage"):
        world.grant(book, alice, privilege)
        seen.append(_told(alice, alice.path(book)))
        assert seen[-1] == _told(alice, alice.path(book), MORE)
    assert len({str(each) for each in seen}) == 3


def test_a_change_is_seen_by_the_next_poll_and_sync(world: World) -> None:
    alice, book = world.shared()
    bob = world.member("bob")
    world.grant(book, bob, "write")
    path = alice.path(book)
    token = alice.sync(path).sync_token
    again = alice.sync(path, token)
    assert (again.hrefs, again.sync_token) == ([], token)
    bob.put(bob.path(book, "ann.vcf"), vcard())
    assert _told(alice, path) == _told(alice, path, MORE)
    assert alice.sync(path, token).hrefs == [alice.path(book, "ann.vcf")]


def test_the_next_poll_after_the_loss_of_a_device_is_refused(world: World) -> None:
    alice, book = world.shared()
    bob, _ = world.shared()
    assert _poll(alice, alice.path(book)).status == 207
    with world.database.write() as connection:
        [device] = credentials.list_devices(connection, alice.user)
        credentials.revoke_device(connection, alice.user, device.label)
        principals.set_enabled(connection, bob.user, enabled=False)
    assert _poll(alice, alice.path(book)).status == 401
    assert _poll(bob, bob.contacts).status == 401


def test_the_first_request_of_all_may_be_a_poll(world: World) -> None:
    alice, book = world.member(), world.book()
    assert _poll(alice, alice.contacts).status == 207
    world.grant(book, alice, "read")
    assert _poll(alice, alice.path(book)).status == 207
    assert _poll(alice, "/somebody-else/contacts/").status == 404
