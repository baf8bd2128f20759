"""A throw-away OpenLDAP server, made from the Debian package's programs."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.support.certificates import Authority
from tests.support.daemon import run_as
from tests.support.directories import Attributes, DirectoryServer, escape_rdn, is_root, missing
from tests.support.ldif import write_ldif
from tests.support.network import LOOPBACK, free_port

_SIZE_LIMIT = 500
"""Entries in one answer, as OpenLDAP ships; more come page by page only."""

_CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload ppolicy
moduleload syncprov
pidfile {folder}/pid
argsfile {folder}/args
TLSCACertificateFile {folder}/ca.crt
TLSCertificateFile {folder}/server.crt
TLSCertificateKeyFile {folder}/server.key
TLSVerifyClient try
sizelimit size.soft={limit} size.hard={limit} size.prtotal=unlimited
allow bind_v2
database monitor
access to * by dn.exact="{admin}" read by * none
database mdb
suffix "{base}"
rootdn "{admin}"
rootpw "{password}"
directory {folder}/data
maxsize 1073741824
dbnosync
index objectClass,entryUUID,entryCSN,uid,cn,mail,member,uniqueMember,memberUid,modifyTimestamp eq
overlay syncprov
overlay ppolicy
overlay memberof
memberof-group-oc groupOfNames
memberof-member-ad member
memberof-refint {refint}
access to attrs=userPassword by self write by anonymous auth by * none
access to * by users read by anonymous auth
"""


class OpenLdapServer(DirectoryServer):
    """OpenLDAP as an organisation runs it: paged answers, ``memberOf``, entries with UUIDs.

    Args:
        authority: signs its certificate.
        entries: (DN, attributes) loaded before the first start; ten thousand take seconds.
        require_tls: refuse everything on ``plain_url`` before StartTLS.
    """

    package = "slapd"
    base = "dc=example,dc=org"
    admin_dn = "cn=admin,dc=example,dc=org"
    service_dn = "cn=service,dc=example,dc=org"

    def __init__(
        self,
        authority: Authority,
        entries: Iterable[tuple[str, Attributes]] = (),
        *,
        require_tls: bool = False,
    ) -> None:
        self._port = free_port()
        self._tls_port = free_port()
        self._entries = entries
        self._require_tls = require_tls
        super().__init__(authority)

    @property
    def host(self) -> str:
        return LOOPBACK

    @property
    def url(self) -> str:
        return f"ldaps://{LOOPBACK}:{self._tls_port}"

    @property
    def plain_url(self) -> str:
        return f"ldap://{LOOPBACK}:{self._port}"

    def count_binds(self) -> int:
        counter = "cn=Bind,cn=Operations,cn=Monitor"
        return int(self.attributes(counter, "monitorOpCompleted")["monitorOpCompleted"][0])

    def add_person(self, name: str, branch: str, password: str, **attributes: Any) -> str:
        dn = f"uid={escape_rdn(name)},{branch}"
        defaults = {"uid": name, "cn": name, "sn": name, "userPassword": password}
        self.add(dn, {"objectClass": ["inetOrgPerson"], **defaults, **attributes})
        return dn

    def add_group(self, name: str, branch: str, members: Sequence[str] = (), **more: Any) -> str:
        # A groupOfNames may not be empty; the group itself is a member that means nobody.
        dn = f"cn={escape_rdn(name)},{branch}"
        self.add(
            dn, {"objectClass": ["groupOfNames"], "cn": name, "member": [*members] or [dn], **more}
        )
        return dn

    def set_password(self, dn: str, password: str) -> None:
        self.replace(dn, {"userPassword": password})

    @property
    def _user(self) -> str | None:
        return "openldap" if is_root() else None

    def _command(self) -> list[str | Path]:
        # A debug level keeps it in the foreground; 0 says nothing.
        listeners = f"{self.plain_url} {self.url}"
        return [_program("slapd"), "-d", "0", "-h", listeners, "-f", self._folder / "slapd.conf"]

    def _initialise(self) -> None:
        text = _CONFIGURATION.format(
            folder=self._folder,
            base=self.base,
            admin=self.admin_dn,
            password=self.admin_password,
            limit=_SIZE_LIMIT,
            refint="FALSE",
        )
        if self._require_tls:
            text = f"security tls=1\n{text}"
        (self._folder / "slapd.conf").write_text(text)
        run_as(self._user, ["mkdir", "data"], self._folder)
        with (self._folder / "data.ldif").open("wb") as file:
            write_ldif(file, [*self._first_entries(), *self._entries])
        load = [_program("slapadd"), "-q", "-f", self._folder / "slapd.conf"]
        run_as(self._user, [*load, "-l", self._folder / "data.ldif"], self._folder)

    def _populate(self) -> None:
        """Everything is loaded before the first start."""

    def _first_entries(self) -> list[tuple[str, Attributes]]:
        organisation = {"objectClass": ["organization", "dcObject"], "o": "Example"}
        account = {"objectClass": ["applicationProcess", "simpleSecurityObject"]}
        return [
            (self.base, {**organisation, "dc": "example"}),
            (
                self.service_dn,
                {**account, "cn": "service", "userPassword": self.service_password},
            ),
        ]


def _program(name: str) -> Path:
    program = Path("/usr/sbin") / name
    return program if program.exists() else missing("OpenLDAP", OpenLdapServer.package)
