"""A table of made-up contacts as Google writes it, to measure an import with.

python benchmarks/import_table.py 100000 > big.csv
/usr/bin/time -v sharedbooks import crm big.csv
"""

import csv
import random
import sys

GIVEN = "Anna Bernd Clara David Eva Frank Greta Hans Ida Jonas Klara Lukas Mia Noah Olga Paul"
FAMILY = "Müller Schmidt Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Bauer Richter"
HEADINGS = (
    "First Name,Last Name,Organization Name,Organization Title,Birthday,Notes,Labels,"
    "E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,"
    "Phone 2 - Value,Address 1 - Label,Address 1 - Street,Address 1 - City,"
    "Address 1 - Postal Code,Address 1 - Country"
)


def main(rows: int) -> None:
    chance = random.Random(1)
    writer = csv.writer(sys.stdout)
    writer.writerow(HEADINGS.split(","))
    for number in range(rows):
        given, family = chance.choice(GIVEN.split()), chance.choice(FAMILY.split())
        birthday = f"19{50 + number % 50}-0{1 + number % 9}-1{number % 10}"
        name = [given, family, f"Firma {number % 5000}", "Einkauf", birthday, f"Notiz {number}"]
        mail = ["Kunden", "* Work", f"{given.lower()}.{number}@example.org"]
        phones = ["Mobile", f"+49 170 {number:07}", "Work", f"+49 30 {number:06}"]
        address = ["Work", f"Straße {number}", "Berlin", "10115", "Deutschland"]
        writer.writerow([*name, *mail, *phones, *address])


if __name__ == "__main__":
    main(int(sys.argv[1]))
