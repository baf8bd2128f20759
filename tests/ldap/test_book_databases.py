"""A directory book on every kind of database, with names of every kind."""

from pathlib import Path

from sharedbooks.db.engine import Database
from tests.ldap.offices import Office
from tests.support.crowd import Crowd
from tests.support.openldap import OpenLdapServer


def test_a_crowd_comes_changes_and_goes(
    database: Database, openldap: OpenLdapServer, openldap_branch: str, tmp_path: Path
) -> None:
    crowd = Crowd(people=60, groups=20, base=openldap_branch)
    for dn, attributes in crowd.entries():
        openldap.add(dn, attributes)
    office = Office(openldap, openldap_branch, database, tmp_path, {"group_base": crowd.groups_dn})
    office.open(base=crowd.people_dn, group_filter="")
    done = office.sync()
    assert (done.added, done.problems) == (80, [])
    people = {f"Given {number} Surname {number:05}" for number in range(60)}
    # As a card says it: blanks in a row are one.
    names = {" ".join(crowd.group_name(number).split()) for number in range(20)}
    found = {
        name.replace("\\,", ",").replace("\\;", ";").replace("\\\\", "\\")
        for name in office.cards()
    }
    assert found == people | names
    uids = {office.uid(name): name for name in people}
    memberships = crowd.memberships()
    for card, lines in office.cards().items():
        if "KIND:group" in lines:
            members = {uids[uri.removeprefix("urn:uuid:")] for uri in office.values(card, "MEMBER")}
            plain = card.replace("\\,", ",").replace("\\;", ";").replace("\\\\", "\\")
            [number] = [n for n in range(20) if " ".join(crowd.group_name(n).split()) == plain]
            assert members == {f"Given {each} Surname {each:05}" for each in memberships[number]}
    reader = office.reader()
    token = reader.token()
    assert office.counts() == (0, 0, 0)
    assert reader.token() == token
    openldap.replace(crowd.person(3), {"mobile": "1"})
    openldap.delete(crowd.person(5))
    affected = sum(5 in people for people in memberships.values())
    assert office.counts() == (0, 1 + affected, 1)
    told = reader.changes(token)
    assert (len(told.changed), len(told.removed)) == (1 + affected, 1)
