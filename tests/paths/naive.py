"""The slow and obvious definition of the room: facts, and rules that are applied until nothing new is found.

It shares with the engine what a rule permits, who a subject is, how a container escapes and what a namespace admits,
and nothing else: no graph, no factoring, no columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from mistrust.kube.core import Node, Secret, ServiceAccount
from mistrust.kube.rbac import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import Workload
from mistrust.layers.identity.rules import ANY, NONE, Names, permits
from mistrust.layers.identity.subjects import Principal, account, group, groups_of, principal_of
from mistrust.layers.pods.admission import admits_level
from mistrust.layers.pods.escapes.escape import Power
from mistrust.layers.pods.escapes.every import escapes, surroundings
from mistrust.layers.pods.level import Level
from mistrust.paths.step import Gain, Need, Step

Fact = tuple[str, ...]
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
NOBODY = "a name that nobody has"
EVERYTHING = PolicyRule(verbs=("*",), api_groups=("*",), resources=("*",))
NOBODY_ELSE = Principal("User", "an administrator of whatever kind")
Right = tuple[PolicyRule, str]
"""A rule, and where it holds: "" for everywhere, "*" for every namespace, else one namespace."""


class Wires(Protocol):
    """Which connections can be opened, asked one by one."""

    def asks_api(self, pod: str) -> bool:
        """Does the pod get to the API server?"""

    def open_to(self, pod: str) -> Iterable[str]:
        """The pods that it gets to at a port where they are known to answer."""


class World:
    """One live cluster."""

    def __init__(
        self, snapshot: Snapshot, steps: Iterable[Step], asked: Iterable[Principal] = (), wires: Wires | None = None
    ) -> None:
        self.snapshot, self.steps, self.wires = snapshot, tuple(steps), wires
        self.around = surroundings(snapshot)
        self.known: dict[tuple[Principal, frozenset[Fact]], set[Fact]] = {}
        self.namespaces = sorted({o.namespace for o in snapshot.objects if o.namespace} | {
            o.name for o in snapshot.objects if o.ref.kind == "Namespace"
        })  # fmt: skip
        self.accounts = {(a.namespace, a.name) for a in snapshot.of(ServiceAccount)}
        self.accounts |= {(w.namespace, w.spec.identity) for w in snapshot.workloads}
        self.nodes = {n.name for n in snapshot.of(Node)}
        self.nodes |= {w.spec.node_name for w in snapshot.workloads if w.spec.node_name}
        self.bindings = [*snapshot.of(ClusterRoleBinding), *snapshot.of(RoleBinding)]
        self.roles = {(r.KIND, r.namespace, r.name): r for r in (*snapshot.of(ClusterRole), *snapshot.of(Role))}
        self.others = {*asked} | {p for b in self.bindings for s in b.subjects if (p := principal_of(s, b.namespace))}
        self.groups = {"system:authenticated", "system:masters", *(p.name for p in self.others if p.kind == "Group")}
        self.groups |= {g for a in self.accounts for g in groups_of(account(*a))}
        self.users = {p for p in self.others if p.kind == "User" and p.service_account is None}

    def holds(self, start: Fact) -> set[Fact]:
        """Everything that an attacker with one foothold gets hold of."""
        held, fresh = {start}, {start}
        while fresh:
            new = {fact for f in fresh for fact in self.follows(f)} | self.combined(held)
            for who in people(held):
                new |= self.taken(
                    who, frozenset(f for f in held if f[0] == "took on" and f[1:3] == (who.kind, who.name))
                )
            fresh = new - held
            held |= new
        return held

    # --- what follows from one fact ------------------------------------------------------------------------------

    def follows(self, fact: Fact) -> Iterator[Fact]:
        match fact:
            case ("pod", name):
                w = self.workload(name)
                for e in escapes(w, self.around):
                    if e.power is Power.IDENTITY and (self.wires is None or self.wires.asks_api(name)):
                        existing = (t for t in e.targets if (t.namespace, t.name) in self.accounts)
                        yield from (person(account(t.namespace, t.name)) for t in existing)
                    kind = {Power.NODE: "node", Power.NODE_READ: "node-identity"}.get(e.power)
                    if kind:
                        yield (kind, w.spec.node_name)
                if self.wires is not None:
                    yield from (("pod", other) for other in self.wires.open_to(name))
            case ("node", ""):
                yield from (("node", n) for n in self.nodes)
                yield ("some node",)
            case ("node", name):
                yield from (("node-pods", name), ("node-identity", name), ("some node",))
                found = next((n for n in self.snapshot.of(Node) if n.name == name), None)
                if found and CONTROL_PLANE in found.metadata.labels:
                    yield ("cluster-admin",)
            case ("node-pods" | "node-identity" as kind, ""):
                yield from ((kind, n) for n in self.nodes)
            case ("node-pods", name):
                yield from (("pod", str(w.ref)) for w in self.snapshot.workloads if w.spec.node_name == name)
            case ("node-identity", name):
                on = (w for w in self.snapshot.workloads if w.spec.node_name == name)
                yield from (person(account(w.namespace, w.spec.identity)) for w in on)
            case ("identity", kind, name):
                yield from (("identity", "Group", g) for g in groups_of(principal(kind, name)))
                if (kind, name) == ("Group", "system:masters"):
                    yield ("cluster-admin",)
            case ("cluster-admin",):
                yield ("gain", "namespace-admin", "")
                yield from self._taken(NOBODY_ELSE, [(EVERYTHING, "")], frozenset())
                yield from self.alone_together("")
            case ("gain", "any-identity", _):
                yield ("gain", "user", "")
                yield ("gain", "service-account", "")
                yield from (("identity", "Group", g) for g in self.groups if g != "system:masters")
            case ("gain", "user", _):
                yield from (person(u) for u in self.users)
            case ("gain", "group", _):
                yield from (("identity", "Group", g) for g in self.groups)
            case ("gain", gain, ""):
                yield from (("gain", gain, ns) for ns in self.namespaces)
            case ("gain", "namespace-admin", ns):
                yield from self._taken(NOBODY_ELSE, [(EVERYTHING, ns)], frozenset())
                yield from self.alone_together(ns)
                yield from (
                    ("gain", g, ns) for g in ("create-pod", "pod", "service-account", "secrets", "namespace-labels")
                )
            case ("gain", "create-pod", ns):
                yield from (("gain", g, ns) for g in ("service-account", "secrets"))
                if admits_level(self.snapshot, ns).level is Level.PRIVILEGED:
                    yield ("node", "")
            case ("gain", "service-account", ns):
                yield from (person(account(*a)) for a in self.accounts if a[0] == ns)
            case ("gain", "pod", ns):
                yield from (("pod", str(w.ref)) for w in self.snapshot.workloads if w.namespace == ns)
            case ("gain", "secrets", ns):
                for s in self.snapshot.of(Secret):
                    if s.namespace == ns and s.type == "kubernetes.io/service-account-token":
                        owner = s.metadata.annotations["kubernetes.io/service-account.name"]
                        if (ns, owner) in self.accounts:
                            yield person(account(ns, owner))

    def alone_together(self, scope: str) -> Iterator[Fact]:
        """What several may do together, whoever may do everything does alone."""
        for step in (s for s in self.steps if s.together):
            for ns in (*self.namespaces, ""):
                if all(self.meets([(EVERYTHING, scope)], step, n, ns, NOBODY) for n in step.needs):
                    yield from self.gains(step, ns, None, None)

    def combined(self, held: set[Fact]) -> set[Fact]:
        """What follows from several facts together."""
        return set(self._combined(held))

    def _combined(self, held: set[Fact]) -> Iterator[Fact]:
        for ns in self.namespaces:
            if {("gain", "create-pod", ns), ("gain", "namespace-labels", ns)} <= held:
                yield ("node", "")
        for step in self.steps:
            if step.actor == "node" and ("some node",) not in held:
                continue
            each = [self.rights(p, frozenset(held)) for p in people(held)]
            for ns in (*self.namespaces, ""):
                if step.together and all(any(self.meets(r, step, n, ns, NOBODY) for r in each) for n in step.needs):
                    yield from self.gains(step, ns, None, None)
                if step.actor == "node" and any(
                    all(self.meets(r, step, n, ns, NOBODY) for n in step.needs) for r in each
                ):
                    yield from self.gains(step, ns, None, None)

    # --- what somebody may do ------------------------------------------------------------------------------------

    def rights(self, who: Principal, held: frozenset[Fact]) -> list[Right]:
        """The rules that somebody has, by name, as a member of a group, or by a binding that they may write."""
        found: list[Right] = []
        for b in self.bindings:
            subjects = {principal_of(s, b.namespace) for s in b.subjects}
            if subjects & {who, *map(group, groups_of(who))}:
                ref = b.role_ref
                role = self.roles.get((ref.kind, b.namespace if ref.kind == "Role" else "", ref.name))
                found += [(r, b.namespace) for r in (role.rules if role else ())]
        for fact in held:
            if fact[:3] == ("took on", who.kind, who.name):
                found += [(r, fact[6]) for r in self.roles[fact[3], fact[4], fact[5]].rules]
        return found

    def taken(self, who: Principal, took_on: frozenset[Fact]) -> set[Fact]:
        """The steps that one identity may take by itself."""
        if (who, took_on) not in self.known:
            self.known[who, took_on] = set(self._taken(who, self.rights(who, took_on), took_on))
        return self.known[who, took_on]

    def _taken(self, who: Principal, rights: list[Right], took_on: frozenset[Fact]) -> Iterator[Fact]:
        for step in (s for s in self.steps if not s.together and s.actor == "identity"):
            targeted = any(n.names == "target" for n in step.needs)
            for ns in (*self.namespaces, ""):
                for name in (*self.names(), NOBODY) if targeted else (NOBODY,):
                    if all(self.meets(rights, step, n, ns, name) for n in step.needs):
                        yield from self.gains(step, ns, None if name == NOBODY else name, who, took_on)

    def names(self) -> set[str]:
        """Every name that a rule of these clusters could mean something by."""
        written = (r.resource_names for role in self.roles.values() for r in role.rules)
        return {name for names in written for name in names}

    def meets(self, rights: list[Right], step: Step, need: Need, ns: str, name: str) -> bool:
        """Is the need met for a success in a namespace ("": in all) on the target of this name?"""
        wanted = need.scope or step.scope
        if (
            wanted not in ("namespace", "cluster")
            and not any((n.scope or step.scope) == "namespace" for n in step.needs)
            and ns
        ):
            return False
        where = {"namespace": {ns, "", "*"}, "cluster": {""}}.get(wanted, {wanted, "", "*"})
        if wanted == "cluster" and ns and not any((n.scope or step.scope) == "namespace" for n in step.needs):
            return False
        for rule, scope in rights:
            for p in need.any if scope in where else ():
                for verb in p.verbs:
                    for resource in p.resources:
                        names = permits(rule, verb, p.group, resource)
                        if (
                            names is ANY
                            or (need.names == "some" and names != NONE)
                            or (need.names == "target" and holds(names, name))
                        ):
                            return True
        return False

    def gains(
        self, step: Step, ns: str, name: str | None, who: Principal | None, took_on: frozenset[Fact] = frozenset()
    ) -> Iterator[Fact]:
        """What a success stands for."""
        spaces = [ns] if ns else self.namespaces
        match step.gains:
            case Gain.CLUSTER_ADMIN:
                yield ("cluster-admin",)
            case Gain.SERVICE_ACCOUNT if name:
                yield from (person(account(s, name)) for s in spaces if (s, name) in self.accounts)
            case Gain.POD if name:
                yield from (
                    ("pod", f"Pod {s}/{name}") for s in spaces if self.workload(f"Pod {s}/{name}", missing=True)
                )
            case Gain.GROUP if name:
                yield ("identity", "Group", name)
            case Gain.NODE_PODS | Gain.NODE | Gain.NODE_IDENTITY:
                if not name or name in self.nodes:
                    yield (str(step.gains), name or "")
            case Gain.NAMESPACE_LABELS if name:
                if name in spaces:
                    yield ("gain", "namespace-labels", name)
            case Gain.ROLE if who and name:
                scope = "*" if not ns and step.scope == "namespace" else ns
                if ("ClusterRole", "", name) in self.roles:
                    yield ("took on", who.kind, who.name, "ClusterRole", "", name, scope)
            case Gain.ROLE:
                yield ("cluster-admin",) if not ns and step.scope == "cluster" else ("gain", "namespace-admin", ns)
            case Gain.REWRITE_ROLE if who:
                mine = {who, *map(group, groups_of(who))}
                for b in self.bindings:
                    ref = b.role_ref
                    if not mine & {principal_of(s, b.namespace) for s in b.subjects} or ref.kind != "ClusterRole":
                        continue
                    if ref.name == (name or ref.name) and ("ClusterRole", "", ref.name) in self.roles:
                        yield ("gain", "namespace-admin", b.namespace) if b.namespace else ("cluster-admin",)
                for *_, kind, _, bound, where in took_on:
                    if kind == "ClusterRole" and bound == (name or bound):
                        within = "" if where == "*" else where
                        yield ("cluster-admin",) if not where else ("gain", "namespace-admin", within)
            case Gain.USER | Gain.GROUP | Gain.ANY_IDENTITY:
                yield ("gain", str(step.gains), "")
            case gain:
                yield ("gain", str(gain), ns)

    def workload(self, name: str, *, missing: bool = False) -> Workload:
        found = next((w for w in self.snapshot.workloads if str(w.ref) == name), None)
        assert found or missing
        return found  # type: ignore[return-value]


def holds(names: Names, name: str) -> bool:
    return names is ANY or (isinstance(names, frozenset) and name in names)


def principal(kind: str, name: str) -> Principal:
    return Principal("User" if kind == "User" else "Group", name)


def person(who: Principal) -> Fact:
    return ("identity", who.kind, who.name)


def people(held: set[Fact]) -> list[Principal]:
    return [principal(f[1], f[2]) for f in held if f[0] == "identity"]
