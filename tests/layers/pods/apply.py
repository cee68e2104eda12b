"""Changes applied to plain values, as a person with an editor would."""

from __future__ import annotations

import json
from collections.abc import Iterable

import yaml

from mistrust.access.evidence import FieldPath
from mistrust.access.fact import Edit
from mistrust.layers.pods.template import Change

Plain = dict[str, object]


def applied(value: Plain, edits: Iterable[Edit | Change]) -> Plain:
    """The value after these changes, one after another."""
    changed: Plain = json.loads(json.dumps(value))  # no part of it is shared
    for edit in edits:
        _apply(changed, edit.path, edit.op, edit.value)
    return changed


def _apply(value: object, path: FieldPath, op: str, text: str) -> None:
    *above, last = path
    for here, after in zip(above, path[1:], strict=True):
        value = _child(value, here, after)
    if op == "remove" and isinstance(value, list):
        assert isinstance(last, int)
        del value[last]
    elif op == "remove":
        assert isinstance(value, dict)
        del value[last]
    else:
        assert op == "set"
        assert isinstance(value, dict)
        value[last] = yaml.safe_load(text)


def _child(value: object, key: str | int, after: str | int) -> object:
    if isinstance(value, list):
        assert isinstance(key, int)
        return value[key]
    assert isinstance(value, dict)
    if value.get(key) is None:
        assert isinstance(after, str), "a change may make a mapping on its way, never a list"
        value[key] = {}
    return value[key]
