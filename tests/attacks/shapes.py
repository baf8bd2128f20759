"""Inputs that grow with a number, each made to be as bad as it can for some way of reading it."""

from collections.abc import Callable, Mapping

Shape = Callable[[int], bytes]


def card(*lines: bytes, version: bytes = b"3.0") -> bytes:
    """Return a card with those lines."""
    begin = (b"BEGIN:VCARD", b"VERSION:" + version, b"UID:ann", b"FN:Ann Example")
    return b"\r\n".join((*begin, *lines, b"END:VCARD", b""))


def _valued(name: bytes, before: bytes, repeated: bytes, after: bytes) -> Shape:
    return lambda n: card(name + b":" + before + repeated * n + after)


def _many(line: bytes, version: bytes = b"3.0") -> Shape:
    return lambda n: card(*(line.replace(b"#", b"%d" % at) for at in range(n)), version=version)


def _jcard(properties: bytes) -> bytes:
    return b'["vcard",[["version",{},"text","4.0"],["fn",{},"text","a"],' + properties + b"]]"


def _multistatus(inside: bytes) -> bytes:
    return b'<D:multistatus xmlns:D="DAV:">' + inside + b"</D:multistatus>"


_VALUES: Mapping[str, tuple[bytes, bytes, bytes]] = {
    "spaces": (b"", b" ", b"x"),
    "spaces and a bracket": (b"", b" ", b"<"),
    "tabs before a quote": (b"x", b"\t", b'"'),
    "letters": (b"", b"a", b""),
    "capitals": (b"", b"A ", b"!"),
    "digits": (b"+", b"1", b"x"),
    "digits and blanks": (b"+41", b"1 ", b"x"),
    "dashes": (b"1", b"-", b"1"),
    "brackets": (b"", b"(", b"1"),
    "pairs of brackets": (b"", b"(1)", b"x"),
    "dots": (b"a", b".", b"@"),
    "labels": (b"a@", b"b.", b"!"),
    "ats": (b"a", b"@", b"b"),
    "angles": (b"", b"<", b"a@b.ch"),
    "pluses": (b"a", b"+", b"@b.ch"),
    "quotes": (b'"', b'a"', b"@b.ch"),
    "commas": (b"", b"a,", b""),
    "semicolons": (b"", b"a;", b""),
    "backslashes": (b"", b"\\", b""),
    "escaped newlines": (b"", b"\\n", b""),
    "combining marks": (b"e", "\N{COMBINING ACUTE ACCENT}".encode(), b""),
    "words": (b"", b"ab ", b""),
    "emoji": (b"", "\N{GRINNING FACE}".encode(), b""),
    "equals": (b"", b"=", b""),
    "folds": (b"", b"\r\n x", b""),
    "folds of nothing": (b"", b"\r\n ", b""),
    "base64": (b"", b"QUJD", b"!"),
    "percents": (b"data:,", b"%41", b"%"),
    "carets": (b"", b"^n", b""),
    "date digits": (b"", b"19800131T", b"Z"),
}
_PROPERTIES = (
    *(b"TEL", b"EMAIL", b"BDAY", b"FN", b"N", b"ORG", b"ADR", b"NOTE", b"CATEGORIES", b"PHOTO"),
    *(b"X-ABDATE", b"IMPP", b"URL", b"MEMBER", b"GEO", b"RELATED", b"TITLE", b"X-ABLABEL"),
    *(b"NOTE;ENCODING=QUOTED-PRINTABLE", b"PHOTO;ENCODING=b", b"X-INT;VALUE=integer"),
)

