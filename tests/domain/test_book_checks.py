"""Rules of a book for its cards: told, refused, looked for and mended."""

import logging
from typing import Any

import pytest
from sqlalchemy import text

from sharedbooks.domain import book_checks, books, homes
from sharedbooks.domain.book_checks import BookChecks, Policy, get_checks, set_checks
from sharedbooks.domain.cleaning import CheckedCard, check_cards, fix_cards
from sharedbooks.domain.history import Action, Actor
from sharedbooks.errors import CardRefused, InvalidRule, NotFound
from tests.support.factories import Device, vcard

GOOD = vcard("ann", "Ann", "ORG:Example", "TEL:+41446681800")
ADMINISTRATOR = Actor(None, "root", "", "sharedbooks check --fix")


def _set(device: Device, **rules: Any) -> None:
    device.database.run_write(lambda c: set_checks(c, device.access().book_id, **rules))


def _check(device: Device, **options: Any) -> list[CheckedCard]:
    book_id = device.access().book_id
    with device.database.read() as connection:
        checks = get_checks(connection, book_id)
        return list(check_cards(connection, book_id, checks, **options))


def _fix(device: Device, *names: str) -> list[str]:
    book_id = device.access().book_id
    fixed = device.database.run_write(lambda c: fix_cards(c, book_id, ADMINISTRATOR, names, "CH"))
    return sorted(f"{name} {problem.kind}" for name, problem in fixed)


def test_rules_are_kept_with_the_book(device: Device) -> None:
    book_id = device.access().book_id
    assert device.database.run_read(lambda c: get_checks(c, book_id)) == BookChecks(
        Policy.OFF, "", ""
    )
    _set(device, policy=Policy.WARN, rule="org  AND (tel or email)", country="ch")
    kept = BookChecks(Policy.WARN, "ORG and (TEL or EMAIL)", "CH")
    assert device.database.run_read(lambda c: get_checks(c, book_id)) == kept
    assert device.access().check_policy == "warn"
    for wrong in ({"rule": "ORG and"}, {"country": "XX"}, {"country": "Switzerland"}):
        with pytest.raises(InvalidRule):
            _set(device, **wrong)
    _set(device, rule="", country="")
    assert device.database.run_read(lambda c: get_checks(c, book_id)).required is None


def test_refused_cards_change_nothing(device: Device) -> None:
    _set(device, policy=Policy.REFUSE, rule="ORG and (TEL or EMAIL)", country="CH")
    with pytest.raises(CardRefused, match=r"TEL or EMAIL is missing\. Correct that"):
        device.put("ann.vcf", vcard("ann", "Ann", "ORG:x"))
    with pytest.raises(CardRefused, match="TEL '2045': This is no phone number in CH"):
        device.put("ann.vcf", vcard("ann", "Ann", "ORG:x", "TEL:2045"))
    assert device.access().revision == 0
    assert device.history() == []
    assert device.put("ann.vcf", GOOD).created
    with pytest.raises(CardRefused) as refused:
        device.put("ann.vcf", GOOD.replace(b"ORG:Example\r\n", b"EMAIL:ann\r\n"))
    assert len(refused.value.complaints) == 2
    assert device.get("ann.vcf").content == GOOD


def test_form_and_age_are_no_reason_to_refuse(device: Device) -> None:
    _set(device, policy=Policy.REFUSE, country="CH")
    device.put("ann.vcf", vcard("ann", "ANN EXAMPLE", "TEL:044 668 18 00", "EMAIL:<a@b.ch>"))
    assert device.access().revision == 1


def test_what_was_wrong_before_is_no_reason_to_refuse(device: Device) -> None:
    old = vcard("ann", "Ann", "TEL:2045", "EMAIL:ann@")
    device.put("ann.vcf", old)
    _set(device, policy=Policy.REFUSE, rule="ORG", country="CH")
    device.put("ann.vcf", old.replace(b"EMAIL:ann@\r\n", b"EMAIL:ann@example.org\r\n"))
    with pytest.raises(CardRefused, match="TEL '2046'"):
        device.put("ann.vcf", old.replace(b"2045", b"2046"))


