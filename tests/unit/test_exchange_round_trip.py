"""What is exported and imported again says the same, as far as the format can hold it."""

import csv
from collections.abc import Iterator
from io import BytesIO, StringIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharedbooks.exchange.contact import ADDRESS_PARTS, NAME_PARTS, Contact, Entry
from sharedbooks.exchange.contact_cards import read_contact, write_card
from sharedbooks.exchange.csv_files import guarded, unguarded
from sharedbooks.exchange.exporting import OutputFormat, export_cards
from sharedbooks.exchange.opening import Manner, open_source
from sharedbooks.exchange.records import BadRecord, Record
from sharedbooks.exchange.sources import Source
from sharedbooks.exchange.tables import Reading
from sharedbooks.vcard.marks import card_marks

# Blanks around a value and characters without a shape are no part of it in tables.
LETTERS = st.characters(
    codec="utf-8", exclude_categories=("Cc", "Cs", "Cf", "Zs", "Zl", "Zp", "Co", "Cn")
)
WORD = st.text(LETTERS, min_size=1, max_size=12)
DANGEROUS = st.sampled_from(["=1+1", "+33 1 42", "-2", "@SUM(A1)", "'=x", "=cmd|' /C calc'!A0"])
TEXT = st.one_of(st.lists(WORD, min_size=1, max_size=3).map(" ".join), DANGEROUS)
LINES = st.lists(TEXT, min_size=1, max_size=3).map("\n".join)
# Labels whose words are types become types: that is what they say.
LABEL = st.text(st.characters(categories=("Lu", "Ll")), min_size=3, max_size=8).map("xq".__add__)
DATE = st.dates().map(str) | st.dates().map(lambda date: f"--{date:%m-%d}")
PHONE = st.from_regex(r"\+?[0-9]{6,12}", fullmatch=True)
MAIL = st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.example", fullmatch=True)


def entries(value: Any, *types: tuple[str, ...]) -> Any:
    """Lists of entries with those types, or with a label."""
    typed = st.builds(Entry, value, st.sampled_from(types), st.just(""), st.booleans())
    return st.lists(typed | st.builds(Entry, value, st.just(()), LABEL), max_size=3)


PHONES = entries(PHONE, ("WORK",), ("HOME", "FAX"), ("CELL",), ())
MAILS = entries(MAIL, ("WORK",), ("HOME",), ())
ADDRESSES = st.lists(
    st.builds(
        lambda parts, kind: Entry("", (kind,), parts=parts),
        st.dictionaries(st.sampled_from(ADDRESS_PARTS), TEXT, min_size=1),
        st.sampled_from(["WORK", "HOME"]),
    ),
    max_size=2,
    unique_by=lambda entry: entry.types,
)
LABELLED = st.lists(st.builds(Entry, TEXT, st.just(()), LABEL), max_size=2)
DAYS = st.lists(st.builds(Entry, DATE, st.just(()), LABEL), max_size=2)
CATEGORIES = st.lists(
    st.text(LETTERS.filter(lambda each: each not in ";,*:"), min_size=1, max_size=9),
    max_size=3,
    unique=True,
)


def contacts(texts: dict[str, Any], lists: dict[str, Any]) -> Any:
    """Contacts that have some of those texts and lists, and a name."""
    return st.builds(
        lambda texts, name, lists, categories: Contact(
            {**texts, **name}, {key: value for key, value in lists.items() if value}, categories
        ),
        st.fixed_dictionaries({}, optional=texts),
        st.fixed_dictionaries({"N.family": TEXT, "N.given": TEXT}),
        st.fixed_dictionaries(lists),
        CATEGORIES.filter(lambda found: "myContacts" not in found),
    )


NAMES = {f"N.{part}": TEXT for part in NAME_PARTS}
PLAIN = {**NAMES, "ORG.name": TEXT, "ORG.unit": TEXT, "TITLE": TEXT, "NOTE": LINES, "BDAY": DATE}
LISTS = {"TEL": PHONES, "EMAIL": MAILS, "ADR": ADDRESSES}
EVERYTHING = contacts(
    {**PLAIN, "NICKNAME": WORD, "ROLE": TEXT, "ANNIVERSARY": DATE, "GENDER": TEXT},
    {**LISTS, "RELATED": LABELLED, "DATE": DAYS, "FIELD": LABELLED},
)
GOOGLE = contacts(PLAIN, {**LISTS, "RELATED": LABELLED, "DATE": DAYS, "FIELD": LABELLED})


def exported(cards: list[bytes], kind: OutputFormat) -> bytes:
    file = BytesIO()
    assert export_cards(lambda: cards, file, kind).cards == len(cards)
    return file.getvalue()


def imported(octets: bytes) -> list[Record]:
    reading = Reading("x", 10**7)
    opened = open_source(Source(BytesIO(octets), "x"), Manner(), reading)
    records = list(opened.records)
    assert reading.unknown == ()
    assert not [each for each in records if isinstance(each, BadRecord)], records
    return [each for each in records if isinstance(each, Record)]


