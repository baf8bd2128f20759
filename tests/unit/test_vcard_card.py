import base64
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharedbooks.errors import InvalidCard
from sharedbooks.vcard.card import MAX_INDEXED_PROPERTIES, CardFacts, inspect_card, with_uid
from sharedbooks.vcard.index import IndexedProperty

APPLE = (
    "BEGIN:VCARD\r\nVERSION:3.0\r\nPRODID:-//Apple Inc.//iOS 26.6.1//EN\r\n"
    "N:Müller;Jörg;;;\r\nFN:Jörg Müller\r\nORG:Example GmbH;Sales;\r\n"
    "item1.EMAIL;type=INTERNET;type=pref:joerg@example.org\r\n"
    "item2.TEL;type=CELL:+49 171 1234567\r\nitem2.X-ABLabel:_$!<Mobile>!$_\r\n"
    "NOTE:line one\\nline\r\n  two\r\n"
    "PHOTO;X-ABCROP-RECTANGLE=ABClipRect_1&0&0&1&1;ENCODING=b;TYPE=JPEG:/9j/\r\n 4AAQ\r\n"
    "REV:2025-01-01T10:00:00Z\r\nUID:4C1F-11\r\nEND:VCARD\r\n"
).encode()


def card(*lines: bytes | str, version: str | None = "3.0", newline: bytes = b"\r\n") -> bytes:
    versions: list[bytes | str] = [] if version is None else [f"VERSION:{version}"]
    every = ["BEGIN:VCARD", *versions, *lines, "END:VCARD", ""]
    return newline.join(line.encode() if isinstance(line, str) else line for line in every)


def test_facts_of_a_card_from_a_phone() -> None:
    assert inspect_card(APPLE) == CardFacts(
        version="3.0",
        card_uid="4C1F-11",
        display_name="Jörg Müller",
        kind="individual",
        properties=(
            IndexedProperty("N", "mu\u0308ller jo\u0308rg"),
            IndexedProperty("FN", "jo\u0308rg mu\u0308ller"),
            IndexedProperty("ORG", "example gmbh sales"),
            IndexedProperty("EMAIL", "joerg@example.org"),
            IndexedProperty("TEL", "+49 171 1234567"),
            IndexedProperty("X-ABLABEL", "_$!<mobile>!$_"),
            IndexedProperty("NOTE", "line one\nline two"),
        ),
    )


@pytest.mark.parametrize("version", ["2.1", "3.0", "4.0"])
def test_the_version_is_told(version: str) -> None:
    assert inspect_card(card("FN:a", version=version)).version == version


def test_a_card_without_version_counts_as_30() -> None:
    assert inspect_card(card("FN:a", version=None)).version == "3.0"


@pytest.mark.parametrize(
    ("lines", "uid"),
    [
        ([], None),
        (["UID:"], None),
        (["UID:  "], None),
        (["UID: urn:uuid:1 "], "urn:uuid:1"),
        (["UID:a\\,b"], "a,b"),
        (["UID:fol\r\n ded"], "folded"),
        (["UID:one", "UID:two"], "one"),
        (["item1.uid;VALUE=text:g"], "g"),
    ],
)
def test_the_first_uid_counts(lines: list[str], uid: str | None) -> None:
    assert inspect_card(card(*lines)).card_uid == uid


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (["N:Doe;Jane;Q.;Dr.;Jr.", "FN:Jane  \\n Doe "], "Jane Doe"),
        (["FN:", "N:Doe;Jane;Q.;Dr.;Jr."], "Dr. Jane Q. Doe Jr."),
        (["N:Doe"], "Doe"),
        (["N:;;;;", "ORG:ACME\\, Inc.;Sales;"], "ACME, Inc., Sales"),
        (["TEL:+49 1", "EMAIL:a@example.org"], "a@example.org"),
        (["TEL:+49 1"], "+49 1"),
        ([], ""),
        (["FN:" + "a" * 300], "a" * 255),
    ],
)
def test_the_display_name_is_the_best_there_is(lines: list[str], name: str) -> None:
    assert inspect_card(card(*lines)).display_name == name


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ([], "individual"),
        (["KIND:Group"], "group"),
        (["X-ADDRESSBOOKSERVER-KIND:group"], "group"),
        (["KIND:org", "X-ADDRESSBOOKSERVER-KIND:group"], "org"),
        (["KIND:"], "individual"),
        (["KIND:" + "x" * 300], "x" * 64),
    ],
)
def test_the_kind_is_told(lines: list[str], kind: str) -> None:
    assert inspect_card(card(*lines)).kind == kind