def test_cards_are_not_moved_into_a_book_that_refuses_them(device: Device) -> None:
    device.put("ann.vcf", vcard())
    with device.database.write() as connection:
        other = homes.add_own_book(connection, device.user, "clean")
        set_checks(connection, other.book_id, policy=Policy.REFUSE, rule="TEL")
    with pytest.raises(CardRefused):
        device.move("ann.vcf", "ann.vcf", "clean")
    assert device.get("ann.vcf").content == vcard()


def test_warnings_name_no_contents(device: Device, caplog: pytest.LogCaptureFixture) -> None:
    _set(device, policy=Policy.WARN, rule="EMAIL", country="CH")
    with caplog.at_level(logging.WARNING, logger="sharedbooks"):
        device.put("ann.vcf", vcard("ann", "Ann", "TEL:2045"))
        device.put("bob.vcf", vcard("bob", "Bob", "EMAIL:bob@example.org"))
    assert [record.getMessage() for record in caplog.records] == [
        "card 'ann.vcf' of the book 'sales' breaks its rules (EMAIL: missing, TEL: phone)"
    ]
    assert device.get("ann.vcf").content == vcard("ann", "Ann", "TEL:2045")


def test_a_book_without_rules_asks_nothing(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(*_: object) -> None:
        raise AssertionError("a book that is off looks at no card")

    monkeypatch.setattr(book_checks, "check_card", judge)
    device.put("ann.vcf", vcard("ann", "ANN EXAMPLE", "TEL:x"))


def test_every_card_is_looked_at(device: Device) -> None:
    for number in range(450):
        device.put(f"{number:03}.vcf", vcard(f"u{number}", f"Nr {number}", f"EMAIL:x{number}"))
    found = _check(device)
    assert [each.resource_name for each in found] == [f"{number:03}.vcf" for number in range(450)]
    assert {problem.kind for each in found for problem in each.problems} == {"mail"}


def test_contacts_that_nobody_has_touched(device: Device) -> None:
    device.put("ann.vcf", vcard())
    device.put("old.vcf", vcard("old"))
    with device.database.write() as connection:
        connection.execute(text("UPDATE cards SET changed_at = 5 WHERE card_uid = 'old'"))
    found = {each.resource_name: each.problems for each in _check(device, untouched_since=6)}
    assert found["ann.vcf"] == []
    assert [problem.kind for problem in found["old.vcf"]] == ["untouched"]
    assert [each.problems for each in _check(device)] == [[], []]


def test_mending_is_a_change_like_others(device: Device) -> None:
    before = vcard("ann", "ANN EXAMPLE", "TEL;TYPE=work:044 668 18 00", "X-Odd;p=1:  kept ")
    device.put("ann.vcf", before)
    device.put("bob.vcf", vcard("bob", "Bob", "TEL:2045"))
    token = device.token()
    assert _fix(device, "ann.vcf", "bob.vcf", "gone.vcf") == ["ann.vcf phone-form"]
    assert device.get("ann.vcf").content == before.replace(b"044 668 18 00", b"+41446681800")
    assert [name for name, _ in device.changes(token).changed] == ["ann.vcf"]
    last = device.history()[-1]
    assert (last.action, last.actor_name, last.client) == (
        Action.EDIT, "root", "sharedbooks check --fix",
    )  # fmt: skip
    assert last.content_before == before
    assert _fix(device, "ann.vcf", "bob.vcf") == []
    assert device.access().revision == 3


def test_mending_goes_by_the_card_as_it_is_now(device: Device) -> None:
    device.put("ann.vcf", vcard("ann", "Ann", "TEL:044 668 18 00"))
    _check(device)
    device.put("ann.vcf", vcard("ann", "Ann", "TEL:044 668 18 01", "NOTE:new"))
    _fix(device, "ann.vcf")
    assert device.get("ann.vcf").content == vcard("ann", "Ann", "TEL:+41446681801", "NOTE:new")


def test_a_deleted_book_is_not_mended(device: Device) -> None:
    book_id = device.access().book_id
    with device.database.write() as connection:
        books.delete_book(connection, book_id)
    with pytest.raises(NotFound):
        device.database.run_write(lambda c: fix_cards(c, book_id, ADMINISTRATOR, [], "CH"))
