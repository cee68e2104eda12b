"""Do the policies mean the same to every network plugin?"""

from __future__ import annotations

from msgspec import structs

from mistrust.access.obligation import Obligation
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.grants import granted
from mistrust.layers.network.plugin import AGENTS
from mistrust.layers.network.profile import UPSTREAM, Profile
from mistrust.layers.network.statements.policies import policies


def profiles(given: Snapshot) -> tuple[Profile, ...]:
    """The readings of the plugins that enforce policies, each once; of Cilium's own kinds that of Cilium alone."""
    rules = policies(given)
    wide, own = bool(rules.cluster), bool(rules.cilium)
    found: dict[Profile, Profile] = {}
    for p in (UPSTREAM, *AGENTS.values()):
        if p.enforces and (p.cilium or not own):
            found.setdefault(structs.replace(p, name="", cluster_wide=p.cluster_wide or not wide), p)
    return tuple(found.values())


def invariance(new: Snapshot) -> Obligation:
    """The same answers between workloads whichever plugin runs, as long as it enforces policies."""
    first, *others = profiles(new)
    base = granted(new, (first,))
    for other in others:
        read = granted(new, (other,))
        more, less = read - base, base - read
        found = more.witness() or less.witness()
        if found is not None:
            allows, refuses = (other, first) if more.witness() is not None else (first, other)
            many = more.count() + less.count()
            because = (
                f"{many:,} answers depend on the plugin: {found} is allowed by {allows.name}, not by {refuses.name}"
            )
            return Obligation("plugins", False, because, (str(found),))
    return Obligation("plugins", True, "every plugin that enforces policies reads them alike")
