"""``sharedbooks check`` and the rules of a book."""

import pytest

from tests.cli.test_import import card

MESSY = (
    card("a", "ANNA MÜLLER", "TEL;TYPE=work:044 668 18 00", "EMAIL:mailto:ann@example.org")
    + card("b", "Bert", "ORG:Example", "TEL:2045", "EMAIL:bert@")
    + card("c", "Carl", "ORG:Example", "EMAIL:carl@example.org")
)


@pytest.fixture
def messy(office):
    office("import", "crm", "-", typed=MESSY)
    office(
        *("book", "set", "crm", "--require", "org and (tel or email)", "--country", "ch"),
        *("--check-policy", "warn"),
    )
    return office


def test_rules_are_shown_with_the_book(messy):
    document = messy("book", "show", "crm", "--json").document
    assert document["check_policy"] == "warn"
    assert document["check_rule"] == "ORG and (TEL or EMAIL)"
    assert document["check_country"] == "CH"
    shown = messy("book", "show", "crm").out.splitlines()
    assert ["Required:", "ORG and (TEL or EMAIL)"] in [line.split(maxsplit=1) for line in shown]


def test_problems_in_json(messy):
    rows = messy("check", "crm", "--json", code=1).document
    assert [(row["card"], row["property"], row["kind"]) for row in rows] == [
        ("a.vcf", "ORG", "missing"),
        ("a.vcf", "TEL", "phone-form"),
        ("a.vcf", "EMAIL", "mail-form"),
        ("a.vcf", "FN", "capitals"),
        ("b.vcf", "TEL", "phone"),
        ("b.vcf", "EMAIL", "mail"),
    ]
    assert rows[1] == {
        "card": "a.vcf",
        "uid": "a",
        "name": "ANNA MÜLLER",
        "property": "TEL",
        "kind": "phone-form",
        "value": "044 668 18 00",
        "problem": "The number can be written so that it works from every country.",
        "proposal": "+41446681800",
        "safe": True,
        "fixed": False,
    }


def test_problems_as_a_table(messy):
    done = messy("check", "crm", code=1)
    lines = done.out.splitlines()
    assert lines[0].split() == [
        "Card", "Name", "Property", "Value", "Problem", "Proposal", "Fixed",
    ]  # fmt: skip
    assert len(lines) == 7
    assert done.err == (
        "Problems: 6 (missing 1, phone-form 1, mail-form 1, capitals 1, phone 1, mail 1), in 2 of "
        "3 cards. Fixed: 0.\n"
    )


def test_a_clean_book(office):
    office("import", "crm", "-", typed=card("c", "Carl", "EMAIL:carl@example.org"))
    done = office("check", "crm")
    assert done.out == "Nothing is wrong.\n"
    assert office("check", "crm", "--json").document == []


def test_rules_can_be_tried(messy):
    kinds = {
        row["kind"] for row in messy("check", "crm", "--require", "", "--json", code=1).document
    }
    assert "missing" not in kinds
    rows = messy("check", "crm", "--require", "NOTE", "--country", "de", "--json", code=1).document
    assert [row["card"] for row in rows if row["kind"] == "missing"] == ["a.vcf", "b.vcf", "c.vcf"]
    assert messy("book", "show", "crm", "--json").document["check_country"] == "CH"


def test_fix_with_a_dry_run_first(messy, sql):
    before = list(sql.iterdump())
    rows = messy("check", "crm", "--fix", "--dry-run", "--json").document
    assert [row["kind"] for row in rows] == ["phone-form", "mail-form"]
    assert list(sql.iterdump()) == before
    rows = messy("check", "crm", "--fix", "--json", code=1).document
    assert [row["kind"] for row in rows if row["fixed"]] == ["phone-form", "mail-form"]
    exported = messy("export", "crm").out
    assert exported == MESSY.replace("044 668 18 00", "+41446681800").replace("mailto:", "")
    history = "SELECT actor_id, client, content_before FROM card_versions WHERE action = 'edit'"
    [(actor, client, content)] = sql.execute(history).fetchall()
    assert (actor, client) == (None, "sharedbooks check --fix")
    assert b"044 668 18 00" in content
    assert messy("check", "crm", "--fix", code=1).err.endswith("Fixed: 0.\n")


def test_untouched_contacts(office, sql):
    office("import", "crm", "-", typed=card("a", "Anna") + card("b", "Bert"))
    # Two months have 62 days at most.
    sql.execute("UPDATE cards SET changed_at = changed_at - 63 * 86400000000 WHERE card_uid = 'a'")
    [row] = office("check", "crm", "--untouched", "2", "--json", code=1).document
    assert (row["card"], row["kind"]) == ("a.vcf", "untouched")
    assert office("check", "crm", "--untouched", "3", "--json").document == []


def test_more_problems_than_one_table_holds(office):
    cards = "".join(card(f"u{n:04}", f"Nr. {n}", "EMAIL:x") for n in range(1100))
    office("import", "crm", "-", typed=cards)
    lines = office("check", "crm", code=1).out.splitlines()
    assert len(lines) == 1101
    assert sum(line.startswith("Card ") for line in lines) == 1
    assert len(office("check", "crm", "--json", code=1).document) == 1100


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["book", "set", "crm", "--require", "EMIAL"], "did you mean EMAIL?"),
        (["book", "set", "crm", "--country", "XX"], "There are no phones in 'XX'"),
        (["check", "crm", "--require", "TEL or"], "a property or '('"),
        (["check", "crm", "--dry-run"], "--dry-run goes with --fix"),
        (["check", "crm", "--untouched", "0"], "--untouched"),
    ],
)
def test_what_cannot_be_meant(office, words, sentence):
    assert sentence in office(*words, code=2).err


def test_a_book_that_is_not_there(office):
    assert "Did you mean 'crm'?" in office("check", "crn", code=1).err
