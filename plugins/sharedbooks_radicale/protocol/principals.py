"""Principals: a member's own, which is their home, those of colleagues, and of groups.

Live properties, one table each (RFC 3744, section 4), and what of them is in the database.
"""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from sqlalchemy import Connection

from sharedbooks.domain.acquaintances import known_groups_of, known_members_of
from sharedbooks.domain.own_cards import find_own_cards
from sharedbooks.domain.principals import Principal, PrincipalKind
from sharedbooks.domain.space import used_octets
from sharedbooks_radicale.protocol.acl import ACL, OWNERS_ACL
from sharedbooks_radicale.protocol.hrefs import make_href, principal_href
from sharedbooks_radicale.protocol.privileges import home_privileges, reading_privileges
from sharedbooks_radicale.protocol.properties import (
    ACL_DENIED,
    ACL_READING,
    EXPANDING,
    ON_ALL,
    SEARCHING,
    Getter,
    PropertyTable,
    View,
    current_principal,
    iso_date,
    make_table,
    resource_id,
)
from sharedbooks_radicale.protocol.xml import calendarserver, carddav, dav, text

GROUP_MEMBERSHIP = dav("group-membership")
GROUP_MEMBER_SET = dav("group-member-set")
QUOTA_USED = dav("quota-used-bytes")
DISPLAYNAME = dav("displayname")
PRINCIPAL_ADDRESS = carddav("principal-address")
EMAIL_ADDRESSES = calendarserver("email-address-set")


def _href(view: View, principal: Principal) -> str:
    return f"<D:href>{principal_href(view.prefix, principal.kind, principal.name)}</D:href>"


def _mailto(_view: View, principal: Principal) -> str:
    """Return the address as a URI, the only other one that a principal has (RFC 3744, 4.1)."""
    if not principal.email:
        return ""
    return f"<D:href>mailto:{text(quote(principal.email, safe='@+'))}</D:href>"


def _email(_view: View, principal: Principal) -> str:
    if not principal.email:
        return ""
    return f"<CS:email-address>{text(principal.email)}</CS:email-address>"


def _empty(_view: View, _principal: Principal) -> str:
    return ""


_ON_PRINCIPALS: Mapping[str, Getter[Principal]] = {
    **ON_ALL,
    DISPLAYNAME: lambda _view, principal: text(principal.display_name),
    dav("principal-URL"): _href,
    dav("alternate-URI-set"): _mailto,
    dav("resource-id"): lambda _view, principal: resource_id(
        principal.kind.value, principal.id, principal.created_at
    ),
    # Of these two there is more only where the database is asked; see ``read_contents``.
    GROUP_MEMBERSHIP: _empty,
    GROUP_MEMBER_SET: _empty,
    EMAIL_ADDRESSES: _email,
}

HOME: PropertyTable[Principal] = make_table(
    {
        **_ON_PRINCIPALS,
        dav("resourcetype"): lambda _view, _user: "<D:collection/><D:principal/>",
        dav("creationdate"): lambda _view, user: iso_date(user.created_at),
        dav("owner"): _href,
        ACL: lambda _view, _user: OWNERS_ACL,
        dav("current-user-privilege-set"): lambda _view, _user: home_privileges(),
        dav("supported-report-set"): lambda _view, _user: SEARCHING + ACL_READING,
        carddav("addressbook-home-set"): current_principal,
        # Without quota-available-bytes: there is no quota (RFC 4331, section 3).
        QUOTA_USED: lambda _view, _user: None,
    }
)

PERSON: PropertyTable[Principal] = make_table(
    {
        **_ON_PRINCIPALS,
        dav("resourcetype"): lambda _view, _person: "<D:collection/><D:principal/>",
        dav("owner"): _href,
        dav("current-user-privilege-set"): lambda _view, _person: reading_privileges(),
        dav("supported-report-set"): lambda _view, _person: EXPANDING,
    },
    ACL_DENIED,
)
"""The principal of a colleague: who they are, and nothing of their home."""

GROUP: PropertyTable[Principal] = make_table(
    {
        **_ON_PRINCIPALS,
        dav("resourcetype"): lambda _view, _group: "<D:principal/>",
        dav("owner"): _empty,
        dav("current-user-privilege-set"): lambda _view, _group: reading_privileges(),
        dav("supported-report-set"): lambda _view, _group: EXPANDING,
    },
    ACL_DENIED,
)
"""The principal of a group, which has no home: its books are in the homes of its members."""


def table_of(view: View, principal: Principal) -> PropertyTable[Principal]:
    """Return the properties that the member who looks finds on a principal."""
    if principal.kind is PrincipalKind.GROUP:
        return GROUP
    return HOME if principal.id == view.user.id else PERSON


def read_contents(
    connection: Connection, view: View, principals: Iterable[Principal], names: Sequence[str]
) -> Mapping[int, dict[str, str]]:
    """Return, by principal, the contents of those of ``names`` that cost a statement.

    One for each property, however many principals there are. Members and groups are those that
    the member who looks may know.
    """
    viewer = view.user
    users: list[int] = []
    groups: list[int] = []
    for principal in principals:
        (groups if principal.kind is PrincipalKind.GROUP else users).append(principal.id)
    contents: dict[int, dict[str, str]] = {found: {} for found in (*users, *groups)}
    if GROUP_MEMBERSHIP in names and users:
        known = known_groups_of(connection, viewer.id, users)
        for user_id in users:
            hrefs = _hrefs(view, PrincipalKind.GROUP, known.get(user_id, ()))
            contents[user_id][GROUP_MEMBERSHIP] = hrefs
    if GROUP_MEMBER_SET in names and groups:
        known = known_members_of(connection, viewer.id, groups)
        for group_id in groups:
            hrefs = _hrefs(view, PrincipalKind.USER, known.get(group_id, ()))
            contents[group_id][GROUP_MEMBER_SET] = hrefs
    if QUOTA_USED in names and viewer.id in users:
        contents[viewer.id][QUOTA_USED] = str(used_octets(connection, viewer.id))
    if PRINCIPAL_ADDRESS in names and users:
        for user_id, place in find_own_cards(connection, viewer.id, users).items():
            href = make_href(view.prefix, viewer.name, *place, collection=False)
            contents[user_id][PRINCIPAL_ADDRESS] = f"<D:href>{href}</D:href>"
    return contents


def _hrefs(view: View, kind: PrincipalKind, names: Iterable[str]) -> str:
    hrefs = (principal_href(view.prefix, kind, name) for name in names)
    return "".join(f"<D:href>{href}</D:href>" for href in hrefs)
