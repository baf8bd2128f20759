"""Which cards are taken for one person, and which are not though they look like it."""

import json

import pytest

from sharedbooks.matching.candidates import Candidates
from sharedbooks.matching.features import Features, read_features
from sharedbooks.matching.keys import block_keys
from sharedbooks.matching.names import names_of, read_company
from sharedbooks.matching.nicknames import are_forms_of_one
from sharedbooks.matching.phones import are_same_phone, normalise_phone
from sharedbooks.matching.scoring import DEFAULT_THRESHOLD, Comparison, compare
from sharedbooks.matching.text import fold_words, is_misspelt, sound

HOME = "TEL:+41441112233"
MOBILE = "TEL:+41791112233"
ADDRESS = "ADR:;;Lindenweg 8;Zürich;;8001;"
FIRM = ("ORG:Harrow Ltd", "ADR:;;Mill Lane 1;Leeds;;LS1 4ST;")


def card(*lines: str) -> bytes:
    content = ["BEGIN:VCARD", "VERSION:4.0", *lines, "END:VCARD", ""]
    return "\r\n".join(content).encode()


def named(family: str, given: str, *lines: str, suffix: str = "") -> bytes:
    shown = " ".join(filter(None, (given, family, suffix)))
    return card(f"FN:{shown}", f"N:{family};{given};;;{suffix}", *lines)


def compare_cards(one: bytes, other: bytes, *others: bytes, country: str = "CH") -> Comparison:
    """Compare two cards of a book in which there are ``others`` too."""
    with Candidates() as candidates:
        for number, octets in enumerate((one, other, *others)):
            candidates.add(number, read_features(octets, country))
        rarity = candidates.rarity()
        return compare(candidates.features(0), candidates.features(1), rarity)


