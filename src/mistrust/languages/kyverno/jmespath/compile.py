"""Expressions of JMESPath as Python functions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.languages.kyverno.errors import KyvernoError
from mistrust.languages.kyverno.jmespath.function import Expression, Function
from mistrust.languages.kyverno.jmespath.kyverno import KYVERNO
from mistrust.languages.kyverno.jmespath.standard import STANDARD
from mistrust.languages.kyverno.jmespath.steps import (
    both,
    called,
    comparison,
    either,
    elements,
    field,
    flat,
    identity,
    index,
    inside,
    project,
    then,
    values,
)
from mistrust.languages.kyverno.jmespath.times import TIMES
from mistrust.languages.kyverno.jmespath.tokens import Token, tokens
from mistrust.languages.kyverno.jmespath.values import Step, bounded, sliced, true

FUNCTIONS: Final[Mapping[str, Function]] = {**STANDARD, **KYVERNO, **TIMES}
DEEPEST: Final = 100
POWERS: Final = {
    "|": 1,
    "||": 2,
    "&&": 3,
    "==": 5,
    "!=": 5,
    "<": 5,
    ">": 5,
    "<=": 5,
    ">=": 5,
    "[]": 9,
    "*": 20,
    "[?": 21,
    ".": 40,
    "!": 45,
    "{": 50,
    "[": 55,
    "(": 60,
}


@lru_cache(maxsize=4096)
def expression(text: str) -> Step:
    """What an expression does to a value. Raises `InputError` for none, or one with a function that is not known.

    The function raises `KyvernoError` where there is no answer.

    >>> expression("items[?kind=='Pod'].name | [0]")({"items": [{"kind": "Pod", "name": "a"}]})
    'a'
    """
    try:
        parser = _Parser(tokens(text))
        step = parser.expression(0)
        parser.need("end")
    except InputError as error:
        raise InputError(error.what, where=error.where, got=error.got or text[:200], wanted=error.wanted) from None
    return step


class _Parser:
    """Precedence climbing, as jmespath's own parsers do."""

    def __init__(self, words: list[Token]) -> None:
        self.words, self.at, self.depth = words, 0, 0

    @property
    def now(self) -> Token:
        return self.words[self.at]

    def take(self, kind: str) -> bool:
        found = self.now.kind == kind
        self.at += found
        return found

    def need(self, kind: str) -> Token:
        token = self.now
        if not self.take(kind):
            raise InputError("not JMESPath", where=str(token.at + 1), got=token.text, wanted=kind)
        return token

    def expression(self, power: int) -> Step:
        self.depth += 1
        if self.depth > DEEPEST:
            raise InputError("nested too deeply", wanted=f"at most {DEEPEST} levels")
        left = self._first()
        while power < POWERS.get(self.now.kind, 0):
            left = self._next(left)
        self.depth -= 1
        return left

    def _first(self) -> Step:
        token = self.now
        self.at += 1
        match token.kind:
            case "name":
                if self.now.kind == "(" and token.value is None:
                    return self._call(token)
                return field(token.text)
            case "literal":
                value = token.value
                return lambda _: value
            case "@":
                return identity
            case "!":
                inner = self.expression(POWERS["!"])
                return lambda value: not true(inner(value))
            case "(":
                found = self.expression(0)
                self.need(")")
                return found
            case "*":
                return project(identity, values, self._right(POWERS["*"]))
            case "[]":
                return project(identity, flat, self._right(POWERS["[]"]))
            case "[?":
                return self._filter(identity)
            case "[":
                return self._bracket(identity, several=True)
            case "{":
                return self._hash()
        raise InputError("not JMESPath", where=str(token.at + 1), got=token.text or "its end")

    def _next(self, left: Step) -> Step:
        sign = self.now.kind
        self.at += 1
        match sign:
            case ".":
                if self.take("*"):
                    return project(left, values, self._right(POWERS["."]))
                return inside(left, self._after_dot(POWERS["."]))
            case "|":
                return then(left, self.expression(POWERS["|"]))
            case "||":
                return either(left, self.expression(POWERS["||"]))
            case "&&":
                return both(left, self.expression(POWERS["&&"]))
            case "[]":
                return project(left, flat, self._right(POWERS["[]"]))
            case "[?":
                return self._filter(left)
            case "[":
                return self._bracket(left, several=False)
            case "*" | "(" | "{" | "!":
                token = self.words[self.at - 1]
                raise InputError("not JMESPath", where=str(token.at + 1), got=token.text)
        return comparison(sign, left, self.expression(POWERS[sign]))

    def _after_dot(self, power: int) -> Step:
        if self.now.kind not in ("name", "*", "[", "{"):
            raise InputError("not JMESPath", where=str(self.now.at + 1), got=self.now.text, wanted="a field")
        if self.take("["):
            return self._list()
        if self.take("{"):
            return self._hash()
        return self.expression(power)

    def _right(self, power: int) -> Step:
        """What is done with each element of a projection."""
        kind = self.now.kind
        if POWERS.get(kind, 0) < 10:
            return identity
        if kind == ".":
            self.at += 1
            return self._after_dot(power)
        return self.expression(power)

    def _filter(self, left: Step) -> Step:
        condition = self.expression(0)
        self.need("]")
        right = identity if self.now.kind == "[]" else self._right(POWERS["[?"])

        def elements(value: Plain) -> list[Plain] | None:
            return [e for e in value if true(condition(e))] if isinstance(value, list) else None

        return project(left, elements, right)

    def _bracket(self, left: Step, *, several: bool) -> Step:
        token = self.now
        if token.kind in ("number", ":"):
            return self._numbered(left)
        if token.kind == "*" and self.words[self.at + 1].kind == "]":
            self.at += 2
            return project(left, elements, self._right(POWERS["*"]))
        if several:
            return self._list()
        raise InputError("not JMESPath", where=str(token.at + 1), got=token.text, wanted="an index")

    def _numbered(self, left: Step) -> Step:
        parts: list[int | None] = [None]
        while not self.take("]"):
            if self.take(":"):
                parts.append(None)
            else:
                value = self.need("number").value
                parts[-1] = value if isinstance(value, int) else None
        if len(parts) == 1 and parts[0] is not None:
            return then(left, index(parts[0]))
        if len(parts) > 3 or (len(parts) == 3 and parts[2] == 0):
            raise InputError("not JMESPath", where=str(self.now.at), wanted="[start:stop:step]")
        start, stop, step = (*parts, None, None)[:3]
        cut = sliced(start, stop, step)
        return project(left, cut, self._right(POWERS["*"]))

    def _list(self) -> Step:
        steps = [self.expression(0)]
        while self.take(","):
            steps.append(self.expression(0))
        self.need("]")
        return lambda value: None if value is None else bounded([step(value) for step in steps])

    def _hash(self) -> Step:
        steps: dict[str, Step] = {}
        while True:
            name = self.need("name").text
            self.need(":")
            steps[name] = self.expression(0)
            if not self.take(","):
                break
        self.need("}")
        return lambda value: None if value is None else bounded({name: step(value) for name, step in steps.items()})

    def _call(self, token: Token) -> Step:
        function = FUNCTIONS.get(token.text)
        if function is None:
            raise InputError("not a function of Kyverno", where=str(token.at + 1), got=token.text)
        self.need("(")
        arguments: list[Step | Expression] = []
        while self.now.kind != ")":
            arguments.append(Expression(self.expression(0)) if self.take("&") else self.expression(0))
            if not self.take(","):
                break
        self.need(")")
        if not function.takes(len(arguments)):
            raise InputError("a function with too few or too many arguments", where=str(token.at + 1), got=token.text)
        return called(function, arguments)


def evaluate(text: str, value: Plain) -> Plain:
    """The value of an expression. Raises `KyvernoError` where it has none, `InputError` for what is no expression."""
    try:
        return expression(text)(value)
    except RecursionError:
        raise KyvernoError("too deeply nested") from None
