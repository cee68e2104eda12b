"""Names with dots: a variable, a type, a function of a library, or fields of a value (langdef.md#name-resolution)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from mistrust.languages.cel.function import Function, Functions
from mistrust.languages.cel.syntax import Call, Name, Node, Select

LOCAL: Final = "$"


class Resolved(msgspec.Struct, frozen=True):
    """A call of a function that is known."""

    function: Function
    args: tuple[Node, ...]
    name: str


def dotted(node: Node | None) -> str:
    """`a.b.c` where a node is nothing but names; else empty."""
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Select) and not node.optional:
        front = dotted(node.operand)
        return f"{front}.{node.field}" if front else ""
    return ""


def local(name: str) -> str:
    """What a variable of a macro is kept as: it hides whatever begins with its name."""
    return LOCAL + name


def resolved(
    node: Name | Select | Call, variables: Collection[str], constants: Collection[str], functions: Functions
) -> str | Resolved | None:
    """The variable or constant that a node names, or the function that it calls; None where it is neither."""
    if not isinstance(node, Call):
        name = dotted(node)
        own = local(name.partition(".")[0])
        if own in variables:
            return own if isinstance(node, Name) else None
        return name if name and (name in variables or (_free(node, variables) and name in constants)) else None
    if node.target is None:
        found = functions.get((node.function, False))
        return Resolved(found, node.args, node.function) if found and found.takes(len(node.args)) else None
    front = dotted(node.target)
    if front and _free(node.target, variables):
        name = f"{front}.{node.function}"
        found = functions.get((name, False))
        if found and found.takes(len(node.args)):
            return Resolved(found, node.args, name)
    found = functions.get((node.function, True))
    if found and found.takes(len(node.args) + 1):
        return Resolved(found, (node.target, *node.args), node.function)
    return None


def _free(node: Node, variables: Collection[str]) -> bool:
    """Is no first part of a dotted name a variable?"""
    while isinstance(node, Select):
        if dotted(node) in variables:
            return False
        node = node.operand
    return not (isinstance(node, Name) and (node.name in variables or local(node.name) in variables))
