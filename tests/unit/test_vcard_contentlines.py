import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharedbooks.errors import InvalidCard
from sharedbooks.vcard.contentlines import (
    ContentLine,
    content_lines,
    escape_text,
    fold,
    split_list,
    split_structured,
    text_value,
    text_values,
    unescape_text,
    unfold,
)


def one(octets: bytes) -> ContentLine:
    (line,) = content_lines(octets)
    return line


def old(octets: bytes) -> ContentLine:
    """The line as part of a vCard 2.1."""
    return list(content_lines(b"BEGIN:VCARD\r\nVERSION:2.1\r\n" + octets))[2]


def test_a_line_gives_name_group_value_and_its_octets() -> None:
    line = one(b"item1.x-abLabel;type=a:_$!<Home>!$_\r\n")
    assert (line.name, line.prop_group) == ("X-ABLABEL", "item1")
    assert line.raw_value == b"_$!<Home>!$_"
    assert line.octets == b"item1.x-abLabel;type=a:_$!<Home>!$_\r\n"


def test_a_name_without_group_has_none() -> None:
    assert one(b"FN:x").prop_group is None


def test_groups_may_be_nested_in_vcard_21() -> None:
    line = one(b"A.B.TEL:1")
    assert (line.prop_group, line.name) == ("A.B", "TEL")


def test_lines_are_numbered_by_physical_lines() -> None:
    lines = list(content_lines(b"\n\nFN:a\n b\n\t c\r\nN:d\r\n\r\nTEL:1\n"))
    assert [(line.name, line.line) for line in lines] == [("FN", 3), ("N", 6), ("TEL", 8)]


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
@pytest.mark.parametrize("space", [b" ", b"\t"])
def test_folds_are_undone(newline: bytes, space: bytes) -> None:
    assert one(b"NOTE:a" + newline + space + b" b" + newline).raw_value == b"a b"


def test_a_fold_inside_a_character_is_undone_before_decoding() -> None:
    assert one(b"FN:M\xc3\r\n \xbcller\r\n").text == "Müller"


def test_a_fold_in_the_parameters_is_undone() -> None:
    line = one(b'ADR;TYPE=ho\r\n me;LABEL="a\r\n : b":;;c\r\n')
    assert line.params == [("TYPE", ["home"]), ("LABEL", ["a: b"])]
    assert line.raw_value == b";;c"


def test_a_lone_cr_is_data() -> None:
    assert one(b"NOTE:a\rb\r\n").raw_value == b"a\rb"


def test_blank_lines_and_byte_order_mark_stay_with_a_neighbour() -> None:
    first, second = content_lines(b"\xef\xbb\xbf\r\nFN:a\r\n\r\n\r\nN:b\r\n\r\n")
    assert first.octets == b"\xef\xbb\xbf\r\nFN:a\r\n\r\n\r\n"
    assert second.octets == b"N:b\r\n\r\n"
    assert (first.name, first.raw_value, second.raw_value) == ("FN", b"a", b"b")


@pytest.mark.parametrize(
    ("octets", "number"),
    [
        (b"FN", 1),
        (b"FN:a\r\nno property\r\n", 2),
        (b"FN:a\n b\n:c\n", 3),
        (b"FN:a\n\n b\n", 3),
        (b"F N:a", 1),
        (b"item1.:a", 1),
        (b"N\xc3\xb6:a", 1),
    ],
)
def test_a_line_that_is_no_property_is_refused(octets: bytes, number: int) -> None:
    with pytest.raises(InvalidCard) as caught:
        list(content_lines(octets))
    assert caught.value.line == number


