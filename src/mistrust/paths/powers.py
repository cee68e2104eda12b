"""What rights lead to: every step of the catalog, for every principal that may take it.

A step that one role is enough for hangs on the role where it is held, whoever holds it. Only a step whose needs a
principal puts together from several roles hangs on the principal. How an edge came about is not kept: `alternatives`
decides it again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity.subjects import Principal
from mistrust.paths.conditions import IN_NAMESPACE, KUBELET_ALONE, Conditions, every
from mistrust.paths.graph import Key
from mistrust.paths.inventory import Inventory
from mistrust.paths.needs import ALL_NAMES, Gated, NeedAt, Span, role_kind
from mistrust.paths.rights import CLUSTER, NAMESPACES, PERSONAL, Held, Reading, Rules, gained, scope_of
from mistrust.paths.step import Gain, Step
from mistrust.paths.structure import account_key, leads_to
from mistrust.paths.targets import Targets

HOLDS = "holds"
STEP = "step"
ANY_ROLE = -1
"""In place of a role's index: every Role of the namespace."""
GENERIC = "\0"
"""Stands in a template for the namespace of whatever binding it is used for."""

EVERYTHING = PolicyRule(verbs=("*",), api_groups=("*",), resources=("*",))
ROVING = ("namespace", "cluster")
"""Scopes of a need that are not one namespace."""

Source = tuple[int, int, str]
"""A role as somebody holds it: index of the grant (-1 where no grant is asked about), index of the role, scope."""


