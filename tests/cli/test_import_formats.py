"""``sharedbooks import`` of everything but vCard files, and what it remembers."""

import base64
import csv
import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain.books import get_book
from sharedbooks.domain.principals import get_user
from sharedbooks.domain.privileges import Privilege
from sharedbooks.identifiers import BookReference
from tests.support.factories import Device, complete_home, give

SAMPLES = Path(__file__).parents[1] / "samples"


def cards(office) -> dict[str, list[str]]:
    """The lines of each card of the book, unfolded, by display name."""
    found = {}
    text = office("export", "crm").out.replace("\r\n", "\n").replace("\n ", "")
    for card in text.split("BEGIN:VCARD\n")[1:]:
        lines = card.split("\n")
        named = [line for line in lines if line.startswith(("FN", "N:"))]
        name = max(named, key=lambda line: line.startswith("FN"))
        found[name.partition(":")[2]] = lines
    return found


def bring(office, path: Path | str, *more: str, code: int = 0) -> dict:
    return dict(office("import", "crm", path, *more, "--json", code=code).document)


def counts(done: dict) -> list[int]:
    return [done[key] for key in ("added", "changed", "unchanged", "skipped", "failed")]


def write(office, text: str, name: str = "list.csv", encoding: str = "utf-8") -> Path:
    path = office.folder / name
    path.write_bytes(text.encode(encoding))
    return Path(path)


@pytest.mark.parametrize(
    ("name", "encoding", "delimiter", "layout"),
    [
        ("google.csv", "utf-8", ",", "Google Contacts"),
        ("google-old.csv", "utf-16", ",", "Google Contacts"),
        ("outlook-fr.csv", "cp1252", ";", "Outlook (French)"),
        ("outlook-de.csv", "cp1252", ",", "Outlook (German)"),
        ("outlook-it.csv", "utf-8-sig", ",", "Outlook (Italian)"),
        ("linkedin.csv", "utf-8", ",", "LinkedIn"),
    ],
)
def test_tables_are_recognised_and_a_second_import_changes_nothing(
    office, sql, name, encoding, delimiter, layout
):
    code = 1 if name in {"outlook-fr.csv", "linkedin.csv"} else 0
    done = bring(office, SAMPLES / name, code=code)
    assert [done[key] for key in ("encoding", "delimiter", "layout")] == [
        encoding,
        delimiter,
        layout,
    ]
    assert done["unknown_columns"] == []
    assert done["added"] > 0
    before = list(sql.iterdump())
    again = bring(office, SAMPLES / name, code=code)
    assert (again["added"], again["changed"]) == (0, 0)
    assert again["unchanged"] == done["added"]
    assert list(sql.iterdump()) == before


def test_google(office):
    bring(office, SAMPLES / "google.csv")
    found = cards(office)
    assert set(found) == {
        "Anna Müller",
        "Jean-Luc Dubois",
        "Sofia Rossi",
        "Peter James O'Brien",
        "Taxi Zentrale",
        "Lena Schmidt",
    }
    anna = found["Anna Müller"]
    assert "EMAIL;TYPE=work;TYPE=pref:anna.mueller@mueller-soehne.example" in anna
    assert "TEL;TYPE=work;TYPE=fax:+49 30 5550199" in anna
    assert "ADR;TYPE=work:;;Kantstraße 12;Berlin;;10623;Deutschland" in anna
    assert "CATEGORIES:Customers" in anna
    dubois = found["Jean-Luc Dubois"]
    assert "EMAIL;TYPE=pref:contact@boulangerie-dubois.example" in dubois
    assert "NOTE:Livre avant 7 h.\\nFermé le lundi." in dubois
    rossi = found["Sofia Rossi"]
    assert rossi[rossi.index("item2.X-ABRELATEDNAMES:Marco Bianchi") + 1] == (
        "item2.X-ABLabel:_$!<Spouse>!$_"
    )
    assert "item1.X-ABDATE:2012-06-23" in rossi
    assert "item3.X-ABLabel:Customer number" in rossi
    assert "BDAY;X-APPLE-OMIT-YEAR=1604:1604-09-03" in found["Lena Schmidt"]


