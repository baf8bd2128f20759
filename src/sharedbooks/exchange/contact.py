"""A contact as tables have it: named texts, and lists of values with a label each."""

from dataclasses import dataclass, field

NAME_PARTS = ("family", "given", "additional", "prefix", "suffix")
"""The components of N in their order (RFC 6350, section 6.2.2)."""

ADDRESS_PARTS = ("pobox", "extended", "street", "city", "region", "code", "country")
"""The components of ADR in their order (RFC 6350, section 6.3.1)."""

ORG_PARTS = ("name", "unit")
"""Organisation and department; further units are joined to the department."""

TEXTS = frozenset(
    {
        *(f"N.{part}" for part in NAME_PARTS),
        *(f"ORG.{part}" for part in ORG_PARTS),
        *("FN", "NICKNAME", "TITLE", "ROLE", "NOTE", "BDAY", "ANNIVERSARY", "GENDER", "UID"),
        *("PHOTO", "TZ"),
    }
)
"""What a contact has once; PHOTO is a URI, with the picture in it or of a place where it is."""

LISTS = frozenset({"TEL", "EMAIL", "ADR", "URL", "IMPP", "RELATED", "DATE", "FIELD"})
"""What a contact has any number of; DATE is another day of the year, FIELD something of its own."""


@dataclass(slots=True)
class Entry:
    """One value of those a contact has several of.

    Attributes:
        value: the value; of an address, empty.
        types: TYPE words in upper case (``WORK``, ``CELL``), without ``PREF``.
        label: what people call it where no type says so; of FIELD, its name.
        is_preferred: whether it is the first choice.
        parts: the components of an address by ``ADDRESS_PARTS``.
    """

    value: str = ""
    types: tuple[str, ...] = ()
    label: str = ""
    is_preferred: bool = False
    parts: dict[str, str] = field(default_factory=dict)

    def is_empty(self) -> bool:
        """True if it says nothing."""
        return not self.value and not any(self.parts.values())


@dataclass(slots=True)
class Contact:
    """What a table knows of one contact.

    Attributes:
        texts: values by the names in ``TEXTS``; dates as ``1980-01-31`` or ``--01-31``.
        lists: values by the names in ``LISTS``.
        categories: the groups it is in.
    """

    texts: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[Entry]] = field(default_factory=dict)
    categories: list[str] = field(default_factory=list)

    def add(self, name: str, entry: Entry) -> None:
        """Add a value to a list, unless it says nothing."""
        if not entry.is_empty():
            self.lists.setdefault(name, []).append(entry)

    def display_name(self) -> str:
        """Return the name to show: FN, else made of N, the organisation, an address or a number."""
        order = ("given", "additional", "family", "suffix")
        name = " ".join(filter(None, (self.texts.get(f"N.{part}", "") for part in order)))
        values = (entry.value for name in ("EMAIL", "TEL") for entry in self.lists.get(name, ()))
        candidates = [
            self.texts.get("FN", ""),
            name,
            self.texts.get("NICKNAME", ""),
            self.texts.get("ORG.name", ""),
            *values,
        ]
        return next((each for each in candidates if each.strip()), "")
