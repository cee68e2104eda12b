"""What was not read, or not seen, and may change what AuthorizationPolicies decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from mistrust.kube.istio import NETWORKING, AuthorizationPolicy
from mistrust.kube.meta import Other
from mistrust.kube.snapshot import Gap, Snapshot

FILTER: Final = "EnvoyFilter"
"""Rewrites a proxy's configuration, its authorization too; it is not read."""


class Doubt(msgspec.Struct, frozen=True, gc=False):
    """Something that may say otherwise about the servers of a namespace."""

    words: str
    namespace: str = ""
    """Empty where it may be about any server."""


class Unread:
    """Everything of this kind in a snapshot; `root` is the root namespace of the mesh."""

    def __init__(self, snapshot: Snapshot, root: str) -> None:
        self._root = root
        self._gaps: tuple[Gap, ...] = snapshot.blind(AuthorizationPolicy)
        self._doubts = tuple(dict.fromkeys(_doubts(snapshot, root)))

    def hidden(self, namespace: str) -> bool:
        """Could policies for the servers of a namespace not be seen at all?"""
        return any(g.namespace in ("", namespace, self._root) for g in self._gaps)

    def doubts(self, namespace: str) -> tuple[str, ...]:
        """What else may change the answer there."""
        return tuple(d.words for d in self._doubts if d.namespace in ("", namespace))


def _doubts(snapshot: Snapshot, root: str) -> Iterator[Doubt]:
    for other in snapshot.of(Other):
        if other.kind == FILTER and other.ref.group == NETWORKING:
            words = f"{other.ref} may change what the proxy asks, and is not read"
            yield Doubt(words, "" if other.namespace == root else other.namespace)
    for problem in snapshot.problems:
        if problem.blinds:
            yield Doubt(f"a document was not understood ({problem.file}:{problem.line}: {problem.what})")
