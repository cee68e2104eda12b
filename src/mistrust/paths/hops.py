"""From a proof in the graph to hops that a person can follow: who, how, and which fields make it possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.layers.identity.index import summary
from mistrust.layers.identity.rules import NONE, permits, permits_url
from mistrust.layers.identity.subjects import Principal
from mistrust.layers.pods.template import place
from mistrust.paths import structure
from mistrust.paths.graph import MILLI, Graph, Key, Reason
from mistrust.paths.inventory import nodes_of
from mistrust.paths.neighbours import NEIGHBOUR, SENDS
from mistrust.paths.path import Foothold, Hop
from mistrust.paths.powers import ANY_ROLE, HOLDS, STEP, Powers
from mistrust.paths.proofs import Met, Proofs
from mistrust.paths.rights import place as place_of
from mistrust.paths.route import Proof
from mistrust.paths.sent import connection
from mistrust.paths.step import Gain, Need
from mistrust.paths.terrain import Terrain
from mistrust.paths.wire import INTERCEPT

SILENT = frozenset({HOLDS, structure.MEMBER, SENDS})
"""Edges that only say whose right it is."""

SAYS = {
    structure.ON_NODE: "reaches into every pod on the node",
    structure.KUBELET: "uses the kubelet's credentials",
    structure.KUBELET_TOKEN: "has the kubelet ask for the tokens of the pods on its node",
    structure.KEYS: "reads the keys of the control plane",
    structure.PRIVILEGED: "passes before RBAC is asked",
    structure.RUN_AS: "starts a pod that runs as it",
    structure.MOUNT: "starts a pod that mounts them",
    structure.PLACE: "starts a privileged pod on it",
    INTERCEPT: "reads and changes what travels there in plaintext",
    structure.RELABEL: "takes Pod Security off the namespace and starts a privileged pod",
}


def foothold(terrain: Terrain, key: Key) -> Foothold:
    """A node as people name it."""
    match key:
        case ("pod", int(i)):
            return Foothold("pod", str(terrain.inv.workloads[i].ref))
        case ("identity", str(kind), str(name)):
            return Foothold("identity", str(_principal(kind, name)))
        case ("as", str(kind), str(name), int(role), str(scope)):
            known = terrain.powers.rights.roles
            more = f"the Roles of {scope}" if role == ANY_ROLE else str(known[role].source.ref)
            return Foothold("identity", f"{_principal(kind, name)} with {more}")
        case ("node" | "node-pods" | "node-identity" as kind, str(name)):
            return Foothold(str(kind), name or "any")
        case ("wire", str(name)):
            return Foothold("wire", name)
        case ("some-node" | "some-node-identity" as kind,):
            return Foothold(str(kind).removeprefix("some-"), "any")
        case ("gain", str(gain), str(space)):
            return Foothold(gain, space)
        case ("secret", str(space), str(name)):
            return Foothold(str(Gain.SECRETS), f"{space}/{name}")
        case (str(kind), *_):
            return Foothold(kind, "")
    raise AssertionError(key)


def _principal(kind: str, name: str) -> Principal:
    return Principal("User" if kind == "User" else "Group", name)


def cost(terrain: Terrain, proof: Proof) -> float:
    """What the steps of a proof cost an attacker, added up."""
    return round(sum(_reason(terrain.graph, e).cost for e in proof) * MILLI) / MILLI


def hops(terrain: Terrain, proof: Proof) -> tuple[Hop, ...]:
    """The hops of a proof, in its order."""
    return tuple(_hop(terrain, act) for act in _acts(terrain.graph, proof))


class Act(msgspec.Struct, frozen=True):
    """One edge with a weight, the silent edges that say whose right it is, and the node that it comes down to."""

    edge: int
    silent: tuple[int, ...]
    holders: tuple[int, ...]
    target: int
    assumes: tuple[str, ...]


def _acts(graph: Graph, proof: Proof) -> Iterator[Act]:
    into = {_ends(graph, e)[1]: e for e in proof}
    out: dict[int, list[int]] = {}
    for e in proof:
        for s in _ends(graph, e)[0]:
            out.setdefault(s, []).append(e)
    for e in proof:
        reason = _reason(graph, e)
        if not reason.hops:
            continue
        sources, target = _ends(graph, e)
        silent: list[int] = []
        holders: list[int] = []
        for node in sources:
            while node in into and _silently(_reason(graph, into[node])):
                silent.append(into[node])
                node = _ends(graph, into[node])[0][0]
            holders.append(node)
        assumes = [reason.assumes]
        while target in out and len(out[target]) == 1 and _contains(graph, out[target][0]):
            assumes.append(_reason(graph, out[target][0]).assumes)
            target = _ends(graph, out[target][0])[1]
        said = tuple(dict.fromkeys(a for a in assumes if a))
        yield Act(e, tuple(silent), tuple(dict.fromkeys(holders)), target, said)


def _reason(graph: Graph, edge: int) -> Reason:
    return graph.reasons[graph.reason[edge] if edge >= 0 else graph.joints[-1 - edge].reason]


def _ends(graph: Graph, edge: int) -> tuple[tuple[int, ...], int]:
    if edge >= 0:
        return (graph.source[edge],), graph.target[edge]
    joint = graph.joints[-1 - edge]
    return tuple(sorted(joint.sources, key=lambda n: tuple(map(str, graph.keys[n])))), joint.target


def _silently(reason: Reason) -> bool:
    return reason.name in SILENT or (reason.name == STEP and not reason.hops)


def _contains(graph: Graph, edge: int) -> bool:
    """Is it an edge to something that is simply part of what was gained, and worth naming?"""
    reason = _reason(graph, edge)
    return not reason.hops and not _silently(reason) and len(graph.keys[_ends(graph, edge)[1]]) > 1


def _hop(terrain: Terrain, act: Act) -> Hop:
    graph = terrain.graph
    holders = [foothold(terrain, graph.keys[n]) for n in act.holders]
    step, how, grants = _said(terrain, act)
    groups = [n for e in act.silent if (n := graph.keys[_ends(graph, e)[1]])[0] == "identity"]
    if groups:
        how = f"{how}, as {_principal(str(groups[0][1]), str(groups[0][2]))}"
    return Hop(
        step=step,
        source=holders[0],
        target=foothold(terrain, graph.keys[act.target]),
        how=how,
        grants=tuple(dict.fromkeys(grants)),
        assumes="; ".join(act.assumes),
        also=tuple(holders[1:]),
    )


def _said(terrain: Terrain, act: Act) -> tuple[str, str, list[Evidence]]:
    """The step's id, a clause, and the fields that it rests on."""
    graph, powers, proofs = terrain.graph, terrain.powers, Proofs(terrain.powers)
    reason = _reason(graph, act.edge)
    sources, target = _ends(graph, act.edge)
    keys, head = [graph.keys[s] for s in sources], graph.keys[target]
    if reason.name != STEP:
        actor = graph.keys[act.holders[0]] if reason.name == NEIGHBOUR else keys[0]
        return "", *_structural(terrain, reason, actor, head)
    step = powers.steps[reason.step]
    met: list[tuple[Need, Met]] = []
    for key in keys:
        goal: Key = ("ready", reason.step, *head) if key[0] == "ready" else head
        for t in proofs.taken(key, goal) if key[0] != "ready" else ():
            if t.step == reason.step:
                met += [(need, _first(powers, options)) for need, options in zip(step.needs, t.needs, strict=False)]
                met += [(step.needs[-1], _first(powers, o)) for o in t.needs[len(step.needs) :]]
                break
    evidence: list[Evidence] = []
    for e in act.silent:
        (source,), end = _ends(graph, e)
        met_here, bound = _silent(proofs, graph.keys[source], graph.keys[end], reason.step)
        met += met_here
        evidence += bound
    used = [f"{verb} {what}" for need, m in met if (verb_what := _used(powers, need, m)) for verb, what in [verb_what]]
    for _, m in met:
        evidence = [*_evidence(powers, m), *evidence]
    suffix = f" ({', '.join(dict.fromkeys(used))})" if used else ""
    return step.id, step.title + suffix, evidence


