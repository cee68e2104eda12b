"""The functions that Kyverno adds (kyverno/pkg/engine/jmespath/functions.go)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import posixpath
from collections.abc import Callable, Mapping
from typing import Final, Unpack, cast

import msgspec
import re2

from mistrust.kube.build import Plain
from mistrust.kube.yaml import documents
from mistrust.languages.kyverno.errors import ExceededError, KyvernoError, UnknownError
from mistrust.languages.kyverno.images import image
from mistrust.languages.kyverno.jmespath.arithmetic import ARITHMETIC
from mistrust.languages.kyverno.jmespath.function import LARGEST, Function, functions
from mistrust.languages.kyverno.jmespath.standard import text
from mistrust.languages.kyverno.jmespath.values import equal
from mistrust.languages.kyverno.scalars import wild
from mistrust.languages.kyverno.versions import in_range

Given = list[Plain]
_QUIET: Final = re2.Options()
_QUIET.log_errors = False


Answer = Callable[[str], Plain] | Callable[[str, str], Plain] | Callable[[str, str, str], Plain]


def strings(answer: Answer) -> Callable[[Given], Plain]:
    """A function of strings."""
    return lambda given: cast("Callable[[Unpack[tuple[str, ...]]], Plain]", answer)(*map(text, given))


def pattern(given: str) -> re2._Regexp:
    """A regular expression. Raises `KyvernoError` for none."""
    try:
        return re2.compile(given, _QUIET)
    except re2.error as error:
        raise KyvernoError(f"not a regular expression: {error}") from None


def _replaced(regex: str, source: str, by: str) -> str:
    """As Go replaces: `$1` and `${name}` stand for what groups found."""
    found = pattern(regex)
    groups = pattern(r"\$(?:(\$)|(\w+)|\{(\w+)\})")

    def one(match: re2._Match) -> str:
        def group(named: re2._Match) -> str:
            dollar, *names = named.groups()
            name = names[0] or names[1] or ""
            if dollar:
                return "$"
            at = int(name) if name.isdecimal() else found.groupindex.get(name, -1)
            return match[at] or "" if 0 <= at <= found.groups else ""

        return groups.sub(group, by)

    _fits(len(source) + 1, by)
    return found.sub(one, source)


def _literal(regex: str, source: str, by: str) -> str:
    _fits(len(source) + 1, by)
    return pattern(regex).sub(lambda _: by, source)


def _fits(times: int, new: str) -> None:
    """Raises `ExceededError` where what replaces could make a text that is too long."""
    if times * len(new) > 16 * LARGEST:
        raise ExceededError("a text that is too long")


def _replace(given: Given) -> Plain:
    source, old, new = map(text, given[:3])
    count = given[3] if len(given) > 3 else -1
    assert isinstance(count, int | float)
    _fits(source.count(old), new)
    return source.replace(old, new, int(count))


def _truncate(given: Given) -> Plain:
    source, length = given
    assert isinstance(length, int | float)
    return text(source)[: max(0, int(length))]


def _matches(given: Given, holds: Callable[[str, Plain], bool]) -> Plain:
    wanted, found = given
    return (
        isinstance(wanted, dict)
        and isinstance(found, dict)
        and all(k in found and holds(text(v), found[k]) for k, v in wanted.items())
    )


def _decoded(given: str) -> str:
    try:
        return base64.b64decode(given, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise KyvernoError("not base64") from None


def _json(given: str) -> Plain:
    try:
        return cast("Plain", msgspec.json.decode(given))
    except (msgspec.DecodeError, RecursionError):
        raise KyvernoError("not JSON") from None


def _yaml(given: str) -> Plain:
    found, problems = documents(given.encode(), "parse_yaml()")
    if problems:
        raise KyvernoError("not YAML")
    return found[0].value if found else None


def _items(given: Given) -> Plain:
    source, key, value = given
    if isinstance(source, dict):
        return [{text(key): k, text(value): v} for k, v in sorted(source.items())]
    assert isinstance(source, list)
    return [{text(key): i, text(value): v} for i, v in enumerate(source)]


def _object(given: Given) -> Plain:
    keys, values = given
    assert isinstance(keys, list)
    assert isinstance(values, list)
    return {text(k): values[i] if i < len(values) else None for i, k in enumerate(keys)}


def _lookup(given: Given) -> Plain:
    inside, key = given
    if isinstance(inside, dict) and isinstance(key, str):
        return inside.get(key)
    if isinstance(inside, list) and isinstance(key, int):
        return inside[key] if 0 <= key < len(inside) else None
    raise KyvernoError("lookup(): a string for objects, a whole number for lists")


def _to_boolean(given: Given) -> Plain:
    found = {"true": True, "false": False}.get(text(given[0]).lower())
    if found is None:
        raise KyvernoError("to_boolean(): neither true nor false")
    return found


def _semver(given: Given) -> Plain:
    found = in_range(text(given[0]), text(given[1]))
    if found is None:
        raise KyvernoError("semver_compare(): not a version, or not a range of versions")
    return found


def _digest(kind: str) -> Callable[[Given], Plain]:
    return lambda given: hashlib.new(kind, text(given[0]).encode(), usedforsecurity=False).hexdigest()


def _normalized(given: str) -> Plain:
    found = image(given)
    if found is None:
        raise KyvernoError("image_normalize(): not an image")
    return found.reference


def _unknown(why: str) -> Callable[[Given], Plain]:
    def answer(given: Given) -> Plain:
        del given
        raise UnknownError(why)

    return answer


KYVERNO: Final[Mapping[str, Function]] = {
    **ARITHMETIC,
    **functions(
        {
            "base64_decode": ("s", strings(_decoded)),
            "base64_encode": ("s", strings(lambda a: base64.b64encode(a.encode()).decode())),
            "compare": ("s s", strings(lambda a, b: (a > b) - (a < b))),
            "equal_fold": ("s s", strings(lambda a, b: a.casefold() == b.casefold())),
            "image_normalize": ("s", strings(_normalized)),
            "is_external_url": ("s", _unknown("is_external_url() asks a name server")),
            "items": ("oa s s", _items),
            "label_match": ("o o", lambda given: _matches(given, equal)),
            "lookup": ("oa sn", _lookup),
            "md5": ("s", _digest("md5")),
            "object_from_lists": ("a a", _object),
            "parse_json": ("s", strings(_json)),
            "parse_yaml": ("s", strings(_yaml)),
            "path_canonicalize": ("s", strings(lambda a: posixpath.normpath(a) if a else ".")),
            "pattern_match": ("s snb", lambda given: wild(text(given[0]), text(given[1]))),
            "random": ("s", _unknown("random() answers differently each time")),
            "regex_match": ("s sn", strings(lambda a, b: pattern(a).search(b) is not None)),
            "regex_replace_all": ("s sn sn", strings(_replaced)),
            "regex_replace_all_literal": ("s sn sn", strings(_literal)),
            "replace": ("s s s n", _replace),
            "replace_all": ("s s s", _replace),
            "semver_compare": ("s s", _semver),
            "sha1": ("s", _digest("sha1")),
            "sha256": ("s", _digest("sha256")),
            "split": ("s s", strings(lambda a, b: list(a.split(b) if b else a))),
            "to_boolean": ("s", _to_boolean),
            "to_lower": ("s", strings(str.lower)),
            "to_upper": ("s", strings(str.upper)),
            "trim": ("s s", strings(str.strip)),
            "trim_prefix": ("s s", strings(str.removeprefix)),
            "trim_suffix": ("s s", strings(str.removesuffix)),
            "truncate": ("s n", _truncate),
            "x509_decode": ("s", _unknown("x509_decode() is not understood yet")),
        }
    ),
}
