"""The contacts of the demo: invented, in several scripts, the same every time.

Nobody can be reached by them: phone numbers are from ranges that Germany, France, Sweden, the
United Kingdom and the United States keep for films, mail addresses are at the example domains of
RFC 2606, and streets and firms are made up.
"""
# ruff: noqa: INP001 - it lies beside the script that imports it
# ruff: noqa: RUF001 - letters of other scripts look like Latin ones, and are meant

import base64
import random
import struct
import unicodedata
import uuid
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sharedbooks.vcard.contentlines import escape_text, fold

_UIDS = uuid.UUID("5b3c9f04-6a0e-4c57-9d0e-2f7b1c8a4e10")
_REVISION_DATE = "2026-09-01T08:00:00Z"
_SIZE = 128  # of photos, in pixels


@dataclass(frozen=True, slots=True)
class Contact:
    """One card of the demo."""

    uid: str
    display_name: str
    octets: bytes


@dataclass(frozen=True, slots=True)
class _Region:
    """Names, firms and places of one language.

    A name is ``written`` or ``written=latin``; where family names differ for women and men, only
    those that do not are taken. A place is ``street|city|postcode|country``, with
    ``{}`` for the number of the house.
    """

    share: int
    given: str
    family: str
    firms: Sequence[str]
    places: Sequence[str]
    phones: Sequence[str]
    family_first: bool = False


_UK = ("+44 20 7946 0{:03d}", "+44 7700 900{:03d}")
_US = ("+1 212 555 01{:02d}", "+1 415 555 01{:02d}")
_GERMANY = ("+49 30 23125 {:03d}", "+49 40 66969 {:03d}", "+49 89 99998 {:03d}")
_FRANCE = ("+33 1 99 00 {:02d} 17", "+33 6 39 98 {:02d} 40")
_SWEDEN = ("+46 70 174 06 {:02d}",)

