"""What directories of a known make call things; each value can be overridden in the configuration.

A preset gives a value for every option of ``directory_options.py`` that has none of its own.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

CardMapping = tuple[tuple[str, str], ...]


class DirectoryPreset(StrEnum):
    """The make of a directory."""

    OPENLDAP = "openldap"
    ACTIVE_DIRECTORY = "active-directory"
    FREEIPA = "freeipa"
    LLDAP = "lldap"


# RFC 2798 (inetOrgPerson) and RFC 4519; components as vCard orders them (RFC 6350, section 6).
_PERSON_CARD: CardMapping = (
    ("FN", "cn"),
    ("N", "sn;givenName"),
    ("EMAIL;TYPE=work", "mail"),
    ("TEL;TYPE=work,voice", "telephoneNumber"),
    ("TEL;TYPE=cell", "mobile"),
    ("TEL;TYPE=work,fax", "facsimileTelephoneNumber"),
    ("TEL;TYPE=pager", "pager"),
    ("TEL;TYPE=home,voice", "homePhone"),
    ("ADR;TYPE=work", ";;street;l;st;postalCode;c"),
    ("ORG", "o;ou"),
    ("TITLE", "title"),
    ("RELATED", "manager"),
    ("PHOTO", "jpegPhoto"),
)
_ACTIVE_DIRECTORY_CARD: CardMapping = (
    ("FN", "displayName"),
    ("N", "sn;givenName"),
    ("EMAIL;TYPE=work", "mail"),
    ("TEL;TYPE=work,voice", "telephoneNumber"),
    ("TEL;TYPE=cell", "mobile"),
    ("TEL;TYPE=work,fax", "facsimileTelephoneNumber"),
    ("TEL;TYPE=pager", "pager"),
    ("TEL;TYPE=home,voice", "homePhone"),
    ("ADR;TYPE=work", ";;streetAddress;l;st;postalCode;co"),
    ("ORG", "company;department"),
    ("TITLE", "title"),
    ("URL", "wWWHomePage"),
    ("RELATED", "manager"),
    ("PHOTO", "thumbnailPhoto"),
)

_OPENLDAP = {
    "user_filter": "(objectClass=inetOrgPerson)",
    "group_filter": (
        "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))"
    ),
    "login_attributes": ("uid", "mail"),
    "name_attribute": "uid",
    "display_name_attribute": "cn",
    "mail_attribute": "mail",
    "id_attribute": "entryUUID",
    "group_name_attribute": "cn",
    "member_attributes": ("member", "uniqueMember", "memberUid"),
    "card": _PERSON_CARD,
}

PRESETS: Mapping[DirectoryPreset, Mapping[str, object]] = MappingProxyType(
    {
        DirectoryPreset.OPENLDAP: _OPENLDAP,
        DirectoryPreset.ACTIVE_DIRECTORY: {
            "user_filter": "(&(objectCategory=person)(objectClass=user))",
            "group_filter": "(objectClass=group)",
            "login_attributes": ("sAMAccountName", "userPrincipalName", "mail"),
            "name_attribute": "sAMAccountName",
            "display_name_attribute": "displayName",
            "mail_attribute": "mail",
            "id_attribute": "objectGUID",
            "group_name_attribute": "cn",
            "member_attributes": ("member",),
            "card": _ACTIVE_DIRECTORY_CARD,
        },
        DirectoryPreset.FREEIPA: {
            **_OPENLDAP,
            "user_filter": "(objectClass=posixAccount)",
            "group_filter": "(objectClass=ipaUserGroup)",
            "display_name_attribute": "displayName",
            "id_attribute": "ipaUniqueID",
            "member_attributes": ("member",),
        },
        DirectoryPreset.LLDAP: {
            **_OPENLDAP,
            "user_filter": "(objectClass=person)",
            "group_filter": "(objectClass=groupOfUniqueNames)",
            "member_attributes": ("member",),
            "card": (
                ("FN", "cn"),
                ("N", "sn;givenName"),
                ("EMAIL;TYPE=work", "mail"),
                ("PHOTO", "jpegPhoto"),
            ),
        },
    }
)
"""By make, the value of each option that depends on it, as the program gets it."""
