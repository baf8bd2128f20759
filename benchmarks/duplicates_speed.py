"""How long finding duplicates in a large book takes, and how much memory."""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.corpus import card_uid, make_card

_DUPLICATE_EVERY = 20


def make_book(total: int) -> Iterator[bytes]:
    """Yield so many cards; each twentieth is of a person who is there already."""
    for number in range(total):
        if number % _DUPLICATE_EVERY:
            yield make_card(number, total)
        else:
            copy = make_card(number + 1, total, revision=1)
            yield copy.replace(card_uid(number + 1).encode(), card_uid(number).encode())


def _run(folder: Path, *words: str) -> bytes:
    command = [sys.executable, "-m", "sharedbooks.cli", *words]
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE).stdout


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cards", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--find-in", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.find_in:
        _measure(arguments.find_in)
        return
    print("| cards | seconds | of processor | peak memory, MiB | pairs |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for total in arguments.cards:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
            folder = Path(name)
            with (folder / "book.vcf").open("wb") as file:
                file.writelines(make_book(total))
            _run(folder, "init")
            _run(folder, "book", "add", "crm")
            _run(folder, "import", "crm", "book.vcf")
            # A process of its own, whose only child is the search.
            again = [sys.executable, "-m", "benchmarks.duplicates_speed", "--find-in", name]
            subprocess.run(again, check=True)


def _measure(folder: Path) -> None:
    start = time.perf_counter()
    found = json.loads(_run(folder, "duplicates", "find", "crm", "--country", "CH", "--json"))
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    cards = (folder / "book.vcf").read_bytes().count(b"BEGIN:VCARD")
    print(
        f"| {cards:,} | {seconds:.1f} | {processor:.1f} | {peak:.0f} | {len(found):,} |", flush=True
    )


if __name__ == "__main__":
    main()
