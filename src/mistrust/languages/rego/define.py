"""Documents -> functions of Python: one value, a set, an object that grows, a package, a function."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from mistrust.languages.rego.emit import Block
from mistrust.languages.rego.rules import Branch, Definition, Document, Path
from mistrust.languages.rego.syntax import Const, Term

if TYPE_CHECKING:
    from mistrust.languages.rego.link import Linker


LONG: Final = 25
"""Lines of a function that is worth remembering what it answered."""


def definition(linker: Linker, place: Document) -> list[str]:
    """The text of the functions that answer for a document."""
    return _function(linker, place) if place.function else _value(linker, place)


def _function(linker: Linker, place: Document) -> list[str]:
    """A long function remembers what it answered: several rules ask the same of the same container."""
    args = [f"p{i}" for i in range(place.arity)]
    given = "".join(f", {a}" for a in args)
    slot, lines = place.slot, _alternatives(linker, place, args, "FUNCTION")
    if len(lines) < LONG:
        return [f"def f{slot}(c{given}):", *lines]
    asked = f"({slot}, {', '.join(f'id({a})' for a in args)})"
    return [
        f"def f{slot}(c{given}):",
        f"    v = c.calls.get({asked})",
        "    if v is not None: return v[0]",
        f"    v = d{slot}(c{given})",
        f"    if len(c.calls) < MOST: c.calls[{asked}] = (v{given},)",
        "    return v",
        f"def d{slot}(c{given}):",
        *lines,
    ]


def _value(linker: Linker, place: Document) -> list[str]:
    slot = place.slot
    head = [
        f"def r{slot}(c):",
        f"    v = c.m[{slot}]",
        "    if v is not NEW: return v",
        f"    v = d{slot}(c)",
        f"    if c.patches: v = c.patched({slot}, v)",
        f"    c.m[{slot}] = v",
        "    return v",
        f"def d{slot}(c):",
    ]
    if not place.rules:
        return head + _package(linker, place)
    if place.growing:
        return head + _growing(linker, place)
    if place.members:
        return head + _members(linker, place)
    return head + _alternatives(linker, place, [], "COMPLETE")


def _package(linker: Linker, place: Document) -> list[str]:
    steps = "".join(f"[{name!r}]" for name in place.path)
    children = [c for c in place.children.values() if not (c.function and not c.children)]
    parts = ", ".join(f"{c.path[-1]!r}: {linker.document(c)}(c)" for c in children)
    return [
        f"    try: base = c.data{steps}",
        "    except LOOKUP: base = U",
        f"    return merged({{{parts}}}, base)",
    ]


def _alternatives(linker: Linker, place: Document, args: list[str], what: str) -> list[str]:
    """Several definitions of one value."""
    rules = [r for r in place.rules if not r.default]
    default = next((r for r in place.rules if r.default), None)
    constants = {repr(b.value) for r in rules for b in r.branches if isinstance(b.value, Const)}
    alike = len(constants) == 1 and all(isinstance(b.value, Const) for r in rules for b in r.branches)
    block = Block(linker, {})
    block.assign("v", "U")
    for rule in rules:
        early = alike or (len(rules) == 1 and all(isinstance(b.value, Const) for b in rule.branches))
        _chain(block, rule, args, what, early=early)
    if default is not None:
        block.line("if v is U:")
        block.indent += 1
        block.body(default.branches[0].ops, lambda: block.assign("v", block.value(default.branches[0].value)))
        block.indent -= 1
    block.line("return v")
    return block.lines


def _chain(block: Block, rule: Definition, args: list[str], what: str, *, early: bool) -> None:
    own = "v" if early or len(rule.branches) == 1 else block.fresh("w")
    if own != "v":
        block.assign(own, "U")
    indent = block.indent
    for i, branch in enumerate(rule.branches):
        if i:
            block.line(f"if {own} is U:")
            block.indent += 1
        _branch(block, branch, rule, args, own, what, early=early)
        block.indent = indent
    if own != "v":
        block.line(f"if {own} is not U: v = same(v, {own}, {what})")


def _branch(
    block: Block, branch: Branch, rule: Definition, args: list[str], own: str, what: str, *, early: bool
) -> None:
    def accept() -> None:
        value = block.value(branch.value)
        if early and len(block.frames) == 1:
            block.line(f"return {value}")
        else:
            block.assign(own, f"same({own}, {value}, {what})")

    before = dict(block.names)
    block.names = dict(zip(rule.args or (), args, strict=True))
    block.body(branch.ops, accept)
    block.names = before


def _members(linker: Linker, place: Document) -> list[str]:
    block = Block(linker, {})
    block.assign("v", "{}")
    for rule in place.rules:
        for branch in rule.branches:
            if branch.member is not None:
                block.body(branch.ops, partial(_add, block, branch.member))
    block.line("return Set.of(v)")
    return block.lines


def _add(block: Block, member: Term) -> None:
    value = block.value(member)
    block.line(f"v[key({value})] = {value}")


def _growing(linker: Linker, place: Document) -> list[str]:
    block = Block(linker, {})
    block.assign("v", "Growing()")
    for inner in place.every():
        below = inner.path[len(place.path) :]
        if inner.members:
            for rule in inner.rules:
                for branch in rule.branches:
                    _grow(block, branch, below)
        elif inner.rules and not inner.growing and not inner.function:
            found = block.fresh()
            block.assign(found, f"{linker.document(inner)}(c)")
            block.line(f"if {found} is not U: put(v, {below!r}, {found})")
        for rule in inner.rules if inner.growing else ():
            for branch in rule.branches:
                _grow(block, branch, below)
    steps = "".join(f"[{name!r}]" for name in place.path)
    block.line(f"try: base = c.data{steps}")
    block.line("except LOOKUP: base = U")
    block.line("return merged(grown(v), base)")
    return block.lines


def _grow(block: Block, branch: Branch, below: Path) -> None:
    def accept() -> None:
        parts = "".join(f"{p}, " for p in (*map(repr, below), *(block.value(p) for p in branch.path)))
        if branch.member is None:
            block.line(f"put(v, ({parts}), {block.value(branch.value)})")
        else:
            block.line(f"put_member(v, ({parts}), {block.value(branch.member)})")

    block.body(branch.ops, accept)
