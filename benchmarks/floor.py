"""What the database alone costs: the rows and octets of an answer, read without any server.

A program in Python cannot answer faster than this plus its HTTP stack (the row OPTIONS).
"""

import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from benchmarks.corpus import search_term

_TIMES = 200
_SECONDS = 1.0


def measure_floor(database: Path, sizes: list[int]) -> list[dict[str, object]]:
    """Read and write the SQLite database of a server, as the operations do.

    Args:
        database: filled by ``benchmarks.run``.
        sizes: the books in it.
    """
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=FULL")
        rows: list[dict[str, object]] = []
        for total in sizes:
            for operation, work in _pieces(connection, total).items():
                rows.append(
                    {
                        "cards": total,
                        "operation": operation,
                        "clients": 1,
                        "server": "SQLite alone",
                        **_timed(work),
                    }
                )
        return rows


def _pieces(connection: sqlite3.Connection, total: int) -> dict[str, Callable[[], object]]:
    """Return what each operation cannot do without."""
    query = "SELECT id FROM address_books WHERE name = ?"
    (book,) = connection.execute(query, [f"book{total}"]).fetchone()
    query = "SELECT resource_name FROM cards WHERE book_id = ? LIMIT 100"
    names = [name for (name,) in connection.execute(query, [book])]
    marks = ",".join("?" * len(names))

    def read(query: str, *parameters: object) -> Callable[[], object]:
        return lambda: connection.execute(query, parameters).fetchall()

    def write() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE address_books SET revision = revision + 1 WHERE id = ?", [book])
        connection.execute(
            "UPDATE cards SET content = content || X'0D0A' WHERE book_id = ? AND resource_name = ?",
            [book, names[0]],
        )
        connection.execute("COMMIT")

    wanted = search_term(1, total)
    # The index keeps no places, so that a text is looked for by its trigrams.
    term = " AND ".join(f'"{wanted[at : at + 3]}"' for at in range(len(wanted) - 2))
    return {
        "poll: sync-token": read("SELECT sync_key, revision FROM address_books WHERE id = ?", book),
        "PROPFIND 1 getetag": read(
            "SELECT resource_name, content_hash FROM cards WHERE book_id = ? ORDER BY revision",
            book,
        ),
        "multiget, 100 cards": read(
            "SELECT resource_name, content_hash, content FROM cards"
            f" WHERE book_id = ? AND resource_name IN ({marks})",
            book,
            *names,
        ),
        "query, ~10 hits": read(
            "SELECT content FROM card_texts CROSS JOIN cards ON cards.id = card_texts.rowid"
            " WHERE card_texts MATCH ? AND book_id = ?",
            term,
            book,
        ),
        "GET, one card": read(
            "SELECT content FROM cards WHERE book_id = ? AND resource_name = ?", book, names[0]
        ),
        "whole book: GET": read("SELECT content FROM cards WHERE book_id = ?", book),
        "PUT, changed": write,
    }


def _timed(work: Callable[[], object]) -> dict[str, float]:
    """Return median milliseconds and the processor's share of them."""
    times: list[float] = []
    cpu, end = time.process_time(), time.perf_counter() + _SECONDS
    while len(times) < _TIMES and time.perf_counter() < end:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    spent = (time.process_time() - cpu) / len(times)
    return {"median": statistics.median(times) * 1000, "cpu": spent * 1000}
