"""Access control as clients read it (RFC 3744, sections 3 and 5).

Nobody changes an access control list over HTTP: grants are the administrator's. So every entry is
protected, and there is no ACL method.
"""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection

from sharedbooks.domain.book_access import BookAccess
from sharedbooks.domain.grantees import Grantee, list_grantees
from sharedbooks.domain.privileges import Privilege
from sharedbooks_radicale.protocol.hrefs import principal_href
from sharedbooks_radicale.protocol.privileges import privilege_names
from sharedbooks_radicale.protocol.xml import dav

ACL = dav("acl")


def _supported(name: str, description: str, *parts: str, abstract: bool = False) -> str:
    return (
        f"<D:supported-privilege><D:privilege><D:{name}/></D:privilege>"
        f"{'<D:abstract/>' if abstract else ''}"
        f'<D:description xml:lang="en">{description}</D:description>'
        f"{''.join(parts)}</D:supported-privilege>"
    )


SUPPORTED_PRIVILEGES = _supported(
    "all",
    "Everything",
    _supported("read", "See the address book and its cards"),
    _supported("read-acl", "See to whom the address book is granted"),
    _supported("read-current-user-privilege-set", "See what one may do oneself"),
    _supported(
        "write",
        "Add, change and delete any card",
        _supported("write-properties", "Name and describe"),
        _supported("write-content", "Change cards"),
        _supported("bind", "Add cards"),
        _supported("unbind", "Delete cards"),
    ),
    # No grant is of this, and none can be made.
    abstract=True,
)
"""The privileges that there are and how they contain each other (RFC 3744, 5.3).

The same on every resource. There is no ``write-acl`` and no ``unlock``, since there is neither
ACL nor LOCK.
"""

ACL_RESTRICTIONS = "<D:grant-only/><D:no-invert/>"
"""What every list keeps to (RFC 3744, 5.6)."""


def _entry(principal: str, privilege: Privilege, *, read_only: bool = False) -> str:
    granted = "".join(
        f"<D:privilege><D:{name}/></D:privilege>"
        for name in privilege_names(privilege, read_only=read_only)
    )
    return (
        f"<D:ace><D:principal>{principal}</D:principal>"
        f"<D:grant>{granted}</D:grant><D:protected/></D:ace>"
    )


def _owners_entry(*, read_only: bool) -> str:
    return _entry("<D:property><D:owner/></D:property>", Privilege.MANAGE, read_only=read_only)


OWNERS_ACL = _owners_entry(read_only=False)
"""The list of a home, and what comes first in that of a user's book: everything for the owner."""


def may_read_acl(access: BookAccess) -> bool:
    """True if the member may see to whom the book is granted."""
    return "read-acl" in privilege_names(access.privilege)


def read_acls(
    connection: Connection, prefix: str, books: Iterable[BookAccess]
) -> Mapping[int, str]:
    """Return the content of ``DAV:acl`` of those of the books whose list the member may read."""
    readable = {book.book_id: book for book in books if may_read_acl(book)}
    if not readable:
        return {}
    grantees = list_grantees(connection, list(readable))
    return {
        book_id: _book_acl(prefix, book, grantees.get(book_id, ()))
        for book_id, book in readable.items()
    }


def _book_acl(prefix: str, book: BookAccess, grantees: Sequence[Grantee]) -> str:
    # The organisation owns books without being a principal that anybody can look at.
    entries = [] if book.owner is None else [_owners_entry(read_only=book.read_only)]
    for grantee in grantees:
        href = principal_href(prefix, grantee.principal.kind, grantee.principal.name)
        entries.append(
            _entry(f"<D:href>{href}</D:href>", grantee.privilege, read_only=book.read_only)
        )
    return "".join(entries)
