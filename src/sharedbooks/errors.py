"""Every failure sharedbooks knows, as a type.

Each error carries a sentence for people. The command line prints it, HTTP maps the type to a
status and the precondition element of the RFC that governs.
"""

from collections.abc import Sequence


class SharedbooksError(Exception):
    """Base of all failures with a meaning; never raised itself."""


class NotFound(SharedbooksError):
    """The thing named is not there, or its existence is nobody's business."""


class Conflict(SharedbooksError):
    """The change collides with what is stored, for instance a name already taken."""


class InvalidName(SharedbooksError):
    """A principal, book or resource name that cannot be used safely in a URL."""


class Unauthenticated(SharedbooksError):
    """No credentials, or wrong ones: the caller is nobody we know."""


class TooManyLogins(SharedbooksError):
    """Too many failed logins from one address or to one account.

    Attributes:
        retry_after: seconds to wait before the next try.
    """

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class AccessDenied(SharedbooksError):
    """The caller may see the resource but lacks a privilege on it (RFC 3744, section 7.1.1).

    Attributes:
        privileges: local names of the missing privileges in the ``DAV:`` namespace.
    """

    def __init__(self, message: str, *, privileges: Sequence[str]) -> None:
        super().__init__(message)
        self.privileges = tuple(privileges)


class PreconditionFailed(SharedbooksError):
    """An ``If-Match`` or ``If-None-Match`` of the request does not hold (RFC 9110, section 13)."""


class InvalidCard(SharedbooksError):
    """The octets are not one vCard we can keep (RFC 6352, ``valid-address-data``).

    Attributes:
        line: 1-based line of the input where it went wrong, or None.
    """

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class UnsupportedCard(SharedbooksError):
    """A vCard of a version we do not keep (RFC 6352, ``supported-address-data``)."""


class CardTooLarge(SharedbooksError):
    """The card is larger than the server keeps (RFC 6352, ``max-resource-size``)."""


class InvalidRule(SharedbooksError):
    """A rule for the contents of an address book that cannot be read."""


class InvalidPerson(SharedbooksError):
    """A text by which no person can be looked for."""


class CardRefused(SharedbooksError):
    """The card breaks the rules of its address book, which refuses such cards.

    Attributes:
        complaints: one sentence each, for the person who wrote the card.
    """

    def __init__(self, message: str, *, complaints: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.complaints = tuple(complaints)


class UidConflict(SharedbooksError):
    """Another card of the book has this UID (RFC 6352, ``no-uid-conflict``).

    Attributes:
        resource_name: last path segment of the card that holds the UID.
    """

    def __init__(self, message: str, *, resource_name: str) -> None:
        super().__init__(message)
        self.resource_name = resource_name


class InvalidSource(SharedbooksError):
    """A file or server to import from that cannot be read as what it should be."""


class InvalidSyncToken(SharedbooksError):
    """The sync token is not one we gave for this book (RFC 6578, ``valid-sync-token``)."""


class StoreBusy(SharedbooksError):
    """The database could not finish the work after several tries, or cannot be reached."""


class StoreFull(SharedbooksError):
    """The database has no space left."""


class DirectoryUnavailable(SharedbooksError):
    """No server of a directory gives an answer that can be used.

    Attributes:
        retry_after: seconds after which it is worth asking again.
    """

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DirectoryShrunk(SharedbooksError):
    """A directory holds so much less than before that a mistake is likelier than the truth."""


class ServerFailed(SharedbooksError):
    """The server cannot start its workers, keeps losing them, or does not answer a probe."""


class BackupDamaged(SharedbooksError):
    """The file is no backup that can be read, or not as it was written."""


class SchemaMismatch(SharedbooksError):
    """The database holds a schema older or newer than this program knows."""


class ConfigProblem(SharedbooksError):
    """The configuration cannot be used.

    Attributes:
        problems: one sentence each, with key, file, line where known, and remedy.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
