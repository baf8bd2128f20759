"""The WSGI application without a server around it: many requests, and every octet at will.

A real server refuses some of it before the application sees it; another one may not.
"""

import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPMessage
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from sharedbooks.config import load_config
from sharedbooks.runtime import open_runtime
from sharedbooks_radicale.app import Application
from tests.http.client import Answer, Client
from tests.support.network import LOOPBACK
from tests.support.process import Setting, toml

_FAIL_NEVER = 10_000
_ON_THE_WIRE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""What a header or status may hold (RFC 9110, 5.5); anything else could be two headers."""


class InProcess(Client):
    """A client whose requests are calls, and who looks at every header of the answers.

    Args:
        application: the application.
        headers: sent with every request, such as those of a ``Member``.
        address: where the requests come from.
    """

    def __init__(
        self,
        application: Callable[..., Any],
        headers: Mapping[str, str] | None = None,
        address: str = LOOPBACK,
    ) -> None:
        super().__init__(0, None, headers)
        self._application = application
        self._address = address

    def request(
        self,
        method: str,
        path: str,
        body: str | bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one request; ``path`` is as it would be on the wire."""
        octets = body.encode() if isinstance(body, str) else body
        raw, _, query = path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(raw).decode("latin-1"),
            "QUERY_STRING": query,
            "REMOTE_ADDR": self._address,
            "SERVER_NAME": LOOPBACK,
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": LOOPBACK,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(octets),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
        }
        if octets or method in {"PUT", "POST"}:
            environ["CONTENT_LENGTH"] = str(len(octets))
        for name, value in {**self.headers, **(headers or {})}.items():
            variable = name.upper().replace("-", "_")
            known = variable in {"CONTENT_TYPE", "CONTENT_LENGTH"}
            environ[variable if known else f"HTTP_{variable}"] = value
        return self._call(environ)

    def _call(self, environ: dict[str, Any]) -> Answer:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Any:
            started.append((status, headers))
            return lambda _octets: None

        body = self._application(environ, start)
        try:
            content = b"".join(body)
        finally:
            if hasattr(body, "close"):
                body.close()
        [(status, sent)] = started
        message = HTTPMessage()
        for name, value in sent:
            assert _ON_THE_WIRE.fullmatch(name + value), (name, value)
            message[name] = value
        return Answer(int(status.split()[0]), message, content)


@contextmanager
def application(
    folder: Path, database_url: str, settings: Mapping[str, Setting] | None = None
) -> Iterator[Application]:
    """Give the application of a configuration, with a throttle that is out of the way."""
    usual: dict[str, Setting] = {
        "database.url": database_url,
        "auth.throttle_failures": _FAIL_NEVER,
        "books.max_card_size": "1 MiB",
        "server.max_body": "4 MiB",
    }
    file = folder / "sharedbooks.toml"
    file.write_text(toml({**usual, **dict(settings or {})}))
    runtime = open_runtime(load_config(file))
    try:
        yield Application(runtime)
    finally:
        runtime.close()