@pytest.mark.parametrize(
    ("head", "params"),
    [
        (b"", []),
        (b";TYPE=home,WORK", [("TYPE", ["home", "WORK"])]),
        (b";type=HOME;Type=VOICE", [("TYPE", ["HOME"]), ("TYPE", ["VOICE"])]),
        (b';TYPE="home,work";X="a;b:c"', [("TYPE", ["home,work"]), ("X", ["a;b:c"])]),
        (b';X="a",b,"c,d"', [("X", ["a", "b", "c,d"])]),
        (b";X=a^nb^'c^^n^x", [("X", ['a\nb"c^n^x'])]),
        (b";HOME;quoted-printable", [("TYPE", ["HOME"]), ("ENCODING", ["quoted-printable"])]),
        (b";URL;BASE64", [("VALUE", ["URL"]), ("ENCODING", ["BASE64"])]),
        (b";;X=", [("X", [])]),
        (b";X=\xc3\xa4", [("X", ["ä"])]),
        (b';X=5"', [("X", ['5"'])]),
    ],
)
def test_parameters(head: bytes, params: list[tuple[str, list[str]]]) -> None:
    line = one(b"X-A" + head + b":value:with colon")
    assert line.params == params
    assert line.raw_value == b"value:with colon"


def test_parameter_values_are_collected_by_name() -> None:
    assert one(b"TEL;TYPE=a,b;PREF=1;TYPE=c:1").param_values("TYPE") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b";ENCODING=b", True),
        (b";ENCODING=BASE64", True),
        (b";BASE64;JPEG", True),
        (b";TYPE=b", False),
        (b";ENCODING=8BIT", False),
        (b"", False),
    ],
)
def test_base64_is_told_by_the_parameters(head: bytes, *, expected: bool) -> None:
    assert one(b"PHOTO" + head + b":AAAA").is_base64 is expected


def test_quoted_printable_soft_breaks_join_lines() -> None:
    octets = b"NOTE;QUOTED-PRINTABLE:a=C3=\r\n=BC=\r\n b\r\nFN:x\r\n"
    note, name = content_lines(octets)
    assert note.octets + name.octets == octets
    assert note.text == "aü b"
    assert (name.name, name.line) == ("FN", 4)


def test_a_stray_equals_sign_does_not_swallow_the_end() -> None:
    octets = b"NOTE;ENCODING=QUOTED-PRINTABLE:a=\r\nEND:VCARD"
    assert [line.name for line in content_lines(octets)] == ["NOTE", "END"]


def test_an_equals_sign_joins_lines_only_in_quoted_printable() -> None:
    assert [line.name for line in content_lines(b"KEY;ENCODING=b:AA==\nFN:x\n")] == ["KEY", "FN"]


def test_a_blank_line_ends_a_soft_break() -> None:
    lines = list(content_lines(b"NOTE;QUOTED-PRINTABLE:a=\n\nFN:x\n"))
    assert [line.name for line in lines] == ["NOTE", "FN"]


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"FN;CHARSET=ISO-8859-1:M\xfcller", "Müller"),
        (b"FN;CHARSET=windows-1252;ENCODING=QUOTED-PRINTABLE:=80", "€"),
        (b"FN;CHARSET=UTF-8;QUOTED-PRINTABLE:M=C3=BC", "Mü"),
        (b"FN;CHARSET=Shift_JIS:\x93\xfa", "日"),
        (b"FN;CHARSET=punycode:\xc3\xbc-a", "ü-a"),
        (b"FN;CHARSET=iso-8859-99:\xc3\xbc", "ü"),
        (b"FN;QUOTED-PRINTABLE:=FC", "ü"),
        (b"FN;QUOTED-PRINTABLE:a=00b", "ab"),
        (b"FN:\xfc", "ü"),
    ],
)
def test_text_is_decoded_and_never_fails(octets: bytes, text: str) -> None:
    assert one(octets).text == text


def test_vcard_21_folds_before_a_space_of_the_value() -> None:
    assert old(b"NOTE:an\r\n example\r\n").text == "an example"
    assert one(b"NOTE:an\r\n example\r\n").text == "anexample"


def test_vcard_21_base64_has_no_space() -> None:
    assert old(b"PHOTO;BASE64:AAAA\r\n BBBB\r\n").raw_value == b"AAAABBBB"


def test_single_text_keeps_bare_commas() -> None:
    assert text_value(one(rb"FN:Doe, John\; \"J\" a\nb\\n c\:d C:\temp")) == (
        'Doe, John; \\"J\\" a\nb\\n c:d C:\\temp'
    )


