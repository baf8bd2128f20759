"""Names in URLs: odd ones come back as they are, and no trick leads out of the own home."""

import socket
from urllib.parse import quote, unquote

import pytest

from sharedbooks.identifiers import BookReference
from tests.http.world import Member, World, authority, fresh, vcard
from tests.support.network import LOOPBACK

NAMES = [
    "o'brien",
    "a b",
    "x@example.org",
    "a,b;c=d",
    "müller",
    "mu\u0308ller",
    "日本語",
    "🎉",
    'a&b<c>"d"',
    "100%",
    "%41",
    "a+b",
    "a?b#c",
    "a\\b",
    "~x",
    "$1!*()",
]  # fmt: skip


def _encode_everything(path: str) -> str:
    """Return ``path`` with every octet of every segment percent-encoded, in lower case."""
    return "/".join(
        "".join(f"%{octet:02x}" for octet in unquote(segment).encode())
        for segment in path.split("/")
    )


def _encode_little(path: str) -> str:
    """Return ``path`` with everything unencoded that may stand in a URL."""
    return quote(unquote(path), safe="/!$&'()*+,;=:@~-._")


@pytest.mark.parametrize("name", [*NAMES, "a:b", "sales.", ".hidden"])
def test_names_of_books_and_cards_come_back_as_they_are(world: World, name: str) -> None:
    alice, book_name = world.member(), fresh(name)
    book = world.exact_book(BookReference(None, book_name))
    world.grant(book, alice, "write")
    [book_path] = set(alice.listing().hrefs) - {alice.home, alice.contacts}
    assert unquote(book_path) == f"{alice.home}{book_name}/"
    path = f"{book_path}{quote(name, safe='')}.vcf"
    etag = alice.put(path, vcard("ann", name)).etag
    assert etag

    [_, card_path] = alice.propfind(book_path, ["D:getetag"], depth=1).hrefs
    assert unquote(card_path) == f"{alice.home}{book_name}/{name}.vcf"
    for answer in (
        alice.sync(book_path),
        alice.multiget(book_path, [card_path], ["D:getetag"]),
        alice.propfind(card_path, ["D:getetag"]),
    ):
        assert answer.hrefs == [card_path]
    for spelled in (card_path, path, _encode_everything(card_path), _encode_little(card_path)):
        got = alice.get(spelled)
        assert (got.status, got.etag) == (200, etag), spelled
        fetched = alice.multiget(book_path, [spelled.replace("&", "&amp;")], ["D:getetag"])
        assert fetched[card_path].text("D:getetag") == etag
    assert alice.delete(_encode_everything(card_path)).status == 204
    assert alice.sync(book_path).hrefs == []


def test_hrefs_are_encoded_as_they_always_were(world: World) -> None:
    """Clients keep hrefs and compare them as strings, also with those of a later version."""
    alice = world.member()
    name = "Az09-._~ @:!$&'()*+,;=%?#[]\\\"<>^`{|}ü🎉"
    assert alice.put(alice.contacts + quote(name, safe=""), vcard()).status == 201
    encoded = (
        "Az09-._~%20@:%21%24%26%27%28%29%2A%2B%2C%3B%3D%25%3F%23%5B%5D%5C%22%3C%3E%5E%60%7B%7C%7D"
        "%C3%BC%F0%9F%8E%89"
    )
    assert alice.sync(alice.contacts).hrefs == [alice.contacts + encoded]


def test_a_card_may_be_named_by_a_uid_with_slashes(world: World) -> None:
    alice, book = world.shared()
    path = alice.path(book, "http%3A%2F%2Fexample.org%2Fann.vcf")
    stored = alice.put(path, vcard("ann"))
    assert stored.status == 201
    assert set(world.stored(book)) == {"http:/example.org/ann.vcf"}
    [_, listed] = alice.propfind(alice.path(book), ["D:getetag"], depth=1).hrefs
    assert "%2F" in listed
    for answer in (
        alice.multiget(alice.path(book), [listed], ["D:getetag"]),
        alice.sync(alice.path(book)),
        alice.propfind(listed, ["D:getetag"]),
    ):
        assert answer.hrefs == [listed]
        assert answer[listed].text("D:getetag") == stored.etag
    assert alice.get(path).body == vcard("ann")
    assert alice.put(path, vcard("ann", "Changed"), if_match=stored.etag or "").status == 204
    assert alice.delete(listed).status == 204
    assert world.stored(book) == {}