def fillers(number: int, *lines: str) -> list[bytes]:
    """Return cards of other people, each with ``lines``."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return [
        named(f"Ot{letters[n % 26]}{letters[n // 26]}qx", f"Gi{letters[n % 26]}vw", *lines)
        for n in range(number)
    ]


SAME = {
    "order": (named("Meier", "Anna", HOME), card("FN:Meier\\, Anna", HOME)),
    "fields swapped": (named("Meier", "Anna", HOME), named("Anna", "Meier", HOME)),
    "accents": (named("Müller", "Zoë", MOBILE), named("MUELLER", "ZOE", MOBILE)),
    "script": (named("Петренко", "Игорь", MOBILE), named("Petrenko", "Igor", MOBILE)),
    "nickname": (named("Miller", "Bob", MOBILE), named("Miller", "Robert", MOBILE)),
    "nickname of another language": (
        named("Rossi", "Beppe", "EMAIL:r@x.it"),
        named("Rossi", "Giuseppe", "EMAIL:R@x.it"),
    ),
    "initial": (named("Baumgartner", "R.", MOBILE), named("Baumgartner", "Rosa", MOBILE)),
    "slip": (named("Baumgartner", "Rosa", MOBILE), named("Baumgarnter", "Rosa", MOBILE)),
    "formats of phones": (named("Meier", "Anna", "TEL:079 111 22 33"), named("Meier", "A", MOBILE)),
    "moved phone": (
        named("Baumgartner", "Rosa", MOBILE, "BDAY:19700203"),
        named("Baumgartner", "Rosa", "TEL:+41780000000", "BDAY:1970-02-03"),
    ),
    "birthday without year": (
        named("Baumgartner", "Rosa", "BDAY:--0203"),
        named("Baumgartner", "Rosa", "BDAY:1970-02-03"),
    ),
    "married": (
        named("Meier", "Rosa", "EMAIL:rosa@x.ch", MOBILE),
        named("Huber", "Rosa", "EMAIL:rosa@x.ch", MOBILE),
    ),
    "double name": (named("Meier-Huber", "Rosa", MOBILE), named("Meier", "Rosa", MOBILE)),
    "company": (
        card("FN:Harrow Druck AG", "ORG:Harrow Druck AG", HOME),
        card("FN:HARROW DRUCK", "ORG:HARROW DRUCK", HOME),
    ),
    "spoken name": (
        named("田中", "健", "X-PHONETIC-FIRST-NAME:Ken", "X-PHONETIC-LAST-NAME:Tanaka", MOBILE),
        named("Tanaka", "Ken", MOBILE),
    ),
}
DIFFERENT = {
    "couple": (
        named("Meier", "Anna", HOME, ADDRESS),
        named("Meier", "Lukas", HOME, ADDRESS),
    ),
    "family mail": (
        named("Meier", "Anna", "EMAIL:familie@meier.ch", HOME),
        named("Meier", "Jonas", "EMAIL:familie@meier.ch", HOME),
    ),
    "father and son": (
        named("Meier", "Hans", HOME, ADDRESS, suffix="Sr."),
        named("Meier", "Hans", HOME, ADDRESS, suffix="Jr."),
    ),
    "namesakes by birthday": (
        named("Meier", "Hans", ADDRESS, "BDAY:19400101"),
        named("Meier", "Hans", ADDRESS, "BDAY:19721224"),
    ),
    "colleagues": (
        named("Meier", "Anna", HOME, *FIRM, "EMAIL:info@harrow.example"),
        named("Huber", "Peter", HOME, *FIRM, "EMAIL:info@harrow.example"),
    ),
    "colleagues of one given name": (
        named("Meier", "Anna", *FIRM, "EMAIL:info@harrow.example"),
        named("Huber", "Anna", *FIRM, "EMAIL:info@harrow.example"),
    ),
    "a person and their firm": (
        card("FN:Harrow Ltd", "ORG:Harrow Ltd", HOME, FIRM[1]),
        named("Harrow", "John", HOME, *FIRM),
    ),
    "two names that are alike": (
        named("Meier", "Martin", HOME),
        named("Meier", "Martina", HOME),
    ),
    "extensions": (
        card("FN:", "TEL:+41 44 111 22 33 ext. 12"),
        card("FN:", "TEL:+41 44 111 22 33 ext. 13"),
    ),
    "nothing known": (card("FN:"), card("FN:")),
}


@pytest.mark.parametrize("name", SAME)
def test_one_person(name: str) -> None:
    one, other = SAME[name]
    assert not block_keys(read_features(one, "CH")).isdisjoint(
        block_keys(read_features(other, "CH"))
    )
    for pair in ((one, other), (other, one)):
        found = compare_cards(*pair, *fillers(100))
        assert found.score >= DEFAULT_THRESHOLD, found


@pytest.mark.parametrize("name", DIFFERENT)
def test_two_persons(name: str) -> None:
    one, other = DIFFERENT[name]
    for pair in ((one, other), (other, one)):
        found = compare_cards(*pair, *fillers(100))
        assert found.score < DEFAULT_THRESHOLD, found


def test_a_switchboard_tells_the_less_the_more_cards_have_it() -> None:
    one = named("Baumgartner", "R.", HOME)
    other = named("Baumgartner", "Rosa", HOME)
    few = compare_cards(one, other, *fillers(100))
    many = compare_cards(one, other, *fillers(100, HOME))
    assert few.score > DEFAULT_THRESHOLD > many.score
    weights = [
        next(each.bits for each in found.evidence if each.text == "same phone +41441112233")
        for found in (few, many)
    ]
    assert weights[0] > weights[1] + 8


def test_evidence_is_what_the_score_rests_on() -> None:
    one = named("Meier", "Anna", MOBILE, "BDAY:19700203", "ORG:Harrow Ltd")
    other = named("Meier", "Anna", MOBILE, "BDAY:19700203", "ORG:Other")
    found = compare_cards(one, other, *fillers(50))
    assert {(str(each.kind), each.text) for each in found.evidence} == {
        ("name", "same name"),
        ("phone", "same phone +41791112233"),
        ("birthday", "same birthday"),
        ("organisation", "different organisations"),
    }
    weights = [abs(each.bits) for each in found.evidence]
    assert weights == sorted(weights, reverse=True)


def test_features_are_json_and_bounded() -> None:
    hostile = card("FN:" + "x " * 100_000, *(f"TEL:+4179{n:07}" for n in range(5000)))
    features = read_features(hostile, "CH")
    assert len(json.dumps(features)) < 2000
    assert isinstance(features, Features)
    assert read_features(b"BEGIN:VCARD\r\nEND:VCARD\r\n").names == []


@pytest.mark.parametrize(
    ("text", "country", "normal"),
    [
        ("079 111 22 33", "CH", "+41791112233"),
        ("tel:+41-79-111-22-33", "", "+41791112233"),
        ("+41 (0)79 111 22 33", "", "+41791112233"),
        ("0041791112233", "CH", "+41791112233"),
        ("079 111 22 33", "", "791112233"),
        ("+41 44 111 22 33;ext=12", "", "+41441112233;ext=12"),
        ("117", "CH", ""),
        ("call me", "CH", ""),
    ],
)
def test_phones(text: str, country: str, normal: str) -> None:
    found = normalise_phone(text, country)
    assert found == normal or (normal == "" and len(found) < 7)


def test_numbers_without_country() -> None:
    assert are_same_phone("791112233", "+41791112233")
    assert not are_same_phone("+49791112233", "+41791112233")
    assert not are_same_phone("1112233", "+41791112234")


@pytest.mark.parametrize(
    ("text", "given", "family"),
    [
        ("Anna Meier", ["anna"], ["meier"]),
        ("Meier, Anna Rosa", ["anna", "rosa"], ["meier"]),
        ("Dr. Anna van der Berg", ["anna"], ["berg"]),
        ("Anna Meier-Huber", ["anna"], ["meier", "huber"]),
        ("Anna", ["anna"], []),
        ("O\u2019Brien, Sean Jr.", ["sean"], ["obrien"]),
    ],
)
def test_names_in_one_field(text: str, given: list[str], family: list[str]) -> None:
    (name,) = names_of([], text).names
    assert (list(name.given), list(name.family)) == (given, family)


def test_words() -> None:
    assert fold_words("Łódź  ÉTÉ—Straße") == "lodz ete strasse"
    assert sound("mueller") == sound("muller")
    assert sound("meyer") == sound("maier")
    assert sound("stephan") == sound("stefan")
    assert sound("h") == "h"
    assert is_misspelt("thompson", "thomspon")
    assert not is_misspelt("jan", "jon")
    assert are_forms_of_one("bob", "robert")
    assert not are_forms_of_one("bob", "william")
    assert read_company("Harrow & Söhne S.p.A.") == read_company("harrow sohne")


def test_pairs_of_a_large_block_are_few() -> None:
    with Candidates() as candidates:
        for number, octets in enumerate(fillers(400, HOME)):
            candidates.add(number, read_features(octets, "CH"))
        for number in (1000, 1001):
            candidates.add(number, read_features(named("Baumgartner", "Rosa", HOME), "CH"))
        assert candidates.pair_up() < 4000
        pairs = {(left, right) for left, _, right, _ in candidates.pairs()}
        assert (1000, 1001) in pairs
