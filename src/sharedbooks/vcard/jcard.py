"""jCard, the JSON format of vCard 4.0 (RFC 7095)."""

import json
import re
from collections.abc import Callable

from sharedbooks.vcard.contentlines import ContentLine, split_list, split_structured, unescape_text
from sharedbooks.vcard.convert import to_version
from sharedbooks.vcard.dates import parse_moment, parse_offset
from sharedbooks.vcard.properties import Property, card_lines, read_property

Json = str | int | float | bool | list["Json"]

STRUCTURED = frozenset({"ADR", "CLIENTPIDMAP", "GENDER", "N", "ORG"})
"""Properties whose value has components."""
LISTS = frozenset({"CATEGORIES", "NICKNAME"})
"""Properties with several values in one line."""

_TEXTS = (
    *("ADR", "CATEGORIES", "CLIENTPIDMAP", "EMAIL", "EXPERTISE", "FN", "GENDER", "HOBBY"),
    *("INTEREST", "KIND", "N", "NICKNAME", "NOTE", "ORG", "PRODID", "ROLE", "TEL", "TITLE"),
    *("TZ", "VERSION", "XML", "BIRTHPLACE", "DEATHPLACE", "GRAMGENDER", "PRONOUNS"),
)
_URIS = (
    *("CALADRURI", "CALURI", "CONTACT-URI", "FBURL", "GEO", "IMPP", "KEY", "LOGO", "MEMBER"),
    *("ORG-DIRECTORY", "PHOTO", "RELATED", "SOCIALPROFILE", "SOUND", "SOURCE", "UID", "URL"),
)
DEFAULT_TYPES = {
    **dict.fromkeys(_TEXTS, "text"),
    **dict.fromkeys(_URIS, "uri"),
    **dict.fromkeys(("ANNIVERSARY", "BDAY", "DEATHDATE"), "date-and-or-time"),
    **dict.fromkeys(("CREATED", "REV"), "timestamp"),
    **dict.fromkeys(("LANG", "LANGUAGE"), "language-tag"),
}
"""The type of the value of a property, if it says nothing else."""

UNKNOWN = "unknown"
"""The type of a value nothing is known of (RFC 7095, section 5)."""

_CLOCK = re.compile(r"T(\d\d)(\d\d)?(\d\d)?(Z|[+-]\d\d(?:\d\d)?)?", re.ASCII)


def to_jcard(octets: bytes) -> bytes:
    """Return a card as jCard, in UTF-8; a 3.0 card as its 4.0 form is written.

    A property nothing is known of has the type ``unknown`` and its value as it stands, escapes and
    all, so that it can be written back (RFC 7095, section 5.1).

    Raises:
        InvalidCard: the octets are not one vCard.
        UnsupportedCard: the card is vCard 2.1.
    """
    lines = card_lines(to_version(octets, "4.0"))
    properties = [_property(line) for line in lines[1:-1]]
    return json.dumps(["vcard", properties], ensure_ascii=False, separators=(",", ":")).encode()


def _property(line: ContentLine) -> list[object]:
    prop = read_property(line, "4.0")
    value_type = prop.value_type() or DEFAULT_TYPES.get(prop.name, UNKNOWN)
    return [prop.name.lower(), _params(prop), value_type, *_values(prop, value_type)]


def _params(prop: Property) -> dict[str, str | list[str]]:
    said: dict[str, list[str]] = {}
    for name, values in prop.params:
        said.setdefault(name, []).extend(values)
    said.pop("VALUE", None)
    if "TYPE" in said:
        said["TYPE"] = prop.types()
    params: dict[str, str | list[str]] = {
        name.lower(): values[0] if len(values) == 1 else values for name, values in said.items()
    }
    if prop.prop_group:
        params["group"] = prop.prop_group
    return params


def _values(prop: Property, value_type: str) -> list[Json]:
    if prop.name in STRUCTURED:
        parts: list[Json] = [_component(part) for part in split_structured(prop.value)]
        return [parts if len(parts) > 1 else parts[0]]
    if prop.name in LISTS:
        return [unescape_text(part) for part in split_list(prop.value)]
    convert = _VALUES.get(value_type)
    return [convert(prop.value) if convert else prop.value]


def _component(text: str) -> Json:
    values: list[Json] = [unescape_text(value) for value in split_list(text)]
    return values if len(values) > 1 else values[0]


def _offset(text: str) -> str:
    offset = parse_offset(text)
    return ":".join(offset) if offset else text


def _number(text: str, number: type[int] | type[float]) -> Json:
    try:
        value = number(text)
        json.dumps(value, allow_nan=False)
    except ValueError:
        return text
    return value


def _extended(text: str) -> str:
    """Return a date or time of 4.0 in the extended format (RFC 7095, section 3.5.3)."""
    moment = parse_moment(text)
    if moment is not None:
        return moment.extended()
    clock = _CLOCK.fullmatch(text.strip())
    if clock is None:
        return text
    *digits, zone = clock.groups()
    offset = parse_offset(zone or "")
    return "T" + ":".join(filter(None, digits)) + (":".join(offset) if offset else zone or "")


_VALUES: dict[str, Callable[[str], Json]] = {
    **dict.fromkeys(("date", "date-and-or-time", "date-time", "timestamp"), _extended),
    "boolean": lambda text: text.strip().upper() == "TRUE",
    "float": lambda text: _number(text, float),
    "integer": lambda text: _number(text, int),
    "text": unescape_text,
    "time": lambda text: _extended(f"T{text}")[1:],
    "utc-offset": _offset,
}
"""How JSON has the values of a type; as they are if it is not here (RFC 7095, section 3.5)."""
