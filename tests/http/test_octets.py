"""A card comes back octet for octet as it was sent, under the same ETag everywhere."""

import base64
import random

import pytest

from tests.http.world import World, vcard


def _card(*lines: bytes, newline: bytes = b"\r\n") -> bytes:
    return newline.join((b"BEGIN:VCARD", *lines, b"END:VCARD", b""))


_HEAD = (b"VERSION:3.0", b"UID:ann", b"FN:Ann")
_FOLDED_INSIDE_A_CHARACTER = "NOTE:Gr\u00fc\u00dfe".encode().replace(b"\xc3\xbc", b"\xc3\r\n \xbc")

CARDS = {
    "crlf": _card(*_HEAD),
    "lf": _card(*_HEAD, newline=b"\n"),
    "no line end at the end": _card(*_HEAD).rstrip(),
    "blank lines at the end": _card(*_HEAD) + b"\r\n\r\n",
    "byte order mark": b"\xef\xbb\xbf" + _card(*_HEAD),
    "lower case": b"begin:vcard\r\nversion:3.0\r\nuid:ann\r\nfn:Ann\r\nend:vcard\r\n",
    "no version, no name": _card(b"UID:ann"),
    "unknown properties and parameters": _card(
        *_HEAD,
        b"X-ABShowAs:COMPANY",
        b'x-user-Defined;X-Param="a;b:c";TYPE=x,y:value\\;with\\, escapes\\n',
        b"item1.TEL;type=pref;type=CELL:+49 170 1",
        b"item1.X-ABLabel:_$!<Mobile>!$_",
        b"X_UNDERSCORE:1",
    ),
    "two of all, oddly ordered": _card(
        b"EMAIL:b@example.org", b"FN:Ann", b"VERSION:3.0", b"EMAIL:a@example.org", b"UID:ann",
        b"FN:Annie",
    ),
    "spaces at line ends": _card(*_HEAD, b"NOTE:trailing   ", b"TITLE:\t tab"),
    "folded with tabs and spaces": _card(*_HEAD, b"NOTE:one\r\n\ttwo\r\n  three\r\n four"),
    "folded inside a character": _card(*_HEAD, _FOLDED_INSIDE_A_CHARACTER),
    "one long line": _card(*_HEAD, b"NOTE:" + b"x" * 100_000),
    "emoji and right to left": _card(*_HEAD, "NOTE:🎉 שלום \u202eabc".encode()),
    "Apple group": _card(
        *_HEAD,
        b"X-ADDRESSBOOKSERVER-KIND:group",
        b"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:2b1e3f6a",
    ),
    "vCard 4.0": _card(
        b"VERSION:4.0",
        b"UID:urn:uuid:4fbe8971-0bc3-424c-9c26-36c3e1eff6b1",
        b"FN;LANGUAGE=en:Ann",
        b"PHOTO:data:image/jpeg;base64,MIICajCCAdOgAwIBAgICBEUwDQYJKoZIhv",
        b"GENDER:F;grrrl",
        b'ADR;LABEL="a^nb":;;1 Road;Town;;1;Land;extra;more',
    ),
    "4.0 group": _card(b"VERSION:4.0", b"UID:ann", b"KIND:group", b"FN:Team", b"MEMBER:mailto:a@b"),
    "unescaped and broken values": _card(
        *_HEAD, b"URL:http://x/?a=1,b;c", b"BDAY:yesterday", b"N:a;b;c;d;e;f;g", b"PHOTO:not base64"
    ),
    "line without colon values": _card(*_HEAD, b"NOTE:", b"X-EMPTY:"),
    "big photo": _card(
        *_HEAD,
        b"PHOTO;ENCODING=b;TYPE=JPEG:"
        + b"\r\n ".join(
            base64.b64encode(random.Random(1).randbytes(57)) for _ in range(2_000_000 // 76)
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_what_was_put_is_what_is_got(world: World, card: bytes) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    stored = alice.put(path, card)
    assert stored.status == 201, stored
    assert (stored.etag or "").strip('"')
    got = alice.get(path)
    assert got.status == 200
    assert got.body == card
    assert got.headers["Content-Type"] == "text/vcard; charset=utf-8"
    listed = alice.propfind(path, ["D:getetag", "D:getcontentlength"])[path]
    assert listed.text("D:getcontentlength") == str(len(card))
    synced = alice.sync(alice.path(book))[path]
    fetched = alice.multiget(alice.path(book), [path])[path]
    etags = {got.etag, *(r.text("D:getetag") for r in (listed, synced, fetched))}
    assert etags == {stored.etag}
    assert world.stored(book) == {"ann.vcf": card}


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("crlf", "CARD:address-data"),
        ("unknown properties and parameters", "CARD:address-data"),
        ("vCard 4.0", 'CARD:address-data version="4.0"'),
    ],
)
def test_a_report_of_the_stored_version_carries_the_same_text(
    world: World, name: str, asked: str
) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    alice.put(path, CARDS[name])
    for answer in (
        alice.multiget(alice.path(book), [path], names=["D:getetag", asked]),
        alice.sync(alice.path(book), names=["D:getetag", asked]),
    ):
        text = answer[path].text("CARD:address-data")
        # XML parsers make one line feed of every line end.
        assert text.encode() == CARDS[name].replace(b"\r\n", b"\n")


def test_a_report_carries_whole_characters_of_a_card_folded_inside_one(world: World) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    alice.put(path, CARDS["folded inside a character"])
    text = alice.multiget(alice.path(book), [path])[path].text("CARD:address-data")
    assert "Gr\u00fc\u00dfe" in text.replace("\n ", "")


def test_an_equal_put_changes_nothing(world: World) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    first = alice.put(path, vcard())
    asked = ("D:sync-token", "CS:getctag")
    before = alice.find(alice.path(book), *asked)
    again = alice.put(path, vcard())
    assert (again.status, again.etag) == (204, first.etag)
    after = alice.find(alice.path(book), *asked)
    assert [after.text(name) for name in asked] == [before.text(name) for name in asked]
    assert world.revision(book) == 1
    changed = alice.put(path, vcard("ann", "Changed"))
    assert (changed.status, changed.etag != first.etag) == (204, True)
    later = alice.find(alice.path(book), *asked)
    assert all(later.text(name) != before.text(name) for name in asked)


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
def test_a_missing_uid_is_added_and_the_etag_is_left_out(world: World, newline: bytes) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    card = _card(b"VERSION:3.0", b"FN:Ann", newline=newline)
    answer = alice.put(path, card)
    assert (answer.status, answer.etag) == (201, None)
    lines = alice.get(path).body.split(newline)
    [uid] = [line for line in lines if line.startswith(b"UID:")]
    assert len(uid) > 20
    assert newline.join(line for line in lines if line != uid) == card
    # Sent again without it, the card keeps the one it has.
    edited = alice.put(path, _card(b"VERSION:3.0", b"FN:Anna", newline=newline))
    assert (edited.status, edited.etag) == (204, None)
    assert uid in alice.get(path).body.split(newline)


def test_head_is_get_without_the_body(world: World) -> None:
    alice, book = world.shared()
    for path in (alice.path(book, "ann.vcf"), alice.path(book)):
        alice.put(alice.path(book, "ann.vcf"), vcard())
        got, head = alice.get(path), alice.request("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        for name in ("ETag", "Content-Type", "Content-Length", "Last-Modified"):
            assert head.headers[name] == got.headers[name]
    assert alice.request("HEAD", alice.path(book, "none.vcf")).status == 404


def test_a_whole_book_is_got_as_one_file(world: World) -> None:
    alice, book = world.shared()
    cards = {"a.vcf": vcard("a"), "b.vcf": vcard("b").rstrip(), "c.vcf": vcard("c")}
    for name, card in cards.items():
        alice.put(alice.path(book, name), card)
    answer = alice.get(alice.path(book))
    assert answer.body == vcard("a") + vcard("b") + vcard("c")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    again = alice.get(alice.path(book), if_none_match=answer.etag or "")
    assert (again.status, again.body) == (304, b"")
