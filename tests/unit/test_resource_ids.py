from sharedbooks_radicale.protocol.properties import resource_id


def test_a_resource_id_is_of_one_row_for_ever() -> None:
    rows = [(kind, row, at) for kind in ("user", "book") for row in (1, 11) for at in (1, 11)]
    ids = {resource_id(*row) for row in rows}
    assert len(ids) == len(rows)
    assert ids == {resource_id(*row) for row in rows}
    # Clients keep them, so they are the same in every release.
    assert resource_id("user", 2, 1700000000000000) == (
        "<D:href>urn:uuid:ab847189-6edc-5bc8-b6f0-f2d1efa69f1e</D:href>"
    )
