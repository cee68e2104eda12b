"""JSON patches (RFC 6902), with what Kyverno lets pass: missing parents are made, what is not there is removed."""

from __future__ import annotations

import copy
import itertools
from typing import cast

from mistrust.admission.plain import text
from mistrust.kube.build import Plain
from mistrust.languages.kyverno.errors import KyvernoError

MOST = 10_000
"""Operations of one patch."""


def applied(value: dict[str, Plain], operations: list[Plain]) -> dict[str, Plain]:
    """An object with every operation applied. Raises `KyvernoError` for one that cannot be."""
    if len(operations) > MOST:
        raise KyvernoError("a patch of too many operations")
    found: Plain = copy.deepcopy(value)
    for each in operations:
        if not isinstance(each, dict) or not isinstance(each.get("path"), str):
            raise KyvernoError("not an operation of a JSON patch")
        found = _apply(found, each)
    if not isinstance(found, dict):
        raise KyvernoError("a patch that leaves no object")
    return found


def pointer(path: str) -> list[str]:
    """The parts of a JSON pointer. Raises `KyvernoError` for none."""
    if path and not path.startswith("/"):
        raise KyvernoError(f"not a path: {path[:80]}")
    return [p.replace("~1", "/").replace("~0", "~") for p in path.split("/")[1:]]


def _apply(value: Plain, operation: dict[str, Plain]) -> Plain:
    path, given = pointer(text(operation, "path")), copy.deepcopy(operation.get("value"))
    match operation.get("op"):
        case "add":
            return _put(value, path, given, replaces=False)
        case "replace":
            _get(value, path)
            return _put(value, path, given, replaces=True)
        case "remove":
            _remove(value, path)
            return value
        case "move":
            source = pointer(text(operation, "from"))
            moved = copy.deepcopy(_get(value, source))
            _remove(value, source)
            return _put(value, path, moved, replaces=False)
        case "copy":
            return _put(value, path, copy.deepcopy(_get(value, pointer(text(operation, "from")))), replaces=False)
        case "test":
            if _get(value, path) != given:
                raise KyvernoError(f"{text(operation, 'path')} is otherwise")
            return value
    raise KyvernoError(f"not an operation of a JSON patch: {operation.get('op')!r}")


def _at(inside: list[Plain], part: str, *, end: bool) -> int:
    if part == "-" and end:
        return len(inside)
    if not part.lstrip("-").isdecimal():
        raise KyvernoError(f"not an index: {part[:40]}")
    at = int(part) if int(part) >= 0 else len(inside) + int(part) + end
    if not 0 <= at < len(inside) + end:
        raise KyvernoError(f"an index out of range: {part}")
    return at


def _get(value: Plain, path: list[str]) -> Plain:
    for part in path:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list):
            value = value[_at(value, part, end=False)]
        else:
            raise KyvernoError(f"not there: /{'/'.join(path)}")
    return value


def _put(value: Plain, path: list[str], given: Plain, *, replaces: bool) -> Plain:
    if not path:
        return given
    here = value
    for part, following in itertools.pairwise(path):
        if isinstance(here, dict):
            if here.get(part) is None:
                here[part] = cast("Plain", [] if following == "-" or following.isdecimal() else {})
            here = here[part]
        elif isinstance(here, list):
            here = here[_at(here, part, end=False)]
        else:
            raise KyvernoError(f"not there: /{'/'.join(path)}")
    if isinstance(here, dict):
        here[path[-1]] = given
    elif isinstance(here, list):
        at = _at(here, path[-1], end=not replaces)
        here[at : at + replaces] = [given]
    else:
        raise KyvernoError(f"not there: /{'/'.join(path)}")
    return value


def _remove(value: Plain, path: list[str]) -> None:
    try:
        here = _get(value, path[:-1])
        _get(here, path[-1:])
    except KyvernoError:
        return
    if isinstance(here, dict):
        del here[path[-1]]
    elif isinstance(here, list):
        del here[_at(here, path[-1], end=False)]
