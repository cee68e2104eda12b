"""Objects that differ, whatever that means for access."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from mistrust.effect.effect import Objects
from mistrust.kube.meta import Object, Ref
from mistrust.kube.problem import Origin


def differences(old: Iterable[Object], new: Iterable[Object]) -> Objects:
    """How many objects came, differ and went, wherever they are written."""
    before, after = _by_name(old), _by_name(new)
    common = before.keys() & after.keys()
    return Objects(
        added=len(after.keys() - before.keys()),
        changed=sum(not _alike(before[ref], after[ref]) for ref in common),
        removed=len(before.keys() - after.keys()),
    )


def differing(old: Iterable[Object], new: Iterable[Object]) -> frozenset[Ref]:
    """The names of these objects."""
    before, after = _by_name(old), _by_name(new)
    both = {**before, **after}
    return frozenset(ref for ref in both if not _alike(before.get(ref, []), after.get(ref, [])))


def _by_name(objects: Iterable[Object]) -> dict[Ref, list[Object]]:
    found: dict[Ref, list[Object]] = {}
    for o in objects:
        found.setdefault(o.ref, []).append(msgspec.structs.replace(o, origin=Origin()))
    return found


def _alike(a: list[Object], b: list[Object]) -> bool:
    return len(a) == len(b) and all(x in b for x in a) and all(x in a for x in b)
