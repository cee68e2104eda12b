"""Text -> tree, macros taken apart."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from mistrust.kube.errors import InputError
from mistrust.languages.cel.syntax import (
    And,
    At,
    Bind,
    Call,
    Has,
    If,
    Index,
    List,
    Literal,
    Macro,
    Map,
    Name,
    Node,
    OptionalMap,
    Or,
    Select,
)
from mistrust.languages.cel.tokens import Token, tokens
from mistrust.languages.cel.values import HIGH

LARGEST: Final = 100_000
"""Code points of an expression; the API server stops there too."""
DEEPEST: Final = 64
"""Expressions inside expressions: each takes a dozen calls, and Python's own stack holds a thousand."""
RESERVED: Final = frozenset(
    (
        *("as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop"),
        *("package", "namespace", "return", "var", "void", "while"),
    )
)
RELATIONS: Final = ("==", "!=", "<=", ">=", "<", ">")
ONE: Final = frozenset(("all", "exists", "exists_one", "existsOne", "map", "filter", "sortBy"))
TWO: Final = frozenset(
    ("all", "exists", "exists_one", "existsOne", "transformList", "transformMap", "transformMapEntry")
)


def parse(text: str, *, two_variables: bool = True, messages: Collection[str] = ()) -> Node:
    """The tree of an expression.

    Parameters: `messages`, the first names of types of which objects may be made, as `Object.spec{field: value}`.

    Raises `InputError` for what is no CEL, with its line and column.

    >>> parse("a.b > 1").function
    '>'
    """
    if len(text) > LARGEST:
        raise InputError("the expression is too long", got=f"{len(text):,} code points", wanted=f"{LARGEST:,}")
    try:
        return _Parser(list(tokens(text)), two_variables, messages).whole()
    except RecursionError:
        raise InputError("too deeply nested") from None


