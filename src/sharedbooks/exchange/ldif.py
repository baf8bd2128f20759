"""LDIF (RFC 2849): entries of Thunderbird (mozillaAbPersonAlpha) and of directories."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sharedbooks.errors import CardTooLarge, InvalidCard
from sharedbooks.exchange.columns import Meaning, meaning_of
from sharedbooks.exchange.contact import Contact, Entry
from sharedbooks.exchange.labels import known_types
from sharedbooks.exchange.records import BadRecord, Place, Record
from sharedbooks.exchange.tables import Reading, contact_record

_MAX_ENTRY = 32 * 1024 * 1024
_FOLD_WIDTH = 76
_CLASSES = ("top", "person", "organizationalPerson", "inetOrgPerson", "mozillaAbPersonAlpha")

# What an attribute means; the first of a meaning is the one that is written.
_ATTRIBUTES = {
    "givenName": "N.given",
    "sn": "N.family",
    "cn": "FN",
    "displayName": "FN",
    "mozillaNickname": "NICKNAME",
    "mail": "EMAIL",
    "mozillaSecondEmail": "EMAIL",
    "telephoneNumber": "TEL;TYPE=work",
    "homePhone": "TEL;TYPE=home",
    "mobile": "TEL;TYPE=cell",
    "cellPhone": "TEL;TYPE=cell",
    "facsimileTelephoneNumber": "TEL;TYPE=fax",
    "fax": "TEL;TYPE=fax",
    "pager": "TEL;TYPE=pager",
    "pagerPhone": "TEL;TYPE=pager",
    "o": "ORG.name",
    "company": "ORG.name",
    "ou": "ORG.unit",
    "department": "ORG.unit",
    "title": "TITLE",
    "street": "ADR.street;TYPE=work",
    "streetAddress": "ADR.street;TYPE=work",
    "mozillaWorkStreet2": "ADR.extended;TYPE=work",
    "postOfficeBox": "ADR.pobox;TYPE=work",
    "l": "ADR.city;TYPE=work",
    "st": "ADR.region;TYPE=work",
    "postalCode": "ADR.code;TYPE=work",
    "co": "ADR.country;TYPE=work",
    "c": "ADR.country;TYPE=work",
    "countryName": "ADR.country;TYPE=work",
    "mozillaHomeStreet": "ADR.street;TYPE=home",
    "mozillaHomeStreet2": "ADR.extended;TYPE=home",
    "mozillaHomeLocalityName": "ADR.city;TYPE=home",
    "mozillaHomeState": "ADR.region;TYPE=home",
    "mozillaHomePostalCode": "ADR.code;TYPE=home",
    "mozillaHomeCountryName": "ADR.country;TYPE=home",
    "mozillaWorkUrl": "URL;TYPE=work",
    "workurl": "URL;TYPE=work",
    "mozillaHomeUrl": "URL;TYPE=home",
    "homeurl": "URL;TYPE=home",
    "labeledURI": "URL",
    "description": "NOTE",
    "mozillaCustom1": "FIELD;LABEL=Custom 1",
    "mozillaCustom2": "FIELD;LABEL=Custom 2",
    "mozillaCustom3": "FIELD;LABEL=Custom 3",
    "mozillaCustom4": "FIELD;LABEL=Custom 4",
    "nsAIMid": "IMPP;LABEL=AIM",
    "employeeType": "ROLE",
}
_MEANINGS = {name.lower(): meaning_of(target, name) for name, target in _ATTRIBUTES.items()}
_KEYS = ("entryuuid", "objectguid", "nsuniqueid")
_BIRTH = ("birthyear", "birthmonth", "birthday")
_PHOTOS = ("jpegphoto", "thumbnailphoto")
# Known, and of no use in a card; a password least of all.
_NOT_TAKEN = frozenset(
    {
        *("dn", "version", "objectclass", "changetype", "modifytimestamp", "userpassword"),
        *("mozillausehtmlmail", "preferdisplayname", "mozillaabpersonalpha"),
        *_KEYS,
    }
)


class Attribute(NamedTuple):
    """One line of an entry, its name in lower case without options (``;lang-fr``)."""

    name: str
    value: bytes

    @property
    def text(self) -> str:
        """The value as text."""
        return self.value.decode("utf-8", "replace").strip()


def read_ldif(chunks: Iterable[bytes], reading: Reading) -> Iterator[Record | BadRecord]:
    """Yield the people of an LDIF file; attributes nothing is known of are noted in ``reading``."""
    unknown: dict[str, None] = {}
    for number, lines in _entries(chunks):
        place = Place("line", number)
        try:
            entry = [_attribute(line) for line in lines]
            if [each.name for each in entry] == ["version"]:
                continue
            yield _record(entry, place, reading)
        except (InvalidCard, CardTooLarge) as error:
            shown = b"\n".join(lines)[:2000].decode("utf-8", "replace")
            yield BadRecord(place, str(error), (shown,))
            continue
        for each in entry:
            if each.name not in _MEANINGS and each.name not in {*_NOT_TAKEN, *_BIRTH, *_PHOTOS}:
                unknown[each.name] = None
        reading.unknown = tuple(unknown)


def _entries(chunks: Iterable[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the unfolded lines of each entry with the number of its first line."""
    lines: list[bytes] = []
    first = 0
    for number, line in _logical_lines(chunks):
        is_header = len(lines) == 1 and lines[0][:8].lower() == b"version:"
        if lines and (not line or (is_header and line[:3].lower() == b"dn:")):
            yield first, lines
            lines = []
        if line:
            first = first if lines else number
            lines.append(line)
    if lines:
        yield first, lines


