"""Tables in Markdown from the rows that ``benchmarks.run`` writes.

As a program it prints the tables of a JSON file.
"""

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.operations import OPERATIONS, WHOLE_BOOK
from benchmarks.series import APART, KEPT, NEW, SHARED

Row = Mapping[str, Any]

OURS = "sharedbooks"
_FLOOR = "SQLite alone"
_NONE = "-"
_CROWDS = (KEPT, NEW, SHARED, APART)
_NAMES = [each.name for each in (*OPERATIONS, *WHOLE_BOOK)]
_TARGETS = {each.name: each for each in OPERATIONS}


def markdown(rows: Iterable[Row]) -> str:
    """Return the tables of a run."""
    by_size: dict[int, list[Row]] = {}
    for row in rows:
        by_size.setdefault(row["cards"], []).append(row)
    parts = []
    for total, some in by_size.items():
        parts += [f"### {total:,} cards", _one_client(some, total), _many_clients(some)]
    parts += ["### Growth", _growth(by_size)]
    return "\n\n".join(parts) + "\n"


def _one_client(rows: list[Row], total: int) -> str:
    servers = _names(rows)
    table = [
        ["one client: median / p99 / CPU ms", *servers, "to the best peer", "target ms"],
    ]
    for operation in _NAMES:
        found = {row["server"]: row for row in rows if _is(row, operation, 1)}
        if found:
            cells = [_times(found.get(server)) for server in servers]
            target = _TARGETS.get(operation)
            wanted = target is not None and target.target_at in {None, total}
            goal = f"{target.target:g}" if wanted and target and target.target else ""
            table.append([operation, *cells, _ratio(found, "median"), goal])
    loading = {row["server"]: row for row in rows if _is(row, "loading", 1)}
    seconds = [_number(loading.get(server, {}).get("median", 0) / 1000) for server in servers]
    goal = "4 s" if total == 10_000 else ""
    table.append(["bringing the cards in, s", *seconds, _ratio(loading, "median"), goal])
    return _table(table)


def _many_clients(rows: list[Row]) -> str:
    servers = [name for name in _names(rows) if name != _FLOOR]
    table = [["many clients: requests/s / p99 / CPU ms", *servers, "to the best peer"]]
    for operation in (*_NAMES, *_CROWDS):
        clients = 200 if operation in {KEPT, NEW} else 8
        found = {row["server"]: row for row in rows if _is(row, operation, clients)}
        if found:
            cells = [_rates(found.get(server)) for server in servers]
            table.append([operation, *cells, _ratio(found, "rate")])
    return _table(table)


def _growth(by_size: Mapping[int, list[Row]]) -> str:
    """Return what sharedbooks on SQLite takes at each size."""
    table = [["one client: median / CPU ms", *(f"{total:,} cards" for total in by_size)]]
    for operation in _NAMES:
        cells = []
        for rows in by_size.values():
            found = [row for row in rows if _is(row, operation, 1) and _is_ours(row)]
            some = [_number(row[key]) for row in found[:1] for key in ("median", "cpu")]
            cells.append(" / ".join(some) or _NONE)
        table.append([operation, *cells])
    return _table(table)


def _is_ours(row: Row) -> bool:
    return bool(row["server"].startswith(OURS) and "median" in row)


def _is(row: Row, operation: str, clients: int) -> bool:
    return bool(row["operation"] == operation and row["clients"] == clients)


def _names(rows: Iterable[Row]) -> list[str]:
    """Return the servers in the order in which they appear, the floor last."""
    names = list(dict.fromkeys(row["server"] for row in rows))
    return sorted(names, key=lambda name: name == _FLOOR)


def _times(row: Row | None) -> str:
    if row is None or "median" not in row:
        return _NONE
    parts = [_number(row[key]) for key in ("median", "p99", "cpu") if key in row]
    return " / ".join(parts) + _failed(row)


def _rates(row: Row | None) -> str:
    if row is None or "rate" not in row:
        return _NONE
    cell = f"{row['rate']:,.0f} / {_number(row['p99'])} / {_number(row['cpu'])}"
    return cell + (f" (lost: {row['lost']})" if "lost" in row else "") + _failed(row)


def _failed(row: Row) -> str:
    return f" ({row['failures']} failed)" if row.get("failures") else ""


def _ratio(found: Mapping[str, Row], key: str) -> str:
    """Return how many times as fast sharedbooks on SQLite is as the best of the others."""
    ours = next((row for name, row in found.items() if name.startswith(OURS)), None)
    others = [
        row[key]
        for name, row in found.items()
        if not name.startswith(OURS) and name != _FLOOR and key in row and not row.get("failures")
    ]
    if ours is None or not ours.get(key) or not others:
        return ""
    faster = ours[key] / max(others) if key == "rate" else min(others) / ours[key]
    return f"{faster:.1f} : 1"


def _number(value: float) -> str:
    if not value:
        return _NONE
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _table(rows: list[list[str]]) -> str:
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    rule = "| --- |" + " ---: |" * (len(rows[0]) - 1)
    return "\n".join([head, rule, *body])


def main() -> None:
    """Print tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("file", type=Path, help="written by benchmarks.run")
    print(markdown(json.loads(parser.parse_args().file.read_text())["rows"]))


if __name__ == "__main__":
    main()
