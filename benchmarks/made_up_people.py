"""Made-up people, and the errors with which programs and people write them down."""

from random import Random
from typing import Any, NamedTuple

_GIVEN = """Anna Maria Petra Sabine Monika Andrea Claudia Susanne Martina Barbara Lukas Jonas Leon
Felix Thomas Michael Andreas Stefan Peter Robert William James Elizabeth Margaret Catherine Richard
Charles Joseph Edward Jennifer Patricia Linda Nicolas François Hélène Chloé Amélie Étienne Giulia
Giuseppe Francesco Alessandro Chiara José Carmen Ignacio Begoña Małgorzata Katarzyna Wojciech
Krzysztof Алексей Наталья Михаил Екатерина Дмитрий Jürgen Jörg Günther Björn Søren Åsa Zoë Renée
Matthias Sebastian Christian Alexander Benjamin Samuel Daniel David Gabriel Oliver Emma Mia Hannah
Laura Sarah Julia Lisa Lena Sophie Victoria Isabella Charlotte Theresa Dominik Valentin Ronald
Gerhard Helmut Wolfgang Ursula Ingrid Gisela Renate Karin Birgit Ольга Сергей Ελένη Γεώργιος Νίκος
Ahmed Fatima Yusuf Leyla Mehmet Ayşe Nguyen Linh Wei Priya Rahul Arjun Deepa Amara Kwame""".split()  # noqa: SIM905
_FAMILY = """Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch
Bauer Richter Klein Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann
Lange Werner Smith Jones Taylor Brown Williams Wilson Johnson Davies Patel Robinson Wright
Thompson Evans Walker Martin Bernard Dubois Durand Lefèvre Moreau Fournier Girard Rossi Russo
Ferrari Esposito Bianchi Romano Colombo García Fernández González Rodríguez López Kowalski
Nowak Wiśniewski Wójcik Левченко Сидоренко Волков Орлова Παπαδόπουλος Hansen Nielsen Åkesson
Lindström Van_Dijk De_Vries Jansen Nguyen Tran Chen Wang Singh Kumar Sharma Öztürk Yildiz Demir
Okafor Mensah Baumgartner Steinberger Achleitner Zumbühl Rüegg Brönnimann Aebischer Galli
Bernasconi Delacroix Montagne Whitfield Harrow Pemberton Ashworth Castellano Quintana Zielinski
Horváth Szabó Novák Svoboda Dvořák Kovač
""".split()  # noqa: SIM905
_STREETS = """Bahnhofstrasse Hauptstrasse Dorfstrasse Lindenweg Kirchgasse Seestrasse Rosenweg
Schulstrasse Bergweg Mühleweg Birkenallee Gartenstrasse Poststrasse Wiesenweg Ringstrasse
Mill_Lane High_Street Station_Road Church_Lane Park_Avenue
Rue_du_Château Rue_de_la_Gare Via_Roma Via_Garibaldi""".split()  # noqa: SIM905
_TOWNS = """Zürich Bern Basel Luzern Winterthur Chur Lugano Genève Lausanne Thun Olten Aarau Zug
Schaffhausen Frauenfeld Solothurn Biel Fribourg Neuchâtel Sion""".split()  # noqa: SIM905
_TRADES = "Bau Elektro Garten Holz Treuhand Reisen Druck Metall Optik Transport".split()  # noqa: SIM905
_FORMS = ("AG", "GmbH", "SA", "Ltd", "& Co. KG", "")
_DOMAINS = ("bluewin.ch", "gmail.com", "gmx.net", "outlook.com", "example.org", "sunrise.ch")
_PET_NAMES = {
    "Robert": "Bob", "William": "Bill", "James": "Jim", "Elizabeth": "Liz", "Margaret": "Peggy",
    "Catherine": "Kate", "Richard": "Dick", "Charles": "Chuck", "Joseph": "Joe", "Edward": "Ted",
    "Jennifer": "Jenny", "Patricia": "Trish", "Giuseppe": "Beppe", "Francesco": "Checco",
    "Alessandro": "Sandro", "José": "Pepe", "Ignacio": "Nacho", "Małgorzata": "Gosia",
    "Katarzyna": "Kasia", "Wojciech": "Wojtek", "Алексей": "Алёша", "Наталья": "Наташа",
    "Михаил": "Миша", "Екатерина": "Катя", "Дмитрий": "Дима", "Matthias": "Matze",
    "Sebastian": "Basti", "Christian": "Chris", "Alexander": "Alex", "Benjamin": "Ben",
    "Samuel": "Sam", "Daniel": "Dani", "Thomas": "Tom", "Michael": "Michi", "Andreas": "Andi",
    "Stefan": "Steff", "Susanne": "Susi", "Claudia": "Claudi", "Wolfgang": "Wolfi",
    "Ursula": "Uschi", "Theresa": "Resi", "Victoria": "Vicky", "Nicolas": "Nico",
}  # fmt: skip
_LATIN = {
    "Алексей": "Alexei", "Наталья": "Natalia", "Михаил": "Mikhail", "Екатерина": "Ekaterina",
    "Дмитрий": "Dmitry", "Ольга": "Olga", "Сергей": "Sergei", "Левченко": "Levchenko",
    "Сидоренко": "Sidorenko", "Волков": "Volkov", "Орлова": "Orlova", "Ελένη": "Eleni",
    "Γεώργιος": "Georgios", "Νίκος": "Nikos", "Παπαδόπουλος": "Papadopoulos",
}  # fmt: skip
_PLAIN = str.maketrans(
    "äöüÄÖÜéèêëáàâíìóòúñçøåłńśźżćęąőřšžůýâôîûğşãÅÉÖŁ",
    "aouAOUeeeeaaaiioouncoalnszzceaorszuyaoiugsaAEOL",
)
_GERMAN = {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}
_OCR = (("rn", "m"), ("l", "1"), ("cl", "d"), ("O", "0"), ("i", "l"), ("vv", "w"), ("h", "b"))


