import pytest
from sqlalchemy import select

from sharedbooks.db.schema import card_versions
from sharedbooks.domain import books
from sharedbooks.domain.book_access import open_for_writing
from sharedbooks.domain.history import Action, Actor, list_versions
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.domain.privileges import Privilege
from sharedbooks.domain.storing import put_card
from sharedbooks.errors import PreconditionFailed
from tests.support.factories import Device, join_book, vcard


def test_every_version_before_is_kept(device: Device) -> None:
    contents = [vcard("ann", f"Ann {number}") for number in range(3)]
    for content in contents:
        device.put("ann.vcf", content)
    device.delete("ann.vcf")
    device.put("ann.vcf", contents[0])
    versions = device.history()
    assert [version.action for version in versions] == [
        Action.CREATE, Action.EDIT, Action.EDIT, Action.DELETE, Action.CREATE,
    ]  # fmt: skip
    assert [version.content_before for version in versions] == [None, *contents, None]
    assert [version.revision for version in versions] == [1, 2, 3, 4, 5]
    moments = [version.at for version in versions]
    assert moments == sorted(moments)


def test_who_and_from_where(device: Device) -> None:
    book = device.database.run_read(books.list_books)[0]
    bob = join_book(device.database, book, "o'brien, “Bob”", Privilege.WRITE)
    tablet = Device(bob.database, bob.user, bob.book, "Tablet, 2nd 😀", "iOS/17 (山田)")
    device.put("ann.vcf", vcard())
    tablet.put("ann.vcf", vcard("ann", "Ann 2"))
    tablet.delete("ann.vcf")
    assert [(v.actor_name, v.device, v.client) for v in device.history()] == [
        ("alice", "phone", "DAVx5/4"),
        ("o'brien, “Bob”", "Tablet, 2nd 😀", "iOS/17 (山田)"),
        ("o'brien, “Bob”", "Tablet, 2nd 😀", "iOS/17 (山田)"),
    ]
    with device.database.read() as connection:
        actors = connection.execute(select(card_versions.c.actor_id)).scalars().all()
    assert sorted(actors, key=int) == sorted([device.user.id, bob.user.id, bob.user.id])


def test_long_names_of_programs_are_cut(device: Device) -> None:
    wordy = Device(device.database, device.user, device.book, "ü" * 300, "x" * 5000)
    wordy.put("ann.vcf", vcard())
    [version] = device.history()
    assert (version.device, version.client) == ("ü" * 255, "x" * 255)


def test_administrator_is_nobody_in_particular(device: Device) -> None:
    with device.database.write() as connection:
        put_card(
            connection,
            open_for_writing(connection, device.user.id, device.book),
            "ann.vcf",
            prepare_card(vcard(), max_size=1000),
            Actor(None, "administrator", "", "sharedbooks card put"),
        )
    assert device.get("ann.vcf").creator_id is None
    assert device.history()[0].actor_name == "administrator"


def test_history_of_one_card(device: Device) -> None:
    for uid in ("ann", "Ann", "bob"):
        device.put(f"{uid}.vcf", vcard(uid))
    device.put("ann.vcf", vcard("ann", "Ann 2"))
    device.move("ann.vcf", "moved.vcf")
    versions = device.history("ann")
    assert [(v.action, v.resource_name) for v in versions] == [
        (Action.CREATE, "ann.vcf"),
        (Action.EDIT, "ann.vcf"),
        (Action.DELETE, "ann.vcf"),
        (Action.CREATE, "moved.vcf"),
    ]
    assert [v.card_uid for v in device.history("Ann")] == ["Ann"]
    assert device.history("nobody") == []


def test_what_failed_is_not_in_it(device: Device) -> None:
    stored = device.put("ann.vcf", vcard())
    for action in (
        lambda: device.put("ann.vcf", vcard("ann", "2"), if_match='"x"'),
        lambda: device.put("ann.vcf", vcard("ann", "2"), if_none_match="*"),
        lambda: device.delete("ann.vcf", if_match='"x"'),
    ):
        with pytest.raises(PreconditionFailed):
            action()
    device.put("ann.vcf", vcard(), if_match=stored.etag)
    assert len(device.history()) == 1


def test_history_of_a_deleted_book_stays(device: Device) -> None:
    device.put("ann.vcf", vcard())
    book_id = device.access().book_id
    with device.database.write() as connection:
        books.delete_book(connection, book_id)
        assert len(list_versions(connection, book_id)) == 1
