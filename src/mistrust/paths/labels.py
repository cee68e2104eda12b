"""What could be changed to take an edge away.

An edge is there for one or more *reasons*. A reason is a conjunction of needs, and a need is met by any of several
*supports*; a support falls if one of the things that it rests on is changed. A change may carry many edges: a role's
rule, whoever holds the role.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from mistrust.kube.core import Namespace
from mistrust.kube.meta import Metadata, Object, Ref
from mistrust.kube.rbac import BindingSubject, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding
from mistrust.kube.version import Version
from mistrust.kube.workloads import Workload
from mistrust.layers.identity.lookup import Request
from mistrust.layers.identity.roles import BOOTSTRAPPING, RBAC_DEFAULTS
from mistrust.layers.pods.escapes.escape import Escape, Power
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.levels import level
from mistrust.paths import step as steps
from mistrust.paths import structure
from mistrust.paths.conditions import PRIVILEGED_PODS
from mistrust.paths.costs import Costs
from mistrust.paths.graph import Key
from mistrust.paths.inuse import InUse
from mistrust.paths.narrowing import narrowed
from mistrust.paths.neighbours import HEARS, NEIGHBOUR
from mistrust.paths.powers import HOLDS, STEP
from mistrust.paths.proofs import Met, Proofs, Taken
from mistrust.paths.rights import CLUSTER, Place, place
from mistrust.paths.shielding import Shielding
from mistrust.paths.step import Gain
from mistrust.paths.terrain import Terrain

Kind = Literal["rule", "binding", "subject", "pod", "token", "namespace", "network"]
Support = frozenset[int]
"""Labels any of which takes the support away; empty for one that stays."""
Need = tuple[Support, ...]
Reason = tuple[Need, ...]


class Label(msgspec.Struct, frozen=True, order=True):
    """One thing that can be changed."""

    kind: Kind
    place: Place
    index: int = -1
    """Of the rule, of the subject, or of the workload."""
    need: int = -1
    """For a rule which of the needs that it meets is taken out of it; an index into `Labels.needs`."""


class Labels:
    """Numbers what can be changed, and answers which reasons an edge has."""

    def __init__(
        self,
        terrain: Terrain,
        defaults: Mapping[Ref, Object],
        protected: frozenset[Ref],
        costs: Costs,
        used: InUse | None = None,
    ) -> None:
        self.used = used
        self.terrain, self.costs, self.proofs = terrain, costs, Proofs(terrain.powers)
        self._defaults, self._protected = defaults, protected
        self.of: list[Label] = []
        self.price: list[float] = []
        self.shared: list[int] = []
        """For each label of a rule the number of that rule: its price is paid once, however much is taken out."""
        self.rule_prices: list[float] = []
        self.needs: list[steps.Need] = []
        self._ids: dict[Label, int] = {}
        self._rules: dict[tuple[Place, int], int] = {}
        self._needs: dict[steps.Need, int] = {}
        self._reasons: dict[int, tuple[Reason, ...]] = {}
        self._objects: dict[Place, Object] = {}
        self._spaces: dict[str, Support] = {}
        self._shielding = Shielding(terrain)
        self._workloads: dict[str, list[Workload]] = {}
        for w in terrain.inv.workloads:
            self._workloads.setdefault(w.namespace, []).append(w)

    def object(self, label: Label) -> Object:
        """The object that a label changes."""
        return self._objects[label.place]

    def reasons(self, edge: int) -> tuple[Reason, ...]:
        """Why an edge is there: each reason stands for itself. Without needs it is there whatever is changed."""
        found = self._reasons.get(edge)
        if found is None:
            found = self._reasons[edge] = _kept(dict.fromkeys(self._of_edge(edge)))
        return found

    def _of_edge(self, edge: int) -> Iterator[Reason]:
        graph = self.terrain.graph
        if edge < 0:  # what a joint needs, its sources bring
            yield ()
            return
        source, target = graph.keys[graph.source[edge]], graph.keys[graph.target[edge]]
        reason = graph.reasons[graph.reason[edge]]
        match reason.name:
            case str(name) if name == STEP and source[0] in ("gain", str(Gain.CLUSTER_ADMIN)):
                yield ()
            case str(name) if name == STEP:
                for t in self.proofs.taken(source, target):
                    yield self._of_step(source, target, t)
            case str(name) if name == HOLDS and target[0] == "held":
                met = self.proofs.holding(source, target)
                yield (tuple(self._support(m) for m in met),) if met else ()
            case str(name) if name == HOLDS and target[0] == "part":
                at = (int(target[1]), int(target[2]))
                yield (tuple(self._support(m, at) for m in self.proofs.adding(source, target)),)
            case str(name) if name == HOLDS and target[0] == "own":
                at = (int(target[3]), int(target[4]))
                yield (tuple(self._support(m, at) for m in self.proofs.sharing(source, target)),)
            case structure.TOKEN | structure.ESCAPE:
                yield (tuple(self._way_out(int(source[1]), target)),)
            case str(name) if name == NEIGHBOUR and source[0] == HEARS:
                yield ((frozenset(self._shields(int(target[1]))),),)
            case structure.PLACE:
                yield ((self._namespace(str(source[2])),),)
            case _:
                yield ()

    def _of_step(self, source: Key, target: Key, t: Taken) -> Reason:
        powers = self.terrain.powers
        step = powers.steps[t.step]
        needs = [tuple(self._support(m, (t.step, n)) for m in met) for n, met in enumerate(t.needs)]
        if PRIVILEGED_PODS in step.where:
            spaces = self.terrain.inv.namespaces if t.scope == CLUSTER else (t.scope,)
            admitting = [ns for ns in spaces if powers.conditions.of_namespace(PRIVILEGED_PODS, ns) is not None]
            needs.append(tuple(self._namespace(ns) for ns in admitting))
        if source[0] == "pod" and step.needs:
            w = self.terrain.inv.workloads[int(source[1])]
            own: Key = structure.account_key(w.namespace, w.spec.identity)
            needs.append(tuple(self._way_out(int(source[1]), own)))
        return tuple(needs)

    def _way_out(self, i: int, target: Key) -> Iterator[Support]:
        for escape in self.terrain.inv.ways_out[i]:
            if structure.opens(escape, target):
                yield self._pod(i, escape)

    # --- labels --------------------------------------------------------------------------------------------------

    def _support(self, met: Met, at: tuple[int, int] | None = None) -> Support:
        found: list[int] = []
        rights = self.terrain.powers.rights
        if met.rule >= 0:
            source, index = rights.roles[met.role].at(met.rule)
            found += self._rule(source, index, at)
        if met.grant >= 0:
            grant = rights.grants[met.grant]
            found += self._bound(grant.binding, grant.subject, len(grant.role.rules))
        return frozenset(found)

    def _rule(self, role: Role | ClusterRole, index: int, at: tuple[int, int] | None) -> Iterator[int]:
        rule = role.rules[index]
        default = self._defaults.get(role.ref)
        if self._bootstrap(role) and (not isinstance(default, type(role)) or rule in default.rules):
            return
        if role.ref in self._protected or at is None:
            return
        need = self.terrain.powers.steps[at[0]].needs[at[1]]
        number = self._needs.setdefault(need, len(self._needs))
        if number == len(self.needs):
            self.needs.append(need)
        price = self.costs.need + self._in_use(self._lost(role, index, need))
        label = self._label(Label("rule", place(role), index, number), role, price)
        if self.shared[label] < 0:
            whole = self._rules.setdefault((place(role), index), len(self.rule_prices))
            if whole == len(self.rule_prices):
                self.rule_prices.append(self._rule_price(rule))
            self.shared[label] = whole
        yield label

    def _lost(self, role: Role | ClusterRole, index: int, need: steps.Need) -> Sequence[Request]:
        if self.used is None:
            return ()
        return self.used.lost((place(role), index), narrowed(role.rules[index], [need]).rules)

    def _in_use(self, lost: Sequence[Request]) -> float:
        return self.costs.used if lost else 0.0

    def price_of(self, labels: Iterable[int]) -> float:
        """What changing these costs together."""
        several = frozenset(labels)
        rules = {self.shared[n] for n in several} - {-1}
        return sum(self.price[n] for n in several) + sum(self.rule_prices[r] for r in rules)

    def _rule_price(self, rule: PolicyRule) -> float:
        if "*" in (*rule.api_groups, *rule.resources):
            return self.costs.wildcard
        return self.costs.any_verb if "*" in rule.verbs else self.costs.rule

    def _bound(self, binding: RoleBinding | ClusterRoleBinding, index: int, rules: int) -> Iterator[int]:
        if binding.ref in self._protected:
            return
        alone = len(binding.subjects) == 1
        lost = min(self.costs.most_lost, self.costs.also_lost * max(0, rules - 1))
        if self._bootstrap(binding):
            default = self._defaults.get(binding.ref)
            if not isinstance(default, type(binding)) or _same_subject(binding.subjects[index], default.subjects):
                return
        else:
            price = self.costs.subject if alone else self.costs.binding
            price += self._in_use(self.needing(binding, range(len(binding.subjects))))
            yield self._label(Label("binding", place(binding)), binding, price + lost)
        if not alone or self._bootstrap(binding):
            price = self.costs.subject + self._in_use(self.needing(binding, (index,)))
            yield self._label(Label("subject", place(binding), index), binding, price + lost)

    def needing(self, binding: RoleBinding | ClusterRoleBinding, subjects: Iterable[int]) -> Sequence[Request]:
        """The recorded requests that need one of these subjects of a binding."""
        return self.used.bound(place(binding), subjects) if self.used is not None else ()

    def tokens(self, workload: int) -> Sequence[Request]:
        """The recorded requests made with the tokens that a workload holds."""
        ways = (e for e in self.terrain.inv.ways_out[workload] if e.power is Power.IDENTITY)
        held = {(t.namespace, t.name): None for e in ways for t in e.targets}
        return self.used.tokens(held) if self.used is not None else ()

    def _bootstrap(self, o: Object) -> bool:
        """Does Kubernetes itself bring it, and put it back?"""
        labelled = o.metadata.labels.get(BOOTSTRAPPING) == RBAC_DEFAULTS
        return labelled or o.ref in self._defaults or o.name.startswith("system:")

    def _pod(self, i: int, escape: Escape) -> Support:
        w = self.terrain.inv.workloads[i]
        if w.ref in self._protected:
            return frozenset()
        own = w.namespace == "kube-system"
        if escape.power is Power.IDENTITY:
            price = self.costs.default_token if w.spec.identity == "default" else self.costs.token
            price += self._in_use(self.tokens(i))
            label = Label("token", place(w.source), i)
        else:
            price = self.costs.pod
            label = Label("pod", place(w.source), i)
        price += (self.costs.system if own else 0.0) + (0.0 if escape.changes else self.costs.by_hand)
        number = self._label(label, w.source, price)
        self.price[number] = max(self.price[number], price)
        return frozenset((number,))

    def _shields(self, i: int) -> Iterator[int]:
        """New policies that would choose a workload's pods and let nobody in."""
        for n in self._shielding.of(i):
            w = self.terrain.inv.workloads[n]
            if w.ref not in self._protected:
                price = self.costs.network + (self.costs.system if w.namespace == "kube-system" else 0.0)
                yield self._label(Label("network", place(w.source), n), w.source, price)

    def _namespace(self, ns: str) -> Support:
        if ns not in self._spaces:
            self._spaces[ns] = frozenset(self._enforcing(ns))
        return self._spaces[ns]

    def _enforcing(self, ns: str) -> Iterator[int]:
        if ns == "kube-system" or Ref("", "Namespace", "", ns) in self._protected:
            return
        inv = self.terrain.inv
        seen = [n for n in inv.snapshot.of(Namespace) if n.name == ns]
        price = self.costs.namespace + (0.0 if seen else self.costs.by_hand)
        if any(refused(w, inv.snapshot.version) for w in self._workloads.get(ns, ())):
            price += self.costs.refused
        found = seen[0] if seen else Namespace(metadata=Metadata(name=ns))
        yield self._label(Label("namespace", place(found)), found, price)

    def _label(self, label: Label, o: Object, price: float) -> int:
        number = self._ids.get(label)
        if number is None:
            number = self._ids[label] = len(self.of)
            self.of.append(label)
            self.price.append(price)
            self.shared.append(-1)
            self._objects[label.place] = o
        return number


def refused(workload: Workload, version: Version | None) -> bool:
    """Would Pod Security refuse the pods of this workload at `baseline`?"""
    return level(workload.template.metadata, workload.spec, version) is Level.PRIVILEGED


def _same_subject(subject: BindingSubject, among: Iterable[BindingSubject]) -> bool:
    return any((subject.kind, subject.name, subject.namespace) == (s.kind, s.name, s.namespace) for s in among)


def _kept(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Leave out needs that always have a support; one reason without needs makes the others pointless."""
    kept: list[Reason] = []
    for reason in reasons:
        left = tuple(dict.fromkeys(need for need in reason if all(need)))
        if not left:
            return ((),)
        kept.append(left)
    return tuple(kept)


def alive(reasons: tuple[Reason, ...], cut: frozenset[int]) -> bool:
    """Is the edge still there after these labels were cut?"""
    return any(all(any(cut.isdisjoint(s) for s in need) for need in reason) for reason in reasons)