CARDS: Mapping[str, Shape] = {
    **{
        f"{name.decode()}: {what}": _valued(name, *parts)
        for name in _PROPERTIES
        for what, parts in _VALUES.items()
    },
    "lines alike": _many(b"TEL:+4144000#"),
    "lines alike in 4.0": _many(b"TEL:+4144000#", b"4.0"),
    "groups": _many(b"item#.TEL:1\r\nitem#.X-ABLabel:x"),
    "one group": _many(b"item1.TEL:#\r\nitem1.X-ABLabel:#"),
    "names": _many(b"X-NAME-#:x"),
    "addresses with labels": _many(b"ADR;TYPE=home:;;S #;C;;;\r\nLABEL;TYPE=home:S #"),
    "alternatives": _many(b"NOTE;ALTID=#:x", b"4.0"),
    "birthdays": _many(b"BDAY:198001#"),
    "related": _many(b"item#.X-ABRELATEDNAMES:a\r\nitem#.X-ABLabel:b"),
    "members": _many(b"MEMBER:urn:uuid:#", b"4.0"),
    "apple members": _many(b"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:#"),
    "social profiles": _many(b"X-SOCIALPROFILE;TYPE=x#:http://x/#"),
    "messengers": _many(b"X-JABBER:a#\r\nIMPP:xmpp:a#"),
    "categories": _many(b"CATEGORIES:a#,b#"),
    "versions": _many(b"VERSION:3.0"),
    "names of one": _many(b"N:a#;b;;;"),
    "names that Apple prefers": lambda n: card(
        b"PRODID:-//Apple Inc.//iOS 17//EN", *[b"X-NAME-%d;TYPE=pref:x" % i for i in range(n)]
    ),
    "notes": _many(b"NOTE:a #"),
    "types of one number": _many(b"TEL;TYPE=t#:+41440000000"),
    "parameters of one number": _many(b"TEL;X=#:+41440000000"),
    "labels after addresses": lambda n: card(
        *[b"ADR:;;S %d;C;;;" % i for i in range(n)], *[b"LABEL:S %d" % i for i in range(n)]
    ),
    "quoted-printable": _many(b"NOTE;ENCODING=QUOTED-PRINTABLE:a=\r\n=41#"),
    "open quotes": _many(b'X;A=":#'),
    "unfinished quoted-printable": _many(b"X;ENCODING=QUOTED-PRINTABLE:="),
    "no colons": lambda n: card(*[b"X"] * n),
    "blank lines": lambda n: card(b"\r\n" * n),
    "carriage returns": lambda n: card(b"X:a" + b"\r" * n),
    "parameters": lambda n: card(b"TEL" + b";TYPE=a" * n + b":1"),
    "bare parameters": lambda n: card(b"TEL" + b";A" * n + b":1"),
    "different parameters": lambda n: card(
        b"TEL" + b"".join(b";A%d=b" % i for i in range(n)) + b":"
    ),
    "types in a list": lambda n: card(b"TEL;TYPE=" + b"a," * n + b":1"),
    "quoted parameter": lambda n: card(b'TEL;X="' + b"a;" * n + b'":1'),
    "unclosed quotes": lambda n: card(b'TEL;X="' + b'a"b"' * n + b":1"),
    "parameters without colon": lambda n: card(b"TEL" + b';A="b"' * n),
    "folded parameters": lambda n: card(b"TEL" + b";A=b\r\n " * n + b":1"),
    "folded name": lambda n: card(b"T\r\n " * n + b"EL:1"),
    "deep group": lambda n: card(b"a." * n + b"TEL:1"),
    "long name": lambda n: card(b"X-" + b"a" * n + b":1"),
    "long name without colon": lambda n: card(b"a" * n),
    "cards inside": lambda n: card(*[b"AGENT:", b"BEGIN:VCARD", b"VERSION:2.1"] * n),
    "closed cards inside": lambda n: card(*[b"AGENT:", b"BEGIN:VCARD", b"END:VCARD"] * n),
    "begins": lambda n: b"BEGIN:VCARD\r\n" * n,
    "ends": lambda n: b"END:VCARD\r\n" * n,
    "labels of 2.1": _many(b"LABEL;HOME;ENCODING=BASE64:QQ\r\n\r\n", b"2.1"),
    "base64 of 2.1": lambda n: card(b"PHOTO;BASE64:", *[b"QUJD"] * n, version=b"2.1"),
}
"""Cards that become longer in one way or another."""

