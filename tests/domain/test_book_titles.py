from sharedbooks.db.engine import Database
from sharedbooks.domain.book_titles import distinguish
from sharedbooks.domain.privileges import Privilege
from tests.support.factories import give, look_home, make_book, make_own_book, make_user


def test_books_called_alike_are_told_apart_by_their_paths(database: Database) -> None:
    alice = make_user(database)
    titles = {"a": "Sales (b)", "b": "Sales", "c": "sales", "d": "Sales (b)", "e": "Sales"}
    for name, title in titles.items():
        book = make_book(database, name, display_name=title)
        give(database, book, alice, Privilege.READ)
    make_own_book(database, alice, "Sales")
    shown = distinguish(look_home(database, alice).values())
    assert {book.name: book.display_name for book in shown} == {
        # The own one keeps its name.
        "Sales": "Sales",
        "a": "Sales (b)",
        "b": "Sales (b) (b)",
        "c": "sales",
        "d": "Sales (b) (d)",
        "e": "Sales (e)",
    }
