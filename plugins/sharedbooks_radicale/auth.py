"""Radicale's seam for logins: names and passwords are checked by the domain."""

from ipaddress import ip_address

from radicale.auth import AuthContext, BaseAuth
from radicale.config import Configuration
from sqlalchemy import Connection

from sharedbooks.config import ServerConfig
from sharedbooks.domain.directory_login import DirectoryWanted, Proof
from sharedbooks.domain.homes import is_complete
from sharedbooks.domain.login import Member, Origin
from sharedbooks.errors import TooManyLogins, Unauthenticated
from sharedbooks.runtime import Runtime
from sharedbooks_radicale.scope import set_member
from sharedbooks_radicale.stock import CONFIG_OPTION, complete_home, plugin_schema, shared_runtime

PLUGIN_CONFIG_SCHEMA = plugin_schema("auth")


class Auth(BaseAuth):
    """Logs members in with their password or an app password.

    Radicale's login cache stays off for plugins, which is well: it would return the name as typed
    and not the user's.
    """

    def __init__(self, configuration: Configuration, runtime: Runtime | None = None) -> None:
        super().__init__(configuration.copy(PLUGIN_CONFIG_SCHEMA))
        self._runtime = runtime or shared_runtime(self.configuration.get("auth", CONFIG_OPTION))

    def _login_ext_with_groups(
        self, login: str, password: str, context: AuthContext
    ) -> tuple[str, set[str]]:
        """Return the user's name, or ``""``; groups count in SQL and are not told to Radicale.

        Radicale joins the names of groups by comma and splits them again, so that members of
        ``Sales, EMEA`` would pass for members of ``Sales``.

        Raises:
            StoreBusy: the database cannot be reached; Radicale makes that a 500, never a 401.
            DirectoryUnavailable: a directory gives no answer; 500 as well.
        """
        set_member(None)
        origin = Origin(_address(context, self._runtime.config.server), "")

        authenticator = self._runtime.authenticator

        def check(connection: Connection, proof: Proof | None = None) -> tuple[Member, bool]:
            member = authenticator.login(connection, login, password, origin, proof)
            return member, is_complete(connection, member.user)

        database = self._runtime.database
        try:
            try:
                member, complete = database.run_read(check)
            except DirectoryWanted as wanted:
                proof = authenticator.ask_directory(login, password, origin, wanted)
                member, complete = database.run_read(lambda connection: check(connection, proof))
        except (Unauthenticated, TooManyLogins):
            return "", set()
        if not complete:
            # Here and not in the storage: no snapshot is open yet that would miss it.
            database.run_write(
                lambda connection: complete_home(connection, self._runtime.config, member.user)
            )
        set_member(member)
        return member.user.name, set()


def _address(context: AuthContext, server: ServerConfig) -> str:
    """Return the client's address: as a trusted proxy tells it, or the connection's own."""
    peer = context.remote_addr or ""
    told = context.x_remote_addr
    try:
        proxied = any(ip_address(peer) in network for network in server.trusted_proxies)
    except ValueError:
        # A Unix socket has no address; who may connect is up to the permissions of its file.
        proxied = not peer
    return told[:64] if told and proxied else peer
