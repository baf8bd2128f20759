"""The content lines of a vCard: read for their meaning, kept octet for octet.

Folding is undone on octets, before any decoding, because clients fold inside UTF-8 characters. A
value is decoded only when someone asks for it: most lines of a card, and its photo, are never read.
"""

import binascii
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from sharedbooks.errors import InvalidCard

FOLD_WIDTH = 75
"""Longest physical line in octets without its line end (RFC 6350, section 3.2)."""

_LEADING = re.compile(rb"(?:\xef\xbb\xbf)?\s*+")
_NAME = rb"((?:[\w-]{1,255}+\.){0,3}+[\w-]{1,255}+)"
_BLANKS = re.compile(rb"(?:\r?\n)*+")
_PHYSICAL = re.compile(rb".*+(?:\n[ \t].*+)*+\n?")
_LINE = re.compile(
    _NAME + rb'((?:;(?:[^":\n]++|"[^"\n]*+")*+)?):' + rb".*+(?:\n[ \t].*+)*+(?:\n(?:\r?\n)*+)?"
)
_HEAD = re.compile(_NAME + rb'((?:;(?:[^":]++|"[^"]*+")*+)?):')
_HEAD_UNBALANCED = re.compile(_NAME + rb"((?:;[^:]*+)?):")
_CARD_END = re.compile(rb"END:[ \t]*VCARD[ \t\r]*(?:\n|\Z)", re.IGNORECASE)
_SOFT_BREAK = re.compile(rb"=\r?\n")
_FOLD_BEFORE_SPACE = re.compile(rb"\r?\n(?=[ \t])")

_MENTIONS_ENCODING = re.compile(rb"ENCODING|QUOTED-PRINTABLE|BASE64|CHARSET", re.IGNORECASE)
# Only plain character sets: Python also knows codecs that take quadratic time (punycode) or that
# are no character set at all, and the name is the client's.
_CHARSET = re.compile(
    r"utf-?8|(us-)?ascii|iso-?8859-\d{1,2}|(windows-|cp)(125\d|932|949)|koi8-[ru]|gb2312|gbk|gb18030"
    r"|big5|shift_?jis|euc-?(jp|kr)|iso-2022-(jp|kr)|macintosh",
    re.IGNORECASE,
)

_PARAM = re.compile(r'((?:"[^"]*"|[^;])+)')
_PARAM_VALUE = re.compile(r'((?:"[^"]*"|[^,])+)')
_CARET = re.compile(r"\^([n'^])")
_CARET_MEANING = {"n": "\n", "'": '"', "^": "^"}
_BARE_ENCODINGS = frozenset({"7BIT", "8BIT", "BASE64", "QUOTED-PRINTABLE"})
_BARE_VALUE_TYPES = frozenset({"INLINE", "URL", "CONTENT-ID", "CID"})

_ESCAPE = re.compile(r"\\([nN\\,;:])")
_NEEDS_ESCAPE = re.compile(r"\r\n|[\\,;\r\n]")
_SEMICOLON = re.compile(r"\\.|;", re.DOTALL)
_COMMA = re.compile(r"\\.|,", re.DOTALL)

# Names and parameter parts repeat from card to card. Only short ones are remembered, so that no
# client can fill the memory.
_REMEMBERED = 1024
_REMEMBERED_LENGTH = 128


class _Encoding(NamedTuple):
    """What the parameters of a line say of how its value is encoded."""

    is_base64: bool
    is_quoted_printable: bool
    charset: str | None


class ContentLine:
    """One logical line: a property with its parameters and value, and the octets it came as.

    Attributes:
        name: property name in upper case, without its group.
        prop_group: the group as given (``item1`` of ``item1.TEL``), or None.
        octets: the line as it came: folding, line end, and blank lines that follow it.
        line: 1-based number of its first physical line.
    """

    __slots__ = (
        "_encoding",
        "_head",
        "_value",
        "_value_start",
        "line",
        "name",
        "octets",
        "prop_group",
    )

    def __init__(
        self,
        token: bytes,
        head: bytes,
        encoding: _Encoding | None,
        octets: bytes,
        line: int,
        value_start: int,
        value: bytes | None = None,
    ) -> None:
        self.prop_group, self.name = _split_token(token)
        self.octets = octets
        self.line = line
        self._head = head
        self._encoding = encoding
        self._value = value
        self._value_start = value_start

    def __repr__(self) -> str:
        return f"ContentLine(line={self.line}, name={self.name!r}, octets={self.octets[:60]!r})"

    @property
    def raw_value(self) -> bytes:
        """The value unfolded, still encoded and escaped."""
        value = self._value
        if value is None:
            value = self.octets[self._value_start :].rstrip(b"\r\n")
            if b"\n" in value:
                value = unfold(value)
            self._value = value
        return value

    @property
    def text(self) -> str:
        """The value decoded (charset, quoted-printable), still escaped.

        Octets that are not in the character set the line names are read as UTF-8, failing that as
        ISO-8859-1, so that reading a line never fails.
        """
        if self._encoding is not None:
            return _decode_encoded(self.raw_value, self._encoding)
        try:
            return self.raw_value.decode()
        except UnicodeDecodeError:
            return self.raw_value.decode("latin-1")

    @property
    def is_base64(self) -> bool:
        """Whether the value is binary data in base64 (``ENCODING=b``, ``BASE64``)."""
        return self._encoding is not None and self._encoding.is_base64

    @property
    def charset(self) -> str | None:
        """The ``CHARSET`` parameter of vCard 2.1, if it names a character set we read."""
        return self._encoding.charset if self._encoding else None

    @property
    def head(self) -> bytes:
        """The parameters as they came, unfolded: from the first ``;`` up to the colon."""
        return self._head

    @property
    def params(self) -> list[tuple[str, list[str]]]:
        """The parameters in order: name in upper case, and its values unquoted.

        ``^`` escapes are undone (RFC 6868). A bare parameter of vCard 2.1 gets the name it stands
        for: ``;HOME`` is ``("TYPE", ["HOME"])``, ``;BASE64`` is ``("ENCODING", ["BASE64"])``. They
        are parsed each time they are asked for.
        """
        return parse_params(self._head)

    def param_values(self, name: str) -> list[str]:
        """Return the values of all parameters called ``name`` (upper case), in order."""
        return [value for key, values in self.params if key == name for value in values]


