"""Made-up vCards for measuring: the same arguments always give the same octets.

As a program it writes a book as one .vcf file.
"""

import argparse
import base64
import sys
import uuid
from pathlib import Path
from random import Random
from typing import NamedTuple

SHARE = 10
"""How many cards of a book bear the same surname, whatever the size of the book."""

_PHOTO_EVERY = 20
_PHOTO_OCTETS = 20_000
_UIDS = uuid.UUID("0b8f4a52-3f0e-4c0c-8f43-b1f6a6d8d9a1")
_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]


class _Culture(NamedTuple):
    given: tuple[str, ...]
    family: tuple[str, ...]
    """Empty where the surname is written in Latin letters."""
    places: tuple[tuple[str, str, str, str], ...]
    """Street, town, postal code and country."""


_CULTURES = (
    _Culture(
        ("Agnieszka", "Émile", "Freya", "Gonçalo", "Jörg", "Lucía", "Małgorzata", "Nils", "Zoé"),
        (),
        (
            ("Lindenstraße 8", "Köln", "50674", "Deutschland"),
            ("14 rue du Château", "Nantes", "44000", "France"),
            ("Kungsgatan 31", "Göteborg", "411 19", "Sverige"),
        ),
    ),
    _Culture(
        ("Henry", "Olivia", "Samuel", "Grace", "Walter", "Ruth", "Philip", "Edith"),
        (),
        (("12 Mill Lane", "Bristol", "BS1 4ST", "UK"), ("404 Elm Ave", "Dayton", "45402", "USA")),
    ),
    _Culture(
        ("Алексей", "Людмила", "Михаил", "Надежда", "Тимофей", "Юлия"),
        ("Волков", "Гончар", "Левченко", "Орлова", "Сидоренко"),
        (("пр. Мира, 17", "Новосибирск", "630007", "Россия"),),
    ),
    _Culture(
        ("Αθανάσιος", "Ευαγγελία", "Ηλίας", "Μαρίνα", "Σπύρος"),
        ("Αλεξίου", "Βλάχος", "Καραγιάννης", "Μακρής"),
        (("Αριστοτέλους 5", "Θεσσαλονίκη", "546 24", "Ελλάδα"),),
    ),
    _Culture(
        ("美咲", "翔太", "陽菜", "健一", "由美"),
        ("佐藤", "鈴木", "高橋", "田中"),
        (("梅田1-3-1", "大阪市", "530-0001", "日本"),),
    ),
    _Culture(
        ("ياسمين", "خالد", "ليلى", "عمر"),
        ("النجار", "الشامي", "منصور"),
        (("شارع الحمرا ٩", "بيروت", "1103", "لبنان"),),
    ),
    _Culture(
        ("प्रिया", "राहुल", "सुनीता", "विक्रम"),
        ("जोशी", "मेहता", "नायर"),
        (("एम जी रोड 22", "पुणे", "411001", "भारत"),),
    ),
)
_WEIGHTS = (7, 6, 2, 1, 2, 1, 1)
_COMPANIES = (
    "Nordlicht Energie AG",
    "Harbour & Sons\\, Ltd.",
    "Boulangerie Lefèvre",
    "Книгарня «Є»",
    "大和商事株式会社",
    "Τυπογραφείο Ερμής",
)
_TITLES = ("Buyer", "Leiter Einkauf", "Directrice", "Engineer", "Бухгалтер", "営業部長")
_TAGS = ("customer", "supplier", "press", "volunteer", "board", "newsletter")
_NOTES = (
    "Only by phone before noon.",
    "Wechselt im Herbst nach Hamburg\\; Nachfolge offen.",
    "Introduced by the Lisbon office\\, sends invoices in March.",
    "Предпочитает письма.",
    "打ち合わせは木曜日。",
)


def surname(block: int) -> str:
    """Return the surname of a block: eight letters that no other block has."""
    letters = []
    rest = (block * 15_485_863 + 86_028_121) % len(_SYLLABLES) ** 4
    for _ in range(4):
        rest, index = divmod(rest, len(_SYLLABLES))
        letters.append(_SYLLABLES[index])
    return "".join(letters)


