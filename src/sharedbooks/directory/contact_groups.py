"""Groups of a directory as contact groups of a book."""

from sharedbooks.directory.book_scan import Advance, Part, Scan, usable_id
from sharedbooks.directory.cards import card_uid, group_card
from sharedbooks.directory.groups import GroupGraph, group_attributes
from sharedbooks.directory.people import one_line


def group_cards(
    part: Part, group_filter: str, graph: GroupGraph, found: Scan, advance: Advance
) -> dict[str, tuple[str, bytes]]:
    """Return name and card of each group with members in the book, by the group's stable id.

    Who is in a group within a group is in both, as the configuration says (``nested``).

    Args:
        part: what the book shows.
        group_filter: which groups; empty: those of the configuration.
        graph: holds the entries of the book; the groups are added.
        found: the entries of the book.
        advance: is told of progress.

    Raises:
        DirectoryUnavailable: no server answers, or one stopped in the middle.
    """
    config = part.directory.config
    names = {}
    wanted = group_filter or config.group_filter
    for entry in part.directory.search(config.group_base, wanted, group_attributes(config)):
        advance(1)
        source_id = usable_id(part, entry)
        name = one_line(entry.text(config.group_name_attribute) or "")
        usable = source_id is not None and name and source_id not in found.entries
        graph.add_group(entry, source_id if usable else None)
        if usable and source_id is not None:
            names[source_id] = name
    if config.nested and wanted != config.group_filter:
        # Those that only stand between a group and its members.
        for entry in part.directory.search(
            config.group_base, config.group_filter, group_attributes(config)
        ):
            advance(1)
            graph.add_group(entry)
    made = {}
    for source_id, name in names.items():
        members = graph.members_of(source_id)
        if members:
            made[source_id] = (name, group_card(source_id, name, [*map(card_uid, members)]))
    return made