class _Parser:
    def __init__(self, tokens: list[Token], two_variables: bool, messages: Collection[str]) -> None:
        self.tokens, self.at, self.depth = tokens, 0, 0
        self._messages = messages
        self._two = TWO if two_variables else frozenset[str]()

    @property
    def now(self) -> Token:
        return self.tokens[self.at]

    def take(self, kind: str) -> bool:
        if self.now.kind == kind:
            self.at += 1
            return True
        return False

    def need(self, kind: str) -> Token:
        token = self.now
        if not self.take(kind):
            raise self.wrong(kind)
        return token

    def wrong(self, wanted: str) -> InputError:
        got = "the end" if self.now.kind == "end" else repr(self.now.text)
        return InputError("not CEL", where=str(self.now.at), got=got, wanted=wanted)

    def whole(self) -> Node:
        found = self.expression()
        self.need("end")
        return found

    def expression(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise InputError("too deeply nested", where=str(self.now.at), wanted=f"at most {DEEPEST} levels")
        at, found = self.now.at, self._or()
        if self.take("?"):
            yes = self._or()
            self.need(":")
            found = If(found, yes, self.expression(), at)
        self.depth -= 1
        return found

    def _or(self) -> Node:
        return self._balanced("||", self._and, Or)

    def _and(self) -> Node:
        return self._balanced("&&", self._relation, And)

    def _balanced(self, sign: str, part: Callable[[], Node], make: Callable[[Node, Node, At], Node]) -> Node:
        """Many of them in a row become a tree that is not deep."""
        at, parts = self.now.at, [part()]
        while self.take(sign):
            parts.append(part())

        def joined(low: int, high: int) -> Node:
            if high - low == 1:
                return parts[low]
            middle = (low + high + 1) // 2
            return make(joined(low, middle), joined(middle, high), at)

        return joined(0, len(parts))

    def _relation(self) -> Node:
        found = self._sum()
        while self.now.kind in RELATIONS or (self.now.kind == "name" and self.now.text == "in"):
            token = self.now
            self.at += 1
            found = Call(token.text, (found, self._sum()), None, token.at)
        return found

    def _sum(self) -> Node:
        found = self._product()
        while self.now.kind in ("+", "-"):
            token = self.need(self.now.kind)
            found = Call(token.kind, (found, self._product()), None, token.at)
        return found

    def _product(self) -> Node:
        found = self._unary()
        while self.now.kind in ("*", "/", "%"):
            token = self.need(self.now.kind)
            found = Call(token.kind, (found, self._unary()), None, token.at)
        return found

    def _unary(self) -> Node:
        signs: list[Token] = []
        while self.now.kind in ("!", "-") and (not signs or self.now.kind == signs[0].kind):
            signs.append(self.need(self.now.kind))
        if signs and signs[-1].kind == "-" and self.now.kind == "number":
            number = self.now.value
            if isinstance(number, float) or type(number) is int:
                signs.pop()
                token = self.need("number")
                literal = Literal(-number, token.at)
                return self._signed(signs, self._attached(literal))
        found = self._attached(self._primary())
        if isinstance(found, Literal) and type(found.value) is int and found.value > HIGH:
            raise InputError("the number is too large", where=str(found.at), got=str(found.value))
        return self._signed(signs, found)

    def _signed(self, signs: list[Token], found: Node) -> Node:
        for token in signs[:1] if len(signs) % 2 else []:
            found = Call("!" if token.kind == "!" else "-_", (found,), None, token.at)
        if len(signs) > 1 and not len(signs) % 2 and signs[0].kind == "!":
            return Call("!", (Call("!", (found,), None, signs[0].at),), None, signs[0].at)
        return found

    def _attached(self, found: Node) -> Node:
        while True:
            at = self.now.at
            if self.take("."):
                optional = self.take("?")
                token = self.now
                if not (self.take("name") or self.take("quoted")):
                    raise self.wrong("a field")
                if self.now.kind == "(" and not optional and token.kind == "name":
                    found = self._method(found, token)
                else:
                    if token.kind == "name" and token.text in ("in", "true", "false", "null"):
                        raise InputError("a reserved word", where=str(token.at), got=token.text, wanted="a field")
                    found = Select(found, token.text, optional, at)
            elif self.take("["):
                optional = self.take("?")
                found = Index(found, self.expression(), optional, at)
                self.need("]")
            elif self.now.kind == "{" and self._messages and _root(found) in self._messages:
                found = self._map(fields=True)
            else:
                return found

    def _args(self) -> tuple[Node, ...]:
        self.need("(")
        found: list[Node] = []
        while self.now.kind != ")":
            found.append(self.expression())
            if not self.take(","):
                break
        self.need(")")
        return tuple(found)

    def _method(self, target: Node, token: Token) -> Node:
        name, args, at = token.text, self._args(), token.at
        if name in ONE and len(args) in ((2, 3) if name == "map" else (2,)):
            return Macro(_kind(name), target, (self._variable(args[0]),), args[1:], at)
        if name in self._two and len(args) in ((3, 4) if name.startswith("transform") else (3,)):
            variables = self._variable(args[0]), self._variable(args[1])
            if variables[0] == variables[1]:
                raise InputError("one variable twice", where=str(at), got=variables[0])
            return Macro(_kind(name), target, variables, args[2:], at)
        if name in ("optMap", "optFlatMap") and len(args) == 2:
            return OptionalMap(target, self._variable(args[0]), args[1], name == "optFlatMap", at)
        if name == "bind" and isinstance(target, Name) and target.name == "cel" and len(args) == 3:
            return Bind(self._variable(args[0]), args[1], args[2], at)
        return Call(name, args, target, at)

    def _variable(self, node: Node) -> str:
        if not isinstance(node, Name):
            raise InputError("not the name of a variable", where=str(self.now.at))
        return node.name

    def _primary(self) -> Node:
        token = self.now
        match token.kind:
            case "number" | "string":
                self.at += 1
                value = token.value
                assert isinstance(value, int | float | str | bytes)
                return Literal(value, token.at)
            case "(":
                self.at += 1
                found = self.expression()
                self.need(")")
                return found
            case "[":
                return self._list()
            case "{":
                return self._map()
            case ".":
                self.at += 1
                return self._named(self.need("name"))
            case "name":
                self.at += 1
                return self._named(token)
        raise self.wrong("an expression")

    def _named(self, token: Token) -> Node:
        constants: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}
        if token.text in constants:
            return Literal(constants[token.text], token.at)
        if token.text == "in" or token.text in RESERVED:
            raise InputError("a reserved word", where=str(token.at), got=token.text)
        if self.now.kind != "(":
            return Name(token.text, token.at)
        args = self._args()
        if token.text == "has":
            if len(args) != 1 or not isinstance(args[0], Select) or args[0].optional:
                raise InputError("has() was called wrongly", where=str(token.at), wanted="has(value.field)")
            return Has(args[0].operand, args[0].field, token.at)
        return Call(token.text, args, None, token.at)

    def _list(self) -> Node:
        at, items, optional = self.need("[").at, list[Node](), set[int]()
        while self.now.kind != "]":
            if self.take("?"):
                optional.add(len(items))
            items.append(self.expression())
            if not self.take(","):
                break
        self.need("]")
        return List(tuple(items), frozenset(optional), at)

    def _map(self, *, fields: bool = False) -> Node:
        """A map. Parameters: `fields`, whether its keys are names of fields, as those of an object are."""
        at, items, optional = self.need("{").at, list[tuple[Node, Node]](), set[int]()
        while self.now.kind != "}":
            if self.take("?"):
                optional.add(len(items))
            k = self._field() if fields else self.expression()
            self.need(":")
            items.append((k, self.expression()))
            if not self.take(","):
                break
        self.need("}")
        return Map(tuple(items), frozenset(optional), at)

    def _field(self) -> Node:
        token = self.now
        if not (self.take("name") or self.take("quoted")):
            raise self.wrong("a field")
        return Literal(token.text, token.at)


def _root(node: Node) -> str:
    """The first name of `a.b.c`; empty where something else is in it."""
    while isinstance(node, Select) and not node.optional:
        node = node.operand
    return node.name if isinstance(node, Name) else ""


def _kind(name: str) -> str:
    return "exists_one" if name == "existsOne" else name
