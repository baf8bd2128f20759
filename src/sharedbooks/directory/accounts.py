"""Whether a directory lets somebody log in: accounts disabled, locked and expired there."""

from datetime import UTC, datetime, timedelta

from sharedbooks.directory.entries import Entry
from sharedbooks.domain.directory_principals import Bar

ACCOUNT_ATTRIBUTES = (
    "userAccountControl",
    "msDS-User-Account-Control-Computed",
    "lockoutTime",
    "accountExpires",
    "nsAccountLock",
    "krbPrincipalExpiration",
    "pwdAccountLockedTime",
    "shadowExpire",
)
"""What ``account_bar`` reads; a directory has few of them."""

_DISABLED = 0x2
_LOCKED_OUT = 0x10
"""Bits of Active Directory's ``userAccountControl``; the second of the computed one."""

_EPOCH_OF_WINDOWS = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER = 2**63 - 1


def account_bar(entry: Entry, at: datetime) -> Bar | None:
    """Return why the account may not log in at that moment, or None.

    Understood are Active Directory, FreeIPA and 389 Directory Server (``nsAccountLock``), the
    password policy of OpenLDAP, and ``shadowExpire`` (RFC 2307).
    """
    if (entry.number("userAccountControl") or 0) & _DISABLED:
        return Bar.DISABLED
    if (entry.text("nsAccountLock") or "").lower() == "true":
        return Bar.DISABLED
    if _is_locked(entry):
        return Bar.LOCKED
    if any(end <= at for end in _ends(entry)):
        return Bar.EXPIRED
    return None


def _is_locked(entry: Entry) -> bool:
    computed = "msDS-User-Account-Control-Computed"
    state = entry.number(computed)
    if state is not None:
        # Says when a lock has ended by itself; lockoutTime stays until the next login.
        return bool(state & _LOCKED_OUT)
    since = entry.number("lockoutTime") or 0
    return since > 0 or entry.text("pwdAccountLockedTime") is not None


def _ends(entry: Entry) -> list[datetime]:
    """Return the moments at which the account ends."""
    found = []
    ticks = entry.number("accountExpires") or 0
    if 0 < ticks < _NEVER:
        found.append(_EPOCH_OF_WINDOWS + timedelta(microseconds=min(ticks // 10, 2**57)))
    days = entry.number("shadowExpire") or 0
    if days > 0:
        found.append(datetime.fromtimestamp(0, UTC) + timedelta(days=min(days, 10**6)))
    text = entry.text("krbPrincipalExpiration")
    if text is not None:
        # Generalised time of RFC 4517, section 3.3.13, as Kerberos writes it: to the second, UTC.
        try:
            found.append(datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC))
        except ValueError:
            return found
    return found
