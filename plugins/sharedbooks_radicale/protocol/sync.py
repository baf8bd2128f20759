"""The sync-collection report (RFC 6578)."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator

from sqlalchemy import Connection

from sharedbooks.domain.book_access import BookAccess
from sharedbooks.domain.changes import changes_since
from sharedbooks.watching.metrics import SYNC_CHANGES
from sharedbooks_radicale.failures import Refused
from sharedbooks_radicale.protocol.card_responses import CardResponses
from sharedbooks_radicale.protocol.limits import read_limit, truncated_response
from sharedbooks_radicale.protocol.propstat import gone_response
from sharedbooks_radicale.protocol.xml import dav


def sync_collection(
    connection: Connection, access: BookAccess, root: ET.Element, cards: CardResponses
) -> Iterator[str | bytes]:
    """Write what changed since a token, and the token that stands for this answer.

    Raises:
        Refused: a ``sync-level`` other than 1.
        InvalidSyncToken: the token is none of this book.
        BadRequest: the limit is no positive number.
    """
    if (root.findtext(dav("sync-level")) or "1").strip() != "1":
        raise Refused("A book has one level.", element="<D:sync-traversal-supported/>")
    token = (root.findtext(dav("sync-token")) or "").strip()
    limit = read_limit(root, dav)
    changes = changes_since(
        connection, access.book_id, access.sync_key, access.revision, token, limit
    )
    SYNC_CHANGES.observe(len(changes.changed) + len(changes.removed), "later" if token else "first")
    yield from cards.of_changed(connection, changes)
    for name in changes.removed:
        yield gone_response(cards.href(name))
    if changes.truncated:
        yield truncated_response(cards.book_href)
    yield f"<D:sync-token>{changes.token}</D:sync-token>"
