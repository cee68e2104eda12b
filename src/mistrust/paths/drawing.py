"""Draws what rights lead to: roles where they are held, what a principal puts together, what several hold together."""

from __future__ import annotations

from collections.abc import Iterable

from mistrust.layers.identity.subjects import Principal, account
from mistrust.paths.graph import Key, Reason, Sketch
from mistrust.paths.needs import ALL_NAMES, Span
from mistrust.paths.powers import HOLDS, STEP, Powers, pairs
from mistrust.paths.rights import CLUSTER, NAMESPACES, Held, counts, scope_of
from mistrust.paths.step import Gain
from mistrust.paths.structure import CONTAINS, IDENTITY_TARGET, NODE_TARGET

Best = dict[Key, tuple[float, bool, str, int, str]]
"""For each node that is gained the easiest step: cost, whether anything is assumed, id, index, assumption."""


def draw_powers(sketch: Sketch, powers: Powers, wanted: frozenset[Gain]) -> None:
    """Draw every step that gains something `wanted`."""
    drawing = Drawing(sketch, powers, wanted)
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
        self.composed = tuple(s for s in powers.composed if s in self.steps)
        self.shared = tuple(sorted(self.steps & powers.together))
        self.nodes: dict[Held, int | None] = {}

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
            atoms = [at for at in self.powers.reading.worth[held[0]] if at[0] in self.shared]
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
        """What each principal puts together from its roles, and the principals that it becomes by taking on more."""
        work: list[Key] = [("identity", p.kind, p.name) for p in self.powers.rights.of]
        seen: set[Key] = set()
        while work:
            key = work.pop()
            best = self.easiest(key, self.powers.composing(key, self.composed)) if key not in seen else {}
            seen.add(key)
            if key[0] == "as":
                for extra in pairs(key[3:]):
                    node = self.held(extra)
                    if node is not None:
                        self.sketch.edge(self.sketch.node(*key), node, self.holds)
            if best:
                self.draw(self.sketch.node(*key), best)
                work.extend(k for k in best if k[0] == "as" and k not in seen)

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
        named = need.names == "target" and not self.powers.reading.worth[role][s, n].every
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