@pytest.mark.parametrize(
    "octets",
    [
        b"\xef\xbb\xbf" + APPLE,
        b"\r\n" + APPLE + b"\r\n\r\n",
        APPLE.replace(b"\r\n", b"\n"),
        APPLE.rstrip(),
        APPLE.replace(b"BEGIN:VCARD", b"begin:vcard ").replace(b"END:VCARD", b"End: VCard\t"),
        APPLE.replace(b"M\xc3\xbcller\r\n", b"M\xc3\r\n \xbcller\r\n"),
        APPLE.replace(b"REV:", b"\r\nREV:"),
    ],
)
def test_harmless_oddities_are_accepted(octets: bytes) -> None:
    facts = inspect_card(octets)
    assert facts == inspect_card(APPLE)


@pytest.mark.parametrize(
    ("octets", "words", "line"),
    [
        (b"", "empty", None),
        (b"\xef\xbb\xbf \r\n", "empty", None),
        (b"FN:a\r\nEND:VCARD\r\n", "BEGIN:VCARD", 1),
        (b"\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "VCALENDAR", 2),
        (b"BEGIN:VCARD\r\nFN:a\r\n", "no END:VCARD", None),
        (APPLE + APPLE, "another component", 17),
        (APPLE + b"FN:a\r\n", "after END:VCARD", 17),
        (APPLE + b"hello\r\n", "no name and colon", 17),
        (card("BEGIN:VCARD", "FN:a", "END:VCARD"), "second vCard", 3),
        (card("AGENT:", "BEGIN:VCARD", "END:VCARD", version="2.1"), "second vCard", 4),
        (card("BEGIN:VEVENT", "END:VEVENT"), "VEVENT", 3),
        (b"BEGIN:VCARD\r\nEND:VCALENDAR\r\n", "should be END:VCARD", 2),
        (card("FN:a", "no colon here"), "no name and colon", 4),
        (card("FN:a", "NOTE:b\0c"), "NUL", 4),
        (card("FN:a", version="5.0"), "5.0", 2),
        (card("FN:a", version=""), "VERSION", 2),
        (card("FN:a", b"NOTE:\xfc"), "not UTF-8", 4),
        (card("FN:a", b"NOTE;CHARSET=ISO-8859-1:\xfc"), "not UTF-8", 4),
        (card("FN:a", b"NOTE:\xfc", version="2.1"), "CHARSET", 4),
        (card("FN:a", b"NOTE;CHARSET=US-ASCII:\xfc", version="2.1"), "US-ASCII", 4),
        (card("FN:a", b"NOTE;CHARSET=unheard-of:\xfc", version="2.1"), "CHARSET", 4),
    ],
)
def test_what_is_not_one_card_is_refused(octets: bytes, words: str, line: int | None) -> None:
    with pytest.raises(InvalidCard) as caught:
        inspect_card(octets)
    assert words in str(caught.value)
    assert caught.value.line == line


def test_a_21_card_may_name_its_charset() -> None:
    octets = card(
        b"N;CHARSET=ISO-8859-1:M\xfcller;J\xf6rg",
        "NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:Stra=C3=9F=",
        "e 1",
        version="2.1",
    )
    facts = inspect_card(octets)
    assert facts.display_name == "Jörg Müller"
    assert IndexedProperty("NOTE", "strasse 1") in facts.properties


def test_the_index_of_a_card_is_bounded() -> None:
    facts = inspect_card(card("UID:1", "CATEGORIES:" + "a," * 3000, *["TEL:1"] * 3000, "KIND:org"))
    assert len(facts.properties) == MAX_INDEXED_PROPERTIES
    assert facts.kind == "org"


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
def test_a_uid_goes_after_the_version(newline: bytes) -> None:
    octets = card("FN:a", newline=newline)
    expected = card("UID:x\\,y", "FN:a", newline=newline)
    assert with_uid(octets, "x,y") == expected


def test_a_uid_goes_after_begin_without_a_version() -> None:
    octets = b"\xef\xbb\xbf\r\n" + card("FN:a", version=None)
    expected = b"\xef\xbb\xbf\r\n" + card("UID:x", "FN:a", version=None)
    assert with_uid(octets, "x") == expected


@pytest.mark.parametrize("octets", [b"", b"\r\n", b"BEGIN:VCARD", b"hello\r\n"])
def test_a_uid_cannot_go_into_something_else(octets: bytes) -> None:
    with pytest.raises(InvalidCard):
        with_uid(octets, "x")


SNIPPETS = st.sampled_from(
    [
        *(b"", b"\r\n", b"\n", b":", b";", b"=", b"\0", b"\xff", b"\xc3", b" ", b'"', b"\\"),
        *(
            b"BEGIN:VCARD",
            b"END:VCARD\r\n",
            b"VERSION:2.1\r\n",
            b"\r\nUID:=00\r\n",
            b"\r\nKIND:\r\n",
        ),
        *(b";ENCODING=QUOTED-PRINTABLE:", b";CHARSET=utf-7:"),
        b"\r\nN;CHARSET=iso-2022-jp:\x1b$B\xff\r\n",
    ]
)
EDITS = st.lists(
    st.tuples(st.integers(0, len(APPLE)), st.integers(0, 12), SNIPPETS), min_size=1, max_size=6
)


def edited(octets: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for at, length, snippet in edits:
        octets = octets[:at] + snippet + octets[at + length :]
    return octets


def check_facts_or_refusal(octets: bytes) -> None:
    try:
        facts = inspect_card(octets)
    except InvalidCard as caught:
        problem = caught
    else:
        check_facts(octets, facts)
        return
    assert problem.line is None or 1 <= problem.line <= octets.count(b"\n") + 1


def check_facts(octets: bytes, facts: CardFacts) -> None:
    assert facts.version in {"2.1", "3.0", "4.0"}
    assert len(facts.display_name) <= 255
    assert facts.card_uid is None or facts.card_uid.strip() == facts.card_uid != ""
    for name, value in facts.properties:
        assert 0 < len(name) <= 64
        assert 0 < len(value) <= 255
        assert "\0" not in value
    if facts.card_uid is None:
        added = with_uid(octets, "new")
        assert inspect_card(added).card_uid in {"new", None}
        assert len(added) - len(octets) in {len(b"UID:new\n"), len(b"UID:new\r\n")}


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_octets_are_refused_or_read(octets: bytes) -> None:
    check_facts_or_refusal(octets)
    check_facts_or_refusal(b"BEGIN:VCARD\n" + octets + b"\nEND:VCARD\n")


@given(EDITS)
@settings(max_examples=600, deadline=None)
def test_damaged_cards_are_refused_or_read(edits: list[tuple[int, int, bytes]]) -> None:
    check_facts_or_refusal(edited(APPLE, edits))


PHOTO_SECONDS = 0.2
HOSTILE_SECONDS = 4
USUAL_SECONDS = 0.0005


def seconds(octets: bytes) -> float:
    start = time.process_time()
    inspect_card(octets)
    return time.process_time() - start


PHOTO = base64.b64encode(random.Random(1).randbytes(1_500_000))


def folded(octets: bytes, newline: bytes) -> bytes:
    return (newline + b" ").join(octets[at : at + 74] for at in range(0, len(octets), 74))


@pytest.mark.parametrize(
    "octets",
    [
        card(b"PHOTO;ENCODING=b;TYPE=JPEG:" + folded(PHOTO, b"\r\n")),
        card(b"PHOTO;ENCODING=b:" + folded(PHOTO, b"\n"), newline=b"\n"),
        card(b"PHOTO;ENC\r\n ODING=b:" + folded(PHOTO, b"\r\n")),
        card(b"PHOTO;BASE64:" + folded(PHOTO, b"\r\n"), version="2.1"),
        card(b"PHOTO:data:image/jpeg;base64," + PHOTO, version="4.0"),
        card(b"NOTE:" + PHOTO),
    ],
    ids=["crlf", "lf", "folded-parameter", "2.1", "one-line", "note"],
)
def test_two_megabytes_of_photo_take_no_time(octets: bytes) -> None:
    assert seconds(octets) < PHOTO_SECONDS


@pytest.mark.parametrize(
    "line",
    [
        b"NOTE:" + b"\r" * 2_000_000,
        b"NOTE:" + b"\n " * 1_000_000,
        b"NOTE:x" + b"\n" * 2_000_000,
        b'TEL;"' + b'"' * 2_000_000 + b":x",
        b"TEL;A=" + b"^" * 2_000_000 + b":x",
        b"TEL;" + b'A="' * 600_000 + b":x",
        b"NOTE;QUOTED-PRINTABLE:" + b"=\n" * 500_000,
        b"NOTE;CHARSET=punycode:" + b"a" * 1_000_000 + b"-" + b"z9" * 500_000,
        b"CATEGORIES:" + b"\\," * 1_000_000,
        b"NOTE:" + "\u0301\u0316".encode() * 500_000,
    ],
    ids=lambda line: repr(line[:12]),
)
def test_hostile_cards_take_linear_time(line: bytes) -> None:
    assert seconds(card(line)) < HOSTILE_SECONDS


def test_a_usual_card_takes_far_less_than_a_millisecond() -> None:
    assert min(seconds(APPLE) for _ in range(50)) < USUAL_SECONDS