def said(octets: bytes) -> Contact:
    """What a card says, in an order that no format changes."""
    contact, left_out = read_contact(octets)
    assert left_out == set()
    for key in contact.lists:
        contact.lists[key].sort(key=repr)
    contact.categories.sort()
    return contact


@pytest.mark.parametrize("kind", [OutputFormat.CSV, OutputFormat.XLSX])
@settings(max_examples=25, deadline=None)
@given(people=st.lists(EVERYTHING, min_size=1, max_size=3))
def test_our_own_tables_keep_everything(kind: OutputFormat, people: list[Contact]) -> None:
    cards = [write_card(each, f"uid-{number}") for number, each in enumerate(people)]
    back = imported(exported(cards, kind))
    assert [said(each.card.octets) for each in back] == [said(card) for card in cards]
    assert [each.card.card_uid for each in back] == [f"uid-{n}" for n in range(len(people))]


@settings(max_examples=25, deadline=None)
@given(person=GOOGLE)
def test_google_keeps_what_it_has_columns_for(person: Contact) -> None:
    card = write_card(person, "uid")
    [back] = imported(exported([card], OutputFormat.CSV_GOOGLE))
    expected = said(card)
    for name in ("UID", "FN"):
        expected.texts.pop(name, None)
    found = said(back.card.octets)
    for name in ("UID", "FN"):
        found.texts.pop(name, None)
    assert found == expected


@settings(max_examples=20, deadline=None)
@given(person=EVERYTHING)
def test_jcard_and_vcards_keep_everything(person: Contact) -> None:
    card = write_card(person, "uid")
    for kind in (OutputFormat.JCARD, OutputFormat.VCF, OutputFormat.VCF3, OutputFormat.VCF4):
        [back] = imported(exported([card], kind))
        assert card_marks(back.card.octets) == card_marks(card)


OFFICE = contacts(
    {**PLAIN, "ROLE": TEXT, "BDAY": st.dates().map(str)},
    {
        "TEL": st.tuples(PHONE, PHONE).map(
            lambda pair: [Entry(pair[0], ("WORK",)), Entry(pair[1], ("CELL",))]
        ),
        "EMAIL": st.lists(MAIL.map(Entry), max_size=3, unique_by=lambda entry: entry.value),
    },
)


@settings(max_examples=25, deadline=None)
@given(person=OFFICE)
def test_outlook_keeps_what_it_has_columns_for(person: Contact) -> None:
    card = write_card(person, "uid")
    [back] = imported(exported([card], OutputFormat.CSV_OUTLOOK))
    expected, found = said(card), said(back.card.octets)
    for contact in (expected, found):
        contact.texts.pop("UID", None)
        contact.texts.pop("FN", None)
    assert found == expected


@settings(max_examples=25, deadline=None)
@given(person=OFFICE)
def test_ldif_keeps_what_it_has_attributes_for(person: Contact) -> None:
    person.categories = []
    person.texts = {
        name: text
        for name, text in person.texts.items()
        if name not in {"N.additional", "N.prefix", "N.suffix"}
    }
    card = write_card(person, "uid")
    [back] = imported(exported([card], OutputFormat.LDIF))
    expected, found = said(card), said(back.card.octets)
    for contact in (expected, found):
        contact.texts.pop("UID", None)
    assert found == expected


@given(
    text=st.tuples(
        st.text("'=+-@\t\r0", max_size=2), st.text(st.characters(codec="utf-8"), max_size=9)
    ).map("".join)
)
def test_no_cell_is_a_formula(text: str) -> None:
    cell = guarded(text)
    assert unguarded(cell) == text
    if cell[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        assert set(cell[1:]) <= set("0123456789 ()-./")
        assert cell[0] == "+"


def rows(octets: bytes) -> Iterator[dict[str, str]]:
    yield from csv.DictReader(StringIO(octets.decode("utf-8-sig"), newline=""))


def test_phones_and_formulas_in_a_table() -> None:
    person = Contact(
        {"FN": "=HYPERLINK(1)", "NOTE": "@x"}, {"TEL": [Entry("+33 1 42 55 50 12", ("WORK",))]}
    )
    for kind in (OutputFormat.CSV, OutputFormat.CSV_GOOGLE):
        [row] = rows(exported([write_card(person)], kind))
        assert row["Phone 1 - Value"] == "+33 1 42 55 50 12"
        assert row["Notes"] == "'@x"
        assert "'=HYPERLINK(1)" in row.values()


def test_what_a_format_cannot_hold_is_told() -> None:
    photo = b"PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgo=\r\nX-ODD:1\r\nEND:VCARD\r\n"
    card = write_card(Contact({"FN": "Ann"}, {}, ["a"])).replace(b"END:VCARD\r\n", photo)
    for kind, left_out in (
        (OutputFormat.VCF, {}),
        (OutputFormat.JCARD, {}),
        (OutputFormat.CSV, {"PHOTO": 1, "X-ODD": 1}),
        (OutputFormat.CSV_OUTLOOK, {"PHOTO": 1, "X-ODD": 1}),
        (OutputFormat.LDIF, {"CATEGORIES": 1, "PHOTO": 1, "X-ODD": 1}),
    ):
        assert export_cards(lambda: [card], BytesIO(), kind).left_out == left_out, kind
