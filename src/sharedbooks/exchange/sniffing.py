"""What a file is: its format, its character encoding, and what separates its columns."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from io import StringIO

from sharedbooks.errors import InvalidSource
from sharedbooks.exchange.sources import Source

DELIMITERS = (",", ";", "\t", "|")

_SAMPLE_OCTETS = 64 * 1024
_SAMPLE_ROWS = 20
_VCARD = re.compile(r"BEGIN:[ \t]*VCARD", re.IGNORECASE)
_LDIF = re.compile(r"(?:#.*\n|\s)*(?:version:\s*1\s|dn::?\s)", re.IGNORECASE)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What text in the languages of Western Europe is made of beyond ASCII.
_USUAL = frozenset(
    "àâäáãåæçéèêëíìîïñóòôöõøœúùûüÿßÀÂÄÁÅÆÇÉÈÊËÍÎÏÑÓÔÖØŒÚÛÜ€“”…°«»\u2018\u2019\u2013\xa0"
)
_EIGHT_BIT = ("cp1252", "mac_roman", "cp850")


class Format(StrEnum):
    """A format of contacts that can be read."""

    VCF = "vcf"
    CSV = "csv"
    XLSX = "xlsx"
    LDIF = "ldif"
    JCARD = "jcard"


def find_encoding(source: Source) -> str:
    """Return the encoding of the text of a file, after reading all of it."""
    start = source.beginning(_SAMPLE_OCTETS)
    for mark, name in _BOMS:
        if start.startswith(mark):
            return name
    zeros = start.count(b"\0")
    if zeros > len(start) // 4:
        return "utf-16-be" if start[:1] == b"\0" else "utf-16-le"
    if _is_utf8(source):
        return "utf-8"
    letters: Counter[int] = Counter()
    for chunk in source.chunks():
        letters.update(octet for octet in chunk if octet >= 0x80)
    return max(_EIGHT_BIT, key=lambda name: _likeness(letters, name))


def _is_utf8(source: Source) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in source.chunks():
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _likeness(letters: Counter[int], encoding: str) -> int:
    """Return how much octets look like text in ``encoding``."""
    score = 0
    for octet, number in letters.items():
        character = bytes([octet]).decode(encoding, "replace")
        score += number if character in _USUAL else -number
    return score


def find_format(source: Source, encoding: str) -> Format:
    """Return the format of a file by how it begins.

    Raises:
        InvalidSource: it is none of those that can be read.
    """
    start = source.beginning(_SAMPLE_OCTETS)
    if start.startswith(b"PK\x03\x04"):
        return Format.XLSX
    if start.startswith((b"\xd0\xcf\x11\xe0", b"%PDF")):
        raise InvalidSource("This is no file of contacts; save a sheet as .xlsx or .csv.")
    text = _decoded(start, encoding).lstrip("\ufeff \t\r\n")
    if _VCARD.match(text):
        return Format.VCF
    if text.startswith("["):
        return Format.JCARD
    if _LDIF.match(text):
        return Format.LDIF
    if _VCARD.search(text):
        # Something stands before the first card: the reader says where.
        return Format.VCF
    return Format.CSV


def sample_rows(source: Source, encoding: str, delimiter: str) -> list[list[str]]:
    """Return the first rows of a table."""
    text = _decoded(source.beginning(_SAMPLE_OCTETS), encoding).lstrip("\ufeff")
    rows = []
    try:
        for row in csv.reader(StringIO(text, newline=""), delimiter=delimiter):
            rows.append(row)
            if len(rows) == _SAMPLE_ROWS:
                break
    except csv.Error:
        return rows
    return rows


def first_line(source: Source, encoding: str) -> str:
    """Return the first line of a file, without its end."""
    start = _decoded(source.beginning(_SAMPLE_OCTETS), encoding).lstrip("\ufeff")
    return start.partition("\n")[0].rstrip("\r")


def separates(rows: Sequence[Sequence[str]]) -> int:
    """Return how many columns a separator makes of the first rows, in the most of them."""
    widths = Counter(len(row) for row in rows if len(row) > 1)
    if not widths:
        return 0
    width, number = max(widths.items(), key=lambda item: (item[1], item[0]))
    return width if number > 1 or len(rows) == 1 else 0


def _decoded(octets: bytes, encoding: str) -> str:
    return codecs.getincrementaldecoder(encoding)(errors="replace").decode(octets)
