"""A server below a path: told by the configuration, or by a trusted proxy."""

from collections.abc import Iterator

import pytest

from tests.http.client import Client
from tests.http.conftest import Served
from tests.http.world import World, vcard


def _walk(client: Client, prefix: str, name: str, sent: str) -> None:
    """Go from discovery to a card and back; ``sent`` is the prefix in the client's own requests."""
    principal = client.find(f"{sent}/", "D:current-user-principal")
    [home] = principal.hrefs("D:current-user-principal")
    assert home == f"{prefix}/{name}/"

    def below(href: str) -> str:
        return sent + href.removeprefix(prefix)

    listing = client.propfind(below(home), ["D:owner", "CARD:addressbook-home-set"], depth=1)
    book = f"{home}contacts/"
    assert listing.hrefs == [home, book]
    assert listing[home].hrefs("CARD:addressbook-home-set") == [home]
    assert listing[book].hrefs("D:owner") == [home]
    card = f"{book}ann.vcf"
    assert client.put(below(card), vcard()).status == 201
    assert client.get(below(card)).body == vcard()
    assert client.sync(below(book)).hrefs == [card]
    assert client.multiget(below(book), [card]).hrefs == [card]
    assert client.propfind(below(book), depth=1).hrefs == [book, card]
    query = client.report(
        below(book),
        '<c:addressbook-query xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav"><prop>'
        "<getetag/></prop><c:filter/></c:addressbook-query>",
    )
    assert query.hrefs == [card]
    conflict = client.put(below(f"{book}other.vcf"), vcard())
    assert [href.text for href in conflict.xml.iter("{DAV:}href")] == [card]
    moved = client.request(
        "MOVE", below(card), headers={"Destination": f"{prefix}/{name}/contacts/b.vcf"}
    )
    assert moved.status == 201
    assert client.delete(below(f"{book}b.vcf")).status == 204


@pytest.fixture
def below_dav(prefixed: Served) -> Iterator[World]:
    with prefixed.world() as made:
        yield made


def test_a_prefix_is_in_front_of_every_address(below_dav: World) -> None:
    alice = below_dav.member()
    _walk(alice, "/dav", alice.name, "/dav")
    assert alice.propfind("/dav").hrefs == ["/dav/"]
    found = alice.propfind("/.well-known/carddav", ["D:current-user-principal"])
    assert found["/dav/"].hrefs("D:current-user-principal") == [f"/dav/{alice.name}/"]
    answer = below_dav.client().get("/.well-known/carddav")
    assert (answer.status, answer.headers["Location"]) == (301, "/dav/")


@pytest.mark.parametrize("script_name", ["/books", "/books/", "/a/b"])
def test_a_trusted_proxy_may_tell_the_prefix(world: World, script_name: str) -> None:
    """The proxy strips it from the path, as Radicale's documentation has it."""
    alice = world.member()
    alice.headers["X-Script-Name"] = script_name
    _walk(alice, script_name.rstrip("/"), alice.name, "")
    answer = alice.get("/.well-known/carddav")
    assert answer.headers["Location"] == f"{script_name.rstrip('/')}/"


def test_an_untrusted_client_does_not_tell_the_prefix(untrusting: Served) -> None:
    with untrusting.world() as world:
        alice = world.member()
        alice.headers["X-Script-Name"] = "/evil"
        _walk(alice, "", alice.name, "")
        assert alice.get("/.well-known/carddav").headers["Location"] == "/"


@pytest.mark.parametrize(
    ("headers", "status"), [({}, 502), ({"X-Forwarded-Host": "contacts.example.org"}, 201)]
)
def test_the_forwarded_host_is_the_servers_own(
    below_dav: World, headers: dict[str, str], status: int
) -> None:
    alice = below_dav.member()
    book = f"/dav{alice.contacts}"
    alice.put(f"{book}ann.vcf", vcard())
    sent = {"Destination": f"https://contacts.example.org{book}b.vcf", **headers}
    assert alice.request("MOVE", f"{book}ann.vcf", headers=sent).status == status
