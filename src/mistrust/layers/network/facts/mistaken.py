"""Policies that do not do what their writer thinks: they select nobody, name what is not there, or cannot apply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from mistrust.access.evidence import at
from mistrust.access.fact import Edit, Fact
from mistrust.kube.endpoints import Endpoint
from mistrust.kube.meta import Other
from mistrust.kube.network import NetworkPolicy
from mistrust.kube.pods import Pod
from mistrust.kube.selectors import LabelSelector, matches
from mistrust.kube.snapshot import Scope, Snapshot
from mistrust.kube.workloads import Workload
from mistrust.layers.network.engine.reach import Reach
from mistrust.layers.network.facts.segments import opens_all
from mistrust.layers.network.facts.telling import listed
from mistrust.layers.network.facts.tomorrow import chooses, future, meant
from mistrust.layers.network.facts.unused import Unused
from mistrust.layers.network.statements.policies import ClusterWide, Policies
from mistrust.layers.network.statements.rules import Chosen, Peer, Rule, Statement, statements

Policy = NetworkPolicy | ClusterWide


class Scene(msgspec.Struct, frozen=True):
    """What policies are held against."""

    reach: Reach
    spaces: Mapping[str, Mapping[str, str]]
    kinds: Mapping[str, Sequence[Endpoint]]
    """By namespace one pod of each set of labels."""
    owners: Sequence[Workload]
    """What pods belong to, by their number."""
    blind: bool
    """Are there pods that were not seen?"""
    waiting: frozenset[str]
    """Namespaces whose pods may be made by somebody who is not shown: nothing is to be said of who is not there."""

    def near(self, chosen: Chosen) -> Iterable[Endpoint]:
        """Pods that a selector might be meant for."""
        if chosen.namespace:
            return self.kinds.get(chosen.namespace, ())
        return (e for each in self.kinds.values() for e in each)


def scene(snapshot: Snapshot, reach: Reach, spaces: Mapping[str, Mapping[str, str]]) -> Scene:
    """The scene of a snapshot."""
    kinds: dict[str, dict[tuple[tuple[str, str], ...], Endpoint]] = {}
    for end in sorted(reach.endpoints, key=lambda e: e.source.ref):
        kinds.setdefault(end.namespace, {}).setdefault(tuple(sorted(end.labels.items())), end)
    shown = {name: tuple(each.values()) for name, each in kinds.items()}
    waiting: set[str] = set()
    if snapshot.scope is Scope.MANIFESTS:
        custom = {o.namespace for o in snapshot.of(Other)}
        waiting = {"", *(n for n in spaces if n in custom or n not in shown)}
    return Scene(reach, spaces, shown, snapshot.workloads, bool(snapshot.blind(Pod)), frozenset(waiting))


def mistaken(given: Policies, held: Scene) -> Iterator[Fact]:
    """One fact a policy and name; those that the API server refuses are told as that alone."""
    for policy in (*given.network, *given.cluster):
        said = list(statements(policy))
        refused = dict.fromkeys(why for s in said for why in s.malformed)
        if refused:
            detail = f"the API server refuses it: {listed(list(refused))}"
            yield Fact("network.refused", str(policy.ref), policy.ref, detail, (at(policy, "spec"),))
            continue
        if isinstance(policy, NetworkPolicy) and (rules := opens_all(policy)):
            ways = {r.path[1]: None for r in rules}
            detail = f"lets everything {' and '.join('in' if w == 'ingress' else 'out' for w in ways)}"
            yield Fact("network.allow-all", str(policy.ref), policy.ref, detail, rules)
        if said and not held.blind:
            subject = said[0].subject
            if not held.reach.chosen(subject):
                yield from _nobody(policy, subject, held)
            else:
                yield from _rules(policy, said, held)


def _nobody(policy: Policy, subject: Chosen, held: Scene) -> Iterator[Fact]:
    """A policy for pods that are not there, unless somebody else may bring them or they are on the node's network."""
    hint = meant(subject, held.near(subject), held.spaces)
    if hint is None and subject.namespace in held.waiting:
        return
    if any(e.host_network and chooses(subject, e, held.spaces) for e in held.near(subject)):
        return
    so = f": {hint}" if hint is not None else f"; it will select {future(subject)}"
    field = "spec.podSelector" if isinstance(policy, NetworkPolicy) else "spec.subject"
    yield Fact("network.selects-nothing", str(policy.ref), policy.ref, f"selects no pod{so}", (at(policy, field),))


