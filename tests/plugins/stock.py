"""Radicale's own command with our plugins, started as the example configuration says."""

import sys
from collections.abc import Mapping
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self
from xml.etree import ElementTree as ET

from radicale import config
from radicale.config import Configuration

from sharedbooks.domain.principals import Principal
from sharedbooks.runtime import Runtime
from sharedbooks_radicale.auth import Auth
from sharedbooks_radicale.rights import Rights
from sharedbooks_radicale.storage import Storage
from tests.http.client import Answer, Client
from tests.http.world import Member, World, fresh
from tests.support.daemon import Daemon
from tests.support.network import LOOPBACK, free_port
from tests.support.process import toml

EXAMPLE = Path(__file__).parents[2] / "config" / "radicale.conf.example"

MAX_CARD_SIZE = 1024 * 1024
MASS_DELETION = 12


def write_configuration(folder: Path, database_url: str, failures: int = 2) -> Path:
    """Write a ``sharedbooks.toml`` and return its path; ``failures`` throttle a login."""
    path = folder / "sharedbooks.toml"
    settings = {
        "database.url": database_url,
        "books.max_card_size": "1 MiB",
        "books.mass_deletion": MASS_DELETION,
        "auth.throttle_failures": failures,
    }
    path.write_text(toml(settings))
    return path


def example_configuration(port: int, sharedbooks_config: Path) -> str:
    """Return the example with the port, no pause after a failed login, and ours named."""
    text = EXAMPLE.read_text()
    for old, new, times in (
        ("hosts = localhost:5232", f"hosts = {LOOPBACK}:{port}", 1),
        ("delay = 1\n", "delay = 0\n", 1),
        (
            "#sharedbooks_config = /etc/sharedbooks/sharedbooks.toml",
            f"sharedbooks_config = {sharedbooks_config}",
            3,
        ),
    ):
        assert text.count(old) == times
        text = text.replace(old, new)
    return text


def stock_configuration(runtime: Runtime, **auth_options: str) -> Configuration:
    """Return a configuration of Radicale with our plugins, in this process."""
    made = config.load()
    values: dict[str, dict[str, Any]] = {
        section: {"type": partial(kind, runtime=runtime)}
        for section, kind in (("auth", Auth), ("rights", Rights), ("storage", Storage))
    }
    values["auth"] |= {"delay": "0", **auth_options}
    made.update(values, "test")
    return made


class StockServer:
    """The ``radicale`` command on a free port; a ``with`` block starts and stops it."""

    def __init__(self, folder: Path, sharedbooks_config: Path) -> None:
        self.port = free_port()
        path = folder / f"radicale-{self.port}.conf"
        path.write_text(example_configuration(self.port, sharedbooks_config))
        self._daemon = Daemon([sys.executable, "-m", "radicale", "-C", path], folder)

    def __enter__(self) -> Self:
        self._daemon.start(self._answers)
        return self

    def __exit__(self, *_: object) -> None:
        self._daemon.stop()

    @property
    def log(self) -> str:
        """What the server has written so far."""
        return self._daemon.log

    def _answers(self) -> bool:
        connection = HTTPConnection(LOOPBACK, self.port, timeout=10)
        try:
            connection.request("OPTIONS", "/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


class StockAnswer(Answer):
    """An answer of Radicale, which calls XML ``text/xml``."""

    @property
    def xml(self) -> ET.Element:  # type: ignore[override]
        """The root element of the body."""
        return ET.fromstring(self.body)  # noqa: S314 - our own server's


class _Stock(Client):
    def request(
        self,
        method: str,
        path: str,
        body: str | bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        answer = super().request(method, path, body, headers)
        return StockAnswer(answer.status, answer.headers, answer.body)


class StockMember(_Stock, Member):
    """A user with a device that is logged in to Radicale."""


class StockWorld(World):
    """People and books shown by Radicale."""

    def log_in(self, user: Principal, headers: Mapping[str, str] | None = None) -> StockMember:
        member = StockMember(self, user, self.device(user, fresh("phone")), headers or {})
        self._open.enter_context(member)
        return member

    def at(self, server: StockServer, member: Member) -> StockMember:
        """The same member at another server."""
        here = StockWorld(self.database, server.port)
        elsewhere = StockMember(here, member.user, member.password, {})
        self._open.enter_context(elsewhere)
        return elsewhere
