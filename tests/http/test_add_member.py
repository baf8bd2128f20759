"""POST of a card under a name of the server's (RFC 5995), and seeing what a change made."""

import gzip

from tests.http.client import Answer, Client
from tests.http.world import World, vcard


def _post(client: Client, path: str, card: bytes, **headers: str) -> Answer:
    return client.request("POST", path, card, {"Content-Type": "text/vcard", **headers})


def test_a_book_tells_where_cards_are_posted_and_takes_them(world: World) -> None:
    alice, book = world.shared("create")
    [url] = alice.find(alice.path(book), "D:add-member").hrefs("D:add-member")
    answer = _post(alice, url, vcard("ann"))
    assert answer.status == 201
    location = answer.headers["Location"]
    assert location.startswith(alice.path(book))
    got = alice.get(location)
    assert (got.body, got.etag) == (vcard("ann"), answer.etag)


def test_a_reader_is_told_no_place_and_may_not_post(world: World) -> None:
    alice, book = world.shared("read")
    asked = alice.find(alice.path(book), "D:add-member")
    assert asked.statuses == {"D:add-member": 404}
    answer = _post(alice, f"{alice.path(book)}?add-member", vcard("ann"))
    assert (answer.status, answer.conditions) == (403, ["D:need-privileges"])
    assert world.stored(book) == {}


def test_what_a_put_refuses_a_post_refuses(world: World) -> None:
    alice, book = world.shared()
    url = f"{alice.path(book)}?add-member"
    assert _post(alice, url, vcard("ann")).status == 201
    again = _post(alice, url, vcard("ann"))
    assert (again.status, again.conditions) == (403, ["CARD:no-uid-conflict"])
    bad = _post(alice, url, b"BEGIN:VCARD")
    assert (bad.status, bad.conditions) == (403, ["CARD:valid-address-data"])
    assert len(world.stored(book)) == 1


def test_post_elsewhere_is_no_method(world: World) -> None:
    alice, book = world.shared()
    for path in ("/", alice.home, alice.path(book), f"{alice.path(book, 'x.vcf')}?add-member"):
        assert _post(alice, path, vcard("ann")).status == 405, path


def test_a_client_may_see_what_its_change_made(world: World) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    card = vcard(None)
    made = alice.put(path, card, prefer="return=representation")
    assert made.status == 201
    assert made.headers["Preference-Applied"] == "return=representation"
    assert made.body != card, "a UID was added"
    got = alice.get(path)
    assert (made.body, made.etag) == (got.body, got.etag)
    changed = alice.put(path, got.body.replace(b"Ann", b"Eve"), prefer="return=representation")
    assert (changed.status, changed.body) == (200, alice.get(path).body)


def test_long_answers_are_compressed_for_those_who_take_it(world: World) -> None:
    alice, book = world.shared()
    for number in range(30):
        alice.put(alice.path(book, f"{number}.vcf"), vcard(f"{number}"))
    plain = alice.propfind(alice.path(book), ["D:getetag"], depth=1)
    for accepted in ("gzip", "deflate, gzip;q=1.0", "br, x-gzip", "*"):
        packed = alice.propfind(alice.path(book), ["D:getetag"], depth=1, accept_encoding=accepted)
        assert packed.headers["Content-Encoding"] == "gzip", accepted
        assert gzip.decompress(packed.body) == plain.body
        assert len(packed.body) < len(plain.body) / 3
    for refused in ("gzip;q=0", "identity", "br"):
        answer = alice.propfind(alice.path(book), ["D:getetag"], depth=1, accept_encoding=refused)
        assert answer.body == plain.body, refused
    assert "Accept-Encoding" in plain.headers["Vary"]
    short = alice.propfind(alice.path(book), ["D:getetag"], accept_encoding="gzip")
    assert short.headers["Content-Encoding"] is None
