"""Which checks a level consists of in one version (policy/registry.go)."""

from __future__ import annotations

from functools import lru_cache

from mistrust.layers.pods.level import Level
from mistrust.layers.pods.standards import namespaces, privileges, profiles, sysctls, users, volumes
from mistrust.layers.pods.standards.check import Check, Rule

CHECKS: tuple[Check, ...] = tuple(
    sorted(
        (
            *namespaces.CHECKS,
            *privileges.CHECKS,
            *profiles.CHECKS,
            *sysctls.CHECKS,
            *users.CHECKS,
            *volumes.CHECKS,
        ),
        key=lambda check: (check.level, check.id),
    )
)
"""Baseline first, then restricted, each by name: upstream's order."""


@lru_cache(maxsize=256)
def rules(level: Level, minor: int) -> tuple[tuple[Check, Rule], ...]:
    """The checks of a level in Kubernetes 1.`minor`, without those that stricter ones replace."""
    held = [(c, r) for c in CHECKS if c.level <= level and (r := c.revision(minor)) is not None]
    replaced = {name for _, revision in held for name in revision.overrides}
    return tuple((check, revision.rule) for check, revision in held if check.id not in replaced)
