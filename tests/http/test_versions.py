"""One card, shown as vCard 3.0, 4.0 or jCard as the client asks, under one ETag."""

import json

import pytest

from tests.http.client import document
from tests.http.world import Member, World

CARD_4 = (
    b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:ann\r\nFN:Ann Example\r\nN:Example;Ann;;;\r\n"
    b'TEL;VALUE=uri;PREF=1;TYPE="home,cell":tel:+1-202-555-0100\r\n'
    b"EMAIL;TYPE=work;PREF=1:ann@example.org\r\nBDAY:--0412\r\nLANG;PREF=1:de\r\n"
    b"PHOTO:data:image/jpeg;base64,/9j/4AAQ\r\nX-SHOE-SIZE:42\r\nEND:VCARD\r\n"
)
CARD_3 = (
    b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:bob\r\nFN:Bob\r\nN:;Bob;;;\r\n"
    b"TEL;TYPE=CELL,PREF:1\r\nEND:VCARD\r\n"
)
GROUP_4 = (
    b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:team\r\nFN:Team\r\nKIND:group\r\n"
    b"MEMBER:urn:uuid:ann\r\nEND:VCARD\r\n"
)


@pytest.fixture
def alice(world: World) -> Member:
    member, book = world.shared()
    member.book = member.path(book)
    assert member.put(f"{member.book}ann.vcf", CARD_4).status == 201
    assert member.put(f"{member.book}bob.vcf", CARD_3).status == 201
    return member


def shown(member: Member, card: str, asked: str = "CARD:address-data") -> str:
    answer = member.multiget(member.book, [f"{member.book}{card}"], names=["D:getetag", asked])
    resource = answer[f"{member.book}{card}"]
    assert resource.text("D:getetag") == member.get(f"{member.book}{card}").etag
    return resource.text("CARD:address-data")


def lines(text: str) -> set[str]:
    return set(text.replace("\r\n", "\n").splitlines())


def test_a_report_that_names_no_version_gives_3(alice: Member) -> None:
    found = lines(shown(alice, "ann.vcf"))
    assert {"VERSION:3.0", "UID:ann", "FN:Ann Example", "X-SHOE-SIZE:42"} <= found
    [tel] = [line for line in found if line.startswith("TEL")]
    assert "tel:" not in tel
    assert '"' not in tel, "iOS takes quoted labels for one"
    assert "PREF" in tel.upper()
    [photo] = [line for line in found if line.startswith("PHOTO")]
    assert photo.endswith(":/9j/4AAQ")
    assert "ENCODING=b" in photo
    [birthday] = [line for line in found if line.startswith("BDAY")]
    assert birthday == "BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-12"


def test_every_report_gives_the_same(alice: Member) -> None:
    path = f"{alice.book}ann.vcf"
    everything = document("CARD:filter")
    queried = alice.report(
        alice.book,
        document(
            "CARD:addressbook-query",
            f"<D:prop><CARD:address-data/></D:prop>{everything.partition('?>')[2]}",
        ),
    )
    synced = alice.sync(alice.book, names=["CARD:address-data"])
    assert queried[path].text("CARD:address-data") == shown(alice, "ann.vcf")
    assert synced[path].text("CARD:address-data") == shown(alice, "ann.vcf")


def test_the_version_asked_for_is_given(alice: Member) -> None:
    asked = 'CARD:address-data content-type="text/vcard" version="4.0"'
    assert shown(alice, "ann.vcf", asked) == CARD_4.decode().replace("\r\n", "\n")
    assert "VERSION:4.0" in lines(shown(alice, "bob.vcf", asked))
    asked = 'CARD:address-data content-type="text/vcard" version="3.0"'
    assert shown(alice, "bob.vcf", asked) == CARD_3.decode().replace("\r\n", "\n")


def test_a_get_gives_the_stored_octets_unless_accept_says_otherwise(alice: Member) -> None:
    path = f"{alice.book}ann.vcf"
    plain = alice.get(path)
    assert (plain.body, plain.headers["Vary"]) == (CARD_4, "Accept")
    for accept in ("*/*", "text/vcard", "text/vcard;version=4.0", "text/html, */*;q=0.8"):
        assert alice.get(path, accept=accept).body == CARD_4, accept
    older = alice.get(path, accept="text/vcard; version=3.0, text/vcard;version=4.0;q=0.5")
    assert b"VERSION:3.0" in older.body
    assert older.etag == plain.etag
    head = alice.request("HEAD", path, headers={"Accept": "text/vcard;version=3.0"})
    assert head.headers["Content-Length"] == str(len(older.body))


