"""A property taken apart, and written back as a content line of vCard 3.0 or 4.0."""

import re
from functools import lru_cache
from typing import NamedTuple

from sharedbooks.errors import InvalidCard
from sharedbooks.vcard.contentlines import ContentLine, content_lines, fold, parse_params

Params = tuple[tuple[str, tuple[str, ...]], ...]
"""Parameters in order: name in upper case, and the values without quotes and escapes."""

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S")

_PARAM_NAME = re.compile(r"[A-Z0-9-]{1,64}")
_BARE_PARAM = re.compile(rb";(?:[^=;\":]*)(?=;|\Z)")
_NEEDS_QUOTES = re.compile(r"[,;:]|\A\s|\s\Z|\A\Z")
_NO_TYPE_CHARACTER = re.compile(r'[,;:"]')
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_NEWLINE = re.compile(r"\r\n?|\n")
_CARET_ESCAPES = str.maketrans({"^": "^^", "\n": "^n", '"': "^'"})
_SAFE_IN_30 = str.maketrans({"\n": " ", '"': "'"})

# Apple looks for its own spelling; every other name is written in upper case.
_SPELLING = {"X-ABLABEL": "X-ABLabel", "X-ABSHOWAS": "X-ABShowAs"}

# Parameter parts repeat from card to card. Only short ones are remembered, so that no client can
# fill the memory.
_REMEMBERED = 1024
_REMEMBERED_LENGTH = 128

PARAMS_ONLY_IN_40 = frozenset(
    {
        *("ALTID", "CALSCALE", "GEO", "LABEL", "MEDIATYPE", "PID", "PREF", "SORT-AS", "TZ"),
        *("INDEX", "LEVEL", "CC"),  # RFC 6715, RFC 8605
        *("AUTHOR", "AUTHOR-NAME", "CREATED", "DERIVED", "PHONETIC", "PROP-ID", "SCRIPT"),
        *("SERVICE-TYPE", "USERNAME", "JSCOMPS", "JSPTR"),  # RFC 9554, RFC 9555
    }
)
"""Parameters that 3.0 has no words for; PREF=1 it says in TYPE."""

_TEXT_ENCODINGS = frozenset({"7BIT", "8BIT", "QUOTED-PRINTABLE"})
_VALUE_TYPES_40 = {"URL": ("uri",), "PHONE-NUMBER": (), "INLINE": (), "BINARY": (), "VCARD": ()}


class Property(NamedTuple):
    """A property taken apart.

    Attributes:
        name: in upper case, without its group.
        value: decoded, but escaped as in the content line.
        params: the parameters.
        prop_group: the group as given, or None.
    """

    name: str
    value: str
    params: Params = ()
    prop_group: str | None = None

    def param_values(self, name: str) -> list[str]:
        """Return the values of all parameters called ``name`` (upper case), in order."""
        return [value for key, values in self.params if key == name for value in values]

    def value_type(self) -> str:
        """Return the VALUE parameter in lower case, or an empty string."""
        return next(iter(self.param_values("VALUE")), "").lower()

    def without(self, *names: str) -> Params:
        """Return the parameters but those called ``names``."""
        return tuple(param for param in self.params if param[0] not in names)

    def types(self) -> list[str]:
        """Return the TYPE values as given; a quoted list (``"HOME,VOICE"``) counts as its parts."""
        values = self.param_values("TYPE")
        return [part.strip() for value in values for part in value.split(",") if part.strip()]


class Head(NamedTuple):
    """The parameters of a line, and what becomes of them in the other version.

    Attributes:
        params: as they are.
        converted: as they are said in the other version.
        is_kept: whether the other version can have them octet for octet.
    """

    params: Params
    converted: Params
    is_kept: bool


def card_lines(octets: bytes) -> list[ContentLine]:
    """Return the lines of a card, BEGIN and END among them.

    Raises:
        InvalidCard: the octets are not one vCard.
    """
    lines = list(content_lines(octets))
    frame = [(line.name, line.raw_value.strip().upper()) for line in (lines[:1] + lines[-1:])]
    if frame != [("BEGIN", b"VCARD"), ("END", b"VCARD")]:
        raise InvalidCard("The body is not one vCard from BEGIN:VCARD to END:VCARD.")
    for line in lines[1:-1]:
        if line.name in {"BEGIN", "END"}:
            raise InvalidCard(f"Line {line.line} should not be {line.name}.", line=line.line)
    return lines


def is_uri(value: str) -> bool:
    """Tell whether a value looks like a URI: it begins with a scheme and a colon."""
    return _URI.match(value) is not None


def read_property(line: ContentLine, version: str) -> Property:
    """Take a line of a card of ``version`` apart."""
    return Property(line.name, line.text, read_head(line.head, version).params, line.prop_group)


