"""Other CardDAV servers, each as its makers deliver it, with the cheapest password check it has."""

import asyncio
import imaplib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from textwrap import dedent

from benchmarks.client import Client
from benchmarks.corpus import make_card
from benchmarks.operations import file_name, make_book
from benchmarks.servers import USER, Server, fill_by_put
from tests.support.daemon import Daemon
from tests.support.network import free_port


class Radicale(Server):
    """Radicale with its own file storage, from this Python environment."""

    name = "Radicale"

    def start(self) -> None:
        (self.folder / "users").write_text(f"{USER}:{USER}\n")
        (self.folder / "config").write_text(
            dedent(
                f"""\
                [server]
                hosts = 127.0.0.1:{self.port}
                max_content_length = 1000000000
                [auth]
                type = htpasswd
                htpasswd_filename = {self.folder / "users"}
                htpasswd_encryption = plain
                delay = 0
                [storage]
                filesystem_folder = {self.folder / "data"}
                [logging]
                level = warning
                """
            )
        )
        command = [sys.executable, "-m", "radicale", "-C", str(self.folder / "config")]
        self.run(command)

    async def fill(self, client: Client, total: int) -> str:  # noqa: ARG002 - files do it
        book = self.folder / "data" / "collection-root" / USER / f"book{total}"
        book.mkdir(parents=True)
        for number in range(total):
            (book / file_name(number)).write_bytes(make_card(number, total))
        (book / ".Radicale.props").write_text(json.dumps({"tag": "VADDRESSBOOK"}))
        return f"/{USER}/{book.name}/"


class Xandikos(Server):
    """Xandikos with its own server; it asks for no password.

    Args:
        folder: an empty folder.
        program: its command.
    """

    name = "Xandikos"

    def __init__(self, folder: Path, program: str) -> None:
        super().__init__(folder)
        self._program = program

    def start(self) -> None:
        places = ["-d", str(self.folder / "data"), "--state-dir", str(self.folder / "state")]
        listen = ["-l", "127.0.0.1", "-p", str(self.port)]
        principal = ["--current-user-principal", f"/{USER}/", "--defaults"]
        self.run([self._program, "serve", *places, *listen, *principal])

    async def fill(self, client: Client, total: int) -> str:
        path = f"/{USER}/contacts/book{total}/"
        await make_book(client, path)
        book = self.folder / "data" / path.strip("/")
        for number in range(total):
            (book / file_name(number)).write_bytes(make_card(number, total))
        await asyncio.to_thread(_commit, book)
        return path


class Cyrus(Server):
    """Cyrus IMAP's HTTP server from the Debian packages; it has to be started by root."""

    name = "Cyrus"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        # Its account cannot reach into the folder of the others.
        self.folder = Path(tempfile.mkdtemp(prefix="cyrus-", dir="/tmp"))
        self._imap_port = free_port()

    def start(self) -> None:
        folder, config = self.folder, self.folder / "imapd.conf"
        config.write_text(self._settings())
        (folder / "cyrus.conf").write_text(self._services(config))
        for name in (USER, "cyrus"):
            command = ["saslpasswd2", "-f", str(folder / "sasldb2"), "-c", "-p", "-u", "localhost"]
            subprocess.run([*command, name], input=USER.encode(), check=True)
        for sub in ("conf", "spool", "run", "run/proc", "run/lock"):
            (folder / sub).mkdir()
        subprocess.run(["chown", "-R", "cyrus:mail", str(folder)], check=True)
        master = ["/usr/sbin/cyrmaster", "-D", "-l", "511", "-C", str(config)]
        files = ["-M", str(folder / "cyrus.conf"), "-p", str(folder / "run/master.pid")]
        self.daemon = Daemon([*master, *files], folder)
        self.daemon.start(self._has_account)

    async def fill(self, client: Client, total: int) -> str:
        path = f"/dav/addressbooks/user/{USER}/book{total}/"
        await make_book(client, path)
        await fill_by_put(self.address, path, total)
        return path

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _has_account(self) -> bool:
        """Make the account of the user, if the server answers yet."""
        try:
            with imaplib.IMAP4("127.0.0.1", self._imap_port) as imap:
                imap.login("cyrus", USER)
                imap.create(f"user/{USER}")
        except (OSError, imaplib.IMAP4.error):
            return False
        return True

    def _settings(self) -> str:
        return dedent(
            f"""\
            configdirectory: {self.folder}/conf
            partition-default: {self.folder}/spool
            proc_path: {self.folder}/run/proc
            mboxname_lockpath: {self.folder}/run/lock
            defaultpartition: default
            servername: localhost
            unixhierarchysep: yes
            altnamespace: yes
            admins: cyrus
            allowplaintext: yes
            hashimapspool: yes
            httpmodules: carddav
            sasl_pwcheck_method: auxprop
            sasl_auxprop_plugin: sasldb
            sasl_sasldb_path: {self.folder}/sasldb2
            sasl_mech_list: PLAIN
            """
        )

    def _services(self, config: Path) -> str:
        database = f'cmd="/usr/sbin/cyrus ctl_cyrusdb -C {config}'
        imap = f'listen="127.0.0.1:{self._imap_port}" prefork=0 maxchild=5'
        http = f'listen="127.0.0.1:{self.port}" prefork=8 maxchild=250'
        return dedent(
            f"""\
            START {{
              recover {database} -r"
            }}
            SERVICES {{
              imap cmd="imapd -C {config}" {imap}
              http cmd="httpd -C {config} -U 1000" {http}
            }}
            EVENTS {{
              checkpoint {database} -c" period=30
            }}
            """
        )


def _commit(folder: Path) -> None:
    """Take what lies in a repository into it."""
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"]
    for command in (["add", "."], [*identity, "commit", "--quiet", "--message", "cards"]):
        subprocess.run(["git", *command], cwd=folder, check=True)


def installed_peers(folder: Path, xandikos: str | None) -> list[Server]:
    """Return the peers that this machine has.

    Args:
        folder: where each gets a folder of its own.
        xandikos: the command of Xandikos; None to look for it.
    """
    peers: list[Server] = []
    if Path("/usr/sbin/cyrmaster").exists() and os.geteuid() == 0:
        peers.append(Cyrus(folder / "cyrus"))
    if program := xandikos or shutil.which("xandikos"):
        (folder / "xandikos").mkdir()
        peers.append(Xandikos(folder / "xandikos", program))
    (folder / "radicale").mkdir()
    peers.append(Radicale(folder / "radicale"))
    return peers
