"""What a document is to say: as before, with the fields that a change is about."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mistrust.kube.build import Plain
from mistrust.kube.meta import Object
from mistrust.report.inplace.align import aligned

ORIGIN = "mistrust.dev/origin"


def wanted(written: Plain, old: Object, new: Object) -> Plain:
    """The document `written`, which was read as `old`, so that it is read as `new`.

    Fields that no layer reads, and defaults that are spelt out, stay as they are written.
    """
    return _merged(written, _fields(old), _fields(new))


def plain(value: object) -> Plain:
    """A value of a file: lists for tuples. `value` is made of what YAML holds."""
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    assert value is None or isinstance(value, bool | int | float | str)
    return value


def _fields(o: Object) -> Plain:
    """What is read of an object, defaults left out."""
    builtin = msgspec.to_builtins(o)
    assert isinstance(builtin, dict)
    builtin.pop(ORIGIN, None)
    return plain(builtin)


def _merged(now: Plain, old: Plain, new: Plain) -> Plain:
    if old == new:
        return now
    if isinstance(now, dict) and isinstance(old, dict) and isinstance(new, dict):
        return _mapping(now, old, new)
    if isinstance(now, list) and isinstance(old, list) and isinstance(new, list) and len(now) == len(old):
        items: list[Plain] = []
        for i, j in aligned(old, new):
            if j is not None:
                items.append(new[j] if i is None else _merged(now[i], old[i], new[j]))
        return items
    return new


def _mapping(now: Mapping[str, Plain], old: Mapping[str, Plain], new: Mapping[str, Plain]) -> dict[str, Plain]:
    out = dict(now)
    for name in old.keys() - new.keys():
        inside = now.get(name)
        left = _merged(inside, old[name], {}) if isinstance(inside, dict) else None
        if left:
            out[name] = left
        else:
            out.pop(name, None)
    for name, value in new.items():
        inside = now.get(name)
        before = old.get(name, {} if isinstance(inside, dict) else None)
        out[name] = _merged(inside, before, value) if name in now else value
    return out
