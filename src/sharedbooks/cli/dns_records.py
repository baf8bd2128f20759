"""Whether DNS leads apps from an e-mail address to the server (RFC 6764)."""

from collections.abc import Callable

import dns.exception
import dns.resolver
from dns.rdata import Rdata

from sharedbooks.cli.findings import Finding, Result

_SECURE = "_carddavs._tcp"
_PLAIN = "_carddav._tcp"
_SECONDS = 5.0

Lookup = Callable[[str, str], list[Rdata]]
"""Returns the records of a name and type; none if there are none."""


def examine_domain(domain: str, prefix: str, nameserver: tuple[str, int] | None) -> list[Finding]:
    """Look for the records that apps ask for, and say which are missing or wrong.

    Args:
        domain: what stands behind the ``@`` of people's addresses.
        prefix: [server] prefix; the TXT record has to tell it.
        nameserver: address and port to ask, instead of what the system asks.
    """
    look_up = _make_lookup(nameserver)
    try:
        return [_find_server(domain, look_up), _find_path(domain, prefix, look_up)]
    except dns.exception.DNSException as error:
        detail = " ".join(str(error).split()) or type(error).__name__
        remedy = "Ask again when the name server answers, or name another with --nameserver."
        return [Finding("DNS", Result.FAILED, detail, remedy)]


def _make_lookup(nameserver: tuple[str, int] | None) -> Lookup:
    resolver = dns.resolver.Resolver(configure=nameserver is None)
    resolver.lifetime = _SECONDS
    if nameserver is not None:
        resolver.nameservers = [nameserver[0]]
        resolver.port = nameserver[1]

    def look_up(name: str, kind: str) -> list[Rdata]:
        try:
            return list(resolver.resolve(name, kind, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []

    return look_up


def _find_server(domain: str, look_up: Lookup) -> Finding:
    check = f"SRV record {_SECURE}.{domain}"
    found = [record.to_text() for record in look_up(f"{_SECURE}.{domain}", "SRV")]
    if found:
        # Priority, weight, port, target; a target of "." says that there is no such service.
        served = [f"{text.split()[3].rstrip('.')}:{text.split()[2]}" for text in found]
        if any(not place.startswith(":") for place in served):
            return Finding(check, Result.OK, ", ".join(served))
    record = f"{_SECURE}.{domain}. SRV 0 1 443 HOST.{domain}."
    remedy = f"Add {record} with the server's host name and public port."
    if look_up(f"{_PLAIN}.{domain}", "SRV"):
        remedy += f" Apps send no password to what {_PLAIN} names."
    return Finding(check, Result.FAILED, "not there", remedy)


def _find_path(domain: str, prefix: str, look_up: Lookup) -> Finding:
    check = f"TXT record {_SECURE}.{domain}"
    texts = [
        b"".join(getattr(record, "strings", ())).decode(errors="replace")
        for record in look_up(f"{_SECURE}.{domain}", "TXT")
    ]
    paths = [text.removeprefix("path=") for text in texts if text.startswith("path=")]
    wanted = f"{prefix}/"
    if not paths:
        if not prefix:
            return Finding(check, Result.OK, "not needed: the server answers at /")
        remedy = f'Add {_SECURE}.{domain}. TXT "path={wanted}".'
        return Finding(check, Result.WARNING, "not there", remedy)
    if any(path.rstrip("/") == prefix for path in paths):
        return Finding(check, Result.OK, f"path={paths[0]}")
    remedy = f'Let it say "path={wanted}", as [server] prefix does.'
    return Finding(check, Result.FAILED, f"path={paths[0]}", remedy)
