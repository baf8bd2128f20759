"""What directories of a known make call things; each value can be overridden in the configuration.

A preset gives a value for every option of ``directory_options.py`` that has none of its own.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from sharedbooks.config.card_mapping import CardMapping


class DirectoryPreset(StrEnum):
    """The make of a directory."""

    OPENLDAP = "openldap"
    ACTIVE_DIRECTORY = "active-directory"
    FREEIPA = "freeipa"
    LLDAP = "lldap"


# What makes and versions have alike.
_CARD: CardMapping = (
    ("FN", "displayName|cn"),
    ("N", "sn;givenName"),
    ("EMAIL;TYPE=work", "mail"),
    ("TEL;TYPE=work", "telephoneNumber"),
    ("TEL;TYPE=cell", "mobile"),
    ("TEL;TYPE=home", "homePhone"),
    ("TEL;TYPE=fax,work", "facsimileTelephoneNumber"),
    ("TEL;TYPE=pager", "pager"),
    ("TITLE", "title"),
    ("RELATED;TYPE=manager", "manager"),
)
# RFC 2798 (inetOrgPerson) and RFC 4519; components as vCard orders them (RFC 6350, section 6).
_PERSON_CARD: CardMapping = (
    *_CARD,
    (
        "ADR;TYPE=work",
        "postOfficeBox;physicalDeliveryOfficeName;street;l;st;postalCode;co|c",
    ),
    ("ADR;TYPE=home", ";;homePostalAddress"),
    ("ORG", "o;ou|departmentNumber"),
    ("URL", "labeledURI"),
    ("PHOTO", "jpegPhoto"),
)
_ACTIVE_DIRECTORY_CARD: CardMapping = (
    *_CARD,
    (
        "ADR;TYPE=work",
        "postOfficeBox;physicalDeliveryOfficeName;streetAddress;l;st;postalCode;co|c",
    ),
    ("ORG", "company;department"),
    ("URL", "wWWHomePage"),
    ("PHOTO", "thumbnailPhoto|jpegPhoto"),
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
                ("FN", "displayName|cn"),
                ("N", "sn;givenName"),
                ("EMAIL;TYPE=work", "mail"),
                ("PHOTO", "jpegPhoto"),
            ),
        },
    }
)
"""By make, the value of each option that depends on it, as the program gets it."""
