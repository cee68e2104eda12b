"""The smallest cut as an integer programme, solved by HiGHS.

A binary variable a label: is it changed? A potential a node and target: may an attacker still stand there? An edge
carries the potential from its source to its target as long as one of its reasons holds, so with the starts at 1 and
the target at 0 every way is cut somewhere. Potentials need not be binary: for chosen labels their least solution is.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mistrust.paths.labels import Need, Reason


class Solved(msgspec.Struct, frozen=True):
    """The labels to change."""

    chosen: frozenset[int]
    optimal: bool


class Programme:
    """Collects variables between 0 and 1, and rows `sum(coefficient * variable) >= bound`."""

    def __init__(self) -> None:
        self.prices: list[float] = []
        self.labels: dict[int, int] = {}
        """The binary variables: label -> variable."""
        self.rows: dict[tuple[tuple[tuple[int, float], ...], float], None] = {}
        self._wholes: dict[int, int] = {}
        self._met: dict[Need, int] = {}

    def variable(self, price: float = 0.0) -> int:
        """A new variable."""
        self.prices.append(price)
        return len(self.prices) - 1

    def label(self, label: int, price: float, whole: int = -1, whole_price: float = 0.0) -> None:
        """Make a label known, once. Labels with the same `whole` share its price."""
        if label in self.labels:
            return
        self.labels[label] = part = self.variable(price)
        if whole >= 0:
            if whole not in self._wholes:
                self._wholes[whole] = self.variable(whole_price)
            self.add([(self._wholes[whole], 1.0), (part, -1.0)], 0.0)

    def carries(self, reason: Reason, source: int | None, target: int | None) -> None:
        """While the reason holds, the target's potential is at least the source's.

        A source of None has the potential 1 (a start), a target of None the potential 0.
        """
        ends = ([(target, 1.0)] if target is not None else []) + ([(source, -1.0)] if source is not None else [])
        high = 1.0 if source is None else 0.0
        if not reason:
            self.add(ends, high)
        elif len(reason) == 1:
            for support in reason[0]:
                self.add([*ends, *((self.labels[label], 1.0) for label in sorted(support))], high)
        else:
            met = [(self._need(need), -1.0) for need in reason]
            self.add([*ends, *met], high - len(met))

    def _need(self, need: Need) -> int:
        """A variable that is 1 while a need is met."""
        if need not in self._met:
            self._met[need] = met = self.variable()
            for support in need:
                self.add([(met, 1.0), *((self.labels[label], 1.0) for label in sorted(support))], 1.0)
        return self._met[need]

    def alive(self, reasons: Sequence[Reason]) -> int:
        """A variable that is 1 while an edge is there."""
        there = self.variable()
        for reason in reasons:
            self.carries(reason, None, there)
        return there

    def add(self, parts: Sequence[tuple[int, float]], bound: float) -> None:
        """Require `sum(coefficient * variable) >= bound`."""
        self.rows[tuple(parts), bound] = None

    def solve(self, seconds: float) -> Solved | None:
        """The cheapest labels; None where the limit was reached before any answer was found."""
        import highspy
        import numpy as np
        from highspy._core import _Highs  # `Highs`, which wraps it, prints a banner when it is made

        count = len(self.prices)
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = count, len(self.rows)
        model.col_cost_ = np.array(self.prices)
        model.col_lower_, model.col_upper_ = np.zeros(count), np.ones(count)
        model.row_lower_ = np.array([bound for _, bound in self.rows])
        model.row_upper_ = np.full(len(self.rows), highspy.kHighsInf)
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.cumsum([0, *(len(parts) for parts, _ in self.rows)])
        model.a_matrix_.index_ = np.array([v for parts, _ in self.rows for v, _ in parts], np.int32)
        model.a_matrix_.value_ = np.array([c for parts, _ in self.rows for _, c in parts])
        binary = frozenset(self.labels.values())
        whole, free = highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous
        model.integrality_ = [whole if v in binary else free for v in range(count)]
        solver = _Highs()
        for option, value in OPTIONS.items():
            solver.setOptionValue(option, value)
        solver.setOptionValue("time_limit", seconds)
        solver.passModel(model)
        solver.run()
        if solver.getInfo().primal_solution_status != FEASIBLE:
            return None
        values = solver.getSolution().col_value
        optimal = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        return Solved(frozenset(label for label, v in self.labels.items() if values[v] > 0.5), optimal)


FEASIBLE = 2
"""HiGHS' kSolutionStatusFeasible."""
OPTIONS: dict[str, bool | int | float | str] = {
    "output_flag": False,
    "log_to_console": False,
    "threads": 1,
    "mip_rel_gap": 0.0,
    "mip_abs_gap": 1e-6,
}
"""One thread and no gap: the same input has the same answer."""