def search_term(choice: int, total: int) -> str:
    """Return a text that ``SHARE`` cards of a book of ``total`` have in FN or EMAIL."""
    return surname(choice % max(1, total // SHARE))


def card_uid(number: int) -> str:
    """Return the UID of a card."""
    return str(uuid.uuid5(_UIDS, str(number)))


def make_card(number: int, total: int, revision: int = 0) -> bytes:
    """Return a card as a client sends it.

    Args:
        number: which card; those from ``total`` on are not found by any ``search_term``.
        total: number of cards in the book.
        revision: another one gives the same person with a changed telephone number and note.
    """
    random = Random(number)
    blocks = max(1, total // SHARE)
    latin = surname(number % blocks if number < total else number)
    culture = random.choices(_CULTURES, _WEIGHTS)[0]
    given = random.choice(culture.given)
    family = random.choice(culture.family) if culture.family else latin.capitalize()
    street, town, code, country = random.choice(culture.places)
    company = random.choice(_COMPANIES)
    lines = [
        "BEGIN:VCARD",
        "VERSION:3.0",
        "PRODID:-//sharedbooks//benchmark//EN",
        f"UID:{card_uid(number)}",
        f"N:{family};{given};;;",
        f"FN:{given} {family}",
        f"ORG:{company};",
        f"TITLE:{random.choice(_TITLES)}",
        f"EMAIL;TYPE=INTERNET;TYPE=WORK;TYPE=PREF:{latin}.{number}@example.com",
    ]
    if not random.randrange(3):
        lines.append(f"EMAIL;TYPE=INTERNET;TYPE=HOME:{latin}{random.randrange(100)}@example.net")
    kinds = random.sample(("CELL", "WORK,VOICE", "HOME,VOICE", "FAX"), random.randint(1, 3))
    lines += [f"TEL;TYPE={kind}:+{random.randrange(10**10, 10**11)}" for kind in kinds]
    lines.append(f"TEL;TYPE=PAGER:+1555{revision:07d}")
    lines.append(f"ADR;TYPE=WORK:;;{street};{town};;{code};{country}")
    if not random.randrange(4):
        lines.append(f"BDAY:{random.randint(1940, 2005)}-{random.randint(1, 12):02}-15")
    lines.append(f"CATEGORIES:{','.join(random.sample(_TAGS, random.randint(1, 3)))}")
    lines.append(f"NOTE:{random.choice(_NOTES)} ({revision})")
    lines.append(f"REV:2026-01-{1 + revision % 28:02}T08:00:00Z")
    folded = [piece for line in lines for piece in _fold(line)]
    if random.randrange(_PHOTO_EVERY) == 0:
        photo = base64.b64encode(b"\xff\xd8\xff\xe0" + random.randbytes(_PHOTO_OCTETS)).decode()
        folded += _fold("PHOTO;ENCODING=b;TYPE=JPEG:" + photo)
    return "\r\n".join([*folded, "END:VCARD", ""]).encode()


def make_counter(name: str, count: int) -> bytes:
    """Return a card that carries a count in its note."""
    lines = (
        "BEGIN:VCARD",
        "VERSION:3.0",
        f"UID:{name}",
        f"FN:Counter {name}",
        "N:Counter;;;;",
        f"NOTE:count {count}",
        "END:VCARD",
        "",
    )
    return "\r\n".join(lines).encode()


def make_book(total: int) -> bytes:
    """Return a book as one file."""
    return b"".join(make_card(number, total) for number in range(total))


def _fold(line: str) -> list[str]:
    """Fold a content line where clients do: never within a character."""
    if line.isascii():
        starts = range(75, len(line), 74)
        return [line[:75], *(" " + line[start : start + 74] for start in starts)]
    pieces = [""]
    for character in line:
        if len((pieces[-1] + character).encode()) > 75:
            pieces.append(" ")
        pieces[-1] += character
    return pieces


def main() -> None:
    """Write a book."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("cards", type=int, help="number of cards")
    parser.add_argument("file", type=Path, nargs="?", help="where to, instead of the output")
    arguments = parser.parse_args()
    book = make_book(arguments.cards)
    if arguments.file:
        arguments.file.write_bytes(book)
    else:
        sys.stdout.buffer.write(book)


if __name__ == "__main__":
    main()