_REGIONS = {
    "de": _Region(
        20,
        "Jürgen Käthe Björn Sören Anneliese Rüdiger Gisela Jörg Zoë Matthäus",
        "Müller Schäfer Grünwald Weiß Köhler Strößner Bäcker Lütke Görres Hägele",
        ("Bäckerei Grünwald GmbH", "Stadtwerke Mühlbach", "Gebrüder Weiß & Söhne KG"),
        ("Schloßstraße {}|Berlin|14059|Deutschland", "Große Bleichen {}|Hamburg|20354|Deutschland"),
        _GERMANY,
    ),
    "fr": _Region(
        20,
        "Zoé François Hélène Jérôme Chloé Étienne Maëlle Benoît Agnès Loïc",
        "Lefèvre Beauséjour Gérard Lemaître D'Aubigné Noël Châtelain Béranger Crépin Faÿ",
        ("Crêperie L'Étoile", "Imprimerie Châtelain, Frères & Cie", "Île-de-Bois SARL"),
        ("{}, rue de l'Échiquier|Paris|75010|France", "{}, cours d'Albret|Bordeaux|33000|France"),
        _FRANCE,
    ),
    "nordic": _Region(
        18,
        "Åsa Björn Søren Þóra Øyvind Märta Päivi Håkon Linnéa Jørgen",
        "Ångström Sjöberg Kjærgaard Þórðarson Østby Mäkinen Grønlund Hägg Lindström Næss",
        ("Sjöbergs Båtvarv AB", "Grønlund Fisk ApS", "Mäkisen Saha Oy"),
        (
            "Österlånggatan {}|Stockholm|111 31|Sverige",
            "Nørrebrogade {}|København|2200|Danmark",
        ),
        _SWEDEN,
    ),
    "pl": _Region(
        18,
        "Łukasz Małgorzata Paweł Żaneta Józef Bożena Stanisław Świętosława Michał Zofia",
        "Wójcik Gołąb Ścibor Pączek Brzęk Źródlak Kiełb Żak Mączka Dąb",
        ("Drukarnia Źródło Sp. z o.o.", "Młyn Pod Dębem", "Łódzkie Zakłady Szklane S.A."),
        ("ul. Świętojańska {}|Gdynia|81-391|Polska", "ul. Długa {}|Łódź|90-001|Polska"),
        _GERMANY,
    ),
    "cs": _Region(
        16,
        "Jiří Tomáš Kateřina Zdeněk Lucie Ondřej Věra Šárka Matěj Alžběta",
        "Janů Martinů Petrů Krejčí Dolejší Hořejší Kočí Pavlů Matějů Šebestů",
        ("Pekárna U Dvořáků s.r.o.", "Sklárny Růžička a.s."),
        ("Křížovnická {}|Praha|110 00|Česko", "Žerotínovo náměstí {}|Brno|602 00|Česko"),
        _GERMANY,
    ),
    "es": _Region(
        20,
        "Íñigo Begoña José Mónica Ángel Nuria Joaquín Lucía Andrés Inés",
        "Muñoz Ibáñez Peñalver Gutiérrez Castañeda Núñez Ordóñez Vázquez Güell Cañete",
        ("Aceites Peñalver S.L.", "Librería El Ñandú", "Cerámicas Güell S.A."),
        (
            "Calle del Ángel {}|Sevilla|41004|España",
            "Avenida Corrientes {}|Buenos Aires|C1043|Argentina",
        ),
        _US,
    ),
    "pt": _Region(
        16,
        "João Conceição António Inês Gonçalo Lúcia Estêvão Antónia Vitória Sebastião",
        "Araújo Magalhães Simões Brandão Gusmão Falcão Leitão Galvão Assunção Patrício",
        ("Café São João Lda.", "Construções Magalhães"),
        (
            "Rua da Conceição {}|Lisboa|1100-153|Portugal",
            "Rua Augusta {}|São Paulo|01305-000|Brasil",
        ),
        _UK,
    ),
    "tr": _Region(
        16,
        "Ayşe Çağlar Gökçe İbrahim Şule Oğuz Ümit Işıl Görkem Tuğba",
        "Yılmaz Şahin Öztürk Çelik Güneş Doğan Kılıç Aydın Bağcı Ünal",
        ("Çınar Halıcılık A.Ş.", "Güneş Turizm Ltd. Şti."),
        ("İstiklal Caddesi No. {}|İstanbul|34433|Türkiye",),
        _GERMANY,
    ),
    "en": _Region(
        32,
        "Renée Siobhán Zoe Oisín Bronwyn Gwenllian Máire Chloë Seán Beatrix",
        "O'Brien Brontë Ní_Dhómhnaill MacAulay St_John Fitzgerald-Smythe Penhaligon Lloyd D'Arcy",
        ("Penhaligon & Daughters Ltd", "O'Brien; Lloyd, Solicitors", "Harbour Café"),
        ("{} Quayside|Bristol|BS1 4XE|United Kingdom", "{} Mercer Street|New York|NY 10012|USA"),
        _UK,
    ),
    "ru": _Region(
        30,
        "Анна=anna Дмитрий=dmitri Екатерина=ekaterina Пётр=pyotr Оксана=oksana Юрий=yuri "
        "Наталья=natalya Фёдор=fyodor Любовь=lyubov Єва=yeva",
        "Шевченко=shevchenko Гриценко=hrytsenko Эткинд=etkind Черных=chernykh Бондарь=bondar "
        "Мельник=melnyk Коваль=koval Щерба=shcherba Седых=sedykh Дьяченко=dyachenko",
        ("ООО «Северный ветер»", "Типография «Слово»", "Пекарня Соловьёва"),
        ("ул. Садовая, д. {}|Тбилиси|0105|Грузия", "вул. Хрещатик, {}|Київ|01001|Україна"),
        _GERMANY,
    ),
    "el": _Region(
        24,
        "Γιώργος=giorgos Ελένη=eleni Νίκος=nikos Μαρία=maria Κωνσταντίνος=konstantinos "
        "Αθηνά=athina Σπύρος=spyros Ευγενία=evgenia Ιωάννα=ioanna Θανάσης=thanasis",
        "Οικονόμου=ikonomou Γεωργίου=georgiou Αλεξίου=alexiou Βασιλείου=vasiliou "
        "Παπαδημητρίου=papadimitriou Νικολάου=nikolaou Ιωάννου=ioannou Αντωνίου=antoniou "
        "Θεοδώρου=theodorou Χρήστου=christou",
        ("Ελαιουργείο Ψαράς Α.Ε.", "Εκδόσεις Θάλασσα"),
        ("Οδός Ερμού {}|Αθήνα|105 63|Ελλάδα", "Λεωφόρος Νίκης {}|Θεσσαλονίκη|546 22|Ελλάδα"),
        _UK,
    ),
    "han": _Region(
        30,
        "伟=wei 秀英=xiuying 敏=min 静=jing 志強=zhiqiang 美玲=meiling 浩然=haoran 家豪=jiahao "
        "雅婷=yating 子涵=zihan",
        "王=wang 李=li 張=zhang 陈=chen 欧阳=ouyang 林=lin 黃=huang 吴=wu 周=zhou 郑=zheng",
        ("北京长城贸易有限公司", "臺灣山水茶業股份有限公司", "上海梧桐印刷厂"),
        ("南京西路{}号|上海|200041|中国", "中山北路{}號|臺北市|104|臺灣"),
        _US,
        family_first=True,
    ),
    "ar": _Region(
        22,
        "محمد=mohammed فاطمة=fatima يوسف=youssef ليلى=layla عمر=omar نور=nour خالد=khaled "
        "مريم=maryam حسن=hassan سلمى=salma",
        "الحداد=alhaddad النجار=alnajjar الخوري=alkhoury بن_علي=benali المصري=almasri "
        "العطار=alattar صباغ=sabbagh الشامي=alshami حمدان=hamdan القاضي=alqadi",
        ("شركة النخيل للتجارة", "مكتبة الأندلس"),
        ("شارع طلعت حرب {}|القاهرة|11511|مصر", "شارع الحمرا {}|بيروت|1103|لبنان"),
        _FRANCE,
    ),
    "hi": _Region(
        18,
        "प्रिया=priya राजेश=rajesh अनिता=anita विक्रम=vikram सुनीता=sunita अर्जुन=arjun "
        "काव्या=kavya मोहन=mohan दीपिका=dipika संजय=sanjay",
        "शर्मा=sharma वर्मा=verma गुप्ता=gupta मिश्रा=mishra जोशी=joshi त्रिपाठी=tripathi "
        "चौधरी=chaudhary पाण्डेय=pandey क्षत्रिय=kshatriya देशमुख=deshmukh",
        ("गंगा वस्त्रालय", "हिमालय चाय कंपनी"),
        ("महात्मा गाँधी मार्ग {}|मुंबई|400001|भारत", "लाल बाग़ {}|लखनऊ|226001|भारत"),
        _US,
    ),
}

