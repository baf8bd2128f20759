"""How vCard 3.0 and 4.0 say the same thing, property by property.

What 3.0 has no property for is said the way Apple says it, as its programs read nothing else; what
Apple has no words for either is left out of 3.0. Parameters that both versions treat alike for all
properties are not looked at here.
"""

import re
from collections.abc import Callable
from urllib.parse import quote, unquote

from sharedbooks.vcard.contentlines import escape_text, split_structured, unescape_text
from sharedbooks.vcard.dates import parse_moment, parse_offset
from sharedbooks.vcard.media import media_30, media_40
from sharedbooks.vcard.properties import Property, is_uri
from sharedbooks.vcard.surroundings import Surroundings

ONLY_IN_40 = frozenset(
    {
        *("CLIENTPIDMAP", "LANG", "XML"),
        *("BIRTHPLACE", "DEATHDATE", "DEATHPLACE"),  # RFC 6474
        *("EXPERTISE", "HOBBY", "INTEREST", "ORG-DIRECTORY"),  # RFC 6715
        *("CONTACT-URI", "JSPROP"),  # RFC 8605, RFC 9555
        *("CREATED", "GRAMGENDER", "LANGUAGE", "PRONOUNS", "SOCIALPROFILE"),  # RFC 9554
    }
)
"""Properties of 4.0 that 3.0 has no words for."""

ONE_IN_30 = frozenset({"FN", "N"})
"""Properties that 3.0 wants exactly once, and 4.0 may have several of (RFC 6350, 6.2.1)."""

_APPLE_LABEL = re.compile(r"_\$!<(.*)>!\$_")
_ANNIVERSARY_LABEL = "_$!<Anniversary>!$_"

# Year of a date without year: Apple's choice, because it has a 29 February.
_NO_YEAR = "1604"

_PART_OF_DATE = re.compile(r"[-+\d:TZ]+", re.ASCII)

# Relation words of Apple that RFC 6350, section 6.6.6, has a more general word for.
_RELATIONS = {
    **dict.fromkeys(("mother", "father"), "parent"),
    **dict.fromkeys(("brother", "sister"), "sibling"),
    **dict.fromkeys(("son", "daughter"), "child"),
    **dict.fromkeys(("wife", "husband", "partner"), "spouse"),
    "assistant": "agent",
    **{
        name: name
        for name in (
            *("contact", "acquaintance", "friend", "met", "co-worker", "colleague", "co-resident"),
            *("neighbor", "child", "parent", "sibling", "spouse", "kin", "muse", "crush", "date"),
            *("sweetheart", "me", "agent", "emergency"),
            "manager",  # not in the RFC, but in the programs of Apple and Android
        )
    },
}
_RELATION_LABELS = {
    **{
        name: f"_$!<{name.title()}>!$_"
        for name in ("parent", "child", "friend", "spouse", "manager")
    },
    "agent": "_$!<Assistant>!$_",
}

_GENDERS_40 = {"male": "M", "female": "F", **{sex.lower(): sex for sex in "MFONU"}}
_GENDERS_30 = {"M": "Male", "F": "Female"}

_GEO_URI = re.compile(r"geo:(-?[\d.]+)\\?,(-?[\d.]+)", re.IGNORECASE | re.ASCII)
_GEO_30 = re.compile(r"\s*([+-]?[\d.]+)\s*\\?[;,]\s*([+-]?[\d.]+)\s*", re.ASCII)
_INLINE_CARD = re.compile(r"data:text/(?:x-)?vcard[^,]*,", re.IGNORECASE)


Rule = Callable[[Property, Surroundings], list[Property]]
"""Says a property in the other version, in as many properties as that takes."""


def _alone(convert: Callable[[Property], Property | None]) -> Rule:
    def rule(prop: Property, _around: Surroundings) -> list[Property]:
        converted = convert(prop)
        return [] if converted is None else [converted]

    return rule


