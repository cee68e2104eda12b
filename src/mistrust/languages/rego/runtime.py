"""What compiled policies call while they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from mistrust.languages.rego.errors import BudgetError, BuiltinError, ConflictError
from mistrust.languages.rego.values import (
    Key,
    Obj,
    Set,
    U,
    Undefined,
    Value,
    equal,
    fitting,
    key,
    ordered,
    pairs,
)

LOOKUP: Final = (KeyError, TypeError, IndexError)
ONE: Final = (None,)
SIZED: Final = frozenset((list, dict, Obj, Set))
STEPS: Final = 10_000_000
"""Elements that one evaluation may look at and build."""
CHARACTERS: Final = 16
"""Of a text, that count as one element."""
COMPLETE: Final = "complete rules must not produce multiple outputs"
FUNCTION: Final = "functions must not produce multiple outputs for same inputs"

Maybe = Value | Undefined
Path = tuple[Value, ...]


class Function(Protocol):
    """What compiled policies call: the context, then the arguments."""

    def __call__(self, c: Context, /, *args: Value) -> Maybe:
        """The answer; undefined where there is none."""


class New:
    """Not asked yet."""

    __slots__ = ()


NEW: Final = New()
MOST: Final = 10_000
"""Answers of functions that an evaluation remembers."""


Mock = tuple[Function | None, Maybe]
"""What is called, or given, in the place of a function."""


class Context:
    """One evaluation: what it is about, and what is known already.

    Parameters: `rules`, the slot of each rule by its path; `strict`, whether an error of a built-in ends it; `steps`,
    how many elements may be looked at; `clock`, nanoseconds since 1970, the same for the whole evaluation.
    """

    __slots__ = (
        "calls",
        "clock",
        "data",
        "fixed",
        "input",
        "kept",
        "m",
        "mocks",
        "patches",
        "rules",
        "spent",
        "strict",
    )

    def __init__(
        self,
        rules: Mapping[Path, int],
        given: Maybe,
        data: Value,
        *,
        strict: bool = False,
        steps: int = STEPS,
        clock: int = 0,
    ) -> None:
        self.rules, self.input, self.data = rules, given, data
        self.m: list[Maybe | New] = [NEW] * (max(rules.values(), default=0) + 1)
        self.strict, self.clock = strict, clock
        self.spent = [steps]
        self.calls: dict[tuple[int, ...], tuple[Maybe, ...]] = {}
        """What functions answered, by the identity of their arguments, which are kept so that it stays theirs."""
        self.kept: dict[str, Value] = {}
        """What holds for the whole evaluation, whatever `with` changes: random numbers."""
        self.mocks: Mapping[tuple[str, ...], Mock] = {}
        self.fixed: Mapping[int, Maybe] = {}
        self.patches: Mapping[int, tuple[tuple[Path, Value], ...]] = {}

    def changed(
        self, values: Iterable[tuple[Path, Value]], mocks: Mapping[tuple[str, ...], Mock] | None = None
    ) -> Context:
        """The same with other values at some paths, which begin with `input` or `data`, and other functions."""
        given, data = self.input, self.data
        fixed, patches = dict(self.fixed), dict(self.patches)
        for path, value in values:
            if path[0] == "input":
                given = placed(given, path[1:], value)
                continue
            path = path[1:]
            data = placed(data, path, value)
            for at, slot in self.rules.items():
                if at[: len(path)] == path:
                    fixed[slot] = reached(value, at[len(path) :])
                    patches.pop(slot, None)
                elif path[: len(at)] == at:
                    rest = path[len(at) :]
                    if slot in fixed:
                        fixed[slot] = placed(fixed[slot], rest, value)
                    else:
                        patches[slot] = (*patches.get(slot, ()), (rest, value))
        return self._with(given, data, fixed, patches, {**self.mocks, **(mocks or {})})

    def unmocked(self) -> Context:
        """The same, with every function as it is written: inside a replacement nothing is replaced."""
        return self._with(self.input, self.data, self.fixed, self.patches, {})

    def _with(
        self,
        given: Maybe,
        data: Value,
        fixed: Mapping[int, Maybe],
        patches: Mapping[int, tuple[tuple[Path, Value], ...]],
        mocks: Mapping[tuple[str, ...], Mock],
    ) -> Context:
        new = Context.__new__(Context)
        new.rules, new.strict, new.clock, new.spent, new.kept = (
            self.rules,
            self.strict,
            self.clock,
            self.spent,
            self.kept,
        )
        new.input, new.data, new.fixed, new.patches, new.mocks = given, data, fixed, patches, mocks
        new.m, new.calls = [NEW] * len(self.m), {}
        for slot, value in fixed.items():
            new.m[slot] = value
        return new

    def patched(self, slot: int, value: Maybe) -> Maybe:
        """What a rule gives, with what `with` put inside."""
        for rest, inner in self.patches.get(slot, ()):
            value = placed(value, rest, inner)
        return value

    def call(self, name: tuple[str, ...], function: Function, *args: Value) -> Maybe:
        """Call a function that may be replaced."""
        if name not in self.mocks:
            return function(self, *args)
        other, value = self.mocks[name]
        return value if other is None else other(self.unmocked(), *args)

    def failed(self, error: BuiltinError) -> None:
        """A built-in could not answer. Raises it if the evaluation is strict."""
        if self.strict:
            raise error


def placed(whole: Maybe, path: Path, value: Value) -> Value:
    """A value with another one at a path, where objects are made as they are needed; the old one stays as it is."""
    if not path:
        return value
    inner = dict(whole) if isinstance(whole, dict) else {}
    first = key(path[0])
    inner[first] = placed(inner.get(first, U), path[1:], value)
    return fitting(inner)


def reached(value: Maybe, path: Path) -> Maybe:
    """What is at a path."""
    for part in path:
        value = get(value, part)
        if value is U:
            return U
    return value


def get(value: Maybe, part: Value) -> Maybe:
    """What is in a value under a key, at an index, or as an element."""
    if isinstance(value, dict):
        if type(part) is bool or isinstance(part, (list, dict, Set)):
            return value.get(Key(part), U) if type(value) is Obj else U
        return value.get(part, U)
    if isinstance(value, list):
        if type(part) is float and part.is_integer():
            part = int(part)
        return value[part] if type(part) is int and 0 <= part < len(value) else U
    if isinstance(value, Set):
        return value.items.get(key(part), U)
    return U


def items(c: Context, value: Maybe) -> Iterable[tuple[Value, Value]]:
    """Keys and values of what can be looked through, in no order; of a set each element twice."""
    if isinstance(value, dict):
        _spend(c, len(value))
        return pairs(value)
    if isinstance(value, list):
        _spend(c, len(value))
        return enumerate(value)
    if isinstance(value, Set):
        _spend(c, len(value))
        return [(v, v) for v in value]
    return ()


def sorted_items(c: Context, value: Maybe) -> Iterable[tuple[Value, Value]]:
    """The same in Rego's order: where what comes of it has one."""
    if isinstance(value, dict):
        _spend(c, len(value))
        return [(k, value[key(k)]) for k in ordered([k for k, _ in pairs(value)])]
    if isinstance(value, Set):
        _spend(c, len(value))
        return [(v, v) for v in ordered(value)]
    return items(c, value)