def test_outlook_in_four_languages(office):
    for name, code in (("fr", 1), ("de", 0), ("it", 0)):
        bring(office, SAMPLES / f"outlook-{name}.csv", code=code)
    english = (
        '"Title","First Name","Last Name","Company","Job Title","Birthday","Mobile Phone",'
        '"E-mail Address"\r\n"Ms","Mary","Jones","Acme","CEO","12/31/1980","07700 900123",'
        '"mary@acme.example"\r\n'
    )
    bring(office, write(office, english))
    found = cards(office)
    assert "TITLE:Directrice" in found["Anna Mueller"]
    assert "N:Mueller;Anna;;Mme;" in found["Anna Mueller"]
    assert "BDAY:1975-04-12" in found["Anna Mueller"]
    assert "CATEGORIES:Clients,Allemagne" in found["Anna Mueller"]
    assert "ORG:Boulangerie Dubois SARL;Fournil" in found["Jean-Luc Dubois"]
    assert not any(line.startswith("BDAY") for line in found["Françoise Lefèvre"])
    gross = found["Jürgen Groß"]
    assert "ADR;TYPE=work:;;Hauptstraße 1\\nHinterhaus;Köln;;50667;Deutschland" in gross
    assert "BDAY:1968-02-01" in gross
    assert "TEL;TYPE=work:+39 011 5550111" in found["Niccolò Ferrari"]
    assert "BDAY:1980-12-31" in found["Mary Jones"]
    assert "TITLE:CEO" in found["Mary Jones"]


def test_bad_rows_are_told_with_their_numbers_and_written_down(office):
    done = office("import", "crm", SAMPLES / "linkedin.csv", "--report", "bad.csv", code=1)
    reason = "It has no name, organisation, e-mail address or telephone number."
    assert done.err == f"{SAMPLES / 'linkedin.csv'}, row 7: {reason}\n"
    with Path("bad.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["where", "number", "reason", "data"]
    assert rows[1][:3] == ["row", "7", reason]
    assert rows[1][5] == "https://www.linkedin.com/in/gone"
    wide = write(office, "Name,Phone\nAnna,1234567,more\nBert,2345678\n=cmd|' /C calc'!A0,,x\n")
    bring(office, wide, "--report", "bad.csv", code=1)
    assert "It has 3 values, and there are 2 columns." in Path("bad.csv").read_text()
    assert ",'=cmd|" in Path("bad.csv").read_text()


def test_a_mapping_is_used_saved_and_used_again(office):
    text = "Nr;Nom de famille;Tél. du bureau;Quartier;Remise\n7;Durand;0142555000;Bercy;=5 %\n"
    path = write(office, text)
    words = ["--map", "Tél. du bureau=TEL;TYPE=work", "--map", "Quartier=ADR.city;TYPE=work"]
    done = bring(office, path, *words, "--key", "Nr", "--save-mapping", "clients", "--dry-run")
    assert done["unknown_columns"] == ["Remise"]
    assert done["cards"][0]["outcome"] == "added"
    assert office("export", "crm").out == ""
    office("import", "crm", path, "--mapping", "clients", code=1)
    bring(office, path, *words, "--key", "Nr", "--save-mapping", "clients")
    assert "TEL;TYPE=work:0142555000" in cards(office)["Durand"]
    assert "ADR;TYPE=work:;;;Bercy;;;" in cards(office)["Durand"]
    write(office, text.replace("Durand", "Durand-Petit"))
    assert counts(bring(office, path, "--mapping", "clients")) == [0, 1, 0, 0, 0]
    assert set(cards(office)) == {"Durand-Petit"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--map", "Phone"], "'Phone' is no assignment: write COLUMN=TARGET."),
        (["--map", "Phone=FAX"], "'FAX' is no target; there are ANNIVERSARY, BDAY,"),
        (["--map", "Phone=TEL;PREF=1"], "'PREF=1' is neither TYPE=… nor LABEL=…."),
        (["--save-mapping", "x"], "There is nothing to save: --map says what columns mean."),
        (["--delimiter", "::"], "Invalid value for '--delimiter'"),
    ],
)
def test_what_cannot_be_meant_is_code_2(office, words, sentence):
    path = write(office, "Name,Phone\nAnna,1\n")
    assert office("import", "crm", path, *words, code=2).err.startswith(sentence)


