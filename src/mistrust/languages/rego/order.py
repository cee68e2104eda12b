"""The order in which operations can run: each after what gives its variables their values.

As OPA's ast.reorderBodyForSafety: what stands first runs first if it can.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Set

from mistrust.kube.errors import InputError
from mistrust.languages.rego.ops import (
    ROOTS,
    All,
    Does,
    Equals,
    FunctionName,
    Gathered,
    Not,
    Op,
    Ops,
    Test,
    closures,
    everything,
    in_gathered,
    terms_of,
    variables,
)
from mistrust.languages.rego.syntax import Array, Const, Object, Ref, SetOf, Template, Term, Var

Names = set[str]
Known = Set[str]


def ordered(ops: Ops, bound: Collection[str], wanted: Iterable[str] = ()) -> Ops:
    """The operations in an order in which they can run.

    Parameters: `bound`, what has a value before; `wanted`, what must have one after.

    Raises `InputError` for variables that nothing gives a value.
    """
    known = set(bound)
    own = known | {name for op in ops for name in _open(op)} | set(wanted)
    left, found = list(ops), []
    while left:
        waiting: list[Op] = []
        for op in left:
            new = gives(op, known, own)
            if new is None:
                waiting.append(op)
            else:
                known |= new
                found.append(op)
        if len(waiting) == len(left):
            raise _unsafe({name for op in waiting for name in everything(op)} - known, waiting[0])
        left = waiting
    if missing := set(wanted) - known:
        raise _unsafe(missing, ops[-1] if ops else None)
    return tuple(found)


def _unsafe(names: Names, op: Op | None) -> InputError:
    shown = sorted("_" if n.startswith("$") else n.partition(".")[0] for n in names)
    where = str(op.at) if op is not None else ""
    do = "let something outside of `not` and of calls give it a value"
    return InputError("unsafe variable", where=where, got=", ".join(dict.fromkeys(shown)), do=do)


def _open(op: Op) -> Names:
    """Variables of an operation that its whole body shares: those of a comprehension are its own."""
    return set(variables(terms_of(op)))


def gives(op: Op, bound: Known, own: Known) -> Names | None:
    """The variables that an operation gives a value; None if it cannot run yet. `own` are those of the whole body."""
    for given in op.withs:
        if asked(given.value, bound, own, ground=True) is None:
            return None
    match op:
        case Equals() if op.compares:
            return _compared(op.left, op.right, bound, own)
        case Equals():
            return equated(op.left, op.right, bound, own)
        case Test():
            return asked(op.term, bound, own)
        case Does():
            if any(asked(a, bound, own, ground=True) is None for a in op.args):
                return None
            return set() if op.out is None else matched(op.out, bound, own)
        case Not():
            return set() if _needs(op, own) <= bound else None
        case All():
            free = {v.name for v in (op.key, op.value) if v is not None}
            new = asked(op.collection, bound, own)
            if new is None or not ((_needs(op, own) - free) <= _both(bound, new)):
                return None
            return new


def _needs(op: Op, own: Known) -> Names:
    inner: Op = op
    while isinstance(inner, Not):
        inner = inner.inner
    shared = set(variables(terms_of(op)))
    if isinstance(inner, All):
        return everything(inner) & own
    return shared | {n for g in closures(terms_of(op)) for n in in_gathered(g) & own}


def asked(term: Term | None, bound: Known, own: Known, *, ground: bool = False) -> Names | None:
    """What becomes known when the value of a term is asked for; None if it cannot be."""
    new: Names = set()
    match term:
        case None | Const() | FunctionName():
            return new
        case Gathered():
            needs = {n for g in closures((term,)) for n in in_gathered(g) & own}
            return new if needs <= bound else None
        case Var():
            return new if term.name in bound or term.name in ROOTS else None
        case Ref():
            if asked(term.head, bound, own, ground=True) is None:
                return None
            for part in term.path:
                more = matched(part, _both(bound, new), own)
                if more is None or (ground and more):
                    return None
                new |= more
            return new
        case Array() | SetOf():
            return new if all(asked(i, bound, own, ground=True) is not None for i in term.items) else None
        case Object():
            inner = (i for pair in term.items for i in pair)
            return new if all(asked(i, bound, own, ground=True) is not None for i in inner) else None
        case Template():
            inner = (p for p in term.parts if not isinstance(p, str))
            return new if all(asked(i, bound, own, ground=True) is not None for i in inner) else None
        case _:
            return None


def matched(term: Term, bound: Known, own: Known) -> Names | None:
    """What becomes known when a term is matched with a value; None if it cannot be."""
    match term:
        case Var():
            return set() if term.name in bound else {term.name}
        case Array():
            return _patterns(term.items, bound, own)
        case Object():
            if any(asked(k, bound, own, ground=True) is None for k, _ in term.items):
                return None
            return _patterns([v for _, v in term.items], bound, own)
        case _:
            return asked(term, bound, own, ground=True)


def _patterns(terms: Iterable[Term], bound: Known, own: Known) -> Names | None:
    new: Names = set()
    for term in terms:
        more = matched(term, _both(bound, new), own)
        if more is None:
            return None
        new |= more
    return new


def _compared(left: Term, right: Term, bound: Known, own: Known) -> Names | None:
    for one, other in ((left, right), (right, left)):
        new = asked(one, bound, own)
        more = asked(other, _both(bound, new), own) if new is not None else None
        if new is not None and more is not None:
            return new | more
    return None


def equated(left: Term, right: Term, bound: Known, own: Known) -> Names | None:
    """What becomes known when two terms are made the same; None if they cannot be."""
    if isinstance(left, Array) and isinstance(right, Array) and len(left.items) == len(right.items):
        return _together(list(zip(left.items, right.items, strict=True)), bound, own)
    if isinstance(left, Object) and isinstance(right, Object) and (pairs := paired(left, right)) is not None:
        return _together(pairs, bound, own)
    for one, other in ((left, right), (right, left)):
        new = asked(one, bound, own)
        if new is not None:
            more = matched(other, _both(bound, new), own)
            if more is None and (again := asked(other, _both(bound, new), own)) is not None:
                more = again
            if more is not None:
                return new | more
    return None


def _together(pairs: list[tuple[Term, Term]], bound: Known, own: Known) -> Names | None:
    new: Names = set()
    left = pairs
    while left:
        waiting = []
        for pair in left:
            more = equated(*pair, _both(bound, new), own)
            if more is None:
                waiting.append(pair)
            else:
                new |= more
        if len(waiting) == len(left):
            return None
        left = waiting
    return new


def _both(bound: Known, new: Names) -> Known:
    return bound | new if new else bound


def paired(left: Object, right: Object) -> list[tuple[Term, Term]] | None:
    """The values of two objects by their keys, which are constants; None if it takes more to tell."""
    mine = {(type(k.value), k.value): v for k, v in left.items if isinstance(k, Const)}
    others = {(type(k.value), k.value): v for k, v in right.items if isinstance(k, Const)}
    if len(mine) != len(left.items) or len(others) != len(right.items) or mine.keys() != others.keys():
        return None
    return [(mine[k], others[k]) for k in mine]
