"""Throw-away Galera clusters of MariaDB servers, all of one on loopback."""

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pymysql

from sharedbooks.config.database_url import DATABASE_URL
from tests.support.network import LOOPBACK, free_port, wait_for
from tests.support.servers import MariaDbServer, missing

_LIBRARY = Path("/usr/lib/galera/libgalera_smm.so")

# A dead node is out of the cluster after 2 s, not 5 as by default.
_PROVIDER_OPTIONS = {
    "evs.keepalive_period": "PT0.3S",
    "evs.inactive_check_period": "PT0.2S",
    "evs.suspect_timeout": "PT2S",
    "evs.inactive_timeout": "PT5S",
    "evs.install_timeout": "PT5S",
    "gcache.size": "16M",
}


class GaleraNode(MariaDbServer):
    """One server of a cluster.

    Args:
        first: a server of the cluster, whose data is copied; None begins a new one.
        durable: as of other servers.
    """

    package = "mariadb-server galera-4 rsync"

    def __init__(self, first: "GaleraNode | None" = None, *, durable: bool = False) -> None:
        self._first = first
        self._group, self._changes, self._copy = (f"{LOOPBACK}:{free_port()}" for _ in range(3))
        super().__init__(durable=durable)

    def status(self, name: str) -> str:
        """Return a status variable, such as ``wsrep_cluster_size``."""
        with self.cursor() as cursor:
            cursor.execute("SHOW STATUS LIKE %s", (name,))
            [(_, value)] = cursor.fetchall()
            return str(value)

    def find_by(self, others: list["GaleraNode"]) -> None:
        """Note where the cluster is, for the next start."""
        self._write_options(",".join(other._group for other in others))

    def _find_program(self) -> Path:
        return super()._find_program() if _LIBRARY.exists() else missing("Galera", self.package)

    def _initialise(self) -> None:
        if self._first is None:
            super()._initialise()
            self._write_options("")
            return
        self._password = self._first._password
        data = self._folder / "data"
        data.mkdir()
        if self._user:
            shutil.chown(data, self._user)
        self._write_options(self._first._group)

    def _command(self, durable: bool) -> list[str | Path]:  # noqa: FBT001
        program, _no_defaults, *options = super()._command(durable)
        return [program, f"--defaults-file={self._options_file}", *options]

    @property
    def _options_file(self) -> Path:
        return self._folder / "galera.cnf"

    def _write_options(self, cluster: str) -> None:
        provider = {
            "gmcast.listen_addr": f"tcp://{self._group}",
            "ist.recv_addr": self._changes,
            **_PROVIDER_OPTIONS,
        }
        options = {
            "wsrep_on": "ON",
            "wsrep_provider": _LIBRARY,
            "wsrep_provider_options": '"' + ";".join(f"{k}={v}" for k, v in provider.items()) + '"',
            "wsrep_cluster_address": f"gcomm://{cluster}",
            "wsrep_node_address": LOOPBACK,
            "wsrep_sst_method": "rsync",
            "wsrep_sst_receive_address": self._copy,
            "binlog_format": "ROW",
            "innodb_autoinc_lock_mode": 2,
            "innodb_log_file_size": "8M",
        }
        lines = ["[mysqld]", *(f"{name} = {value}" for name, value in options.items()), ""]
        self._options_file.write_text("\n".join(lines))

    def _answers(self) -> bool:
        try:
            return super()._answers() and self.status("wsrep_ready") == "ON"
        except pymysql.OperationalError:
            return False  # It goes down once more when it has copied what the others have.

    def _create_owner(self) -> None:
        if self._first is None:
            super()._create_owner()


class GaleraCluster:
    """Three servers that hold the same; gone after ``close()``."""

    SIZE = 3

    def __init__(self, *, durable: bool = False) -> None:
        self._open = ExitStack()
        self.nodes: list[GaleraNode] = []
        try:
            for _ in range(self.SIZE):
                first = self.nodes[0] if self.nodes else None
                node = GaleraNode(first, durable=durable)
                self.nodes.append(self._open.enter_context(node))
            for node in self.nodes:
                node.find_by(self.nodes)
            self.wait_until_whole()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all servers and delete their data."""
        self._open.close()

    def create_database(self, name: str) -> list[str]:
        """Create a database without tables; return for each server the URL that names it first."""
        self.nodes[0].create_database(name)
        here = f"{LOOPBACK}:{self.nodes[0].port}"
        url = self.nodes[0].url(name)
        hosts = [f"{LOOPBACK}:{node.port}" for node in self.nodes]
        orders = [hosts[at:] + hosts[:at] for at in range(len(hosts))]
        return [DATABASE_URL.read(url.replace(here, ",".join(order))) for order in orders]

    def restart(self, number: int) -> None:
        """Start a server again that was killed; return when it has caught up."""
        self.nodes[number].restart()
        self.wait_until_whole()

    def wait_until_whole(self, size: int = SIZE) -> None:
        """Return when every running server sees as many as there should be."""
        for node in self.nodes:
            if node.running:
                wait_for(
                    lambda node=node: (
                        node.status("wsrep_cluster_size") == str(size)
                        and node.status("wsrep_local_state_comment") == "Synced"
                    ),
                    60,
                    f"a cluster of {size}",
                )