_TITLES = ("Purchasing", "Managing director", "Accounts", "Workshop", "Site manager", "Reception")
_DEPARTMENTS = ("Sales", "Office", "Warehouse", "Workshop", "Accounts", "Management")
_NOTES = (
    "Prefers a call in the morning; closed in August.",
    "Met at the trade fair; wants the spring catalogue.\nSend it by post.",
    "Speaks English, German and a little Polish.",
)
_OWN_FIRM = "Harbour Supply Cooperative"
_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae",
                          "ı": "i", "'": None, "_": None})  # fmt: skip


def make_contacts(book: str, count: int, domain: str) -> list[Contact]:
    """Return ``count`` contacts for a book of the demo, with mail addresses at ``domain``."""
    # Not a secret: the same cards every time, so that they can be tested and talked about.
    chance = random.Random(f"sharedbooks demo {book}")  # noqa: S311
    regions = _spread(count)
    chance.shuffle(regions)
    people = _people(chance, regions)
    return [_contact(chance, book, number, *person, domain) for number, person in enumerate(people)]


def make_group_card(book: str, name: str, members: Sequence[Contact]) -> Contact:
    """Return a group as Apple's apps keep it: a card of its own that names its members' UIDs."""
    uid = str(uuid.uuid5(_UIDS, f"{book} group {name}"))
    lines = [
        f"UID:{uid}",
        f"N:{escape_text(name)};;;;",
        f"FN:{escape_text(name)}",
        f"REV:{_REVISION_DATE}",
        "X-ADDRESSBOOKSERVER-KIND:group",
        *(
            f"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:{member.uid.removeprefix('urn:uuid:')}"
            for member in members
        ),
    ]
    return Contact(uid, name, _vcard("3.0", lines))


