from sharedbooks.db.engine import Database
from sharedbooks.domain.grantees import Grantee, list_grantees
from sharedbooks.domain.privileges import Privilege
from tests.support.factories import give, make_book, make_group, make_user


def test_grantees_of_many_books_come_together(database: Database) -> None:
    alice, bob = make_user(database, "alice"), make_user(database, "bob")
    crew = make_group(database, "crew", [bob])
    sales, empty, other = (make_book(database, name) for name in ("sales", "empty", "other"))
    give(database, sales, bob, Privilege.READ)
    give(database, sales, alice, Privilege.EDIT_OWN)
    give(database, sales, crew, Privilege.MANAGE)
    give(database, other, bob, Privilege.WRITE)
    with database.read() as connection:
        found = list_grantees(connection, [sales.id, empty.id])
    assert dict(found) == {
        sales.id: [
            Grantee(crew, Privilege.MANAGE),
            Grantee(alice, Privilege.EDIT_OWN),
            Grantee(bob, Privilege.READ),
        ]
    }
