"""Which Pod Security level a pod meets, and which fields keep it from a stricter one.

k8s.io/pod-security-admission/policy, applied to the pod as the API server would default it.
"""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.kube.meta import Metadata
from mistrust.kube.pods import PodSpec
from mistrust.kube.version import LATEST, Version
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.standards.check import Violation
from mistrust.layers.pods.standards.registry import rules


def level(metadata: Metadata, spec: PodSpec, version: Version | None = None) -> Level:
    """The strictest level that admits a pod with this template.

    `version` is the minor of the policy; None, and any minor newer than the newest known, means the newest known.

    >>> str(level(Metadata(), PodSpec(host_pid=True)))
    'privileged'
    """
    for wanted in (Level.RESTRICTED, Level.BASELINE):
        if next(_found(wanted, metadata, spec, version), None) is None:
            return wanted
    return Level.PRIVILEGED


def violations(
    level: Level, metadata: Metadata, spec: PodSpec, version: Version | None = None
) -> tuple[Violation, ...]:
    """Every field that keeps a pod with this template from a level; empty where the level admits it.

    `restricted` includes what `baseline` forbids. Paths begin at the template.
    """
    return tuple(_found(level, metadata, spec, version))


def _found(level: Level, metadata: Metadata, spec: PodSpec, version: Version | None) -> Iterator[Violation]:
    for check, rule in rules(level, policy_minor(version)):
        for b in rule(metadata, spec):
            yield Violation(check.id, check.level, check.reason, b.path, b.value, b.container, b.changes)


def policy_minor(version: Version | None) -> int:
    """The minor whose meaning applies: upstream, too, takes its newest where a newer one is asked for."""
    return (LATEST if version is None else max(Version(1, 0), min(version, LATEST))).minor
