"""sync-collection (RFC 6578): what changed since a token, and nothing else."""

import pytest

from tests.http.client import Answer, document, prop
from tests.http.world import World, vcard

THUNDERBIRD = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Thunderbird/153.0"}


def _statuses(answer: Answer) -> dict[str, int | None]:
    """The status of every resource by its last segment; None for one with properties."""
    return {
        href.rstrip("/").rpartition("/")[2]: resource.status
        for href, resource in answer.resources.items()
    }


def test_the_first_sync_tells_every_card_and_a_token(world: World) -> None:
    alice, book = world.shared()
    etags = {
        alice.path(book, f"{n}.vcf"): alice.put(alice.path(book, f"{n}.vcf"), vcard(f"{n}")).etag
        for n in range(5)
    }
    answer = alice.sync(alice.path(book))
    assert {href: answer[href].text("D:getetag") for href in answer.hrefs} == etags
    token = alice.find(alice.path(book), "D:sync-token").text("D:sync-token")
    assert answer.sync_token == token
    assert ":" in token


def test_later_syncs_tell_what_is_new_changed_and_gone(world: World) -> None:
    alice, book = world.shared()
    for name in ("kept", "changed", "deleted"):
        alice.put(alice.path(book, f"{name}.vcf"), vcard(name))
    token = alice.sync(alice.path(book)).sync_token
    etag = alice.put(alice.path(book, "changed.vcf"), vcard("changed", "Changed")).etag
    alice.put(alice.path(book, "new.vcf"), vcard("new"))
    alice.delete(alice.path(book, "deleted.vcf"))
    answer = alice.sync(alice.path(book), token)
    assert _statuses(answer) == {"changed.vcf": None, "new.vcf": None, "deleted.vcf": 404}
    assert answer[alice.path(book, "changed.vcf")].text("D:getetag") == etag
    assert answer.sync_token != token
    again = alice.sync(alice.path(book), answer.sync_token)
    assert (again.hrefs, again.sync_token) == ([], answer.sync_token)
    # A new device is not bothered with what is gone.
    assert set(_statuses(alice.sync(alice.path(book)))) == {"kept.vcf", "changed.vcf", "new.vcf"}


def test_what_came_and_went_between_two_syncs(world: World) -> None:
    alice, book = world.shared()
    alice.put(alice.path(book, "ann.vcf"), vcard())
    token = alice.sync(alice.path(book)).sync_token
    alice.put(alice.path(book, "brief.vcf"), vcard("brief"))
    alice.delete(alice.path(book, "brief.vcf"))
    alice.delete(alice.path(book, "ann.vcf"))
    alice.put(alice.path(book, "ann.vcf"), vcard("ann", "Again"))
    statuses = _statuses(alice.sync(alice.path(book), token))
    assert statuses.pop("brief.vcf", 404) == 404
    assert statuses == {"ann.vcf": None}


def test_one_member_sees_what_another_did(world: World) -> None:
    alice, book = world.shared()
    bob = world.member("bob")
    world.grant(book, bob, "read")
    token = bob.sync(bob.path(book)).sync_token
    etag = alice.put(alice.path(book, "ann.vcf"), vcard()).etag
    answer = bob.sync(bob.path(book), token)
    assert answer.hrefs == [bob.path(book, "ann.vcf")]
    assert answer[bob.path(book, "ann.vcf")].text("D:getetag") == etag


