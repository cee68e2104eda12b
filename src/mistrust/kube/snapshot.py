"""The whole input of an analysis: what was read, what was not understood, and what was not seen at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TypeVar, cast

import msgspec

from mistrust.kube.meta import Object, Other, Ref
from mistrust.kube.problem import Problem
from mistrust.kube.version import Version
from mistrust.kube.workloads import Workload, workloads

O = TypeVar("O", bound=Object)  # noqa: E741


class Scope(StrEnum):
    """What a snapshot stands for."""

    MANIFESTS = "manifests"
    """Files that will be applied: the API server's own defaults are part of the cluster although no file shows them."""
    CLUSTER = "cluster"
    """A dump or a live API: what is not in it is not in the cluster, unless it is a gap."""


class Gap(msgspec.Struct, frozen=True, gc=False):
    """Something that could not be seen: a kind that may not be listed, a part that a dump leaves out."""

    kind: str
    why: str
    """"forbidden", "not in the dump", a server's message."""
    namespace: str = ""
    """Empty for the whole cluster."""


class Snapshot(msgspec.Struct, frozen=True):
    """One state of one cluster.

    `objects` keeps the order of the input and every copy of an object that is given twice with different content.
    """

    objects: tuple[Object, ...] = ()
    problems: tuple[Problem, ...] = ()
    gaps: tuple[Gap, ...] = ()
    scope: Scope = Scope.MANIFESTS
    version: Version | None = None
    """None where nothing states it: then a step that works in any supported version counts as working."""
    name: str = ""
    """What a person calls it: the folder, the file, the context."""
    workloads: tuple[Workload, ...] = ()
    kinds: Mapping[type[Object], tuple[Object, ...]] = {}

    def of(self, kind: type[O]) -> tuple[O, ...]:
        """The objects of one type."""
        return cast("tuple[O, ...]", self.kinds.get(kind, ()))

    def holding(self, objects: Iterable[Object], problems: Sequence[Problem] | None = None) -> Snapshot:
        """The same snapshot with other objects, and with other problems where they are given."""
        told = self.problems if problems is None else problems
        return snapshot(objects, told, gaps=self.gaps, scope=self.scope, version=self.version, name=self.name)

    def unread(self) -> Mapping[str, int]:
        """How many objects there are of each kind that no layer reads."""
        counts: dict[str, int] = {}
        for o in self.of(Other):
            key = o.kind if "/" not in o.api_version else f"{o.kind}.{o.api_version.rpartition('/')[0]}"
            counts[key] = counts.get(key, 0) + 1
        return dict(sorted(counts.items()))

    def blind(self, kind: type[Object]) -> tuple[Gap, ...]:
        """The gaps that touch a kind: where there is one, an absence proves nothing."""
        return tuple(g for g in self.gaps if g.kind == kind.KIND)


def snapshot(
    objects: Iterable[Object],
    problems: Sequence[Problem] = (),
    *,
    gaps: Sequence[Gap] = (),
    scope: Scope | None = None,
    version: Version | None = None,
    name: str = "",
) -> Snapshot:
    """Put a snapshot together: exact copies once, differing copies both, with a remark.

    `scope` None decides by looking: objects that an API server wrote make it a cluster.
    """
    kept, remarks = _once(objects)
    kinds: dict[type[Object], list[Object]] = {}
    for o in kept:
        kinds.setdefault(type(o), []).append(o)
    if scope is None:
        scope = Scope.CLUSTER if any(o.live for o in kept) else Scope.MANIFESTS
    return Snapshot(
        objects=tuple(kept),
        problems=(*problems, *remarks),
        gaps=tuple(gaps),
        scope=scope,
        version=version,
        name=name,
        workloads=workloads(kept),
        kinds={k: tuple(v) for k, v in kinds.items()},
    )


def _once(objects: Iterable[Object]) -> tuple[list[Object], list[Problem]]:
    first: dict[Ref, list[Object]] = {}
    kept: list[Object] = []
    remarks: list[Problem] = []
    for o in objects:
        if not o.metadata.name:  # generateName makes a new object each time
            kept.append(o)
            continue
        copies = first.setdefault(o.ref, [])
        if any(_same(o, c) for c in copies):
            continue
        if copies:
            remarks.append(
                Problem(
                    f"{o.ref} is written more than once with different content",
                    o.origin.file,
                    o.origin.line,
                    do=f"also in {_place(copies[0])}; all of them are part of the analysis",
                    blinds=False,
                )
            )
        copies.append(o)
        kept.append(o)
    return kept, remarks


def _same(a: Object, b: Object) -> bool:
    return type(a) is type(b) and msgspec.structs.replace(a, origin=b.origin) == b


def _place(o: Object) -> str:
    return f"{o.origin.file}:{o.origin.line}" if o.origin.line else o.origin.file
