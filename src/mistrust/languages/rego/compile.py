"""`compiled`: modules -> functions that run, and `Program.query`: questions about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from mistrust.languages.rego.builtins.table import TABLE, Builtin
from mistrust.languages.rego.emit import Block
from mistrust.languages.rego.errors import EvaluationError
from mistrust.languages.rego.link import Linker, bounded
from mistrust.languages.rego.ops import Ops, everything, withs
from mistrust.languages.rego.parse import parse_query
from mistrust.languages.rego.rules import Path, scope
from mistrust.languages.rego.runtime import STEPS, Context, Maybe
from mistrust.languages.rego.syntax import Holds, Literal, Module, Unify, Var
from mistrust.languages.rego.values import U, Value


class Program:
    """Modules, ready to be asked."""

    def __init__(self, modules: Sequence[Module], builtins: Mapping[str, Builtin]) -> None:
        with bounded():
            self._modules, self._linker = tuple(modules), Linker(modules, builtins)
        self._count = 0
        self.slots = self._linker.slots

    def check(self) -> None:
        """Compile every rule. Raises `InputError` for the first that cannot be."""
        for place in self._linker.documents.values():
            self._linker.use(place)
        with bounded():
            self._linker.link()

    def query(self, text: str, package: Path = (), *, values: bool = False, version: int = 1) -> Query:
        """A question: `data.a.b = x`.

        Parameters: `package`, whose rules may be named without it; `values`, whether the value of each expression is
        asked for too, so that one that is false is an answer like others.

        Raises `InputError` for one that cannot be answered.
        """
        body = parse_query(text, version=version)
        if values:
            body = tuple(_valued(i, literal) for i, literal in enumerate(body))
        with bounded():
            ops = scope(self._modules, package, self._linker.arities).body(body)
            return Query(self, self._compiled(ops, len(body) if values else 0))

    def _compiled(self, ops: Ops, values: int) -> Callable[[Context], object]:
        """Parameters: `values`, the number of expressions whose values are asked for."""
        self._linker.replace(withs(ops))
        names = sorted(n for n in {v for op in ops for v in everything(op)} if not n.startswith("$"))
        block = Block(self._linker, {})
        block.sorted = True
        block.assign("found", "[]")

        def accept() -> None:
            pairs = [f"{n.partition('.')[0]!r}: {block.names[n]}" for n in names if n in block.names]
            own = [block.names.get(f"$x{i}", "True") for i in range(values)]
            block.line(f"found.append(({{{', '.join(pairs)}}}, [{', '.join(own)}]))")

        block.body(ops, accept)
        block.line("return found")
        self._count += 1
        name = f"q{self._count}"
        self._linker.text += [f"def {name}(c):", *block.lines]
        self._linker.link()
        function = self._linker.scope[name]
        assert callable(function)
        return function


def _valued(number: int, literal: Literal) -> Literal:
    """The same, with the value of its expression in a variable."""
    says = literal.says
    if literal.negated or not isinstance(says, Holds):
        return literal
    return msgspec.structs.replace(literal, says=Unify(Var(f"$x{number}"), says.term, at=says.at))


class Answer(msgspec.Struct, frozen=True):
    """One way in which a question holds."""

    bindings: dict[str, Value]
    values: list[Value]
    """Of each of its expressions."""


class Query:
    """A question that can be asked again and again."""

    def __init__(self, program: Program, function: Callable[[Context], object]) -> None:
        self._program, self._function = program, function

    def ask(
        self, given: Maybe = U, data: Value = None, *, strict: bool = False, steps: int = STEPS, clock: int = 0
    ) -> list[dict[str, Value]]:
        """Every way in which it holds, each with the values of the variables.

        Raises `EvaluationError` where there is no answer: a conflict, too many steps, and, if `strict`, a built-in that
        fails.
        """
        return [bindings for bindings, _ in self._found(given, data, strict, steps, clock)]

    def answers(
        self, given: Maybe = U, data: Value = None, *, strict: bool = False, steps: int = STEPS, clock: int = 0
    ) -> list[Answer]:
        """The same with the values of the expressions, of a question that was made for them."""
        return [Answer(*each) for each in self._found(given, data, strict, steps, clock)]

    def _found(
        self, given: Maybe, data: Value, strict: bool, steps: int, clock: int
    ) -> list[tuple[dict[str, Value], list[Value]]]:
        context = Context(
            self._program.slots, given, {} if data is None else data, strict=strict, steps=steps, clock=clock
        )
        try:
            found = self._function(context)
        except RecursionError:
            raise EvaluationError("a value is too deeply nested") from None
        except UnicodeEncodeError:
            raise EvaluationError("a text is not Unicode") from None
        assert isinstance(found, list)
        return found


def compiled(modules: Sequence[Module], builtins: Mapping[str, Builtin] = TABLE) -> Program:
    """Compile modules; each rule when it is first needed.

    Raises `InputError` for rules that contradict one another.
    """
    return Program(modules, builtins)


__all__ = ["Answer", "Program", "Query", "compiled"]
