"""Any number of people and groups for a directory, always the same, with awkward names."""

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from tests.support.directories import Attributes, DirectoryServer, escape_rdn

PASSWORD = "Secret-Passw0rd"
"""Everybody's."""

_JPEG = b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP////////////////////////////////////////////////////////////"
    "//////////////////////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA="
)

_AWKWARD = (
    "{}",
    "Last, First {}",
    'Robert "Bob" {}',
    "Star * (round) {}",
    "#{} hash",
    " leading space {}",
    "Żółć Jürgen 太郎 {}",
    "a+b=c;d<e>f\\g {}",
    "trailing space {} ",
    "'quoted' \N{RIGHT SINGLE QUOTATION MARK} {}",
)


def photo(number: int) -> bytes:
    """Return a JPEG of one pixel, another for each ``number``."""
    comment = f"photo {number}".encode()
    segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
    return _JPEG[:2] + segment + _JPEG[2:]


@dataclass(frozen=True)
class Crowd:
    """Numbered people and groups.

    Groups come in blocks of ten. The first six of a block are a chain, each a member of the one
    before, so five are nested in the first; in every second block the last is a group that the
    first is a member of: a cycle. The eighth has ``uniqueMember``, the ninth ``memberUid``.
    """

    DIRECT_MEMBERS: ClassVar[int] = 40

    people: int
    groups: int
    base: str

    @property
    def people_dn(self) -> str:
        """DN of the unit with the people."""
        return f"ou=People,{self.base}"

    @property
    def groups_dn(self) -> str:
        """DN of the unit with the groups."""
        return f"ou=Groups,{self.base}"

    def person(self, number: int) -> str:
        """DN of a person; every second one is called by ``uid``, the others by an awkward name."""
        if number % 2 == 0:
            return f"uid={self.uid(number)},{self.people_dn}"
        return f"cn={escape_rdn(self.name(number))},{self.people_dn}"

    def group(self, number: int) -> str:
        """DN of a group."""
        return f"cn={escape_rdn(self.group_name(number))},{self.groups_dn}"

    def uid(self, number: int) -> str:
        """Login name of a person."""
        return f"p{number:05}"

    def name(self, number: int) -> str:
        """Full name of a person."""
        return _AWKWARD[number // 2 % len(_AWKWARD)].format(f"{number:05}")

    def group_name(self, number: int) -> str:
        """Name of a group."""
        return _AWKWARD[number * 3 % len(_AWKWARD)].format(f"Group {number:03}")

    def direct_members(self, number: int) -> list[int]:
        """Numbers of the people who are themselves members of a group."""
        return sorted({(number * 37 + step * 101) % self.people for step in range(40)})

    def subgroups(self, number: int) -> list[int]:
        """Numbers of the groups that are members of a group."""
        place = number % 10
        inner = [number + 1] if place < 5 and number + 1 < self.groups else []
        return [number - 5] if place == 5 and number // 10 % 2 == 0 else inner

    def memberships(self) -> dict[int, set[int]]:
        """Return the people in each group, those in groups in it too."""
        found = {}
        for number in range(self.groups):
            reached, ahead = {number}, [number]
            while ahead:
                inner = set(self.subgroups(ahead.pop())) - reached
                reached |= inner
                ahead += inner
            found[number] = {each for group in reached for each in self.direct_members(group)}
        return found

    def entries(self) -> Iterator[tuple[str, Attributes]]:
        """Yield everything as entries for OpenLDAP, parents first."""
        for dn in (self.people_dn, self.groups_dn):
            yield dn, {"objectClass": ["organizationalUnit"], "ou": dn[3:].partition(",")[0]}
        for number in range(self.people):
            yield self.person(number), self._person(number)
        for number in range(self.groups):
            yield self.group(number), self._group(number)

    def load(self, server: DirectoryServer) -> None:
        """Add everything to a running server, one by one: for some hundreds."""
        for dn in (self.people_dn, self.groups_dn):
            server.add(dn, {"objectClass": ["organizationalUnit"]})
        people = [
            server.add_person(self.uid(number), self.people_dn, PASSWORD, mail=self._mail(number))
            for number in range(self.people)
        ]
        groups = [
            server.add_group(
                self.group_name(number),
                self.groups_dn,
                [people[each] for each in self.direct_members(number)],
            )
            for number in range(self.groups)
        ]
        for number, dn in enumerate(groups):
            if inner := self.subgroups(number):
                server.add_values(dn, {"member": [groups[each] for each in inner]})

    def _mail(self, number: int) -> str:
        return f"{self.uid(number)}@example.org"

    def _person(self, number: int) -> Attributes:
        return {
            "objectClass": ["inetOrgPerson"],
            "uid": self.uid(number),
            "cn": self.name(number),
            "sn": f"Surname {number:05}",
            "givenName": f"Given {number % 977}",
            "displayName": f"Given {number % 977} Surname {number:05}",
            "mail": self._mail(number),
            "telephoneNumber": f"+49 30 {number:07}",
            "mobile": f"+49 170 {number:07}",
            "title": f"Title {number % 31}",
            "departmentNumber": f"Department {number % 17}",
            "o": "Example",
            "street": f"Street {number % 101}",
            "l": "Berlin",
            "postalCode": f"{10000 + number % 90000}",
            "jpegPhoto": photo(number),
            "userPassword": PASSWORD,
        }

    def _group(self, number: int) -> Attributes:
        people = self.direct_members(number)
        name = {"cn": self.group_name(number)}
        if number % 10 == 8:
            uids = [self.uid(each) for each in people]
            kind = {"objectClass": ["posixGroup"], "gidNumber": str(5000 + number)}
            return {**kind, **name, "memberUid": uids}
        dns = [*map(self.person, people), *map(self.group, self.subgroups(number))]
        if number % 10 == 7:
            return {"objectClass": ["groupOfUniqueNames"], **name, "uniqueMember": dns}
        return {"objectClass": ["groupOfNames"], **name, "member": dns}