class Powers:
    """Answers which steps someone may take, and what they gain."""

    def __init__(
        self, inv: Inventory, reading: Reading, gates: Sequence[Gated], conditions: Conditions, targets: Targets
    ) -> None:
        self.inv, self.reading, self.gates = inv, reading, gates
        self.rights = reading.rights
        self.conditions, self.targets = conditions, targets
        self.steps = tuple(g.step for g in gates)
        self.possible = tuple(
            s for s, t in enumerate(self.steps) if every([conditions.of_cluster(w) for w in t.where]) is not None
        )
        self._all_rights: dict[str, tuple[tuple[int, str, Span], ...]] = {}
        self._templates: dict[tuple[int, str], tuple[tuple[int, str, Span], ...]] = {}
        self._fixed = frozenset(scope_of(t, n) for t in self.steps for n in t.needs)
        self.by_requests = tuple(
            s
            for s in self.possible
            if self.steps[s].needs and not self.steps[s].together and self.steps[s].actor not in ("pod", "outside")
        )
        self.composed = frozenset(
            s for s in self.by_requests if len(self.steps[s].needs) > 1 or self.steps[s].gains in PERSONAL
        )
        self._named_roles: dict[tuple[str, str], list[int]] = {}
        self._by_namespace: dict[str, list[int]] = {}
        for i, role in enumerate(self.rights.roles):
            self._named_roles.setdefault((role.source.KIND, role.source.name), []).append(i)
            if role.source.namespace:
                self._by_namespace.setdefault(role.source.namespace, []).append(i)
        self._anywhere = frozenset(
            s for s in self.composed if any(scope_of(self.steps[s], n) not in ROVING for n in self.steps[s].needs)
        )
        self.together = frozenset(s for s in self.possible if self.steps[s].together)

    def sources(self, key: Key) -> tuple[Source, ...]:
        """The roles that count at a node of the graph."""
        match key:
            case ("held", int(role), str(scope)):
                return ((-1, role, scope),)
            case ("as", str(kind), str(name), int(role), str(scope)):
                return (*self._granted(kind, name), *((-1, r, n) for r, n in self.taken_on(role, scope)))
            case ("identity", str(kind), str(name)):
                return self._granted(kind, name)
            case ("pod", int(i)):
                w = self.inv.workloads[i]
                own = account_key(w.namespace, w.spec.identity)
                held = any(own in leads_to(e, ()) for e in self.inv.ways_out[i])
                return self._granted(str(own[1]), str(own[2])) if held else ()
            case _:
                return ()

    def landing(self, s: int, here: str) -> str:
        """The namespace in which a step lands that no role ties to one; `here` is the actor's own."""
        scope = self.steps[s].scope
        return here if scope == "namespace" else CLUSTER if scope == "cluster" else scope

    def _granted(self, kind: str, name: str) -> tuple[Source, ...]:
        principal = Principal("User" if kind == "User" else "Group", name)
        return tuple((g, self.rights.gives[g], self.rights.grants[g].namespace) for g in self.rights.granted(principal))

    def enough(self, held: Held) -> Iterator[tuple[int, str, Span]]:
        """The steps that one held role is enough for, where, and for which names."""
        role, scope = held
        generic = scope if scope in (CLUSTER, NAMESPACES) or scope in self._fixed else GENERIC
        content = self.rights.roles[role].content
        template = self._templates.get((content, generic))
        if template is None:
            worth = self.reading.worth(role)
            template = self._templates[content, generic] = tuple(
                (s, where, names)
                for s in self.by_requests
                if all((s, n) in worth for n in range(len(self.steps[s].needs)))
                for where, names in self.reading.outcomes(s, [(role, generic)]).items()
            )
        for s, where, names in template:
            yield s, scope if where == GENERIC else where, names

    def taken_on(self, role: int, scope: str) -> tuple[Held, ...]:
        """The roles that a principal took on, from the end of its key."""
        if role != ANY_ROLE:
            return ((role, scope),)
        return tuple((r, scope) for r in self._by_namespace.get(scope, ()))

    def with_everything(self, scope: str) -> Iterator[tuple[int, str, Span]]:
        """The steps that every right in a namespace, or in the cluster, is enough for."""
        generic = scope if scope == CLUSTER or scope in self._fixed else GENERIC
        if generic not in self._all_rights:
            met = self.reading.met_by(EVERYTHING)
            self._all_rights[generic] = tuple(
                (s, where, names)
                for s in (*self.by_requests, *sorted(self.together))
                for where, names in gained(self.steps[s], s, [(met, generic)]).items()
            )
        for s, where, names in self._all_rights[generic]:
            yield s, scope if where == GENERIC else where, names

    def composing(self, key: Key, steps: Collection[int]) -> Iterator[tuple[int, str, Span]]:
        """Of these steps, those that a principal puts together from several roles, or that gain it roles by name.

        For a principal with a role that it took on, only those to which this role adds.
        """
        found: dict[int, list[tuple[Mapping[NeedAt, Span], str]]] = {}
        with_extra: set[int] = set()
        for (role, scope), extra in {(r, scope): g < 0 for g, r, scope in self.sources(key)}.items():
            for s, spans in self.reading.adds(role, scope).items():
                if s in steps:
                    found.setdefault(s, []).append((spans, scope))
                    if extra:
                        with_extra.add(s)
        for s in sorted(with_extra if key[0] == "as" else found):
            if self.steps[s].gains in PERSONAL or self._meet(s, [scope for _, scope in found[s]]):
                for scope, names in gained(self.steps[s], s, found[s]).items():
                    yield s, scope, names

    def _meet(self, s: int, scopes: list[str]) -> bool:
        """Can roles that are held in these scopes add to each other? Roles of two namespaces cannot."""
        if s in self._anywhere:
            return len(scopes) > 1
        return len(scopes) > 1 and (len(set(scopes)) < len(scopes) or CLUSTER in scopes or NAMESPACES in scopes)

    def adding(self, key: Key, s: int) -> Iterator[tuple[int, str, Mapping[NeedAt, Rules]]]:
        """What the roles at a node add to one step: for a principal its own, else the one that it took on."""
        for grant, role, scope in self.sources(key):
            if (grant < 0) == (key[0] == "as"):
                shares = self.reading.shares(role, scope).get(s)
                if shares:
                    yield role, scope, shares

    def alone(self, key: Key) -> Iterator[tuple[int, str, Span]]:
        """The steps that whoever stands at a node may take without a role, or with those of the pod's own token."""
        for s in self.possible:
            step = self.steps[s]
            if step.together or (step.needs and step.actor != "pod"):
                continue
            match key:
                case ("pod", int(i)) if step.actor == "pod":
                    w = self.inv.workloads[i]
                    if every([self.conditions.of_pod(p, i) for p in step.where]) is None:
                        continue
                    if step.needs and not (self.inv.legs.uses_token(i) or KUBELET_ALONE in step.where):
                        continue
                    if step.needs:
                        held = sorted({(r, scope) for _, r, scope in self.sources(key)})
                        yield from ((s, scope, names) for scope, names in self.reading.outcomes(s, held).items())
                    else:
                        yield s, self.landing(s, w.namespace), ALL_NAMES
                case ("identity", str(kind), str(name)) if step.actor == "identity":
                    owner = Principal("User" if kind == "User" else "Group", name).service_account
                    if owner and every([self.conditions.of_account(w, owner) for w in step.where]) is not None:
                        yield s, self.landing(s, owner[0]), ALL_NAMES
                case ("some-node",) if step.actor == "node":
                    yield s, self.landing(s, CLUSTER), ALL_NAMES
                case ("some-node-identity",) if step.actor == "node-identity":
                    yield s, self.landing(s, CLUSTER), ALL_NAMES
                case ("internet",) if step.actor == "outside":
                    yield s, self.landing(s, CLUSTER), ALL_NAMES
                case _:
                    continue

    def gained(self, s: int, scope: str, span: Span) -> Iterator[tuple[Key, str]]:
        """The nodes that a step gains in a namespace, with what has to be taken for granted."""
        step = self.steps[s]
        known = [self.gates[s].assumes, *(self.conditions.of_cluster(w) for w in step.where)]
        local = [w for w in step.where if w in IN_NAMESPACE]
        for ns in self.inv.namespaces if local and scope == CLUSTER else (scope,):
            answer = every([*known, *(self.conditions.of_namespace(w, ns) for w in local)])
            if answer is not None:
                for key in self.targets.of(step, ns, span):
                    yield key, answer

    def heads(self, key: Key, s: int, scope: str, span: Span) -> Iterator[tuple[Key, str]]:
        """What a step leads to for whoever stands at a node.

        A step of a node gives only its half: the node itself has to be held too. Roles by name are gained by a
        principal, not by the roles that it holds.
        """
        step = self.steps[s]
        if step.actor in ("node", "node-identity"):
            yield from ((("ready", s, *k), a) for k, a in self.gained(s, scope, span))
            return
        yield from self.gained(s, scope, span)
        if key[0] == "held":
            return
        assumes = self.gates[s].assumes
        if step.gains is Gain.ROLE:
            yield from ((k, assumes) for k in self._taking_on(key, step, scope, span))
        elif step.gains is Gain.REWRITE_ROLE:
            yield from ((k, assumes) for k in self._rewriting(key, step, scope, span))

    def _taking_on(self, key: Key, step: Step, scope: str, span: Span) -> Iterator[Key]:
        """The principal with one more role: a named one, or every Role of a namespace.

        Any ClusterRole at all would be `cluster-admin`, and is another gain.
        """
        kind, here = role_kind(step), NAMESPACES if scope == CLUSTER and step.scope == "namespace" else scope
        base = ("as", *key[1:3])
        for name in sorted(span.named):
            for role in self._named_roles.get((kind, name), ()):
                own = self.rights.roles[role].source.namespace
                if kind == "ClusterRole" or here in (NAMESPACES, own):
                    yield (*base, role, own or here)
        if span.every and kind == "Role":
            yield from ((*base, ANY_ROLE, ns) for ns in self._by_namespace if here in (NAMESPACES, ns))

    def _rewriting(self, key: Key, step: Step, scope: str, span: Span) -> Iterator[Key]:
        yield from dict.fromkeys(head for _, head in self.rewritten(key, step, scope, span))

    def rewritten(self, key: Key, step: Step, scope: str, span: Span) -> Iterator[tuple[Source, Key]]:
        """The roles that may be rewritten and are bound to the principal itself, and what that makes of it."""
        kind = role_kind(step)
        for source in self.sources(key):
            _, number, space = source
            role = self.rights.roles[number].source
            named = span.every or role.name in span.named
            if kind == role.KIND and named and (kind == "ClusterRole" or scope in (CLUSTER, space)):
                within = CLUSTER if space == NAMESPACES else space
                admin = ("gain", str(Gain.NAMESPACE_ADMIN), within)
                yield source, (str(Gain.CLUSTER_ADMIN),) if space == CLUSTER else admin