def test_lists_are_split_at_bare_commas() -> None:
    assert text_values(one(rb"CATEGORIES:a\,b,c\\,,d")) == ["a,b", "c\\", "", "d"]


def test_components_are_split_at_bare_semicolons() -> None:
    assert split_structured(r"a\;b;c,d;;\\;") == [r"a\;b", "c,d", "", r"\\", ""]


def test_escaping_makes_one_line() -> None:
    assert escape_text("a,b;c\\d\r\ne\nf\rg") == r"a\,b\;c\\d\ne\nf\ng"


@given(st.lists(st.text().filter(lambda text: "\r" not in text), min_size=1))
def test_what_was_escaped_comes_back(values: list[str]) -> None:
    assert [
        unescape_text(part) for part in split_list(",".join(map(escape_text, values)))
    ] == values


@given(st.binary(max_size=12), st.integers(1, 60))
@settings(deadline=None)
def test_what_was_folded_unfolds(octets: bytes, times: int) -> None:
    line = octets.translate(None, b"\r\n") * times
    assert unfold(fold(line)) == line
    assert unfold(fold(line, b"\n")) == line


TEXT = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), min_size=1, max_size=12)


@given(TEXT, st.integers(1, 60))
@settings(deadline=None)
def test_folded_lines_are_short_and_never_cut_a_character(text: str, times: int) -> None:
    for number, physical in enumerate(fold(text.encode() * times).split(b"\r\n")):
        assert len(physical) <= 75
        assert physical.decode().startswith(" ") or number == 0


def test_folding_uses_the_whole_width() -> None:
    assert [len(part) for part in fold(b"x" * 150).split(b"\r\n")] == [75, 75, 2]
    assert fold(b"x" * 75) == b"x" * 75


TRICKY = st.lists(
    st.sampled_from(
        [
            *(b"\r\n", b"\n", b"\r", b" ", b"\t", b"=", b":", b";", b'"', b",", b"\\", b"."),
            *(b"\xc3", b"\xbc", b"\xef\xbb\xbf", b"\0", b"FN", b"item1", b"END:VCARD"),
            *(b"VERSION:2.1\n", b";QUOTED-PRINTABLE:", b"NOTE;ENCODING=QUOTED-PRINTABLE:a=\r\n"),
        ]
    ),
    max_size=40,
).map(b"".join)


@given(TRICKY | st.binary(max_size=60))
@settings(max_examples=500, deadline=None)
def test_the_octets_of_all_lines_are_the_input(octets: bytes) -> None:
    try:
        lines = list(content_lines(octets))
    except InvalidCard:
        return
    blank = not octets.removeprefix(b"\xef\xbb\xbf").strip()
    assert b"".join(line.octets for line in lines) == (b"" if blank else octets)
    before = b""
    for line in lines:
        assert isinstance(line.text, str)
        assert line.name
        if before:
            assert line.line == before.count(b"\n") + 1
        before += line.octets


NEWLINE = st.sampled_from([b"\r\n", b"\n"])
NAME = st.sampled_from([b"FN", b"NOTE", b"item1.TEL", b"x-some_thing"])
HEAD = st.sampled_from([b"", b";TYPE=home", b';LABEL="a:b;c"', b";HOME"])
VALUE = st.binary(max_size=120).map(lambda octets: octets.translate(None, b"\r\n"))


@given(st.lists(st.tuples(NAME, HEAD, VALUE, NEWLINE, st.integers(1, 40)), min_size=1))
@settings(deadline=None)
def test_any_folding_reads_back_as_the_same_values(
    properties: list[tuple[bytes, bytes, bytes, bytes, int]],
) -> None:
    octets = b""
    for name, head, value, newline, width in properties:
        line = name + head + b":" + value
        pieces = [line[at : at + width] for at in range(0, len(line), width)]
        octets += (newline + b" ").join(pieces) + newline
    lines = list(content_lines(octets))
    assert [line.raw_value for line in lines] == [value for _, _, value, _, _ in properties]
    assert [line.name for line in lines] == [
        name.rpartition(b".")[2].decode().upper() for name, *_ in properties
    ]
