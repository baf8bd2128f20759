"""Measure sharedbooks side by side with other CardDAV servers, and write JSON and tables.

All servers run at the same time, on loopback, each with its own copy of the same books. Every
round visits every operation, and for each of them one server after the other, so that whatever
else the machine does hits all of them alike. Compare servers within one run, by ratio.
"""

import argparse
import asyncio
import json
import os
import platform
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from benchmarks.floor import measure_floor
from benchmarks.peers import installed_peers
from benchmarks.report import markdown
from benchmarks.series import Plan, Series, say
from benchmarks.servers import Server, Sharedbooks, SharedbooksOnPostgres

_CHECKOUT = Path(__file__).parents[1]


Rows = list[dict[str, object]]


async def measure(
    servers: list[Server], sizes: list[int], largest_peer: int, plan: Plan, output: Path
) -> Rows:
    """Return the rows of all sizes; what there is so far is written after each of them.

    Args:
        servers: started, without books.
        sizes: numbers of cards.
        largest_peer: most cards that others than sharedbooks are filled with.
        plan: how much to measure.
        output: see ``write``.
    """
    rows: Rows = []
    for total in sizes:
        places = []
        for server in servers:
            if total > largest_peer and not isinstance(server, Sharedbooks):
                continue
            places.append((await server.load(total), server.meter))
            seconds = server.load_seconds[total]
            say(f"{server.name}: {total} cards in {seconds:.1f} s")
            rows.append(
                {
                    "cards": total,
                    "operation": "loading",
                    "clients": 1,
                    "server": server.name,
                    "median": seconds * 1000,
                }
            )
        series = Series(total, plan, places)
        for number in range(plan.rounds):
            say(
                f"{total} cards, round {number + 1} of {plan.rounds}, load {os.getloadavg()[0]:.1f}"
            )
            await series.measure_round()
        rows += series.rows()
        write(rows, plan, output)
    return rows


def write(rows: Rows, plan: Plan, output: Path) -> str:
    """Write rows as JSON and as tables, and return the tables."""
    document = {
        "measured_at": time.strftime("%Y-%m-%d %H:%M"),
        "machine": f"{os.cpu_count()} cores, {platform.platform()}, Python "
        f"{platform.python_version()}",
        "plan": asdict(plan),
        "rows": rows,
    }
    output.with_suffix(".json").write_text(json.dumps(document, indent=1))
    tables = markdown(rows)
    output.with_suffix(".md").write_text(tables)
    return tables


def _servers(folder: Path, checkout: Path, arguments: argparse.Namespace) -> list[Server]:
    (folder / "sqlite").mkdir()
    servers: list[Server] = [Sharedbooks(folder / "sqlite", checkout)]
    if not arguments.no_postgresql:
        (folder / "postgresql").mkdir()
        servers.append(SharedbooksOnPostgres(folder / "postgresql", checkout))
    if not arguments.no_peers:
        servers += installed_peers(folder, arguments.xandikos)
    return servers


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--cards", type=int, nargs="+", default=[1000, 10_000, 50_000], help="sizes of the book")
    add("--peers-up-to", type=int, default=10_000, help="largest book for the other servers")
    add("--rounds", type=int, default=3)
    add("--seconds", type=float, default=0.5, help="of an operation on a server in a round")
    add("--only", default="", metavar="TEXT", help="operations with this in their name")
    add("--checkout", type=Path, default=_CHECKOUT, help="of sharedbooks, to be measured")
    add("--no-postgresql", action="store_true", help="sharedbooks on SQLite alone")
    add("--no-peers", action="store_true", help="no other servers")
    add("--xandikos", metavar="PROGRAM", help="the command of Xandikos, if it is not on the PATH")
    add("--output", type=Path, default=Path("benchmark"), help="FILE.json and FILE.md are written")
    return parser.parse_args()


def main() -> None:
    """Start the servers, measure, write the results, stop the servers."""
    arguments = _arguments()
    plan = Plan(arguments.rounds, arguments.seconds, arguments.only)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name, ExitStack() as stack:
        folder = Path(name)
        servers = _servers(folder, arguments.checkout.absolute(), arguments)
        for server in servers:
            say(f"Starting {server.name}")
            stack.callback(server.stop)
            server.start()
        rows = asyncio.run(
            measure(servers, arguments.cards, arguments.peers_up_to, plan, arguments.output)
        )
        rows += measure_floor(folder / "sqlite" / "sharedbooks.db", arguments.cards)
    print(write(rows, plan, arguments.output))


if __name__ == "__main__":
    main()
