"""What the conversion of a line must know of the rest of the card: groups, labels, claims."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sharedbooks.vcard.contentlines import ContentLine, text_value

_ITEM = re.compile(r"item(\d{1,6})", re.IGNORECASE | re.ASCII)


@dataclass(slots=True)
class Surroundings:
    """What the conversion of a line must know of the lines around it.

    Attributes:
        labels: text of each X-ABLabel by its group in lower case.
        sizes: how many other lines each group has.
        next_item: number of the next free ``item`` group.
        claimed: names that are in the card; of some properties there may be only one.
        absorbed: groups whose X-ABLabel is said in other words.
    """

    labels: dict[str, str] = field(default_factory=dict)
    sizes: Counter[str] = field(default_factory=Counter)
    next_item: int = 1
    claimed: set[str] = field(default_factory=set)
    absorbed: set[str] = field(default_factory=set)

    def claim(self, name: str) -> bool:
        """Tell whether ``name`` was free; it is no longer."""
        if name in self.claimed:
            return False
        self.claimed.add(name)
        return True

    def label(self, prop_group: str | None) -> str:
        """Return the Apple label of a group, or an empty string."""
        return self.labels.get(prop_group.lower(), "") if prop_group else ""

    def free_group(self) -> str:
        """Return a group name that nothing uses."""
        self.next_item += 1
        return f"item{self.next_item - 1}"

    def group_to_label(self, prop_group: str | None) -> str:
        """Return the group a property needs to get a label: its own if it is alone in it."""
        if prop_group and self.sizes[prop_group.lower()] == 1:
            return prop_group
        return self.free_group()

    def absorb_label(self, prop_group: str | None) -> None:
        """Leave out the label of a group, unless other lines have it too."""
        if prop_group and self.sizes[prop_group.lower()] == 1:
            self.absorbed.add(prop_group.lower())


def look_around(lines: Iterable[ContentLine]) -> Surroundings:
    """Return the surroundings of the lines of a card."""
    around = Surroundings()
    for line in lines:
        around.claimed.add(line.name)
        if line.prop_group is None:
            continue
        prop_group = line.prop_group.lower()
        if line.name == "X-ABLABEL":
            around.labels[prop_group] = text_value(line).strip()
        else:
            around.sizes[prop_group] += 1
        item = _ITEM.fullmatch(prop_group)
        if item:
            around.next_item = max(around.next_item, int(item[1]) + 1)
    return around
