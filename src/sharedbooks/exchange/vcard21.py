"""vCard 2.1, which old phones write, said in vCard 3.0 without loss.

3.0 is the version closest to it: it has a word for every property of 2.1 (RFC 2426, section 5).
"""

import binascii
import re
from collections.abc import Iterator

from sharedbooks.vcard.contentlines import ContentLine, content_lines, escape_text, split_structured
from sharedbooks.vcard.properties import Params, Property, write_property

_FALLBACK = "cp1252"
_STRUCTURED = frozenset({"N", "ADR", "ORG"})
_LISTS = frozenset({"CATEGORIES", "NICKNAME", "X-NICKNAME"})
_MEDIA = frozenset({"PHOTO", "LOGO", "SOUND", "KEY"})
_RENAMED = {"X-NICKNAME": "NICKNAME"}
# 2.1 escapes nothing but the semicolon, and only inside N, ADR and ORG.
_HEAD = re.compile(rb"[^:\r\n]*+:")
_BASE64_PARAM = re.compile(rb";(?:ENCODING=)?(?:BASE64|B)[;:]", re.IGNORECASE)
_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/=]+[ \t]*\r?\n")
_VERSION_21 = re.compile(rb"^VERSION:[ \t]*2\.1[ \t\r]*$", re.IGNORECASE | re.MULTILINE)
_ESCAPED_SEMICOLON = re.compile(r"\\;")
_PLACEHOLDER = "\x1f"
# How text is encoded is of no meaning once it is UTF-8; the format of a picture is its TYPE.
_NOT_SAID = frozenset({"CHARSET", "ENCODING"})


def from_vcard21(octets: bytes) -> bytes:
    """Return a card of vCard 2.1 as one of 3.0; ``octets`` must be one card.

    Text is decoded (quoted-printable, base64, CHARSET) and written in UTF-8; a line that names no
    character set and is not UTF-8 is read as Windows-1252. Bare parameters (``TEL;CELL;PREF``)
    become TYPE. A photo stays base64.

    Raises:
        InvalidCard: a line is no property.
    """
    written = []
    lines = list(_own_lines(list(content_lines(_folded(octets)))))
    names = {line.name for line in lines}
    for line in lines:
        if line.name == "BEGIN":
            written.append(b"BEGIN:VCARD\r\nVERSION:3.0\r\n")
        elif line.name == "END":
            if "N" not in names:
                written.append(b"N:;;;;\r\n")
            written.append(b"END:VCARD\r\n")
        elif line.name != "VERSION":
            written.append(write_property(_property(line), "3.0"))
    return b"".join(written)


def is_vcard21(octets: bytes) -> bool:
    """True if a card says that it is vCard 2.1."""
    return (
        re.search(rb"^VERSION:[ \t]*2\.1[ \t\r]*$", octets, re.IGNORECASE | re.MULTILINE)
        is not None
    )


def _folded(octets: bytes) -> bytes:
    """Return a card whose base64 is folded as it should be: some phones leave out the space."""
    lines = []
    is_base64 = False
    for line in octets.splitlines(keepends=True):
        if is_base64 and _BASE64_LINE.fullmatch(line):
            lines.append(b" " + line)
            continue
        is_base64 = _begins_base64(line) or (is_base64 and line[:1] in b" \t")
        lines.append(line)
    return b"".join(lines)


def _begins_base64(line: bytes) -> bool:
    head = _HEAD.match(line)
    return head is not None and _BASE64_PARAM.search(head[0]) is not None


def _own_lines(lines: list[ContentLine]) -> Iterator[ContentLine]:
    """Yield the lines of a card without those of a card inside it, which AGENT has.

    That card becomes the value of AGENT, as 3.0 has it (RFC 2426, section 3.5.4).
    """
    inner: list[ContentLine] = []
    depth = 0
    for line in lines:
        depth += line.name == "BEGIN"
        if depth > 1:
            inner.append(line)
        elif line.name != "AGENT" or line.raw_value.strip():
            yield line
        if line.name == "END":
            depth -= 1
            if depth == 1:
                yield _agent(inner)
                inner = []


def _agent(inner: list[ContentLine]) -> ContentLine:
    card = from_vcard21(b"".join(line.octets for line in inner)).decode()
    value = escape_text(card).encode()
    token = b"X-AGENT-CARD"
    return ContentLine(token, b"", None, token + b":" + value, inner[0].line, 0, value)


def _property(line: ContentLine) -> Property:
    if line.name == "X-AGENT-CARD":
        return Property("AGENT", line.text)
    name = _RENAMED.get(line.name, line.name)
    params = _params(line)
    if line.is_base64:
        if line.name in _MEDIA:
            value = re.sub(r"\s", "", line.text)
            return Property(name, value, (("ENCODING", ("b",)), *params), line.prop_group)
        return Property(name, _escaped(name, _unbase64(line)), params, line.prop_group)
    return Property(name, _escaped(line.name, _text(line)), params, line.prop_group)


def _text(line: ContentLine) -> str:
    """Return the value decoded; without CHARSET it may be in what Windows used then."""
    text = line.text
    if line.charset is None and not line.raw_value.isascii():
        try:
            line.raw_value.decode()
        except UnicodeDecodeError:
            return line.raw_value.decode(_FALLBACK, "replace")
    return text


def _unbase64(line: ContentLine) -> str:
    try:
        octets = binascii.a2b_base64(line.raw_value)
    except binascii.Error:
        return line.text
    return octets.decode(line.charset or "utf-8", "replace").replace("\0", "")


def _escaped(name: str, text: str) -> str:
    if name in _STRUCTURED:
        parts = split_structured(_ESCAPED_SEMICOLON.sub(_PLACEHOLDER, text))
        return ";".join(escape_text(part.replace(_PLACEHOLDER, ";")) for part in parts)
    if name in _LISTS:
        return ",".join(escape_text(part.strip()) for part in re.split("[;,]", text))
    if name == "GEO":
        return text.replace(",", ";")
    if name in {"URL", "UID", "TZ", "REV", "BDAY", "KEY"} | _MEDIA:
        return text
    return escape_text(_ESCAPED_SEMICOLON.sub(";", text))


def _params(line: ContentLine) -> Params:
    params: list[tuple[str, tuple[str, ...]]] = []
    for name, values in line.params:
        if name in _NOT_SAID:
            continue
        if name == "VALUE":
            kinds = [value for value in values if value.upper() in {"URL", "URI"}]
            if kinds:
                params.append(("VALUE", ("uri",)))
            continue
        params.append((name, tuple(values)))
    return tuple(params)
