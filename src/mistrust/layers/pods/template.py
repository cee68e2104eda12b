"""Fields of a pod template, and changes to them, before they are tied to the object that holds the template.

Many objects hold equal templates: what is true of a template is found once, and named in each object when it is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal

import msgspec

from mistrust.access.evidence import Evidence, FieldPath, split_path
from mistrust.access.fact import Edit
from mistrust.kube.meta import Ref
from mistrust.kube.pods import Container, PodSpec
from mistrust.kube.problem import Origin
from mistrust.kube.workloads import Workload

SPEC: FieldPath = ("spec",)
POD: FieldPath = ("spec", "securityContext")


class Field(msgspec.Struct, frozen=True, gc=False):
    """A field, as a path from the template: `("spec", "containers", 0, "securityContext", "privileged")`."""

    path: FieldPath
    value: str = ""
    """What stands there, short; empty for a field that is not set."""


class Change(msgspec.Struct, frozen=True, gc=False):
    """A change of one field; `Edit` says what the parts mean."""

    op: Literal["set", "remove", "add"]
    path: FieldPath
    value: str = ""


def containers(spec: PodSpec) -> Iterator[tuple[FieldPath, Container]]:
    """Every container of the three lists with its path, in upstream's order (policy/visitor.go)."""
    for label, several in (
        ("initContainers", spec.init_containers),
        ("containers", spec.containers),
        ("ephemeralContainers", spec.ephemeral_containers),
    ):
        for i, container in enumerate(several):
            yield ("spec", label, i), container


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a template stands."""

    ref: Ref
    """The object that a person would edit."""
    origin: Origin
    above: FieldPath
    """The path of the template in the object; empty for a Pod, which is its own template."""

    def evidence(self, fields: Iterable[Field]) -> tuple[Evidence, ...]:
        """The fields, in that object."""
        return tuple([Evidence(self.ref, self.origin, self.above + f.path, f.value) for f in fields])

    def edits(self, changes: Iterable[Change]) -> tuple[Edit, ...]:
        """The changes, in that object."""
        return tuple([Edit(self.ref, self.origin, c.op, self.above + c.path, c.value) for c in changes])


def place(workload: Workload) -> Place:
    """Where the template of a workload stands."""
    return Place(workload.ref, workload.source.origin, _above(workload.path))


@lru_cache(maxsize=16)
def _above(path: str) -> FieldPath:
    return split_path(path)[:-1]


def ordered(changes: Iterable[Change]) -> list[Change]:
    """Each change once, removals from the last index to the first, and nothing inside what is removed.

    In that order they can be applied one after another, although every path is one of the object as it was read.
    """
    once = dict.fromkeys(changes)
    gone = {c.path for c in once if c.op == "remove"}
    kept = [c for c in once if not any(c.path[:end] in gone for end in range(1, len(c.path)))]
    stay = [c for c in kept if c.op != "remove"]
    return stay + sorted((c for c in kept if c.op == "remove"), key=lambda c: _order(c.path), reverse=True)


def _order(path: FieldPath) -> tuple[tuple[int, str], ...]:
    return tuple((part, "") if isinstance(part, int) else (-1, part) for part in path)
