"""How a test's directory server is described to sharedbooks."""

import json
from pathlib import Path
from typing import Any

from sharedbooks.config import DirectoryConfig, load_config
from tests.support.directories import DirectoryServer
from tests.support.openldap import OpenLdapServer


def describe(server: DirectoryServer, folder: Path, name: str = "corp", **values: Any) -> str:
    """Return a ``[directory.NAME]`` for ``server``; its password file is made in ``folder``."""
    secret = folder / f"{name}-password"
    secret.write_text(values.pop("bind_password", server.service_password))
    usual = {
        "preset": "openldap" if isinstance(server, OpenLdapServer) else "active-directory",
        "servers": [server.url],
        "ca_file": str(server.ca_file),
        "bind_dn": server.service_dn,
        "bind_password_file": str(secret),
        "base": server.base,
        "timeout": "1 s",
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in {**usual, **values}.items()]
    return "\n".join([f"[directory.{name}]", *lines, ""])


def configure(
    server: DirectoryServer, folder: Path, name: str = "corp", **values: Any
) -> DirectoryConfig:
    """Return that directory as the configuration has it."""
    file = folder / f"{name}.toml"
    file.write_text(describe(server, folder, name, **values))
    (directory,) = load_config(file).directories
    return directory
