"""What a request asks for, in the words of policies: its method, and its path with identifiers left out.

Istio compares a path without its query, normalised as istio.io/latest/docs/reference/config/security/normalization says
of BASE, its default: dot segments are resolved, a backslash is a slash, letters, digits and `-._~` are never encoded.
Slashes are not merged. Envoy logs paths as it compared them; other observers log what the client sent.

Queries and fragments hold secrets and are dropped here, before anything is kept. Segments that look like identifiers
stand as `{*}`, one segment of Istio's templates. `{**}` stands for a rest of any kind: what no template can hold.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

ONE: Final = "{*}"
REST: Final = "{**}"
LONGEST: Final = 512
"""Characters of a path; what follows is a rest."""
LONGEST_TARGET: Final = 4096
"""Characters of a target; a longer one is not looked at."""
DEEPEST: Final = 16
"""Segments of a path; what follows is a rest."""
METHODS: Final = frozenset(
    (
        *("ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "COPY", "DELETE", "GET", "HEAD", "LABEL", "LINK"),
        *("LOCK", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "OPTIONS"),
        *("ORDERPATCH", "PATCH", "POST", "PROPFIND", "PROPPATCH", "PUT", "QUERY", "REBIND", "REPORT", "SEARCH"),
        *("TRACE", "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE", "UPDATEREDIRECTREF", "VERSION-CONTROL"),
    )
)
"""iana.org/assignments/http-methods, but CONNECT, which opens a connection and asks for nothing."""
_UNRESERVED = re.compile(r"%(2[dDeE]|3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aAeE])")
_LETTERS = r"[a-zA-Z0-9\-._~%!$&'()+,;:@]"
"""What a segment of a template may have: uri_template_internal.cc of Envoy."""
_FITS = re.compile(rf"/(?:{_LETTERS}+/)*{_LETTERS}*")
_SEGMENT = re.compile(rf"{_LETTERS}+")
_HEX = r"(?=[a-fA-F]*\d)[0-9a-fA-F]{8,}"
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_LONG = 65
"""Characters that no word has."""
_IDENTIFIER = re.compile(
    rf"""/(?:
      [+-]?\d+ | {_UUID} | {_HEX} | \d+(?:\.\d+)+
    | \d{{4}}-\d\d(?:-\d\d(?:T[\d:.+Z-]*)?)?                              # 2026-10-23T10:00:00Z
    | [a-zA-Z]+[-_]\d{{3,}}                                               # order-12345
    | (?:\d+|{_UUID}|[\w-]*[.-]{_HEX}|{_HEX})(?:\.[a-z][a-z0-9]{{0,4}})+  # 17.pdf, app.3f2a9c1b.js
    | {_LETTERS}*[%@;]{_LETTERS}*                                         # an e-mail address, text, a session
    | (?=[a-zA-Z]*\d)[a-zA-Z0-9]{{16,}}                                   # a ULID, base 62
    | (?=[^/]*\d)(?=[^/]*[a-z])(?=[^/]*[A-Z])[\w-]{{16,}}                 # base 64
    | {_LETTERS}{{{_LONG},}}
    )(?=/|\Z)""",
    re.X | re.A,
)
_SECRET = re.compile(rf"/(?:[^/]*[%@;][^/]*|[^/]{{{_LONG},}})(?=/|\Z).*", re.S)
"""The same in other letters, which `{*}` does not stand for."""
_PARAMETER = re.compile(r"/(?:\{[^{}/]*\}|:\w+|<[^<>/]*>|\[\w+\])(?=/|\Z)", re.A)
"""One segment in the templates of frameworks: `{id}`, `:id`, `<int:id>`, `[id]`."""
_RESTS = re.compile(r"/(?:\{(?:[^{}/]*(?:\.\.\.|\*)|\*[^{}/]*)\}|<path:\w+>)\Z", re.A)
"""Any number of them: `{path...}`, `{path:*}`, `<path:name>`."""


def method(text: str) -> str:
    """A registered method of HTTP; empty where it is none, because clients may make them up."""
    return text if text in METHODS else ""


def path(target: str) -> str:
    """The path of a request's target, with identifiers left out; empty where it has none.

    >>> path("/cart/1234/items?token=s3cret"), path("http://cart:7070/a/../b%2Dc"), path("*")
    ('/cart/{*}/items', '/b-c', '')
    """
    return _path(target) if len(target) <= LONGEST_TARGET else "/" + REST


@lru_cache(maxsize=1 << 12)
def _path(target: str) -> str:
    text = _bare(target)
    if not text:
        return ""
    text = _IDENTIFIER.sub("/" + ONE, text)
    if "%" in text or "@" in text or ";" in text or len(text) > _LONG:
        text = _SECRET.sub("/" + REST, text)
    return shortened(text)


def route(template: str, target: str) -> str:
    """The path by the template that a framework gives, where that is the whole of it; else by the path itself.

    >>> route("/users/:name", "/users/jane"), route("/{id}", "/users/7"), route("/files/*", "")
    ('/users/{*}', '/users/{*}', '/files/{**}')
    """
    named = _PARAMETER.sub("/" + ONE, _RESTS.sub("/*", template.partition("?")[0]))
    head, star, _ = named.replace(ONE, "\0").partition("*")
    if star:
        named = head.replace("\0", ONE).rpartition("/")[0] + "/" + REST
    plain = named.removesuffix(REST).replace(ONE, "")
    if not template.startswith("/") or not _FITS.fullmatch(plain.replace("//", "/")):
        return path(target)
    pattern = re.escape(named).replace(re.escape(REST), ".*").replace(re.escape(ONE), "[^/]+")
    return shortened(named) if not target or re.fullmatch(pattern, _bare(target)) else path(target)


def _bare(target: str) -> str:
    """Normalised, without what is before and behind the path."""
    if not target.startswith("/"):
        scheme, there, rest = target.partition("://")
        if not there or not scheme.isalpha():
            return ""
        target = "/" + rest.partition("/")[2] if "/" in rest.partition("?")[0] else "/"
    text = target.partition("?")[0].partition("#")[0]
    if "%" in text:
        text = _UNRESERVED.sub(lambda found: chr(int(found[1], 16)), text)
    text = text.replace("\\", "/").replace("{", "%7B").replace("}", "%7D")
    return _resolved(text) if "/." in text else text


def _resolved(text: str) -> str:
    out: list[str] = []
    segments = text.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del out[-1:]
        elif segment != ".":
            out.append(segment)
    if segments[-1] in (".", ".."):
        out.append("")
    return "/" + "/".join(out)


def fits(segment: str) -> bool:
    """Is it a segment of a template, and one that `{*}` stands for?"""
    return segment == ONE or _SEGMENT.fullmatch(segment) is not None


def shortened(text: str) -> str:
    """What is too much as a rest, and of a template what no template can hold."""
    fine = "*" not in text or _FITS.fullmatch(text.replace(ONE, "-").removesuffix(REST))
    if fine and len(text) <= LONGEST and text.count("/") <= DEEPEST:
        return text
    kept = 0
    for depth, segment in enumerate(text.split("/")[1:], 1):
        end = kept + 1 + len(segment)
        if not fits(segment) or end > LONGEST - len(REST) or depth >= DEEPEST:
            break
        kept = end
    return f"{text[:kept]}/{REST}"
