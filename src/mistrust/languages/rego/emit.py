"""Operations -> the text of Python functions.

Every body is a chain of statements inside `for _ in ONE:`, so that `continue` is how anything fails; what has several
solutions opens a loop, in which everything that follows stands. Nothing that a policy says becomes text but through
`repr` of a plain string or number, and names are made here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mistrust.kube.errors import InputError
from mistrust.languages.rego import order
from mistrust.languages.rego.ops import (
    All,
    Does,
    Equals,
    FunctionName,
    Gathered,
    Not,
    Op,
    Ops,
    Test,
)
from mistrust.languages.rego.syntax import Array, Const, Object, Ref, SetOf, Template, Term, Var, With

if TYPE_CHECKING:
    from mistrust.languages.rego.compile import Linker

DEEP = 14
"""Loops inside loops; Python allows twenty blocks."""


class Frame:
    """A Python function that is being written."""

    def __init__(self) -> None:
        self.depth = 0
        self.defined: set[str] = set()
        self.assigned: set[str] = set()


class Block:
    """Writes one function. Parameters: `known`, variables that have a value, by their Python names."""

    def __init__(self, linker: Linker, known: dict[str, str], indent: int = 1) -> None:
        self.linker = linker
        self.lines: list[str] = []
        self.indent = indent
        self.names = dict(known)
        self.c = "c"
        self.sorted = False
        self.frames = [Frame()]
        self._open: list[list[tuple[str, int, int]]] = [[]]
        self._number = 0

    # Text

    def line(self, text: str) -> None:
        """One line of Python."""
        self.lines.append("    " * self.indent + text)

    def fresh(self, letter: str = "t") -> str:
        """A Python name that is not taken."""
        self._number += 1
        return f"{letter}{self._number}"

    def assign(self, name: str, value: str) -> None:
        """`name = value`, wherever the name belongs."""
        frame = self.frames[-1]
        if name not in frame.defined:
            outer = any(name in f.defined for f in self.frames[:-1])
            (frame.assigned if outer else frame.defined).add(name)
        self.line(f"{name} = {value}")

    def loop(self, header: str) -> None:
        """Open a loop, in a function of its own where Python would allow no further one."""
        frame = self.frames[-1]
        if frame.depth >= DEEP:
            name = self.fresh("g")
            self.line(f"def {name}():")
            self.indent += 1
            self.lines.append("")  # where `nonlocal` goes
            self.frames.append(Frame())
            self._open[-1].append((name, len(self.lines) - 1, self.indent - 1))
        self.line(header)
        self.indent += 1
        self.frames[-1].depth += 1

    @contextmanager
    def nested(self) -> Iterator[None]:
        """A body inside: what it binds is forgotten, and its loops are closed."""
        indent, names, depth = self.indent, dict(self.names), self.frames[-1].depth
        self._open.append([])
        self.loop("for _ in ONE:")
        yield
        for name, at, level in reversed(self._open.pop()):
            frame = self.frames.pop()
            if frame.assigned:
                self.lines[at] = "    " * (level + 1) + f"nonlocal {', '.join(sorted(frame.assigned))}"
            for other in frame.assigned:
                if other not in self.frames[-1].defined:
                    self.frames[-1].assigned.add(other)
            self.indent = level
            self.line(f"{name}()")
        self.indent, self.names = indent, names
        self.frames[-1].depth = depth

    # Bodies

    def body(self, ops: Ops, accept: Callable[[], None], wanted: Iterable[str] = ()) -> None:
        """Every solution of a body reaches what `accept` writes."""
        with self.nested():
            self.ops(ops, wanted)
            accept()

    def ops(self, ops: Ops, wanted: Iterable[str] = ()) -> None:
        """The operations, in an order in which they can run."""
        for op in order.ordered(ops, self.names, wanted):
            self.op(op)

    def op(self, op: Op) -> None:
        """One operation."""
        before = self.c
        if op.withs:
            self.c = self._changed(op.withs)
        match op:
            case Equals():
                self.equal(op.left, op.right)
            case Test():
                self._test(op.term)
            case Does():
                self._does(op)
            case Not():
                self._not(op)
            case All():
                self._all(op)
        self.c = before

    def _changed(self, withs: Sequence[With]) -> str:
        values: list[str] = []
        mocks: list[str] = []
        for w in withs:
            assert isinstance(w.target.head, Var)
            path = (w.target.head.name, *(str(p.value) for p in w.target.path if isinstance(p, Const)))
            if self.linker.callable(path):
                if isinstance(w.value, FunctionName):
                    mocks.append(f"{path!r}: ({self.linker.function(w.value.name)}, U)")
                else:
                    mocks.append(f"{path!r}: (None, {self.value(w.value)})")
            else:
                values.append(f"({path!r}, {self.value(w.value)})")
        name = self.fresh("c")
        self.assign(name, f"{self.c}.changed([{', '.join(values)}], {{{', '.join(mocks)}}})")
        return name

    def _test(self, term: Term) -> None:
        match term:
            case Const():
                if term.value is False:
                    self.line("continue")
            case _:
                value = self.value(term)
                if isinstance(term, Ref | Var):
                    self.line(f"if {value} is False: continue")

    def _not(self, op: Not) -> None:
        flag = self.fresh("n")
        self.assign(flag, "True")

        def accept() -> None:
            self.assign(flag, "False")

        with self.nested():
            self.op(op.inner)
            accept()
        self.line(f"if not {flag}: continue")

    def _all(self, op: All) -> None:
        collection = self.value(op.collection)
        flag, one = self.fresh("n"), self.fresh("n")
        k, v = self.fresh("k"), self.fresh("v")
        self.assign(flag, "True")
        indent, names, depth = self.indent, dict(self.names), self.frames[-1].depth
        if depth >= DEEP:
            raise InputError("too many loops inside each other", where=str(op.at), do="make a function of some")
        self.frames[-1].defined |= {k, v}
        self.line(f"if not iterable({collection}): continue")
        self.line(f"for {k}, {v} in items({self.c}, {collection}):")
        self.indent += 1
        self.frames[-1].depth += 1
        if op.key is not None:
            self.names[op.key.name] = k
        self.names[op.value.name] = v
        self.assign(one, "False")
        self.body(op.body, lambda: self.assign(one, "True"))
        self.line(f"if not {one}:")
        self.indent += 1
        self.assign(flag, "False")
        self.line("break")
        self.indent, self.names = indent, names
        self.frames[-1].depth = depth
        self.line(f"if not {flag}: continue")

    # Equations

    def equal(self, left: Term, right: Term) -> None:
        """Both sides are made the same."""
        bound = set(self.names)
        if isinstance(left, Array) and isinstance(right, Array):
            if len(left.items) != len(right.items):
                self.line("continue")
                return
            self._together(list(zip(left.items, right.items, strict=True)))
            return
        if isinstance(left, Object) and isinstance(right, Object):
            pairs = order.paired(left, right)
            if pairs is not None:
                self._together(pairs)
                return
        for one, other in ((left, right), (right, left)):
            new = order.asked(one, bound, bound)
            if new is None:
                continue
            if order.matched(other, bound | new, bound | new) is not None:
                self.matched(other, self.value(one))
                return
            if order.asked(other, bound | new, bound | new) is not None:
                first = self.value(one)
                self._same(first, self.value(other))
                return
        raise InputError("unsafe variable", wanted="a value on one side of the equation")

    def _together(self, pairs: list[tuple[Term, Term]]) -> None:
        left = pairs
        while left:
            bound = set(self.names)
            now = next((p for p in left if order.equated(*p, bound, bound) is not None), None)
            if now is None:
                raise InputError("unsafe variable", wanted="a value on one side of the equation")
            self.equal(*now)
            left = [p for p in left if p is not now]

    def matched(self, pattern: Term, value: str) -> None:
        """A value has the form of a pattern, whose variables get what stands there."""
        match pattern:
            case Gathered():
                self._same(value, self.value(pattern))
            case Var() if pattern.name not in self.names:
                name = self.fresh("v")
                self.assign(name, value)
                self.names[pattern.name] = name
            case Const():
                self.line(f"if {different(value, pattern)}: continue")
            case Array() if not self._ground(pattern):
                name = self._kept(value)
                self.line(f"if not isinstance({name}, list) or len({name}) != {len(pattern.items)}: continue")
                for i, item in enumerate(pattern.items):
                    self.matched(item, f"{name}[{i}]")
            case Object() if not self._ground(pattern):
                name = self._kept(value)
                self.line(f"if not isinstance({name}, dict) or len({name}) != {len(pattern.items)}: continue")
                for k, item in pattern.items:
                    inner = self._defined(f"get({name}, {self.value(k)})")
                    self.matched(item, inner)
            case _:
                self._same(value, self.value(pattern))

    def _ground(self, term: Term) -> bool:
        bound = set(self.names)
        return order.asked(term, bound, bound) is not None

    def _same(self, one: str, other: str) -> None:
        quick = f"{one} is not {other} and " if one.isidentifier() and other.isidentifier() else ""
        self.line(f"if {quick}not equal({one}, {other}): continue")

    def _kept(self, value: str) -> str:
        if value.isidentifier():
            return value
        name = self.fresh()
        self.assign(name, value)
        return name

    def _defined(self, expression: str) -> str:
        name = self.fresh()
        self.assign(name, expression)
        self.line(f"if {name} is U: continue")
        return name

    # Values

    def value(self, term: Term) -> str:
        """A Python expression without effects for the value of a term; what has none fails."""
        match term:
            case Const():
                return self.linker.constant(term.value)
            case Gathered():
                return self._gathered(term)
            case Var():
                if term.name in self.names:
                    return self.names[term.name]
                if term.name in ("input", "data"):
                    return self._ref(Ref(term, ()))
                raise InputError("unsafe variable", where=str(term.at), got=term.name.partition(".")[0])
            case Ref():
                return self._ref(term)
            case Array():
                return self._kept(f"[{', '.join([self.value(i) for i in term.items])}]")
            case SetOf():
                return self._kept(f"Set(({''.join(self.value(i) + ', ' for i in term.items)}))")
            case Object():
                pairs = [(k, self.value(k), self.value(v)) for k, v in term.items]
                if all(isinstance(k, Const) and isinstance(k.value, str) for k, _, _ in pairs):
                    return self._kept(f"{{{', '.join(f'{k}: {v}' for _, k, v in pairs)}}}")
                return self._kept(f"made(({''.join(f'({k}, {v}), ' for _, k, v in pairs)}))")
            case Template():
                parts = [repr(p) if isinstance(p, str) else f"spoken({self.value(p)})" for p in term.parts]
                return self._kept(f"''.join(({', '.join(parts)},))")
            case _:
                raise InputError("not a value here", got=type(term).__name__)

    def _gathered(self, gathered: Gathered) -> str:
        found, before = self.fresh("a"), self.sorted
        self.sorted = before or gathered.kind == "array"
        self.assign(found, "[]" if gathered.kind == "array" else "{}")

        def accept() -> None:
            head = self.value(gathered.head)
            if gathered.kind == "array":
                self.line(f"{found}.append({head})")
            elif gathered.kind == "set":
                self.line(f"{found}[key({head})] = {head}")
            else:
                assert gathered.key is not None
                self.line(f"put_key({found}, {self.value(gathered.key)}, {head})")

        self.body(gathered.body, accept)
        self.sorted = before
        if gathered.kind == "array":
            return found
        made = self.fresh("s")
        self.assign(made, f"Set.of({found})" if gathered.kind == "set" else f"fitting({found})")
        return made

    # References

    def _ref(self, ref: Ref) -> str:
        head, path, stored = ref.head, list(ref.path), False
        if isinstance(head, Var) and head.name == "input" and head.name not in self.names:
            value = f"{self.c}.input"
            if not path:
                return self._defined(value)
        elif isinstance(head, Var) and head.name == "data" and head.name not in self.names:
            value, path, stored = self._document(path)
        else:
            value = self.value(head)
        while path:
            value, path = self._step(value, path, "stored" if stored else "get")
        return value

    def _step(self, value: str, path: list[Term], get: str) -> tuple[str, list[Term]]:
        """The next parts of a path: many strings at once, or one of something else."""
        names = []
        for part in path:
            if not isinstance(part, Const) or not isinstance(part.value, str):
                break
            names.append(part.value)
        if names:
            found = self.fresh()
            steps = "".join(f"[{name!r}]" for name in names)
            self.line(f"try: {found} = {value}{steps}")
            self.line("except LOOKUP: continue")
            self.frames[-1].defined.add(found)
            return found, path[len(names) :]
        part = path[0]
        if self._ground(part):
            return self._defined(f"{get}({value}, {self.value(part)})"), path[1:]
        k, v = self.fresh("k"), self.fresh("v")
        self.loop(f"for {k}, {v} in {'sorted_items' if self.sorted else 'items'}({self.c}, {value}):")
        self.frames[-1].defined |= {k, v}
        self.matched(part, k)
        return v, path[1:]

    def _document(self, path: list[Term]) -> tuple[str, list[Term], bool]:
        """As far as the path leads through the tree of rules; data, which is said, where there are none."""
        place, at = self.linker.root, 0
        while at < len(path) and not place.rules:
            part = path[at]
            if not isinstance(part, Const) or not isinstance(part.value, str) or part.value not in place.children:
                break
            place, at = place.children[part.value], at + 1
        rest = path[at:]
        if place.function:
            raise InputError("a function is not a value", got=".".join(("data", *place.path)))
        if not place.rules and rest and (place.children or place.package):
            if isinstance(rest[0], Const):
                return self._base(place.path), rest, True
            if self._ground(rest[0]):
                known = next((i for i, p in enumerate(rest) if not self._ground(p)), len(rest))
                parts = "".join(f"{self.value(p)}, " for p in rest[:known])
                return self._defined(f"descend({self.c}, {self.linker.below(place)}, ({parts}))"), rest[known:], False
        elif not place.rules and not place.children and not place.package:
            return self._base(place.path), rest, True
        return self._defined(f"{self.linker.document(place)}({self.c})"), rest, False

    def _base(self, path: Sequence[str]) -> str:
        steps = "".join(f"[{name!r}]" for name in path)
        if not steps:
            return f"{self.c}.data"
        found = self.fresh()
        self.frames[-1].defined.add(found)
        self.line(f"try: {found} = {self.c}.data{steps}")
        self.line("except LOOKUP: continue")
        return found

    # Calls

    def _does(self, op: Does) -> None:
        arity = self.linker.arity(op.name, op.at)
        args, out = list(op.args), op.out
        if len(args) != arity and arity >= 0:
            wanted = f"{arity} arguments"
            raise InputError(
                f"{'.'.join(op.name)} was called wrongly", where=str(op.at), got=str(len(args)), wanted=wanted
            )
        values = [self.value(a) for a in args]
        if op.name in (("neq",), ("equal",)) and out is None and not self.linker.replaced(op.name):
            self._compared(op.name[0] == "neq", args, values)
            return
        if op.name == ("walk",):
            pair = self.fresh("w")
            self.loop(f"for {pair} in walk({self.c}, {values[0]}):")
            self.frames[-1].defined.add(pair)
            if out is not None:
                self.matched(out, pair)
            return
        found = self.fresh()
        self.linker.call(self, op.name, values, found)
        if out is None:
            self.line(f"if {found} is U or {found} is False: continue")
        else:
            self.line(f"if {found} is U: continue")
            self.matched(out, found)

    def _compared(self, negated: bool, args: list[Term], values: list[str]) -> None:
        for one, other in ((0, 1), (1, 0)):
            term = args[one]
            if isinstance(term, Const):
                test = different(values[other], term)
                self.line(f"if {f'not ({test})' if negated else test}: continue")
                return
        self.line(f"if {'' if negated else 'not '}equal({values[0]}, {values[1]}): continue")


def different(value: str, constant: Const) -> str:
    """A Python test: is a value another than a constant?"""
    wanted = constant.value
    if wanted is None or isinstance(wanted, bool):
        return f"{value} is not {wanted}"
    if isinstance(wanted, str):
        return f"{value} != {wanted!r}"
    return f"(type({value}) is bool or {value} != {wanted!r})"