@pytest.mark.parametrize("limit", [1, 3, 4, 7, 100])
def test_a_limit_is_kept_and_the_rest_comes_with_the_next_token(world: World, limit: int) -> None:
    alice, book = world.shared()
    for number in range(4):
        alice.put(alice.path(book, f"{number}.vcf"), vcard(f"{number}"))
    first = alice.sync(alice.path(book)).sync_token
    for number in range(4, 8):
        alice.put(alice.path(book, f"{number}.vcf"), vcard(f"{number}"))
    for number in (3, 1, 5, 0):
        alice.delete(alice.path(book, f"{number}.vcf"))
    alice.put(alice.path(book, "2.vcf"), vcard("2", "Changed"))
    here = dict.fromkeys(["2.vcf", "4.vcf", "6.vcf", "7.vcf"])
    gone = dict.fromkeys(["0.vcf", "1.vcf", "3.vcf", "5.vcf"], 404)
    expected_since_first, expected_from_nothing = {**here, **gone}, here
    for start, expected in ((first, expected_since_first), ("", expected_from_nothing)):
        seen: dict[str, int | None] = {}
        token, rounds = start, 0
        while True:
            answer = alice.sync(alice.path(book), token, limit=limit)
            statuses = _statuses(answer)
            more = statuses.pop(book.name, None)
            assert len(statuses) <= limit
            seen.update(statuses)
            rounds += 1
            assert answer.sync_token != token
            token = answer.sync_token
            if more is None:
                break
            assert more == 507
            assert answer[alice.path(book)].error == ["D:number-of-matches-within-limits"]
            assert len(statuses) == limit
            assert rounds < 20
        if start:
            assert seen.pop("5.vcf", 404) == expected.pop("5.vcf")
        else:
            seen = {name: status for name, status in seen.items() if status is None}
        assert seen == expected
        assert alice.sync(alice.path(book), token).hrefs == []


@pytest.mark.parametrize("limit", ["0", "-1", "many", "", "1.5", "²"])
def test_a_limit_that_is_no_number_is_refused(world: World, limit: str) -> None:
    alice = world.member()
    body = document(
        "D:sync-collection",
        f"<D:sync-token/><D:limit><D:nresults>{limit}</D:nresults></D:limit>{prop('D:getetag')}",
    )
    assert alice.report(alice.contacts, body).status == 400


@pytest.mark.parametrize("limit", ["9" * 10, "9" * 19, "9" * 5000])
def test_a_limit_beyond_all_books_is_none(world: World, limit: str) -> None:
    alice = world.member()
    alice.put(f"{alice.contacts}ann.vcf", vcard())
    answer = alice.report(
        alice.contacts,
        document(
            "D:sync-collection",
            f"<D:sync-token/><D:limit><D:nresults>{limit}</D:nresults></D:limit>"
            f"{prop('D:getetag')}",
        ),
    )
    assert _statuses(answer) == {"ann.vcf": None}


def _foreign_tokens(world: World) -> dict[str, str]:
    """Make tokens that are none of Alice's book; ``{own}`` stands for a good one."""
    bob, other = world.shared()
    bob.put(bob.path(other, "ann.vcf"), vcard())
    return {
        "another book's": bob.sync(bob.path(other)).sync_token,
        "Radicale's": "http://radicale.org/ns/sync/" + "0" * 64,
        "a UUID": "6f0d3c1e-6f4c-4b0a-9f0e-2f9d6a3f8a11",
        "words": "hello world",
        "of a state to come": "{own}9",
        "cut": "{cut}",
        "odd digits": "{cut}²",
        "negative": "{cut}-1",
        "huge": "{cut}" + "9" * 5000,
    }


@pytest.mark.parametrize(
    "kind",
    ["another book's", "Radicale's", "a UUID", "words", "of a state to come", "cut", "odd digits",
     "negative", "huge"],
)  # fmt: skip
@pytest.mark.parametrize(("headers", "status"), [({}, 403), (THUNDERBIRD, 400)])
def test_a_token_that_is_none_of_the_books_is_refused(
    world: World, kind: str, headers: dict[str, str], status: int
) -> None:
    alice, book = world.shared()
    alice.put(alice.path(book, "ann.vcf"), vcard())
    own = alice.sync(alice.path(book)).sync_token
    token = _foreign_tokens(world)[kind].format(own=own, cut=own.rpartition(":")[0] + ":")
    alice.headers |= headers
    answer = alice.sync(alice.path(book), token)
    assert (answer.status, answer.conditions) == (status, ["D:valid-sync-token"])
    assert alice.sync(alice.path(book)).status == 207