@pytest.mark.parametrize("name", NAMES)
def test_users_with_odd_names_have_a_home(world: World, name: str) -> None:
    normal = fresh(name).replace("u\u0308", "ü")
    alice = world.log_in(world.exact_user(normal))
    [home] = alice.find("/", "D:current-user-principal").hrefs("D:current-user-principal")
    assert unquote(home) == f"/{normal}/"
    [listed, contacts] = alice.propfind(home, depth=1).hrefs
    assert (listed, contacts) == (home, f"{home}contacts/")
    assert alice.put(f"{contacts}ann.vcf", vcard()).status == 201
    for spelled in (_encode_everything(contacts), _encode_little(contacts)):
        answer = alice.propfind(spelled, depth=1)
        assert answer.hrefs == [contacts, f"{contacts}ann.vcf"]


def test_a_member_called_obrien_makes_and_shares_books(world: World) -> None:
    name = fresh("o'brien")
    brien, bob = world.log_in(world.exact_user(name)), world.member("bob")
    [home] = brien.find("/", "D:current-user-principal").hrefs("D:current-user-principal")
    assert brien.mkcol(f"{home}{quote('kid' + chr(39) + 's')}/").status == 201
    world.grant(world.own_book(brien, "kid's"), bob, "read")
    [shared] = [href for href in bob.listing().hrefs if "kid" in href]
    assert unquote(shared) == f"{bob.home}kid's-{name}/"
    assert bob.find(shared, "D:owner").hrefs("D:owner") == [home]


TRICKS = [
    "/{bob}/contacts/../../{alice}/contacts/ann.vcf",
    "/{bob}/../{alice}/contacts/ann.vcf",
    "/{bob}/%2e%2e/{alice}/contacts/ann.vcf",
    "/{bob}/%2E%2e/{alice}/contacts/ann.vcf",
    "/{bob}%2F..%2F{alice}/contacts/ann.vcf",
    "/{bob}/contacts/..%2F..%2F{alice}%2Fcontacts%2Fann.vcf",
    "/{bob}/..;/{alice}/contacts/ann.vcf",
    "/{bob}/%c0%ae%c0%ae/{alice}/contacts/ann.vcf",
    "/{bob}/\\..\\{alice}\\contacts\\ann.vcf",
    "/{bob}/%252e%252e/{alice}/contacts/ann.vcf",
    "/./{alice}/contacts/ann.vcf",
    "/%2e/{alice}/contacts/ann.vcf",
    "//{alice}/contacts/ann.vcf",
    "/{alice}//contacts//ann.vcf",
    "/{bob}/contacts/%00/../ann.vcf",
    "/{alice}%00{bob}/contacts/ann.vcf",
    "/{bob}/contacts/ann.vcf%00",
    "/{alice}/contacts/ann.vcf?/{bob}/contacts/",
    "/{bob}/contacts/%FF%FE.vcf",
    "/{bob}/contacts/" + "x" * 300 + ".vcf",
    "/{bob}/contacts/" + "x" * 20_000 + ".vcf",
    "/" + "/x" * 3_000,
    "/{bob}/contacts/%ED%A0%80.vcf",
]


@pytest.mark.parametrize("method", ["GET", "PROPFIND", "PUT", "DELETE"])
@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_with_paths_leads_to_somebody_elses_cards(
    world: World, method: str, trick: str
) -> None:
    alice, bob = world.member("alice"), world.member("bob")
    secret = vcard("ann", "Secret")
    assert alice.put(f"{alice.contacts}ann.vcf", secret).status == 201
    bob.listing()
    path = trick.format(alice=alice.name, bob=bob.name)
    answer = bob.request(method, path, vcard("ann", "Forged") if method == "PUT" else b"")
    harmless = {400, 404, 414, 431}
    assert answer.status in (harmless | {201, 405} if method == "PUT" else harmless)
    assert b"Secret" not in answer.body
    assert world.stored(world.own_book(alice)) == {"ann.vcf": secret}
    if answer.status == 201:
        # What is a name and no path was taken as a name in the own book.
        assert len(world.stored(world.own_book(bob))) == 1


