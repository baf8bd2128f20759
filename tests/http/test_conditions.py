"""Conditions on requests (RFC 9110, 13) and the UID of a card (RFC 6352, 6.3.2.1)."""

import pytest

from tests.http.world import World, vcard


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ("{etag}", 204),
        ("*", 204),
        ('"other", {etag}', 204),
        ('{etag},"other"', 204),
        ("W/{etag}", 204),  # DAVx5 sends weak tags as it got them
        ('"other"', 412),
        ('"other", "another"', 412),
        ("{bare}", 412),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_if_match_on_a_card_that_is_there(
    world: World, method: str, tags: str, status: int
) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    etag = alice.put(path, vcard()).etag or ""
    sent = {"If-Match": tags.format(etag=etag, bare=etag.strip('"'))}
    answer = alice.request(method, path, vcard("ann", "Changed"), sent)
    assert answer.status == status
    left = alice.get(path)
    if status == 412:
        assert left.body == vcard()
    elif method == "DELETE":
        assert left.status == 404
    else:
        assert left.body == vcard("ann", "Changed")


@pytest.mark.parametrize("tags", ["*", '"other"'])
def test_if_match_on_a_card_that_is_not_there(world: World, tags: str) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    assert alice.put(path, vcard(), if_match=tags).status == 412
    assert alice.delete(path, if_match=tags).status in {404, 412}
    assert world.stored(book) == {}


def test_if_match_with_the_tag_before_the_last(world: World) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    first = alice.put(path, vcard()).etag or ""
    assert alice.put(path, vcard("ann", "Second"), if_match=first).status == 204
    assert alice.put(path, vcard("ann", "Third"), if_match=first).status == 412
    assert alice.delete(path, if_match=first).status == 412
    assert alice.get(path).body == vcard("ann", "Second")


@pytest.mark.parametrize(
    ("tags", "status"), [("*", 412), ("{etag}", 412), ('"other", {etag}', 412), ('"other"', 204)]
)
def test_if_none_match_on_a_card_that_is_there(world: World, tags: str, status: int) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    etag = alice.put(path, vcard()).etag or ""
    answer = alice.put(path, vcard("ann", "Changed"), if_none_match=tags.format(etag=etag))
    assert answer.status == status
    expected = vcard() if status == 412 else vcard("ann", "Changed")
    assert alice.get(path).body == expected


@pytest.mark.parametrize("tags", ["*", '"other"'])
def test_if_none_match_on_a_card_that_is_not_there(world: World, tags: str) -> None:
    alice, book = world.shared()
    assert alice.put(alice.path(book, "ann.vcf"), vcard(), if_none_match=tags).status == 201


def test_writes_without_conditions_succeed(world: World) -> None:
    """Thunderbird sends none."""
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    statuses = [alice.put(path, vcard()).status, alice.put(path, vcard("ann", "B")).status]
    assert [*statuses, alice.delete(path).status] == [201, 204, 204]
    assert alice.delete(path).status == 404


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_card_that_the_client_has_is_not_sent_again(world: World, method: str) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    etag = alice.put(path, vcard()).etag or ""
    for tags in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = alice.request(method, path, headers={"If-None-Match": tags})
        assert (answer.status, answer.etag, answer.body) == (304, etag, b"")
    assert alice.request(method, path, headers={"If-None-Match": '"other"'}).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_card_that_is_another_than_the_client_means_is_not_sent(
    world: World, method: str
) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    etag = alice.put(path, vcard()).etag or ""
    assert alice.request(method, path, headers={"If-Match": '"other"'}).status == 412
    assert alice.request(method, path, headers={"If-Match": etag}).status == 200


def test_a_uid_is_in_a_book_once(world: World) -> None:
    alice, book = world.shared()
    alice.put(alice.path(book, "ann.vcf"), vcard("same"))
    answer = alice.put(alice.path(book, "other.vcf"), vcard("same"))
    assert (answer.status, answer.conditions) == (403, ["CARD:no-uid-conflict"])
    [href] = answer.xml.iter("{DAV:}href")
    assert href.text == alice.path(book, "ann.vcf")
    assert set(world.stored(book)) == {"ann.vcf"}
    # In another book it is another card.
    assert alice.put(f"{alice.contacts}ann.vcf", vcard("same")).status == 201
    # After a deletion the UID is free.
    alice.delete(alice.path(book, "ann.vcf"))
    assert alice.put(alice.path(book, "other.vcf"), vcard("same")).status == 201


def test_uids_that_differ_in_case_or_accents_are_different(world: World) -> None:
    alice, book = world.shared()
    for number, uid in enumerate(("ann", "ANN", "änn", "a\u0308nn")):
        assert alice.put(alice.path(book, f"{number}.vcf"), vcard(uid)).status == 201


def test_the_uid_of_a_card_does_not_change(world: World) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    alice.put(path, vcard("one"))
    answer = alice.put(path, vcard("two"))
    assert (answer.status, answer.conditions) == (403, ["CARD:no-uid-conflict"])
    assert [href.text for href in answer.xml.iter("{DAV:}href")] == [path]
    assert alice.get(path).body == vcard("one")


def test_the_name_of_a_deleted_card_is_free_for_another(world: World) -> None:
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    alice.put(path, vcard("one"))
    alice.delete(path)
    assert alice.put(path, vcard("two"), if_none_match="*").status == 201
    assert alice.get(path).body == vcard("two")
