"""Pairs of cards worth comparing, found in bounded memory.

The features of the cards, their keys and the pairs found go into a temporary file of SQLite's,
which nobody else can open and which is gone when it is closed.
"""

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import groupby
from operator import itemgetter
from types import TracebackType

from sharedbooks.matching.features import Features, Place
from sharedbooks.matching.keys import NAME, Rarity, block_keys, counted_keys
from sharedbooks.matching.names import Name

LARGE_BLOCK = 20
"""Cards that share a key are compared each with each up to so many."""

_NEIGHBOURS = 4
"""In a larger block each card is compared with so many that come next by name."""

_USELESS_BLOCK = 200
"""What so many cards share, other than a name, brings nobody together."""

_COMMON = 3
"""A value is worth counting from so many cards on."""

_BATCH = 2000
_FEATURES_KEPT = 4000
_CACHE_KIB = 8192

_TABLES = """
    CREATE TABLE cards (number INTEGER PRIMARY KEY, features TEXT NOT NULL, sorting TEXT NOT NULL);
    CREATE TABLE blocks (key TEXT NOT NULL, number INTEGER NOT NULL);
    CREATE TABLE counted (key TEXT NOT NULL);
    CREATE TABLE pairs (pair INTEGER PRIMARY KEY);
"""
_BLOCKS = """
    SELECT blocks.key, blocks.number FROM blocks JOIN cards USING (number)
    ORDER BY blocks.key, cards.sorting, blocks.number
"""


class Candidates(AbstractContextManager["Candidates"]):
    """The cards of a search, by numbers of the caller's choice below 2**31."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._file.execute("PRAGMA temp_store = FILE")
        self._file.execute("PRAGMA synchronous = OFF")
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.executescript(_TABLES)
        self._waiting: list[tuple[int, Features]] = []
        self._total = 0
        self._kept: OrderedDict[int, Features] = OrderedDict()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, number: int, features: Features) -> None:
        """Add a card."""
        self._waiting.append((number, features))
        self._total += 1
        if len(self._waiting) >= _BATCH:
            self._write()

    def _write(self) -> None:
        some, self._waiting = self._waiting, []
        rows = [(number, json.dumps(each), _sorting(each)) for number, each in some]
        self._file.execute("BEGIN")
        self._file.executemany("INSERT INTO cards VALUES (?, ?, ?)", rows)
        self._file.executemany(
            "INSERT INTO blocks VALUES (?, ?)",
            [(key, number) for number, each in some for key in block_keys(each)],
        )
        self._file.executemany(
            "INSERT INTO counted VALUES (?)",
            [(key,) for _, each in some for key in counted_keys(each)],
        )
        self._file.execute("COMMIT")

    def rarity(self) -> Rarity:
        """Return how common the values are among the cards added."""
        self._write()
        counts = self._file.execute(
            "SELECT key, count(*) FROM counted GROUP BY key HAVING count(*) >= ?", (_COMMON,)
        )
        return Rarity(self._total, dict(counts))

    def pair_up(self) -> int:
        """Find the pairs that share a key; return how many there are."""
        self._write()
        blocks = self._file.cursor()
        self._file.execute("BEGIN")
        for key, rows in groupby(blocks.execute(_BLOCKS), itemgetter(0)):
            block = [number for _, number in rows]
            if 1 < len(block) <= _USELESS_BLOCK or key.startswith(NAME):
                self._file.executemany("INSERT OR IGNORE INTO pairs VALUES (?)", _pairs_of(block))
        self._file.execute("COMMIT")
        return int(self._file.execute("SELECT count(*) FROM pairs").fetchone()[0])

    def pairs(self) -> Iterator[tuple[int, Features, int, Features]]:
        """Yield each pair once: the numbers and features of two cards, the lower number first."""
        for (pair,) in self._file.execute("SELECT pair FROM pairs ORDER BY pair"):
            left, right = pair >> 31, pair & 0x7FFFFFFF
            yield left, self.features(left), right, self.features(right)

    def features(self, number: int) -> Features:
        """Return the features of a card that was added."""
        kept = self._kept.get(number)
        if kept is not None:
            self._kept.move_to_end(number)
            return kept
        row = self._file.execute("SELECT features FROM cards WHERE number = ?", (number,))
        found = self._kept[number] = _read(row.fetchone()[0])
        if len(self._kept) > _FEATURES_KEPT:
            self._kept.popitem(last=False)
        return found


def _read(text: str) -> Features:
    found = Features(*json.loads(text))
    names = [Name(*each) for each in found.names]
    return found._replace(names=names, places=[Place(*each) for each in found.places])


def _sorting(features: Features) -> str:
    """Return what brings the same names together in a large block."""
    if not features.names:
        return features.organisation
    name = features.names[0]
    return " ".join([*name.family, *name.given])


def _pairs_of(block: list[int]) -> Iterable[tuple[int]]:
    width = len(block) if len(block) <= LARGE_BLOCK else _NEIGHBOURS
    for place, one in enumerate(block):
        for other in block[place + 1 : place + 1 + width]:
            yield (min(one, other) << 31 | max(one, other),)
