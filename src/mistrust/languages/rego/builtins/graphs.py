"""Graphs: what can be reached, and by which paths (topdown/reachable.go)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from mistrust.languages.rego.builtins.builtin import Builtin, Pure, pure
from mistrust.languages.rego.builtins.objects import Object
from mistrust.languages.rego.builtins.operands import ELEMENT, collection, obj, sized
from mistrust.languages.rego.values import Hashed, Set, Value, key


def _edges(name: str, graph: Object, node: Value) -> list[Value]:
    found = graph.get(key(node))
    if isinstance(found, list | Set):
        return collection(name, 1, found)
    return []


def reachable(graph: Value, initial: Value) -> Value:
    """Everything that can be reached, the start included."""
    known = obj("graph.reachable", 1, graph)
    found: dict[Hashed, Value] = {}
    queue = collection("graph.reachable", 2, initial, "one of {set, array}")[:]
    while queue:
        node = queue.pop()
        if key(node) in found or key(node) not in known:
            continue
        found[key(node)] = node
        queue += _edges("graph.reachable", known, node)
    return Set.of(found)


def reachable_paths(graph: Value, initial: Value) -> Value:
    """Every path that goes as far as it can without coming back."""
    known = obj("graph.reachable_paths", 1, graph)
    out: list[Value] = []
    size = 0
    for root in collection("graph.reachable_paths", 2, initial, "one of {set, array}"):
        for path in _walked(known, root, [root], {key(root)}) if key(root) in known else ():
            size = sized("graph.reachable_paths", size + ELEMENT * len(path))
            out.append(path)
    return Set(out)


def _walked(graph: Object, node: Value, path: list[Value], seen: set[Hashed]) -> Iterator[list[Value]]:
    edges = _edges("graph.reachable_paths", graph, node)
    if not edges:
        yield path
    for other in edges:
        hashed = key(other)
        if hashed not in graph or hashed in seen:
            yield path
        else:
            yield from _walked(graph, other, [*path, other], seen | {hashed})


_PURE: Final[Mapping[str, Pure]] = {
    "graph.reachable": reachable,
    "graph.reachable_paths": reachable_paths,
}
GRAPHS: Final[Mapping[str, Builtin]] = {name: pure(function) for name, function in _PURE.items()}