@pytest.mark.parametrize("depth", ["0", "1", None])
def test_the_depth_header_does_not_matter(world: World, depth: str | None) -> None:
    alice, book = world.shared()
    alice.put(alice.path(book, "ann.vcf"), vcard())
    headers = {} if depth is None else {"depth": depth}
    assert alice.sync(alice.path(book), **headers).hrefs == [alice.path(book, "ann.vcf")]


@pytest.mark.parametrize(
    ("level", "status"), [("1", 207), (" 1 ", 207), ("infinite", 403), ("0", 403)]
)
def test_a_book_has_one_level(world: World, level: str, status: int) -> None:
    alice = world.member()
    content = f"<D:sync-token/><D:sync-level>{level}</D:sync-level>{prop('D:getetag')}"
    answer = alice.report(alice.contacts, document("D:sync-collection", content))
    assert answer.status == status
    if status == 403:
        assert answer.conditions == ["D:sync-traversal-supported"]


def test_cards_may_come_along(world: World) -> None:
    """Thunderbird asks for them in the same report."""
    alice, book = world.shared()
    for name in ("a", "b", "c"):
        alice.put(alice.path(book, f"{name}.vcf"), vcard(name))
    asked = ["D:getetag", "CARD:address-data"]
    answer = alice.sync(alice.path(book), names=asked)
    assert len(answer.hrefs) == 3
    for name in ("a", "b", "c"):
        text = answer[alice.path(book, f"{name}.vcf")].text("CARD:address-data")
        assert f"UID:{name}\n" in text
    alice.put(alice.path(book, "b.vcf"), vcard("b", "Changed"))
    alice.delete(alice.path(book, "c.vcf"))
    later = alice.sync(alice.path(book), answer.sync_token, asked)
    assert _statuses(later) == {"b.vcf": None, "c.vcf": 404}
    assert "FN:Changed" in later[alice.path(book, "b.vcf")].text("CARD:address-data")


def test_refused_requests_change_no_token(world: World) -> None:
    alice, book = world.shared()
    alice.put(alice.path(book, "ann.vcf"), vcard())
    before = alice.sync(alice.path(book)).sync_token
    alice.put(alice.path(book, "ann.vcf"), vcard("ann", "Changed"), if_match='"stale"')
    alice.put(alice.path(book, "b.vcf"), vcard("ann"))
    alice.put(alice.path(book, "b.vcf"), b"no card")
    alice.delete(alice.path(book, "none.vcf"))
    alice.mkcol(alice.path(book, "inner/"))
    alice.delete(alice.path(book))
    assert alice.sync(alice.path(book)).sync_token == before


def test_a_revoked_and_granted_book_syncs_on(world: World) -> None:
    alice, book = world.shared()
    alice.put(alice.path(book, "ann.vcf"), vcard())
    token = alice.sync(alice.path(book)).sync_token
    world.revoke(book, alice)
    assert alice.sync(alice.path(book), token).status == 404
    world.grant(book, alice, "read")
    assert _statuses(alice.sync(alice.path(book), token)) in ({}, {"ann.vcf": None})


def test_the_ctag_goes_with_the_token(world: World) -> None:
    alice, book = world.shared()
    seen = set()
    for step in range(4):
        if step == 3:
            alice.delete(alice.path(book, "1.vcf"))
        else:
            alice.put(alice.path(book, f"{step}.vcf"), vcard(f"{step}"))
        resource = alice.find(alice.path(book), "CS:getctag", "D:sync-token")
        seen.add((resource.text("CS:getctag"), resource.text("D:sync-token")))
        assert alice.find(alice.path(book), "CS:getctag").text("CS:getctag") in dict(seen)
    assert len({ctag for ctag, _ in seen}) == len({token for _, token in seen}) == 4
