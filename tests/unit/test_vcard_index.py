import sys
import unicodedata
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharedbooks.vcard.contentlines import content_lines
from sharedbooks.vcard.index import INDEXED_NAMES, MAX_VALUE_LENGTH, fold_text, index_line


def rows(octets: bytes) -> list[tuple[str, str]]:
    return [(row.name, row.value) for line in content_lines(octets) for row in index_line(line)]


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"FN:Alice Example", [("FN", "alice example")]),
        (b"FN:Doe, John", [("FN", "doe, john")]),
        (b"item1.EMAIL;type=WORK:Alice@Example.org", [("EMAIL", "alice@example.org")]),
        (rb"N:O'Brien;Anne,Marie;;Dr\;h.c.;", [("N", "o'brien anne,marie dr;h.c.")]),
        (b"ORG:ACME\\, Inc.;Sales;", [("ORG", "acme, inc. sales")]),
        (b"ADR;TYPE=work:;;Road 1;Town;;80331;DE", [("ADR", "road 1 town 80331 de")]),
        (rb"CATEGORIES:VIP,a\,b,,Work", [("CATEGORIES", v) for v in ("vip", "a,b", "work")]),
        (b"NICKNAME:Al,Lis", [("NICKNAME", "al"), ("NICKNAME", "lis")]),
        (b"NOTE:one\\ntwo", [("NOTE", "one\ntwo")]),
        (b"TEL;VALUE=uri:tel:+49-89-1", [("TEL", "tel:+49-89-1")]),
        (b"KIND:Group", [("KIND", "group")]),
        (b"X-Custom:Short Text", [("X-CUSTOM", "short text")]),
        (b"X-ADDRESSBOOKSERVER-KIND:group", [("X-ADDRESSBOOKSERVER-KIND", "group")]),
        (b"NOTE;CHARSET=ISO-8859-1;QUOTED-PRINTABLE:=C4", [("NOTE", "a\u0308")]),
        (b"FN: ", []),
        (b"N:;;;;", []),
        (b"PHOTO;ENCODING=b:AAAA", []),
        (b"PHOTO;VALUE=uri:https://example.org/a.jpg", []),
        (b"LOGO:data:image/png;base64,AAAA", []),
        (b"SOUND;BASE64:AAAA", []),
        (b"KEY:AAAA", []),
        (b"UID:1", []),
        (b"X-BLOB;ENCODING=b:AAAA", []),
        (b"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:1", []),
        (b"X-LONG:" + b"a" * 256, []),
        (b"X-FOLDED:" + b"a\r\n " * 256, []),
        (b"X-FOLDED:" + b"a\r\n " * 255, [("X-FOLDED", "a" * 255)]),
        (b"X-" + b"A" * 63 + b":a", []),
        (b"VND-63-MEMOJI-DETAILS:a", []),
    ],
)
def test_rows_of_a_line(octets: bytes, expected: list[tuple[str, str]]) -> None:
    assert rows(octets) == expected


def test_longest_names_and_values_have_a_row() -> None:
    name = "X-" + "A" * 61
    assert rows(f"{name}:{'b' * 255}".encode()) == [(name, "b" * 255)]


@pytest.mark.parametrize("name", sorted(INDEXED_NAMES))
def test_long_values_are_cut(name: str) -> None:
    ((_, value),) = rows(f"{name}:{'Aé' * 1000}".encode())
    assert value == ("ae\u0301" * 85)


@given(st.text())
def test_no_value_is_longer_than_the_column(text: str) -> None:
    octets = b"NOTE:" + text.replace("\n", "").encode(errors="replace") * 20
    for _, value in rows(octets.replace(b"\r", b"")):
        assert 0 < len(value) <= MAX_VALUE_LENGTH


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold_text(fold_text(text)) == fold_text(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("STRASSE", "straße"),
        ("Ünal", "U\u0308NAL"),
        ("ﬁn", "FIN"),
        ("I\N{LATIN SMALL LETTER DOTLESS I}", "ii"),
        ("ΣΑΣ", "σας"),
    ],
)
def test_texts_that_fold_to_the_same(one: str, other: str) -> None:
    assert fold_text(one) == fold_text(other)


def test_accents_are_kept() -> None:
    assert fold_text("é") != fold_text("e")


def casemap(character: str) -> str:
    """The i;unicode-casemap of a character (RFC 5051): simple title case, then NFKD."""
    title = character.title()
    return unicodedata.normalize("NFKD", title if len(title) == 1 else character)


def test_characters_that_unicode_casemap_takes_for_equal_fold_to_the_same() -> None:
    folded = defaultdict(set)
    for point in range(0x20000):
        if not 0xD800 <= point < 0xE000:
            folded[casemap(chr(point))].add(fold_text(chr(point)))
    assert sys.maxunicode > 0x20000
    assert {key: texts for key, texts in folded.items() if len(texts) > 1} == {}