def _rules(policy: Policy, said: Sequence[Statement], held: Scene) -> Iterator[Fact]:
    """Of the rules: peers that one misspelt label makes empty, and names of ports that nobody has."""
    lost, nameless = [], []
    for s in said:
        field = "spec.egress" if s.egress else "spec.ingress"
        for i, rule in enumerate(s.rules):
            for peer in rule.peers:
                if peer.chosen is not None and not held.reach.chosen(peer.chosen):
                    hint = meant(peer.chosen, held.near(peer.chosen), held.spaces)
                    if hint is not None:
                        lost.append((at(policy, field, i), str(hint)))
            for protocol, name in rule.service.names:
                if not any(_has(end, protocol, name) for end in _destinations(s, rule, held)):
                    nameless.append((at(policy, field, i), f"{protocol} {name}".strip()))
    if lost:
        detail = f"a rule lets in, or out to, nobody: {listed(list(dict.fromkeys(h for _, h in lost)))}"
        yield Fact("network.peer-selects-nothing", str(policy.ref), policy.ref, detail, tuple(e for e, _ in lost))
    if nameless:
        names = listed(list(dict.fromkeys(n for _, n in nameless)))
        detail = f"no pod that it is about has a port named {names}"
        evidence = tuple(dict.fromkeys(e for e, _ in nameless))
        yield Fact("network.port-name-missing", str(policy.ref), policy.ref, detail, evidence)


def _destinations(s: Statement, rule: Rule, held: Scene) -> Iterator[Endpoint]:
    """One pod of each class that a rule's ports may belong to."""
    wanted = [p for p in rule.peers if p.chosen is not None] if s.egress else [Peer(s.subject)]
    if s.egress and len(wanted) < len(rule.peers):
        yield from held.reach.endpoints
        return
    for peer in wanted:
        for c in held.reach.chosen(peer.chosen) if peer.chosen is not None else ():
            yield from (held.reach.endpoints[i] for i in held.reach.members(c))


def _has(end: Endpoint, protocol: str, name: str) -> bool:
    return any(p.name == name and protocol in ("", p.protocol) for p in end.ports)


def on_the_node(given: Policies, held: Scene) -> Iterator[Fact]:
    """Pods on the node's network whose labels policies ask for; most plugins do not apply them there."""
    if held.reach.profile.host_network_selectable:
        return
    homes: dict[str, list[NetworkPolicy]] = {}
    for policy in given.network:
        if policy.spec.pod_selector != LabelSelector():
            homes.setdefault(policy.namespace, []).append(policy)
    found: dict[int, list[NetworkPolicy]] = {}
    for end in (e for ends in held.kinds.values() for e in ends if e.host_network):
        asked = [p for p in homes.get(end.namespace, ()) if matches(p.spec.pod_selector, end.labels)]
        if asked:
            found.setdefault(end.workload, []).extend(asked)
    for workload in sorted(found, key=lambda n: held.owners[n].ref):
        owner, policies = held.owners[workload], {p.ref: p for p in found[workload]}
        names = listed(sorted(p.name for p in policies.values()))
        detail = f"{names} selects it by label, and it is on the network of its node"
        evidence = (at(owner.source), *(at(p, "spec.podSelector") for p in policies.values()))
        yield Fact("network.on-node-network", str(owner.ref), owner.ref, detail, evidence)


def superfluous(found: Iterable[Unused], name: str) -> Iterator[Fact]:
    """Facts of policies and rules without effect, with the edit that takes them away."""
    for each in found:
        policy = each.policy
        if each.rules:
            paths = sorted((r.path for r in each.rules), key=str, reverse=True)
            edits = tuple(Edit(policy.ref, policy.origin, "remove", path) for path in paths)
            which = "a rule" if len(each.rules) == 1 else f"{len(each.rules)} rules"
            detail = f"{which} without effect: {each.because}"
        else:
            edits = (Edit(policy.ref, policy.origin, "remove"),)
            detail = f"without effect: {each.because}"
        evidence = (*each.rules, *each.by) or (at(policy),)
        yield Fact(name, str(policy.ref), policy.ref, detail, evidence, edits)
