"""Facts of the network layer: what is not limited, what does not do what it seems to, and what does nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import structs

from mistrust.access.evidence import at
from mistrust.access.fact import Fact
from mistrust.kube.core import Node
from mistrust.kube.endpoints import namespace_labels
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.engine.reach import Reach, reach
from mistrust.layers.network.facts.ambiguity import ambiguities
from mistrust.layers.network.facts.inside import metadata_allowed, pods_inside
from mistrust.layers.network.facts.mistaken import Scene, mistaken, on_the_node, scene, superfluous
from mistrust.layers.network.facts.segments import segment_facts
from mistrust.layers.network.facts.telling import folded
from mistrust.layers.network.facts.unused import redundant, shadowed
from mistrust.layers.network.plugin import Plugin, plugins
from mistrust.layers.network.profile import Profile
from mistrust.layers.network.statements.policies import Policies, policies


def facts(snapshot: Snapshot, found: Reach, profiles: Sequence[Profile]) -> Iterator[Fact]:
    """Everything worth knowing, many policies of one namespace as one fact.

    `found` is that of the profile which allows most, `profiles` are all that may apply.
    """
    given = policies(snapshot)
    spaces = namespace_labels(snapshot)
    count = len(given.network) + len(given.cluster) + (len(given.cilium) if found.profile.cilium else 0)
    yield from _enforcement(plugins(snapshot), count)
    if found.profile.enforces or not count:
        yield from segment_facts(snapshot, found, given)
    whole = structs.replace(found.profile, enforces=True, cluster_wide=True)
    if whole != found.profile:  # what policies select can only be asked where they count
        found = reach(found.endpoints, spaces, given, whole, nodes=snapshot.of(Node))
    held = scene(snapshot, found, spaces)
    yield from folded(_of_policies(snapshot, held, given, profiles))
    yield from on_the_node(given, held)


def _of_policies(snapshot: Snapshot, held: Scene, given: Policies, profiles: Sequence[Profile]) -> Iterator[Fact]:
    spaces, found = held.spaces, held.reach
    told = list(mistaken(given, held))
    idle = {f.ref for f in told if f.name == "network.selects-nothing"}
    yield from told
    for found_unused, name in ((redundant, "network.redundant"), (shadowed, "network.shadowed")):
        yield from superfluous((u for u in found_unused(given, spaces) if u.policy.ref not in idle), name)
    yield from pods_inside(given, found, profiles)
    yield from metadata_allowed(snapshot, given, found)
    for each in ambiguities(snapshot, found.profile):
        detail = (
            f"{each.allowed_by.name} allows {each.source} to open {each.protocol} {each.port} of {each.destination}, "
            f"{each.denied_by.name} of the same priority does not"
        )
        evidence = (at(each.first, "spec.priority"), at(each.second, "spec.priority"))
        yield Fact("network.ambiguous", f"{each.first.ref}, {each.second.ref}", each.first.ref, detail, evidence)


def _enforcement(seen: Sequence[Plugin], count: int) -> Iterator[Fact]:
    """Policies that nobody enforces, or perhaps nobody."""
    if not count or not seen:
        return
    plugin = seen[0]
    if not plugin.enforces:
        detail = f"{plugin.name} ignores {'the one policy' if count == 1 else f'all {count:,} policies'}"
        yield Fact("network.not-enforced", plugin.name, plugin.evidence.ref, detail, (plugin.evidence,))
    elif not all(p.enforces for p in plugin.profiles):
        detail = f"whether {plugin.name} enforces policies hangs on a setting or version that is not shown"
        yield Fact("network.maybe-not-enforced", plugin.name, plugin.evidence.ref, detail, (plugin.evidence,))
