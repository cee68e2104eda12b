"""How strict a namespace can be: the level that its pods meet, as they are or after changes that lose nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import structs

from mistrust.kube.core import Namespace
from mistrust.kube.meta import Metadata
from mistrust.kube.pods import PodTemplate
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.version import LATEST, Version
from mistrust.kube.workloads import Workload
from mistrust.layers.pods.admission import SINCE, Enforced, admits_level
from mistrust.layers.pods.least.completing import completed, ground
from mistrust.layers.pods.least.labels import changing
from mistrust.layers.pods.least.reshaping import Makers, Reasons, remade, without_token
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.levels import violations
from mistrust.layers.pods.newcomers import free_under
from mistrust.layers.pods.policy import policy
from mistrust.layers.pods.standards.check import Violation
from mistrust.layers.pods.standards.registry import CHECKS

Meanings = tuple[Version | None, ...]
REVISED: Final = frozenset({SINCE.minor}) | {r.since for c in CHECKS for r in c.revisions if r.since > SINCE.minor}
"""The minors from which on a level means something else."""


class Step(msgspec.Struct, frozen=True):
    """How far a namespace can go."""

    level: Level
    version: Version | None
    """The minor whose meaning it has; None for `latest`."""
    completions: tuple[tuple[Workload, Reasons], ...] = ()
    """What has to change for that."""
    because: str = ""
    """Why it stays where it is; empty where it does not."""


class Levelling:
    """The levels of one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._server = min(snapshot.version, LATEST) if snapshot.version is not None else None

    def step(self, space: Namespace, several: Sequence[Workload], makers: Makers) -> Step | None:
        """The strictest level for a namespace with these workloads; None where it enforces that already."""
        now = admits_level(self._snapshot, space.name)
        stays = ""
        for level in (Level.RESTRICTED, Level.BASELINE):
            pinned = self._pinned(space, level, now) if level > now.level else ()
            if not pinned:
                continue
            [version] = pinned
            found, over = self._completions(space, several, level, version, makers)
            if not over:
                return Step(level, version, found)
            stays = f"beyond {level} is {over[0].ref} ({self.beyond(over[0], level)})"
            stays += f", and so are {len(over) - 1} more" if len(over) > 1 else ""
        return Step(now.level, now.version, (), stays) if stays else None

    def beyond(self, workload: Workload, level: Level) -> str:
        """What the pods of a workload have that a level forbids, in upstream's words; empty for nothing."""
        found = (v.reason for t in _templates(workload) for m in self._meanings(None) for v in _found(level, t, m))
        return ", ".join(dict.fromkeys(found))

    def _pinned(self, space: Namespace, level: Level, now: Enforced) -> Meanings:
        """The first meaning of a level that is nowhere looser than what is enforced; nothing where there is none."""
        before = frozenset(free_under(space.name, now))
        for version in dict.fromkeys((self._server, policy(space.metadata.labels).enforce.version)):
            after = frozenset(free_under(space.name, Enforced(level, version, "")))
            if after < before:
                return (version,)
        return ()

    def _completions(
        self, space: Namespace, several: Sequence[Workload], level: Level, version: Version | None, makers: Makers
    ) -> tuple[tuple[tuple[Workload, Reasons], ...], list[Workload]]:
        """What has to change for a level, and the workloads for which no such change is known."""
        on = ground(self._snapshot, bool(changing(self._snapshot, space)))
        meanings = self._meanings(version)
        found: list[tuple[Workload, Reasons]] = []
        over: list[Workload] = []
        for w in several:
            if _meets(level, _templates(w), meanings):
                continue
            reasons = completed(w.template, level, meanings, on) if not makers.fixed(w) else None
            after = [remade(t, reasons) for t in _templates(w)] if reasons is not None else []
            if reasons is not None and _meets(level, after, meanings):
                found.append((w, reasons))
            else:
                over.append(w)
        return tuple(found), over

    def _meanings(self, version: Version | None) -> Meanings:
        """The minors in whose meaning a level has to hold: a label's, the server's, or every one that there may be."""
        if version is not None or self._server is not None:
            return (version or self._server,)
        return tuple(Version(1, minor) for minor in sorted(REVISED))


def _templates(workload: Workload) -> list[PodTemplate]:
    """The template, and its pods as far as they differ from it in more than their names."""
    found = [workload.template]
    for p in workload.pods:
        spec = structs.replace(without_token(p.spec), node_name="")
        one = PodTemplate(Metadata(annotations=p.metadata.annotations), spec)
        if p is not workload.source and one not in found[1:]:
            found.append(one)
    return found


def _found(level: Level, template: PodTemplate, version: Version | None) -> tuple[Violation, ...]:
    return violations(level, template.metadata, template.spec, version)


def _meets(level: Level, templates: Sequence[PodTemplate], meanings: Meanings) -> bool:
    return not any(_found(level, t, m) for t in templates for m in meanings)
