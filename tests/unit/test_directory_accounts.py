"""What directories say of accounts that may not log in, and of primary groups."""

from datetime import UTC, datetime

import pytest

from sharedbooks.directory.accounts import account_bar
from sharedbooks.directory.entries import Entry
from sharedbooks.directory.sids import primary_group_sid, relative_id

NOW = datetime(2026, 5, 1, tzinfo=UTC)

# S-1-5-21-1-2-3-1104
SID = bytes.fromhex("010500000000000515000000010000000200000003000000") + (1104).to_bytes(
    4, "little"
)


@pytest.mark.parametrize(
    ("attributes", "bar"),
    [
        ({}, None),
        ({"userAccountControl": "512"}, None),
        ({"userAccountControl": "514"}, "disabled"),
        ({"nsAccountLock": "TRUE"}, "disabled"),
        ({"nsAccountLock": "false"}, None),
        ({"lockoutTime": "0"}, None),
        ({"lockoutTime": "133900000000000000"}, "locked"),
        ({"lockoutTime": "133900000000000000", "msDS-User-Account-Control-Computed": "0"}, None),
        ({"lockoutTime": "1", "msDS-User-Account-Control-Computed": "16"}, "locked"),
        ({"pwdAccountLockedTime": "20260401120000Z"}, "locked"),
        ({"accountExpires": "0"}, None),
        ({"accountExpires": "9223372036854775807"}, None),
        ({"accountExpires": "134221536000000000"}, None),  # 2026-05-02
        ({"accountExpires": "134219808000000000"}, "expired"),  # 2026-04-30
        ({"krbPrincipalExpiration": "20260430000000Z"}, "expired"),
        ({"krbPrincipalExpiration": "20260502000000Z"}, None),
        ({"krbPrincipalExpiration": "never"}, None),
        ({"shadowExpire": "-1"}, None),
        ({"shadowExpire": "20573"}, "expired"),  # 2026-04-30
        ({"shadowExpire": "20575"}, None),
        ({"shadowExpire": "99999999999999"}, None),
        ({"userAccountControl": "none"}, None),
    ],
)
def test_account(attributes: dict[str, str], bar: str | None) -> None:
    raw = {name.lower(): (value.encode(),) for name, value in attributes.items()}
    assert account_bar(Entry("cn=x", raw), NOW) == bar


def test_sids() -> None:
    assert relative_id(SID) == "1104"
    assert primary_group_sid(SID, "513") == "S-1-5-21-1-2-3-513"


@pytest.mark.parametrize("sid", [None, b"", SID[:-1], b"\x01" * 8])
def test_what_is_no_sid(sid: bytes | None) -> None:
    assert relative_id(sid) is None
    assert primary_group_sid(sid, "513") is None
    assert primary_group_sid(SID, "513)(x") is None
