"""One person looked for in cards: by address, phone or name, in any spelling."""

import pytest

from sharedbooks.errors import InvalidPerson
from sharedbooks.vcard.persons import (
    PersonKind,
    find_person,
    normalise,
    parse_person,
    plain_uid,
    without_references,
)
from tests.support.factories import vcard


def found(text: str, *lines: str, name: str = "Ann Example", country: str = "") -> list[str]:
    """Return the properties that name the person, an own one with a star."""
    person = parse_person(text, "CH")
    hits = find_person(vcard("u", name, *lines), person, country)
    return [f"{hit.name}*" if hit.is_own else hit.name for hit in hits]


@pytest.mark.parametrize(
    ("text", "kind", "key"),
    [
        ("Ann@Example.ORG", "mail", "ann@example.org"),
        (" mailto:ann@example.org ", "mail", "ann@example.org"),
        ("044 668 18 00", "phone", "+41446681800"),
        ("tel:+41-44-668-18-00", "phone", "+41446681800"),
        ("Example, ANN", "name", "ann example"),
        ("José  Müller", "name", "jose muller"),
        ("山田 太郎", "name", "太郎 山田"),
    ],
)
def test_what_is_typed(text: str, kind: str, key: str) -> None:
    person = parse_person(text, "CH")
    assert (person.kind, person.key) == (kind, key)


@pytest.mark.parametrize("text", ["", " ", "a", "@", "--", "?? !!", "044 668 18 00", "12345"])
def test_nobody_is_found_by(text: str) -> None:
    with pytest.raises(InvalidPerson):
        parse_person(text)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("EMAIL:ANN@example.org", ["EMAIL*"]),
        ("item1.EMAIL;TYPE=work:ann@exam\r\n ple.org", ["EMAIL*"]),
        ("EMAIL;ENCODING=QUOTED-PRINTABLE:ann=40example.org", ["EMAIL*"]),
        ("EMAIL:mailto:ann@example.org", ["EMAIL*"]),
        ("NOTE:write to ann@example.org.", ["NOTE"]),
        ("MEMBER:mailto:ann@example.org", ["MEMBER"]),
        ("X-Other:Ann <ann@example.org>", ["X-OTHER"]),
        ("EMAIL:joann@example.org", []),
        ("EMAIL:ann@example.org.uk", []),
        ("EMAIL:ann@example.organic", []),
        ("NOTE:mary.ann@example.org", []),
        ("NOTE:ann", []),
    ],
)
def test_addresses(line: str, expected: list[str]) -> None:
    assert found("ann@example.org", line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("TEL:044 668 18 00", ["TEL*"]),
        ("TEL:0041 (0)44/668.18.00", ["TEL*"]),
        ("TEL;VALUE=uri:tel:+41-44-668-18-00;ext=5", ["TEL*"]),
        ("TEL;VALUE=uri:tel:+41446681800", ["TEL*"]),
        ("NOTE:ring 044 668 18 00 at night", ["NOTE"]),
        ("RELATED;VALUE=uri:tel:+41446681800", ["RELATED"]),
        ("TEL:044 668 18 01", []),
        ("TEL:+49 44 6681800", []),
        ("TEL:668 18 00", []),
    ],
)
def test_phones_in_any_spelling(line: str, expected: list[str]) -> None:
    assert found("+41446681800", line) == expected


def test_a_phone_is_of_the_country_of_the_book_if_that_has_one() -> None:
    assert found("+41446681800", "TEL:044 668 18 00", country="DE") == []
    assert found("+41446681800", "TEL:+41 44 668 18 00", country="DE") == ["TEL*"]


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [
        ("José Müller", "NOTE:x", ["FN*"]),
        ("JOSE MULLER", "NOTE:x", ["FN*"]),
        ("Müller, José", "NOTE:x", ["FN*"]),
        ("x", "N:Müller;José;;Dr.;", ["N*"]),
        ("x", "NOTE:met José Müller today", ["NOTE"]),
        ("José Müllerson", "NOTE:x", []),
        ("José A. Müller", "NOTE:x", []),
    ],
)
def test_names(name: str, line: str, expected: list[str]) -> None:
    assert found("josé müller", line, name=name) == expected


def test_a_photo_is_not_read() -> None:
    assert found("ann@example.org", "PHOTO;ENCODING=b:" + "QUJD" * 50_000, "EMAIL:x@y.ch") == []


def test_lines_that_name_somebody_go_and_no_other_octet() -> None:
    card = (
        b"BEGIN:VCARD\nVERSION:4.0\r\nUID:team\r\nFN:Team\r\nKIND:group\r\n"
        b"MEMBER:urn:uuid:ANN\r\nmember;X=1:mailto:ann@ex\r\n ample.org\r\nMEMBER:urn:uuid:bob\r\n"
        b"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:ann\r\nRELATED:urn:uuid:ann\r\n"
        b"NOTE:ann@example.org urn:uuid:ann\r\nEND:VCARD"
    )
    person = parse_person("ann@example.org")
    assert without_references(card, {plain_uid("urn:uuid:Ann")}, person.is_named) == (
        b"BEGIN:VCARD\nVERSION:4.0\r\nUID:team\r\nFN:Team\r\nKIND:group\r\n"
        b"MEMBER:urn:uuid:bob\r\nNOTE:ann@example.org urn:uuid:ann\r\nEND:VCARD"
    )
    assert without_references(card, set(), lambda _: False) == card


def test_what_has_no_form_is_nobody() -> None:
    assert normalise(PersonKind.PHONE, "soon", "CH") == ""
    assert normalise(PersonKind.NAME, "-- !") == ""
