"""nginx, Apache and Caddy with the files of ``config/``, in front of two servers.

One of these has a prefix. Of the files only what they say is to be replaced is replaced, and ports.
Around them, nginx and Apache are told to compress what they can, as administrators do.
"""

import os
import shutil
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPSConnection
from pathlib import Path

from tests.http.client import Client
from tests.support.certificates import Authority, Certificate
from tests.support.daemon import Daemon
from tests.support.network import LOOPBACK, free_port
from tests.support.servers import missing

CONFIG = Path(__file__).parents[2] / "config"
CLIENT_ADDRESS = "127.0.0.2"
"""Where clients are, in a proxy's eyes: not where proxies are, which are believed."""

_NAME = "contacts.example.org"
_PEM = f"/etc/ssl/certs/{_NAME}.pem"
_KEY = f"/etc/ssl/private/{_NAME}.key"
_BACKEND = f"{LOOPBACK}:5232"
_SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class TlsClient(Client):
    """A client that comes from ``CLIENT_ADDRESS`` over TLS."""

    def __init__(self, port: int, authority: Path, headers: Mapping[str, str]) -> None:
        super().__init__(port, headers=headers)
        context = ssl.create_default_context(cafile=authority)
        self._connection = HTTPSConnection(
            "localhost", port, timeout=60, context=context, source_address=(CLIENT_ADDRESS, 0)
        )


@dataclass(frozen=True)
class Place:
    """What a proxy is told.

    Attributes:
        folder: an empty folder.
        backend: port of the server without a prefix.
        prefixed: port of the server below ``/dav``.
        certificate: for ``localhost``.
    """

    folder: Path
    backend: int
    prefixed: int
    certificate: Certificate


class Proxy:
    """A running proxy.

    Attributes:
        plain_port: where it turns http into https.
        port: of the site of its own.
        prefix_port: of the site that has sharedbooks below ``/dav``.
    """

    def __init__(self, kind: str, place: Place, authority: Authority) -> None:
        self.plain_port, self.port, self.prefix_port = (free_port() for _ in range(3))
        self._authority = authority.file
        command = _KINDS[kind](self, place)
        self._daemon = Daemon(command, place.folder)

    def client(self, headers: Mapping[str, str] | None = None, *, prefix: bool = False) -> Client:
        """Return a client of one of the two sites; it closes itself with the test's end."""
        port = self.prefix_port if prefix else self.port
        return TlsClient(port, self._authority, headers or {})

    def start(self) -> None:
        """Start it, and return when both servers answer through it."""
        self._daemon.start(self._answers)

    def kill(self) -> None:
        """End it."""
        self._daemon.kill()

    @property
    def log(self) -> str:
        """What it has written."""
        return self._daemon.log

    def _answers(self) -> bool:
        try:
            with self.client() as client, self.client(prefix=True) as below:
                return client.get("/-/health").status == below.get("/dav/-/health").status == 200
        except (OSError, HTTPException):
            return False


def adapted(name: str, replacements: Mapping[str, str]) -> str:
    """Return a file of ``config/`` with each of ``replacements`` made, which all must be there."""
    text = (CONFIG / name).read_text()
    for old, new in replacements.items():
        assert old in text, f"{old!r} is not in {name}"
        text = text.replace(old, new)
    return text


def _program(name: str) -> str:
    return shutil.which(name, path=_SYSTEM_PATH) or missing(name, name)


