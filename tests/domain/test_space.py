from sharedbooks.db.engine import Database
from sharedbooks.domain import homes
from sharedbooks.domain.book_access import get_book
from sharedbooks.domain.privileges import Privilege
from sharedbooks.domain.space import used_octets
from tests.support.factories import (
    Device,
    give,
    look_home,
    make_book,
    make_own_book,
    make_user,
    vcard,
)


def test_only_cards_in_own_living_books_take_space(database: Database) -> None:
    alice = make_user(database)
    assert database.run_read(lambda c: used_octets(c, alice.id)) == 0
    for name in ("contacts", "friends", "old"):
        make_own_book(database, alice, name)
    give(database, make_book(database, "sales"), alice, Privilege.MANAGE)
    look_home(database, alice)
    small, large = vcard("a"), vcard("b", "B", "NOTE:" + "ü" * 1000)
    for book, octets in (("contacts", small), ("friends", large), ("old", large), ("sales", large)):
        Device(database, alice, book).put("card.vcf", octets)
    with database.write() as connection:
        homes.delete_own_book(connection, get_book(connection, alice.id, "old"))
    used = len(small) + len(large)
    assert database.run_read(lambda c: used_octets(c, alice.id)) == used
    Device(database, alice, "friends").delete("card.vcf")
    assert database.run_read(lambda c: used_octets(c, alice.id)) == len(small)
