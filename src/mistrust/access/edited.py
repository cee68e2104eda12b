"""Edits applied to an object, as far as it is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec
from msgspec import structs

from mistrust.access.evidence import FieldPath, show_path
from mistrust.access.fact import Edit
from mistrust.kube.meta import Object
from mistrust.kube.yaml import documents

O = TypeVar("O", bound=Object)  # noqa: E741


def edited(o: O, edits: Iterable[Edit]) -> O:
    """The object after these edits, one after another. Raises `ValueError` where one of them fits nowhere."""
    value: object = msgspec.to_builtins(o)
    for edit in edits:
        value = changed(value, edit.path, edit)
    return structs.replace(msgspec.convert(value, type(o)), origin=o.origin)


def changed(value: object, path: FieldPath, edit: Edit) -> object:
    """A plain value with what is at a path changed; mappings on the way are made. Raises `ValueError` as above."""
    if not path:
        return [*_items(value, edit), plain(edit.value)] if edit.op == "add" else plain(edit.value)
    key, rest = path[0], path[1:]
    if isinstance(key, int):
        items = _items(value, edit)
        if key >= len(items):
            raise _nowhere(edit)
        gone = edit.op == "remove" and not rest
        return [*items[:key], *(() if gone else (changed(items[key], rest, edit),)), *items[key + 1 :]]
    if not (value is None or isinstance(value, dict)):
        raise _nowhere(edit)
    fields: dict[str, object] = dict(value or {})
    if edit.op == "remove" and not rest:
        fields.pop(key, None)
    else:
        fields[key] = changed(fields.get(key), rest, edit)
    return fields


def plain(text: str) -> object:
    """The value of an edit: YAML in flow style.

    >>> plain('{drop: ["ALL"]}')
    {'drop': ['ALL']}
    """
    found, problems = documents(text.encode())
    if problems or len(found) != 1:
        raise ValueError(f"{text!r} is no value")
    return found[0].value


def _items(value: object, edit: Edit) -> Sequence[object]:
    if value is None or isinstance(value, list | tuple):
        return value or ()
    raise _nowhere(edit)


def _nowhere(edit: Edit) -> ValueError:
    return ValueError(f"there is no field {show_path(edit.path)} in {edit.ref}")
