"""What can be wrong with a request itself, before the domain is asked."""

from collections.abc import Sequence

from sharedbooks.errors import SharedbooksError


class BadRequest(SharedbooksError):
    """The request makes no sense: 400."""


class NotAcceptable(SharedbooksError):
    """There is no form of the resource that the client takes: 406."""


class BodyTooLarge(SharedbooksError):
    """The body is longer than the server accepts: 413."""


class EncodedBody(SharedbooksError):
    """The body is packed; none is unpacked here: 415."""


class TooManyUploads(SharedbooksError):
    """So many bodies are on their way from one address that no other is read: 503."""


class MethodNotAllowed(SharedbooksError):
    """The resource does not know this method: 405.

    Attributes:
        allowed: the methods it knows.
    """

    def __init__(self, message: str, *, allowed: Sequence[str]) -> None:
        super().__init__(message)
        self.allowed = tuple(allowed)


class Refused(SharedbooksError):
    """A precondition of an RFC does not hold: 403, or another status, with its element.

    Attributes:
        element: the condition as XML, in the prefixes of ``protocol.xml``.
        status: HTTP status.
    """

    def __init__(self, message: str, *, element: str, status: int = 403) -> None:
        super().__init__(message)
        self.element = element
        self.status = status
