"""Operations -> the text of Python functions: what has to hold one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mistrust.kube.errors import InputError
from mistrust.languages.rego import order
from mistrust.languages.rego.ops import All, Does, Equals, FunctionName, Not, Op, Ops, Test
from mistrust.languages.rego.reader import Reader, different
from mistrust.languages.rego.syntax import Array, Const, Object, Ref, Term, Var, With
from mistrust.languages.rego.writer import DEEP


class Block(Reader):
    """Writes bodies: each operation as statements that go on where it holds."""

    # Bodies

    def body(self, ops: Ops, accept: Callable[[], None]) -> None:
        """Every solution of a body reaches what `accept` writes."""
        with self.nested():
            self.ops(ops)
            accept()

    def ops(self, ops: Ops) -> None:
        """The operations, in an order in which they can run."""
        for op in order.ordered(ops, self.names):
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
        bound = self.names.keys()
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
            known = bound | new if new else bound
            if order.matched(other, known, known) is not None:
                self.matched(other, self.value(one))
                return
            if order.asked(other, known, known) is not None:
                first = self.value(one)
                self._same(first, self.value(other))
                return
        raise InputError("unsafe variable", wanted="a value on one side of the equation")

    def _together(self, pairs: list[tuple[Term, Term]]) -> None:
        left = pairs
        while left:
            bound = self.names.keys()
            now = next((p for p in left if order.equated(*p, bound, bound) is not None), None)
            if now is None:
                raise InputError("unsafe variable", wanted="a value on one side of the equation")
            self.equal(*now)
            left = [p for p in left if p is not now]

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