FILES: Mapping[str, Mapping[str, Shape]] = {
    "csv": {
        "rows": lambda n: b"First name,E-mail 1 - Value\r\n" + b"Ann,a@b.ch\r\n" * n,
        "columns": lambda n: b",".join(b"Phone %d - Value" % i for i in range(n)) + b"\r\nx\r\n",
        "cells": lambda n: b"First name,Notes\r\nAnn" + b"," * n,
        "a long cell": lambda n: b'First name,Notes\r\nAnn,"' + b"a\n" * n + b'"\r\n',
        "quotes": lambda n: b'First name,Notes\r\nAnn,"' + b'""' * n,
        "categories": lambda n: b"First name,Labels\r\nAnn," + b"a ::: " * n,
    },
    "ldif": {
        "entries": lambda n: b"".join(b"dn: cn=%d\ncn: Ann %d\n\n" % (i, i) for i in range(n)),
        "values": lambda n: b"dn: cn=a\ncn: Ann\n" + b"mail: a@b.ch\n" * n,
        "different values": lambda n: (
            b"dn: cn=a\ncn: Ann\n" + b"".join(b"mail: a%d@b.ch\n" % i for i in range(n))
        ),
        "attributes": lambda n: (
            b"dn: cn=a\ncn: Ann\n" + b"".join(b"a%d: b\n" % i for i in range(n))
        ),
        "names": lambda n: b"dn: cn=a\n" + b"cn: Ann\n" * n,
        "folds": lambda n: b"dn: cn=a\ncn: A" + b"\n n" * n + b"\n",
        "comments": lambda n: b"#\n" * n + b"dn: cn=a\ncn: Ann\n",
        "members": lambda n: (
            b"dn: cn=a\ncn: A\nobjectClass: groupOfNames\n"
            + b"".join(b"member: cn=%d,dc=b\n" % i for i in range(n))
        ),
        "base64": lambda n: b"dn: cn=a\ncn: Ann\njpegPhoto:: " + b"QUJD" * n + b"\n",
    },
    "jcard": {
        "properties": lambda n: _jcard(b",".join([b'["tel",{},"uri","tel:1"]'] * n)),
        "parameters": lambda n: _jcard(
            b'["tel",{"x":"y"' + b"".join(b',"p%d":"a"' % i for i in range(n)) + b'},"uri","tel:1"]'
        ),
        "values": lambda n: _jcard(b'["categories",{},"text"' + b',"a"' * n + b"]"),
        "components": lambda n: _jcard(b'["n",{},"text",["a"' + b',"b"' * n + b"]]"),
        "brackets": lambda n: b"[" * n,
    },
    "multistatus": {
        "responses": lambda n: _multistatus(
            b"<D:response><D:href>/a</D:href><D:status>HTTP/1.1 404 a</D:status></D:response>" * n
        ),
        "hrefs": lambda n: _multistatus(
            b"<D:response>" + b"<D:href>/a</D:href>" * n + b"</D:response>"
        ),
        "properties": lambda n: _multistatus(
            b"<D:response><D:href>/a</D:href><D:propstat><D:prop>"
            + b"<D:displayname>x</D:displayname>" * n
            + b"</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
        ),
        "propstats": lambda n: _multistatus(
            b"<D:response><D:href>/a</D:href>"
            + b"<D:propstat><D:prop><D:displayname/></D:prop></D:propstat>" * n
            + b"</D:response>"
        ),
        "text": lambda n: _multistatus(b"&lt;" * n),
    },
    "directory": {
        "parts of a name": lambda n: b",".join([b"cn=a"] * n),
        "values of a part": lambda n: b"+".join([b"cn=a"] * n),
        "backslashes": lambda n: b"cn=" + b"\\," * n,
        "brackets": lambda n: b"(" * n + b"cn=a" + b")" * n,
        "spaces": lambda n: b"cn=" + b" " * n + b"x",
    },
}
"""Other inputs, by the fuzz target that reads them."""
