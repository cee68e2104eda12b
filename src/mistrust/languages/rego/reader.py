"""Terms -> expressions of Python: values, patterns and references.

Nothing that a policy says becomes text but through `repr` of a plain string or number, and names are made here.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mistrust.kube.errors import InputError
from mistrust.languages.rego import order
from mistrust.languages.rego.ops import Gathered, Ops
from mistrust.languages.rego.syntax import Array, Const, Object, Ref, SetOf, Template, Term, Var
from mistrust.languages.rego.writer import Writer

if TYPE_CHECKING:
    from mistrust.languages.rego.link import Linker


class Reader(Writer):
    """Writes what terms are. Parameters: `linker`, what knows the names of functions and documents."""

    def __init__(self, linker: Linker, known: dict[str, str]) -> None:
        super().__init__(known)
        self.linker = linker

    @abstractmethod
    def body(self, ops: Ops, accept: Callable[[], None]) -> None:
        """Every solution of a body reaches what `accept` writes."""

    # Patterns

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
        bound = self.names.keys()
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
                return self._kept(f"joined({self.c}, {', '.join(parts)})")
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
                return (
                    self._defined(f"descend({self.c}, {self.linker.below(place, rest)}, ({parts}))"),
                    rest[known:],
                    False,
                )
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


def different(value: str, constant: Const) -> str:
    """A Python test: is a value another than a constant?"""
    wanted = constant.value
    if wanted is None or isinstance(wanted, bool):
        return f"{value} is not {wanted}"
    if isinstance(wanted, str):
        return f"{value} != {wanted!r}"
    return f"(type({value}) is bool or {value} != {wanted!r})"