def content_lines(octets: bytes) -> Iterator[ContentLine]:
    """Yield the logical lines of a vCard; their ``octets`` put together are the card again.

    Lines end in CRLF or LF; a CR of its own is data. A byte order mark and blank lines at the start
    belong to the first line, other blank lines to the line before them. Octets that are blank as a
    whole yield nothing.

    Raises:
        InvalidCard: a line is no property (RFC 6350, section 3.3): no colon, or a strange name.
    """
    leading = _LEADING.match(octets)
    position = leading.end() if leading else 0
    start = 0
    line = 1 + octets.count(b"\n", 0, position)
    size = len(octets)
    is_old = False
    while position < size:
        match = _LINE.match(octets, position)
        if match is None or is_old:
            content_line = _read_odd_line(octets, start, position, line, is_old=is_old)
        else:
            token, head = match.groups()
            encoding = _encoding(head) if head else None
            if encoding is not None and encoding.is_quoted_printable:
                content_line = _read_odd_line(octets, start, position, line, is_old=is_old)
            else:
                piece = octets[start : match.end()]
                value_start = match.end(2) + 1 - start
                content_line = ContentLine(token, head, encoding, piece, line, value_start)
        yield content_line
        if content_line.name == "VERSION":
            is_old = content_line.raw_value.strip() == b"2.1"
        start += len(content_line.octets)
        line += octets.count(b"\n", position, start)
        position = start


def _read_odd_line(
    octets: bytes, start: int, position: int, line: int, *, is_old: bool
) -> ContentLine:
    """Read a line of vCard 2.1, in quoted-printable, or folded before its colon."""
    end = _physical_end(octets, position)
    piece = octets[position:end].rstrip(b"\r\n")
    text = unfold(piece)
    head = _match_head(text)
    if head is None:
        raise InvalidCard(f"Line {line} is no property: it has no name and colon.", line=line)
    encoding = _encoding(head[2])
    if encoding is not None and encoding.is_quoted_printable:
        end = _soft_break_end(octets, position, end)
        text = unfold(_SOFT_BREAK.sub(b"", octets[position:end].rstrip(b"\r\n")))
    elif is_old and b"\n" in piece and not (encoding and encoding.is_base64):
        # In 2.1 a line is folded before a space that belongs to the value (RFC 822, 3.1.1).
        text = _FOLD_BEFORE_SPACE.sub(b"", piece)
    head = _match_head(text) or head
    blanks = _BLANKS.match(octets, end)
    end = blanks.end() if blanks else end
    value = text[head.end() :]
    return ContentLine(head[1], head[2], encoding, octets[start:end], line, 0, value)


def _match_head(text: bytes) -> re.Match[bytes] | None:
    # vCard 2.1 has no quoted values, so that a quote in its parameters may stand alone.
    return _HEAD.match(text) or _HEAD_UNBALANCED.match(text)


@lru_cache(_REMEMBERED)
def _split_token(token: bytes) -> tuple[str | None, str]:
    """Return the group and the upper-case name of ``item1.tel``."""
    prop_group, dot, name = token.decode("ascii").rpartition(".")
    return (prop_group if dot else None), name.upper()


@lru_cache(_REMEMBERED)
def _remembered_encoding(head: bytes) -> _Encoding | None:
    if not _MENTIONS_ENCODING.search(head):
        return None
    encodings: set[str] = set()
    charset = None
    for name, values in parse_params(head):
        if name == "ENCODING":
            encodings.update(value.upper() for value in values)
        elif name == "CHARSET":
            charset = next((value for value in values if _CHARSET.fullmatch(value)), charset)
    return _Encoding(
        is_base64=not encodings.isdisjoint({"B", "BASE64"}),
        is_quoted_printable="QUOTED-PRINTABLE" in encodings,
        charset=charset,
    )


