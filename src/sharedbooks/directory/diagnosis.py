"""Looking at a directory as an administrator does: its servers, what is in it, one login."""

import ssl
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sharedbooks.config import LdapServer
from sharedbooks.directory.accounts import account_bar
from sharedbooks.directory.connection import Directory
from sharedbooks.directory.groups import find_group_ids
from sharedbooks.directory.people import read_person
from sharedbooks.directory.search import Route, find_people, login_filter
from sharedbooks.directory.session import FAILURES, Refused, Session
from sharedbooks.domain.directory_principals import DirectoryPrincipal
from sharedbooks.errors import InvalidName


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server's certificate says; all empty if it is expired or not valid yet."""

    subject: str
    issuer: str
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class ServerReport:
    """How one server answers.

    Attributes:
        server: its URL.
        problem: why it cannot be used; empty if it can.
        encryption: version of TLS, or empty.
        certificate: None without TLS.
    """

    server: str
    problem: str
    encryption: str
    certificate: Certificate | None


@dataclass(frozen=True, slots=True)
class PersonReport:
    """What a directory knows of a login.

    Attributes:
        search_filter: what was searched.
        found: DNs of the entries that fit.
        person: who it is; None for nobody, or nobody who could be a user here.
        groups: stable ids of their groups, nested ones too.
        problem: why they cannot log in; empty if a right password is all they need.
    """

    search_filter: str
    found: tuple[str, ...]
    person: DirectoryPrincipal | None
    groups: frozenset[str]
    problem: str


def examine_server(directory: Directory, server: LdapServer) -> ServerReport:
    """Connect to one server, log in, and read the entry at the base."""
    certificate, encryption = _read_certificate(directory, server)
    base = directory.config.base
    try:
        with closing(directory.connect(server)) as session:
            fine = session.has_entry(base)
    except (*FAILURES, Refused) as error:
        return ServerReport(str(server), str(error), encryption, certificate)
    problem = "" if fine else f"it has no {base} that may be read; see base"
    return ServerReport(str(server), problem, encryption, certificate)


def count_entries(directory: Directory) -> tuple[int, int]:
    """Return how many people and groups the directory shows.

    Raises:
        DirectoryUnavailable: no server answers.
    """
    config = directory.config
    people = sum(1 for _ in directory.search(config.user_base, config.user_filter, ["1.1"]))
    groups = sum(1 for _ in directory.search(config.group_base, config.group_filter, ["1.1"]))
    return people, groups


def examine_person(route: Route) -> PersonReport:
    """Find whom a login means, as the login itself does, and say what keeps them out.

    Raises:
        DirectoryUnavailable: no server answers.
    """
    directory = route.directory
    search_filter = login_filter(route)
    ranked = find_people(route)
    found = tuple(entry.dn for _, entry in ranked)

    def report(problem: str, person: DirectoryPrincipal | None = None) -> PersonReport:
        groups = find_group_ids(directory, ranked[0][1]) if person else frozenset()
        return PersonReport(search_filter, found, person, groups, problem)

    if not ranked:
        return report("no entry fits; see user_base, user_filter and login_attributes")
    if len(ranked) > 1 and ranked[0][0] == ranked[1][0]:
        return report("several entries fit, and none better than the others")
    try:
        person = read_person(directory.config, ranked[0][1])
    except InvalidName as error:
        return report(str(error))
    bar = account_bar(ranked[0][1], datetime.now(UTC))
    return report("" if bar is None else f"the account is {bar} in the directory", person)


def _read_certificate(directory: Directory, server: LdapServer) -> tuple[Certificate | None, str]:
    """Return the certificate that a server shows, trusted or not, and the version of TLS.

    Python reads the fields only of certificates it trusts: so it is asked for once without trust,
    and again with trust in this very certificate. Nobody logs in meanwhile.
    """
    lenient = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    lenient.check_hostname = False
    lenient.verify_mode = ssl.CERT_NONE
    try:
        with closing(Session(directory.config, server, lenient)) as session:
            octets, encryption = session.certificate, session.encryption
    except (*FAILURES, Refused):
        return None, ""
    if octets is None:
        return None, ""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trusting.load_verify_locations(cadata=octets)
    try:
        with closing(Session(directory.config, server, trusting)) as session:
            fields = session.certificate_fields
    except (*FAILURES, Refused):
        return Certificate("", "", None), encryption
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(fields["notAfter"]), UTC)
    return Certificate(_name(fields["subject"]), _name(fields["issuer"]), end), encryption


def _name(parts: Any) -> str:
    return ", ".join(f"{key}={value}" for part in parts for key, value in part)
