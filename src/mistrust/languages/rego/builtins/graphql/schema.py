"""Schemas (spec.graphql.org/October2021/#sec-Type-System)."""

from __future__ import annotations

from typing import Final

from mistrust.languages.rego.builtins.graphql.parse import Parser, Tree, pruned
from mistrust.languages.rego.values import Hashed, Value

KINDS: Final = {
    "scalar": "SCALAR",
    "type": "OBJECT",
    "interface": "INTERFACE",
    "union": "UNION",
    "enum": "ENUM",
    "input": "INPUT_OBJECT",
}
LOCATIONS: Final = frozenset(
    (
        *("QUERY", "MUTATION", "SUBSCRIPTION", "FIELD", "FRAGMENT_DEFINITION", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"),
        *("VARIABLE_DEFINITION", "SCHEMA", "SCALAR", "OBJECT", "FIELD_DEFINITION", "ARGUMENT_DEFINITION", "INTERFACE"),
        *("UNION", "ENUM", "ENUM_VALUE", "INPUT_OBJECT", "INPUT_FIELD_DEFINITION"),
    )
)


class Schema(Parser):
    """Goes over the tokens of a schema."""

    def schema(self) -> Tree:
        """A document of definitions and extensions."""
        found: dict[Hashed, list[Value]] = {
            name: [] for name in ("Definitions", "Directives", "Extensions", "Schema", "SchemaExtension")
        }
        while not self.peek("end"):
            described = self.peek("string") or self.peek("block")
            description = self._description()
            if not described and self.take("name", "extend"):
                if self.peek("name", "schema"):
                    found["SchemaExtension"].append(self._extension(self._root("")))
                else:
                    found["Extensions"].append(self._extension(self._definition("", extending=True)))
            elif self.peek("name", "schema"):
                found["Schema"].append(self._root(description))
            elif self.peek("name", "directive"):
                found["Directives"].append(self._directive(description))
            else:
                found["Definitions"].append(self._definition(description))
        return pruned({**found})

    def _extension(self, tree: Tree) -> Tree:
        if not any(isinstance(v, list) for v in tree.values()):
            raise self.wrong("Unexpected")
        return tree

    def _description(self) -> str:
        if self.peek("string") or self.peek("block"):
            text = self.now.text
            self.at += 1
            return text
        return ""

    def _root(self, description: str) -> Tree:
        self.need("name", "schema")
        directives = self.directives(constant=True)
        operations = self.several("{", "}", self._operation_type)
        return pruned({"Description": description, "Directives": directives, "OperationTypes": operations})

    def _operation_type(self) -> Tree:
        operation = self.name()
        if operation not in ("query", "mutation", "subscription"):
            self.at -= 1
            raise self.wrong("Unexpected")
        self.need(":")
        return {"Operation": operation, "Type": self.name()}

    def _definition(self, description: str, *, extending: bool = False) -> Tree:
        if self.now.text not in KINDS or self.now.kind != "name":
            raise self.wrong("Unexpected")
        kind = KINDS[self.name()]
        found: Tree = {"BuiltIn": False, "Description": description, "Kind": kind, "Name": self.name()}
        if kind in ("OBJECT", "INTERFACE"):
            found["Interfaces"] = self._interfaces()
        found["Directives"] = self.directives(constant=True)
        match kind:
            case "OBJECT" | "INTERFACE":
                found["Fields"] = self.several("{", "}", self._field)
            case "UNION":
                found["Types"] = self._members()
            case "ENUM":
                found["EnumValues"] = self.several("{", "}", self._enum_value)
            case "INPUT_OBJECT":
                found["Fields"] = self.several("{", "}", self._input)
        del extending
        return pruned(found)

    def _interfaces(self) -> list[Value]:
        found: list[Value] = []
        if self.take("name", "implements"):
            self.take("&")
            found.append(self.name())
            while self.take("&") or self.peek("name"):
                found.append(self.name())
        return found

    def _members(self) -> list[Value]:
        found: list[Value] = []
        if self.take("="):
            self.take("|")
            found.append(self.name())
            while self.take("|"):
                found.append(self.name())
        return found

    def _field(self) -> Tree:
        description, name = self._description(), self.name()
        arguments = self.several("(", ")", self._input)
        self.need(":")
        found: Tree = {"Arguments": arguments, "Description": description, "Name": name, "Type": self.type()}
        return pruned({**found, "Directives": self.directives(constant=True)})

    def _input(self) -> Tree:
        description, name = self._description(), self.name()
        self.need(":")
        found: Tree = {"Description": description, "Name": name, "Type": self.type()}
        if self.take("="):
            found["DefaultValue"] = self.value(constant=True)
        return pruned({**found, "Directives": self.directives(constant=True)})

    def _enum_value(self) -> Tree:
        description = self._description()
        if self.now.text in ("true", "false", "null"):
            raise self.wrong("Unexpected")
        return pruned({"Description": description, "Name": self.name(), "Directives": self.directives(constant=True)})

    def _directive(self, description: str) -> Tree:
        self.need("name", "directive")
        self.need("@")
        name = self.name()
        arguments = self.several("(", ")", self._input)
        repeatable = self.take("name", "repeatable")
        self.need("name", "on")
        self.take("|")
        locations: list[Value] = [self._location()]
        while self.take("|"):
            locations.append(self._location())
        found: Tree = {"Arguments": arguments, "Description": description, "IsRepeatable": repeatable}
        return pruned({**found, "Locations": locations, "Name": name})

    def _location(self) -> str:
        if self.now.text not in LOCATIONS:
            raise self.wrong("Unexpected")
        return self.name()


def parse_schema(text: str) -> Tree:
    """The tree of a schema. Raises `BuiltinError` for none."""
    return Schema(text).schema()
