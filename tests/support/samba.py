"""A throw-away Active Directory: Samba as a domain controller, from the Debian packages."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.certificates import Authority
from tests.support.daemon import run_as
from tests.support.directories import DirectoryServer, escape_rdn, is_root, missing
from tests.support.network import free_address

_PORTS = (389, 636, 3268, 3269)
"""Samba cannot be told others."""

_NORMAL_ACCOUNT = 0x200
_DISABLED = 0x2

_OPTIONS = {
    "server services": "ldap",
    "bind interfaces only": "yes",
    "dns update command": "/bin/true",
    "tls enabled": "yes",
    # Every bind is one line of the log.
    "log level": "0 auth_audit:3",
    "logging": "file",
    # In the foreground it writes to standard error all the same.
    "log file": "/dev/null",
}


class SambaServer(DirectoryServer):
    """Samba AD DC with LDAP alone, on a loopback address of its own; needs root.

    Passwords may be simple and are changed at will; nobody is locked out. Characters of a name
    that an account name may not have are ``_`` in ``sAMAccountName``.
    """

    package = "samba-ad-dc samba-ad-provision samba-dsdb-modules winbind"
    domain = "ad.example.org"
    base = "DC=ad,DC=example,DC=org"
    admin_dn = f"CN=Administrator,CN=Users,{base}"
    service_dn = f"CN=service,CN=Users,{base}"

    def __init__(self, authority: Authority) -> None:
        if not is_root():
            raise RuntimeError("Samba listens on ports that only root may open: run this as root.")
        self._host = free_address(_PORTS)
        super().__init__(authority)

    @property
    def host(self) -> str:
        return self._host

    @property
    def url(self) -> str:
        return f"ldaps://{self._host}"

    @property
    def plain_url(self) -> str:
        return f"ldap://{self._host}"

    def count_binds(self) -> int:
        return len(re.findall(r"Auth: \[LDAP,simple bind", self.log))

    def add_person(self, name: str, branch: str, password: str, **attributes: Any) -> str:
        dn = f"CN={escape_rdn(name)},{branch}"
        defaults = {
            "sAMAccountName": _account(name),
            "userPrincipalName": f"{_account(name)}@{self.domain}",
            "unicodePwd": _unicode_password(password),
            "userAccountControl": str(_NORMAL_ACCOUNT),
        }
        self.add(dn, {"objectClass": ["user"], **defaults, **attributes})
        return dn

    def add_group(self, name: str, branch: str, members: Sequence[str] = (), **more: Any) -> str:
        dn = f"CN={escape_rdn(name)},{branch}"
        member = {"member": [*members]} if members else {}
        self.add(dn, {"objectClass": ["group"], "sAMAccountName": _account(name), **member, **more})
        return dn

    def set_password(self, dn: str, password: str) -> None:
        self.replace(dn, {"unicodePwd": _unicode_password(password)})

    def set_enabled(self, dn: str, *, enabled: bool) -> None:
        """Enable or disable an account."""
        control = _NORMAL_ACCOUNT if enabled else _NORMAL_ACCOUNT | _DISABLED
        self.replace(dn, {"userAccountControl": str(control)})

    def _command(self) -> list[str | Path]:
        configuration = self._folder / "domain" / "etc" / "smb.conf"
        return [_program(), "-i", "-M", "single", f"--configfile={configuration}"]

    def _initialise(self) -> None:
        domain = self._folder / "domain"
        provision = ["samba-tool", "domain", "provision", f"--targetdir={domain}"]
        names = [f"--realm={self.domain.upper()}", "--domain=AD", "--host-name=dc1"]
        rest = ["--server-role=dc", "--dns-backend=NONE", f"--host-ip={self._host}"]
        password = [f"--adminpass={self.admin_password}"]
        run_as(None, [*provision, *names, *rest, *password], self._folder)
        configuration = domain / "etc" / "smb.conf"
        options = {
            **_OPTIONS,
            "interfaces": f"{self._host}/8",
            "pid directory": self._folder,
            "ncalrpc dir": self._folder / "ncalrpc",
            "ntp signd socket directory": self._folder / "ntp_signd",
            "tls cafile": self._folder / "ca.crt",
            "tls certfile": self._certificate.certificate,
            "tls keyfile": self._certificate.key,
        }
        # Samba refuses a key that others may read.
        self._certificate.key.chmod(0o600)
        lines = [
            line
            for line in configuration.read_text().partition("[homes]")[0].splitlines()
            if line.partition("=")[0].strip() not in options
        ]
        lines += [f"\t{name} = {value}" for name, value in options.items()]
        configuration.write_text("\n".join([*lines, ""]))

    def _populate(self) -> None:
        policy = {
            "pwdProperties": "0",
            "minPwdLength": "1",
            "minPwdAge": "0",
            "pwdHistoryLength": "0",
            "lockoutThreshold": "0",
        }
        self.replace(self.base, policy)
        self.add_person("service", f"CN=Users,{self.base}", self.service_password)


def _account(name: str) -> str:
    return re.sub(r'["/\\\[\]:;|=,+*?<>@]', "_", name)


def _unicode_password(password: str) -> bytes:
    return f'"{password}"'.encode("utf-16-le")


def _program() -> Path:
    program = Path("/usr/sbin/samba")
    return program if program.exists() else missing("Samba", SambaServer.package)
