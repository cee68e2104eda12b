"""URLs (k8s.io/apiserver pkg/cel/library/urls.go: url.ParseRequestURI of Go, absolute ones)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from mistrust.languages.cel.function import Functions, globals_of, members
from mistrust.languages.cel.values import CelError, Hashed, Opaque, Type, Value, no_overload


class Url(Opaque):
    """A URL, or an absolute path."""

    __slots__ = ("parts", "text")
    kind = Type("kubernetes.URL")

    def __init__(self, text: str, parts: SplitResult) -> None:
        self.text, self.parts = text, parts

    def same(self, other: Opaque) -> bool:
        """Is it the same text?"""
        return isinstance(other, Url) and other.text == self.text


def _parsed(text: str) -> Url:
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text)
    bad = re.search(r"[\x00-\x20\x7f]|%(?![0-9A-Fa-f]{2})", text)
    if not text or bad or not (scheme or text.startswith("/")):
        raise CelError(f"URL parse error during conversion from string: {text!r}")
    try:
        found = urlsplit(text, allow_fragments=False)
        _ = found.port
    except ValueError as error:
        raise CelError(f"URL parse error during conversion from string: {error}") from None
    if scheme and not text[scheme.end() :].startswith("/"):
        raise CelError(f"URL parse error during conversion from string: {text!r}")
    return Url(text, found)


def url(a: Value) -> Value:
    """A URL."""
    if isinstance(a, str):
        return _parsed(a)
    raise no_overload("url", a)


def is_url(a: Value) -> Value:
    """Is it a URL?"""
    if not isinstance(a, str):
        raise no_overload("isURL", a)
    try:
        _parsed(a)
    except CelError:
        return False
    return True


def _parts(name: str, a: Value) -> SplitResult:
    if isinstance(a, Url):
        return a.parts
    raise no_overload(name, a)


def scheme(a: Value) -> Value:
    """`https`."""
    return _parts("getScheme", a).scheme


def host(a: Value) -> Value:
    """`example.com:80`, `[::1]:80`."""
    return _parts("getHost", a).netloc.rpartition("@")[2]


def host_name(a: Value) -> Value:
    """Without port and brackets."""
    found = _parts("getHostname", a).netloc.rpartition("@")[2]
    if found.startswith("["):
        return found[1:].partition("]")[0]
    return found.partition(":")[0]


def port(a: Value) -> Value:
    """The port as it is written; nothing where it is not."""
    found = _parts("getPort", a).port
    return "" if found is None else str(found)


def escaped_path(a: Value) -> Value:
    """The path as it is written."""
    return _parts("getEscapedPath", a).path


def query(a: Value) -> Value:
    """The values of each key."""
    found: dict[Hashed, list[Value]] = {}
    for k, v in parse_qsl(_parts("getQuery", a).query, keep_blank_values=True):
        found.setdefault(k, []).append(v)
    return dict[Hashed, Value](found)


URLS: Final[Functions] = {
    **globals_of({"url": url, "isURL": is_url}),
    **members(
        {
            "getScheme": scheme,
            "getHost": host,
            "getHostname": host_name,
            "getPort": port,
            "getEscapedPath": escaped_path,
            "getQuery": query,
        }
    ),
}
