"""What a Rego module says, as a tree.

The grammar is that of openpolicyagent.org/docs/policy-reference#grammar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from mistrust.languages.rego.ops import FunctionName, Gathered

Scalar = None | bool | int | float | str


class At(msgspec.Struct, frozen=True, gc=False):
    """A place in a file; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


NOWHERE = At("", 0, 0)


class Const(msgspec.Struct, frozen=True):
    """A string, a number, true, false or null."""

    value: Scalar


class Var(msgspec.Struct, frozen=True):
    """A variable; every `_` gets a name of its own, with a `$`."""

    name: str
    at: At = NOWHERE

    @property
    def wildcard(self) -> bool:
        """Was it written `_`?"""
        return self.name.startswith("$")


class Ref(msgspec.Struct, frozen=True):
    """`head.a[b]`: what is at a path inside a value."""

    head: Term
    path: tuple[Term, ...]
    at: At = NOWHERE


class Array(msgspec.Struct, frozen=True):
    """`[a, b]`."""

    items: tuple[Term, ...]


class Object(msgspec.Struct, frozen=True):
    """`{a: b}`."""

    items: tuple[tuple[Term, Term], ...]


class SetOf(msgspec.Struct, frozen=True):
    """`{a, b}` and `set()`."""

    items: tuple[Term, ...]


class Call(msgspec.Struct, frozen=True):
    """`count(xs)`, and operators: `a + b` is `plus(a, b)`."""

    name: tuple[str, ...]
    args: tuple[Term, ...]
    at: At = NOWHERE


class Template(msgspec.Struct, frozen=True):
    """`$"{a} and {b}"`."""

    parts: tuple[str | Term, ...]


class ArrayOf(msgspec.Struct, frozen=True):
    """`[head | body]`."""

    head: Term
    body: Body


class SetFrom(msgspec.Struct, frozen=True):
    """`{head | body}`."""

    head: Term
    body: Body


class ObjectFrom(msgspec.Struct, frozen=True):
    """`{key: head | body}`."""

    key: Term
    head: Term
    body: Body


Written = Const | Var | Ref | Array | Object | SetOf | Call | Template | ArrayOf | SetFrom | ObjectFrom
Term: TypeAlias = "Written | Gathered | FunctionName"
"""A term as it is written, or what `lower` makes of some."""


class With(msgspec.Struct, frozen=True):
    """`with target as value`."""

    target: Ref
    value: Term


class Some(msgspec.Struct, frozen=True):
    """`some x, y`: these variables are the body's own."""

    names: tuple[str, ...]


class SomeIn(msgspec.Struct, frozen=True):
    """`some key, value in collection`."""

    key: Term | None
    value: Term
    collection: Term
    at: At = NOWHERE


class Every(msgspec.Struct, frozen=True):
    """`every key, value in collection { body }`."""

    key: str | None
    value: str
    collection: Term
    body: Body
    at: At = NOWHERE


class Unify(msgspec.Struct, frozen=True):
    """`a = b`; `a := b` where `declares` says so, `a == b` where `compares` does."""

    left: Term
    right: Term
    declares: bool = False
    compares: bool = False
    at: At = NOWHERE


class Holds(msgspec.Struct, frozen=True):
    """A term that must be defined and not false."""

    term: Term
    at: At = NOWHERE


Statement = Some | SomeIn | Every | Unify | Holds


class Literal(msgspec.Struct, frozen=True):
    """One line of a body."""

    says: Statement
    negated: bool = False
    withs: tuple[With, ...] = ()


Body = tuple[Literal, ...]


class Import(msgspec.Struct, frozen=True):
    """`import data.a.b as c`."""

    path: tuple[str, ...]
    alias: str
    at: At = NOWHERE


class Branch(msgspec.Struct, frozen=True):
    """A value and when it holds: a rule, or one of its `else`s."""

    value: Term
    body: Body
    at: At = NOWHERE


class Rule(msgspec.Struct, frozen=True):
    """One definition; several of the same reference belong together."""

    ref: tuple[Term, ...]
    """`p[x].y` is ("p", x, "y"); the first is a string."""
    args: tuple[Term, ...] | None
    """Of a function."""
    member: Term | None
    """The element, of a rule that `contains` it."""
    branches: tuple[Branch, ...]
    default: bool = False
    at: At = NOWHERE
    annotations: int = -1
    """Index into the module's annotations, of the nearest before it."""


class Annotation(msgspec.Struct, frozen=True):
    """A `# METADATA` comment."""

    text: str
    line: int
    """Where it begins."""
    end: int
    """The first line after it."""


class Module(msgspec.Struct, frozen=True):
    """One file."""

    package: tuple[str, ...]
    """Without `data`."""
    imports: tuple[Import, ...]
    rules: tuple[Rule, ...]
    annotations: tuple[Annotation, ...] = ()
    at: At = NOWHERE
