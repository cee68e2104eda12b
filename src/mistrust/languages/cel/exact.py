"""The exact evaluator: every error where it belongs, absorbed where CEL absorbs it (langdef.md#logical-operators)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cmp_to_key

from mistrust.languages.cel import access, operators
from mistrust.languages.cel.budget import length, pay, spend
from mistrust.languages.cel.function import Functions
from mistrust.languages.cel.resolve import Resolved, local, resolved
from mistrust.languages.cel.syntax import (
    And,
    Bind,
    Call,
    Has,
    If,
    Index,
    List,
    Literal,
    Macro,
    Map,
    Name,
    Node,
    OptionalMap,
    Or,
    Select,
)
from mistrust.languages.cel.values import NONE, CelError, Hashed, Optional, Value, compare, key, no_overload

Names = Mapping[str, Value]


class Exact:
    """Answers by walking the tree. Parameters: `functions`, what can be called; `steps`, how much may be looked at."""

    def __init__(self, functions: Functions, constants: Names, steps: int) -> None:
        self._functions, self._constants, self._left = functions, constants, [steps]

    def value(self, node: Node, names: Names) -> Value:
        """The value of an expression. Raises `CelError` where it is an error."""
        spend(self._left, 1)
        match node:
            case Literal():
                return node.value
            case Name() | Select() | Call():
                return self._named(node, names)
            case Has():
                return access.has(self.value(node.operand, names), node.field)
            case Index():
                operand, i = self.value(node.operand, names), self.value(node.index, names)
                return access.maybe(operand, i) if node.optional else access.index(operand, i)
            case And():
                return self._logical(node.left, node.right, names, absorbing=False)
            case Or():
                return self._logical(node.left, node.right, names, absorbing=True)
            case If():
                condition = operators.truth(self.value(node.condition, names))
                return self.value(node.yes if condition else node.no, names)
            case List():
                return list(self._items(node, names))
            case Map():
                return self._map(node, names)
            case Macro():
                return self._macro(node, names)
            case Bind():
                return self.value(node.body, {**names, local(node.name): self.value(node.value, names)})
            case OptionalMap():
                return self._optional(node, names)

    def _named(self, node: Name | Select | Call, names: Names) -> Value:
        found = resolved(node, names.keys(), self._constants, self._functions)
        if isinstance(found, str):
            return names[found] if found in names else self._constants[found]
        if isinstance(found, Resolved):
            given = [self.value(a, names) for a in found.args]
            spend(self._left, found.function.cost)
            pay(self._left, *given)
            value = found.function.answer(*given)
            pay(self._left, value)
            return value
        match node:
            case Name():
                raise CelError(f"undeclared reference to '{node.name}'")
            case Select():
                operand = self.value(node.operand, names)
                return access.maybe(operand, node.field) if node.optional else access.select(operand, node.field)
            case Call():
                args = [self.value(a, names) for a in node.args]
                if node.target is None and node.function in operators.OPERATORS:
                    if node.function in ("==", "!=", "in"):
                        pay(self._left, *args)
                    value = operators.OPERATORS[node.function](*args)
                    spend(self._left, length(value))
                    return value
                if node.target is not None:
                    args = [self.value(node.target, names), *args]
                raise no_overload(node.function, *args)

    def _logical(self, left: Node, right: Node, names: Names, *, absorbing: bool) -> Value:
        """`&&` and `||`: one side that decides makes the error of the other disappear."""
        errors: list[CelError] = []
        for side in (left, right):
            try:
                if operators.truth(self.value(side, names)) is absorbing:
                    return absorbing
            except CelError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return not absorbing

    def _items(self, node: List, names: Names) -> Iterator[Value]:
        for i, item in enumerate(node.items):
            value = self.value(item, names)
            if i in node.optional:
                if not isinstance(value, Optional):
                    raise no_overload("optional element", value)
                yield from value.held
            else:
                yield value

    def _map(self, node: Map, names: Names) -> Value:
        found: dict[Hashed, Value] = {}
        for i, (k, v) in enumerate(node.items):
            hashed, value = key(self.value(k, names)), self.value(v, names)
            if hashed in found:
                raise CelError(f"duplicate key in map: {k}")
            if i in node.optional:
                if not isinstance(value, Optional):
                    raise no_overload("optional entry", value)
                if not value.held:
                    continue
                value = value.held[0]
            found[hashed] = value
        return found

    def _optional(self, node: OptionalMap, names: Names) -> Value:
        target = self.value(node.target, names)
        if not isinstance(target, Optional):
            raise no_overload("optMap", target)
        if not target.held:
            return NONE
        found = self.value(node.body, {**names, local(node.name): target.held[0]})
        if not node.flat:
            return Optional(found)
        if not isinstance(found, Optional):
            raise no_overload("optFlatMap", found)
        return found

    def _rounds(self, node: Macro, names: Names) -> Iterator[Names]:
        looked_at = self.value(node.range, names)
        first, *rest = map(local, node.variables)
        if not rest:
            for each in access.elements(looked_at):
                yield {**names, first: each}
        else:
            for k, v in access.pairs(looked_at):
                yield {**names, first: k, rest[0]: v}

    def _macro(self, node: Macro, names: Names) -> Value:
        rounds, args, own = self._rounds(node, names), node.args, local(node.variables[0])
        match node.kind:
            case "all" | "exists":
                return self._decided(rounds, args[0], node.kind == "exists")
            case "exists_one":
                return sum(operators.truth(self.value(args[0], r)) for r in rounds) == 1
            case "filter":
                return [r[own] for r in self._kept(rounds, args, filtering=True)]
            case "map" | "transformList":
                return [self.value(args[-1], r) for r in self._kept(rounds, args)]
            case "transformMap":
                looked_at = [(r, key(r[own])) for r in self._kept(rounds, args)]
                return {k: self.value(args[-1], r) for r, k in looked_at}
            case "transformMapEntry":
                return entries([self.value(args[-1], r) for r in self._kept(rounds, args)])
            case "sortBy":
                return self._sorted([(self.value(args[0], r), r[own]) for r in rounds])
        raise CelError(f"no such macro: {node.kind}")

    def _kept(self, rounds: Iterator[Names], args: tuple[Node, ...], *, filtering: bool = False) -> Iterator[Names]:
        for names in rounds:
            if (len(args) == 1 and not filtering) or operators.truth(self.value(args[0], names)):
                yield names

    def _decided(self, rounds: Iterator[Names], condition: Node, absorbing: bool) -> Value:
        error: CelError | None = None
        for names in rounds:
            try:
                if operators.truth(self.value(condition, names)) is absorbing:
                    return absorbing
            except CelError as found:
                error = error or found
        if error is not None:
            raise error
        return not absorbing

    @staticmethod
    def _sorted(several: list[tuple[Value, Value]]) -> Value:
        return [v for _, v in sorted(several, key=cmp_to_key(_by_first))]


def _by_first(a: tuple[Value, Value], b: tuple[Value, Value]) -> int:
    return compare(a[0], b[0])


def entries(several: list[Value]) -> Value:
    """One map of many. Raises `CelError` for a key that comes twice."""
    found: dict[Hashed, Value] = {}
    for each in several:
        if not isinstance(each, dict):
            raise no_overload("transformMapEntry", each)
        for k, v in each.items():
            if k in found:
                raise CelError(f"insert failed: key {k!r} already exists")
            found[k] = v
    return found
