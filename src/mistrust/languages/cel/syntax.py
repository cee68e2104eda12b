"""What a CEL expression says, as a tree (github.com/google/cel-spec/blob/master/doc/langdef.md#syntax)."""

from __future__ import annotations

import msgspec

from mistrust.languages.cel.values import Value


class At(msgspec.Struct, frozen=True, gc=False):
    """A place in the text; lines and columns count from 1."""

    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


NOWHERE = At()


class Literal(msgspec.Struct, frozen=True):
    """A constant."""

    value: Value
    at: At = NOWHERE


class Name(msgspec.Struct, frozen=True):
    """A variable, or the first part of a longer name."""

    name: str
    at: At = NOWHERE


class Select(msgspec.Struct, frozen=True):
    """`operand.field`, `operand.?field`."""

    operand: Node
    field: str
    optional: bool = False
    at: At = NOWHERE


class Has(msgspec.Struct, frozen=True):
    """`has(operand.field)`."""

    operand: Node
    field: str
    at: At = NOWHERE


class Index(msgspec.Struct, frozen=True):
    """`operand[index]`, `operand[?index]`."""

    operand: Node
    index: Node
    optional: bool = False
    at: At = NOWHERE


class Call(msgspec.Struct, frozen=True):
    """`target.function(args)`, `function(args)`; operators by their signs."""

    function: str
    args: tuple[Node, ...]
    target: Node | None = None
    at: At = NOWHERE


class And(msgspec.Struct, frozen=True):
    """`left && right`."""

    left: Node
    right: Node
    at: At = NOWHERE


class Or(msgspec.Struct, frozen=True):
    """`left || right`."""

    left: Node
    right: Node
    at: At = NOWHERE


class If(msgspec.Struct, frozen=True):
    """`condition ? yes : no`."""

    condition: Node
    yes: Node
    no: Node
    at: At = NOWHERE


class List(msgspec.Struct, frozen=True):
    """`[a, ?b]`; `optional` are the indices of those with a question mark."""

    items: tuple[Node, ...]
    optional: frozenset[int] = frozenset()
    at: At = NOWHERE


class Map(msgspec.Struct, frozen=True):
    """`{k: v, ?k: v}`."""

    items: tuple[tuple[Node, Node], ...]
    optional: frozenset[int] = frozenset()
    at: At = NOWHERE


class Macro(msgspec.Struct, frozen=True):
    """`range.kind(variables, args)`: one that looks at every element."""

    kind: str
    """`all`, `exists`, `exists_one`, `map`, `filter`, `sortBy`, `transformList`, `transformMap[Entry]`."""
    range: Node
    variables: tuple[str, ...]
    """One: the element, of a map its key. Two: index or key, and value."""
    args: tuple[Node, ...]
    at: At = NOWHERE


class Bind(msgspec.Struct, frozen=True):
    """`cel.bind(name, value, body)`."""

    name: str
    value: Node
    body: Node
    at: At = NOWHERE


class OptionalMap(msgspec.Struct, frozen=True):
    """`target.optMap(name, body)`, and with `flat` `optFlatMap`."""

    target: Node
    name: str
    body: Node
    flat: bool
    at: At = NOWHERE


Node = Literal | Name | Select | Has | Index | Call | And | Or | If | List | Map | Macro | Bind | OptionalMap
