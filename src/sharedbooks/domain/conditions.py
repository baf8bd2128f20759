"""Conditions a client may put on a change (RFC 9110, section 13.1)."""

from dataclasses import dataclass

from sharedbooks.errors import PreconditionFailed

ANY = "*"
"""Stands for whatever representation there is."""


def make_etag(content_hash: str) -> str:
    """Return the strong entity tag, quotes included, of octets with that hash."""
    return f'"{content_hash}"'


@dataclass(frozen=True, slots=True)
class Conditions:
    """The tags of ``If-Match`` and ``If-None-Match``: quoted, or ``*``; None where not sent."""

    if_match: frozenset[str] | None = None
    if_none_match: frozenset[str] | None = None

    def require(self, etag: str | None) -> None:
        """Return if the conditions hold for a resource with that tag (None: there is no resource).

        Raises:
            PreconditionFailed: one does not hold, and nothing may be changed.
        """
        if self.if_match is not None and (
            etag is None or not (ANY in self.if_match or etag in self.if_match)
        ):
            raise PreconditionFailed("The card is not the one that was asked for (If-Match).")
        if (
            self.if_none_match is not None
            and etag is not None
            and (ANY in self.if_none_match or etag in self.if_none_match)
        ):
            raise PreconditionFailed("There is such a card already (If-None-Match).")


UNCONDITIONAL = Conditions()
"""A change that is made whatever is there."""
