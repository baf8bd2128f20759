"""Filters of an addressbook-query (RFC 6352, section 10.5): what they find, and what is refused."""

import pytest

from tests.http.client import Answer, document
from tests.http.world import Member, World

CARDS = {
    "anna": "FN:Anna Müller|N:Müller;Anna;;;|EMAIL;TYPE=HOME:anna@example.org|TEL;TYPE=WORK:1",
    "bela": "FN:Béla STRASSE|N:Strasse;Béla;;;|EMAIL;TYPE=WORK:bela@example.com|NOTE:a\\, b",
    "carl": "FN:Carl 100%|EMAIL;TYPE=HOME:c@example.org|EMAIL;TYPE=WORK:carl@example.com",
    "dora": "FN:Dora|CATEGORIES:Friends,Work_Mates|item1.TEL:2|item1.X-ABLabel:Boat",
}


@pytest.fixture
def alice(world: World) -> Member:
    member, book = world.shared()
    member.book = member.path(book)
    for uid, text in CARDS.items():
        body = "\r\n".join(("BEGIN:VCARD", "VERSION:3.0", f"UID:{uid}", *text.split("|")))
        answer = member.put(f"{member.book}{uid}.vcf", f"{body}\r\nEND:VCARD\r\n")
        assert answer.status == 201, answer
    long_note = "x" * 400 + "needle"
    card = f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:long\r\nFN:Long\r\nNOTE:{long_note}\r\nEND:VCARD\r\n"
    assert member.put(f"{member.book}long.vcf", card).status == 201
    return member


def query(member: Member, conditions: str, more: str = "") -> Answer:
    body = document("CARD:addressbook-query", f"<D:prop><D:getetag/></D:prop>{conditions}{more}")
    return member.report(member.book, body)


def found(member: Member, conditions: str) -> set[str]:
    hrefs = query(member, conditions).hrefs
    return {href.rpartition("/")[2].removesuffix(".vcf") for href in hrefs}


def where(inner: str, test: str = "anyof") -> str:
    return f'<CARD:filter test="{test}">{inner}</CARD:filter>'


def has(name: str, inner: str = "", test: str = "anyof") -> str:
    return f'<CARD:prop-filter name="{name}" test="{test}">{inner}</CARD:prop-filter>'


def text(value: str, **attributes: str) -> str:
    given = "".join(f' {name.replace("_", "-")}="{v}"' for name, v in attributes.items())
    return f"<CARD:text-match{given}>{value}</CARD:text-match>"


ALL = {*CARDS, "long"}
NOT_DEFINED = "<CARD:is-not-defined/>"
WORK = f'<CARD:param-filter name="TYPE">{text("work", match_type="equals")}</CARD:param-filter>'


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ("", ALL),
        (where(""), ALL),
        (where(has("TEL")), {"anna", "dora"}),
        (where(has("TEL", NOT_DEFINED)), {"bela", "carl", "long"}),
        (where(has("FN", text("ANN"))), {"anna"}),
        (where(has("FN", text("müLLER"))), {"anna"}),
        (where(has("FN", text("mu\u0308ller"))), {"anna"}),
        (where(has("FN", text("straße"))), {"bela"}),
        (where(has("FN", text("MÜLLER", collation="i;ascii-casemap"))), set()),
        (where(has("FN", text("MüLLER", collation="i;ascii-casemap"))), {"anna"}),
        (where(has("FN", text("anna", collation="i;octet"))), set()),
        (where(has("FN", text("Anna", collation="i;octet"))), {"anna"}),
        (where(has("FN", text("dora", match_type="equals"))), {"dora"}),
        (where(has("FN", text("dor", match_type="equals"))), set()),
        (where(has("FN", text("b", match_type="starts-with"))), {"bela"}),
        (where(has("FN", text("100%", match_type="ends-with"))), {"carl"}),
        (where(has("FN", text("1_0"))), set()),
        (where(has("N", text("Müller;Anna", match_type="starts-with"))), {"anna"}),
        (where(has("NOTE", text("a, b", match_type="equals"))), {"bela"}),
        (where(has("NOTE", text("needle"))), {"long"}),
        (where(has("CATEGORIES", text("work_mates", match_type="equals"))), {"dora"}),
        (where(has("EMAIL", text("org", negate_condition="yes"))), {"bela", "carl"}),
        (where(has("item1.TEL")), {"dora"}),
        (where(has("ITEM2.TEL")), set()),
        (where(has("X-ABLABEL", text("boat"))), {"dora"}),
        (where(has("UID", text("ann"))), {"anna"}),
        # The text and the parameter of one and the same address.
        (where(has("EMAIL", text("example.org") + WORK, test="allof")), set()),
        (where(has("EMAIL", text("example.com") + WORK, test="allof")), {"bela", "carl"}),
        (where(has("EMAIL", text("example.org") + WORK)), {"anna", "bela", "carl"}),
        (where(has("FN", text("a")) + has("TEL"), test="allof"), {"anna", "dora"}),
        (where(has("FN", text("carl")) + has("TEL")), {"anna", "carl", "dora"}),
        (where(has("FN", text("carl")) + has("TEL", NOT_DEFINED), test="allof"), {"carl"}),
    ],
)
def test_a_filter_finds(alice: Member, conditions: str, expected: set[str]) -> None:
    assert found(alice, conditions) == expected


def test_a_changed_card_is_found_by_what_it_says_now(world: World) -> None:
    member, book = world.shared()
    member.book = member.path(book)
    card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:eve\r\nFN:Evelyn\r\nEND:VCARD\r\n"
    assert member.put(f"{member.book}eve.vcf", card).status == 201
    assert member.put(f"{member.book}eve.vcf", card.replace("Evelyn", "Yvonne")).status == 204
    assert found(member, where(has("FN", text("evelyn")))) == set()
    assert found(member, where(has("FN", text("yvonne")))) == {"eve"}
    assert member.delete(f"{member.book}eve.vcf").status == 204
    assert found(member, where(has("FN", text("yvonne")))) == set()


def test_no_more_than_the_limit_is_given_and_the_rest_is_told(alice: Member) -> None:
    limit = "<CARD:limit><CARD:nresults>2</CARD:nresults></CARD:limit>"
    answer = query(alice, where(""), limit)
    assert len(answer.hrefs) == 3
    assert answer[alice.book].status == 507
    assert answer[alice.book].error == ["D:number-of-matches-within-limits"]
    enough = limit.replace("2", str(len(ALL)))
    assert set(query(alice, where(""), enough).hrefs) == {f"{alice.book}{n}.vcf" for n in ALL}


@pytest.mark.parametrize(
    ("conditions", "status", "condition"),
    [
        (where(has("FN", text("a", collation="i;klingon"))), 403, "CARD:supported-collation"),
        (where("<CARD:comp-filter/>"), 403, "CARD:supported-filter"),
        (where(has("FN", "<CARD:time-range/>")), 403, "CARD:supported-filter"),
        (where(has("FN") * 300), 403, "CARD:supported-filter"),
        (where(has("FN"), test="noneof"), 400, None),
        (where(has("FN", text("a", match_type="resembles"))), 400, None),
        (where(has("")), 400, None),
    ],
)
def test_a_filter_that_is_not_understood_is_refused(
    alice: Member, conditions: str, status: int, condition: str | None
) -> None:
    answer = query(alice, conditions)
    assert answer.status == status
    if condition is not None:
        assert answer.conditions == [condition]
