"""``sharedbooks doctor --url``: a server behind real proxies, right ones and wrong ones."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import InProcess
from tests.support.certificates import Authority
from tests.support.daemon import Daemon
from tests.support.databases import SqliteDatabases
from tests.support.network import LOOPBACK, free_port
from tests.support.process import RunningServer

PROXY = "127.0.0.9"
"""Where the proxies come from, as the server sees them."""

_NGINX = """\
{user}
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {listen};
        {tls}
        location / {{
            proxy_pass http://127.0.0.1:{port};
            proxy_bind {proxy};
            {lines}
        }}
        {others}
    }}
}}
"""
FORWARDED = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"

Proxy = Callable[..., str]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases
) -> Iterator[RunningServer]:
    """A server that trusts the proxies, and shows everybody who comes from here its numbers."""
    settings: Mapping[str, Any] = {
        "server.trusted_proxies": [PROXY],
        "monitoring.allow": ["127.0.0.8"],
        "auth.throttle_failures": 2,
    }
    with (
        sqlite_databases.migrated() as url,
        RunningServer(tmp_path_factory.mktemp("server"), url, settings) as running,
    ):
        yield running


@pytest.fixture
def proxy(
    server: RunningServer, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """Starts proxies in front of the server; returns the URL."""
    with ExitStack() as stack:

        def start(
            lines: str = FORWARDED,
            others: str = "",
            name: str = "",
            days: int = 2,
            address: str = PROXY,
        ) -> str:
            folder, port = tmp_path_factory.mktemp("nginx"), free_port()
            listen, tls = f"{LOOPBACK}:{port}", ""
            if name:
                made = authority.issue(f"certificate{port}", name, days=days)
                listen += " ssl"
                tls = f"ssl_certificate {made.certificate}; ssl_certificate_key {made.key};"
            (folder / "nginx.conf").write_text(
                _NGINX.format(
                    user="user root;" if os.geteuid() == 0 else "",
                    folder=folder,
                    listen=listen,
                    tls=tls,
                    port=server.port,
                    proxy=address,
                    lines=lines,
                    others=others,
                )
            )
            daemon = Daemon(
                ["/usr/sbin/nginx", "-e", "stderr", "-c", folder / "nginx.conf"], folder
            )
            daemon.start((folder / "pid").exists)
            stack.callback(daemon.stop)
            return f"http{'s' if name else ''}://{LOOPBACK}:{port}/"

        yield start


@pytest.fixture
def doctor(
    sharedbooks: InProcess, server: RunningServer
) -> Callable[..., dict[str, dict[str, str]]]:
    """What the doctor finds at a URL, by the first word of the check."""

    def look(url: str, *options: str | Path) -> dict[str, dict[str, str]]:
        done = sharedbooks(
            "--config", server.config, "doctor", "--url", url, *options, "--json", code=1
        )
        return {row["check"].split()[0]: row for row in done.document if url in row["check"]}

    return look


Doctor = Callable[..., dict[str, dict[str, str]]]


def results(found: dict[str, dict[str, str]]) -> set[str]:
    return {row["result"] for row in found.values()}


def test_a_proxy_as_it_should_be(
    proxy: Proxy, doctor: Doctor, authority: Authority, server: RunningServer
) -> None:
    found = doctor(proxy(name="IP:127.0.0.1"), "--ca-file", authority.file)
    assert list(found) == ["public", "discovery", "methods", "login", "metrics"]
    assert results(found) == {"ok"}, found
    assert found["login"]["detail"] == "arrives, as from 127.0.0.1"
    assert found["discovery"]["detail"] == "answered in place"
    # The trial leaves nothing that would count against anybody.
    again = doctor(server.url)
    assert results(again) == {"ok"}, again


def test_many_trials_lock_nobody_out(proxy: Proxy, doctor: Doctor) -> None:
    url = proxy()
    assert {doctor(url)["login"]["result"] for _ in range(3)} == {"ok"}


@pytest.mark.parametrize(
    ("name", "days", "trusted", "detail", "remedy"),
    [
        ("DNS:other.example", 2, True, "127.0.0.1", "certificate with this name"),
        ("IP:127.0.0.1", -1, True, "expired", "Renew"),
        ("IP:127.0.0.1", 2, False, "unable to get local issuer", "full chain"),
    ],
    ids=["name", "expired", "chain"],
)
def test_a_certificate_that_phones_refuse(
    proxy: Proxy,
    doctor: Doctor,
    authority: Authority,
    *,
    name: str,
    days: int,
    trusted: bool,
    detail: str,
    remedy: str,
) -> None:
    url = proxy(name=name, days=days)
    found = doctor(url, *(("--ca-file", authority.file) if trusted else ()))
    assert list(found) == ["public"]
    assert found["public"]["result"] == "failed"
    assert detail in found["public"]["detail"]
    assert remedy in found["public"]["remedy"]


def test_a_proxy_that_does_not_tell_the_client(proxy: Proxy, doctor: Doctor) -> None:
    found = doctor(proxy(""))["login"]
    assert found["result"] == "failed"
    assert f"saw it come from {PROXY}" in found["detail"]
    assert "send X-Forwarded-For" in found["remedy"]


def test_a_proxy_that_nobody_trusts(proxy: Proxy, doctor: Doctor) -> None:
    found = doctor(proxy(address="127.0.0.7"))["login"]
    assert found["result"] == "warning"
    assert "saw it come from 127.0.0.7" in found["detail"]
    assert "trusted_proxies" in found["remedy"]


@pytest.mark.parametrize(
    ("lines", "others", "check", "detail"),
    [
        ('proxy_set_header Authorization "";', "", "login", "do not arrive"),
        ("", "location = /.well-known/carddav { return 404; }", "discovery", "404"),
        ("proxy_hide_header DAV;", "", "methods", "class addressbook"),
        ("if ($request_method = REPORT) { return 405; }", "", "methods", "REPORT is answered"),
        ("limit_except GET POST OPTIONS { deny all; }", "", "public", "answered with 403"),
        ("return 301 https://elsewhere.example$request_uri;", "", "public", "elsewhere.example"),
    ],
    ids=["authorization", "well-known", "dav", "report", "propfind", "redirect"],
)
def test_a_proxy_that_spoils_something(
    proxy: Proxy, doctor: Doctor, lines: str, others: str, check: str, detail: str
) -> None:
    found = doctor(proxy(FORWARDED + lines, others))
    assert found[check]["result"] == "failed", found
    assert detail in found[check]["detail"]
    assert found[check]["remedy"]


def test_numbers_that_everybody_sees(proxy: Proxy, doctor: Doctor) -> None:
    forged = "proxy_set_header X-Forwarded-For 127.0.0.8;"
    found = doctor(proxy(forged))["metrics"]
    assert found["result"] == "warning"
    assert "[monitoring] allow" in found["remedy"]


def test_nobody_there(doctor: Doctor) -> None:
    found = doctor(f"http://{LOOPBACK}:{free_port()}/")["public"]
    assert "no answer" in found["detail"]


def test_what_is_no_url(sharedbooks: InProcess) -> None:
    assert "is no URL" in sharedbooks("doctor", "--url", "contacts", code=2).err
