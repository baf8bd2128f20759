"""A .vcf file cut into its cards while it is read, however large it is and whatever it holds."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO

MAX_CARD_OCTETS = 32 * 1024 * 1024
"""Most octets kept of one card, so that a file without END:VCARD cannot fill the memory."""

_BOM = b"\xef\xbb\xbf"
_MARK = re.compile(rb"(?:\xef\xbb\xbf)?(BEGIN|END):[ \t]*VCARD\s*\Z", re.IGNORECASE)
_MARK_FIRST_OCTETS = b"BbEe\xef"
_OPEN_AGENT = re.compile(rb"(?:[\w.-]+\.)?AGENT(?:;[^:]*)?:\s*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RawCard:
    """One card of a file, or a piece of the file that is no card.

    Attributes:
        octets: the card as the file has it, without a byte order mark.
        line: 1-based number of its first line in the file.
        problem: None for a card, else a sentence why this piece is none.
    """

    octets: bytes
    line: int
    problem: str | None


@dataclass(slots=True)
class _Piece:
    """What was read since the last card."""

    max_octets: int
    line: int = 0
    depth: int = 0
    size: int = 0
    parts: list[bytes] = field(default_factory=list)

    def add(self, line: bytes, number: int) -> None:
        is_first = not self.size
        self.size += len(line)
        if is_first:
            self.line = number
            line = line.removeprefix(_BOM)
        if self.size <= self.max_octets:
            self.parts.append(line)

    def finish(self, problem: str | None = None) -> RawCard:
        if self.size > self.max_octets:
            problem = f"From line {self.line} on, more than {self.max_octets} octets are no card."
        return RawCard(b"".join(self.parts), self.line, problem)

    def leftover(self) -> RawCard:
        if self.depth:
            return self.finish(f"The card that begins in line {self.line} has no END:VCARD.")
        return self.finish(f"The text in line {self.line} stands outside of a card.")

    def awaits_agent(self) -> bool:
        for line in reversed(self.parts):
            if not line.isspace():
                return _OPEN_AGENT.match(line) is not None
        return False


def split_cards(chunks: Iterable[bytes], *, max_octets: int = MAX_CARD_OCTETS) -> Iterator[RawCard]:
    """Yield the cards of a file in order, and every piece of it that is no card.

    Cards are found by their BEGIN and END lines alone, nothing else of them is checked. A card
    inside another counts as part of it after an empty ``AGENT`` (vCard 2.1); elsewhere it shows
    that the END before it is missing. Only blank lines and byte order marks between cards are left
    out. The same file gives the same cards however it is cut into chunks.

    Args:
        chunks: the octets of the file in order, for instance the open binary file itself.
        max_octets: a larger piece gets a problem, and its octets end at a line before that.
    """
    piece = _Piece(max_octets)
    for number, line in enumerate(_physical_lines(chunks, max_octets), start=1):
        mark = _MARK.match(line) if line[0] in _MARK_FIRST_OCTETS else None
        if mark is None:
            if piece.size or line.strip(_BOM + b" \t\r\n"):
                piece.add(line, number)
        elif mark[1].upper() == b"BEGIN":
            if not (piece.depth and piece.awaits_agent()):
                if piece.size:
                    yield piece.leftover()
                piece = _Piece(max_octets)
            piece.add(line, number)
            piece.depth += 1
        else:
            piece.add(line, number)
            if piece.depth == 1:
                yield piece.finish()
                piece = _Piece(max_octets)
            piece.depth = max(0, piece.depth - 1)
    if piece.size:
        yield piece.leftover()


def _physical_lines(chunks: Iterable[bytes], max_octets: int) -> Iterator[bytes]:
    """Yield lines with their ends; of a line longer than ``max_octets`` at least that much."""
    pending = bytearray()
    for chunk in chunks:
        if len(pending) <= max_octets or b"\n" in chunk:
            pending += chunk
        if b"\n" not in chunk:
            continue
        lines = BytesIO(pending).readlines()
        pending = bytearray() if lines[-1].endswith(b"\n") else bytearray(lines.pop())
        yield from lines
    if pending:
        yield bytes(pending)
