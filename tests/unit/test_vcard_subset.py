import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharedbooks.errors import InvalidCard
from sharedbooks.vcard.contentlines import content_lines
from sharedbooks.vcard.subset import PropertyChoice, select_properties

CARD = (
    b"BEGIN:VCARD\r\nVERSION:3.0\r\nN:b;c;;;\r\nFN:J\xc3\n \xb6rg\nUID:1\r\n"
    b"item1.TEL;type=CELL:1\r\nitem1.X-ABLabel:Boat\r\ntel;TYPE=home:2\r\n"
    b"PHOTO;ENCODING=b;TYPE=JPEG:/9j/\r\n AAAA\r\n\r\nEND:VCARD\r\n"
)
FRAME = [0, 1, 2, 3, 4, 9]


def picked(*numbers: int) -> bytes:
    lines = [line.octets for line in content_lines(CARD)]
    return b"".join(lines[number] for number in sorted([*FRAME, *numbers]))


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        ([], []),
        (["TEL"], [5, 7]),
        (["tel", "FN", "VERSION"], [5, 7]),
        (["item1.TEL"], [5]),
        (["ITEM1.tel"], [5]),
        (["item2.TEL"], []),
        (["X-ABLABEL"], [6]),
        (["TEL", "X-ABLabel"], [5, 6, 7]),
        (["PHOTO"], [8]),
        (["NOTE"], []),
    ],
)
def test_only_what_is_asked_for_and_what_a_card_needs(names: list[str], numbers: list[int]) -> None:
    assert select_properties(CARD, [PropertyChoice(name) for name in names]) == picked(*numbers)


def test_a_40_card_needs_no_n() -> None:
    octets = b"BEGIN:VCARD\r\nVERSION:4.0\r\nN:b;c;;;\r\nFN:a\r\nEND:VCARD\r\n"
    assert select_properties(octets, []) == octets.replace(b"N:b;c;;;\r\n", b"", 1)


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ([("PHOTO", True)], b"PHOTO;ENCODING=b;TYPE=JPEG:\r\n"),
        ([("item1.TEL", True)], b"item1.TEL;type=CELL:\r\n"),
        ([("item1.TEL", True), ("TEL", False)], b"item1.TEL;type=CELL:1\r\ntel;TYPE=home:2\r\n"),
        ([("TEL", True), ("TEL", False)], b"item1.TEL;type=CELL:1\r\ntel;TYPE=home:2\r\n"),
        ([("TEL", False), ("tel", True)], b"item1.TEL;type=CELL:1\r\ntel;TYPE=home:2\r\n"),
        ([("TEL", True)], b"item1.TEL;type=CELL:\r\nTEL;TYPE=home:\r\n"),
        ([("VERSION", True), ("BEGIN", True), ("END", True)], b""),
    ],
)
def test_without_value(choices: list[tuple[str, bool]], expected: bytes) -> None:
    frame = picked().removesuffix(b"END:VCARD\r\n")
    result = select_properties(CARD, [PropertyChoice(*choice) for choice in choices])
    assert result == frame + expected + b"END:VCARD\r\n"


def test_what_a_card_needs_can_be_asked_for_without_value() -> None:
    assert b"\nUID:\r\n" in select_properties(CARD, [PropertyChoice("uid", novalue=True)])


@given(octets=st.binary(max_size=60), name=st.sampled_from(["TEL", "N", "a.B", ""]))
@settings(max_examples=100, deadline=None)
def test_any_octets_are_read_or_refused(octets: bytes, name: str) -> None:
    framed = b"BEGIN:VCARD\r\n" + octets + b"\r\nEND:VCARD\r\n"
    for card in (octets, framed):
        try:
            selected = select_properties(card, [PropertyChoice(name, novalue=True)])
        except InvalidCard:
            continue
        assert list(content_lines(selected))[-1].name == "END"
