"""Values of Rego: those of JSON as the parser gives them, sets, and objects whose keys are no strings.

Numbers, strings and null stand for themselves as keys and elements. Of everything else Python's equality is another
than Rego's (`True == 1`) or there is none (lists), so a `Key` stands for it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import cmp_to_key
from typing import Final, TypeGuard


class Undefined:
    """No value at all."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "undefined"

    def __bool__(self) -> bool:
        return False


U: Final = Undefined()


class Key:
    """A boolean, an array, an object or a set, where something that hashes is wanted."""

    __slots__ = ("_hash", "_same", "value")

    def __init__(self, value: Value) -> None:
        self.value = value
        self._same = _form(value)
        self._hash = hash(self._same)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return type(other) is Key and self._hash == other._hash and self._same == other._same

    def __repr__(self) -> str:
        return f"Key({self.value!r})"


Hashed = str | int | float | Key | None


class Obj(dict["Hashed", "Value"]):
    """An object of which some keys are `Key`s."""

    __slots__ = ()


class Set:
    """A set. Never changed once it is made."""

    __slots__ = ("items",)

    def __init__(self, values: Iterable[Value] = ()) -> None:
        self.items: dict[Hashed, Value] = {key(v): v for v in values}

    @classmethod
    def of(cls, items: dict[Hashed, Value]) -> Set:
        """Around what is hashed already."""
        made = cls.__new__(cls)
        made.items = items
        return made

    def __getitem__(self, element: str) -> Value:
        return self.items[element]

    def __contains__(self, element: Value) -> bool:
        return key(element) in self.items

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Value]:
        return iter(self.items.values())

    def __repr__(self) -> str:
        return f"Set({list(self.items.values())!r})"


Value = None | bool | int | float | str | list["Value"] | dict["Hashed", "Value"] | Set
PLAIN: Final = frozenset((str, int, float, type(None)))


def key(value: Value) -> Hashed:
    """What stands for a value where it must hash."""
    return value if type(value) in PLAIN else Key(value)  # type: ignore[return-value]


def unkey(hashed: Hashed) -> Value:
    """The value that it stands for."""
    return hashed.value if type(hashed) is Key else hashed  # type: ignore[return-value]


def _form(value: Value) -> Hashable:
    """Equal and hashing alike exactly for equal values."""
    kind = type(value)
    if kind in PLAIN:
        return value  # type: ignore[return-value]
    if kind is bool:
        return ("bool", value is True, "")
    if isinstance(value, list):
        return ("array", tuple([v if type(v) in PLAIN else _form(v) for v in value]))
    if isinstance(value, dict):
        return ("object", frozenset([(k, v if type(v) in PLAIN else _form(v)) for k, v in value.items()]))
    assert isinstance(value, Set)
    return ("set", frozenset(value.items))


def equal(a: Value, b: Value) -> bool:
    """Are two values the same? 1 is 1.0, and is not true."""
    if a is b:
        return True
    kind, other = type(a), type(b)
    if kind in PLAIN:
        return other in PLAIN and a == b
    if kind is bool or other is bool:
        return False  # there are two of them, and they are not one
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict):
        if not isinstance(b, dict) or len(a) != len(b):
            return False
        return all(k in b and equal(v, b[k]) for k, v in a.items())
    return isinstance(a, Set) and isinstance(b, Set) and a.items.keys() == b.items.keys()


def made(pairs: Iterable[tuple[Value, Value]]) -> dict[Hashed, Value]:
    """An object of these pairs; of a key that comes twice the last counts."""
    found: dict[Hashed, Value] = {key(k): v for k, v in pairs}
    return fitting(found)


def fitting(found: dict[Hashed, Value]) -> dict[Hashed, Value]:
    """The same as an `Obj` if it has to be one."""
    return Obj(found) if any(type(k) is Key for k in found) else found


def pairs(value: dict[Hashed, Value]) -> Iterable[tuple[Value, Value]]:
    """Keys and values of an object, in no order."""
    if type(value) is Obj:
        return [(unkey(k), v) for k, v in value.items()]
    return value.items()  # type: ignore[return-value]


RANKS: Final = {type(None): 0, bool: 1, int: 2, float: 2, str: 3, list: 4, dict: 5, Obj: 5, Set: 6}


def compare(a: Value, b: Value) -> int:
    """-1, 0 or 1: null < booleans < numbers < strings < arrays < objects < sets (ast.Compare of OPA)."""
    if a is b:
        return 0
    rank, other = RANKS[type(a)], RANKS[type(b)]
    if rank != other:
        return -1 if rank < other else 1
    if rank < 4:
        return (a > b) - (a < b)  # type: ignore[operator]
    if isinstance(a, list) and isinstance(b, list):
        return _lists(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        mine, others = ordered(map(unkey, a)), ordered(map(unkey, b))
        for k, other_key in zip(mine, others, strict=False):
            if found := compare(k, other_key) or compare(a[key(k)], b[key(k)]):
                return found
        return (len(mine) > len(others)) - (len(mine) < len(others))
    assert isinstance(a, Set)
    assert isinstance(b, Set)
    return _lists(ordered(a), ordered(b))


def _lists(a: list[Value], b: list[Value]) -> int:
    for mine, other in zip(a, b, strict=False):
        if found := compare(mine, other):
            return found
    return (len(a) > len(b)) - (len(a) < len(b))


_ORDER: Final[Callable[[Value], object]] = cmp_to_key(compare)


def ordered(values: Iterable[Value]) -> list[Value]:
    """Values in Rego's order."""
    found = list(values)
    kinds = set(map(type, found))
    if len(found) < 2:
        return found
    if kinds == {str} or kinds <= {int, float}:
        return sorted(found)  # type: ignore[type-var]
    return sorted(found, key=_ORDER)  # type: ignore[arg-type]


def number(value: Value) -> TypeGuard[int | float]:
    """Is it a number? Booleans are none."""
    return type(value) is int or type(value) is float


def kind(value: Value) -> str:
    """`string`, as `type_name` says it."""
    return _NAMES[type(value)]


_NAMES: Final = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    Obj: "object",
    Set: "set",
}
