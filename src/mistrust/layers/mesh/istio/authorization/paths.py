"""How Istio compares URL paths: string patterns, and templates with `{*}` (one segment) and `{**}` (any number).

Sources: istio pilot/pkg/security/authz/matcher/template.go; envoy source/extensions/path/uri_template_lib
(uri_template_internal.cc: which characters a segment may have, and no glob after `**`).
"""

from __future__ import annotations

import re
from typing import Final

from mistrust.layers.mesh.istio.authorization.patterns import Form, Pattern, pattern

ONE: Final = "{*}"
ANY: Final = "{**}"

_LETTERS: Final = r"a-zA-Z0-9\-._~%!$&'()+,;:@"
_GLOBS: Final = {"*": f"[{_LETTERS}]+", "**": f"[{_LETTERS}/]*"}
_LITERAL: Final = re.compile(f"[{_LETTERS}]+")


def path_pattern(value: str) -> Pattern | None:
    """The pattern for one element of `paths`; None for a template that Envoy refuses.

    >>> path_pattern("/shops/{*}/orders").matches("/shops/7/orders")
    True
    >>> path_pattern("/shops/{*}").matches("/shops/7/orders")
    False
    """
    if ONE not in value and ANY not in value:
        return pattern(value)
    found = _template(value.replace(ONE, "*").replace(ANY, "**"))
    return None if found is None else Pattern(Form.REGEX, found)


def bare(path: str) -> str:
    """A path without its query and fragment, which is what a path is compared by.

    >>> bare("/cart?item=7#top")
    '/cart'
    """
    return path.split("?", 1)[0].split("#", 1)[0]


def _template(value: str) -> str | None:
    if not value.startswith("/"):
        return None
    segments = value[1:].split("/")
    out: list[str] = []
    after_any = False
    for i, segment in enumerate(segments):
        glob = next((g for g in ("**", "*") if segment.startswith(g)), "")
        rest = segment[len(glob) :]
        last = i == len(segments) - 1
        if glob and after_any:
            return None
        if glob and rest and not last:
            return None
        if rest and not _LITERAL.fullmatch(rest):
            return None
        if not segment and not last:
            return None
        after_any |= glob == "**"
        out.append(_GLOBS.get(glob, "") + re.escape(rest))
    return "/" + "/".join(out)
