"""Queries against a schema (spec.graphql.org/October2021/#sec-Validation)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from mistrust.languages.rego.builtins.graphql.parse import (
    BLOCK,
    BOOLEAN,
    ENUM,
    FLOAT,
    INT,
    LIST,
    NULL,
    OBJECT,
    STRING,
    VARIABLE,
    Tree,
    trees,
    word,
)
from mistrust.languages.rego.builtins.graphql.types import INPUTS, Types, named, required
from mistrust.languages.rego.errors import BuiltinError
from mistrust.languages.rego.values import Value

LEAVES: Final = frozenset(("SCALAR", "ENUM"))
SCALARS: Final[Mapping[str, frozenset[int]]] = {
    "Int": frozenset((INT,)),
    "Float": frozenset((INT, FLOAT)),
    "String": frozenset((STRING, BLOCK)),
    "Boolean": frozenset((BOOLEAN,)),
    "ID": frozenset((INT, STRING, BLOCK)),
}


def check(known: Types, query: Tree) -> None:
    """Raises `BuiltinError` for the first thing that does not fit."""
    for problem in _Checks(known, query).every():
        raise BuiltinError(f"{problem} in GraphQL string")


class _Checks:
    def __init__(self, known: Types, query: Tree) -> None:
        self._known, self._query = known, query
        self._fragments = {word(f, "Name"): f for f in trees(query, "Fragments")}

    def every(self) -> Iterator[str]:
        operations, fragments = trees(self._query, "Operations"), trees(self._query, "Fragments")
        names = [word(o, "Name") for o in operations]
        if "" in names and len(names) > 1:
            yield "This anonymous operation must be the only defined operation."
        yield from (f'There can be only one operation named "{n}".' for n in set(names) if names.count(n) > 1)
        if len(self._fragments) != len(fragments):
            yield "There can be only one fragment of a name."
        spread: set[str] = set()
        for operation in operations:
            yield from self._operation(operation)
            spread |= self._spread(operation, ())
        for name, fragment in self._fragments.items():
            if name not in spread:
                yield f'Fragment "{name}" is never used.'
            if name in self._spread(fragment, ()):
                yield f'Cannot spread fragment "{name}" within itself.'
            yield from self._condition(word(fragment, "TypeCondition"))
            yield from self._selected(fragment, word(fragment, "TypeCondition"))

    def _spread(self, tree: Tree, trail: tuple[str, ...]) -> set[str]:
        """Every fragment that is reached."""
        found: set[str] = set()
        for each in trees(tree, "SelectionSet"):
            if _is_spread(each) and word(each, "Name") not in trail:
                name = word(each, "Name")
                found.add(name)
                found |= self._spread(self._fragments.get(name, {}), (*trail, name))
            else:
                found |= self._spread(each, trail)
        return found

    def _operation(self, operation: Tree) -> Iterator[str]:
        root = self._known.roots.get(word(operation, "Operation"))
        if root is None:
            yield f'Schema does not support operation type "{word(operation, "Operation")}"'
            return
        declared: dict[str, Tree] = {}
        for each in trees(operation, "VariableDefinitions"):
            name = word(each, "Variable")
            if name in declared:
                yield f'There can be only one variable named "${name}".'
            declared[name] = each
            kind = word(self._known.definitions.get(named(each.get("Type"))), "Kind")
            if kind not in INPUTS:
                yield f'Variable "${name}" cannot be non-input type'
            default = each.get("DefaultValue")
            if isinstance(default, dict):
                yield from self._value(each.get("Type"), default)
        used = set(self._variables(operation, set()))
        yield from (f'Variable "${n}" is not defined.' for n in sorted(used - declared.keys()))
        yield from (f'Variable "${n}" is never used.' for n in sorted(declared.keys() - used))
        yield from self._directives(operation, word(operation, "Operation").upper())
        yield from self._selected(operation, root)

    def _variables(self, tree: Value, seen: set[str]) -> Iterator[str]:
        if isinstance(tree, list):
            for each in tree:
                yield from self._variables(each, seen)
        elif isinstance(tree, dict):
            if tree.get("Kind") == VARIABLE and "Raw" in tree:
                yield word(tree, "Raw")
            if _is_spread(tree) and word(tree, "Name") not in seen:
                seen.add(word(tree, "Name"))
                yield from self._variables(self._fragments.get(word(tree, "Name")), seen)
            for k, v in tree.items():
                if k != "VariableDefinitions":
                    yield from self._variables(v, seen)

    def _condition(self, name: str) -> Iterator[str]:
        if name not in self._known.definitions:
            yield f'Unknown type "{name}".'
        elif word(self._known.definitions[name], "Kind") not in ("OBJECT", "INTERFACE", "UNION"):
            yield f'Fragment cannot condition on non composite type "{name}".'

    def _selected(self, tree: Tree, owner: str) -> Iterator[str]:
        for each in trees(tree, "SelectionSet"):
            if _is_spread(each):
                name = word(each, "Name")
                if name not in self._fragments:
                    yield f'Unknown fragment "{name}".'
                else:
                    yield from self._fits(word(self._fragments[name], "TypeCondition"), owner)
                yield from self._directives(each, "FRAGMENT_SPREAD")
            elif "Alias" in each:
                yield from self._field(each, owner)
            else:
                inner = word(each, "TypeCondition") or owner
                yield from self._condition(inner)
                yield from self._fits(inner, owner)
                yield from self._directives(each, "INLINE_FRAGMENT")
                yield from self._selected(each, inner)

    def _fits(self, inner: str, owner: str) -> Iterator[str]:
        known = {inner, owner} <= self._known.definitions.keys()
        if known and not self._known.possible(inner) & self._known.possible(owner):
            yield f'objects of type "{owner}" can never be of type "{inner}".'

    def _field(self, tree: Tree, owner: str) -> Iterator[str]:
        found = self._known.field(owner, word(tree, "Name"))
        if found is None:
            if owner in self._known.definitions:
                yield f'Cannot query field "{word(tree, "Name")}" on type "{owner}".'
            return
        inner = named(found.get("Type"))
        leaf = word(self._known.definitions.get(inner), "Kind") in LEAVES
        if leaf and trees(tree, "SelectionSet"):
            yield f'Field "{word(tree, "Name")}" must not have a selection since type "{inner}" has no subfields.'
        elif not leaf and not trees(tree, "SelectionSet"):
            yield f'Field "{word(tree, "Name")}" of type "{inner}" must have a selection of subfields.'
        yield from self._arguments(tree, found)
        yield from self._directives(tree, "FIELD")
        if not leaf:
            yield from self._selected(tree, inner)

    def _arguments(self, tree: Tree, definition: Tree) -> Iterator[str]:
        given = {word(a, "Name"): a for a in trees(tree, "Arguments")}
        wanted = {word(a, "Name"): a for a in trees(definition, "Arguments")}
        name = word(tree, "Name")
        if len(given) != len(trees(tree, "Arguments")):
            yield "There can be only one argument of a name."
        yield from (f'Unknown argument "{n}" on field "{name}".' for n in sorted(given.keys() - wanted.keys()))
        for each, argument in wanted.items():
            if each in given:
                yield from self._value(argument.get("Type"), given[each].get("Value"))
            elif required(argument):
                yield f'Field "{name}" argument "{each}" is required, but it was not provided'

    def _directives(self, tree: Tree, place: str) -> Iterator[str]:
        for each in trees(tree, "Directives"):
            known = self._known.directives.get(word(each, "Name"))
            if known is None:
                yield f'Unknown directive "@{word(each, "Name")}".'
                continue
            locations = known.get("Locations")
            if isinstance(locations, list) and place not in locations:
                yield f'Directive "@{word(each, "Name")}" may not be used on {place}.'
            yield from self._arguments(each, known)

    def _value(self, kind: Value, value: Value) -> Iterator[str]:
        if not isinstance(kind, dict) or not isinstance(value, dict) or value.get("Kind") == VARIABLE:
            return
        said, raw = value.get("Kind"), word(value, "Raw")
        if said == NULL:
            if kind.get("NonNull") is True:
                yield "Expected value, found null."
            return
        if isinstance(kind.get("Elem"), dict):
            for each in trees(value, "Children") if said == LIST else ({"Value": value},):
                yield from self._value(kind.get("Elem"), each.get("Value"))
            return
        definition = self._known.definitions.get(word(kind, "NamedType"), {})
        match word(definition, "Kind"):
            case "SCALAR":
                wanted = SCALARS.get(word(kind, "NamedType"))
                if wanted is not None and said not in wanted:
                    yield f"{word(kind, 'NamedType')} cannot represent value: {raw}"
            case "ENUM":
                if said != ENUM or raw not in {word(v, "Name") for v in trees(definition, "EnumValues")}:
                    yield f'Value "{raw}" does not exist in "{word(kind, "NamedType")}" enum.'
            case "INPUT_OBJECT":
                yield from self._object(definition, value)

    def _object(self, definition: Tree, value: Tree) -> Iterator[str]:
        if value.get("Kind") != OBJECT:
            yield f'Expected value of type "{word(definition, "Name")}".'
            return
        fields = {word(f, "Name"): f for f in trees(definition, "Fields")}
        given = {word(c, "Name"): c for c in trees(value, "Children")}
        yield from (f'Field "{n}" is not defined.' for n in sorted(given.keys() - fields.keys()))
        for name, field in fields.items():
            if name in given:
                yield from self._value(field.get("Type"), given[name].get("Value"))
            elif required(field):
                yield f'Field "{name}" is required, but it was not provided'


def _is_spread(tree: Tree) -> bool:
    """A fragment by its name: it has neither an alias nor a condition."""
    return "Name" in tree and not {"Alias", "TypeCondition", "Operation", "Value", "Location", "Type"} & tree.keys()