def _renamed(name: str) -> Rule:
    return lambda prop, _: [prop._replace(name=name)]


def _hidden(_prop: Property, _around: Surroundings) -> list[Property]:
    return []


def _date_40(prop: Property) -> Property:
    params = prop.without("VALUE", "X-APPLE-OMIT-YEAR")
    moment = parse_moment(prop.value)
    if moment is None:
        # 4.0 knows dates that 3.0 does not, and a program may write them into a 3.0 card.
        if prop.value and not _PART_OF_DATE.fullmatch(prop.value):
            params += (("VALUE", ("text",)),)
        return prop._replace(params=params)
    if moment.year and moment.year in prop.param_values("X-APPLE-OMIT-YEAR"):
        moment = moment._replace(year=None, clock=(), zone=())
    return prop._replace(value=moment.basic(), params=params)


def _date_30(prop: Property) -> Property | None:
    calendar = next(iter(prop.param_values("CALSCALE")), "gregorian").lower()
    moment = parse_moment(prop.value)
    if moment is None or calendar != "gregorian" or prop.value_type() == "text":
        return None
    params = prop.without("VALUE")
    if moment.year is None:
        moment = moment._replace(year=_NO_YEAR, clock=(), zone=())
        params = (("X-APPLE-OMIT-YEAR", (_NO_YEAR,)), *params)
    return prop._replace(value=moment.extended(), params=params)


def _anniversary_40(prop: Property, around: Surroundings) -> list[Property]:
    is_labelled = prop.name == "X-ABDATE"
    if is_labelled and around.label(prop.prop_group).lower() != _ANNIVERSARY_LABEL.lower():
        return [prop]
    if parse_moment(prop.value) is None or not around.claim("ANNIVERSARY"):
        return [prop]
    if is_labelled:
        around.absorb_label(prop.prop_group)
    return [_date_40(prop)._replace(name="ANNIVERSARY")]


def _anniversary_30(prop: Property, around: Surroundings) -> list[Property]:
    date = _date_30(prop)
    if date is None:
        return []
    return _labelled(date._replace(name="X-ABDATE"), _ANNIVERSARY_LABEL, around)


def _labelled(prop: Property, label: str, around: Surroundings) -> list[Property]:
    if not label or around.label(prop.prop_group):
        return [prop]
    prop_group = around.group_to_label(prop.prop_group)
    return [
        prop._replace(prop_group=prop_group),
        Property("X-ABLABEL", escape_text(label), prop_group=prop_group),
    ]


def _revision_40(prop: Property) -> Property:
    moment = parse_moment(prop.value)
    if moment is None:
        return prop
    if not moment.clock:
        moment = moment._replace(clock=("00", "00", "00"), zone=("Z",))
    return prop._replace(value=moment.basic(), params=prop.without("VALUE"))


def _revision_30(prop: Property) -> Property:
    moment = parse_moment(prop.value)
    if moment is None:
        return prop
    return prop._replace(value=moment.extended(), params=prop.without("VALUE"))


def _kind_40(prop: Property, around: Surroundings) -> list[Property]:
    kind = prop.value.strip().lower()
    if prop.name == "X-ABSHOWAS":
        if kind != "company":
            return [prop]
        kind = "org"
    if not around.claim("KIND"):
        return [prop]
    return [prop._replace(name="KIND", value=kind)]


def _kind_30(prop: Property) -> Property | None:
    kind = prop.value.strip().lower()
    if kind == "group":
        return prop._replace(name="X-ADDRESSBOOKSERVER-KIND", value=kind)
    return prop._replace(name="X-ABSHOWAS", value="COMPANY") if kind == "org" else None


def _gender_40(prop: Property, around: Surroundings) -> list[Property]:
    if not around.claim("GENDER"):
        return [prop]
    sex, *identity = split_structured(prop.value)
    known = _GENDERS_40.get(sex.strip().lower())
    if known is not None:
        value = ";".join([known, *identity])
    else:
        value = prop.value if not sex else f";{prop.value}"
    return [prop._replace(name="GENDER", value=value)]