def write_property(prop: Property, version: str) -> bytes:
    """Return a property as a content line of ``version``, folded and with its line end."""
    group = f"{prop.prop_group}." if prop.prop_group else ""
    name = _SPELLING.get(prop.name, prop.name)
    params = _write_params(prop.params, version)
    # A decoded quoted-printable value can hold line ends.
    value = prop.value
    if "\n" in value or "\r" in value:
        value = _NEWLINE.sub(r"\\n", value)
    return fold(f"{group}{name}{params}:{value}".encode()) + b"\r\n"


def read_head(head: bytes, version: str) -> Head:
    """Read the parameters of a line, as ``ContentLine.head`` gives them, of a card of ``version``.

    The ``^`` escapes of RFC 6868 are for 4.0 only: in 3.0 a ``^`` stands for itself.
    """
    if len(head) > _REMEMBERED_LENGTH:
        return _remembered_head.__wrapped__(head, version)
    return _remembered_head(head, version)


@lru_cache(_REMEMBERED)
def _remembered_head(head: bytes, version: str) -> Head:
    if version != "4.0":
        head = head.replace(b"^", b"^^")
    params = tuple((name, tuple(values)) for name, values in parse_params(head))
    if version == "4.0":
        converted = _params_30(params)
        # Quotes break the labels of iOS, and a caret would be shown.
        is_kept = b'"' not in head and b"^" not in head
    else:
        converted = _params_40(params)
        is_kept = b"^" not in head
    is_kept = is_kept and converted == params and not _BARE_PARAM.search(head)
    return Head(params, converted, is_kept)


def convert_params(params: Params, version: str) -> Params:
    """Return parameters of the other version in the words of ``version``.

    What 3.0 has no word for is left out (RFC 6350, section 5 and appendix A).
    """
    if _is_short(params):
        return _remembered_params(params, version)
    return _remembered_params.__wrapped__(params, version)


def _is_short(params: Params) -> bool:
    texts = [text for name, values in params for text in (name, *values)]
    return len(texts) + sum(map(len, texts)) <= _REMEMBERED_LENGTH


@lru_cache(_REMEMBERED)
def _remembered_params(params: Params, version: str) -> Params:
    return _params_40(params) if version == "4.0" else _params_30(params)


def _params_40(params: Params) -> Params:
    converted = []
    for name, values in params:
        if name == "TYPE":
            types = tuple(value for value in _split_types(values) if value.upper() != "PREF")
            if types:
                converted.append((name, types))
        elif name == "VALUE" and values and values[0].upper() in _VALUE_TYPES_40:
            value_type = _VALUE_TYPES_40[values[0].upper()]
            if value_type:
                converted.append((name, value_type))
        elif not _says_how_text_is_encoded(name, values):
            converted.append((name, values))
    if _is_preferred(params) and not any(name == "PREF" for name, _ in params):
        converted.append(("PREF", ("1",)))
    return tuple(converted)


def _params_30(params: Params) -> Params:
    converted = []
    for name, values in params:
        if name == "TYPE":
            types = _split_types(values)
            if types:
                converted.append((name, types))
        elif name not in PARAMS_ONLY_IN_40 and not _says_how_text_is_encoded(name, values):
            converted.append((name, values))
    if ("PREF", ("1",)) in params and not _is_preferred(params):
        converted.append(("TYPE", ("pref",)))
    return tuple(converted)


def _split_types(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def _is_preferred(params: Params) -> bool:
    return any(
        name == "TYPE" and "PREF" in (value.upper() for value in _split_types(values))
        for name, values in params
    )


def _says_how_text_is_encoded(name: str, values: tuple[str, ...]) -> bool:
    # ENCODING=b stays with a property we do not know: its value is meaningless without.
    return name == "CHARSET" or (
        name == "ENCODING" and _TEXT_ENCODINGS.issuperset(value.upper() for value in values)
    )


def _write_params(params: Params, version: str) -> str:
    if not params:
        return ""
    if _is_short(params):
        return _remembered_written(params, version)
    return _remembered_written.__wrapped__(params, version)


@lru_cache(_REMEMBERED)
def _remembered_written(params: Params, version: str) -> str:
    pieces = []
    for name, values in params:
        if not _PARAM_NAME.fullmatch(name):
            continue
        if version == "4.0":
            pieces.append(f";{name}=" + ",".join(map(_quoted_40, values)))
        elif name == "TYPE":
            # Apple's own form. Some old programs do not know lists.
            pieces += [f";TYPE={_NO_TYPE_CHARACTER.sub('-', value)}" for value in values]
        else:
            pieces.append(f";{name}=" + ",".join(map(_quoted_30, values)))
    return "".join(pieces)


def _quoted_40(value: str) -> str:
    value = _CONTROL.sub("", _NEWLINE.sub("\n", value)).translate(_CARET_ESCAPES)
    return f'"{value}"' if _NEEDS_QUOTES.search(value) else value


def _quoted_30(value: str) -> str:
    value = _CONTROL.sub("", _NEWLINE.sub("\n", value)).translate(_SAFE_IN_30)
    return f'"{value}"' if _NEEDS_QUOTES.search(value) else value
