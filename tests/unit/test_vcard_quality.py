"""What is wrong with a card as a contact, and what can be mended without asking."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharedbooks.errors import InvalidRule
from sharedbooks.vcard.card import inspect_card
from sharedbooks.vcard.contentlines import content_lines
from sharedbooks.vcard.phones import read_phone
from sharedbooks.vcard.quality import Problem, ProblemKind, check_card, fix_card
from sharedbooks.vcard.required import missing_parts, parse_rule, present_names
from tests.support.factories import vcard


def problems(*lines: str, name: str = "Ann Example", country: str = "CH") -> list[Problem]:
    return check_card(vcard("ann", name, *lines), None, country)


def kinds(*lines: str, country: str = "CH") -> list[str]:
    return [problem.kind for problem in problems(*lines, country=country)]


def missing(text: str, *lines: str) -> list[str]:
    rule = parse_rule(text)
    assert rule is not None
    present = present_names(content_lines(vcard("ann", "Ann", *lines)))
    return [str(part) for part in missing_parts(rule, present)]


@pytest.mark.parametrize(
    ("text", "lines", "expected"),
    [
        ("TEL", ["TEL:1"], []),
        ("tel", [], ["TEL"]),
        ("ORG and (TEL or EMAIL)", ["ORG:x", "EMAIL:y"], []),
        ("ORG and (TEL or EMAIL)", ["ORG:x"], ["TEL or EMAIL"]),
        ("ORG and (TEL or EMAIL)", [], ["ORG", "TEL or EMAIL"]),
        ("ORG or TEL and EMAIL", ["TEL:1"], ["ORG or (TEL and EMAIL)"]),
        ("ORG or TEL and EMAIL", ["TEL:1", "EMAIL:x"], []),
        ("(ORG or TEL) and EMAIL", ["TEL:1"], ["EMAIL"]),
        ("ORG", ["ORG:;;"], ["ORG"]),
        ("ORG", ["item1.ORG:x"], []),
        ("X-Branch AND FN", [], ["X-BRANCH"]),
    ],
)
def test_required_properties(text: str, lines: list[str], expected: list[str]) -> None:
    assert missing(text, *lines) == expected


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("TEL EMAIL", "the end should stand where 'EMAIL' is"),
        ("(TEL", "')' should stand where the end is"),
        ("TEL)", "should stand where ')' is"),
        ("TEL or", "a property or '('"),
        ("and", "a property or '('"),
        ("()", "a property or '('"),
        ("EMIAL", "did you mean EMAIL?"),
        ("TEL & EMAIL", "'&' has no place"),
        ("TEL" + " or TEL" * 500, "at most"),
        ("(" * 100 + "TEL" + ")" * 100, "parentheses"),
    ],
)
def test_rules_that_cannot_be_read(text: str, part: str) -> None:
    with pytest.raises(InvalidRule, match=part.replace("(", r"\(").replace(")", r"\)")[:40]):
        parse_rule(text)


@given(st.recursive(st.sampled_from(["TEL", "EMAIL", "ORG"]), lambda inner: st.tuples(
    st.sampled_from(["and", "or"]), inner, inner
), max_leaves=12))  # fmt: skip
def test_a_rule_as_text_is_the_same_rule(tree: object) -> None:
    def text(node: object) -> str:
        if isinstance(node, str):
            return node
        assert isinstance(node, tuple)
        word, left, right = node
        return f"({text(left)} {word} {text(right)})"

    rule = parse_rule(text(tree))
    assert parse_rule(str(rule)) == rule


def test_blank_rule_requires_nothing() -> None:
    assert parse_rule("  ") is None


def test_groups_need_nothing() -> None:
    rule = parse_rule("TEL")
    for line in ("KIND:group", "X-ADDRESSBOOKSERVER-KIND:group"):
        assert check_card(vcard("team", "Team", line), rule, "") == []
    assert [p.name for p in check_card(vcard(), rule, "")] == ["TEL"]


@pytest.mark.parametrize(
    ("line", "proposal"),
    [
        ("TEL:044 668 18 00", "+41446681800"),
        ("TEL;TYPE=work:+41 (0)44 668 18 00", "+41446681800"),
        ("TEL:0041446681800", "+41446681800"),
        ("TEL:+49 30/901820", "+4930901820"),
        ("TEL;VALUE=uri:tel:+41-44-668-18-00", "tel:+41446681800"),
    ],
)
def test_phones_that_can_be_written_for_every_country(line: str, proposal: str) -> None:
    [problem] = problems(line)
    assert (problem.kind, problem.proposal, problem.is_safe) == ("phone-form", proposal, True)


@pytest.mark.parametrize(
    "line", ["TEL:2045", "TEL:+41 44 668", "TEL:ask Ann", "TEL:044 668 18 00 / 079 123 45 67"]
)
def test_phones_that_are_none(line: str) -> None:
    assert kinds(line) == ["phone"]


def test_a_phone_in_good_form_or_of_an_unknown_country_is_no_problem() -> None:
    assert kinds("TEL:+41446681800", "TEL:") == []
    assert kinds("TEL:044 668 18 00", "TEL:2045", country="") == []
    assert kinds("TEL:+1234", country="") == ["phone"]


def test_an_extension_and_letters_are_not_lost() -> None:
    card = vcard("ann", "Ann", "TEL:044 668 18 00 ext. 12", "TEL:+1 800 FLOWERS")
    assert fix_card(card, "CH") == (card, [])
    assert read_phone("044 668 18 00 ext. 12", "CH") == ("+41446681800", True, False, "12")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("EMAIL:ann@example.org", []),
        ("EMAIL:änn@müller.example.ch", []),
        ("EMAIL:", []),
        ("EMAIL:ann@", ["mail"]),
        ("EMAIL:ann.example.org", ["mail"]),
        ("EMAIL:/o=Exchange/cn=ann", ["mail"]),
        ("EMAIL:mailto:ann@example.org", ["mail-form"]),
        ("EMAIL:<ann@example.org>", ["mail-form"]),
        ("EMAIL: ann@example.org ", ["mail-form"]),
    ],
)
def test_mail_addresses(line: str, expected: list[str]) -> None:
    assert kinds(line) == expected


@pytest.mark.parametrize(
    "text",
    ["1985-12-24", "19851224", "--1224", "--12-24", "---24", "1985", "1985-12", "--12",
     "19851224T101500Z", "T1015", "--0229", ""],
)  # fmt: skip
def test_dates(text: str) -> None:
    assert kinds(f"BDAY:{text}") == []


@pytest.mark.parametrize(
    ("text", "proposal"),
    [
        ("24.12.1985", "1985-12-24"),
        ("12/24/1985", None),
        ("31.02.1985", None),
        ("1985-02-30", None),
        ("2900-01-01", None),
        ("--1340", None),
        ("--13", None),
        ("soon", None),
    ],
)
def test_dates_that_are_none(text: str, proposal: str | None) -> None:
    [problem] = problems(f"BDAY:{text}")
    assert (problem.kind, problem.proposal, problem.is_safe) == ("date", proposal, False)


def test_a_date_announced_as_text_is_text() -> None:
    assert kinds("BDAY;VALUE=text:circa 1800") == []


@pytest.mark.parametrize(
    ("name", "proposal"),
    [("ANNA MÜLLER", "Anna Müller"), ("SEAN O'BRIEN-SMITH", "Sean O'Brien-Smith")],
)
def test_names_in_capitals(name: str, proposal: str) -> None:
    [problem] = problems(name=name)
    assert (problem.kind, problem.proposal, problem.is_safe) == ("capitals", proposal, False)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("Anna MÜLLER", "NOTE:x"),
        ("IBM", "NOTE:x"),
        ("BMW AG", "ORG:BMW AG"),
        ("BMW AG", "KIND:org"),
        ("BMW AG", "X-ABShowAs:COMPANY"),
        ("山田 太郎", "NOTE:x"),
    ],
)
def test_names_that_are_not_in_capitals(name: str, line: str) -> None:
    assert problems(line, name=name) == []


def test_fixing_leaves_every_other_octet() -> None:
    before = (
        b"\xef\xbb\xbfBEGIN:VCARD\nVERSION:3.0\r\nUID:x\r\nFN:A\r\n"
        b'item1.tel;TYPE="work,voice";X-A=b:044 668\r\n  18 00\r\n\r\n'
        b"item1.X-ABLabel:Desk\nTEL:2045\nEMAIL:<ann@example.org>\nNOTE:kept \r\n folded\nEND:VCARD"
    )
    after, fixed = fix_card(before, "CH")
    assert after == before.replace(b"044 668\r\n  18 00", b"+41446681800").replace(
        b"<ann@example.org>", b"ann@example.org"
    )
    assert [problem.kind for problem in fixed] == [ProblemKind.PHONE_FORM, ProblemKind.MAIL_FORM]
    assert fix_card(after, "CH") == (after, [])


def test_a_value_in_another_encoding_is_left() -> None:
    card = vcard("ann", "Ann", "TEL;ENCODING=QUOTED-PRINTABLE:044=20668=2018=2000")
    assert fix_card(card, "CH") == (card, [])


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30), max_size=5))
def test_whatever_a_card_says_it_is_checked_and_stays_a_card(values: list[str]) -> None:
    names = ("TEL", "EMAIL", "BDAY", "ORG", "X-ABShowAs")
    lines = [f"{name}:{value}" for name, value in zip(names, values, strict=False)]
    card = vcard("ann", "ANN EXAMPLE", *lines)
    check_card(card, parse_rule("TEL or ORG"), "DE")
    fixed, _ = fix_card(card, "DE")
    assert inspect_card(fixed).card_uid == "ann"
    assert len(list(content_lines(fixed))) == len(list(content_lines(card)))
