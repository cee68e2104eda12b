"""The smallest set of changes that leaves no pair of a start and a target a path.

The programme knows the ways over edges, exactly. Ways over joints are added as they are found: solve, look for pairs
that still have one, forbid just that way, solve again. What is said of the answer is counted on the graph itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec.structs import replace

from mistrust.paths.changes import Cut, changes
from mistrust.paths.comeback import Arrivals, coming_back
from mistrust.paths.labels import Labels, alive
from mistrust.paths.path import Change, Fixes
from mistrust.paths.programme import Programme, Solved
from mistrust.paths.reach import Toward
from mistrust.paths.region import Region
from mistrust.paths.route import FAR

ROUNDS = 50
"""Programmes that are solved before an answer counts as not proven."""
A_ROUND = 25
"""Ways over joints that are forbidden at once."""

Pair = tuple[int, int]
"""Index of a goal, and a start."""
Spot = tuple[int, int] | None
"""A goal and a node whose potential is open; None where it is known."""


def fixes(region: Region, labels: Labels, seconds: float) -> Fixes:
    """The cheapest changes that cut every pair that can be cut.

    `seconds` limits each programme; an answer that was not proven in time is not `optimal`.
    """
    cutting = Cutting(region, labels)
    solved = cutting.solve(seconds)
    done = cutting.counted(changes(labels, solved.chosen))
    left = len(cutting.surviving(solved.chosen))
    return Fixes(done, cut=len(cutting.pairs) - left, remaining=left, optimal=solved.optimal)


class Cutting:
    """One region, with what can be changed about each of its edges."""

    def __init__(self, region: Region, labels: Labels) -> None:
        self.ways, self.graph, self.goals = region.ways, region.ways.graph, region.goals
        self.labels = labels
        self.reasons = [labels.reasons(e) for e in region.edge_of]
        self.hard = [() in r for r in self.reasons]
        self.carried: dict[int, list[int]] = {}
        """For each label the edges that it may take away."""
        for e, reasons in enumerate(self.reasons):
            for label in {x for reason in reasons for need in reason for support in need for x in support}:
                self.carried.setdefault(label, []).append(e)
        self.pairs = frozenset((g, s) for g, goal in enumerate(self.goals) for s in goal.starts)
        self.hopeless: set[Pair] = set()

    def solve(self, seconds: float) -> Solved:
        """The labels to cut."""
        programme, spots = Programme(), dict[Spot, int | None]()
        flows = [flow for g in range(len(self.goals)) for flow in self.flows(g)]
        self.know(programme, (e for e, _, _ in flows))
        for e, source, target in flows:
            for spot in (source, target):
                if spot is not None and spot not in spots:
                    spots[spot] = programme.variable()
            for reason in self.reasons[e]:
                programme.carries(reason, spots.get(source), spots.get(target))
        there: dict[int, int] = {}
        best = Solved(frozenset(), optimal=True)
        for _ in range(ROUNDS):
            solved = programme.solve(seconds) if programme.labels else best
            if solved is None:
                return self.greedy(best.chosen)
            best = solved
            if not self.forbid(programme, there, best.chosen):
                return best
        return self.greedy(best.chosen)

    def know(self, programme: Programme, edges: Iterable[int]) -> None:
        """Bring the labels of edges into the programme, in an order that is the same in every run."""
        found = {label for e in edges for reason in self.reasons[e] for need in reason for s in need for label in s}
        for label in sorted(found, key=lambda n: self.labels.of[n]):
            whole = self.labels.shared[label]
            price = self.labels.rule_prices[whole] if whole >= 0 else 0.0
            programme.label(label, self.labels.price[label], whole, price)

    # --- ways over edges -----------------------------------------------------------------------------------------

    def flows(self, g: int) -> Iterator[tuple[int, Spot, Spot]]:
        """The edges between what the starts hold for certain and what leads to the target for certain."""
        toward, goal, graph = Toward(self.ways, self.goals[g].targets), self.goals[g], self.graph
        starts = [s for s in goal.starts if toward.far[s] < FAR]
        inside = self.spread(starts, lambda n: toward.far[n] < FAR)
        lost = self.leading(goal.targets, inside)
        self.hopeless.update((g, s) for s in starts if s in lost)
        left = [s for s in starts if s not in lost]
        inside = self.spread(left, inside.__contains__)
        sure = self.spread(left, inside.__contains__, only=self.hard)
        for node in sorted(inside - lost):
            for e in self.ways.out(node):
                other = graph.target[e]
                if other in inside and other not in sure:
                    yield e, None if node in sure else (g, node), None if other in lost else (g, other)

    def spread(self, starts: Iterable[int], within: Callable[[int], bool], only: Sequence[bool] = ()) -> set[int]:
        """What the starts reach inside a part of the graph."""
        found: set[int] = set()
        work = [s for s in starts if within(s)]
        while work:
            node = work.pop()
            if node not in found:
                found.add(node)
                edges = (e for e in self.ways.out(node) if not only or only[e])
                work += [n for e in edges if (n := self.graph.target[e]) not in found and within(n)]
        return found

    def leading(self, targets: Iterable[int], inside: set[int]) -> set[int]:
        """What leads to a target whatever is changed."""
        found: set[int] = set()
        work = [t for t in targets if t in inside]
        while work:
            node = work.pop()
            if node not in found:
                found.add(node)
                edges = (e for e in self.ways.into(node) if self.hard[e])
                work += [n for e in edges if (n := self.graph.source[e]) in inside and n not in found]
        return found

    # --- ways over joints ----------------------------------------------------------------------------------------

    def forbid(self, programme: Programme, there: dict[int, int], chosen: frozenset[int]) -> bool:
        """Forbid a way of each pair that still has one; False where none has."""
        towards = self.after(chosen)
        again = False
        for g, start in sorted(self.surviving(chosen, towards) - self.hopeless)[:A_ROUND]:
            again = True
            edges = [e for e in towards[g].route(start) if e >= 0 and not self.hard[e]]
            if not edges:
                self.hopeless.add((g, start))
                continue
            self.know(programme, edges)
            for e in edges:
                if e not in there:
                    there[e] = programme.alive(self.reasons[e])
            programme.add([(there[e], -1.0) for e in edges], 1.0 - len(edges))
        return again

    def after(self, chosen: frozenset[int]) -> list[Toward]:
        """What still leads to each target when these labels are cut."""
        ways = self.ways.without(self.dead(chosen))
        return [Toward(ways, goal.targets) for goal in self.goals]

    def touched(self, labels: Iterable[int]) -> set[int]:
        """The edges that rest on one of the labels in some way."""
        return {e for label in labels for e in self.carried.get(label, ())}

    def dead(self, chosen: frozenset[int]) -> frozenset[int]:
        """The edges that are gone when these labels are cut."""
        return frozenset(e for e in self.touched(chosen) if not alive(self.reasons[e], chosen))

    def surviving(self, chosen: frozenset[int], towards: Sequence[Toward] = ()) -> set[Pair]:
        """The pairs that still have a path."""
        towards = towards or self.after(chosen)
        return {(g, s) for g, goal in enumerate(self.goals) for s in towards[g].reaching(goal.starts)}

    def greedy(self, chosen: frozenset[int]) -> Solved:
        """Not the smallest, but a cut: of the labels on shortest ways, again and again the one that is on most."""
        while open_pairs := sorted(self.surviving(chosen) - self.hopeless):
            towards = self.after(chosen)
            votes: Counter[int] = Counter()
            for g, start in open_pairs[:A_ROUND]:
                edges = [e for e in towards[g].route(start) if e >= 0 and not self.hard[e]]
                if not edges:
                    self.hopeless.add((g, start))
                votes.update({label for e in edges for label in self.breaking(e, chosen)})
            if votes:
                label = max(votes, key=lambda n: (votes[n] / self.labels.price_of((n,)), self.labels.of[n]))
                chosen |= {label}
        return Solved(chosen, optimal=False)

    def breaking(self, edge: int, chosen: frozenset[int]) -> Iterator[int]:
        """Labels that bring an edge nearer to its end."""
        for reason in self.reasons[edge]:
            for need in reason:
                for support in need:
                    yield from support - chosen if chosen.isdisjoint(support) else ()

    # --- what is said of the answer ------------------------------------------------------------------------------

    def counted(self, cuts: Sequence[Cut]) -> tuple[Change, ...]:
        """The changes, each with the pairs that have a path again if only this one is left out; the most first.

        Ways over joints, which have to be searched for, count where no other comes back.
        """
        every = frozenset(label for cut in cuts for label in cut.labels)
        dead = self.dead(every)
        ways = self.ways.without(dead)
        towards = [Toward(ways, goal.targets) for goal in self.goals]
        left = self.surviving(every, towards)
        starts = [s for goal in self.goals for s in goal.starts]
        arrivals = Arrivals(ways, [*starts, *(self.graph.target[e] for e in sorted(dead))])
        done = []
        for cut in cuts:
            without = every - cut.labels
            back = [e for e in self.touched(cut.labels) if e in dead and alive(self.reasons[e], without)]
            found = self.reopened(towards, arrivals, back) or self.surviving(without)
            done.append(replace(cut.change, cuts=len(found - left)))
        return tuple(sorted(done, key=lambda c: (-c.cuts, c.cost, c.title)))

    def reopened(self, towards: Sequence[Toward], arrivals: Arrivals, back: Sequence[int]) -> set[Pair]:
        """The pairs that have a path over edges again when some of them come back."""
        source, target = self.graph.source, self.graph.target
        edges = [(source[e], target[e]) for e in back]
        found: set[Pair] = set()
        for g, (toward, goal) in enumerate(zip(towards, self.goals, strict=True)):
            bits = coming_back(arrivals, edges, (s for s, t in edges if toward.far[t] < FAR))
            found.update((g, s) for s in goal.starts if arrivals.bit[s] & bits)
        return found