def _spend(c: Context, steps: int) -> None:
    c.spent[0] -= steps + 1
    if c.spent[0] < 0:
        raise BudgetError("the policy takes more steps than it may")


def charge(c: Context, *values: Maybe) -> None:
    """Pay for what a built-in looked at and what it made. Raises `BudgetError` if it is too much."""
    steps = 0
    for value in values:
        kind = type(value)
        if kind is str:
            steps += len(value) // CHARACTERS  # type: ignore[arg-type]
        elif kind in SIZED:
            steps += len(value)  # type: ignore[arg-type]
    if steps:
        _spend(c, steps)


def joined(c: Context, *parts: str) -> str:
    """The parts of a template string, one after another."""
    charge(c, *parts)
    return "".join(parts)


def same(known: Maybe, value: Value, what: str) -> Value:
    """The one value of a rule. Raises `ConflictError` if there is another."""
    if known is U or equal(known, value):  # type: ignore[arg-type]
        return value
    raise ConflictError(what)


class Below:
    """What is below a document that rules and data make together."""

    __slots__ = ("children", "path", "value")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.children: dict[str, Below] = {}
        self.value: Callable[[Context], Maybe] | None = None
        """Of what rules give: it is asked as a whole."""


def descend(c: Context, below: Below, parts: Sequence[Value]) -> Maybe:
    """What is at a path that is known only now."""
    for i, part in enumerate(parts):
        if not isinstance(part, str) or part not in below.children:
            found = stored(reached(c.data, below.path), part)
            return reached(found, tuple(parts[i + 1 :]))
        below = below.children[part]
        if below.value is not None:
            return reached(below.value(c), tuple(parts[i + 1 :]))
    raise AssertionError(below.path)


def stored(value: Maybe, part: Value) -> Maybe:
    """The same as `get` in data, where whole numbers name keys as well."""
    found = get(value, part)
    return get(value, str(part)) if found is U and type(part) is int else found


def iterable(value: Maybe) -> bool:
    """Can it be looked through?"""
    return isinstance(value, list | dict | Set)


def walk(c: Context, value: Value, path: tuple[Value, ...] = ()) -> Iterator[list[Value]]:
    """Every value inside a value, itself first, each with its path."""
    yield [list(path), value]
    if isinstance(value, list | dict | Set):
        for k, inner in sorted_items(c, value):
            yield from walk(c, inner, (*path, k))
