"""Requests that cannot be answered: the status, and the condition that says why."""

import pytest

from tests.http.client import document
from tests.http.world import World, vcard

BAD_CARDS = {
    "empty": b"",
    "blank": b"\r\n\r\n",
    "no card": b"hello world",
    "no end": b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:ann\r\nFN:Ann\r\n",
    "no begin": b"VERSION:3.0\r\nUID:ann\r\nFN:Ann\r\nEND:VCARD\r\n",
    "two cards": vcard("a") + vcard("b"),
    "a calendar": b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n",
    "a card in a card": b"BEGIN:VCARD\r\nBEGIN:VCARD\r\nEND:VCARD\r\nEND:VCARD\r\n",
    "NUL": b"BEGIN:VCARD\r\nFN:a\x00b\r\nEND:VCARD\r\n",
    "Latin-1": "BEGIN:VCARD\r\nFN:Jürgen\r\nEND:VCARD\r\n".encode("latin-1"),
    "text after it": vcard() + b"and more",
    "unknown version": b"BEGIN:VCARD\r\nVERSION:5.0\r\nFN:Ann\r\nEND:VCARD\r\n",
    "gzip": b"\x1f\x8b\x08\x00",
    "long UID": vcard("x" * 256),
}


@pytest.mark.parametrize("card", BAD_CARDS.values(), ids=BAD_CARDS)
def test_what_is_no_card_is_refused(world: World, card: bytes) -> None:
    alice, book = world.shared()
    answer = alice.put(alice.path(book, "ann.vcf"), card)
    assert (answer.status, answer.conditions) == (403, ["CARD:valid-address-data"])
    assert answer.xml.findtext("{DAV:}responsedescription")
    assert world.stored(book) == {}


def test_a_refused_card_leaves_the_one_before(world: World) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    etag = alice.put(path, vcard()).etag
    for card in BAD_CARDS.values():
        assert alice.put(path, card).status == 403
    assert (alice.get(path).body, alice.get(path).etag) == (vcard(), etag)
    assert world.revision(book) == 1


def test_an_old_vcard_is_not_supported(world: World) -> None:
    alice, book = world.shared()
    card = b"BEGIN:VCARD\r\nVERSION:2.1\r\nUID:ann\r\nN:Example;Ann\r\nEND:VCARD\r\n"
    answer = alice.put(alice.path(book, "ann.vcf"), card)
    assert (answer.status, answer.conditions) == (403, ["CARD:supported-address-data"])


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("text/vcard", 201),
        ("text/vcard; charset=utf-8", 201),
        ("TEXT/VCARD;VERSION=4.0", 201),
        ("text/x-vcard", 201),
        ("text/directory;profile=vCard", 201),
        ("application/octet-stream", 201),
        ("", 201),
        ("application/json", 403),
        ("text/calendar; charset=utf-8", 403),
        ("text/html", 403),
    ],
)
def test_a_body_announced_as_something_else_is_refused(
    world: World, content_type: str, status: int
) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    answer = alice.put(path, vcard(), content_type=content_type)
    assert answer.status == status
    if status == 403:
        assert answer.conditions == ["CARD:supported-address-data"]


def test_a_card_too_large_to_keep_is_refused(world: World) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    limit = int(alice.find(alice.path(book), "CARD:max-resource-size").text(
        "CARD:max-resource-size"
    ))  # fmt: skip
    empty = len(vcard("ann", "Ann", "NOTE:"))
    assert alice.put(path, vcard("ann", "Ann", "NOTE:" + "x" * (limit - empty))).status == 201
    answer = alice.put(path, vcard("ann", "Ann", "NOTE:" + "x" * (limit - empty + 1)))
    assert (answer.status, answer.conditions) == (403, ["CARD:max-resource-size"])
    assert len(alice.get(path).body) == limit


@pytest.mark.parametrize("method", ["PUT", "PROPFIND", "REPORT", "PROPPATCH", "MKCOL"])
def test_a_body_too_large_to_read_is_refused(world: World, method: str) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf") if method == "PUT" else alice.path(book)
    path = f"{alice.home}new/" if method == "MKCOL" else path
    body = b" " * (5 * 1024 * 1024 + 1)
    assert alice.request(method, path, body).status == 413
    # The connection, or the next one, still works.
    assert alice.put(alice.path(book, "ann.vcf"), vcard()).status == 201


