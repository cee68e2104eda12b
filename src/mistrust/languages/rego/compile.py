"""`compiled`: modules -> functions that run, and `Program.query`: questions about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from mistrust.kube.errors import InputError
from mistrust.languages.rego import runtime, values
from mistrust.languages.rego.builtins.table import TABLE, Builtin
from mistrust.languages.rego.emit import Block
from mistrust.languages.rego.errors import BuiltinError, EvaluationError
from mistrust.languages.rego.ops import Op, everything
from mistrust.languages.rego.parse import parse_query
from mistrust.languages.rego.rules import Branch, Definition, Document, Path, scope, tree
from mistrust.languages.rego.runtime import STEPS, Below, Context, Maybe
from mistrust.languages.rego.syntax import NOWHERE, At, Const, Holds, Literal, Module, Unify, Var
from mistrust.languages.rego.values import U, Value

Compiled = Callable[[Context], Maybe]
NAMES: Final[Mapping[str, object]] = {
    **{n: getattr(runtime, n) for n in ("LOOKUP", "NEW", "ONE", "COMPLETE", "FUNCTION", "Growing")},
    **{n: getattr(runtime, n) for n in ("get", "items", "sorted_items", "same", "put", "put_key", "put_member")},
    **{
        n: getattr(runtime, n)
        for n in ("grown", "merged", "descend", "stored", "iterable", "spoken", "walk", "reached")
    },
    **{n: getattr(values, n) for n in ("Set", "U", "equal", "fitting", "key", "made")},
    "BuiltinError": BuiltinError,
    "isinstance": isinstance,
    "len": len,
    "list": list,
    "dict": dict,
    "type": type,
    "bool": bool,
    "__builtins__": {},
}


class Linker:
    """Knows what can be called and looked at, and collects the text of everything that is."""

    def __init__(self, modules: Sequence[Module], builtins: Mapping[str, Builtin]) -> None:
        self.builtins = {tuple(name.split(".")): b for name, b in builtins.items()}
        self.arities = {name: b.arity for name, b in self.builtins.items()}
        self.root = tree(modules, self.arities)
        self.documents = {d.path: d for d in self.root.every()}
        self.slots: dict[tuple[Value, ...], int] = {d.path: d.slot for d in self.documents.values() if not d.function}
        self.text: list[str] = []
        self.scope: dict[str, object] = dict(NAMES)
        self._written: set[int] = set()
        self._mocked = _mocked(self.root)
        self._uses: dict[int, set[int]] = {}
        self._now = -1
        self._needed: list[Document] = []
        self._later: list[tuple[Below, str]] = []

    # Names

    def constant(self, value: bool | int | float | str | None) -> str:
        """A constant as Python writes it."""
        return repr(value)

    def _at(self, name: Path) -> Document | None:
        found = self.documents.get(name[1:]) if name[:1] == ("data",) else None
        return found if found is not None and found.function else None

    def callable(self, name: Path) -> bool:
        """Is this the name of a function?"""
        return self._at(name) is not None or name in self.builtins

    def replaced(self, name: Path) -> bool:
        """Does some `with` replace this function?"""
        return name in self._mocked

    def arity(self, name: Path, at: At) -> int:
        """How many arguments a function takes; -1 for any number. Raises `InputError` for no function."""
        document = self._at(name)
        if document is not None:
            return document.arity
        if name in self.builtins:
            return self.builtins[name].arity
        raise InputError("no such function", where=str(at), got=".".join(name))

    def function(self, name: Path) -> str:
        """A Python function of the context and the arguments."""
        document = self._at(name)
        if document is not None:
            self._use(document)
            return f"f{document.slot}"
        made = f"m_{'_'.join(name)}"
        self.scope[made] = self.builtins[name].called()
        return made

    def call(self, block: Block, name: Path, args: Sequence[str], out: str) -> None:
        """Write a call, whose answer may be undefined."""
        listed = "".join(f", {a}" for a in args)
        if self.replaced(name):
            block.assign(out, f"{block.c}.call({name!r}, {self.function(name)}{listed})")
        elif self._at(name) is not None:
            block.assign(out, f"{self.function(name)}({block.c}{listed})")
        else:
            builtin = self.builtins[name]
            made = f"b_{'_'.join(name)}"
            self.scope[made] = builtin.function
            given = f"{block.c}{listed}" if builtin.context else listed.removeprefix(", ")
            block.line("try:")
            block.indent += 1
            block.assign(out, f"{made}({given})")
            block.indent -= 1
            block.line("except BuiltinError as e:")
            block.line(f"    {block.c}.failed(e)")
            block.line("    continue")

    def document(self, place: Document) -> str:
        """The Python function that gives a document."""
        self._use(place)
        return f"r{place.slot}"

    def below(self, place: Document) -> str:
        """What is below a document, for keys that are not known yet."""
        name = f"h{place.slot}"
        if name not in self.scope:
            self.scope[name] = self._below(place)
        return name

    def _below(self, place: Document) -> Below:
        found = Below(place.path)
        for name, inner in place.children.items():
            if not inner.function:
                found.children[name] = self._below(inner)
                if inner.rules or not inner.children:
                    self._needed.append(inner)
                    self._later.append((found.children[name], f"r{inner.slot}"))
        return found

    def _use(self, place: Document) -> None:
        self._uses.setdefault(self._now, set()).add(place.slot)
        self._needed.append(place)

    # Text

    def link(self) -> None:
        """Write everything that was asked for, and make it Python."""
        while self._needed:
            place = self._needed.pop()
            if place.slot in self._written:
                continue
            self._written.add(place.slot)
            before, self._now = self._now, place.slot
            self.text += self._function(place) if place.function else self._value(place)
            self._now = before
        self._acyclic()
        source = "\n".join(self.text)
        self.text.clear()
        exec(compile(source, "<rego>", "exec"), self.scope)  # noqa: S102 - text that `emit` made
        for below, function in self._later:
            found = self.scope[function]
            assert callable(found)
            below.value = found
        self._later.clear()

    def _acyclic(self) -> None:
        done: set[int] = set()
        by_slot = {d.slot: d for d in self.documents.values()}

        def visit(slot: int, trail: tuple[int, ...]) -> None:
            if slot in trail:
                names = [".".join(("data", *by_slot[s].path)) for s in (*trail[trail.index(slot) :], slot)]
                at = next((str(r.at) for r in by_slot[slot].rules), "")
                raise InputError("a rule needs itself", where=at, got=" -> ".join(names))
            if slot not in done:
                for other in sorted(self._uses.get(slot, ())):
                    visit(other, (*trail, slot))
                done.add(slot)

        for slot in sorted(s for s in self._uses if s >= 0):
            visit(slot, ())

    def _function(self, place: Document) -> list[str]:
        args = [f"p{i}" for i in range(place.arity)]
        lines = [f"def f{place.slot}(c{''.join(f', {a}' for a in args)}):"]
        return lines + self._alternatives(place, args, "FUNCTION")

    def _value(self, place: Document) -> list[str]:
        slot = place.slot
        head = [
            f"def r{slot}(c):",
            f"    v = c.m[{slot}]",
            "    if v is not NEW: return v",
            f"    v = d{slot}(c)",
            f"    if c.patches: v = c.patched({slot}, v)",
            f"    c.m[{slot}] = v",
            "    return v",
            f"def d{slot}(c):",
        ]
        if not place.rules:
            return head + self._package(place)
        if place.growing:
            return head + self._growing(place)
        if place.members:
            return head + self._members(place)
        return head + self._alternatives(place, [], "COMPLETE")

    def _package(self, place: Document) -> list[str]:
        steps = "".join(f"[{name!r}]" for name in place.path)
        children = [c for c in place.children.values() if not (c.function and not c.children)]
        parts = ", ".join(f"{c.path[-1]!r}: {self.document(c)}(c)" for c in children)
        return [
            f"    try: base = c.data{steps}",
            "    except LOOKUP: base = U",
            f"    return merged({{{parts}}}, base)",
        ]

    def _alternatives(self, place: Document, args: list[str], what: str) -> list[str]:
        """Several definitions of one value."""
        rules = [r for r in place.rules if not r.default]
        default = next((r for r in place.rules if r.default), None)
        constants = {repr(b.value) for r in rules for b in r.branches if isinstance(b.value, Const)}
        alike = len(constants) == 1 and all(isinstance(b.value, Const) for r in rules for b in r.branches)
        block = Block(self, {})
        block.assign("v", "U")
        for rule in rules:
            early = alike or (len(rules) == 1 and all(isinstance(b.value, Const) for b in rule.branches))
            self._chain(block, rule, args, what, early=early)
        if default is not None:
            block.line("if v is U:")
            block.indent += 1
            block.body(default.branches[0].ops, lambda: block.assign("v", block.value(default.branches[0].value)))
            block.indent -= 1
        block.line("return v")
        return block.lines

    def _chain(self, block: Block, rule: Definition, args: list[str], what: str, *, early: bool) -> None:
        own = "v" if early or len(rule.branches) == 1 else block.fresh("w")
        if own != "v":
            block.assign(own, "U")
        indent = block.indent
        for i, branch in enumerate(rule.branches):
            if i:
                block.line(f"if {own} is U:")
                block.indent += 1
            self._branch(block, branch, rule, args, own, what, early=early)
        block.indent = indent
        if own != "v":
            block.line(f"if {own} is not U: v = same(v, {own}, {what})")

    def _branch(
        self, block: Block, branch: Branch, rule: Definition, args: list[str], own: str, what: str, *, early: bool
    ) -> None:
        def accept() -> None:
            value = block.value(branch.value)
            if early and len(block.frames) == 1:
                block.line(f"return {value}")
            else:
                block.assign(own, f"same({own}, {value}, {what})")

        before = dict(block.names)
        block.names = dict(zip(rule.args or (), args, strict=True))
        block.body(branch.ops, accept)
        block.names = before

    def _members(self, place: Document) -> list[str]:
        block = Block(self, {})
        block.assign("v", "{}")
        for rule in place.rules:
            for branch in rule.branches:
                assert branch.member is not None
                member = branch.member

                def accept(member: object = member) -> None:
                    value = block.value(member)  # type: ignore[arg-type]
                    block.line(f"v[key({value})] = {value}")

                block.body(branch.ops, accept)
        block.line("return Set.of(v)")
        return block.lines

    def _growing(self, place: Document) -> list[str]:
        block = Block(self, {})
        block.assign("v", "Growing()")
        for inner in place.every():
            below = inner.path[len(place.path) :]
            if inner.members:
                for rule in inner.rules:
                    for branch in rule.branches:
                        self._grow(block, branch, below)
            elif inner.rules and not inner.growing and not inner.function:
                found = block.fresh()
                block.assign(found, f"{self.document(inner)}(c)")
                block.line(f"if {found} is not U: put(v, {below!r}, {found})")
            for rule in inner.rules if inner.growing else ():
                for branch in rule.branches:
                    self._grow(block, branch, below)
        steps = "".join(f"[{name!r}]" for name in place.path)
        block.line(f"try: base = c.data{steps}")
        block.line("except LOOKUP: base = U")
        block.line("return merged(grown(v), base)")
        return block.lines

    def _grow(self, block: Block, branch: Branch, below: Path) -> None:
        def accept() -> None:
            parts = "".join(f"{p}, " for p in (*map(repr, below), *(block.value(p) for p in branch.path)))
            if branch.member is None:
                block.line(f"put(v, ({parts}), {block.value(branch.value)})")
            else:
                block.line(f"put_member(v, ({parts}), {block.value(branch.member)})")

        block.body(branch.ops, accept)


def _mocked(root: Document) -> set[Path]:
    """Functions that some `with` replaces."""
    found: set[Path] = set()

    def look(op: object) -> None:
        if isinstance(op, msgspec.Struct):
            for w in getattr(op, "withs", ()):
                head = w.target.head
                found.add((head.name, *(str(p.value) for p in w.target.path)))
            for field in op.__struct_fields__:
                look(getattr(op, field))
        elif isinstance(op, tuple):
            for part in op:
                look(part)

    for document in root.every():
        for rule in document.rules:
            look(rule.branches)
    return found


class Program:
    """Modules, ready to be asked."""

    def __init__(self, modules: Sequence[Module], builtins: Mapping[str, Builtin]) -> None:
        self._modules, self._linker = tuple(modules), Linker(modules, builtins)
        self._count = 0
        self.slots = self._linker.slots

    def check(self) -> None:
        """Compile every rule. Raises `InputError` for the first that cannot be."""
        for place in self._linker.documents.values():
            self._linker._use(place)
        self._linker.link()

    def query(self, text: str, package: Path = (), *, values: bool = False, version: int = 1) -> Query:
        """A question: `data.a.b = x`.

        Parameters: `package`, whose rules may be named without it; `values`, whether the value of each expression is
        asked for too, so that one that is false is an answer like others.

        Raises `InputError` for one that cannot be answered.
        """
        where = scope(self._modules, package, self._linker.arities)
        body = parse_query(text, version=version)
        if values:
            body = tuple(_valued(i, literal) for i, literal in enumerate(body))
        ops: tuple[Op, ...] = where.body(body)
        self._linker._mocked |= _mocked_in(ops)
        names = sorted(n for n in {v for op in ops for v in everything(op)} if not n.startswith("$"))
        block = Block(self._linker, {})
        block.sorted = True
        block.assign("found", "[]")

        def accept() -> None:
            pairs = [f"{n.partition('.')[0]!r}: {block.names[n]}" for n in names if n in block.names]
            own = [block.names.get(f"$x{i}", "True") for i in range(len(body))] if values else []
            block.line(f"found.append(({{{', '.join(pairs)}}}, [{', '.join(own)}]))")

        block.body(ops, accept)
        block.line("return found")
        self._count += 1
        name = f"q{self._count}"
        self._linker.text.append(f"def {name}(c):")
        self._linker.text += block.lines
        self._linker.link()
        function = self._linker.scope[name]
        assert callable(function)
        return Query(self, function)


def _mocked_in(ops: object) -> set[Path]:
    place = Document((), 0, [Definition(None, (Branch(ops, Const(True), (), None),), False, NOWHERE)], {})  # type: ignore[arg-type]
    return _mocked(place)


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
            raise EvaluationError("rules call one another without an end") from None
        assert isinstance(found, list)
        return found


def compiled(modules: Sequence[Module], builtins: Mapping[str, Builtin] = TABLE) -> Program:
    """Compile modules; each rule when it is first needed.

    Raises `InputError` for rules that contradict one another.
    """
    return Program(modules, builtins)


__all__ = ["Answer", "Program", "Query", "compiled"]
