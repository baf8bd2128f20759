"""Stock mode: a book that refuses cards of no use as contacts."""

from sharedbooks.domain.book_checks import Policy, set_checks
from tests.http.world import vcard
from tests.plugins.stock import StockWorld


def test_a_refused_card_is_403_and_changes_nothing(stock: StockWorld) -> None:
    alice, book = stock.shared()
    with stock.database.write() as connection:
        set_checks(connection, book.id, policy=Policy.REFUSE, rule="TEL")
    path = alice.path(book, "ann.vcf")
    assert alice.put(path, vcard()).status == 403
    assert stock.stored(book) == {}
    assert alice.put(path, vcard("ann", "Ann", "TEL:1")).status == 201
    assert alice.put(alice.contacts + "bob.vcf", vcard("bob")).status == 201
    answer = alice.request(
        "MOVE", alice.contacts + "bob.vcf", headers={"Destination": alice.path(book, "bob.vcf")}
    )
    assert answer.status == 403
    assert list(stock.stored(book)) == ["ann.vcf"]
    assert alice.get(alice.contacts + "bob.vcf").status == 200
