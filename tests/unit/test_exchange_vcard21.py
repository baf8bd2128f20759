"""vCard 2.1 said in 3.0."""

import base64

import pytest

from sharedbooks.errors import InvalidCard
from sharedbooks.exchange.vcard21 import from_vcard21, is_vcard21
from sharedbooks.vcard.card import inspect_card
from sharedbooks.vcard.contentlines import unfold


def converted(*lines: str, encoding: str = "utf-8") -> list[str]:
    whole = ["BEGIN:VCARD", "VERSION:2.1", *lines, "END:VCARD", ""]
    octets = from_vcard21("\r\n".join(whole).encode(encoding))
    inspect_card(octets)
    return unfold(octets).decode().split("\r\n")[2:-2]


def test_version() -> None:
    assert is_vcard21(b"BEGIN:VCARD\r\nversion:2.1\r\nEND:VCARD\r\n")
    assert not is_vcard21(b"BEGIN:VCARD\r\nVERSION:3.0\r\nNOTE:VERSION:2.1\r\nEND:VCARD\r\n")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("TEL;CELL;PREF:1", "TEL;TYPE=CELL;TYPE=PREF:1"),
        ("TEL;TYPE=WORK;TYPE=FAX:1", "TEL;TYPE=WORK;TYPE=FAX:1"),
        ("item1.EMAIL;INTERNET:a@x", "item1.EMAIL;TYPE=INTERNET:a@x"),
        ("N:Doe\\;Roe;Ann", "N:Doe\\;Roe;Ann"),
        ("NOTE:a; b, c", "NOTE:a\\; b\\, c"),
        ("ADR;DOM;HOME:;;1, Way;City", "ADR;TYPE=DOM;TYPE=HOME:;;1\\, Way;City"),
        ("NOTE;ENCODING=QUOTED-PRINTABLE:a=0D=0Ab=\r\n c", "NOTE:a\\nb c"),
        ("NOTE;QUOTED-PRINTABLE;CHARSET=ISO-8859-1:caf=E9", "NOTE:café"),
        ("NOTE;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E2=82=AC=00", "NOTE:€"),
        ("NOTE;ENCODING=BASE64:" + base64.b64encode("ä;b".encode()).decode(), "NOTE:ä\\;b"),
        ("URL:http://x/?a=1,2;b", "URL:http://x/?a=1,2;b"),
        ("GEO:1.5,2.5", "GEO:1.5;2.5"),
        ("X-NICKNAME:Bob", "NICKNAME:Bob"),
        ("PHOTO;VALUE=URL:http://x/p.jpg", "PHOTO;VALUE=uri:http://x/p.jpg"),
        ("SOUND;X-IRMC-N:;;;;", "SOUND;TYPE=X-IRMC-N:;;;;"),
    ],
)
def test_lines(line: str, expected: str) -> None:
    assert converted("N:x", line)[1] == expected


def test_text_in_the_code_page_of_windows() -> None:
    assert converted("N:Müller;Zoë", encoding="cp1252") == ["N:Müller;Zoë"]


@pytest.mark.parametrize("fold", ["\r\n ", "\r\n\t", "\r\n"])
@pytest.mark.parametrize("head", ["PHOTO;ENCODING=BASE64;JPEG:", "PHOTO;TYPE=JPEG;BASE64:"])
def test_photos_however_they_are_folded(fold: str, head: str) -> None:
    data = bytes(range(256)) * 3
    text = base64.b64encode(data).decode()
    lines = fold.join(text[at : at + 72] for at in range(0, len(text), 72))
    photo, telephone = converted("N:x", head + lines, "", "TEL:1")[1:]
    assert photo.startswith("PHOTO;ENCODING=b;TYPE=JPEG:")
    assert base64.b64decode(photo.partition(":")[2]) == data
    assert telephone == "TEL:1"


def test_a_name_that_is_missing_and_a_card_in_the_card() -> None:
    lines = ["FN:x", "AGENT:", "BEGIN:VCARD", "VERSION:2.1", "N:Deputy", "END:VCARD", "TEL:1"]
    assert converted(*lines) == [
        "FN:x",
        "AGENT:BEGIN:VCARD\\nVERSION:3.0\\nN:Deputy\\nEND:VCARD\\n",
        "TEL:1",
        "N:;;;;",
    ]


def test_what_is_no_property() -> None:
    with pytest.raises(InvalidCard, match="Line 4 is no property"):
        converted("N:x", "nothing")