class Person(NamedTuple):
    """A person; the birthday is YYYYMMDD, numbers are Swiss and in E.164."""

    given: str
    family: str
    middle: str = ""
    suffix: str = ""
    phones: tuple[str, ...] = ()
    mails: tuple[str, ...] = ()
    company: str = ""
    birthday: str = ""
    street: str = ""
    town: str = ""
    postcode: str = ""


class PersonMaker:
    """Makes people, spoils what is written of them, and writes it on cards."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._errors = [
            self._typo_in_given, self._typo_in_family, self._pet_name, self._initial,
            self._no_accents, self._german_accents, self._latin, self._married, self._new_phone,
            self._new_mail, self._new_job, self._moved, self._ocr, self._no_birthday,
            self._birthday_slip, self._no_address, self._only_phone, self._only_mail,
            self._upper_case, self._no_middle,
        ]  # fmt: skip

    def people(self, number: int) -> list[Person]:
        """Return people alone, in families, at work, and with names of others."""
        made: list[Person] = []
        while len(made) < number:
            kind = self._random.random()
            if kind < 0.5:
                made.append(self._person())
            elif kind < 0.68:
                made += self._household()
            elif kind < 0.9:
                made += self._firm()
            elif kind < 0.94:
                made += self._father_and_son()
            elif made:
                made.append(self._namesake(self._random.choice(made)))
        return made[:number]

    def _phone(self, *, mobile: bool = True) -> str:
        area = self._random.choice(("76", "77", "78", "79") if mobile else ("44", "31", "61", "41"))
        return f"+41{area}{self._random.randrange(2000000, 9999999)}"

    def _mail(self, given: str, family: str, domain: str = "") -> str:
        name = f"{_LATIN.get(given, given)}.{_LATIN.get(family, family)}".translate(_PLAIN).lower()
        name = "".join(
            letter for letter in name if letter.isascii() and (letter.isalnum() or letter == ".")
        )
        number = "" if domain or self._random.random() < 0.5 else str(self._random.randrange(99))
        return f"{name}{number}@{domain or self._random.choice(_DOMAINS)}"

    def _birthday(self, first: int = 1940, last: int = 2005) -> str:
        random = self._random
        return f"{random.randint(first, last)}{random.randint(1, 12):02}{random.randint(1, 28):02}"

    def _company(self) -> str:
        random = self._random
        name = random.choice(_FAMILY) if random.random() < 0.6 else random.choice(_TOWNS)
        return f"{name} {random.choice(_TRADES)} {random.choice(_FORMS)}".strip()

    def _address(self) -> dict[str, str]:
        random = self._random
        town = random.randrange(len(_TOWNS))
        return {
            "street": f"{random.choice(_STREETS)} {random.randint(1, 120)}",
            "town": _TOWNS[town],
            "postcode": str(1000 + town * 400 + random.randrange(30)),
        }

    def _person(self, **given: Any) -> Person:
        random = self._random
        name = given.pop("given", None) or random.choice(_GIVEN)
        family = given.pop("family", None) or random.choice(_FAMILY)
        if random.random() < 0.12:
            family = f"{family}-{random.choice(_FAMILY)}"
        filled: dict[str, Any] = {
            "middle": random.choice(_GIVEN) if random.random() < 0.15 else "",
            "phones": (self._phone(),) if random.random() < 0.85 else (),
            "mails": (self._mail(name, family),) if random.random() < 0.75 else (),
            "company": self._company() if random.random() < 0.3 else "",
            "birthday": self._birthday() if random.random() < 0.4 else "",
            **(self._address() if random.random() < 0.6 else {}),
        }
        person = Person(name, family, **{**filled, **given})
        if not (person.phones or person.mails or person.street):
            person = person._replace(phones=(self._phone(),))
        return person

    def _household(self) -> list[Person]:
        """Return a family: one address and telephone, often one mail, mostly one name."""
        random = self._random
        home = self._phone(mobile=False)
        family, address = random.choice(_FAMILY), self._address()
        mail = f"familie.{family.translate(_PLAIN).lower()}{random.randrange(99)}@bluewin.ch"
        names = random.sample(_GIVEN, random.randint(2, 4))
        shared = (mail.replace("_", ""),) if mail.isascii() and random.random() < 0.4 else ()
        return [
            self._person(given=name, family=family, **address)._replace(
                phones=(home,) if random.random() < 0.4 else (home, self._phone()), mails=shared
            )
            for name in names
        ]

    def _firm(self) -> list[Person]:
        """Return colleagues: one firm, address and switchboard, perhaps one mail for all."""
        random = self._random
        company, address, number = self._company(), self._address(), self._phone(mobile=False)
        first = company.split()[0].translate(_PLAIN).lower().replace("_", "-")
        domain = f"{first}-{random.randrange(999)}.ch"
        if not domain.isascii():
            domain = f"firm-{random.randrange(9999)}.ch"
        everybody = (f"info@{domain}",) if random.random() < 0.4 else ()
        made = []
        for _ in range(random.randint(2, 9)):
            given, family = random.choice(_GIVEN), random.choice(_FAMILY)
            mails = everybody or (self._mail(given, family, domain),)
            phones = (number,) if random.random() < 0.7 else (number, self._phone())
            made.append(
                Person(given, family, phones=phones, mails=mails, company=company, **address)
            )
        return made

    def _father_and_son(self) -> list[Person]:
        father = self._person(birthday=self._birthday(1940, 1960), **self._address())
        son = father._replace(
            birthday=self._birthday(1965, 1995), phones=(self._phone(),), mails=()
        )
        if self._random.random() < 0.5:
            return [father._replace(suffix="Sr."), son._replace(suffix="Jr.")]
        return [father, son]

    def _namesake(self, person: Person) -> Person:
        """Return somebody else of the same name, who lives and works elsewhere."""
        return self._person(
            given=person.given, family=person.family, birthday=self._birthday(),
            company=self._company(), phones=(self._phone(),), **self._address(),
        )  # fmt: skip

    # Errors

    def spoil(self, person: Person) -> Person:
        """Return the person as another program, or somebody in a hurry, wrote them down."""
        known = person
        for error in self._random.sample(self._errors, self._random.choice((1, 2, 2, 3))):
            person = error(person)
        return person if self._still_says_who(known, person) else known

    @staticmethod
    def _still_says_who(before: Person, after: Person) -> bool:
        """Tell whether somebody could find out that both are one person at all."""
        same_name = (before.given, before.family) == (after.given, after.family)
        same_contact = bool({*before.phones, *before.mails} & {*after.phones, *after.mails})
        same_rest = before.street == after.street != "" or before.birthday == after.birthday != ""
        contradicts = before.company != after.company and bool(before.company and after.company)
        return same_contact or same_rest or (same_name and not contradicts)

    def _slip(self, word: str) -> str:
        if len(word) < 4:
            return word
        place = self._random.randrange(1, len(word) - 1)
        kind = self._random.randrange(4)
        letter = self._random.choice("aeinrst")
        if kind == 0:
            return word[:place] + word[place + 1 :]
        if kind == 1:
            return word[:place] + letter + word[place:]
        if kind == 2:
            return word[:place] + letter + word[place + 1 :]
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]

    def _typo_in_given(self, person: Person) -> Person:
        return person._replace(given=self._slip(person.given))

    def _typo_in_family(self, person: Person) -> Person:
        return person._replace(family=self._slip(person.family))

    def _pet_name(self, person: Person) -> Person:
        return person._replace(given=_PET_NAMES.get(person.given, person.given))

    def _initial(self, person: Person) -> Person:
        return person._replace(given=f"{person.given[0]}.", middle="")

    def _no_accents(self, person: Person) -> Person:
        given, family = person.given.translate(_PLAIN), person.family.translate(_PLAIN)
        return person._replace(given=given, family=family)

    def _german_accents(self, person: Person) -> Person:
        given, family = person.given, person.family
        for accented, written in _GERMAN.items():
            given, family = given.replace(accented, written), family.replace(accented, written)
        return person._replace(given=given, family=family)

    def _latin(self, person: Person) -> Person:
        given = _LATIN.get(person.given, person.given)
        return person._replace(given=given, family=_LATIN.get(person.family, person.family))

    def _married(self, person: Person) -> Person:
        other = self._random.choice(_FAMILY)
        if self._random.random() < 0.5:
            other = f"{person.family}-{other}"
        return person._replace(family=other)

    def _new_phone(self, person: Person) -> Person:
        return person._replace(phones=(self._phone(),))

    def _new_mail(self, person: Person) -> Person:
        return person._replace(mails=(self._mail(person.given, person.family),))

    def _new_job(self, person: Person) -> Person:
        return person._replace(company=self._company() if person.company else "")

    def _moved(self, person: Person) -> Person:
        return person._replace(**self._address())

    def _ocr(self, person: Person) -> Person:
        read, seen = self._random.choice(_OCR)
        return person._replace(
            given=person.given.replace(read, seen, 1),
            family=person.family.replace(read, seen, 1),
            street=person.street.replace(read, seen, 1),
        )

    def _no_birthday(self, person: Person) -> Person:
        return person._replace(birthday="")

    def _birthday_slip(self, person: Person) -> Person:
        day = person.birthday
        if not day:
            return person
        if self._random.random() < 0.5:
            return person._replace(birthday=f"--{day[4:]}")
        return person._replace(birthday=day[:3] + str((int(day[3]) + 1) % 10) + day[4:])

    def _no_address(self, person: Person) -> Person:
        return person._replace(street="", town="", postcode="")

    def _only_phone(self, person: Person) -> Person:
        if not person.phones:
            return person
        return Person(person.given, person.family, phones=person.phones)

    def _only_mail(self, person: Person) -> Person:
        if not person.mails:
            return person
        return Person(person.given, person.family, mails=person.mails)

    def _upper_case(self, person: Person) -> Person:
        return person._replace(given=person.given.upper(), family=person.family.upper())

    def _no_middle(self, person: Person) -> Person:
        return person._replace(middle="")

    # Cards

    def write(self, person: Person) -> bytes:
        """Return a card of a person, in one of the forms that programs write."""
        random = self._random
        version = random.choice(("3.0", "4.0"))
        shown = " ".join(filter(None, (person.given, person.middle, person.family, person.suffix)))
        form = random.random()
        if form < 0.1:
            shown = f"{person.family}, {person.given} {person.middle}".strip()
        lines = [f"FN:{shown.replace(',', chr(92) + ',')}"]
        if form < 0.75:
            parts = (person.family, person.given, person.middle, "", person.suffix)
            lines.append(f"N:{';'.join(parts)}")
        elif form < 0.8:
            lines.append(f"N:{person.given};{person.family};;;")
        elif version == "3.0":
            lines.append(f"N:{shown.replace(',', chr(92) + ',')};;;;")
        lines += [f"TEL;TYPE=CELL:{self._written(phone)}" for phone in person.phones]
        lines += [f"EMAIL:{self._cased(mail)}" for mail in person.mails]
        if person.company:
            lines.append(f"ORG:{person.company}")
        if person.birthday:
            lines.append(f"BDAY:{person.birthday}")
        if person.street:
            lines.append(f"ADR;TYPE=HOME:;;{person.street};{person.town};;{person.postcode};")
        text = "\r\n".join(["BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""])
        return text.replace("_", " ").encode()

    def _written(self, phone: str) -> str:
        """Return a Swiss number in one of the ways people write it."""
        area, rest = phone[3:5], phone[5:]
        groups = f"{rest[:3]} {rest[3:5]} {rest[5:]}"
        return self._random.choice(
            (phone, f"0{area} {groups}", f"+41 {area} {groups}", f"+41 (0){area} {rest}",
             f"0041{area}{rest}", f"0{area}/{rest}", f"0{area}-{rest[:3]}-{rest[3:]}")
        )  # fmt: skip

    def _cased(self, mail: str) -> str:
        return mail.upper() if self._random.random() < 0.05 else mail