@pytest.mark.parametrize(
    ("text", "words", "sentence"),
    [
        (
            "Name,Phone\nAnna,1\n",
            ["--map", "Fon=TEL"],
            "There is no column 'fon'; there are",
        ),
        ("Name,Phone\nAnna,1\n", ["--key", "Nr"], "There is no column 'nr'; there are 'Name'"),
        ("a,b\n1,2\n", [], "No row of headings that is known was found; say what each column"),
        ("Name,Phone\n", ["--encoding", "klingon"], "'klingon' is no character encoding"),
        ("Name,Phone\n", ["--mapping", "x"], "There is no saved mapping 'x'; saved are: none yet."),
        ("Name,Phone\n", ["--format", "xlsx"], "This is no sheet that can be read"),
        ("%PDF-1.7\n", [], "This is no file of contacts; save a sheet as .xlsx or .csv."),
    ],
)
def test_a_file_that_cannot_be_read_is_code_1(office, text, words, sentence):
    done = office("import", "crm", write(office, text), *words, code=1)
    assert done.err.startswith(sentence)
    assert done.err.count("\n") == 1


def test_what_is_said_counts_more_than_what_is_found_out(office):
    write(office, "Name|Phone\nZoë, Ltd|0305551234\n", encoding="cp850")
    bring(office, "list.csv", "--encoding", "cp850", "--delimiter", "|", "--format", "csv")
    assert "TEL:0305551234" in cards(office)["Zoë\\, Ltd"]
    write(office, "sep=\t\nName\tPhone\nTabea\t0305551235\n", "tab.csv")
    assert bring(office, "tab.csv")["delimiter"] == "\t"
    assert "Tabea" in cards(office)


def test_octets_that_are_not_in_the_encoding_said(office):
    write(office, "Name,Phone\nZoë,0305551234\nAnn,0305551235\n", encoding="cp1252")
    done = bring(office, "list.csv", "--encoding", "utf-8", code=1)
    assert counts(done) == [1, 0, 0, 0, 1]
    assert done["problems"] == [{"row": 2, "reason": "It is not in UTF-8; say the --encoding."}]


def test_a_changed_phone_changes_its_card_and_what_members_wrote_stays(office):
    write(office, "Name,E-mail,Phone,Title\nAnna Meier,a@x.example,+49 30 1111111,Buyer\n")
    bring(office, "list.csv")
    [card] = [office("export", "crm").out]
    edited = card.replace("TITLE:Buyer", "TITLE:Head of buying").replace(
        "END:VCARD", "NOTE:met in Rome\nTEL;TYPE=home:+49 30 9999999\nEND:VCARD"
    )
    bring(office, write(office, edited, "phone.vcf"))
    write(office, "Name,E-mail,Phone,Title\nAnna Meier,a@x.example,+49 30 2222222,Seller\n")
    dry = bring(office, "list.csv", "--dry-run")
    assert dry["cards"][0]["kept"] == ["TITLE"]
    done = bring(office, "list.csv")
    assert counts(done) == [0, 1, 0, 0, 0]
    assert done["kept"] == 1
    anna = cards(office)["Anna Meier"]
    assert "TEL:+49 30 2222222" in anna
    assert "TEL:+49 30 1111111" not in anna
    assert {"TITLE:Head of buying", "NOTE:met in Rome", "TEL;TYPE=home:+49 30 9999999"} <= set(anna)
    assert counts(bring(office, "list.csv", "--overwrite")) == [0, 1, 0, 0, 0]
    assert "TITLE:Seller" in cards(office)["Anna Meier"]
    assert "NOTE:met in Rome" not in cards(office)["Anna Meier"]