def _logical_lines(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield unfolded lines without comments, and an empty one where an entry ends."""
    first = 0
    pending: bytearray | None = None
    for number, line in enumerate(_physical_lines(chunks), start=1):
        if line.startswith(b" ") and pending is not None:
            if len(pending) <= _MAX_ENTRY:
                pending += line[1:]
            continue
        if pending is not None and not pending.startswith(b"#"):
            yield first, bytes(pending)
        first, pending = number, bytearray(line)
    if pending is not None and not pending.startswith(b"#"):
        yield first, bytes(pending)


def _physical_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    pending = b""
    for chunk in chunks:
        *whole, pending = (pending + chunk).split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r").removeprefix(b"\xef\xbb\xbf")
        if len(pending) > _MAX_ENTRY:
            pending = pending[:_MAX_ENTRY]
    if pending:
        yield pending


def _attribute(line: bytes) -> Attribute:
    name, colon, rest = line.partition(b":")
    if not colon:
        shown = line[:40].decode("utf-8", "replace")
        raise InvalidCard(f"{shown!r} is no attribute: it has no colon.")
    plain = name.partition(b";")[0].decode("ascii", "replace").strip().lower()
    if rest.startswith(b"<"):
        raise InvalidCard(f"The value of {plain} is in another place, where nothing is read.")
    if not rest.startswith(b":"):
        return Attribute(plain, rest.lstrip(b" "))
    try:
        return Attribute(plain, b64decode(rest[1:].strip(), validate=True))
    except binascii.Error:
        raise InvalidCard(f"The value of {plain} is no base64.") from None


def _record(entry: list[Attribute], place: Place, reading: Reading) -> Record:
    named = {each.name: each for each in reversed(entry)}
    classes = {each.text.lower() for each in entry if each.name == "objectclass"}
    if "dn" not in named:
        raise InvalidCard("The entry has no dn.")
    if "changetype" in named and named["changetype"].text.lower() != "add":
        raise InvalidCard("The entry is a change, not a contact.")
    if classes & {"groupofnames", "groupofuniquenames"}:
        raise InvalidCard("The entry is a list of people, which is not imported.")
    contact = _contact(entry, named)
    own = next((named[name] for name in _KEYS if name in named), None)
    key = own.value.hex() if own else named["dn"].text.casefold()
    return contact_record(contact, place, key, reading.source, reading.max_card_size)


def _contact(entry: list[Attribute], named: dict[str, Attribute]) -> Contact:
    contact = Contact()
    addresses: dict[str, Entry] = {}
    listed: dict[tuple[str, str, tuple[str, ...]], Entry] = {}
    for attribute in entry:
        meaning = _MEANINGS.get(attribute.name)
        text = attribute.text.replace("\0", "")
        if meaning is None or not text:
            continue
        if meaning.name == "ADR":
            made = addresses.setdefault(meaning.slot, Entry(types=meaning.types))
            made.parts.setdefault(meaning.part, text.replace(" $ ", "\n"))
        elif "." in meaning.name or meaning.name not in _LISTED:
            contact.texts.setdefault(meaning.name, text)
        else:
            value = text.split(" ")[0] if attribute.name == "labeleduri" else text
            made = Entry(value, meaning.types, meaning.label)
            listed.setdefault((meaning.name, value, meaning.types), made)
    for (name, *_), made in listed.items():
        contact.add(name, made)
    for made in addresses.values():
        contact.add("ADR", made)
    _add_birthday(contact, named)
    photo = next((named[name] for name in _PHOTOS if name in named), None)
    if photo is not None and photo.value:
        contact.texts["PHOTO"] = f"data:image/jpeg;base64,{b64encode(photo.value).decode()}"
    return contact


_LISTED = frozenset(meaning.name for meaning in _MEANINGS.values() if meaning.slot)


def _add_birthday(contact: Contact, named: dict[str, Attribute]) -> None:
    year, month, day = (named[name].text if name in named else "" for name in _BIRTH)
    if _is_number(month, 2) and _is_number(day, 2):
        start = year.zfill(4) if _is_number(year, 4) else "-"
        contact.texts["BDAY"] = f"{start}-{int(month):02}-{int(day):02}"


def _is_number(text: str, most_digits: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= most_digits


def entry_of(contact: Contact) -> tuple[bytes, set[str]]:
    """Return a contact as an LDIF entry with a blank line after it, and the names of what it left.

    An attribute stands for each value that has one; a value that has none is left out.
    """
    name = contact.display_name()
    email = next((each.value for each in contact.lists.get("EMAIL", ())), "")
    parts = [f"cn={_escaped_rdn(name)}", *([f"mail={_escaped_rdn(email)}"] if email else [])]
    if contact.texts.get("UID"):
        parts.append(f"uid={_escaped_rdn(contact.texts['UID'])}")
    lines = [_line("dn", ",".join(parts))]
    lines += [_line("objectClass", each) for each in _CLASSES]
    left = {key: list(entries) for key, entries in contact.lists.items()}
    texts = {**contact.texts, "FN": name, "N.family": contact.texts.get("N.family", name)}
    done = {"UID"}
    for attribute, meaning in _written():
        for value in _values(meaning, texts, left, done):
            lines.append(_line(attribute, value))
    lines += _birthday_lines(texts, done)
    photo = _jpeg(texts.get("PHOTO", ""))
    if photo is not None:
        done.add("PHOTO")
        lines.append(_line("jpegPhoto", photo))
    unheld = {key for key, entries in left.items() if entries}
    unheld |= {key.partition(".")[0] for key in texts.keys() - done}
    return b"".join([*lines, b"\n"]), unheld | ({"CATEGORIES"} if contact.categories else set())


def _jpeg(uri: str) -> bytes | None:
    if not uri.startswith("data:image/jpeg;base64,"):
        return None
    try:
        return b64decode(uri.partition(",")[2])
    except ValueError:
        return None


def _written() -> Iterator[tuple[str, Meaning]]:
    said = set()
    for attribute in _ATTRIBUTES:
        meaning = _MEANINGS[attribute.lower()]
        what = (meaning.name, meaning.part, meaning.types, meaning.label)
        if what not in said:
            said.add(what)
            yield attribute, meaning


def _values(
    meaning: Meaning, texts: dict[str, str], left: dict[str, list[Entry]], done: set[str]
) -> Iterator[str]:
    if meaning.name == "ADR":
        yield from _address_part(meaning, left)
    elif meaning.name in left and meaning.name in _LISTED:
        entries = left[meaning.name]
        left[meaning.name] = [entry for entry in entries if not _fits(entry, meaning)]
        yield from (entry.value for entry in entries if _fits(entry, meaning))
    elif meaning.name in texts and meaning.name not in _LISTED:
        done.add(meaning.name)
        yield texts[meaning.name]


def _fits(entry: Entry, meaning: Meaning) -> bool:
    if meaning.name == "EMAIL":
        return True
    if entry.label or meaning.label:
        return entry.label == meaning.label
    return set(known_types(entry.types)) == set(meaning.types)


def _address_part(meaning: Meaning, left: dict[str, list[Entry]]) -> Iterator[str]:
    entry = next((e for e in left.get("ADR", ()) if _fits(e, meaning)), None)
    if entry is None:
        return
    text = entry.parts.pop(meaning.part, "")
    if text:
        yield text.replace("\n", " $ ")
    if not any(entry.parts.values()):
        left["ADR"].remove(entry)


def _birthday_lines(texts: dict[str, str], done: set[str]) -> list[bytes]:
    year, _, rest = texts.get("BDAY", "").rpartition("-")[0].rpartition("-")
    month, day = rest, texts.get("BDAY", "").rpartition("-")[2]
    if not (month.isdecimal() and day.isdecimal()):
        return []
    done.add("BDAY")
    years = [_line("birthyear", year)] if year.isdecimal() else []
    return [*years, _line("birthmonth", str(int(month))), _line("birthday", str(int(day)))]


def _escaped_rdn(text: str) -> str:
    plain = " ".join(text.split())
    return "".join(f"\\{each}" if each in ',+"\\<>;=#' else each for each in plain)


def _line(name: str, value: str | bytes) -> bytes:
    """Return a line of an entry, in base64 where the value needs it, folded."""
    octets = value.encode() if isinstance(value, str) else value
    is_safe = (
        octets.isascii()
        and not octets.startswith((b" ", b":", b"<"))
        and not octets.endswith(b" ")
        and not set(octets) & {0, 10, 13}
    )
    whole = name.encode() + (b": " + octets if is_safe else b":: " + b64encode(octets))
    pieces = [whole[:_FOLD_WIDTH]]
    rest = whole[_FOLD_WIDTH:]
    pieces += [
        b" " + rest[at : at + _FOLD_WIDTH - 1] for at in range(0, len(rest), _FOLD_WIDTH - 1)
    ]
    return b"\n".join(pieces) + b"\n"
