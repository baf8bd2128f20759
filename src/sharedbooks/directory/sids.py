"""Security identifiers of Windows, as far as the primary group of an account needs them.

A binary SID ([MS-DTYP], section 2.4.2.2): revision, count of subauthorities, six octets of
authority, and the subauthorities as little-endian 32-bit numbers. The last is the relative id.
"""

import struct


def relative_id(sid: bytes | None) -> str | None:
    """Return the relative id of a binary SID as decimal text, or None for what is no SID."""
    numbers = _subauthorities(sid)
    return str(numbers[-1]) if numbers else None


def primary_group_sid(sid: bytes | None, group_rid: str | None) -> str | None:
    """Return the SID, as text, of an account's primary group; None without one.

    Args:
        sid: ``objectSid`` of the account, in whose domain the group is.
        group_rid: ``primaryGroupID``.
    """
    numbers = _subauthorities(sid)
    if sid is None or not numbers or group_rid is None or not group_rid.isdecimal():
        return None
    authority = int.from_bytes(sid[2:8], "big")
    return "-".join(["S", str(sid[0]), str(authority), *map(str, numbers[:-1]), group_rid])


def _subauthorities(sid: bytes | None) -> tuple[int, ...]:
    if sid is None or len(sid) < 12 or len(sid) != 8 + 4 * sid[1]:
        return ()
    return struct.unpack_from(f"<{sid[1]}I", sid, 8)
