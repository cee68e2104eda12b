"""Draws what rights lead to: roles where they are held, what a principal puts together, what several hold together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from operator import and_, or_

from mistrust.layers.identity.subjects import Principal, account
from mistrust.paths.graph import Key, Reason, Sketch
from mistrust.paths.needs import ALL_NAMES, NeedAt, Span
from mistrust.paths.powers import HOLDS, STEP, Powers
from mistrust.paths.rights import CLUSTER, NAMESPACES, Held, Rules, counts, scope_of, spanned
from mistrust.paths.step import Gain
from mistrust.paths.structure import ADMINISTERS, CONTAINS, IDENTITY_TARGET, NODE_TARGET

Best = dict[Key, tuple[float, bool, str, int, str]]
"""For each node that is gained the easiest step: cost, whether anything is assumed, id, index, assumption."""

Shares = tuple[tuple[int, str, Mapping[NeedAt, Rules]], ...]
"""Roles, each with its scope and what it adds to a step."""


def draw_powers(sketch: Sketch, powers: Powers, wanted: frozenset[Gain]) -> None:
    """Draw every step that gains something `wanted`."""
    drawing = Drawing(sketch, powers, wanted)
    drawing.administrators()
    drawing.roles()
    drawing.principals()
    drawing.halves()
    drawing.together()
    drawing.actors()


class Drawing:
    """One pass over grants, principals, pods."""

    def __init__(self, sketch: Sketch, powers: Powers, wanted: frozenset[Gain]) -> None:
        self.sketch, self.powers = sketch, powers
        self.holds, self.contains = sketch.why(Reason(HOLDS)), sketch.why(Reason(CONTAINS))
        self.steps = frozenset(s for s in powers.possible if powers.steps[s].gains in wanted)
        self.composed = powers.composed & self.steps
        self.shared = tuple(sorted(self.steps & powers.together))
        self.nodes: dict[Held, int | None] = {}
        self.shared_out: set[tuple[Key, Key]] = set()

    def administrators(self) -> None:
        """Everything in a namespace, or in the cluster, is enough for every step that needs no more."""
        told = {s for s in self.steps if self.powers.steps[s].gains in ADMINISTERS and not self.powers.steps[s].targets}
        scopes: dict[str, Key] = {ns: ("gain", str(Gain.NAMESPACE_ADMIN), ns) for ns in self.powers.inv.namespaces}
        scopes[CLUSTER] = (str(Gain.CLUSTER_ADMIN),)
        for scope, key in scopes.items():
            outcomes = (x for x in self.powers.with_everything(scope) if x[0] in self.steps and x[0] not in told)
            self.draw(self.sketch.node(*key), self.easiest(key, outcomes))

    def roles(self) -> None:
        """Held roles, and the principals that hold them."""
        rights = self.powers.rights
        drawn: set[tuple[Principal, Held]] = set()
        for grant, role in zip(rights.grants, rights.gives, strict=True):
            held = (role, grant.namespace)
            node = self.held(held)
            if node is not None and (grant.principal, held) not in drawn:
                drawn.add((grant.principal, held))
                holder = self.sketch.node("identity", grant.principal.kind, grant.principal.name)
                self.sketch.edge(holder, node, self.holds)

    def held(self, held: Held) -> int | None:
        """The node of a held role with what it is enough for; None if that is nothing."""
        if held not in self.nodes:
            key = ("held", *held)
            best = self.easiest(key, ((s, n, m) for s, n, m in self.powers.enough(held) if s in self.steps))
            atoms = [at for at in self.powers.reading.worth(held[0]) if at[0] in self.shared]
            self.nodes[held] = None
            if best or atoms:
                self.nodes[held] = node = self.sketch.node(*key)
                self.draw(node, best)
                for s, n in atoms:
                    self.atom(node, held, s, n)
        return self.nodes[held]

    def easiest(self, key: Key, outcomes: Iterable[tuple[int, str, Span]]) -> Best:
        """For everything that these successes lead to, the easiest step."""
        best: Best = {}
        for s, scope, names in outcomes:
            step = self.powers.steps[s]
            for head, assumes in self.powers.heads(key, s, scope, names):
                found = (step.cost, bool(assumes), step.id, s, assumes)
                if head not in best or found < best[head]:
                    best[head] = found
        return best

    def draw(self, source: int, best: Best) -> None:
        """Edges to everything gained."""
        for head, (cost, _, _, s, assumes) in best.items():
            half = head[0] == "ready"
            why = Reason(STEP, s, 0 if half else 1, 0.0 if half else cost, assumes)
            self.sketch.edge(source, self.sketch.node(*head), self.sketch.why(why))

    def principals(self) -> None:
        """What each principal puts together from its roles, and what it becomes by taking on more."""
        for p in self.powers.rights.of:
            own: Key = ("identity", p.kind, p.name)
            work, became = [own], dict[Key, None]()
            while work:
                key = work.pop()
                heads = self.easiest(key, self.powers.composing(key, self.composed))
                if heads:
                    self.draw(self.sketch.node(*key), heads)
                found = [k for k in heads if k[0] == "as"]
                if key[0] == "as":
                    became[key] = None
                    self.take_on(key)
                    found += self.put_together(own, became)
                work += [k for k in dict.fromkeys(found) if k not in became and k not in work]

    def take_on(self, key: Key) -> None:
        """The roles that a principal took on."""
        role, scope = key[3:]
        for held in self.powers.taken_on(int(role), str(scope)):
            node = self.held(held)
            if node is not None:
                self.sketch.edge(self.sketch.node(*key), node, self.holds)

    def put_together(self, own: Key, became: Iterable[Key]) -> list[Key]:
        """Steps for which a principal needs several roles that it took on; answers the further roles that it gains."""
        found: dict[Key, None] = {}
        for s in sorted(self.composed):
            step = self.powers.steps[s]
            several = {k: shares for k in (own, *became) if (shares := tuple(self.powers.adding(k, s)))}
            if len(several) - (own in several) < 2:
                continue
            scopes = sorted({CLUSTER, *(n for shares in several.values() for _, n, _ in shares)} - {NAMESPACES})
            if all(scope_of(step, need) != "namespace" for need in step.needs):
                scopes = [self.powers.landing(s, CLUSTER)]
            for scope in scopes:
                by_need = [self.offers(several, s, n, scope) for n in range(len(step.needs))]
                spans = [Span() if not o else reduce(or_, o.values()) for o in by_need]
                names = reduce(
                    and_, [p for p, need in zip(spans, step.needs, strict=True) if need.names == "target"], ALL_NAMES
                )
                if not all(spans):
                    continue
                for name in (*([""] if names.every else []), *sorted(names.named)):
                    found.update(dict.fromkeys(self.joined(own, s, scope, name, by_need)))
        return list(found)

    def offers(self, several: Mapping[Key, Shares], s: int, n: int, scope: str) -> dict[Key, Span]:
        """Who meets one need, and for which names."""
        found: dict[Key, Span] = {}
        step = self.powers.steps[s]
        for key, shares in several.items():
            for _, space, rules in shares:
                if (s, n) in rules and counts(step, step.needs[n], space, scope):
                    found[key] = found.get(key, Span()) | spanned(rules[s, n])
        return found

    def joined(self, own: Key, s: int, scope: str, name: str, by_need: list[dict[Key, Span]]) -> Iterator[Key]:
        """One success that several of the roles share, for one name or for all."""
        step = self.powers.steps[s]
        parts: list[int] = []
        edges: list[tuple[Key, Key]] = []
        for n, (need, offers) in enumerate(zip(step.needs, by_need, strict=True)):
            part: Key = ("own", *own[1:], s, n, scope, name)
            giving = [k for k, p in offers.items() if need.names != "target" or p.every or name in p.named]
            edges += [(k, part) for k in giving]
            parts.append(self.sketch.node(*part))
        if len({k for k, _ in edges if k != own}) < 2:
            return
        for k, part in edges:
            if (k, part) not in self.shared_out:
                self.shared_out.add((k, part))
                self.sketch.edge(self.sketch.node(*k), self.sketch.node(*part), self.holds)
        for head, assumes in self.powers.heads(own, s, scope, Span(named=frozenset([name])) if name else ALL_NAMES):
            self.sketch.joint(parts, self.sketch.node(*head), self.sketch.why(Reason(STEP, s, 1, step.cost, assumes)))
            if head[0] == "as":
                yield head

    def halves(self) -> None:
        """Steps that a right and a node make together."""
        for key in [k for k in self.sketch.ids if k[0] == "ready"]:
            s = key[1]
            assert isinstance(s, int)
            step = self.powers.steps[s]
            machine = NODE_TARGET if step.actor == "node" else IDENTITY_TARGET
            why = self.sketch.why(Reason(STEP, s, 1, step.cost, self.powers.gates[s].assumes))
            self.sketch.joint((self.sketch.ids[key], self.sketch.node(*machine)), self.sketch.node(*key[2:]), why)

    def atom(self, node: int, held: Held, s: int, n: int) -> None:
        """What a held role adds to a step that several identities may take together.

        Where the need names the targets, only a rule without names counts here.
        """
        role, scope = held
        step = self.powers.steps[s]
        need, wanted = step.needs[n], scope_of(step, step.needs[n])
        space = scope if wanted == "namespace" and scope != NAMESPACES else CLUSTER
        named = need.names == "target" and not self.powers.reading.worth(role)[s, n].every
        if not named and counts(step, need, scope, space):
            self.sketch.edge(node, self.sketch.node("part", s, n, space), self.holds)

    def together(self) -> None:
        """Steps whose needs several identities meet together; each of them may be the one for several needs."""
        ids = self.sketch.ids
        for s in self.shared:
            step = self.powers.steps[s]
            spaces = sorted({str(k[3]) for k in ids if k[:2] == ("part", s)} | {CLUSTER})
            follows = [scope_of(step, need) == "namespace" for need in step.needs]
            for n in (n for n, f in enumerate(follows) if f and ("part", s, n, CLUSTER) in ids):
                for space in spaces[1:]:
                    self.sketch.edge(ids["part", s, n, CLUSTER], self.sketch.node("part", s, n, space), self.contains)
            machine = {"node": NODE_TARGET, "node-identity": IDENTITY_TARGET}.get(step.actor)
            for space in spaces if any(follows) else (CLUSTER,):
                parts: list[Key] = [("part", s, n, space if f else CLUSTER) for n, f in enumerate(follows)]
                if all(p in ids for p in parts):
                    sources = [ids[p] for p in parts] + ([self.sketch.node(*machine)] if machine else [])
                    for head, assumes in self.powers.gained(s, space or self.powers.landing(s, CLUSTER), ALL_NAMES):
                        why = self.sketch.why(Reason(STEP, s, 1, step.cost, assumes))
                        self.sketch.joint(sources, self.sketch.node(*head), why)

    def actors(self) -> None:
        """Steps that need no rights, or only those of the pod that acts."""
        powers = self.powers
        acting = {powers.steps[s].actor for s in self.steps if not powers.steps[s].together}
        keys: list[Key] = [("internet",), NODE_TARGET, IDENTITY_TARGET]
        if "pod" in acting:
            keys += [("pod", i) for i in range(len(powers.inv.workloads))]
        if any(powers.steps[s].actor == "identity" and not powers.steps[s].needs for s in self.steps):
            keys += [("identity", "User", account(*owner).name) for owner in powers.inv.accounts]
        for key in keys:
            best = self.easiest(key, ((s, n, m) for s, n, m in powers.alone(key) if s in self.steps))
            if best:
                self.draw(self.sketch.node(*key), best)
