"""Operations: what a body does, step by step, and which variables each is about.

Calls and references stand by themselves in them, never inside other terms; comprehensions are `Gathered`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from mistrust.languages.rego.syntax import NOWHERE, Array, At, Object, Ref, SetOf, Template, Term, Var, With

ROOTS = ("data", "input")


class Equals(msgspec.Struct, frozen=True):
    """Both sides are made the same: variables that have no value get one, unless it only `compares`."""

    left: Term
    right: Term
    compares: bool = False
    withs: tuple[With, ...] = ()
    at: At = NOWHERE


class Test(msgspec.Struct, frozen=True):
    """Something is defined and not false."""

    term: Term
    withs: tuple[With, ...] = ()
    at: At = NOWHERE


class Does(msgspec.Struct, frozen=True):
    """A call; without `out` its answer must not be false."""

    name: tuple[str, ...]
    args: tuple[Term, ...]
    out: Term | None = None
    withs: tuple[With, ...] = ()
    at: At = NOWHERE


class Not(msgspec.Struct, frozen=True):
    """None of it may hold."""

    inner: Op
    withs: tuple[With, ...] = ()
    at: At = NOWHERE


class All(msgspec.Struct, frozen=True):
    """The body holds for every element."""

    key: Var | None
    value: Var
    collection: Term
    body: Ops
    withs: tuple[With, ...] = ()
    at: At = NOWHERE


Op = Equals | Test | Does | Not | All
Ops = tuple[Op, ...]


class Gathered(msgspec.Struct, frozen=True):
    """A comprehension: what to gather, and when."""

    kind: str
    """`array`, `set` or `object`."""
    key: Term | None
    head: Term
    body: Ops


class FunctionName(msgspec.Struct, frozen=True):
    """A function itself, which `with` puts in the place of another."""

    name: tuple[str, ...]


def variables(terms: Iterable[Term | None]) -> Iterator[str]:
    """The variables of terms, but those that are only inside comprehensions."""
    for term in terms:
        match term:
            case Var() if term.name not in ROOTS:
                yield term.name
            case Ref():
                yield from variables((term.head, *term.path))
            case Array() | SetOf():
                yield from variables(term.items)
            case Object():
                for pair in term.items:
                    yield from variables(pair)
            case Template():
                yield from variables(p for p in term.parts if not isinstance(p, str))
            case _:
                pass


def closures(terms: Iterable[Term | None]) -> Iterator[Gathered]:
    """The comprehensions in terms."""
    for term in terms:
        match term:
            case Gathered():
                yield term
            case Ref():
                yield from closures((term.head, *term.path))
            case Array() | SetOf():
                yield from closures(term.items)
            case Object():
                for pair in term.items:
                    yield from closures(pair)
            case Template():
                yield from closures(p for p in term.parts if not isinstance(p, str))
            case _:
                pass


def terms_of(op: Op) -> tuple[Term | None, ...]:
    """What an operation is about, but for the bodies inside it."""
    values = tuple(w.value for w in op.withs)
    match op:
        case Equals():
            return (op.left, op.right, *values)
        case Test():
            return (op.term, *values)
        case Does():
            return (*op.args, op.out, *values)
        case All():
            return (op.collection, *values)
        case Not():
            return (*terms_of(op.inner), *values)


def everything(op: Op) -> set[str]:
    """Every variable of an operation, those of bodies inside it included."""
    found = set(variables(terms_of(op)))
    for gathered in closures(terms_of(op)):
        found |= in_gathered(gathered)
    while isinstance(op, Not):
        op = op.inner
    if isinstance(op, All):
        own = {v.name for v in (op.key, op.value) if v is not None}
        found |= {name for inner in op.body for name in everything(inner)} - own
    return found


def in_gathered(gathered: Gathered) -> set[str]:
    """Every variable of a comprehension."""
    found = set(variables((gathered.key, gathered.head)))
    for inner in closures((gathered.key, gathered.head)):
        found |= in_gathered(inner)
    return found | {name for op in gathered.body for name in everything(op)}


def withs(ops: Iterable[Op]) -> Iterator[With]:
    """Every `with` of operations, those of bodies inside them included."""
    for op in ops:
        yield from op.withs
        yield from withs_in(terms_of(op))
        if isinstance(op, Not):
            yield from withs((op.inner,))
        if isinstance(op, All):
            yield from withs(op.body)


def withs_in(terms: Iterable[Term | None]) -> Iterator[With]:
    """Every `with` of the comprehensions in terms."""
    for gathered in closures(terms):
        yield from withs(gathered.body)
        yield from withs_in((gathered.key, gathered.head))
