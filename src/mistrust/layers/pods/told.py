"""What is told of a template: facts before they are tied to an object, one a name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.access.fact import Fact
from mistrust.kube.workloads import Workload
from mistrust.layers.pods.template import Change, Field, ordered, place


class Remark(msgspec.Struct, frozen=True, gc=False):
    """One field of a template that a fact rests on."""

    fact: str
    clause: str
    """With a container, what is true of it: `has no memory limit`. Without one, a clause of its own."""
    container: str = ""
    fields: tuple[Field, ...] = ()
    also: tuple[Evidence, ...] = ()
    changes: tuple[Change, ...] = ()


class Told(msgspec.Struct, frozen=True, gc=False):
    """A fact that waits for its object."""

    fact: str
    detail: str
    fields: tuple[Field, ...]
    also: tuple[Evidence, ...]
    changes: tuple[Change, ...]
    """In an order in which they can be applied."""


def facts_of(workload: Workload, several: Iterable[Told]) -> Iterator[Fact]:
    """The facts, of this workload."""
    here = place(workload)
    ref, subject = here.ref, str(here.ref)
    for one in several:
        seen = here.evidence(one.fields)
        yield Fact(one.fact, subject, ref, one.detail, seen + one.also if one.also else seen, here.edits(one.changes))


def told(remarks: Iterable[Remark]) -> tuple[Told, ...]:
    """One fact a name, in the order in which the names come up."""
    groups: dict[str, list[Remark]] = {}
    for remark in remarks:
        groups.setdefault(remark.fact, []).append(remark)
    return tuple(
        Told(
            name,
            _detail(group),
            tuple(dict.fromkeys(f for r in group for f in r.fields)),
            tuple(dict.fromkeys(e for r in group for e in r.also)),
            _changes(group),
        )
        for name, group in groups.items()
    )


def _changes(group: list[Remark]) -> tuple[Change, ...]:
    """None where one remark needs a person's decision: the rest would not take the fact away."""
    return tuple(ordered(c for r in group for c in r.changes)) if all(r.changes for r in group) else ()


def _detail(group: list[Remark]) -> str:
    """`containers "a", "b": each has ...` where several say the same, else one clause after the other."""
    clauses: dict[str, dict[str, None]] = {}
    for r in group:
        clauses.setdefault(r.clause, {})[r.container] = None
    return "; ".join(_subject(tuple(names)) + clause for clause, names in clauses.items())


def _subject(containers: tuple[str, ...]) -> str:
    named = ", ".join(f'"{name}"' for name in containers if name)
    if not named:
        return ""
    return f"container {named} " if len(containers) == 1 else f"containers {named}: each "
