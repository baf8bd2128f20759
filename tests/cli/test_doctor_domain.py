"""``sharedbooks doctor --domain``, asking a real name server."""

from collections.abc import Iterator

import dns.exception
import dns.message
import dns.query
import pytest

from tests.support.daemon import Daemon
from tests.support.network import LOOPBACK, free_port

RECORDS = (
    "--srv-host=_carddavs._tcp.good.example,contacts.good.example,443,0,1",
    "--txt-record=_carddavs._tcp.good.example,path=/",
    "--srv-host=_carddavs._tcp.bare.example,contacts.bare.example,8443",
    "--srv-host=_carddavs._tcp.wrong.example,contacts.wrong.example,443",
    "--txt-record=_carddavs._tcp.wrong.example,path=/elsewhere/",
    "--srv-host=_carddav._tcp.plain.example,contacts.plain.example,80",
)


@pytest.fixture(scope="module")
def nameserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A name server that knows the records above and nothing else."""
    port = free_port()
    settings = ("--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null")
    place = (f"--port={port}", f"--listen-address={LOOPBACK}", "--bind-interfaces", "--pid-file=")
    command = ["/usr/sbin/dnsmasq", *settings, *place, "--user=root", "--local=/example/", *RECORDS]
    daemon = Daemon(command, tmp_path_factory.mktemp("dns"))

    def answers() -> bool:
        try:
            query = dns.message.make_query("_carddavs._tcp.good.example", "SRV")
            return bool(dns.query.udp(query, LOOPBACK, port=port, timeout=0.5).answer)
        except dns.exception.Timeout:
            return False

    daemon.start(answers)
    yield f"{LOOPBACK}:{port}"
    daemon.stop()


def look(sharedbooks, nameserver: str, domain: str, code: int) -> dict[str, dict[str, str]]:
    done = sharedbooks(
        "doctor", "--domain", domain, "--nameserver", nameserver, "--json", code=code
    )
    return {row["check"].split()[0]: row for row in done.document if "record" in row["check"]}


@pytest.fixture
def office(sharedbooks):
    """An installation with which nothing else is wrong."""
    sharedbooks("user", "add", "alice")
    sharedbooks("book", "add", "sales")
    return sharedbooks


def test_records_that_lead_to_the_server(office, nameserver):
    found = look(office, nameserver, "good.example", code=0)
    assert found["SRV"]["detail"] == "contacts.good.example:443"
    assert found["TXT"]["detail"] == "path=/"
    found = look(office, nameserver, "bare.example", code=0)
    assert found["SRV"]["detail"] == "contacts.bare.example:8443"
    assert found["TXT"]["result"] == "ok"


def test_records_that_are_missing_or_wrong(office, nameserver):
    found = look(office, nameserver, "none.example", code=1)
    assert found["SRV"]["result"] == "failed"
    assert "_carddavs._tcp.none.example. SRV" in found["SRV"]["remedy"]
    found = look(office, nameserver, "plain.example", code=1)
    assert "Apps send no password" in found["SRV"]["remedy"]
    found = look(office, nameserver, "wrong.example", code=1)
    assert (found["SRV"]["result"], found["TXT"]["result"]) == ("ok", "failed")
    assert '"path=/"' in found["TXT"]["remedy"]


def test_the_path_of_a_prefix_is_wanted(office, nameserver):
    config = office.folder / "sharedbooks.toml"
    config.write_text(config.read_text().replace("[server]", '[server]\nprefix = "/elsewhere"'))
    assert look(office, nameserver, "wrong.example", code=0)["TXT"]["result"] == "ok"
    found = look(office, nameserver, "bare.example", code=0)["TXT"]
    assert (found["result"], '"path=/elsewhere/"' in found["remedy"]) == ("warning", True)


def test_a_name_server_that_does_not_answer(office):
    done = office(
        "doctor", "--domain", "x.example", "--nameserver", f"{LOOPBACK}:{free_port()}", "--json",
        code=1,
    )  # fmt: skip
    assert done.document[-1]["check"] == "DNS"
    assert "--nameserver" in done.document[-1]["remedy"]


def test_a_name_server_that_is_none(sharedbooks):
    done = sharedbooks("doctor", "--domain", "x.example", "--nameserver", "nobody", code=2)
    assert "is no ADDRESS" in done.err
