"""Values of CEL: those of JSON as the parser gives them, and what JSON has no form for."""

from __future__ import annotations

import datetime
import math
from collections.abc import Hashable
from typing import Final

LOW, HIGH, TOP = -(1 << 63), (1 << 63) - 1, (1 << 64) - 1
SECOND: Final = 1_000_000_000
EARLIEST, LATEST = -62_135_596_800 * SECOND, 253_402_300_799 * SECOND + 999_999_999
"""Years 1 to 9999."""
LONGEST: Final = HIGH
"""Of a duration: Go's time.Duration."""


class CelError(Exception):
    """An error as CEL knows it: a value like others, until somebody has to answer."""


class UInt(int):
    """An unsigned integer of 64 bits."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{int(self)}u"


class Bool:
    """Stands for a boolean where a map has one for a key: Python's `True` is its 1."""

    __slots__ = ("value",)

    def __init__(self, value: bool) -> None:
        self.value = value

    def __hash__(self) -> int:
        return hash(("bool", self.value))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bool) and other.value is self.value


class Moment:
    """A timestamp or a duration, in nanoseconds."""

    __slots__ = ("ns",)

    def __init__(self, ns: int) -> None:
        self.ns = ns

    def __hash__(self) -> int:
        return hash((type(self), self.ns))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Moment) and other.ns == self.ns

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.ns})"


class Timestamp(Moment):
    """Nanoseconds since 1970. Raises `CelError` outside of the years 1 to 9999."""

    __slots__ = ()

    def __init__(self, ns: int) -> None:
        if not EARLIEST <= ns <= LATEST:
            raise CelError("timestamp out of range")
        super().__init__(ns)

    def moment(self, zone: datetime.tzinfo = datetime.UTC) -> datetime.datetime:
        """As far as microseconds."""
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
        return (epoch + datetime.timedelta(microseconds=self.ns // 1000)).astimezone(zone)


class Duration(Moment):
    """A span of time. Raises `CelError` beyond 64 bits, which is 292 years."""

    __slots__ = ()

    def __init__(self, ns: int) -> None:
        if not -LONGEST <= ns <= LONGEST:
            raise CelError("duration out of range")
        super().__init__(ns)


class Type:
    """A type as a value."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __hash__(self) -> int:
        return hash(("type", self.name))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Type) and other.name == self.name

    def __repr__(self) -> str:
        return self.name


class Optional:
    """A value that may not be there."""

    __slots__ = ("held",)

    def __init__(self, *held: Value) -> None:
        self.held = held

    def __repr__(self) -> str:
        return f"optional.of({self.held[0]!r})" if self.held else "optional.none()"


class Opaque:
    """A value that a library brings, such as a quantity."""

    __slots__ = ()
    kind: Type

    def same(self, other: Opaque) -> bool:
        """Is it equal to another one of its type?"""
        raise NotImplementedError


Hashed = str | int | float | Bool
Value = (
    None
    | bool
    | int
    | float
    | str
    | bytes
    | list["Value"]
    | dict["Hashed", "Value"]
    | Timestamp
    | Duration
    | Type
    | Optional
    | Opaque
)
NONE: Final = Optional()
TYPES: Final = {
    type(None): Type("null_type"),
    bool: Type("bool"),
    int: Type("int"),
    UInt: Type("uint"),
    float: Type("double"),
    str: Type("string"),
    bytes: Type("bytes"),
    list: Type("list"),
    dict: Type("map"),
    Timestamp: Type("google.protobuf.Timestamp"),
    Duration: Type("google.protobuf.Duration"),
    Type: Type("type"),
    Optional: Type("optional_type"),
}
NUMBERS: Final = frozenset((int, UInt, float))


def type_of(value: Value) -> Type:
    """The type of a value."""
    return value.kind if isinstance(value, Opaque) else TYPES[type(value)]


def key(value: Value) -> Hashed:
    """A value as the key of a map. Raises `CelError` for one that cannot be."""
    kind = type(value)
    if kind is str or kind is int or kind is UInt:
        return value  # type: ignore[return-value]
    if kind is bool:
        return Bool(value is True)
    raise CelError(f"unsupported key type: {type_of(value)}")


def sought(value: Value) -> Hashed:
    """The same for a look-up, where a double finds the whole number that it is."""
    return value if isinstance(value, float) else key(value)


def unkey(hashed: Hashed) -> Value:
    """The value that it stands for."""
    return hashed.value if isinstance(hashed, Bool) else hashed


def equal(a: Value, b: Value) -> bool:
    """Are two values the same? Numbers whatever their type, everything else only of one type; NaN is not itself."""
    kind, other = type(a), type(b)
    if kind in NUMBERS:
        return other in NUMBERS and (a == b if kind is other else compare(a, b) == 0)
    if kind is not other:
        return False
    if isinstance(a, list):
        assert isinstance(b, list)
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict):
        assert isinstance(b, dict)
        return len(a) == len(b) and all(k in b and equal(v, b[k]) for k, v in a.items())
    if isinstance(a, Optional):
        assert isinstance(b, Optional)
        return len(a.held) == len(b.held) and all(map(equal, a.held, b.held))
    if isinstance(a, Opaque):
        assert isinstance(b, Opaque)
        return a.same(b)
    return a == b


def compare(a: Value, b: Value) -> int:
    """-1, 0 or 1. Raises `CelError` for values that have no order."""
    kind, other = type(a), type(b)
    if kind in NUMBERS and other in NUMBERS:
        if (isinstance(a, float) and math.isnan(a)) or (isinstance(b, float) and math.isnan(b)):
            return 2  # neither less, nor greater, nor equal
        if kind is not other and float in (kind, other):
            a, b = float(a), float(b)  # type: ignore[arg-type]
        return (a > b) - (a < b)  # type: ignore[operator]
    if kind is other:
        if kind in (bool, str, bytes):
            return (a > b) - (a < b)  # type: ignore[operator]
        if isinstance(a, Moment) and isinstance(b, Moment):
            return (a.ns > b.ns) - (a.ns < b.ns)
    raise no_overload("compare", a, b)


def no_overload(name: str, *args: Value) -> CelError:
    """`no such overload: add(int, string)`."""
    return CelError(f"no such overload: {name}({', '.join(str(type_of(a)) for a in args)})")


def frozen(value: Value) -> Hashable:
    """Something that hashes, equal for equal values."""
    if isinstance(value, list):
        return ("list", tuple(map(frozen, value)))
    if isinstance(value, dict):
        return ("map", frozenset((k, frozen(v)) for k, v in value.items()))
    if isinstance(value, bool):
        return Bool(value)
    if isinstance(value, Optional):
        return ("optional", tuple(map(frozen, value.held)))
    return value
