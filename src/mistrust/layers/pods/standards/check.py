"""A check as a value: what it is called, which level it belongs to, and what it means since which minor.

k8s.io/pod-security-admission/policy/checks.go (Check, VersionedCheck). Upstream answers a sentence; here every
violation names its field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from mistrust.access.evidence import FieldPath
from mistrust.kube.meta import Metadata
from mistrust.kube.pods import PodSpec
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.template import Change


class Breach(msgspec.Struct, frozen=True, gc=False):
    """A field that a check forbids."""

    path: FieldPath
    """From the template: `("spec", "hostPID")`, `("metadata", "annotations", ...)`."""
    value: str = ""
    """What stands there; empty where the check demands a field that is not set."""
    container: str = ""
    """The container's name; empty for a field of the pod."""
    changes: tuple[Change, ...] = ()
    """What satisfies the check here."""


Rule = Callable[[Metadata, PodSpec], Iterator[Breach]]


class Revision(msgspec.Struct, frozen=True, gc=False):
    """What a check means from one minor of Kubernetes 1 on."""

    since: int
    rule: Rule
    overrides: tuple[str, ...] = ()
    """Baseline checks that a restricted check replaces."""


class Check(msgspec.Struct, frozen=True, gc=False):
    """One control of the standards."""

    id: str
    """Upstream's name: `capabilities_baseline`."""
    level: Level
    reason: str
    """Upstream's words for what is forbidden: `non-default capabilities`."""
    revisions: tuple[Revision, ...]
    """By rising minor."""

    def revision(self, minor: int) -> Revision | None:
        """What it means in this minor; None before the check existed."""
        return next((r for r in reversed(self.revisions) if r.since <= minor), None)


class Violation(msgspec.Struct, frozen=True, gc=False):
    """A field that keeps a pod from a level."""

    check: str
    level: Level
    """The level that the check belongs to."""
    reason: str
    path: FieldPath
    value: str
    container: str
    changes: tuple[Change, ...] = ()