@pytest.mark.parametrize("method", ["GET", "PROPFIND", "PUT", "DELETE", "MKCOL", "OPTIONS"])
@pytest.mark.parametrize(
    "below", ["..", "../x", "%2e%2e", "%2E%2e/x", ".", "contacts/%2e%2e/x", "a%00b", "%00", "%FF"]
)
def test_a_path_that_climbs_or_is_no_text_is_refused_at_the_door(
    world: World, method: str, below: str
) -> None:
    alice = world.member()
    for client in (alice, world.client()):
        answer = client.request(method, alice.home + below, b"x" if method == "PUT" else b"")
        assert answer.status == 400


@pytest.mark.parametrize("destination", TRICKS)
def test_no_trick_with_destinations_leads_to_somebody_elses_home(
    world: World, destination: str
) -> None:
    alice, bob = world.member("alice"), world.member("bob")
    secret = vcard("ann", "Secret")
    assert alice.put(f"{alice.contacts}ann.vcf", secret).status == 201
    assert bob.put(f"{bob.contacts}source.vcf", vcard("ann", "Forged")).status == 201
    target = destination.format(alice=alice.name, bob=bob.name)
    for url in (target, f"http://{authority(world)}{target}"):
        answer = bob.request("COPY", f"{bob.contacts}source.vcf", headers={"Destination": url})
        assert 400 <= answer.status < 500 or answer.status == 502
        assert b"Secret" not in answer.body
    assert world.stored(world.own_book(alice)) == {"ann.vcf": secret}


def test_multiget_follows_no_trick(world: World) -> None:
    alice, bob = world.member("alice"), world.member("bob")
    assert alice.put(f"{alice.contacts}ann.vcf", vcard("ann", "Secret")).status == 201
    bob.listing()
    hrefs = [trick.format(alice=alice.name, bob=bob.name) for trick in TRICKS]
    answer = bob.multiget(bob.contacts, hrefs)
    assert {resource.status for resource in answer.resources.values()} == {404}
    assert b"Secret" not in answer.body


def test_double_slashes_in_the_own_home_are_one(world: World) -> None:
    alice = world.member()
    assert alice.put(f"{alice.contacts}ann.vcf", vcard()).status == 201
    assert alice.get(f"/{alice.home}/contacts//ann.vcf").body == vcard()


def _raw(member: Member, target: bytes) -> bytes:
    """Send a request line that no HTTP library would send; return the status line."""
    headers = f"Host: x\r\nConnection: close\r\nAuthorization: {member.headers['Authorization']}"
    with socket.create_connection((LOOPBACK, member.port), timeout=10) as connection:
        connection.sendall(b"GET " + target + b" HTTP/1.1\r\n" + headers.encode() + b"\r\n\r\n")
        received = connection.makefile("rb").read()
    return received.partition(b"\r\n")[0]


def test_octets_that_stand_in_no_url_are_refused(world: World) -> None:
    alice = world.member()
    assert alice.put(f"{alice.contacts}%C3%BC.vcf", vcard()).status == 201
    assert b" 200 " in _raw(alice, f"{alice.contacts}%C3%BC.vcf".encode())
    for target in (b"\xff.vcf", b"a\x01.vcf", b"a b.vcf", b"%", b"%zz", b"%f"):
        status = _raw(alice, alice.contacts.encode() + target)
        assert b" 400 " in status or b" 404 " in status, (target, status)


def test_a_trailing_slash_makes_no_difference(world: World) -> None:
    alice, book = world.shared()
    assert alice.put(alice.path(book, "ann.vcf/"), vcard()).status == 201
    assert alice.propfind(alice.path(book).rstrip("/")).hrefs == [alice.path(book)]
    assert alice.propfind(alice.home.rstrip("/")).hrefs == [alice.home]
    assert alice.propfind(alice.path(book, "ann.vcf/")).hrefs == [alice.path(book, "ann.vcf")]