BAD_XML = {
    "no XML": "hello",
    "cut off": '<propfind xmlns="DAV:"><prop>',
    "undeclared prefix": "<D:propfind><D:allprop/></D:propfind>",
    "DTD": '<!DOCTYPE a SYSTEM "http://127.0.0.1/x"><a/>',
    "entity": '<!DOCTYPE a [<!ENTITY b "c">]><propfind xmlns="DAV:"><prop>&b;</prop></propfind>',
    "external entity": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
    '<propertyupdate xmlns="DAV:"><set><prop><displayname>&b;</displayname></prop></set>'
    "</propertyupdate>",
    "billion laughs": '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">'
    '<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]><propfind xmlns="DAV:"><prop>&d;</prop></propfind>',
    "unknown encoding": '<?xml version="1.0" encoding="klingon"?><propfind xmlns="DAV:"/>',
    "two roots": "<a/><b/>",
    "NUL": "<a>\0</a>",
    "another document": '<x:y xmlns:x="z"/>',
}


HIDDEN_DTD = '<!DOCTYPE a [<!ENTITY b "c">]><propfind xmlns="DAV:"><prop>&b;</prop></propfind>'


@pytest.mark.parametrize(
    "body",
    [
        HIDDEN_DTD.encode("utf-16"),
        HIDDEN_DTD.encode("utf-16-le"),
        HIDDEN_DTD.encode("utf-16-be"),
        HIDDEN_DTD.encode("utf-8-sig"),
        b'<?xml version="1.0" encoding="cp037"?>' + HIDDEN_DTD.encode("cp037"),
        b"<?xml version='1.0' encoding = 'utf-7'?>" + HIDDEN_DTD.replace("<!", "+ADwAIQ-").encode(),
    ],
    ids=["UTF-16", "UTF-16-LE", "UTF-16-BE", "UTF-8 with a mark", "EBCDIC", "UTF-7"],
)
def test_no_encoding_hides_a_dtd(world: World, body: bytes) -> None:
    alice, book = world.shared("manage")
    assert alice.request("PROPFIND", alice.path(book), body, {"Depth": "0"}).status == 400


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_body_may_come_in_any_encoding(world: World, encoding: str) -> None:
    alice, book = world.shared("read")
    declared = encoding.removesuffix("-sig")
    document = f'<?xml version="1.0" encoding="{declared}"?>'
    document += '<!-- ä --><propfind xmlns="DAV:"><prop><sync-token/></prop></propfind>'
    answer = alice.request("PROPFIND", alice.path(book), document.encode(encoding), {"Depth": "0"})
    assert answer.status == 207
    assert b"urn:sharedbooks:sync:" in answer.body


@pytest.mark.parametrize("method", ["PROPFIND", "PROPPATCH", "REPORT", "MKCOL"])
@pytest.mark.parametrize("body", BAD_XML.values(), ids=BAD_XML)
def test_bad_xml_is_refused(world: World, method: str, body: str) -> None:
    alice, book = world.shared("manage")
    path = f"{alice.home}new/" if method == "MKCOL" else alice.path(book)
    answer = alice.request(method, path, body, {"Depth": "0"})
    if method == "REPORT" and body == BAD_XML["another document"]:
        assert (answer.status, answer.conditions) == (403, ["D:supported-report"])
    else:
        assert answer.status == 400
    assert b"root:" not in answer.body
    assert alice.books() == {"contacts", book.name}


def test_bad_utf8_in_xml_is_refused(world: World) -> None:
    alice = world.member()
    body = b'<propfind xmlns="DAV:"><prop><\xff/></prop></propfind>'
    assert alice.request("PROPFIND", alice.home, body).status == 400


