"""Storing, deleting and moving single cards, as far as the member may."""

import uuid
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from sharedbooks.db.prepared import Prepared, SingleWrite
from sharedbooks.db.schema import address_books, cards
from sharedbooks.domain.book_access import BookAccess, open_with, select_access
from sharedbooks.domain.book_checks import Policy, apply_policy
from sharedbooks.domain.cards import (
    CARD_COLUMNS,
    Card,
    CardInfo,
    find_card,
    find_name_of_uid,
    get_card,
    no_card,
)
from sharedbooks.domain.conditions import UNCONDITIONAL, Conditions, make_etag
from sharedbooks.domain.history import Actor
from sharedbooks.domain.prepared_cards import PreparedCard, add_uid, merge_into, prepare_card
from sharedbooks.domain.privileges import Privilege
from sharedbooks.domain.single_writes import (
    add_card,
    add_if_unchanged,
    edit_card,
    edit_if_unchanged,
    remove_card,
)
from sharedbooks.errors import AccessDenied, UidConflict


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing a card did.

    Attributes:
        etag: strong tag of what is stored now.
        created: True if there was no card of that name.
        changed: False if the very same octets were there already.
        verbatim: False if the octets stored are not those sent (a UID was added, or an edit in
            vCard 3.0 was brought into a card of version 4.0).
    """

    etag: str
    created: bool
    changed: bool
    verbatim: bool


class Place(NamedTuple):
    """A name in a book, before a card is stored there.

    Attributes:
        resource_name: the name.
        existing: the card that has it, or None.
        uid_holder: name of the card that has the UID of the one to be stored, or None.
    """

    resource_name: str
    existing: Card | None
    uid_holder: str | None


_HOLDERS = cards.alias("holders")
_PLACE = Prepared(
    select_access(
        select(_HOLDERS.c.resource_name)
        .where(
            _HOLDERS.c.book_id == address_books.c.id,
            _HOLDERS.c.card_uid == bindparam("card_uid"),
        )
        .scalar_subquery(),
        *CARD_COLUMNS,
    ).outerjoin(
        cards,
        (cards.c.book_id == address_books.c.id)
        & (cards.c.resource_name == bindparam("resource_name")),
    )
)


def open_place(
    connection: Connection, user_id: int, book: str, resource_name: str, card_uid: str | None
) -> tuple[BookAccess, Place]:
    """Open a book for writing, and look at the place for a card of that UID, all in one.

    Raises:
        NotFound: there is no such book, or none that the user may see.
    """
    wanted = {"resource_name": resource_name, "card_uid": card_uid or ""}
    access, (holder, *card) = open_with(connection, user_id, book, _PLACE, wanted)
    existing = None if card[0] is None else Card(*card)
    return access, Place(resource_name, existing, holder)


def put_card(
    connection: Connection,
    access: BookAccess,
    resource_name: str,
    card: PreparedCard,
    actor: Actor,
    conditions: Conditions = UNCONDITIONAL,
) -> Stored:
    """Store ``card`` under ``resource_name`` in an open book; see ``put_in_place``."""
    place = Place(
        resource_name,
        find_card(connection, access.book_id, resource_name),
        find_name_of_uid(connection, access.book_id, card.facts.card_uid or ""),
    )
    return put_in_place(connection, access, place, card, actor, conditions)


def put_in_place(
    connection: Connection,
    access: BookAccess,
    place: Place,
    card: PreparedCard,
    actor: Actor,
    conditions: Conditions,
) -> Stored:
    """Store ``card`` in a place of a book that this transaction opened for writing.

    The same octets again change nothing: no revision, no history.

    Raises:
        AccessDenied, CardRefused: the member may not; the book refuses it (``apply_policy``).
        PreconditionFailed: see ``Conditions``.
        UidConflict: the UID belongs to another card, or is not the one this card has.
    """
    name, existing, _ = place
    _require_privilege(access, existing)
    conditions.require(None if existing is None else existing.etag)
    stored, verbatim = _as_stored(place, card)
    etag = make_etag(stored.content_hash)
    if existing is None:
        apply_policy(connection, access, name, stored.octets, None)
        add_card(connection, access.book_id, name, stored, actor)
        return Stored(etag, created=True, changed=True, verbatim=verbatim)
    if existing.content_hash == stored.content_hash:
        return Stored(etag, created=False, changed=False, verbatim=verbatim)
    apply_policy(connection, access, name, stored.octets, existing.content)
    edit_card(connection, access.book_id, existing, stored, actor)
    return Stored(etag, created=False, changed=True, verbatim=verbatim)


def put_if_unchanged(
    access: BookAccess,
    resource_name: str,
    existing: CardInfo | None,
    card: PreparedCard,
    actor: Actor,
    conditions: Conditions,
) -> SingleWrite[Stored] | None:
    """Return what does by one statement what ``put_in_place`` does, or nothing; for PostgreSQL.

    Args:
        access: a book as it was a moment ago.
        resource_name: the name of the card.
        existing: what had the name then.
        card: what to store.
        actor: who does.
        conditions: of the request.

    Returns:
        None if one statement cannot do it, or ``put_in_place`` is going to refuse it.

    Raises:
        PreconditionFailed: what was there a moment ago did not meet ``conditions``. So does the
            statement, if what is there by then does not.
    """
    if not (may_add(access) if existing is None else may_edit(access, existing.creator_id)):
        return None
    conditions.require(None if existing is None else existing.etag)
    if not _is_plain(access, existing, card):
        return None
    etag = make_etag(card.content_hash)
    stored = Stored(etag, created=existing is None, changed=True, verbatim=True)
    if existing is None:
        return add_if_unchanged(access, resource_name, card, actor, stored)
    return edit_if_unchanged(
        access,
        existing,
        card,
        actor,
        stored,
        changed=lambda content_hash: conditions.require(make_etag(content_hash)),
    )


def _is_plain(access: BookAccess, existing: CardInfo | None, card: PreparedCard) -> bool:
    """True if the card is to be stored as it is."""
    if access.check_policy != Policy.OFF or card.facts.card_uid is None:
        return False
    return existing is None or (
        existing.card_uid == card.card_uid
        and existing.content_hash != card.content_hash
        and (existing.version, card.facts.version) != ("4.0", "3.0")
    )


def _as_stored(place: Place, card: PreparedCard) -> tuple[PreparedCard, bool]:
    """Return the card as it is to be stored, and whether those are the octets that were sent."""
    name, existing, holder = place
    stored, verbatim = card, True
    if card.facts.card_uid is None:
        stored = add_uid(card, str(uuid.uuid4()) if existing is None else existing.card_uid)
        verbatim = False
    if existing is None:
        if holder is not None:
            raise UidConflict(
                f"The card {holder!r} of this address book has this UID.", resource_name=holder
            )
        return stored, verbatim
    if stored.card_uid != existing.card_uid:
        raise UidConflict("The UID of a card cannot change.", resource_name=name)
    if (existing.version, stored.facts.version) == ("4.0", "3.0"):
        stored = merge_into(existing.content, stored)
        verbatim = stored.octets == card.octets
    return stored, verbatim


def delete_card(
    connection: Connection,
    access: BookAccess,
    resource_name: str,
    actor: Actor,
    conditions: Conditions = UNCONDITIONAL,
) -> None:
    """Delete a card of an open book; see ``delete_in_place``."""
    existing = find_card(connection, access.book_id, resource_name)
    delete_in_place(connection, access, Place(resource_name, existing, None), actor, conditions)


def delete_in_place(
    connection: Connection, access: BookAccess, place: Place, actor: Actor, conditions: Conditions
) -> None:
    """Delete a card from a book that this transaction opened for writing; history keeps it.

    Raises:
        NotFound: there is no card.
        AccessDenied: the member may not delete it.
        PreconditionFailed: see ``Conditions``.
    """
    card = place.existing
    if card is None:
        raise no_card(place.resource_name)
    _require_privilege(access, card, missing="unbind")
    conditions.require(card.etag)
    remove_card(connection, access.book_id, card, actor)


def move_card(
    connection: Connection,
    source: BookAccess,
    resource_name: str,
    target: BookAccess,
    target_name: str,
    actor: Actor,
) -> Stored:
    """Move a card to another name or book, replacing what is there; both books are open.

    Raises:
        NotFound: there is no such card.
        AccessDenied: the member may not delete here or not store there.
        UidConflict: the target book has another card of this UID.
    """
    card = get_card(connection, source.book_id, resource_name)
    delete_card(connection, source, resource_name, actor)
    prepared = prepare_card(card.content, max_size=card.size)
    return put_card(connection, target, target_name, prepared, actor)


def may_add(access: BookAccess) -> bool:
    """True if the member may add cards to the book."""
    return not access.read_only and access.privilege >= Privilege.CREATE


def may_edit(access: BookAccess, creator_id: int | None) -> bool:
    """True if the member may change and delete a card that ``creator_id`` has added."""
    if access.read_only:
        return False
    if access.privilege is Privilege.EDIT_OWN:
        return creator_id == access.user_id
    return access.privilege >= Privilege.WRITE


def _require_privilege(
    access: BookAccess, existing: Card | None, missing: str = "write-content"
) -> None:
    if existing is None:
        if not may_add(access):
            raise AccessDenied("You may not add cards to this address book.", privileges=["bind"])
    elif not may_edit(access, existing.creator_id):
        raise AccessDenied("You may not change this card.", privileges=[missing])
