"""The fast way: an expression as one Python expression, in which any exception means that the exact evaluator is asked.

Nothing that an expression says becomes text but through `repr` of a plain constant, and names are made here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from mistrust.languages.cel import access, operators
from mistrust.languages.cel.exact import entries
from mistrust.languages.cel.function import Functions
from mistrust.languages.cel.resolve import LOCAL, Resolved, local, resolved
from mistrust.languages.cel.runtime import added, alike, contained, elements, mapped, optional_map, paid, pairs
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
from mistrust.languages.cel.values import Value, key


class SlowError(Exception):
    """There is no fast way for this."""


NAMES: Final[Mapping[str, object]] = {
    "truth": operators.truth,
    "select": access.select,
    "has": access.has,
    "maybe": access.maybe,
    "index": access.index,
    "alike": alike,
    "added": added,
    "contained": contained,
    "paid": paid,
    "elements": elements,
    "pairs": pairs,
    "entries": entries,
    "mapped": mapped,
    "optional_map": optional_map,
    "key": key,
    "all": all,
    "any": any,
    "sum": sum,
    "__builtins__": {},
}
_SIGNS: Final = {
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "%": "modulo",
    "-_": "negate",
    "<": "less",
    "<=": "at_most",
    ">": "greater",
    ">=": "at_least",
}
_PAID: Final = {"+": "added", "in": "contained"}
_BOOLEAN: Final = frozenset(("==", "!=", "<", "<=", ">", ">=", "in", "!"))

Fast = Callable[[list[int], Mapping[str, Value]], Value]


def fast(node: Node, variables: Sequence[str], constants: Mapping[str, Value], functions: Functions) -> Fast | None:
    """A Python function of a budget and the variables; None where there is no fast way."""
    writer = _Writer(variables, constants, functions)
    try:
        body = writer.text(node)
        source = f"lambda c, n: {writer.opened()}{body}{writer.closed()}"
        found = eval(compile(source, "<cel>", "eval"), writer.scope)  # noqa: S307 - text that is made here
    except (SlowError, SyntaxError, RecursionError, MemoryError):
        return None
    assert callable(found)
    return cast("Fast", found)


class _Writer:
    def __init__(self, variables: Sequence[str], constants: Mapping[str, Value], functions: Functions) -> None:
        self._variables, self._constants, self._functions = variables, constants, functions
        self._local: dict[str, str] = {}
        self._used: dict[str, str] = {}
        self._count = 0
        self.scope: dict[str, object] = {**NAMES, **{v: getattr(operators, v) for v in _SIGNS.values()}}

    def opened(self) -> str:
        """Variables that are used more than once are looked up once."""
        return f"(lambda {', '.join(self._used.values())}: " if self._used else ""

    def closed(self) -> str:
        return f")({', '.join(f'n[{name!r}]' for name in self._used)})" if self._used else ""

    def _fresh(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"

    def _kept(self, value: object, letter: str) -> str:
        name = self._fresh(letter)
        self.scope[name] = value
        return name

    def _bool(self, node: Node) -> str:
        said = self.text(node)
        sure = isinstance(node, And | Or | Has) or (
            isinstance(node, Call) and node.function in _BOOLEAN and not node.target
        )
        sure = sure or (isinstance(node, Macro) and node.kind in ("all", "exists", "exists_one"))
        return said if sure or (isinstance(node, Literal) and isinstance(node.value, bool)) else f"truth({said})"

    def _names(self) -> Sequence[str]:
        return (*map(local, self._local), *self._variables)

    def text(self, node: Node) -> str:
        """An expression of Python with the value of a node."""
        match node:
            case Literal():
                if node.value is None or type(node.value) in (bool, int, str, bytes):
                    return f"({node.value!r})"
                return self._kept(node.value, "k")
            case Name() | Select() | Call():
                return self._named(node)
            case Has():
                return f"has({self.text(node.operand)}, {node.field!r})"
            case Index():
                operand = self.text(node.operand)
                if node.optional:
                    return f"maybe({operand}, {self.text(node.index)})"
                if isinstance(node.index, Literal) and isinstance(node.index.value, str) and self._plain(node.operand):
                    return f"{operand}[{node.index.value!r}]"
                return f"index({operand}, {self.text(node.index)})"
            case And():
                return f"({self._bool(node.left)} and {self._bool(node.right)})"
            case Or():
                return f"({self._bool(node.left)} or {self._bool(node.right)})"
            case If():
                return f"({self.text(node.yes)} if {self._bool(node.condition)} else {self.text(node.no)})"
            case List():
                if node.optional:
                    raise SlowError
                return f"[{', '.join(map(self.text, node.items))}]"
            case Map():
                if node.optional:
                    raise SlowError
                return f"mapped(({''.join(f'({self.text(k)}, {self.text(v)}), ' for k, v in node.items)}))"
            case Macro():
                return self._macro(node)
            case Bind():
                value = self.text(node.value)
                return f"({self._function(node.name, node.body)})({value})"
            case OptionalMap():
                target = self.text(node.target)
                return f"optional_map({target}, {self._function(node.name, node.body)}, {node.flat})"

    def _function(self, name: str, body: Node) -> str:
        """A Python function of one variable."""
        made, before = self._fresh("v"), dict(self._local)
        self._local[name] = made
        said = f"lambda {made}: {self.text(body)}"
        self._local = before
        return said

    def _plain(self, node: Node) -> bool:
        """Is it surely no optional? Then Python's own look-up does, or fails."""
        if isinstance(node, Select | Index):
            return not node.optional and self._plain(node.operand)
        return isinstance(node, Name) and node.name not in self._local and node.name in self._variables

    def _named(self, node: Name | Select | Call) -> str:
        found = resolved(node, self._names(), self._constants.keys(), self._functions)
        if isinstance(found, str):
            if found.startswith(LOCAL):
                return self._local[found.removeprefix(LOCAL)]
            if found in self._variables:
                return self._used.setdefault(found, f"x{len(self._used)}")
            return self._kept(self._constants[found], "k")
        if isinstance(found, Resolved):
            args = ", ".join(map(self.text, found.args))
            if found.function.free:
                return f"{self._kept(found.function.answer, 'f')}({args})"
            return f"paid(c, {self._kept(found.function, 'f')}, {args})"
        match node:
            case Name():
                raise SlowError
            case Select():
                operand = self.text(node.operand)
                if node.optional:
                    return f"maybe({operand}, {node.field!r})"
                return (
                    f"{operand}[{node.field!r}]" if self._plain(node.operand) else f"select({operand}, {node.field!r})"
                )
            case Call():
                if node.target is not None:
                    raise SlowError
                return self._sign(node)

    def _sign(self, node: Call) -> str:
        name, args = node.function, node.args
        if name == "!":
            return f"(not {self._bool(args[0])})"
        if name in ("==", "!="):
            return self._compared(name, *args)
        if name in _PAID:
            return f"{_PAID[name]}(c, {', '.join(map(self.text, args))})"
        if name not in _SIGNS:
            raise SlowError
        return f"{_SIGNS[name]}({', '.join(map(self.text, args))})"

    def _compared(self, sign: str, left: Node, right: Node) -> str:
        for one, other in ((left, right), (right, left)):
            if isinstance(one, Literal) and isinstance(one.value, str):
                return f"({self.text(other)} {sign} {one.value!r})"
            if isinstance(one, Literal) and (one.value is None or isinstance(one.value, bool)):
                return f"({self.text(other)} {'is' if sign == '==' else 'is not'} {one.value})"
        said = f"alike(c, {self.text(left)}, {self.text(right)})"
        return said if sign == "==" else f"(not {said})"

    def _macro(self, node: Macro) -> str:
        looked_at = self.text(node.range)
        made = [self._fresh("v") for _ in node.variables]
        several = "elements" if len(made) == 1 else "pairs"
        loop = f"for {', '.join(made)} in {several}(c, {looked_at})"
        before = dict(self._local)
        self._local.update(zip(node.variables, made, strict=True))
        args, last = node.args, node.args[-1]
        where = f" if {self._bool(args[0])}" if len(args) == 2 else ""
        match node.kind:
            case "all" | "exists":
                said = f"{'all' if node.kind == 'all' else 'any'}({self._bool(last)} {loop})"
            case "exists_one":
                said = f"(sum(1 {loop} if {self._bool(last)}) == 1)"
            case "filter":
                said = f"[{made[0]} {loop} if {self._bool(last)}]"
            case "map" | "transformList":
                said = f"[{self.text(last)} {loop}{where}]"
            case "transformMap":
                said = f"{{key({made[0]}): {self.text(last)} {loop}{where}}}"
            case "transformMapEntry":
                said = f"entries([{self.text(last)} {loop}{where}])"
            case _:
                raise SlowError
        self._local = before
        return said