def test_xml_in_another_encoding_is_read(world: World) -> None:
    alice = world.member()
    body = (
        '<?xml version="1.0" encoding="utf-16"?>'
        '<propertyupdate xmlns="DAV:"><set><prop><displayname>ü</displayname></prop></set>'
        "</propertyupdate>"
    )
    answer = alice.request("PROPPATCH", alice.contacts, body.encode("utf-16"))
    assert answer.status == 207
    assert alice.find(alice.contacts, "D:displayname").text("D:displayname") == "ü"


@pytest.mark.parametrize("report", ["D:version-tree", "D:merge", "CARD:other"])
def test_an_unknown_report_is_refused(world: World, report: str) -> None:
    alice, book = world.shared()
    answer = alice.report(alice.path(book), document(report))
    assert (answer.status, answer.conditions) == (403, ["D:supported-report"])


def test_reports_are_answered_by_books_only(world: World) -> None:
    alice, book = world.shared()
    alice.put(alice.path(book, "ann.vcf"), vcard())
    for path in ("/", alice.home, alice.path(book, "ann.vcf")):
        answer = alice.sync(path)
        assert (answer.status, answer.conditions) == (403, ["D:supported-report"])


@pytest.mark.parametrize("method", ["PATCH", "LOCK", "UNLOCK", "ACL", "SEARCH", "BREW"])
def test_a_method_that_nothing_knows_is_not_allowed(world: World, method: str) -> None:
    alice, book = world.shared()
    for path in ("/", alice.home, alice.path(book), alice.path(book, "ann.vcf")):
        answer = alice.request(method, path, b"x")
        assert answer.status == 405
        assert {"GET", "PUT", "PROPFIND", "REPORT"} <= answer.allow
        assert method not in answer.allow


def test_a_method_that_a_resource_does_not_know_is_not_allowed(world: World) -> None:
    alice, book = world.shared()
    for method, path in (
        ("GET", "/"),
        ("GET", alice.home),
        ("PUT", "/"),
        ("PUT", alice.home),
        ("PUT", alice.path(book)),
        ("MKCOL", "/"),
        ("MKCOL", alice.home),
        ("MKCOL", alice.path(book)),
    ):
        answer = alice.request(method, path, vcard() if method == "PUT" else b"")
        assert answer.status == 405, (method, path, answer)
        assert method not in answer.allow
        assert "PROPFIND" in answer.allow


@pytest.mark.parametrize("login", [False, True])
def test_options_is_answered_to_everybody(world: World, login: bool) -> None:  # noqa: FBT001
    alice, book = world.shared()
    client = alice if login else world.client()
    for path in ("/", alice.home, alice.path(book), alice.path(book, "x.vcf"), "/nobody/", "*"):
        answer = client.request("OPTIONS", path)
        assert answer.status == 200
        assert {"GET", "PUT", "DELETE", "PROPFIND", "PROPPATCH", "REPORT", "MKCOL"} < answer.allow
        assert "addressbook" in answer.headers["DAV"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PROPFIND", "PUT", "DELETE", "REPORT"])
def test_unknown_paths_are_not_found(world: World, method: str) -> None:
    alice, book = world.shared()
    body = {"PUT": vcard(), "REPORT": document("D:sync-collection", "<D:sync-token/>")}
    books, cards = ["/{}/none/"], ["/{}/none/ann.vcf", "/{}/none/a/b/c"]
    if method != "PUT":
        cards += ["/{}/{book}/none.vcf", "/{}/{book}/ann.vcf/deeper"]
    for path in {"PUT": cards, "REPORT": books}.get(method, books + cards):
        url = path.format(alice.name, book=book.name)
        assert alice.request(method, url, body.get(method, "")).status == 404, url


def test_the_answer_is_heard_before_a_large_body_is_read(world: World) -> None:
    """A client that sends a photo without a password first must get the 401, and go on."""
    alice, book = world.shared()
    photo = vcard("ann", "Ann", "PHOTO:" + "x" * 3_000_000)
    stranger = world.client()
    for _ in range(3):
        assert stranger.put(alice.path(book, "ann.vcf"), photo).status == 401
        assert alice.put(alice.path("none", "ann.vcf"), photo).status == 404
        assert alice.request("MKCALENDAR", f"{alice.home}x/", photo).status == 403
    assert alice.put(alice.path(book, "ann.vcf"), photo).status == 201
