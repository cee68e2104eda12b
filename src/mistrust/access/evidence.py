"""The field that a fact rests on, so that every answer can be checked by eye."""

from __future__ import annotations

import msgspec

from mistrust.kube.meta import Object, Ref
from mistrust.kube.problem import Origin

FieldPath = tuple[str | int, ...]


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """An object, a field inside it, and what the field says. The line is looked up when it is printed."""

    ref: Ref
    origin: Origin
    path: FieldPath = ()
    """Keys and indices from the root of the object: `("rules", 2, "verbs")`; empty for the object itself."""
    value: str = ""
    """What stands there, short; never a secret."""

    def __str__(self) -> str:
        field = show_path(self.path)
        return " ".join(part for part in (str(self.ref), field, self.value) if part)


def at(source: Object, *path: str | int, value: str = "") -> Evidence:
    """Evidence in a field of an object.

    A string may hold several keys, as field paths are written: `at(pod, "spec.containers", 0, "image")`.
    """
    keys: list[str | int] = []
    for part in path:
        keys.extend(split_path(part) if isinstance(part, str) else (part,))
    return Evidence(source.ref, source.origin, tuple(keys), value)


def split_path(text: str) -> FieldPath:
    """`spec.containers[0].image` -> ("spec", "containers", 0, "image"); a key with dots is written `["a.b/c"]`."""
    out: list[str | int] = []
    rest = text
    while rest:
        if rest.startswith('["'):
            key, _, rest = rest[2:].partition('"]')
            out.append(key)
        elif rest.startswith("["):
            index, _, rest = rest[1:].partition("]")
            out.append(int(index))
        else:
            rest = rest.removeprefix(".")
            end = min((i for i in (rest.find("."), rest.find("[")) if i >= 0), default=len(rest))
            out.append(rest[:end])
            rest = rest[end:]
    return tuple(out)


def show_path(path: FieldPath) -> str:
    """("spec", "containers", 0, "image") -> `spec.containers[0].image`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif "." in part or "/" in part:
            text += f'["{part}"]'
        else:
            text += f".{part}" if text else part
    return text