def _nginx(proxy: Proxy, place: Place) -> list[str | Path]:
    folder, pem, key = place.folder, place.certificate.certificate, place.certificate.key
    site = adapted(
        "nginx/sharedbooks.conf",
        {
            _PEM: str(pem),
            _KEY: str(key),
            _BACKEND: f"{LOOPBACK}:{place.backend}",
            "listen 80;": f"listen {LOOPBACK}:{proxy.plain_port};",
            "listen [::]:80;": "",
            "listen 443 ssl http2;": f"listen {LOOPBACK}:{proxy.port} ssl http2;",
            "listen [::]:443 ssl http2;": "",
            _NAME: "localhost",
        },
    )
    (folder / "site.conf").write_text(site)
    for snippets, upstream in (("snippets", "sharedbooks"), ("snippets-below", "below")):
        (folder / snippets).mkdir()
        text = adapted("nginx/sharedbooks-proxy.conf", {"//sharedbooks;": f"//{upstream};"})
        (folder / snippets / "sharedbooks-proxy.conf").write_text(text)
    below = adapted("nginx/sharedbooks-prefix.conf", {"snippets/": "snippets-below/"})
    (folder / "below.conf").write_text(below)
    temporary = "\n".join(
        f"    {kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(f"""\
{"user root;" if os.geteuid() == 0 else ""}
pid {folder}/pid;
events {{ worker_connections 256; }}
http {{
    access_log off;
    gzip on;
    gzip_types application/xml text/vcard;
    gzip_proxied any;
{temporary}
    include site.conf;
    upstream below {{ server {LOOPBACK}:{place.prefixed}; }}
    server {{
        listen {LOOPBACK}:{proxy.prefix_port} ssl;
        ssl_certificate {pem};
        ssl_certificate_key {key};
        include below.conf;
    }}
}}
""")
    return [_program("nginx"), "-e", "stderr", "-c", folder / "nginx.conf", "-g", "daemon off;"]


_APACHE_MODULES = (
    *("mpm_event", "authz_core", "alias", "buffer", "deflate", "env", "filter", "headers", "http2"),
    *("proxy", "proxy_http", "reqtimeout", "socache_shmcb", "ssl"),
)


def _apache(proxy: Proxy, place: Place) -> list[str | Path]:
    folder, pem, key = place.folder, place.certificate.certificate, place.certificate.key
    site = adapted(
        "apache/sharedbooks.conf",
        {
            _PEM: str(pem),
            _KEY: str(key),
            _BACKEND: f"{LOOPBACK}:{place.backend}",
            "*:80": f"{LOOPBACK}:{proxy.plain_port}",
            "*:443": f"{LOOPBACK}:{proxy.port}",
            _NAME: "localhost",
        },
    )
    below = adapted("apache/sharedbooks-prefix.conf", {_BACKEND: f"{LOOPBACK}:{place.prefixed}"})
    modules = "\n".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
        for name in _APACHE_MODULES
    )
    ports = (proxy.plain_port, proxy.port, proxy.prefix_port)
    listens = "\n".join(f"Listen {LOOPBACK}:{port}" for port in ports)
    (folder / "below.conf").write_text(below)
    (folder / "apache2.conf").write_text(f"""\
{modules}
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/pid
ErrorLog /dev/stderr
ServerName localhost
AddOutputFilterByType DEFLATE application/xml text/vcard
{"User www-data" if os.geteuid() == 0 else ""}
{listens}
{site}
<VirtualHost {LOOPBACK}:{proxy.prefix_port}>
    SSLEngine on
    SSLCertificateFile {pem}
    SSLCertificateKeyFile {key}
    AllowEncodedSlashes NoDecode
    ProxyPreserveHost On
    Include {folder}/below.conf
</VirtualHost>
""")
    return [_program("apache2"), "-f", folder / "apache2.conf", "-D", "FOREGROUND"]


def _caddy(proxy: Proxy, place: Place) -> list[str | Path]:
    folder = place.folder
    tls = f"tls {place.certificate.certificate} {place.certificate.key}"
    site = adapted(
        "caddy/Caddyfile",
        {
            f"\n{_NAME} {{": f"\nhttps://localhost:{proxy.port} {{\n\t{tls}",
            _BACKEND: f"{LOOPBACK}:{place.backend}",
            "\tservers {": f"\thttp_port {proxy.plain_port}\n\tservers {{",
        },
    )
    below = adapted("caddy/sharedbooks-prefix", {_BACKEND: f"{LOOPBACK}:{place.prefixed}"})
    (folder / "below").write_text(below)
    site += f"\nhttps://localhost:{proxy.prefix_port} {{\n\t{tls}\n\timport below\n}}\n"
    (folder / "Caddyfile").write_text(site)
    own = (f"XDG_DATA_HOME={folder}", f"XDG_CONFIG_HOME={folder}")
    admin = f"CADDY_ADMIN={LOOPBACK}:{free_port()}"
    run = ("run", "--adapter", "caddyfile", "--config", folder / "Caddyfile")
    return ["env", *own, admin, _program("caddy"), *run]


_KINDS: Mapping[str, Callable[[Proxy, Place], list[str | Path]]] = {
    "nginx": _nginx,
    "apache": _apache,
    "caddy": _caddy,
}
KINDS = tuple(_KINDS)