def _spread(count: int) -> list[str]:
    """Return ``count`` names of regions, as many of each as its share says."""
    total = sum(region.share for region in _REGIONS.values())
    regions: list[str] = []
    shares = 0
    for name, region in _REGIONS.items():
        shares += region.share
        regions += [name] * (count * shares // total - len(regions))
    return regions


def _people(chance: random.Random, regions: list[str]) -> Iterator[tuple[_Region, str, str]]:
    """Yield a region with a given and a family name for each, no two people alike."""
    taken = set()
    for name in regions:
        region = _REGIONS[name]
        while True:
            given = chance.choice(region.given.split())
            family = chance.choice(region.family.split())
            if (given, family) not in taken:
                break
        taken.add((given, family))
        yield region, given, family


def _contact(
    chance: random.Random,
    book: str,
    number: int,
    region: _Region,
    given: str,
    family: str,
    domain: str,
) -> Contact:
    version = "4.0" if number % 7 == 4 else "3.0"
    plain_uid = str(uuid.uuid5(_UIDS, f"{book} {number}"))
    uid = plain_uid if version == "3.0" else f"urn:uuid:{plain_uid}"
    names = [part.partition("=")[0].replace("_", " ") for part in (given, family)]
    display_name = _display_name(region, *names)
    firm = _OWN_FIRM if book == "company" else chance.choice(region.firms)
    lines = [
        f"UID:{uid}",
        f"N:{escape_text(names[1])};{escape_text(names[0])};;;",
        f"FN:{escape_text(display_name)}",
        f"ORG:{escape_text(firm)}" + (f";{chance.choice(_DEPARTMENTS)}" if number % 2 else ""),
        f"TITLE:{chance.choice(_TITLES)}",
        _mail(version, _latin(given), _latin(family), domain),
        *_phones(chance, version, region.phones, number),
        _address(chance, region),
        *_extras(chance, version, number),
    ]
    if number % 4 == 0:
        lines.append(_photo(version, _avatar(chance)))
    lines.append(f"REV:{_REVISION_DATE if version == '3.0' else '20260901T080000Z'}")
    return Contact(uid, display_name, _vcard(version, lines))


def _vcard(version: str, lines: Sequence[str]) -> bytes:
    middle = [f"VERSION:{version}", "PRODID:-//sharedbooks//demo//EN", *lines]
    whole = [fold(line.encode()) for line in ("BEGIN:VCARD", *middle, "END:VCARD")]
    return b"\r\n".join(whole) + b"\r\n"


def _display_name(region: _Region, given: str, family: str) -> str:
    return f"{family}{given}" if region.family_first else f"{given} {family}"


def _latin(name: str) -> str:
    """Return the name as it stands in a mail address."""
    written, _, latin = name.partition("=")
    plain = unicodedata.normalize("NFD", (latin or written).lower().translate(_LETTERS))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _mail(version: str, given: str, family: str, domain: str) -> str:
    kind = "TYPE=INTERNET,WORK" if version == "3.0" else "TYPE=work"
    return f"EMAIL;{kind}:{given}.{family}@{domain}"


def _phones(
    chance: random.Random, version: str, ranges: Sequence[str], number: int
) -> Iterator[str]:
    for kind in ("WORK", "CELL")[: 1 + number % 2]:
        pattern = chance.choice(ranges)
        # The Swedish range begins at 05.
        phone = pattern.format(chance.randint(5, 999 if "{:03d}" in pattern else 99))
        if version == "4.0":
            yield f'TEL;VALUE=uri;TYPE="{kind.lower()},voice":tel:{phone.replace(" ", "-")}'
        elif number % 9 == 1 and kind == "WORK":
            # As iOS writes a phone with a label of its own.
            yield f"item1.TEL:{phone}"
            yield "item1.X-ABLabel:Switchboard"
        else:
            yield f"TEL;TYPE={kind},VOICE:{phone}"


def _address(chance: random.Random, region: _Region) -> str:
    street, city, postcode, country = chance.choice(region.places).split("|")
    parts = ["", "", street.format(chance.randint(1, 99)), city, "", postcode, country]
    return "ADR;TYPE=WORK:" + ";".join(escape_text(part) for part in parts)


def _extras(chance: random.Random, version: str, number: int) -> Iterator[str]:
    """Yield what only some contacts have: birthday, note, categories, web page."""
    if number % 3 == 0:
        yield _birthday(chance, version, number)
    if number % 5 == 0:
        yield f"NOTE:{escape_text(chance.choice(_NOTES))}"
    if number % 4 == 1:
        yield "CATEGORIES:Newsletter" + (",Trade fair" if number % 8 == 1 else "")
    if number % 10 == 3:
        yield f"URL:https://www.example.com/{number}"


def _birthday(chance: random.Random, version: str, number: int) -> str:
    year, month, day = chance.randint(1948, 2005), chance.randint(1, 12), chance.randint(1, 28)
    without_year = number % 15 == 0
    if version == "4.0":
        return f"BDAY:{'--' if without_year else year}{month:02d}{day:02d}"
    if without_year:
        # Apple's way to write a birthday without its year in vCard 3.0.
        return f"BDAY;X-APPLE-OMIT-YEAR=1604:1604-{month:02d}-{day:02d}"
    return f"BDAY:{year}-{month:02d}-{day:02d}"


def _photo(version: str, png: bytes) -> str:
    encoded = base64.b64encode(png).decode()
    if version == "4.0":
        return f"PHOTO:data:image/png;base64,{encoded}"
    return f"PHOTO;ENCODING=b;TYPE=PNG:{encoded}"


def _avatar(chance: random.Random) -> bytes:
    """Return a PNG of a head and shoulders in colours of its own."""
    palette = bytes(
        chance.randint(lowest, lowest + 60)
        for lowest in (180, 190, 195, 40, 60, 90, 190, 140, 100, 40, 30, 20)
    )
    background, shirt, face, hair = range(4)
    fringe = chance.randint(38, 50)
    rows = []
    for y in range(_SIZE):
        row = bytearray([background]) * _SIZE
        _paint(row, shirt, _half_width(y, centre=128, height=46, width=50))
        if y < fringe:
            _paint(row, hair, _half_width(y, centre=50, height=32, width=32))
        else:
            _paint(row, face, _half_width(y, centre=52, height=28, width=25))
        rows.append(b"\0" + row)
    header = struct.pack(">IIBBBBB", _SIZE, _SIZE, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(b"".join(rows), 9)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in (*chunks, (b"IEND", b"")))


def _half_width(y: int, *, centre: int, height: int, width: int) -> int:
    """Return how far an ellipse reaches to both sides in row ``y``; 0 where it is not."""
    inside = 1 - ((y - centre) / height) ** 2
    return int(width * inside**0.5) if inside > 0 else 0


def _paint(row: bytearray, colour: int, half_width: int) -> None:
    middle = _SIZE // 2
    row[middle - half_width : middle + half_width] = bytes([colour]) * (2 * half_width)


def _chunk(kind: bytes, content: bytes) -> bytes:
    tagged = kind + content
    return struct.pack(">I", len(content)) + tagged + struct.pack(">I", zlib.crc32(tagged))
