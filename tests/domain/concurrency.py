"""Writers in processes of their own, all at one book, and the account of what they did."""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from threading import Barrier

from sharedbooks.domain.history import Action, CardVersion
from sharedbooks.domain.prepared_cards import hash_content
from tests.domain import writers
from tests.domain.writers import COUNTER, Report, Sight, counting_card, look, read_count
from tests.support.factories import Device

WRITERS_EACH = 2
ROUNDS = 6

_ready: Barrier | None = None


def _prepare(ready: Barrier) -> None:
    global _ready  # noqa: PLW0603 - the only way into a process of the pool
    _ready = ready


def _wait() -> None:
    assert _ready is not None
    _ready.wait(60)


def _run(url: str, user: str, book: str, process: int) -> list[Report]:
    names = [f"{process}-{number}" for number in range(WRITERS_EACH)]
    return writers.write_at_once(url, user, book, names, ROUNDS, _wait)


def write_and_check(device: Device, urls: Sequence[str]) -> None:
    """Let some processes, one for each URL, write into the device's book, and check everything.

    Every count of theirs is there once, history and revisions are without a gap, and each token
    that any of them got tells what came after it.
    """
    device.put(COUNTER, counting_card(0))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(urls), context, _prepare, (context.Barrier(len(urls)),)) as pool:
        futures = [
            pool.submit(_run, url, device.user.name, device.book, process)
            for process, url in enumerate(urls)
        ]
        reports = [report for future in futures for report in future.result(120)]
    _check(device, reports, len(urls) * WRITERS_EACH * ROUNDS)


def _check(device: Device, reports: Sequence[Report], total: int) -> None:
    assert sum(report.refused for report in reports) > 0, "nobody met anybody"
    assert sorted(count for report in reports for count in report.counts) == [*range(1, total + 1)]
    assert device.get(COUNTER).content == counting_card(total)
    left = {name for report in reports for name in report.left}
    assert set(device.contents()) == {COUNTER, *left}

    versions = device.history()
    # Each round counts and creates, every other one deletes.
    assert device.access().revision == 1 + 2 * total + total // 2
    assert [version.revision for version in versions] == [*range(1, len(versions) + 1)]
    assert len(versions) == device.access().revision
    counted = [v for v in versions if v.resource_name == COUNTER and v.action is Action.EDIT]
    before = [version.content_before for version in counted]
    assert [read_count(content or b"") for content in before] == [*range(total)]

    for sight in (sight for report in reports for sight in report.sights):
        _check_sync(device, sight, versions)


def _check_sync(device: Device, sight: Sight, versions: list[CardVersion]) -> None:
    told = device.changes(sight.token)
    final = look(device)
    assert told.token == final.token
    touched = {version.resource_name for version in versions[sight.revision :]}
    assert {name for name, _ in told.changed} == {name for name in touched if name in final.hashes}
    assert set(told.removed) == touched - set(final.hashes)
    known = {name: h for name, h in sight.hashes.items() if name not in told.removed}
    assert known | dict(told.changed) == final.hashes
    # What was seen is what history says was there.
    for name, content_hash in sight.hashes.items():
        later = [v for v in versions[sight.revision :] if v.resource_name == name]
        if later:
            assert hash_content(later[0].content_before or b"") == content_hash