def _silent(proofs: Proofs, source: Key, end: Key, s: int) -> tuple[list[tuple[Need, Met]], list[Evidence]]:
    powers = proofs.powers
    match end:
        case ("held", *_):
            found = proofs.holding(source, end)
            return [], [e for m in _firsts(powers, found) for e in _evidence(powers, m)]
        case ("part", _, int(n), *_) if source[0] == "held":
            return [(powers.steps[s].needs[n], m) for m in _firsts(powers, proofs.adding(source, end))], []
        case ("own", _, _, int(s), int(n), *_):
            return [(powers.steps[s].needs[n], m) for m in _firsts(powers, proofs.sharing(source, end))], []
        case ("ready", int(step), *_):
            for t in proofs.taken(source, end):
                return [(n, _first(powers, o)) for n, o in zip(powers.steps[step].needs, t.needs, strict=False)], []
    return [], []


def _first(powers: Powers, options: Sequence[Met]) -> Met:
    """One of several that would do, always the same."""

    def order(m: Met) -> tuple[object, ...]:
        grant = powers.rights.grants[m.grant] if m.grant >= 0 else None
        bound = (place_of(grant.binding), grant.subject) if grant else ()
        return bool(bound), bound, m.role, m.rule

    return min(options, key=order)


def _firsts(powers: Powers, options: Sequence[Met]) -> list[Met]:
    return [_first(powers, options)] if options else []


