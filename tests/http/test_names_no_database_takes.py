"""A NUL in a path: PostgreSQL cannot even be asked for such a name, and nobody is to notice."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.client import document
from tests.http.conftest import world_of
from tests.http.world import World, vcard
from tests.support.databases import Databases


@pytest.fixture
def world(tmp_path: Path, databases: Databases) -> Iterator[World]:
    with databases.migrated() as url, world_of(tmp_path, url, {"server.workers": 1}) as made:
        yield made


def test_there_is_nothing_of_such_a_name(world: World) -> None:
    alice = world.member()
    path = f"{alice.contacts}ann.vcf"
    assert alice.put(path, vcard()).status == 201
    nowhere = [f"{alice.contacts}ann.vcf%00", f"{alice.home}con%00tacts/ann.vcf", "/al%00ice/x/y"]
    answer = alice.multiget(alice.contacts, [*nowhere, path])
    assert [answer[href].status for href in nowhere] == [404] * 3
    assert answer[path].text("CARD:address-data")
    for there in nowhere:
        for method in ("GET", "PROPFIND", "DELETE", "REPORT"):
            assert alice.request(method, there).status == 400
        assert alice.put(there, vcard("bob")).status == 400
        for method in ("COPY", "MOVE"):
            assert alice.request(method, path, headers={"Destination": there}).status == 502
    linked = '<X:link xmlns:X="urn:x">' + "".join(f"<D:href>{n}</D:href>" for n in nowhere)
    assert alice.set_property(alice.contacts, f"{linked}</X:link>").status == 207
    expanded = '<D:property name="link" namespace="urn:x"><D:property name="getetag"/></D:property>'
    answer = alice.report(alice.contacts, document("D:expand-property", expanded))
    assert answer.status == 207
    assert alice.get(path).body == vcard()
