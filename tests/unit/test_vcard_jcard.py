import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharedbooks.errors import InvalidCard, UnsupportedCard
from sharedbooks.vcard.jcard import to_jcard


def one(line: str, version: str = "4.0") -> list[object]:
    octets = f"BEGIN:VCARD\r\nVERSION:{version}\r\nFN:a\r\n{line}\r\nEND:VCARD\r\n".encode()
    kind, properties = json.loads(to_jcard(octets))
    assert kind == "vcard"
    assert properties[:2] == [["version", {}, "text", "4.0"], ["fn", {}, "text", "a"]]
    (found,) = properties[2:]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("NOTE:a\\,b\\nc", ["note", {}, "text", "a,b\nc"]),
        ("TITLE;LANGUAGE=de:Ärztin", ["title", {"language": "de"}, "text", "Ärztin"]),
        ("item1.TEL:1", ["tel", {"group": "item1"}, "text", "1"]),
        ("TEL;VALUE=uri;PREF=1:tel:+1", ["tel", {"pref": "1"}, "uri", "tel:+1"]),
        ("TEL;TYPE=home,cell:1", ["tel", {"type": ["home", "cell"]}, "text", "1"]),
        ('TEL;TYPE="home,cell";TYPE=x:1', ["tel", {"type": ["home", "cell", "x"]}, "text", "1"]),
        ("EMAIL;X-A=^n:a", ["email", {"x-a": "\n"}, "text", "a"]),
        # Structured values and lists (RFC 7095, 3.3.1.3)
        ("N:a;b\\;c;d,e;;", ["n", {}, "text", ["a", "b;c", ["d", "e"], "", ""]]),
        ("ORG:a", ["org", {}, "text", "a"]),
        ("ORG:a;b", ["org", {}, "text", ["a", "b"]]),
        ("GENDER:;x", ["gender", {}, "text", ["", "x"]]),
        ("CATEGORIES:a,b\\,c", ["categories", {}, "text", "a", "b,c"]),
        # Dates and times (RFC 7095, 3.5.3)
        ("BDAY:19850412", ["bday", {}, "date-and-or-time", "1985-04-12"]),
        ("BDAY:--0412", ["bday", {}, "date-and-or-time", "--04-12"]),
        ("BDAY:1985-04", ["bday", {}, "date-and-or-time", "1985-04"]),
        ("BDAY:T102200", ["bday", {}, "date-and-or-time", "T10:22:00"]),
        ("BDAY:T1022Z", ["bday", {}, "date-and-or-time", "T10:22Z"]),
        ("BDAY:T10-0500", ["bday", {}, "date-and-or-time", "T10-05:00"]),
        ("X-A;VALUE=time:102200Z", ["x-a", {}, "time", "10:22:00Z"]),
        ("BDAY;VALUE=text:circa 1800", ["bday", {}, "text", "circa 1800"]),
        ("REV:20250101T100000Z", ["rev", {}, "timestamp", "2025-01-01T10:00:00Z"]),
        ("TZ;VALUE=utc-offset:-0500", ["tz", {}, "utc-offset", "-05:00"]),
        ("TZ;VALUE=utc-offset:EST", ["tz", {}, "utc-offset", "EST"]),
        ("TZ:Europe/Berlin", ["tz", {}, "text", "Europe/Berlin"]),
        # Other types
        ("LANG:fr", ["lang", {}, "language-tag", "fr"]),
        ("X-A:a\\,b", ["x-a", {}, "unknown", "a\\,b"]),
        ("X-A;VALUE=integer:12", ["x-a", {}, "integer", 12]),
        ("X-A;VALUE=integer:x", ["x-a", {}, "integer", "x"]),
        ("X-A;VALUE=float:1.5", ["x-a", {}, "float", 1.5]),
        ("X-A;VALUE=float:nan", ["x-a", {}, "float", "nan"]),
        ("X-A;VALUE=boolean:true", ["x-a", {}, "boolean", True]),
        ("X-A;VALUE=boolean:false", ["x-a", {}, "boolean", False]),
    ],
)
def test_a_property(line: str, expected: list[object]) -> None:
    assert one(line) == expected


def test_a_30_card_is_shown_as_40() -> None:
    line = "PHOTO;ENCODING=b;TYPE=JPEG:/9j/"
    assert one(line, "3.0") == ["photo", {}, "uri", "data:image/jpeg;base64,/9j/"]


@given(octets=st.binary(max_size=60), version=st.sampled_from(["3.0", "4.0"]))
@settings(max_examples=100, deadline=None)
def test_any_octets_are_json_or_refused(octets: bytes, version: str) -> None:
    framed = f"BEGIN:VCARD\r\nVERSION:{version}\r\n".encode() + octets + b"\r\nEND:VCARD\r\n"
    for card in (octets, framed):
        try:
            shown = to_jcard(card)
        except (InvalidCard, UnsupportedCard):
            continue
        assert json.loads(shown)[0] == "vcard"
