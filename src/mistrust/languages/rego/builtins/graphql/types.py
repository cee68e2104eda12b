"""A schema put together and checked: gqlparser/validator/schema.go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from mistrust.languages.rego.builtins.graphql.parse import Tree, trees, word
from mistrust.languages.rego.builtins.graphql.schema import parse_schema
from mistrust.languages.rego.errors import BuiltinError
from mistrust.languages.rego.values import Value

PRELUDE: Final = """
scalar Int
scalar Float
scalar String
scalar Boolean
scalar ID
directive @include(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
directive @skip(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
directive @defer(if: Boolean = true, label: String) on FRAGMENT_SPREAD | INLINE_FRAGMENT
directive @oneOf on INPUT_OBJECT
directive @deprecated(reason: String = "No longer supported")
  on FIELD_DEFINITION | ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION | ENUM_VALUE
directive @specifiedBy(url: String!) on SCALAR
type __Schema { description: String types: [__Type!]! queryType: __Type! mutationType: __Type
  subscriptionType: __Type directives: [__Directive!]! }
type __Type { kind: __TypeKind! name: String description: String fields(includeDeprecated: Boolean = false): [__Field!]
  interfaces: [__Type!] possibleTypes: [__Type!] enumValues(includeDeprecated: Boolean = false): [__EnumValue!]
  inputFields: [__InputValue!] ofType: __Type specifiedByURL: String }
type __Field { name: String! description: String args: [__InputValue!]! type: __Type! isDeprecated: Boolean!
  deprecationReason: String }
type __InputValue { name: String! description: String type: __Type! defaultValue: String }
type __EnumValue { name: String! description: String isDeprecated: Boolean! deprecationReason: String }
enum __TypeKind { SCALAR OBJECT INTERFACE UNION ENUM INPUT_OBJECT LIST NON_NULL }
type __Directive { name: String! description: String locations: [__DirectiveLocation!]! args: [__InputValue!]!
  isRepeatable: Boolean! }
enum __DirectiveLocation { QUERY MUTATION SUBSCRIPTION FIELD FRAGMENT_DEFINITION FRAGMENT_SPREAD INLINE_FRAGMENT
  VARIABLE_DEFINITION SCHEMA SCALAR OBJECT FIELD_DEFINITION ARGUMENT_DEFINITION INTERFACE UNION ENUM ENUM_VALUE
  INPUT_OBJECT INPUT_FIELD_DEFINITION }
"""
ROOTS: Final = {"query": "Query", "mutation": "Mutation", "subscription": "Subscription"}
INPUTS: Final = frozenset(("SCALAR", "ENUM", "INPUT_OBJECT"))
OUTPUTS: Final = frozenset(("SCALAR", "ENUM", "OBJECT", "INTERFACE", "UNION"))


class Types(msgspec.Struct, frozen=True):
    """What a schema defines."""

    definitions: Mapping[str, Tree]
    directives: Mapping[str, Tree]
    roots: Mapping[str, str]

    def field(self, owner: str, name: str) -> Tree | None:
        """A field of a type, those of introspection too."""
        found = next((f for f in trees(self.definitions.get(owner), "Fields") if word(f, "Name") == name), None)
        if found is None and name == "__typename":
            return {"Name": name, "Type": {"NamedType": "String", "NonNull": True}}
        if found is None and owner == self.roots.get("query") and name in ("__schema", "__type"):
            return {
                "Name": name,
                "Type": {"NamedType": "__Schema" if name == "__schema" else "__Type", "NonNull": False},
                "Arguments": []
                if name == "__schema"
                else [{"Name": "name", "Type": {"NamedType": "String", "NonNull": True}}],
            }
        return found

    def possible(self, name: str) -> frozenset[str]:
        """The objects that a type may be."""
        own = self.definitions.get(name)
        match word(own, "Kind"):
            case "UNION":
                return frozenset(_words(own, "Types"))
            case "INTERFACE":
                return frozenset(n for n, d in self.definitions.items() if name in _words(d, "Interfaces"))
        return frozenset((name,))


def named(tree: Value) -> str:
    """The innermost name of a type."""
    while isinstance(tree, dict) and isinstance(tree.get("Elem"), dict):
        tree = tree["Elem"]
    return word(tree, "NamedType")


def _words(tree: Value, name: str) -> Sequence[str]:
    found = tree.get(name) if isinstance(tree, dict) else None
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else ()


def _wrong(what: str) -> BuiltinError:
    return BuiltinError(f"{what} in GraphQL string")


def types(document: Tree) -> Types:
    """A schema that is sound. Raises `BuiltinError` for one that is not."""
    prelude = parse_schema(PRELUDE)
    definitions: dict[str, Tree] = {}
    for each in (*trees(prelude, "Definitions"), *trees(document, "Definitions")):
        if word(each, "Name") in definitions:
            raise _wrong(f"Cannot redeclare type {word(each, 'Name')}.")
        definitions[word(each, "Name")] = each
    for each in trees(document, "Extensions"):
        known = definitions.get(word(each, "Name"), {"Kind": word(each, "Kind"), "Name": word(each, "Name")})
        if word(known, "Kind") != word(each, "Kind"):
            raise _wrong(f"Cannot extend type {word(each, 'Name')} because the base type is a {word(known, 'Kind')}")
        definitions[word(each, "Name")] = _extended(known, each)
    directives: dict[str, Tree] = {word(d, "Name"): d for d in trees(prelude, "Directives")}
    for each in trees(document, "Directives"):
        if word(each, "Name") in directives and word(each, "Name") not in ("deprecated", "specifiedBy", "defer"):
            raise _wrong(f"Cannot redeclare directive {word(each, 'Name')}.")
        directives[word(each, "Name")] = each
    found = Types(definitions, directives, _roots(document, definitions))
    own = {word(d, "Name") for d in (*trees(document, "Definitions"), *trees(document, "Extensions"))}
    for name in sorted(own):
        _check(found, definitions[name])
    for each in trees(document, "Directives"):
        _check_name(each)
        _check_arguments(found, each)
    for each in (*trees(document, "Schema"), *trees(document, "SchemaExtension")):
        _check_directives(found, each, "SCHEMA")
    return found


def _extended(known: Tree, more: Tree) -> Tree:
    out = dict(known)
    for k, v in more.items():
        before = out.get(k)
        if isinstance(v, list):
            out[k] = [*(before if isinstance(before, list) else []), *v]
    return out


def _roots(document: Tree, definitions: Mapping[str, Tree]) -> Mapping[str, str]:
    schemas = trees(document, "Schema")
    if len(schemas) > 1:
        raise _wrong("Cannot have multiple schema entry points, consider schema extensions instead.")
    said = [o for s in (*schemas, *trees(document, "SchemaExtension")) for o in trees(s, "OperationTypes")]
    found: dict[str, str] = {}
    for each in said:
        operation, name = word(each, "Operation"), word(each, "Type")
        if name not in definitions:
            raise _wrong(f"Schema root {operation} refers to a type {name} that does not exist.")
        found[operation] = name
    if not schemas:
        found = {**{op: name for op, name in ROOTS.items() if name in definitions}, **found}
    return found


def _check_name(tree: Tree) -> None:
    if word(tree, "Name").startswith("__"):
        raise _wrong(f'Name "{word(tree, "Name")}" must not begin with "__", which is reserved.')


def _check(known: Types, tree: Tree) -> None:
    name, kind = word(tree, "Name"), word(tree, "Kind")
    _check_name(tree)
    fields = trees(tree, "Fields")
    if kind in ("OBJECT", "INTERFACE", "INPUT_OBJECT") and not fields:
        raise _wrong(f"{kind} {name}: must define one or more fields.")
    for field in fields:
        _check_name(field)
        _check_type(known, field, INPUTS if kind == "INPUT_OBJECT" else OUTPUTS)
        _check_arguments(known, field)
        _check_directives(known, field, "INPUT_FIELD_DEFINITION" if kind == "INPUT_OBJECT" else "FIELD_DEFINITION")
    _unique(field for field in fields)
    for member in _words(tree, "Types"):
        if word(known.definitions.get(member), "Kind") != "OBJECT":
            raise _wrong(
                f'UNION type "{member}" must be OBJECT.' if member in known.definitions else _undefined(member)
            )
    if kind == "ENUM" and not trees(tree, "EnumValues"):
        raise _wrong(f"ENUM {name}: must define one or more unique enum values.")
    _unique(iter(trees(tree, "EnumValues")))
    for interface in _words(tree, "Interfaces"):
        _check_implements(known, tree, interface)
    _check_directives(known, tree, kind)


def _undefined(name: str) -> str:
    return f"Undefined type {name}."


def _unique(several: Iterator[Tree]) -> None:
    seen: set[str] = set()
    for each in several:
        if word(each, "Name") in seen:
            raise _wrong(f"{word(each, 'Name')} is defined twice")
        seen.add(word(each, "Name"))


def _check_type(known: Types, tree: Tree, kinds: frozenset[str]) -> None:
    name = named(tree.get("Type"))
    if name not in known.definitions:
        raise _wrong(_undefined(name))
    kind = word(known.definitions[name], "Kind")
    if kind not in kinds:
        raise _wrong(f"{kind} {name}: field must be one of {', '.join(sorted(kinds))}.")


def _check_arguments(known: Types, tree: Tree) -> None:
    for argument in trees(tree, "Arguments"):
        _check_name(argument)
        _check_type(known, argument, INPUTS)
        _check_directives(known, argument, "ARGUMENT_DEFINITION")


def _check_directives(known: Types, tree: Tree, place: str) -> None:
    for each in trees(tree, "Directives"):
        name = word(each, "Name")
        if name not in known.directives:
            raise _wrong(f"Undefined directive {name}.")
        if place not in _words(known.directives[name], "Locations"):
            raise _wrong(f"Directive {name} is not applicable on {place}.")
        given = {word(a, "Name") for a in trees(each, "Arguments")}
        wanted = {word(a, "Name"): a for a in trees(known.directives[name], "Arguments")}
        if given - wanted.keys():
            raise _wrong(f"Undefined argument {min(given - wanted.keys())} for directive {name}.")
        for argument in wanted.values():
            if required(argument) and word(argument, "Name") not in given:
                raise _wrong(f"Argument {word(argument, 'Name')} for directive {name} cannot be null.")


def required(tree: Tree) -> bool:
    """Has an argument, or a field of an input, to be given?"""
    kind = tree.get("Type")
    return isinstance(kind, dict) and kind.get("NonNull") is True and "DefaultValue" not in tree


def _check_implements(known: Types, tree: Tree, interface: str) -> None:
    other = known.definitions.get(interface)
    if other is None:
        raise _wrong(_undefined(interface))
    if word(other, "Kind") != "INTERFACE":
        raise _wrong(f"{interface} is a non interface type {word(other, 'Kind')}.")
    for field in trees(other, "Fields"):
        mine = next((f for f in trees(tree, "Fields") if word(f, "Name") == word(field, "Name")), None)
        if mine is None:
            raise _wrong(
                f"For {word(tree, 'Name')} to implement {interface} it must have a field {word(field, 'Name')}."
            )
        if not _covariant(known, field.get("Type"), mine.get("Type")):
            raise _wrong(f"For {word(tree, 'Name')} to implement {interface} the field must have the right type.")
        given = {word(a, "Name"): a for a in trees(mine, "Arguments")}
        for argument in trees(field, "Arguments"):
            own = given.pop(word(argument, "Name"), None)
            if own is None or own.get("Type") != argument.get("Type"):
                raise _wrong(f"For {word(tree, 'Name')} to implement {interface} the arguments must be the same.")
        if any(map(required, given.values())):
            raise _wrong(f"For {word(tree, 'Name')} to implement {interface} further arguments must be optional.")


def _covariant(known: Types, wanted: Value, given: Value) -> bool:
    if not isinstance(wanted, dict) or not isinstance(given, dict):
        return False
    if wanted.get("NonNull") is True and given.get("NonNull") is not True:
        return False
    if "Elem" in wanted or "Elem" in given:
        return _covariant(known, wanted.get("Elem"), given.get("Elem"))
    one, other = word(wanted, "NamedType"), word(given, "NamedType")
    return one == other or other in known.possible(one) or one in _words(known.definitions.get(other), "Interfaces")
