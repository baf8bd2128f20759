"""Clients that talk to another node with every request: the nodes are as one."""

from collections.abc import Iterator
from itertools import cycle

import pytest

from sharedbooks.domain.credentials import PasswordHasher, revoke_device, set_password
from sharedbooks.domain.principals import get_user
from tests.http.client import Client
from tests.http.world import Member, fresh, vcard
from tests.nodes.site import FAILURES, Site, fresh_address


@pytest.fixture(params=["postgresql", "galera"])
def site(request: pytest.FixtureRequest) -> Site:
    """The site over each of the databases."""
    made: Site = request.getfixturevalue(f"{request.param}_site")
    return made


def _hop(site: Site, member: Member) -> Iterator[Client]:
    """Yield connections of a member to one node after the other, for ever."""
    return cycle(
        [site.connect(number, (member.name, member.password)) for number in range(len(site.nodes))]
    )


def test_what_is_written_at_a_node_is_seen_at_the_next(site: Site) -> None:
    alice, book = site.world.shared()
    nodes = _hop(site, alice)
    folder = alice.path(book)
    assert next(nodes).propfind(alice.home, depth=1).status == 207
    token = next(nodes).sync(folder).sync_token
    known = {token}
    for number in range(60):
        path = alice.path(book, f"{number % 7}.vcf")
        there = next(nodes).get(path).status == 200
        if there and number % 3 == 0:
            assert next(nodes).delete(path).status == 204
            assert next(nodes).get(path).status == 404
        else:
            content = vcard(f"{number % 7}", f"Step {number}")
            assert next(nodes).put(path, content).status == (204 if there else 201)
            assert next(nodes).get(path).body == content
        polled = next(nodes).find(folder, "D:sync-token").text("D:sync-token")
        assert polled not in known
        known.add(polled)
        changes = next(nodes).sync(folder, token)
        assert (changes.hrefs, changes.sync_token) == ([path], polled)
        token = polled


def test_conditions_count_at_every_node(site: Site) -> None:
    alice, book = site.world.shared()
    nodes = _hop(site, alice)
    path = alice.path(book, "ann.vcf")
    etag = next(nodes).put(path, vcard(), if_none_match="*").etag
    for number in range(12):
        old, content = etag, vcard("ann", f"Step {number}")
        etag = next(nodes).put(path, content, if_match=old or "").etag
        assert etag not in {None, old}
        assert next(nodes).put(path, vcard("ann", "Late"), if_match=old or "").status == 412
        assert next(nodes).put(path, vcard("ann", "New"), if_none_match="*").status == 412


def test_what_is_taken_back_at_a_node_is_refused_at_the_others(site: Site) -> None:
    # What is made and taken back here is done at the first node's database.
    for number in range(1, len(site.nodes)):
        for _ in range(5):
            alice, book = site.world.shared()
            label = fresh("tablet")
            tablet = site.connect(number, (alice.name, site.world.device(alice.user, label)))
            path = alice.path(book, "ann.vcf")
            assert tablet.put(path, vcard()).status == 201
            site.world.revoke(book, alice)
            assert tablet.get(path).status == 404
            assert tablet.put(path, vcard("ann", "Changed")).status == 404
            site.world.grant(book, alice, "read")
            assert tablet.get(path).body == vcard()
            assert tablet.put(path, vcard("ann", "Changed")).status == 403
            with site.database.write() as connection:
                revoke_device(connection, alice.user, label)
            assert tablet.get(path).status == 401


def test_an_old_password_is_refused_at_every_node_that_remembers_it(site: Site) -> None:
    user = site.world.user()
    hasher = PasswordHasher("argon2")
    _set_password(site, user.name, hasher.hash("old"))
    old, new, address = (user.name, "old"), (user.name, "new"), fresh_address()
    for number in range(len(site.nodes)):
        assert site.ask(number, old, address).status == 207
    _set_password(site, user.name, hasher.hash("new"))
    for number in range(len(site.nodes)):
        assert site.ask(number, old, address).status == 401
        assert site.ask(number, new, address).status == 207


def _set_password(site: Site, name: str, secret_hash: str) -> None:
    with site.database.write() as connection:
        set_password(connection, get_user(connection, name), secret_hash)


def test_failed_logins_are_counted_for_all_nodes_together(site: Site) -> None:
    alice = site.world.member()
    address = fresh_address()
    answers = [
        site.ask(number % len(site.nodes), (alice.name, f"guess {number}"), address)
        for number in range(FAILURES + 3)
    ]
    assert [answer.status for answer in answers] == [401] * FAILURES + [429] * 3
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers[FAILURES:])