def _encoding(head: bytes) -> _Encoding | None:
    """Return how the parameters say the value is encoded; None if it is plain UTF-8."""
    if len(head) > _REMEMBERED_LENGTH:
        return _remembered_encoding.__wrapped__(head)
    return _remembered_encoding(head)


def _physical_end(octets: bytes, position: int) -> int:
    match = _PHYSICAL.match(octets, position)
    return match.end() if match else len(octets)


def _soft_break_end(octets: bytes, start: int, end: int) -> int:
    """Return where a quoted-printable value ends, whose first physical line is ``start:end``."""
    # END:VCARD is never part of a value: a value that ends in a stray "=" must not swallow it.
    while end < len(octets) and octets[max(start, end - 3) : end].rstrip(b"\r\n").endswith(b"="):
        if _CARD_END.match(octets, end):
            break
        start, end = end, _physical_end(octets, end)
    return end


def unfold(octets: bytes) -> bytes:
    """Return ``octets`` without folds: line ends that a space or tab follows (RFC 6350, 3.2)."""
    octets = octets.replace(b"\r\n ", b"")
    if b"\n" not in octets:
        return octets
    return octets.replace(b"\r\n\t", b"").replace(b"\n ", b"").replace(b"\n\t", b"")


def fold(line: bytes, line_end: bytes = b"\r\n") -> bytes:
    """Return a content line folded at 75 octets, never inside a UTF-8 character.

    Args:
        line: the line without line ends; none is added at its end.
        line_end: what goes before the space of each continuation.
    """
    pieces = []
    start = 0
    width = FOLD_WIDTH
    while len(line) - start > width:
        end = _character_start(line, start + width)
        pieces.append(line[start:end])
        start = end
        width = FOLD_WIDTH - 1
    pieces.append(line[start:])
    return (line_end + b" ").join(pieces)


def _character_start(line: bytes, position: int) -> int:
    for candidate in range(position, position - 4, -1):
        if line[candidate] & 0xC0 != 0x80:
            return candidate
    return position


def text_value(line: ContentLine) -> str:
    """Return the value as one text, unescaped: FN, NOTE, TITLE."""
    return unescape_text(line.text)


def text_values(line: ContentLine) -> list[str]:
    """Return the values of a list, each unescaped: CATEGORIES, NICKNAME."""
    return [unescape_text(part) for part in split_list(line.text)]


def split_structured(text: str) -> list[str]:
    """Return the components of N, ADR or ORG, still escaped: the text split at each bare ``;``."""
    return _split(text, ";", _SEMICOLON)


def split_list(text: str) -> list[str]:
    """Return the values of a list, still escaped: the text split at each bare ``,``."""
    return _split(text, ",", _COMMA)


def _split(text: str, separator: str, tokens: re.Pattern[str]) -> list[str]:
    if "\\" not in text:
        return text.split(separator)
    parts = []
    start = 0
    for token in tokens.finditer(text):
        if token[0] == separator:
            parts.append(text[start : token.start()])
            start = token.end()
    parts.append(text[start:])
    return parts


def unescape_text(text: str) -> str:
    r"""Return ``text`` without escapes: ``\n``, ``\,``, ``\;``, ``\\`` (RFC 6350, section 3.4).

    ``\:`` is undone as well, old Apple clients wrote it. Any other backslash stands for itself.
    """
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda match: "\n" if match[1] in "nN" else match[1], text)


def escape_text(text: str) -> str:
    r"""Return ``text`` escaped as one value of a property; CRLF, CR and LF become ``\n``."""
    return _NEEDS_ESCAPE.sub(
        lambda match: "\\n" if match[0][0] in "\r\n" else "\\" + match[0], text
    )


def _decode_encoded(value: bytes, encoding: _Encoding) -> str:
    if encoding.is_quoted_printable:
        # PostgreSQL cannot hold NUL in text, and =00 is a way around the check of the octets.
        value = binascii.a2b_qp(value).replace(b"\0", b"")
    for charset in (encoding.charset, "utf-8"):
        try:
            if charset:
                return value.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
    return value.decode("latin-1")


def parse_params(head: bytes) -> list[tuple[str, list[str]]]:
    """Return the parameters of a ``ContentLine.head``, as its ``params`` are."""
    params = []
    for param in _PARAM.findall(head.decode(errors="replace")):
        name, equals, value = param.partition("=")
        name = name.strip().upper()
        if equals:
            values = [_param_value(part) for part in _PARAM_VALUE.findall(value)]
            params.append((name, values))
        elif name:
            params.append((_bare_param_name(name), [param.strip()]))
    return params


def _bare_param_name(value: str) -> str:
    if value in _BARE_ENCODINGS:
        return "ENCODING"
    return "VALUE" if value in _BARE_VALUE_TYPES else "TYPE"


def _param_value(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if "^" in text:
        text = _CARET.sub(lambda match: _CARET_MEANING[match[1]], text)
    return text