def test_jcard_is_given_when_asked_for(alice: Member) -> None:
    got = alice.get(f"{alice.book}ann.vcf", accept="application/vcard+json")
    assert got.headers["Content-Type"] == "application/vcard+json"
    kind, properties = json.loads(got.body)
    assert kind == "vcard"
    assert ["fn", {}, "text", "Ann Example"] in properties
    data = shown(alice, "ann.vcf", 'CARD:address-data content-type="application/vcard+json"')
    assert json.loads(data) == [kind, properties]


def test_a_form_that_cannot_be_made_is_refused(alice: Member) -> None:
    path = f"{alice.book}ann.vcf"
    for accept in ("text/vcard;version=2.1", "image/png", "text/vcard;q=0"):
        assert alice.get(path, accept=accept).status == 406, accept
    for asked in ('version="2.1"', 'content-type="text/calendar"'):
        answer = alice.multiget(alice.book, [path], names=[f"CARD:address-data {asked}"])
        assert answer.status == 403
        assert answer.conditions == ["CARD:supported-address-data-conversion"]


def test_an_edit_in_3_keeps_what_3_cannot_say(alice: Member) -> None:
    path = f"{alice.book}ann.vcf"
    edited = shown(alice, "ann.vcf").replace("FN:Ann Example", "FN:Ann Changed")
    answer = alice.put(path, edited.replace("\n", "\r\n"), if_match=alice.get(path).etag or "")
    assert answer.status == 204
    assert answer.etag is None, "what is stored is not what was sent"
    expected = CARD_4.replace(b"FN:Ann Example", b"FN:Ann Changed")
    assert lines(alice.get(path).body.decode()) == lines(expected.decode())


def test_the_3_view_sent_back_unchanged_changes_nothing(alice: Member) -> None:
    path = f"{alice.book}ann.vcf"
    token = alice.sync(alice.book).sync_token
    assert alice.put(path, shown(alice, "ann.vcf").replace("\n", "\r\n")).status == 204
    assert alice.get(path).body == CARD_4
    assert alice.sync(alice.book, token).sync_token == token


def test_a_group_of_one_client_is_a_group_for_the_others(alice: Member) -> None:
    assert alice.put(f"{alice.book}team.vcf", GROUP_4).status == 201
    apple = lines(shown(alice, "team.vcf"))
    assert "X-ADDRESSBOOKSERVER-KIND:group" in apple
    assert "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:ann" in apple
    made = shown(alice, "team.vcf").replace("UID:team", "UID:crew").replace("\n", "\r\n")
    assert alice.put(f"{alice.book}crew.vcf", made).status == 201
    other = lines(shown(alice, "crew.vcf", 'CARD:address-data version="4.0"'))
    assert {"KIND:group", "MEMBER:urn:uuid:ann"} <= other


def test_only_the_properties_asked_for_are_given(alice: Member) -> None:
    inner = '<CARD:prop name="EMAIL"/><CARD:prop name="X-SHOE-SIZE" novalue="yes"/>'
    body = document(
        "CARD:addressbook-multiget",
        f'<D:prop><CARD:address-data version="4.0">{inner}</CARD:address-data></D:prop>'
        f"<D:href>{alice.book}ann.vcf</D:href>",
    )
    found = lines(alice.report(alice.book, body)[f"{alice.book}ann.vcf"].text("CARD:address-data"))
    assert found == {
        "BEGIN:VCARD",
        "VERSION:4.0",
        "UID:ann",
        "FN:Ann Example",
        "EMAIL;TYPE=work;PREF=1:ann@example.org",
        "X-SHOE-SIZE:",
        "END:VCARD",
    }


def test_a_whole_book_is_one_file_in_the_version_asked_for(alice: Member) -> None:
    assert alice.get(alice.book).body == CARD_4 + CARD_3
    in_3 = alice.get(alice.book, accept="text/vcard;version=3.0").body
    assert in_3.count(b"VERSION:3.0") == 2
    assert alice.get(alice.book, accept="application/vcard+json").status == 406
