"""The real server program, started and stopped as an administrator's system does it."""

import json
import sys
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.daemon import Daemon
from tests.support.network import LOOPBACK, free_port

Setting = str | int | float | bool


class RunningServer:
    """``sharedbooks serve`` on a free port; a ``with`` block starts it and stops it in order.

    Args:
        folder: an empty folder for its configuration and log.
        database_url: a database with the present schema.
        settings: what else to configure, by dotted key: ``{"server.workers": 2}``.
        program: the command ``sharedbooks``, where it is another one than this version's.
    """

    def __init__(
        self,
        folder: Path,
        database_url: str,
        settings: Mapping[str, Setting] | None = None,
        program: Sequence[str] = (sys.executable, "-m", "sharedbooks.cli"),
    ) -> None:
        self.port = free_port()
        self.config = folder / "config.toml"
        values: dict[str, Setting] = {
            "server.host": LOOPBACK,
            "server.port": self.port,
            "server.workers": 1,
            "database.url": database_url,
        }
        self.config.write_text(toml(values | dict(settings or {})))
        self._daemon = Daemon([*program, "--config", self.config, "serve"], folder)
        self._should_run = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            # The block's own failure is the one to see; the log may say why.
            self.kill()
            error.add_note(self.log)
        elif self._should_run:
            self.stop()

    @property
    def url(self) -> str:
        """The root of the server, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int:
        """The id of the main process."""
        return self._daemon.pid

    @property
    def log(self) -> str:
        """What the server has written so far."""
        return self._daemon.log

    def start(self) -> None:
        """Start the server, again on the same port and database, and return when it is healthy.

        Raises:
            AssertionError: it ended, or was not healthy in time; the message has the log.
        """
        self._daemon.start(self._healthy)
        self._should_run = True

    def stop(self) -> None:
        """Send SIGTERM and wait for the end.

        Raises:
            AssertionError: it did not end in time, or its exit code was not 0.
        """
        self._should_run = False
        code = self._daemon.stop()
        assert code == 0, f"exit code {code}\n{self.log}"

    def kill(self) -> None:
        """End the server and its workers by SIGKILL."""
        self._should_run = False
        self._daemon.kill()

    def _healthy(self) -> bool:
        connection = HTTPConnection(LOOPBACK, self.port, timeout=10)
        try:
            connection.request("GET", "/-/health")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def toml(values: Mapping[str, Setting]) -> str:
    """Return ``values``, whose keys are ``section.key``, as a TOML document."""
    lines = []
    for section, items in groupby(sorted(values.items()), lambda item: item[0].partition(".")[0]):
        lines.append(f"[{section}]")
        # What JSON writes for these types is TOML too.
        lines += [
            f"{key.partition('.')[2]} = {json.dumps(value, ensure_ascii=False)}"
            for key, value in items
        ]
    return "\n".join([*lines, ""])
