"""nginx in front of several nodes, as ``config/nginx/sharedbooks-nodes.conf`` has it."""

import os
import re
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.support.daemon import Daemon
from tests.support.network import LOOPBACK, free_port
from tests.support.servers import missing

_EXAMPLES = Path(__file__).parents[2] / "config" / "nginx"

_AROUND = """\
{user}
worker_processes 1;
pid {folder}/pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{content}
}}
"""


class Nginx:
    """A proxy on a free port, started and stopped by a ``with`` block.

    Args:
        folder: an empty folder.
        ports: where the nodes listen.
    """

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin") or missing("nginx", "nginx")
        self.port = free_port()
        user = "user root;" if os.geteuid() == 0 else ""
        content = self._adapted((_EXAMPLES / "sharedbooks-nodes.conf").read_text(), ports)
        (folder / "nginx.conf").write_text(
            _AROUND.format(user=user, folder=folder, content=content)
        )
        options = ["-e", "stderr", "-p", folder, "-c", folder / "nginx.conf", "-g", "daemon off;"]
        self._daemon = Daemon([program, *options], folder)

    def __enter__(self) -> Self:
        self._daemon.start(self._answers)
        return self

    def __exit__(self, *_: object) -> None:
        code = self._daemon.stop()
        assert code == 0, f"exit code {code}\n{self.log}"

    @property
    def log(self) -> str:
        """What it has complained about."""
        return self._daemon.log

    def _adapted(self, example: str, ports: Sequence[int]) -> str:
        """Return the example for these nodes, without TLS."""
        some = iter(ports)
        nodes = re.sub(r"server 10[\d.:]+", lambda _: f"server {LOOPBACK}:{next(some)}", example)
        assert next(some, None) is None, "the example has as many nodes as the test"
        plain = re.sub(r"(?m)^ *(ssl_|server_name ).*\n", "", nodes).replace(
            "include snippets/", f"include {_EXAMPLES}/"
        )
        return re.sub(r"listen .*", f"listen {LOOPBACK}:{self.port};", plain)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.port)) == 0
