"""Tokens -> the trees of gqlparser, without what is empty: queries, and what they share with schemas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from mistrust.languages.rego.builtins.graphql.lex import Token, tokens
from mistrust.languages.rego.errors import BuiltinError
from mistrust.languages.rego.values import Hashed, Value

Tree = dict[Hashed, Value]
DEEPEST: Final = 100
VARIABLE, INT, FLOAT, STRING, BLOCK, BOOLEAN, NULL, ENUM, LIST, OBJECT = range(10)
"""ast.ValueKind."""
SCALARS: Final = {"int": INT, "float": FLOAT, "string": STRING, "block": BLOCK}


class Parser:
    """Goes over the tokens of one document."""

    def __init__(self, text: str) -> None:
        self.tokens = list(tokens(text))
        self.at = self.depth = 0

    @property
    def now(self) -> Token:
        """The token that comes next."""
        return self.tokens[self.at]

    def peek(self, kind: str, text: str = "") -> bool:
        """Is the next token of this kind?"""
        return self.now.kind == kind and text in ("", self.now.text)

    def take(self, kind: str, text: str = "") -> bool:
        """Go over it if it is."""
        found = self.peek(kind, text)
        self.at += found
        return found

    def need(self, kind: str, text: str = "") -> str:
        """Go over it. Raises `BuiltinError` if it is of another kind."""
        token = self.now
        if not self.take(kind, text):
            wanted = f'"{text}"' if text else "Name" if kind == "name" else kind
            raise self.wrong(f"Expected {wanted}, found")
        return token.text

    def wrong(self, what: str) -> BuiltinError:
        """The next token does not fit."""
        token = self.now
        said = f'Name "{token.text}"' if token.kind == "name" else token.text
        return BuiltinError(f"{what} {said} in GraphQL string at location {token.at}")

    def name(self) -> str:
        """A name."""
        return self.need("name")

    def several(self, begin: str, end: str, each: Callable[[], Tree], *, some: bool = True) -> list[Value]:
        """What stands between two signs, if it is there; then it is not empty."""
        if not self.take(begin):
            return []
        if some and self.peek(end):
            raise self.wrong("expected at least one definition, found")
        found: list[Value] = []
        while not self.take(end):
            found.append(each())
        return found

    # Values and types

    def value(self, *, constant: bool) -> Tree:
        """A value, without variables where it has to be constant."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise BuiltinError("too deeply nested")
        found = self._value(constant)
        self.depth -= 1
        return {"ExpectedTypeHasDefault": False, **found}

    def _value(self, constant: bool) -> Tree:
        token = self.now
        if token.kind == "[":
            items = self.several("[", "]", lambda: {"Name": "", "Value": self.value(constant=constant)}, some=False)
            return pruned({"Children": items, "Kind": LIST, "Raw": ""})
        if token.kind == "{":
            fields = self.several("{", "}", lambda: self._field_value(constant), some=False)
            return pruned({"Children": fields, "Kind": OBJECT, "Raw": ""})
        if token.kind == "$":
            if constant:
                raise self.wrong("Unexpected")
            self.at += 1
            return {"Kind": VARIABLE, "Raw": self.name()}
        if token.kind in SCALARS:
            self.at += 1
            return {"Kind": SCALARS[token.kind], "Raw": token.text}
        if token.kind == "name":
            self.at += 1
            kind = BOOLEAN if token.text in ("true", "false") else NULL if token.text == "null" else ENUM
            return {"Kind": kind, "Raw": token.text}
        raise self.wrong("Unexpected")

    def _field_value(self, constant: bool) -> Tree:
        name = self.name()
        self.need(":")
        return {"Name": name, "Value": self.value(constant=constant)}

    def type(self) -> Tree:
        """`[Name!]!`."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise BuiltinError("too deeply nested")
        found: Tree
        if self.take("["):
            found = {"Elem": self.type(), "NamedType": ""}
            self.need("]")
        else:
            found = {"NamedType": self.name()}
        self.depth -= 1
        return {**found, "NonNull": self.take("!")}

    def arguments(self, *, constant: bool) -> list[Value]:
        """`(name: value)`."""
        return self.several("(", ")", lambda: self._field_value(constant))

    def directives(self, *, constant: bool) -> list[Value]:
        """`@name(arguments)`."""
        found: list[Value] = []
        while self.take("@"):
            name = self.name()
            found.append(pruned({"Arguments": self.arguments(constant=constant), "Location": "", "Name": name}))
        return found

    # Queries

    def query(self) -> Tree:
        """A document of operations and fragments."""
        operations: list[Value] = []
        fragments: list[Value] = []
        while not self.peek("end"):
            if self.peek("name", "fragment"):
                fragments.append(self._fragment())
            elif self.peek("{") or self.now.text in ("query", "mutation", "subscription"):
                operations.append(self._operation())
            else:
                raise self.wrong("Unexpected")
        return pruned({"Fragments": fragments, "Operations": operations})

    def _operation(self) -> Tree:
        if self.peek("{"):
            return pruned({"Name": "", "Operation": "query", "SelectionSet": self._selection()})
        operation = self.name()
        name = self.name() if self.peek("name") else ""
        variables = self._variables()
        return pruned(
            {
                "Directives": self.directives(constant=False),
                "Name": name,
                "Operation": operation,
                "SelectionSet": self._selection(),
                "VariableDefinitions": variables,
            }
        )

    def _variables(self) -> list[Value]:
        return self.several("(", ")", self._variable)

    def _variable(self) -> Tree:
        self.need("$")
        name = self.name()
        self.need(":")
        found: Tree = {"Type": self.type(), "Used": False, "Variable": name}
        if self.take("="):
            found["DefaultValue"] = self.value(constant=True)
        return pruned({**found, "Directives": self.directives(constant=True)})

    def _selection(self) -> list[Value]:
        if not self.peek("{"):
            raise self.wrong("Expected {, found")
        self.depth += 1
        if self.depth > DEEPEST:
            raise BuiltinError("too deeply nested")
        if self.tokens[self.at + 1].kind == "}":
            self.at += 1
            raise self.wrong("Expected Name, found")
        found = self.several("{", "}", self._selected)
        self.depth -= 1
        return found

    def _selected(self) -> Tree:
        if self.take("..."):
            return self._spread()
        first = self.name()
        name = self.name() if self.take(":") else first
        found: Tree = {"Alias": first, "Arguments": self.arguments(constant=False)}
        found |= {"Directives": self.directives(constant=False), "Name": name}
        return pruned({**found, "SelectionSet": self._selection() if self.peek("{") else []})

    def _spread(self) -> Tree:
        if self.peek("name") and not self.peek("name", "on"):
            return pruned({"Name": self.name(), "Directives": self.directives(constant=False)})
        condition = self.name() if self.take("name", "on") else ""
        found: Tree = {"Directives": self.directives(constant=False), "TypeCondition": condition}
        return pruned({**found, "SelectionSet": self._selection()})

    def _fragment(self) -> Tree:
        self.need("name", "fragment")
        if self.peek("name", "on"):
            raise self.wrong("Unexpected")
        name = self.name()
        variables = self._variables()
        self.need("name", "on")
        found: Tree = {"Name": name, "TypeCondition": self.name(), "VariableDefinition": variables}
        return pruned({**found, "Directives": self.directives(constant=False), "SelectionSet": self._selection()})


def pruned(tree: Tree) -> Tree:
    """Without lists that are empty."""
    return {k: v for k, v in tree.items() if v != []}


def parse_query(text: str) -> Tree:
    """The tree of a query. Raises `BuiltinError` for none."""
    return Parser(text).query()


def trees(tree: Value, name: str) -> Sequence[Tree]:
    """The trees in a list of a tree."""
    found = tree.get(name) if isinstance(tree, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else ()


def word(tree: Value, name: str) -> str:
    """A text of a tree."""
    found = tree.get(name) if isinstance(tree, dict) else None
    return found if isinstance(found, str) else ""
