"""Column types that mean the same on SQLite, PostgreSQL and MariaDB."""

import json
import time
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, LargeBinary, String, Text, cast
from sqlalchemy.dialects.mysql import CHAR, LONGBLOB, VARCHAR
from sqlalchemy.types import TypeEngine

_MARIADB = ("mysql", "mariadb")


def identity() -> TypeEngine[int]:
    """Surrogate key; SQLite counts up by itself only in a plain INTEGER."""
    return BigInteger().with_variant(Integer(), "sqlite")


_SECOND = 1_000_000


def exact_text(length: int) -> TypeEngine[str]:
    """Text compared code point by code point, trailing spaces included.

    MariaDB's usual collations take ``a``, ``A``, ``ä`` and ``a `` for one name.
    """
    return String(length).with_variant(
        VARCHAR(length, charset="utf8mb4", collation="utf8mb4_nopad_bin"), *_MARIADB
    )


def octets() -> TypeEngine[bytes]:
    """Bytes of any size; MariaDB's plain BLOB would end at 64 kB."""
    return LargeBinary().with_variant(LONGBLOB(), *_MARIADB)


def json_text(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Return a JSON column as the text it is stored as, which no driver decodes on its own."""
    return cast(column, Text().with_variant(CHAR(), *_MARIADB))


def read_json(text: str) -> dict[str, str]:
    """Return what is in a column selected through ``json_text``."""
    return {} if text == "{}" else dict(json.loads(text))


def now() -> int:
    """The present moment as columns named ``*_at`` hold it: microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def seconds_left(since: int, window: int) -> int:
    """Return how many of the ``window`` seconds after the moment ``since`` are left, rounded up.

    A moment further ahead than the window comes of a clock that was set back since then. Nothing
    is left of it either: it would count until the clock is there again, for days perhaps.
    """
    left = since - now() + window * _SECOND
    if left > 2 * window * _SECOND:
        return 0
    return max(0, -(-left // _SECOND))
