"""What counting a request costs: CPU of all that a poll counts, and of one answer to Prometheus.

Give it the folder of an installed prometheus_client to compare with its multiprocess mode.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

from sharedbooks.watching import metrics
from sharedbooks.watching.board import BOARD
from sharedbooks.watching.clients import client_family
from sharedbooks.watching.exposition import exposition

ROUNDS, REQUESTS = 5, 50_000


def ours() -> None:
    metrics.REQUESTS_IN_PROGRESS.count()
    metrics.CONNECTIONS.count("reading")
    metrics.CONNECTIONS.count("reading", by=-1)
    metrics.LOGINS.count("device")
    metrics.REQUESTS_IN_PROGRESS.count(by=-1)
    metrics.REQUESTS.count("PROPFIND", "207", client_family("DAVx5/4.5"))
    metrics.REQUEST_SECONDS.observe(0.0003, "PROPFIND")


def theirs(folder: str) -> Callable[[], None]:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp()
    sys.path.insert(0, folder)
    import prometheus_client as client  # type: ignore[import-not-found]  # noqa: PLC0415

    requests = client.Counter("requests", "", ["method", "status", "client"])
    seconds = client.Histogram("seconds", "", ["method"])
    progress = client.Gauge("progress", "", multiprocess_mode="livesum")
    connections = client.Gauge("connections", "", ["use"], multiprocess_mode="livesum")
    logins = client.Counter("logins", "", ["outcome"])

    def count() -> None:
        progress.inc()
        connections.labels("reading").inc()
        connections.labels("reading").dec()
        logins.labels("device").inc()
        progress.dec()
        requests.labels("PROPFIND", "207", client_family("DAVx5/4.5")).inc()
        seconds.labels("PROPFIND").observe(0.0003)

    return count


def cpu(work: Callable[[], object], times: int) -> float:
    """Return microseconds of CPU for one call, the median of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(times):
            work()
        rounds.append((time.process_time() - started) / times * 1e6)
    return statistics.median(rounds)


def main() -> None:
    BOARD.share(2)
    metrics.join()
    print(f"nothing            {cpu(lambda: None, REQUESTS):8.2f} µs")
    print(f"counting a poll    {cpu(ours, REQUESTS):8.2f} µs")
    if sys.argv[1:]:
        print(f"prometheus_client  {cpu(theirs(sys.argv[1]), REQUESTS):8.2f} µs")
    print(f"an answer          {cpu(lambda: exposition([]), 20) / 1000:8.2f} ms")


if __name__ == "__main__":
    main()
