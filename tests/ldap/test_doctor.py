"""What ``sharedbooks doctor`` finds in a directory."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.certificates import Authority
from tests.support.configured import describe
from tests.support.databases import SqliteDatabases
from tests.support.network import free_port
from tests.support.openldap import OpenLdapServer


def look(folder: Path, url: str, directory: str) -> dict[str, str]:
    """What is found in the only directory; there are no users yet, so that something fails."""
    config = folder / "sharedbooks.toml"
    config.write_text(
        f'[server]\nport = {free_port()}\n[database]\nurl = "{url}"\n{directory}', encoding="utf-8"
    )
    program = [sys.executable, "-m", "sharedbooks.cli", "--config", config, "doctor", "--json"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    [found] = [row for row in json.loads(done.stdout) if row["check"].startswith("directory ")]
    assert isinstance(found, dict)
    return found


def test_directories_are_asked(
    tmp_path: Path, openldap: OpenLdapServer, sqlite_databases: SqliteDatabases
) -> None:
    with sqlite_databases.migrated() as url:
        found = look(tmp_path, url, describe(openldap, tmp_path))
        assert found["check"] == f"directory corp at {openldap.url}"
        # The authority of the tests gives certificates for two days.
        assert (found["result"], "expires soon" in found["detail"]) == ("warning", True)
        assert found["remedy"] == "Renew the certificate there."

        found = look(tmp_path, url, describe(openldap, tmp_path, bind_password="wrong"))
        assert found["result"] == "failed"
        assert "directory check" in found["remedy"]

        away = f"ldap://127.0.0.1:{free_port()}"
        found = look(tmp_path, url, describe(openldap, tmp_path, servers=[away]))
        assert (found["check"], found["result"]) == (f"directory corp at {away}", "failed")


def test_a_certificate_of_a_stranger(
    tmp_path: Path, openldap: OpenLdapServer, sqlite_databases: SqliteDatabases
) -> None:
    folder = tmp_path / "authority"
    folder.mkdir()
    other = Authority(folder).file
    with sqlite_databases.migrated() as url:
        found = look(tmp_path, url, describe(openldap, tmp_path, ca_file=str(other)))
    assert found["result"] == "failed"
    assert "certificate" in found["detail"].lower()
