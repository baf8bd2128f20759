"""PHOTO, LOGO, SOUND and KEY: ``ENCODING=b`` and TYPE in 3.0, a ``data:`` URI in 4.0."""

import re
from base64 import b64encode
from urllib.parse import unquote_to_bytes

from sharedbooks.vcard.properties import Params, Property, is_uri

_DATA_URI = re.compile(r"data:([^;,\\]*)((?:\\?;[^;,\\]*)*)\\?,", re.IGNORECASE)
_BASE64_PARAM = re.compile(r";\s*base64\Z", re.IGNORECASE)
_UNKNOWN = "application/octet-stream"

# What base64 of a picture begins with.
_BEGINNINGS = {
    "/9j/": "image/jpeg",
    "iVBORw0KGgo": "image/png",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
}
_FAMILIES = {"PHOTO": "image", "LOGO": "image", "SOUND": "audio", "KEY": "application"}
_FORMATS = {
    ("KEY", "PGP"): "application/pgp-keys",
    ("KEY", "X509"): "application/pkix-cert",
    ("PHOTO", "JPG"): "image/jpeg",
    ("LOGO", "JPG"): "image/jpeg",
}
_FORMATS_30 = {
    ("KEY", "application/pgp-keys"): "PGP",
    ("KEY", "application/pkix-cert"): "X509",
    ("KEY", "application/x-x509-ca-cert"): "X509",
}
# TYPE says the format of the data in 3.0; these other words in it say what it is for.
_NO_FORMATS = frozenset({"HOME", "WORK", "PREF"})


def media_40(prop: Property) -> Property:
    """Return a PHOTO, LOGO, SOUND or KEY of 3.0 as 4.0 has it (RFC 2426, section 3.1.4)."""
    media_type, rest = _media_type(prop)
    if is_uri(prop.value):
        if media_type and prop.value[:5].lower() != "data:":
            rest += (("MEDIATYPE", (media_type,)),)
        elif not prop.param_values("ENCODING"):
            return prop
        return prop._replace(params=rest)
    guess = _guess(prop.value)
    if not (guess or _is_base64(prop)):
        if prop.name == "KEY" and prop.value and not prop.value_type():
            return prop._replace(params=(*prop.params, ("VALUE", ("text",))))
        return prop
    payload = "".join(prop.value.split())
    value = f"data:{media_type or guess or _UNKNOWN};base64,{payload}"
    return prop._replace(value=value, params=tuple(p for p in rest if p[0] != "VALUE"))


def media_30(prop: Property) -> Property:
    """Return a PHOTO, LOGO, SOUND or KEY of 4.0 as 3.0 has it (RFC 6350, section 6.2.4)."""
    mentioned = next(iter(prop.param_values("MEDIATYPE")), "").partition(";")[0]
    params = prop.without("VALUE", "MEDIATYPE")
    data = _DATA_URI.match(prop.value)
    if data is not None:
        payload = prop.value[data.end() :]
        if not _BASE64_PARAM.search(data[2]):
            payload = b64encode(unquote_to_bytes(payload)).decode()
        elif "%" in payload:
            payload = unquote_to_bytes(payload).decode("latin-1")
        params += (("ENCODING", ("b",)), *_format_param(prop.name, data[1] or mentioned))
        return prop._replace(value=payload, params=params)
    if prop.value_type() != "text" and is_uri(prop.value):
        params += (("VALUE", ("uri",)), *_format_param(prop.name, mentioned))
    return prop._replace(params=params)


def _is_base64(prop: Property) -> bool:
    encodings = {encoding.upper() for encoding in prop.param_values("ENCODING")}
    return not encodings.isdisjoint({"B", "BASE64"}) or prop.value_type() == "binary"


def _guess(value: str) -> str:
    for beginning, media_type in _BEGINNINGS.items():
        if value.startswith(beginning):
            return media_type
    return ""


def _media_type(prop: Property) -> tuple[str, Params]:
    """Return the media type that TYPE gives, and the parameters without it and the encoding."""
    types = prop.types()
    found = next((value for value in types if value.upper() not in _NO_FORMATS), None)
    if found is None:
        return "", prop.without("ENCODING")
    types.remove(found)
    rest = prop.without("ENCODING", "TYPE")
    if types:
        rest += (("TYPE", tuple(types)),)
    if "/" in found:
        return found.lower(), rest
    family = _FAMILIES[prop.name]
    return _FORMATS.get((prop.name, found.upper()), f"{family}/{found.lower()}"), rest


def _format_param(name: str, media_type: str) -> Params:
    media_type = media_type.strip().lower()
    if media_type in {"", _UNKNOWN}:
        return ()
    family, _, subtype = media_type.partition("/")
    plain = subtype.upper() if family == _FAMILIES[name] else media_type
    return (("TYPE", (_FORMATS_30.get((name, media_type), plain),)),)