def _gender_30(prop: Property) -> Property:
    sex, *identity = split_structured(prop.value)
    if not sex and len(identity) == 1 and identity[0].strip().lower() not in _GENDERS_40:
        return prop._replace(name="X-GENDER", value=identity[0])
    value = ";".join([_GENDERS_30.get(sex.upper(), sex), *identity])
    return prop._replace(name="X-GENDER", value=value)


def _related_40(prop: Property, around: Surroundings) -> list[Property]:
    label = around.label(prop.prop_group)
    match = _APPLE_LABEL.fullmatch(label)
    relation = _RELATIONS.get((match[1] if match else label).lower())
    params = (*prop.without("VALUE", "TYPE"), ("VALUE", ("text",)))
    types = (*([relation] if relation else []), *prop.types())
    if relation and label == _RELATION_LABELS.get(relation, relation):
        around.absorb_label(prop.prop_group)
    if types:
        params = (("TYPE", types), *params)
    return [prop._replace(name="RELATED", params=params)]


def _related_30(prop: Property, around: Surroundings) -> list[Property]:
    relations = [value.lower() for value in prop.types() if value.lower() in _RELATIONS]
    params = prop.without("VALUE", "TYPE")
    others = tuple(value for value in prop.types() if value.lower() not in _RELATIONS)
    if others:
        params = (("TYPE", others), *params)
    if prop.value_type() != "text" and is_uri(prop.value):
        # Apple takes the value for a name: it would show the address of the other card.
        return [_agent_30(prop._replace(params=params))] if relations == ["agent"] else []
    relation = relations[0] if relations else ""
    label = _RELATION_LABELS.get(relation, relation)
    return _labelled(prop._replace(name="X-ABRELATEDNAMES", params=params), label, around)


def _agent_40(prop: Property, _around: Surroundings) -> list[Property]:
    params = (("TYPE", ("agent",)), *prop.without("VALUE", "TYPE"))
    text = unescape_text(prop.value)
    if text[:11].upper() == "BEGIN:VCARD":
        value = f"data:text/vcard;charset=utf-8,{quote(text)}"
        return [prop._replace(name="RELATED", value=value, params=params)]
    if not is_uri(prop.value):
        params += (("VALUE", ("text",)),)
    return [prop._replace(name="RELATED", params=params)]


def _agent_30(prop: Property) -> Property:
    card = _INLINE_CARD.match(prop.value)
    if card and ";base64," not in card[0].lower():
        return prop._replace(name="AGENT", value=escape_text(unquote(prop.value[card.end() :])))
    return prop._replace(name="AGENT", params=(*prop.params, ("VALUE", ("uri",))))


def _telephone_30(prop: Property) -> Property:
    params = prop.without("VALUE")
    if prop.value[:4].lower() != "tel:":
        return prop._replace(params=params)
    number, *additions = (unquote(part) for part in prop.value[4:].replace("\\;", ";").split(";"))
    extension = next((part[4:] for part in additions if part.lower().startswith("ext=")), "")
    text = f"{number} ext. {extension}" if extension else number
    return prop._replace(value=escape_text(text), params=params)


def _position_40(prop: Property) -> Property:
    match = _GEO_30.fullmatch(prop.value)
    if match is None:
        return prop
    return prop._replace(value=f"geo:{match[1]},{match[2]}", params=prop.without("VALUE"))


def _position_30(prop: Property) -> Property | None:
    match = _GEO_URI.match(prop.value)
    if match is None:
        return None
    return prop._replace(value=f"{match[1]};{match[2]}", params=prop.without("VALUE"))


def _time_zone_40(prop: Property) -> Property:
    offset = None if prop.value_type() == "text" else parse_offset(prop.value)
    if offset is None:
        return prop
    params = (*prop.without("VALUE"), ("VALUE", ("utc-offset",)))
    return prop._replace(value="".join(offset), params=params)


