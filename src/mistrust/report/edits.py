"""Edits as a patch that a person can read and apply by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from mistrust.access.evidence import Evidence, FieldPath, show_path
from mistrust.access.fact import Edit
from mistrust.kube.meta import Ref
from mistrust.kube.problem import Origin
from mistrust.report.clean import clean


class Patch(msgspec.Struct, frozen=True):
    """The lines for one object: each starts with `+`, `-` or a space, as in a diff."""

    ref: Ref
    origin: Origin
    lines: tuple[str, ...]

    @property
    def place(self) -> Evidence:
        """The object, to be located."""
        return Evidence(self.ref, self.origin)


def patches(edits: Iterable[Edit], evidence: Iterable[Evidence] = ()) -> tuple[Patch, ...]:
    """One patch an object, in the order of the edits.

    `evidence` is what the edits answer: where it lies in the same field, its value is shown as the old one.

    >>> ref = Ref("apps", "Deployment", "shop", "web")
    >>> edit = Edit(ref, Origin("web.yaml"), "set", ("spec", "hostNetwork"), "false")
    >>> was = Evidence(ref, Origin("web.yaml"), ("spec", "hostNetwork"), "true")
    >>> print("\\n".join(patches([edit], [was])[0].lines))
      spec:
    -   hostNetwork: true
    +   hostNetwork: false
    """
    old = [e for e in evidence if e.value]
    objects: dict[tuple[Ref, Origin], list[Edit]] = {}
    for edit in edits:
        objects.setdefault((edit.ref, edit.origin), []).append(edit)
    return tuple(Patch(ref, origin, tuple(_lines(group, old))) for (ref, origin), group in objects.items())


def _lines(edits: Iterable[Edit], old: Sequence[Evidence]) -> Iterable[str]:
    context: FieldPath = ()
    for edit in edits:
        if edit.op == "add":
            entry, before = clean(edit.value) if not edit.path else f"- {clean(edit.value)}", ""
            parent = edit.path
        elif not edit.path:
            parent, entry, before = (), clean(edit.value), "the whole object"
        else:
            parent = edit.path[:-1]
            key = _key(edit.path[-1])
            entry = f"{key} {clean(edit.value)}"
            before = f"{key} {clean(_was(edit, old))}".rstrip()
        if parent != context and parent:
            yield f"  {clean(show_path(parent))}:"
        context = parent
        indent = "  " if parent else ""
        if edit.op == "remove" or (edit.op == "set" and (_was(edit, old) or not edit.path)):
            yield f"- {indent}{before}"
        if edit.op != "remove":
            yield f"+ {indent}{entry}"


def _was(edit: Edit, old: Sequence[Evidence]) -> str:
    """What stands there: the field itself, or for something removed the fields inside it that are known."""
    depth = len(edit.path)
    inside = {e.path[depth:]: e.value for e in old if e.ref == edit.ref and e.path[:depth] == edit.path}
    if () in inside or edit.op != "remove":
        return inside.get((), "")
    return ", ".join(f"{show_path(rest)}: {value}" for rest, value in inside.items())


def _key(part: str | int) -> str:
    return f"[{part}]:" if isinstance(part, int) else f"{clean(part)}:"