def _evidence(powers: Powers, met: Met) -> list[Evidence]:
    """The rule where it is written, and the subject that has it."""
    role = powers.rights.roles[met.role]
    found: list[Evidence] = []
    if met.grant >= 0:
        grant = powers.rights.grants[met.grant]
        if met.rule >= 0:
            return list(grant.evidence(met.rule))
        found.append(at(grant.binding, "subjects", grant.subject, value=str(grant.principal)))
    if met.rule >= 0:
        source, index = role.at(met.rule)
        found.append(at(source, "rules", index, value=summary(role.rules[met.rule])))
    return found


def _used(powers: Powers, need: Need, met: Met) -> tuple[str, str] | None:
    """The first verb and resource of a need that the rule permits."""
    if met.rule < 0:
        return None
    rule = powers.rights.roles[met.role].rules[met.rule]
    for p in need.any:
        for verb in p.verbs:
            for resource in p.resources:
                if permits(rule, verb, p.group, resource) != NONE:
                    return verb, f"{resource}.{p.group}" if p.group not in ("", "*") else resource
            for url in p.urls:
                if permits_url(rule, verb, url):
                    return verb, url
    return None


def _structural(terrain: Terrain, reason: Reason, source: Key, target: Key) -> tuple[str, list[Evidence]]:
    inv = terrain.inv
    match reason.name, source, target:
        case structure.EXPOSED, _, (_, int(i)):
            door = next(e for e in terrain.exposed if e.workload is inv.workloads[i])
            return f"answers at {door.how}", list(door.evidence)
        case str(name), (_, int(a)), (_, int(b)) if name == NEIGHBOUR and terrain.near is not None:
            return connection(inv, terrain.near, a, b)
        case (structure.TOKEN | structure.ESCAPE, (_, int(i)), _):
            w = inv.workloads[i]
            hosts = nodes_of(w) if inv.nodes else structure.hosts_of(w)
            escape = structure.easiest(inv.ways_out[i], hosts)[target]
            return escape.detail, [*place(w).evidence(escape.fields), *escape.also]
        case structure.PLACE, (_, _, str(space)), _:
            return SAYS[reason.name], list(terrain.enforced[space].decided_by)
        case structure.TOKEN_SECRET, (_, str(space), str(name)), _:
            secrets = [s for s in inv.token_secrets.values() if (s.namespace, s.name) == (space, name)]
            return f"reads the token in {secrets[0].ref}", [at(secrets[0], "type", value=secrets[0].type)]
        case structure.KEYS, (_, str(name)), _:
            node = inv.nodes.get(name)
            return SAYS[reason.name], [at(node, "metadata.labels")] if node else []
        case _:
            return SAYS[reason.name], []