def _time_zone_30(prop: Property) -> Property | None:
    params = prop.without("VALUE")
    offset = parse_offset(prop.value)
    if offset is not None:
        return prop._replace(value=":".join(offset), params=params)
    if prop.value_type() == "uri":
        return None
    return prop._replace(params=(*params, ("VALUE", ("text",))))


def _cut(value: str, length: int) -> str:
    # RFC 9554 adds components that repeat, more finely, what the old ones say.
    return ";".join(split_structured(value)[:length])


def _name_30(prop: Property, _around: Surroundings) -> list[Property]:
    names = [prop._replace(value=_cut(prop.value, 5))]
    sorted_as = ",".join(prop.param_values("SORT-AS"))
    if sorted_as:
        names.append(Property("SORT-STRING", escape_text(sorted_as)))
    return names


def _address_30(prop: Property, _around: Surroundings) -> list[Property]:
    value = _cut(prop.value, 7)
    label = ",".join(prop.param_values("LABEL"))
    # RFC 6350 writes line breaks of LABEL as \n, RFC 6868 came later.
    text = label if "\n" in label else unescape_text(label)
    params = tuple(param for param in prop.params if param[0] in {"TYPE", "PREF"})
    labels = [Property("LABEL", escape_text(text), params, prop.prop_group)] if text else []
    return labels if labels and not value.strip(";") else [prop._replace(value=value), *labels]


def _label_40(prop: Property) -> Property:
    # A LABEL without its ADR, which convert looks for.
    params = (*prop.params, ("LABEL", (unescape_text(prop.value),)))
    return prop._replace(name="ADR", value=";;;;;;", params=params)


RULES_40: dict[str, Rule] = {
    **dict.fromkeys(("PHOTO", "LOGO", "SOUND", "KEY"), _alone(media_40)),
    **dict.fromkeys(("X-ADDRESSBOOKSERVER-KIND", "X-ABSHOWAS"), _kind_40),
    **dict.fromkeys(("X-ABDATE", "X-ANNIVERSARY"), _anniversary_40),
    "AGENT": _agent_40,
    "BDAY": _alone(_date_40),
    "CLASS": _renamed("X-CLASS"),
    "GEO": _alone(_position_40),
    "LABEL": _alone(_label_40),
    "MAILER": _renamed("X-MAILER"),
    "NAME": _renamed("X-SOURCE-NAME"),
    "PROFILE": _hidden,
    "REV": _alone(_revision_40),
    "TZ": _alone(_time_zone_40),
    "X-ABRELATEDNAMES": _related_40,
    "X-ADDRESSBOOKSERVER-MEMBER": _renamed("MEMBER"),
    "X-GENDER": _gender_40,
}
"""How a property of 3.0 is said in 4.0; one that is not here needs no words of its own."""

RULES_30: dict[str, Rule] = {
    **dict.fromkeys(ONLY_IN_40, _hidden),
    **dict.fromkeys(("PHOTO", "LOGO", "SOUND", "KEY"), _alone(media_30)),
    "ADR": _address_30,
    "ANNIVERSARY": _anniversary_30,
    "BDAY": _alone(_date_30),
    "GENDER": _alone(_gender_30),
    "GEO": _alone(_position_30),
    "KIND": _alone(_kind_30),
    "MEMBER": _renamed("X-ADDRESSBOOKSERVER-MEMBER"),
    "N": _name_30,
    "RELATED": _related_30,
    "REV": _alone(_revision_30),
    "TEL": _alone(_telephone_30),
    "TZ": _alone(_time_zone_30),
    "X-CLASS": _renamed("CLASS"),
    "X-MAILER": _renamed("MAILER"),
    "X-SOURCE-NAME": _renamed("NAME"),
}
"""How a property of 4.0 is said in 3.0; one that is not here needs no words of its own."""
