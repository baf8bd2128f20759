"""Radicale as it is, with its own storage: what people move from."""

import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Self

from tests.http.client import Client
from tests.support.daemon import Daemon
from tests.support.network import LOOPBACK, free_port

PASSWORDS = {"anna": "geheim", "bert": "secret"}


class RadicaleServer:
    """The command ``radicale`` on a free port with users of its own; a ``with`` block runs it.

    Args:
        folder: an empty folder for its configuration, log and storage.
    """

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.storage = folder / "storage"
        users = folder / "users"
        users.write_text("".join(f"{name}:{word}\n" for name, word in PASSWORDS.items()))
        configuration = folder / "radicale.conf"
        configuration.write_text(
            f"[server]\nhosts = {LOOPBACK}:{self.port}\n"
            f"[auth]\ntype = htpasswd\nhtpasswd_filename = {users}\n"
            "htpasswd_encryption = plain\ndelay = 0\n"
            f"[storage]\nfilesystem_folder = {self.storage}\n"
            "[web]\ntype = none\n"
        )
        self._daemon = Daemon([sys.executable, "-m", "radicale", "-C", configuration], folder)

    def __enter__(self) -> Self:
        self._daemon.start(self._answers)
        return self

    def __exit__(self, *_: object) -> None:
        self._daemon.stop()

    @property
    def url(self) -> str:
        """The root of the server."""
        return f"http://{LOOPBACK}:{self.port}/"

    def client(self, user: str) -> Client:
        """Open a connection, logged in."""
        return Client(self.port, (user, PASSWORDS[user]), {})

    def _answers(self) -> bool:
        connection = HTTPConnection(LOOPBACK, self.port, timeout=10)
        try:
            connection.request("OPTIONS", "/")
            return connection.getresponse().status in {200, 401}
        except OSError:
            return False
        finally:
            connection.close()
