"""Tokens -> terms, literals and bodies."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from mistrust.kube.errors import InputError
from mistrust.languages.rego.cursor import Cursor
from mistrust.languages.rego.syntax import (
    Array,
    ArrayOf,
    At,
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
    Statement,
    Term,
    Unify,
    Var,
    With,
)
from mistrust.languages.rego.templates import template
from mistrust.languages.rego.tokens import tokens

ALWAYS: Final = frozenset(
    ("as", "default", "else", "false", "import", "not", "null", "package", "some", "true", "with")
)
FUTURE: Final = frozenset(("contains", "every", "if", "in"))
CONSTANTS: Final = {"true": True, "false": False, "null": None}
RELATIONS: Final = {"==": "equal", "!=": "neq", "<": "lt", ">": "gt", "<=": "lte", ">=": "gte"}
LEVELS: Final = ({"|": "or"}, {"&": "and"}, {"+": "plus", "-": "minus"}, {"*": "mul", "/": "div", "%": "rem"})
MEMBER, MEMBER_WITH_KEY = ("internal", "member_2"), ("internal", "member_3")
MOST_DIGITS: Final = 4000
"""Of a whole number; Python prints 4300."""


class Terms(Cursor):
    """Parses what rules are made of."""

    # Bodies

    def body(self, end: str) -> Body:
        """Literals up to the token that ends them, which is taken too."""
        found: list[Literal] = []
        while True:
            if self.now.kind == end and found:
                self.at += 1
                return tuple(found)
            found.append(self.literal())
            if self.now.kind == end:
                continue
            if not self.take(";") and not self.now.fresh:
                raise self.wrong(f"a new line, ; or {end}")

    def literal(self) -> Literal:
        """One line of a body."""
        at = self.here()
        negated = self.take_word("not")
        says: Statement
        if self.take_word("some"):
            says = self._some(at)
        elif self.take_word("every"):
            says = self._every(at)
        else:
            says = self._expression(at)
        withs: list[With] = []
        while self.take_word("with"):
            target = self.term()
            if isinstance(target, Var):
                target = Ref(target, (), target.at)
            if not isinstance(target, Ref) or not self.take_word("as"):
                raise self.wrong("with TARGET as VALUE")
            withs.append(With(target, self.infix()))
        return Literal(says, negated, tuple(withs))

    def _expression(self, at: At) -> Statement:
        left = self.infix()
        if self.now.kind in ("=", ":="):
            declares = self.need(self.now.kind).kind == ":="
            return Unify(left, self.infix(), declares=declares, at=at)
        if isinstance(left, Call) and left.name == ("equal",) and len(left.args) == 2:
            return Unify(*left.args, compares=True, at=at)
        return Holds(left, at)

    def _some(self, at: At) -> Statement:
        first = self.relation()
        second = self.relation() if self.take(",") else None
        if self.take_word("in"):
            key, value = (first, second) if second is not None else (None, first)
            return SomeIn(key, value, self.relation(), at)
        names = [first] if second is None else [first, second]
        while self.take(","):
            names.append(self.relation())
        if self.word("in") or not all(isinstance(n, Var) for n in names):
            raise self.wrong("names of variables, or `in`")
        return Some(tuple(n.name for n in names if isinstance(n, Var)))

    def _every(self, at: At) -> Every:
        names = [self.need("name").text]
        if self.take(","):
            names.append(self.need("name").text)
        if not self.take_word("in"):
            raise self.wrong("in")
        collection = self.relation()
        self.need("{")
        key, value = names if len(names) > 1 else (None, names[0])
        return Every(self._named(key), self._named(value) or "", collection, self.body("}"), at)

    def _named(self, name: str | None) -> str | None:
        return f"${next(self.wild)}" if name == "_" else name

    # Terms

    def infix(self, *, keyed: bool = True, head: Term | None = None) -> Term:
        """A term with operators: `in` binds less than comparisons, these less than arithmetic.

        Parameters: `head`, what was parsed of it already, from `&` on.
        """
        at = self.here()
        left = self.relation(head)
        if keyed and self.now.kind == ",":
            membered = self.attempt(lambda: self._keyed(left, at), "keyed")
            left = left if membered is None else membered
        while self.take_word("in"):
            left = Call(MEMBER, (left, self.relation()), at)
        return left

    def _keyed(self, key: Term, at: At) -> Term:
        self.need(",")
        value = self.relation()
        if not self.take_word("in"):
            raise self.wrong("in")
        return Call(MEMBER_WITH_KEY, (key, value, self.relation()), at)

    def relation(self, head: Term | None = None) -> Term:
        """Comparisons and what binds more."""
        at = self.here()
        left = self.arithmetic(0, head)
        while self.now.kind in RELATIONS:
            name = RELATIONS[self.need(self.now.kind).kind]
            left = Call((name,), (left, self.arithmetic(0)), at)
        return left

    def arithmetic(self, level: int, head: Term | None = None) -> Term:
        """Operators from a level on: `|`, `&`, `+ -`, `* / %`."""
        if level == len(LEVELS):
            return self.term()
        at = self.here()
        left = head or self.arithmetic(level + 1)
        while self.now.kind in LEVELS[level]:
            name = LEVELS[level][self.need(self.now.kind).kind]
            left = Call((name,), (left, self.arithmetic(level + 1)), at)
        return left

    def term(self) -> Term:
        """One term, with what is attached to it: `x.y[z](a)`."""
        self.deeper()
        found = self._finish(self._begin())
        self.depth -= 1
        return found

    def _begin(self) -> Term:
        token = self.now
        match token.kind:
            case "name":
                return self._name()
            case "number":
                self.at += 1
                return self._number(token.text)
            case "-" if self.tokens[self.at + 1].kind == "number" and not self.tokens[self.at + 1].spaced:
                self.at += 2
                return self._number(f"-{self.tokens[self.at - 1].text}")
            case "string":
                self.at += 1
                return Const(token.text)
            case "template":
                self.at += 1
                return template(token, self.here(token), self._inside)
            case "[":
                return self._array()
            case "{":
                return self._braces()
            case "(":
                self.at += 1
                inner = self.infix()
                self.need(")")
                return inner
        raise self.wrong("a term")

    def _number(self, text: str) -> Const:
        try:
            return Const(number(text))
        except ValueError:
            where = str(self.here(self.tokens[self.at - 1]))
            raise InputError("the number is too large", where=where, wanted=f"{MOST_DIGITS:,} digits") from None

    def _name(self) -> Term:
        token = self.now
        if token.text in self.keywords and not self._referred():
            if token.text not in CONSTANTS:
                raise self.wrong("a term")
            self.at += 1
            return Const(CONSTANTS[token.text])
        self.at += 1
        if token.text == "set" and self.now.kind == "(" and self.tokens[self.at + 1].kind == ")":
            self.at += 2
            return SetOf(())
        return Var(f"${next(self.wild)}" if token.text == "_" else token.text, self.here(token))

    def _finish(self, head: Term) -> Term:
        at = self.here()
        path: list[Term] = []
        while not self.now.spaced and not self.now.fresh:
            if self.take("."):
                path.append(Const(self.need("name").text))
            elif self.now.kind == "[" and not isinstance(head, Const):
                self.at += 1
                path.append(self.infix())
                self.need("]")
            elif self.now.kind == "(" and isinstance(head, Var):
                names = (head.name, *(str(p.value) for p in path if isinstance(p, Const)))
                if len(names) != len(path) + 1:
                    raise self.wrong("the name of a function before it")
                head, path = Call(names, self.listed("(", ")"), head.at), []
            else:
                break
        return Ref(head, tuple(path), head.at if isinstance(head, Var) else at) if path else head

    def listed(self, begin: str, end: str) -> tuple[Term, ...]:
        """Terms between two signs, with commas; the last may have one after it."""
        self.need(begin)
        return self._rest(end)

    def _rest(self, end: str, first: Term | None = None) -> tuple[Term, ...]:
        """Terms up to a sign. Parameters: `first`, one that was parsed already."""
        found: list[Term] = []
        while first is not None or not self.take(end):
            found.append(first if first is not None else self.infix(keyed=False))
            first = None
            if self.now.kind != end:
                self.need(",")
        return tuple(found)

    def _array(self) -> Term:
        self.need("[")
        if self.take("]"):
            return Array(())
        head, body = self._headed("]")
        if body is not None:
            return ArrayOf(head, body)
        return Array(self._rest("]", self.infix(keyed=False, head=head)))

    def _headed(self, end: str) -> tuple[Term, Body | None]:
        """The beginning of a first term, and the body of a comprehension if that is what follows."""
        head = self.arithmetic(1)
        return head, self.attempt(lambda: self._such_that(end), end) if self.now.kind == "|" else None

    def _such_that(self, end: str) -> Body:
        self.need("|")
        return self.body(end)

    def _braces(self) -> Term:
        self.need("{")
        if self.take("}"):
            return Object(())
        head, body = self._headed("}")
        if body is not None:
            return SetFrom(head, body)
        first = self.infix(keyed=False, head=head)
        if self.now.kind in (",", "}"):
            return SetOf(self._rest("}", first))
        if not self.take(":"):
            raise self.wrong(": , or }")
        head, body = self._headed("}")
        if body is not None:
            return ObjectFrom(first, head, body)
        items = [(first, self.infix(keyed=False, head=head))]
        while not self.take("}"):
            self.need(",")
            if self.take("}"):
                break
            key = self.infix(keyed=False)
            self.need(":")
            items.append((key, self.infix(keyed=False)))
        return Object(tuple(items))

    def _inside(self, text: str) -> Term:
        inner = Terms(list(tokens(text, self.file)), self.file, self.keywords)
        inner.wild, inner.depth = self.wild, self.depth
        said = inner.literal()
        inner.need("end")
        if not isinstance(said.says, Holds) or said.negated:
            raise InputError("not a term", where=str(said), wanted="a term in the braces of a template string")
        value = Var(f"${next(self.wild)}")
        return ArrayOf(value, (Literal(Unify(value, said.says.term, at=said.says.at), withs=said.withs),))


def number(text: str) -> int | float:
    """A number as JSON has it; whole ones exactly. Raises `ValueError` for one with more digits than there may be.

    >>> number("1e3"), number("0.5"), number("12345678901234567890")
    (1000, 0.5, 12345678901234567890)
    """
    if len(text) > MOST_DIGITS:
        raise ValueError(text)
    if text.lstrip("-").isdigit():
        return int(text)
    found = float(text)
    if found in (float("inf"), float("-inf")):
        if Decimal(text).adjusted() > MOST_DIGITS:
            raise ValueError(text)
        return int(Decimal(text))
    return int(found) if found.is_integer() and abs(found) < 1 << 53 else found