def test_a_deleted_card_stays_deleted_until_it_is_said_otherwise(office):
    write(office, "Name,E-mail\nAnna,a@x.example\nBert,b@x.example\n")
    bring(office, "list.csv")
    uid = next(line for line in cards(office)["Bert"] if line.startswith("UID:"))[4:]
    delete_card(office, f"{uid}.vcf")
    dry = bring(office, "list.csv", "--dry-run")
    assert counts(dry) == [0, 0, 1, 1, 0]
    assert dry["cards"][0]["reason"] == "A member deleted the card; --overwrite brings it back."
    assert counts(bring(office, "list.csv")) == [0, 0, 1, 1, 0]
    assert counts(bring(office, "list.csv", "--overwrite")) == [1, 0, 1, 0, 0]
    assert set(cards(office)) == {"Anna", "Bert"}


def delete_card(office, name: str) -> None:
    """Delete a card of the book as a member's phone does."""
    with closing(Database(f"sqlite:///{office.folder}/sharedbooks.db")) as database:
        alice = database.run_read(lambda c: get_user(c, "alice"))
        book = database.run_read(lambda c: get_book(c, BookReference(None, "crm")))
        give(database, book, alice, Privilege.WRITE)
        complete_home(database, alice)
        Device(database, alice, "crm").delete(name)


def test_people_of_two_sources_become_one_card_where_that_is_sure(office):
    bring(office, SAMPLES / "google.csv")
    done = bring(office, SAMPLES / "outlook-fr.csv", code=1)
    # Dubois and O'Brien have the same address and name, Rossi only a similar name.
    assert counts(done) == [3, 2, 0, 0, 1]
    dubois = cards(office)["Jean-Luc Dubois"]
    assert "TEL;TYPE=main:+33 1 42 55 50 12" in dubois
    assert "TEL;TYPE=cell:06 12 55 50 34" in dubois
    assert "ORG:Boulangerie Dubois" in dubois
    done = bring(office, SAMPLES / "phone.vcf")
    # Sofia has another address here; her name and number are the same.
    assert counts(done) == [3, 2, 0, 0, 0]
    assert any(line.startswith("PHOTO;") for line in cards(office)["Sofia Rossi"])


def test_an_address_that_several_share_makes_no_single_card(office):
    bring(office, write(office, "Name,E-mail\nAnna Meier,meier@x.example\n", "one.csv"))
    done = bring(
        office,
        write(
            office,
            "Name,E-mail\nBernd Meier,meier@x.example\nA. Meier,meier@x.example\n",
            "two.csv",
        ),
    )
    # "A. Meier" may be Anna, and says nothing new of her; Bernd is not.
    assert counts(done) == [1, 0, 1, 0, 0]
    assert set(cards(office)) == {"Anna Meier", "Bernd Meier"}


def test_rows_of_one_file_are_never_thrown_together(office):
    write(office, "Name,E-mail,Phone\nJohn Smith,,1\nJohn Smith,,2\nJohn Smith,,2\n")
    done = bring(office, "list.csv", code=1)
    assert counts(done) == [2, 0, 0, 0, 1]
    assert done["problems"] == [
        {"row": 4, "reason": "It says the same as row 3; that one was taken."}
    ]
    assert counts(bring(office, "list.csv", code=1)) == [0, 0, 2, 0, 1]


