"""The options of a ``[directory.NAME]``, in the same form as those of ``options.py``."""
# ruff: noqa: RUF009 - option() is dataclasses.field() with this table's columns

from dataclasses import dataclass, field, fields
from pathlib import Path

from sharedbooks.config.card_mapping import CardMapping, merge_card_mappings
from sharedbooks.config.directory_presets import PRESETS, DirectoryPreset
from sharedbooks.config.ldap_values import (
    ATTRIBUTE,
    ATTRIBUTES,
    BIND_NAME,
    CARD,
    DN,
    FILTER,
    SERVERS,
    SUFFIX,
    LdapServer,
)
from sharedbooks.config.option import Option, option
from sharedbooks.config.values import FILE_PATH, FLAG, LABEL, choice, duration, whole_number

_REQUIRED = "Has to be set."
BY_PRESET = "By default what the preset says."
"""What ``Option.without`` says of an option whose value depends on the preset."""

_AS_BASE = "By default the base."


@dataclass(frozen=True, slots=True)
class DirectoryConfig:
    """A directory of people and groups that is asked over LDAP. Durations in seconds.

    Loaded from a file it is complete: what the file leaves open is filled in from the preset.

    Attributes:
        name: NAME of its table; the ``source`` of its principals.
        bind_password: what ``bind_password_file`` holds; empty without such a file.
    """

    name: str
    preset: DirectoryPreset = option(
        "openldap",
        choice(DirectoryPreset),
        "Make of the directory, from which filters, attributes and mapping follow: openldap, "
        "active-directory, freeipa or lldap.",
    )
    servers: tuple[LdapServer, ...] = option(
        None,
        SERVERS,
        "Servers of the directory, asked in this order: ldaps://HOST for TLS from the start, "
        "ldap://HOST for StartTLS.",
        example=["ldaps://dc1.example.org", "ldaps://dc2.example.org"],
        without=_REQUIRED,
    )
    start_tls: bool = option(
        default=True,
        kind=FLAG,
        meaning="Whether TLS is started on ldap:// connections; without it, passwords are read.",
    )
    verify: bool = option(
        default=True,
        kind=FLAG,
        meaning="Whether the certificates of the servers are checked, and the names in them.",
    )
    ca_file: Path | None = option(
        None,
        FILE_PATH,
        "File with the certificates (PEM) of the authorities that vouch for the servers.",
        example="/etc/sharedbooks/directory-ca.crt",
        without="By default those that the system trusts.",
    )
    client_certificate: Path | None = option(
        None,
        FILE_PATH,
        "File with a TLS certificate (PEM) shown to the servers.",
        example="/etc/sharedbooks/directory.crt",
    )
    client_key: Path | None = option(
        None,
        FILE_PATH,
        "File with the private key of client_certificate (PEM).",
        example="/etc/sharedbooks/directory.key",
    )
    bind_dn: str | None = option(
        None,
        BIND_NAME,
        "Entry that sharedbooks logs in as to search; it needs to read people and groups only.",
        example="cn=sharedbooks,ou=services,dc=example,dc=org",
        without="By default searches are anonymous.",
    )
    bind_password_file: Path | None = option(
        None,
        FILE_PATH,
        "File that holds the password of bind_dn.",
        example="/etc/sharedbooks/directory-password",
    )
    base: str = option(
        None,
        DN,
        "Entry below which people and groups are searched.",
        example="dc=example,dc=org",
        without=_REQUIRED,
    )
    user_base: str = option(
        None,
        DN,
        "Entry below which people are searched.",
        example="ou=people,dc=example,dc=org",
        without=_AS_BASE,
    )
    group_base: str = option(
        None,
        DN,
        "Entry below which groups are searched.",
        example="ou=groups,dc=example,dc=org",
        without=_AS_BASE,
    )
    user_filter: str = option(
        None,
        FILTER,
        "Which entries are people; only these may log in.",
        example="(&(objectClass=inetOrgPerson)(employeeType=staff))",
        without=BY_PRESET,
    )
    group_filter: str = option(
        None,
        FILTER,
        "Which entries are groups.",
        example="(objectClass=groupOfNames)",
        without=BY_PRESET,
    )
    login_attributes: tuple[str, ...] = option(
        None,
        ATTRIBUTES,
        "Attributes by whose value a person may log in; an earlier one counts more.",
        example=["uid"],
        without=BY_PRESET,
    )
    name_attribute: str = option(
        None,
        ATTRIBUTE,
        "Attribute that becomes a person's name here, and part of their URLs.",
        example="employeeNumber",
        without=BY_PRESET,
    )
    display_name_attribute: str = option(
        None,
        ATTRIBUTE,
        "Attribute with a person's name for people.",
        example="gecos",
        without=BY_PRESET,
    )
    mail_attribute: str = option(
        None,
        ATTRIBUTE,
        "Attribute with a person's mail address.",
        example="mailPrimaryAddress",
        without=BY_PRESET,
    )
    id_attribute: str = option(
        None,
        ATTRIBUTE,
        "Attribute that stays the same when a person or group is renamed or moved.",
        example="nsUniqueId",
        without=BY_PRESET,
    )
    group_name_attribute: str = option(
        None,
        ATTRIBUTE,
        "Attribute that becomes a group's name here.",
        example="gidNumber",
        without=BY_PRESET,
    )
    member_attributes: tuple[str, ...] = option(
        None,
        ATTRIBUTES,
        "Attributes of a group that name its members.",
        example=["uniqueMember"],
        without=BY_PRESET,
    )
    nested: bool = option(
        default=True,
        kind=FLAG,
        meaning="Whether members of a group within a group are members of both.",
    )
    suffix: str | None = option(
        None,
        SUFFIX,
        "Domain of this directory's people, as in alice@example.org. With several directories "
        "each but one needs it.",
        example="example.org",
    )
    realm: str | None = option(
        None,
        LABEL,
        "Short name of this directory in front of a login, as in CORP\\alice.",
        example="CORP",
    )
    qualified_names: bool = option(
        default=False,
        kind=FLAG,
        meaning="Whether names of people and groups end with @ and the suffix here, so that those "
        "of two directories may be alike.",
    )
    timeout: int = option(
        "5 s",
        duration("1 s", "1 min"),
        "How long a server may take to connect, and for each answer, before the next is asked.",
    )
    page_size: int = option(500, whole_number(1, 100_000), "Number of entries asked for at a time.")
    cache: int = option(
        "10 min",
        duration("0 s", "1 d"),
        "How long a password that the directory accepted is good without asking again. 0 turns "
        "it off.",
    )
    lockout_tries: int = option(
        3,
        whole_number(1, 1000),
        "Number of different wrong passwords of a person that reach the directory within "
        "lockout_window; keep it below the number that locks an account there.",
    )
    lockout_window: int = option(
        "30 min",
        duration("1 min", "7 d"),
        "How long a wrong password counts; keep it above the time after which the directory "
        "forgets one.",
    )
    keep_personal_books: int = option(
        "90 d",
        duration("0 s", "3650 d"),
        "How long the personal book of a person who left the directory is kept.",
    )
    card: CardMapping = option(
        None,
        CARD,
        "Attributes that make up the cards of directory books, by vCard property, in addition to "
        'those of the preset; "" leaves one out.',
        example={"TEL;TYPE=work,voice": "ipPhone"},
        without=BY_PRESET,
    )
    bind_password: str = field(default="", repr=False)


DIRECTORY_OPTIONS = tuple(
    Option("directory", column.name, **column.metadata)
    for column in fields(DirectoryConfig)
    if column.metadata
)
"""The options of each directory, in the order of the file."""

REQUIRED = tuple(choice.key for choice in DIRECTORY_OPTIONS if choice.without == _REQUIRED)
"""Keys that every directory sets."""


def complete_directory(name: str, values: dict[str, object]) -> DirectoryConfig:
    """Return the directory for what a file sets, the rest taken from the preset and the base."""
    chosen = values.get("preset", DirectoryPreset.OPENLDAP)
    preset = PRESETS[DirectoryPreset(str(chosen))]
    base = values.get("base")
    filled = {"user_base": base, "group_base": base, **preset, **values}
    if "card" in values:
        filled["card"] = merge_card_mappings(preset["card"], values["card"])  # type: ignore[arg-type]
    return DirectoryConfig(name, **filled)  # type: ignore[arg-type]
