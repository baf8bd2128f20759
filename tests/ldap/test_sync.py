"""``sync_principals``: the same people whatever they are called, out when they are out."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sharedbooks.db.locks import sole
from sharedbooks.directory.people import ensure_user, person_attributes
from sharedbooks.domain.directory_memberships import refresh_memberships
from sharedbooks.domain.grants import list_grants
from sharedbooks.domain.principals import PrincipalKind, set_enabled
from sharedbooks.domain.privileges import Privilege
from sharedbooks.errors import (
    Conflict,
    DirectoryShrunk,
    DirectoryUnavailable,
    InvalidName,
    NotFound,
    StoreBusy,
)
from tests.ldap.site import PASSWORD, Site
from tests.support.certificates import Authority
from tests.support.factories import (
    list_books_of_organisation,
    make_book,
    make_group,
    make_new_user,
    make_own_book,
    set_grant,
)
from tests.support.openldap import OpenLdapServer
from tests.support.samba import SambaServer

USER, GROUP = PrincipalKind.USER, PrincipalKind.GROUP
