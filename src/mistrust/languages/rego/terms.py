"""Tokens -> terms, literals and bodies."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from itertools import count
from typing import Final, TypeVar

from mistrust.kube.errors import InputError
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
    Template,
    Term,
    Unify,
    Var,
    With,
)
from mistrust.languages.rego.tokens import Token, expression_end, tokens, unescaped

ALWAYS: Final = frozenset(
    ("as", "default", "else", "false", "import", "not", "null", "package", "some", "true", "with")
)
FUTURE: Final = frozenset(("contains", "every", "if", "in"))
CONSTANTS: Final = {"true": True, "false": False, "null": None}
RELATIONS: Final = {"==": "equal", "!=": "neq", "<": "lt", ">": "gt", "<=": "lte", ">=": "gte"}
LEVELS: Final = ({"|": "or"}, {"&": "and"}, {"+": "plus", "-": "minus"}, {"*": "mul", "/": "div", "%": "rem"})
MEMBER, MEMBER_WITH_KEY = ("internal", "member_2"), ("internal", "member_3")
DEEPEST: Final = 100
"""Terms inside terms; Python's own stack holds more."""
MOST_DIGITS: Final = 10_000
T = TypeVar("T")


class Terms:
    """Parses what rules are made of."""

    def __init__(self, found: Sequence[Token], file: str, keywords: Collection[str]) -> None:
        self.tokens, self.file, self.at = found, file, 0
        self.keywords = set(keywords)
        self._wild = count()
        self._depth = 0

    # Tokens

    @property
    def now(self) -> Token:
        """The token that comes next."""
        return self.tokens[self.at]

    def here(self, token: Token | None = None) -> At:
        """Where the next token stands."""
        token = token or self.now
        return At(self.file, token.line, token.column)

    def take(self, kind: str) -> bool:
        """Go over the next token if it is of this kind."""
        if self.now.kind == kind:
            self.at += 1
            return True
        return False

    def need(self, kind: str) -> Token:
        """Go over the next token. Raises `InputError` if it is of another kind."""
        token = self.now
        if token.kind != kind:
            raise self.wrong(kind)
        self.at += 1
        return token

    def wrong(self, wanted: str, token: Token | None = None) -> InputError:
        """The next token does not fit."""
        token = token or self.now
        got = "the end" if token.kind == "end" else repr(token.text)
        return InputError("not Rego", where=str(self.here(token)), got=got, wanted=wanted)

    def word(self, name: str) -> bool:
        """Is the next token this keyword, and not the head of a reference?"""
        return self.now.kind == "name" and self.now.text == name and name in self.keywords and not self._referred()

    def take_word(self, name: str) -> bool:
        """Go over this keyword if it comes next."""
        if self.word(name):
            self.at += 1
            return True
        return False

    def _referred(self) -> bool:
        """Is the next token followed by `.` without a space? Then a keyword is a name."""
        after = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else self.now
        attached = after.kind == "." or (after.kind == "(" and self.now.text == "contains")
        return attached and not after.spaced and not after.fresh

    def attempt(self, parse: Callable[[], T]) -> T | None:
        """What is parsed; None, and nothing taken, if that is an error."""
        begin, depth = self.at, self._depth
        try:
            return parse()
        except InputError:
            self.at, self._depth = begin, depth
            return None

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
            return Unify(left, self.infix(), declares, at)
        if isinstance(left, Call) and left.name == ("equal",) and len(left.args) == 2:
            return Unify(*left.args, at=at)
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
        return f"${next(self._wild)}" if name == "_" else name

    # Terms

    def infix(self, *, keyed: bool = True) -> Term:
        """A term with operators: `in` binds less than comparisons, these less than arithmetic."""
        at = self.here()
        left = self.relation()
        if keyed and self.now.kind == ",":
            membered = self.attempt(lambda: self._keyed(left, at))
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

    def relation(self) -> Term:
        """Comparisons and what binds more."""
        at = self.here()
        left = self.arithmetic(0)
        while self.now.kind in RELATIONS:
            name = RELATIONS[self.need(self.now.kind).kind]
            left = Call((name,), (left, self.arithmetic(0)), at)
        return left

    def arithmetic(self, level: int) -> Term:
        """Operators from a level on: `|`, `&`, `+ -`, `* / %`."""
        if level == len(LEVELS):
            return self.term()
        at = self.here()
        left = self.arithmetic(level + 1)
        while self.now.kind in LEVELS[level]:
            name = LEVELS[level][self.need(self.now.kind).kind]
            left = Call((name,), (left, self.arithmetic(level + 1)), at)
        return left

    def term(self) -> Term:
        """One term, with what is attached to it: `x.y[z](a)`."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise InputError("too deeply nested", where=str(self.here()), wanted=f"at most {DEEPEST} levels")
        found = self._finish(self._begin())
        self._depth -= 1
        return found

    def _begin(self) -> Term:
        token = self.now
        match token.kind:
            case "name":
                return self._name()
            case "number":
                self.at += 1
                return Const(number(token.text))
            case "-" if self.tokens[self.at + 1].kind == "number" and not self.tokens[self.at + 1].spaced:
                self.at += 2
                return Const(number(f"-{self.tokens[self.at - 1].text}"))
            case "string":
                self.at += 1
                return Const(token.text)
            case "template":
                self.at += 1
                return self._template(token)
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
        return Var(f"${next(self._wild)}" if token.text == "_" else token.text, self.here(token))

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
        found: list[Term] = []
        while not self.take(end):
            found.append(self.infix(keyed=False))
            if self.now.kind != end:
                self.need(",")
        return tuple(found)

    def _array(self) -> Term:
        made = self.attempt(lambda: self._comprehension("[", "]"))
        if made is not None:
            return ArrayOf(*made)
        return Array(self.listed("[", "]"))

    def _comprehension(self, begin: str, end: str) -> tuple[Term, Body]:
        self.need(begin)
        head = self.arithmetic(1)
        self.need("|")
        return head, self.body(end)

    def _braces(self) -> Term:
        made = self.attempt(lambda: self._comprehension("{", "}"))
        if made is not None:
            return SetFrom(*made)
        self.need("{")
        if self.take("}"):
            return Object(())
        first = self.infix(keyed=False)
        if not self.take(":"):
            if self.take("}"):
                return SetOf((first,))
            if self.now.kind != ",":
                raise self.wrong(": , or }")
            return SetOf((first, *self.listed(",", "}")))
        made = self.attempt(lambda: self._valued(first))
        if made is not None:
            return ObjectFrom(first, *made)
        items = [(first, self.infix(keyed=False))]
        while not self.take("}"):
            self.need(",")
            if self.take("}"):
                break
            key = self.infix(keyed=False)
            self.need(":")
            items.append((key, self.infix(keyed=False)))
        return Object(tuple(items))

    def _valued(self, _: Term) -> tuple[Term, Body]:
        head = self.arithmetic(1)
        self.need("|")
        return head, self.body("}")

    def _template(self, token: Token) -> Term:
        """What stands in braces is a term; a backslash before a brace keeps it."""
        parts: list[str | Term] = []
        text, place, at, begin = token.text, self.here(token), 0, 0

        def plain(until: int) -> None:
            said = text[begin:until]
            said = said.replace("\\{", "{").replace("\\}", "}") if token.raw else unescaped(_braced(said), place)
            if said:
                parts.append(said)

        while at < len(text):
            if text[at] == "\\":
                at += 2
            elif text[at] == "{":
                plain(at)
                end = expression_end(text, at + 1, place)
                parts.append(self._inside(text[at + 1 : end - 1]))
                at = begin = end
            else:
                at += 1
        plain(len(text))
        return Template(tuple(parts)) if parts else Const("")

    def _inside(self, text: str) -> Term:
        inner = Terms(list(tokens(text, self.file)), self.file, self.keywords)
        inner._wild, inner._depth = self._wild, self._depth
        said = inner.literal()
        inner.need("end")
        if not isinstance(said.says, Holds) or said.negated:
            raise InputError("not a term", where=str(said), wanted="a term in the braces of a template string")
        value = Var(f"${next(self._wild)}")
        return ArrayOf(value, (Literal(Unify(value, said.says.term, at=said.says.at), withs=said.withs),))


def _braced(text: str) -> str:
    """Escapes of braces as escapes of JSON."""
    return text.replace("\\{", "\\u007b").replace("\\}", "\\u007d")


def number(text: str) -> int | float:
    """A number as JSON has it; whole ones exactly, whatever their size.

    >>> number("1e3"), number("0.5"), number("12345678901234567890")
    (1000, 0.5, 12345678901234567890)
    """
    if text.lstrip("-").isdigit():
        return int(text)
    found = float(text)
    if found in (float("inf"), float("-inf")):
        return int(Decimal(text)) if abs(Decimal(text).adjusted()) < MOST_DIGITS else found
    return int(found) if found.is_integer() and abs(found) < 1 << 53 else found
