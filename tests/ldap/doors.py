"""Ways into a server that asks a directory, as its processes have them."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from sharedbooks.config import DirectoryConfig
from sharedbooks.db.engine import Database
from sharedbooks.directory.connection import Directory
from sharedbooks.directory.login import DirectoryLogins
from sharedbooks.domain.credentials import PasswordHasher
from sharedbooks.domain.directory_login import DirectoryWanted
from sharedbooks.domain.login import Authenticator, Member, Origin
from sharedbooks.domain.throttle import Throttle
from sharedbooks.errors import Unauthenticated

PHONE = Origin("192.0.2.1", "DAVx5/4")


class QuickHasher(PasswordHasher):
    """Counts how often it is asked, and takes no time."""

    def __init__(self) -> None:
        self.verified = 0

    def hash(self, password: str) -> str:
        return f"hash of {password}"

    def hash_for_a_while(self, password: str) -> str:
        return self.hash(password)

    def verify(self, password: str, secret_hash: str | None) -> bool:
        self.verified += 1
        return self.hash(password) == secret_hash


@dataclass
class Door:
    """One process of a server: what it remembers by itself is its own, the database is shared."""

    database: Database
    configs: Sequence[DirectoryConfig]
    remember: int = 600
    failures: int = 1000
    threads: int = 8
    hasher: PasswordHasher = field(default_factory=QuickHasher)

    def __post_init__(self) -> None:
        self.directories = [Directory(config) for config in self.configs]
        self.authenticator = Authenticator(
            self.database,
            self.hasher,
            remember=self.remember,
            throttle=Throttle(self.failures, 600),
            directories=DirectoryLogins(
                self.directories, self.database, self.hasher, threads=self.threads
            ),
        )

    def close(self) -> None:
        for directory in self.directories:
            directory.close()

    def login(self, name: str, password: str, origin: Origin = PHONE) -> Member:
        """Log in as the server does: a directory is asked while no session is open."""
        try:
            return self.database.run_read(
                lambda c: self.authenticator.login(c, name, password, origin)
            )
        except DirectoryWanted as wanted:
            proof = self.authenticator.ask_directory(name, password, origin, wanted)
        return self.database.run_read(
            lambda c: self.authenticator.login(c, name, password, origin, proof)
        )

    def refuses(self, name: str, password: str) -> bool:
        try:
            self.login(name, password)
        except Unauthenticated as error:
            assert str(error) == "Wrong name or password."  # noqa: PT017 - never anything else
            return True
        return False


@contextmanager
def opened(database: Database, *configs: DirectoryConfig, **options: int) -> Iterator[Door]:
    """Open a door to those directories."""
    with closing(Door(database, configs, **options)) as door:
        yield door