def test_ldif(office):
    photo = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(100)).decode()
    text = f"""version: 1

# Thunderbird
dn: cn=Anna Müller,mail=anna@x.example
objectclass: top
objectclass: mozillaAbPersonAlpha
givenName: Anna
sn:: {base64.b64encode("Müller".encode()).decode()}
cn:: {base64.b64encode("Anna Müller".encode()).decode()}
mail: anna@x.example
mozillaSecondEmail: anna@home.example
telephoneNumber: +49 30
  555 0100
mozillaHomeStreet: Weg 1
mozillaHomeLocalityName: Ulm
birthyear: 1975
birthmonth: 4
birthday: 12
description: two
  lines
userPassword: secret
jpegPhoto:: {photo}
extra: 1

dn: cn=list,mail=list
objectclass: groupOfNames
cn: list

dn: cn=Bad
jpegPhoto:< file:///etc/passwd

dn: uid=bob,dc=x
cn: Bob
mobile: 0160 5550100
"""
    done = bring(office, write(office, text, "people.ldif"), code=1)
    assert done["format"] == "ldif"
    assert counts(done) == [2, 0, 0, 0, 2]
    assert done["unknown_columns"] == ["extra"]
    assert [problem["line"] for problem in done["problems"]] == [25, 29]
    anna = cards(office)["Anna Müller"]
    assert {"TEL;TYPE=work:+49 30 555 0100", "EMAIL:anna@home.example", "NOTE:two lines"} <= set(
        anna
    )
    assert "ADR;TYPE=home:;;Weg 1;Ulm;;;" in anna
    assert "BDAY:1975-04-12" in anna
    assert f"PHOTO;ENCODING=b;TYPE=JPEG:{photo}" in anna
    assert "secret" not in office("export", "crm").out


def test_jcard(office):
    card = [
        "vcard",
        [
            ["version", {}, "text", "4.0"],
            ["uid", {}, "uri", "urn:uuid:4fbe8971-0bc3-424c-9c26-36c3e1eff6b1"],
            ["fn", {}, "text", 'Anna, "the" [Müller]'],
            ["n", {}, "text", ["Müller", "Anna", ["B", "C"], "", ""]],
            ["tel", {"type": ["work", "voice"], "pref": "1"}, "uri", "tel:+49-30-555"],
            ["bday", {}, "date-and-or-time", "1975-04-12"],
            ["categories", {}, "text", "a", "b,c"],
            ["x-odd", {"group": "item1"}, "unknown", "kept\\, so"],
        ],
    ]
    write(office, json.dumps([card, ["vcard", "no properties"], "x"]), "all.json")
    done = bring(office, "all.json", code=1)
    assert counts(done) == [1, 0, 0, 0, 1]
    [lines] = cards(office).values()
    assert 'FN:Anna\\, "the" [Müller]' in lines
    assert "N:Müller;Anna;B,C;;" in lines
    assert "TEL;TYPE=work,voice;PREF=1;VALUE=uri:tel:+49-30-555" in lines
    assert "BDAY:19750412" in lines
    assert "CATEGORIES:a,b\\,c" in lines
    assert "item1.X-ODD:kept\\, so" in lines
    write(office, json.dumps(card), "one.json")
    assert bring(office, "one.json")["unchanged"] == 1


def test_vcard_21(office):
    shutil.copy(SAMPLES / "phone.vcf", office.folder / "phone.vcf")
    assert counts(bring(office, "phone.vcf")) == [5, 0, 0, 0, 0]
    found = cards(office)
    assert "TEL;TYPE=CELL;TYPE=PREF:+491715550101" in found["Anna Müller"]
    photos = [line for card in found.values() for line in card if line.startswith("PHOTO")]
    assert len(photos) == 2
    assert len({base64.b64decode(line.partition(":")[2]) for line in photos}) == 1
    assert photos[0].startswith("PHOTO;ENCODING=b;TYPE=")
    note = next(line for line in found["Sofia Rossi"] if line.startswith("NOTE:"))
    assert "dopo le 14.\\nPreferisce e-mail\\; codice" in note
    assert "N:Lefèvre;Françoise" in found["Lefèvre;Françoise"]
    assert "URL:http://lena.example/?a=1" in found["Lena Schmidt"]
