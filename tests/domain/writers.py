"""Writers for tests to run in processes of their own; as a program, one to be killed at work."""

import json
import random
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

from sharedbooks.db.engine import Database
from sharedbooks.domain import principals
from sharedbooks.domain.book_access import get_book
from sharedbooks.domain.cards import iterate_cards
from sharedbooks.domain.changes import sync_token
from sharedbooks.domain.prepared_cards import hash_content
from sharedbooks.errors import PreconditionFailed
from tests.support.factories import Device, vcard

COUNTER = "counter.vcf"


@dataclass(frozen=True)
class Sight:
    """A book as somebody saw it, in one snapshot: revision, token, and hashes by name."""

    revision: int
    token: str
    hashes: dict[str, str]


@dataclass
class Report:
    """What one writer did and saw."""

    counts: list[int] = field(default_factory=list)
    refused: int = 0
    left: set[str] = field(default_factory=set)
    sights: list[Sight] = field(default_factory=list)


def counting_card(number: int) -> bytes:
    """Return the card that counts, at ``number``."""
    return vcard("counter", "Counter", f"NOTE:{number}")


def read_count(octets: bytes) -> int:
    """Return the number in a counting card."""
    return int(octets.partition(b"NOTE:")[2].partition(b"\r\n")[0])


def look(device: Device) -> Sight:
    """Return the book as it is now."""
    with device.database.read() as connection:
        access = get_book(connection, device.user.id, device.book)
        found = iterate_cards(connection, access.book_id)
        hashes = {card.resource_name: card.content_hash for card in found}
        return Sight(access.revision, sync_token(access.sync_key, access.revision), hashes)


def write_at_once(
    url: str, user: str, book: str, names: list[str], rounds: int, ready: Callable[[], object]
) -> list[Report]:
    """Let a writer for each name work on the book at the same time; return what they report."""
    with closing(Database(url)) as database, ThreadPoolExecutor(len(names)) as pool:
        device = open_device(database, user, book)
        together = threading.Barrier(len(names), action=ready)

        def write(name: str) -> Report:
            together.wait(60)
            return _write(device, name, rounds)

        return list(pool.map(write, names))


def _write(device: Device, writer: str, rounds: int) -> Report:
    report = Report()
    for number in range(rounds):
        _increment(device, report)
        name = f"{writer}-{number}.vcf"
        stored = device.put(name, vcard(name), if_none_match="*")
        if number % 2:
            device.delete(name, if_match=stored.etag)
        else:
            report.left.add(name)
        report.sights.append(look(device))
    return report


def _increment(device: Device, report: Report) -> None:
    while True:
        card = device.get(COUNTER)
        count = read_count(card.content) + 1
        try:
            device.put(COUNTER, counting_card(count), if_match=card.etag)
        except PreconditionFailed:
            report.refused += 1
        else:
            report.counts.append(count)
            return


def open_device(database: Database, user: str, book: str) -> Device:
    """Return the device of a user who is there already."""
    return Device(database, database.run_read(lambda c: principals.get_user(c, user)), book)


def write_until_killed(device: Device, writer: str) -> None:
    """Change cards for ever; say before each change what comes, and after it that it was done."""
    choose = random.Random()
    while True:
        name = f"{writer}-{choose.randrange(5)}.vcf"
        if choose.randrange(3) == 0 and device.find(name) is not None:
            _say([name, None])
            device.delete(name)
        else:
            text = "x" * choose.choice([1, 100, 100_000])
            octets = vcard(name, f"{choose.random()}", f"NOTE:{text}", f"EMAIL:{text[:50]}@x.org")
            _say([name, hash_content(octets)])
            device.put(name, octets)
        _say("done")


def _say(something: object) -> None:
    sys.stdout.write(json.dumps(something) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with closing(Database(sys.argv[1])) as opened:
        write_until_killed(open_device(opened, sys.argv[2], sys.argv[3]), sys.argv[4])
