"""``sharedbooks export``: formats, and which contacts."""

import csv
import json
from pathlib import Path

import pytest
from openpyxl import load_workbook

from tests.cli.test_import import card, write


@pytest.fixture
def filled(office):
    """The book crm with three contacts, and the book more with one."""
    write(
        office.folder,
        card("a", "Anna", "CATEGORIES:VIP,Sales", "TEL;TYPE=work:+33 1 42", "TITLE:=cmd()"),
        card("b", "Bert", "CATEGORIES:vip", "NOTE:Knows Anna"),
        card("c", "Carl", "CATEGORIES:VIPs", "PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgo="),
    )
    office("import", "crm", "cards.vcf")
    office("book", "add", "more")
    office("import", "more", "-", typed=card("d", "Dora", "LANG:de", version="4.0"))
    return office


def names(path: str) -> list[str]:
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        return [row["Full Name"] for row in csv.DictReader(file)]


def test_the_name_of_the_file_says_the_format(filled):
    done = filled("export", "crm", "out.csv", "--json").document
    assert (done["format"], done["cards"]) == ("csv", 3)
    assert done["left_out"] == {"PHOTO": 1}
    assert names("out.csv") == ["Anna", "Bert", "Carl"]
    text = Path("out.csv").read_text()
    assert ",+33 1 42" in text
    assert "'=cmd()" in text
    filled("export", "crm", "out.XLSX")
    rows = list(load_workbook("out.XLSX").worksheets[0].iter_rows(values_only=True))
    assert [row[1] for row in rows] == ["Full Name", "Anna", "Bert", "Carl"]
    filled("export", "more", "out.json")
    [[kind, properties]] = json.loads(Path("out.json").read_text())
    assert kind == "vcard"
    assert ["lang", {}, "language-tag", "de"] in properties
    filled("export", "crm", "out.ldif")
    assert Path("out.ldif").read_text().count("\ndn: ") == 3


def test_versions_are_converted_where_they_are_asked_for(filled):
    assert "VERSION:4.0" in filled("export", "more").out
    converted = filled("export", "more", "--format", "vcf3").out
    assert "VERSION:3.0" in converted
    assert "LANG" not in converted
    assert filled("export", "crm", "--format", "vcf4").out.count("VERSION:4.0") == 3


def test_only_what_is_wanted(filled):
    filled("export", "crm", "out.csv", "--category", "VIP")
    assert names("out.csv") == ["Anna", "Bert"]
    filled("export", "crm", "out.csv", "--search", "anna")
    assert names("out.csv") == ["Anna", "Bert"]
    filled("export", "crm", "out.csv", "--search", "anna", "--category", "sales")
    assert names("out.csv") == ["Anna"]
    done = filled("export", "crm", "out.csv", "--search", "nobody")
    assert done.out == "Cards of 'crm' written into out.csv: 0.\n"


def test_several_books_into_one_file(filled):
    done = filled("export", "crm", "out.csv", "--book", "more", "--book", "crm")
    assert done.out == "Cards of 'crm' and 'more' written into out.csv: 4.\n"
    assert "no place for it: LANG of 1 contacts." in done.err
    assert names("out.csv") == ["Anna", "Bert", "Carl", "Dora"]


def test_an_ending_that_says_nothing(filled):
    done = filled("export", "crm", "out.doc", code=2)
    assert done.err.startswith("'.doc' says no format (.vcf, .csv, .xlsx, .ldif, .json); say it")
    filled("export", "crm", "out.doc", "--format", "csv-outlook")
    assert Path("out.doc").read_bytes().startswith(b"\xef\xbb\xbfTitle,First Name,")
