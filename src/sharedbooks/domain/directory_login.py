"""What logging in needs of directories, in the domain's words."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Proof:
    """What a directory says of a login.

    Attributes:
        user_id: the user it is.
        accepted: whether the password is theirs; otherwise it is only known who they are, and the
            password may be one of their app passwords.
        secret_hash: what an accepted password is kept as; empty if it is not kept.
    """

    user_id: int
    accepted: bool
    secret_hash: str = ""


class Directories(Protocol):
    """All configured directories."""

    def responsible(self, login_name: str, source: str | None) -> bool:
        """True if one of the directories is to be asked about ``login_name``.

        Args:
            login_name: as typed.
            source: where the user comes from, if there is one of that name.
        """

    def remembers(self, source: str) -> int:
        """Return how many seconds an accepted password is good; 0 for an unknown directory."""

    def check(self, login_name: str, password: str, source: str | None) -> Proof | None:
        """Return who this is, or None for nobody or a wrong password; may take seconds.

        Raises:
            DirectoryUnavailable: the directory gives no answer.
            TooManyLogins: too many wrong passwords of this account were tried there.
            StoreBusy: the database cannot be reached.
        """


class DirectoryWanted(Exception):
    """Only a directory can tell whether a login is right.

    Raised within a database session, which must be left before the directory is asked: it may take
    seconds. ``Authenticator.ask_directory`` asks, and the login is tried again with its answer.

    Attributes:
        directories: whom to ask.
        source: where the user comes from, if there is one of that name.
    """

    def __init__(self, directories: Directories, source: str | None) -> None:
        super().__init__()
        self.directories = directories
        self.source = source
