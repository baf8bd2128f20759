"""To whom books are granted, for many books at once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from sharedbooks.db.schema import grants, principals
from sharedbooks.domain.principals import Principal, principal_columns, principal_from_row
from sharedbooks.domain.privileges import Privilege


@dataclass(frozen=True, slots=True)
class Grantee:
    """A user or group, and the privilege it was granted on one book."""

    principal: Principal
    privilege: Privilege


_GRANTEES = (
    select(*principal_columns(), grants.c.book_id, grants.c.privilege)
    .join(grants, grants.c.principal_id == principals.c.id)
    .where(grants.c.book_id.in_(bindparam("books", expanding=True)))
    .order_by(principals.c.kind, principals.c.name)
)


def list_grantees(
    connection: Connection, book_ids: Sequence[int]
) -> Mapping[int, Sequence[Grantee]]:
    """Return the grantees of each of those books: groups first, then users, by name."""
    found: defaultdict[int, list[Grantee]] = defaultdict(list)
    for row in connection.execute(_GRANTEES, {"books": book_ids}):
        *_, book_id, privilege = row
        found[book_id].append(Grantee(principal_from_row(row), Privilege(privilege)))
    return found
