"""A contact that is erased while the server runs: apps lose it, and its file forgets it."""

from pathlib import Path

import pytest

from sharedbooks.db.scrubbing import scrub_file
from sharedbooks.domain.erasure import Target, erase
from sharedbooks.domain.history import Actor
from tests.http.conftest import Served
from tests.http.world import World, fresh, vcard

UID = "7d1f0a52-93f1-4b1c-8f4e-0c4b6f5f0a77"


def _octets(served: Served) -> bytes:
    with served.database.read() as connection:
        rows = connection.exec_driver_sql("PRAGMA database_list").all()
    path = Path(rows[0][2])
    return b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))


@pytest.mark.databases("sqlite")
def test_apps_lose_the_contact_and_the_file_forgets_it(served: Served, world: World) -> None:
    secret = fresh("erased-secret")
    alice, book = world.shared()
    path = alice.path(book)
    alice.put(f"{path}{UID}.vcf", vcard(UID, "Ann", f"NOTE:{secret}"))
    alice.put(f"{path}bob.vcf", vcard("bob", "Bob"))
    token = alice.sync(path).xml.findtext("{DAV:}sync-token") or ""
    assert secret.encode() in _octets(served)
    actor = Actor(None, "root", "", "sharedbooks privacy erase")
    with world.database.write() as connection:
        erase(connection, actor, [Target(book.id, UID)], [], lambda _: False)
    told = alice.sync(path, token)
    assert list(told.resources) == [f"{path}{UID}.vcf"]
    assert b"404 Not Found" in told.body
    assert alice.get(f"{path}{UID}.vcf").status == 404
    assert scrub_file(world.database)
    assert secret.encode() not in _octets(served)
    assert alice.get(f"{path}bob.vcf").body == vcard("bob", "Bob")
    assert alice.put(f"{path}carl.vcf", vcard("carl", "Carl")).status == 201
