"""Prometheus itself reads the server, and knows every number that alerts and dashboard ask for."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from tests.http.conftest import Served
from tests.http.world import World, vcard
from tests.support.daemon import Daemon
from tests.support.metrics import Metrics
from tests.support.network import LOOPBACK, free_port, wait_for

PROJECT = Path(__file__).parents[2]
CONFIG = PROJECT / "config/prometheus"
DASHBOARD = json.loads((PROJECT / "config/grafana/sharedbooks.json").read_text(encoding="utf-8"))
MANUAL = (PROJECT / "docs/monitoring.md").read_text(encoding="utf-8")

NAME = re.compile(r"\bsharedbooks_\w+")
EMPTY_HERE = {"sharedbooks_directory_up"}
"""What a server without a directory has nothing to tell about."""


def dashboard_queries() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        ["promtool", *arguments], cwd=CONFIG, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_configuration_and_alerts_are_sound() -> None:
    promtool("check", "config", "prometheus.yml")
    promtool("check", "rules", "--lint-fatal", "sharedbooks.rules.yml")


def test_alerts_fire_when_they_should_and_not_before() -> None:
    promtool("test", "rules", "sharedbooks.tests.yml")


def test_every_alert_has_a_test() -> None:
    alerts = re.findall(r"- alert: (\w+)", (CONFIG / "sharedbooks.rules.yml").read_text())
    tests = (CONFIG / "sharedbooks.tests.yml").read_text()
    fired = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:", tests))
    assert fired == set(alerts)


@pytest.fixture(scope="module")
def used(watched: Served) -> Served:
    """The server after a little of everything."""
    with watched.world() as world:
        alice, book = world.shared()
        alice.books()
        alice.put(alice.path(book, "ann.vcf"), vcard())
        alice.sync(alice.path(book))
        scrape(world)
        wait_for(lambda: scrape(world)("sharedbooks_counted_timestamp_seconds"), 10, "the count")
    return watched


def scrape(world: World) -> Metrics:
    with world.client() as client:
        return Metrics(client.get("/-/metrics").body.decode())


def test_the_manual_has_every_metric_and_no_other(used: Served) -> None:
    with used.world() as world:
        families = set(scrape(world).families)
    rows = re.findall(r"^\| (`sharedbooks_.*?) \|", MANUAL, re.MULTILINE)
    assert {name for row in rows for name in NAME.findall(row)} == families
    for name in NAME.findall(MANUAL):
        assert name in families


def test_the_manual_has_the_labels_of_every_metric(used: Served) -> None:
    with used.world() as world:
        text = world.client().get("/-/metrics").body.decode()
    for names, cell in re.findall(r"^\| (`sharedbooks_.*?) \| (.*?) \|", MANUAL, re.MULTILINE):
        for name in set(NAME.findall(names)) - EMPTY_HERE:
            [line] = re.findall(rf"^{name}(?:_count)?(?:\{{(.*)\}})? \S+$", text, re.MULTILINE)[:1]
            assert re.findall(r"(\w+)=", line) == re.findall(r"`(\w+)`", cell), name


@pytest.fixture(scope="module")
def prometheus(used: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Prometheus with our configuration, once it has asked our server."""
    folder = tmp_path_factory.mktemp("prometheus")
    for file in CONFIG.iterdir():
        shutil.copy(file, folder)
    text = (folder / "prometheus.yml").read_text()
    assert "127.0.0.1:5232" in text
    text = text.replace("127.0.0.1:5232", f"{LOOPBACK}:{used.server.port}")
    (folder / "prometheus.yml").write_text(text.replace("interval: 30s", "interval: 1s"))
    port = free_port()
    place = f"--web.listen-address={LOOPBACK}:{port}"
    files = (f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data")
    daemon = Daemon(["prometheus", place, *files], folder)
    url = f"http://{LOOPBACK}:{port}"

    def asked_twice() -> bool:
        try:
            return float(query(url, "sum_over_time(up[1m])")[0]["value"][1]) >= 2
        except (OSError, IndexError):
            return False

    daemon.start(asked_twice, 30)
    yield url
    daemon.stop()


def query(url: str, expression: str) -> list[dict[str, Any]]:
    place = f"{url}/api/v1/query?" + urlencode({"query": expression})
    with urlopen(place, timeout=10) as answer:  # noqa: S310 - our own Prometheus
        document = json.load(answer)
    assert document["status"] == "success", document
    found: list[dict[str, Any]] = document["data"]["result"]
    return found


def test_prometheus_reads_the_server(prometheus: str) -> None:
    [up] = query(prometheus, 'up{job="sharedbooks"}')
    assert up["value"][1] == "1"
    [workers] = query(prometheus, "sharedbooks_workers")
    assert workers["value"][1] == "3"


@pytest.mark.parametrize("expression", dashboard_queries())
def test_prometheus_answers_every_question_of_the_dashboard(
    prometheus: str, expression: str
) -> None:
    asked = expression.replace("$instance", ".*").replace("$__rate_interval", "1m")
    query(prometheus, asked)
    for name in NAME.findall(expression):
        if name not in EMPTY_HERE:
            assert query(prometheus, name), name


def test_prometheus_knows_every_number_of_the_alerts(prometheus: str) -> None:
    rules = (CONFIG / "sharedbooks.rules.yml").read_text()
    expressions = re.findall(r"expr: (?:>\n)?(.*?)\n\s+(?:for|labels):", rules, re.DOTALL)
    names = {name for expression in expressions for name in NAME.findall(expression)}
    assert len(names) > 8
    for name in names - EMPTY_HERE:
        assert query(prometheus, name), name
