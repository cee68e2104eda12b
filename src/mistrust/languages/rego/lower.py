"""Modules -> operations: names resolved, calls and references taken out of one another, each step by itself.

As OPA's compiler does it (ast/compile.go: resolveAllRefs, rewriteExprTerms, rewriteEquals, rewriteDynamicTerms): what
is taken out of a negated expression stands before it, not negated.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from mistrust.kube.errors import InputError
from mistrust.languages.rego.names import Names
from mistrust.languages.rego.ops import ROOTS, All, Does, Equals, FunctionName, Gathered, Not, Op, Ops, Test
from mistrust.languages.rego.syntax import (
    Array,
    ArrayOf,
    Body,
    Call,
    Const,
    Every,
    Holds,
    Literal,
    Object,
    ObjectFrom,
    Ref,
    SetFrom,
    SetOf,
    Some,
    SomeIn,
    Template,
    Term,
    Unify,
    Var,
    With,
)

METADATA = ("rego", "metadata")


class Scope(Names):
    """Takes bodies apart, by what names mean at one place."""

    # Bodies

    def body(self, body: Body) -> Ops:
        """The operations of a body; declarations hold from where they stand."""
        return tuple(op for literal in body for op in self._literal(literal))

    def _literal(self, literal: Literal) -> Iterator[Op]:
        first: list[Op] = []
        withs = tuple(self._with(w, first) for w in literal.withs)
        yield from first
        before: list[Op] = []
        says = literal.says
        op: Op
        match says:
            case Some():
                for name in says.names:
                    self.declare(name)
                return
            case SomeIn():
                collection = self._simple(says.collection, before, withs)
                for term in (says.key, says.value):
                    if term is not None:
                        self.declare_all(term)
                k = self.fresh() if says.key is None else self._simple(says.key, before, withs, inside=True)
                value = self._simple(says.value, before, withs, inside=True)
                path = k if isinstance(k, Var | Const) else self.fresh()
                inside = collection if isinstance(collection, Ref) else Ref(collection, ())
                op = Equals(value, Ref(inside.head, (*inside.path, path), says.at), withs=withs, at=says.at)
                if path is not k:
                    yield from before
                    yield op
                    yield Equals(k, path, withs=withs, at=says.at)
                    return
            case Every():
                collection = self._simple(says.collection, before, withs)
                inner = self.inner()
                every_key = Var(inner.declare(says.key)) if says.key is not None else None
                every_value = Var(inner.declare(says.value))
                op = All(every_key, every_value, collection, inner.body(says.body), withs, says.at)
            case Unify():
                op = self._unify(says, before, withs, negated=literal.negated)
            case Holds():
                op = self._holds(says, before, withs)
        yield from before
        yield Not(op, (), op.at) if literal.negated else op

    def _unify(self, says: Unify, before: list[Op], withs: tuple[With, ...], *, negated: bool) -> Op:
        if says.declares:
            right = self._side(says.right, before, withs)
            self.declare_all(says.left)
            left = self._side(says.left, before, withs)
        else:
            left = self._side(says.left, before, withs)
            right = self._side(says.right, before, withs)
        if isinstance(left, Call) and isinstance(right, Call):
            out = self.fresh()
            before.append(Does(left.name, left.args, out, withs, says.at))
            left = out
        call, other = (left, right) if isinstance(left, Call) else (right, left)
        if not isinstance(call, Call):
            return Equals(left, right, says.compares, withs, says.at)
        if negated or isinstance(other, Const) or not (says.compares or isinstance(other, Ref)):
            return Does(call.name, call.args, other, withs, says.at)
        out = self.fresh()
        before.append(Does(call.name, call.args, out, withs, says.at))
        return Equals(out, other, says.compares, withs, says.at)

    def _side(self, term: Term, before: list[Op], withs: tuple[With, ...]) -> Term:
        """One side of an equation; a call stays one, its arguments are simple."""
        if isinstance(term, Call) and not term.args and term.name[:2] == METADATA:
            return self.metadata()[term.name]
        if isinstance(term, Call):
            args = tuple(self._simple(a, before, withs, inside=True) for a in term.args)
            return Call(self.called(term.name, term.at), args, term.at)
        return self._simple(term, before, withs)

    def _holds(self, says: Holds, before: list[Op], withs: tuple[With, ...]) -> Op:
        term = self._side(says.term, before, withs)
        if isinstance(term, Call):
            arity = self.functions.get(term.name, self.builtins.get(term.name, -1))
            if len(term.args) == arity + 1:  # the last argument is what comes of it
                return Does(term.name, term.args[:-1], term.args[-1], withs, says.at)
            return Does(term.name, term.args, None, withs, says.at)
        return Test(term, withs, says.at)

    def _with(self, given: With, before: list[Op]) -> With:
        """The value is worked out where it stands; a function's name is a name."""
        target = given.target
        head = target.head
        path = (
            (head.name, *(str(p.value) for p in target.path if isinstance(p, Const))) if isinstance(head, Var) else ()
        )
        if not path or len(path) != len(target.path) + 1:
            raise InputError("not a target of `with`", where=str(target.at), wanted="input, data or a function")
        resolved = self.var(head) if isinstance(head, Var) else head
        full = self.function(path)
        if isinstance(resolved, Ref) and isinstance(resolved.head, Var) and resolved.head.name in ROOTS:
            full = (resolved.head.name, *(str(p.value) for p in resolved.path if isinstance(p, Const)), *path[1:])
        new = Ref(Var(full[0]), tuple(map(Const, full[1:])), target.at)
        if full in self.functions or full in self.builtins:
            if (name := self._function_named(given.value)) is not None:
                return With(new, name)
        elif full[0] not in ROOTS:
            raise InputError("not a target of `with`", where=str(target.at), wanted="input, data or a function")
        return With(new, self._simple(given.value, before, ()))

    def _function_named(self, term: Term) -> FunctionName | None:
        """The function that a term is the name of."""
        head = term.head if isinstance(term, Ref) else term
        rest = term.path if isinstance(term, Ref) else ()
        if not isinstance(head, Var) or head.name in self.local:
            return None
        name = self.function((head.name, *(str(p.value) for p in rest if isinstance(p, Const))))
        return FunctionName(name) if name in self.functions or name in self.builtins else None

    # Terms

    def simple(self, term: Term, before: list[Op]) -> Term:
        """A term without calls, and without references inside others; what is taken out comes before."""
        return self._simple(term, before, ())

    def _simple(self, term: Term, before: list[Op], withs: tuple[With, ...], *, inside: bool = False) -> Term:
        match term:
            case Const() | Gathered() | FunctionName():
                return term
            case Var():
                found = self.var(term)
                return self._out(found, before, withs) if inside and isinstance(found, Ref) else found
            case Ref():
                return self._ref(term, before, withs, inside=inside)
            case Call():
                call = self._side(term, before, withs)
                if not isinstance(call, Call):
                    return call
                out = self.fresh()
                before.append(Does(call.name, call.args, out, withs, term.at))
                return out
            case Array():
                return Array(tuple(self._simple(t, before, withs, inside=True) for t in term.items))
            case SetOf():
                return SetOf(tuple(self._simple(t, before, withs, inside=True) for t in term.items))
            case Object():
                return Object(
                    tuple(
                        (
                            self._simple(k, before, withs, inside=True),
                            self._simple(v, before, withs, inside=True),
                        )
                        for k, v in term.items
                    )
                )
            case Template():
                parts = tuple(p if isinstance(p, str) else self._simple(p, before, withs) for p in term.parts)
                return Template(parts)
            case ArrayOf():
                return self._gathered("array", None, term.head, term.body, withs)
            case SetFrom():
                return self._gathered("set", None, term.head, term.body, withs)
            case ObjectFrom():
                return self._gathered("object", term.key, term.head, term.body, withs)

    def _gathered(self, kind: str, k: Term | None, head: Term, body: Body, withs: tuple[With, ...]) -> Term:
        inner = self.inner()
        ops = list(inner.body(body))
        new_key = inner.simple(k, ops) if k is not None else None
        new_head = inner.simple(head, ops)
        whole = tuple(msgspec.structs.replace(op, withs=(*withs, *op.withs)) for op in ops) if withs else tuple(ops)
        return Gathered(kind, new_key, new_head, whole)

    def _ref(self, ref: Ref, before: list[Op], withs: tuple[With, ...], *, inside: bool) -> Term:
        head = ref.head
        base: Term
        if isinstance(head, Var):
            found = self.var(head)
            base, prefix = (found.head, found.path) if isinstance(found, Ref) else (found, ())
        else:
            base, prefix = self._simple(head, before, withs, inside=True), ()
        path = tuple(self._simple(p, before, withs, inside=True) for p in ref.path)
        new = Ref(base, (*prefix, *path), ref.at)
        return self._out(new, before, withs) if inside else new

    def _out(self, ref: Ref, before: list[Op], withs: tuple[With, ...]) -> Var:
        out = self.fresh()
        before.append(Equals(out, ref, withs=withs, at=ref.at))
        return out
