"""A directory with a database that is kept up to date with it, as the tests look at both."""

from collections.abc import Callable
from dataclasses import dataclass

from sharedbooks.db.engine import Database
from sharedbooks.directory.connection import Directory
from sharedbooks.directory.groups import belonging_attributes, find_group_ids
from sharedbooks.directory.sync import SyncSummary, sync_principals
from sharedbooks.domain.principals import (
    Principal,
    PrincipalKind,
    get_group,
    get_user,
    list_groups_of,
    list_members,
    list_principals,
)
from tests.support.directories import DirectoryServer

PASSWORD = "Secret-Passw0rd"


@dataclass
class Site:
    """One branch of a server, and the principals it becomes."""

    server: DirectoryServer
    branch: str
    directory: Directory
    database: Database

    def add_person(self, name: str, **attributes: object) -> str:
        """Add a person to the branch; return the DN."""
        return self.server.add_person(name, self.branch, PASSWORD, **attributes)

    def add_group(self, name: str, *members: str, under: str | None = None) -> str:
        """Add a group to the branch, or to a unit in it; return the DN."""
        return self.server.add_group(name, under or self.branch, members)

    def add_unit(self, name: str) -> str:
        """Add an organisational unit to the branch; return the DN."""
        dn = f"ou={name},{self.branch}"
        self.server.add(dn, {"objectClass": ["organizationalUnit"], "ou": name})
        return dn

    def sync(self, *, dry_run: bool = False, force: bool = False) -> SyncSummary:
        """Bring the principals up to date."""
        return sync_principals(
            self.database, self.directory, dry_run=dry_run, force=force, advance=lambda _: None
        )

    def user(self, name: str) -> Principal:
        """Return the user of that name."""
        return self.database.run_read(lambda connection: get_user(connection, name))

    def group(self, name: str) -> Principal:
        """Return the group of that name."""
        return self.database.run_read(lambda connection: get_group(connection, name))

    def names(self, kind: PrincipalKind) -> set[str]:
        """Return the names of all users, or of all groups."""
        return {each.name for each in self.read(lambda c: list_principals(c, kind))}

    def members(self, group: str) -> set[str]:
        """Return the names of the users in a group."""
        found = self.group(group)
        return {each.name for each in self.read(lambda c: list_members(c, found))}

    def groups_of(self, user: str) -> set[str]:
        """Return the names of the groups a user is in here."""
        found = self.user(user)
        return {each.name for each in self.read(lambda c: list_groups_of(c, found))}

    def groups_at_login(self, dn: str) -> frozenset[str]:
        """Return the stable ids of the groups that a login finds for an entry."""
        entry = self.directory.read(dn, belonging_attributes(self.directory.config))
        assert entry is not None
        return find_group_ids(self.directory, entry)

    def read(self, work: Callable[..., list[Principal]]) -> list[Principal]:
        """Return ``work`` done in a snapshot."""
        return list(self.database.run_read(work))
