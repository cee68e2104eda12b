"""Rules of all modules together: a tree of documents, each with the definitions that make it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from mistrust.kube.errors import InputError
from mistrust.languages.rego.lower import Scope
from mistrust.languages.rego.metadata import chain
from mistrust.languages.rego.ops import Equals, Op, Ops
from mistrust.languages.rego.syntax import At, Const, Module, Rule, Term, Var

Path = tuple[str, ...]


class Branch(msgspec.Struct, frozen=True):
    """A value and when it holds; `path` and `member` are worked out after the body."""

    ops: Ops
    value: Term
    path: tuple[Term, ...]
    member: Term | None


class Definition(msgspec.Struct, frozen=True):
    """One rule, names resolved."""

    args: tuple[str, ...] | None
    branches: tuple[Branch, ...]
    """The first, then its `else`s."""
    default: bool
    at: At


class Document(msgspec.Struct):
    """A place in the tree."""

    path: Path
    """Without `data`."""
    slot: int
    rules: list[Definition] = []
    children: dict[str, Document] = {}
    package: bool = False

    @property
    def function(self) -> bool:
        """Is it called, rather than looked at?"""
        return any(r.args is not None for r in self.rules)

    @property
    def arity(self) -> int:
        """How many arguments it takes."""
        return next((len(r.args) for r in self.rules if r.args is not None), 0)

    @property
    def growing(self) -> bool:
        """Do its rules make it together, key by key?"""
        return any(b.path for r in self.rules for b in r.branches)

    @property
    def members(self) -> bool:
        """Is it a set?"""
        return any(b.member is not None and not b.path for r in self.rules for b in r.branches)

    def at(self, path: Sequence[Term]) -> Iterator[Document]:
        """What may be at a path: only its strings are known."""
        if self.rules or not path:
            yield from self.every()
            return
        first = path[0]
        for name, child in self.children.items():
            if not isinstance(first, Const) or first.value == name:
                yield from child.at(path[1:])

    def every(self) -> Iterator[Document]:
        """It and everything below it."""
        yield self
        for child in self.children.values():
            yield from child.every()


def tree(modules: Sequence[Module], builtins: Mapping[Path, int]) -> Document:
    """The documents of modules. Parameters: `builtins`, what can be called besides, and with how many arguments.

    Raises `InputError` for rules that contradict one another: a function that is also a value, other numbers of
    arguments, several defaults.
    """
    root = Document((), 0, [], {}, package=True)
    count = 1
    heads: list[tuple[Module, Rule, Path]] = []
    for module in modules:
        place = root
        for i, name in enumerate(module.package):
            if name not in place.children:
                place.children[name] = Document(module.package[: i + 1], count, [], {}, package=True)
                count += 1
            place = place.children[name]
        for rule in module.rules:
            heads.append((module, rule, (*module.package, *ground(rule.ref))))
    functions = {("data", *path): len(rule.args) for _, rule, path in heads if rule.args is not None}
    names = {m.package: _names(m.package, modules) for m in modules}
    for module, rule, path in heads:
        place = root
        for i, name in enumerate(path):
            if name not in place.children:
                place.children[name] = Document(path[: i + 1], count, [], {})
                count += 1
            place = place.children[name]
        known = {**names[module.package], **{i.alias: i.path for i in module.imports}}
        known.pop("input", None)
        place.rules.append(
            _definition(
                rule,
                Scope(known, functions, builtins).giving(partial(chain, rule, module, modules, path)),
                path,
                len(module.package),
            )
        )
    for document in root.every():
        _check(document)
    return root


def ground(ref: Sequence[Term]) -> Path:
    """The first parts of a head, as far as they are strings."""
    found: list[str] = []
    for part in ref:
        if not isinstance(part, Const) or not isinstance(part.value, str):
            break
        found.append(part.value)
    return tuple(found)


def _names(package: Path, modules: Iterable[Module]) -> Mapping[str, Path]:
    """What the rules of a package are called, wherever they stand."""
    heads = (rule.ref[0] for m in modules if m.package == package for rule in m.rules)
    return {str(h.value): ("data", *package, str(h.value)) for h in heads if isinstance(h, Const)}


def scope(modules: Sequence[Module], package: Path, builtins: Mapping[Path, int]) -> Scope:
    """What names mean to a query about a package."""
    functions = {
        ("data", *m.package, *ground(r.ref)): len(r.args) for m in modules for r in m.rules if r.args is not None
    }
    return Scope(_names(package, modules), functions, builtins)


def _definition(rule: Rule, scope: Scope, path: Path, package: int) -> Definition:
    tail = rule.ref[len(path) - package :]
    first: list[Op] = []
    args: list[str] | None = None
    if rule.args is not None:
        args = []
        for arg in rule.args:
            scope.declare_all(arg)
        for arg in rule.args:
            own = scope.var(arg) if isinstance(arg, Var) else None
            if isinstance(own, Var) and own.name not in args:
                args.append(own.name)
            else:
                args.append(scope.fresh().name)
                first.append(Equals(Var(args[-1]), scope.simple(arg, first), at=rule.at))
    branches: list[Branch] = []
    for branch in rule.branches:
        inner = scope.inner()
        ops = [*first, *inner.body(branch.body)]
        parts = tuple(inner.simple(p, ops) for p in tail)
        member = inner.simple(rule.member, ops) if rule.member is not None else None
        value = inner.simple(branch.value, ops)
        branches.append(Branch(tuple(ops), value, parts, member))
    return Definition(
        tuple(args) if args is not None else None,
        tuple(branches),
        rule.default,
        rule.at,
    )


def _check(document: Document) -> None:
    where = str(document.rules[0].at) if document.rules else ""
    got = ".".join(("data", *document.path))
    if len({r.args is not None for r in document.rules}) > 1:
        raise InputError("a function that is also a value", where=where, got=got)
    if len({len(r.args) for r in document.rules if r.args is not None}) > 1:
        raise InputError("a function with other numbers of arguments", where=where, got=got)
    if sum(r.default for r in document.rules) > 1:
        raise InputError("several defaults", where=where, got=got)
    sets = {any(b.member is not None and not b.path for b in r.branches) for r in document.rules if not r.default}
    if len(sets) > 1 and not document.growing:
        raise InputError("a set that is also a value", where=where, got=got)
    if sets == {False} and not document.growing and not document.function:
        below = next((d for d in document.every() if d is not document and (d.rules or d.package)), None)
        if below is not None:
            raise InputError("a value that other rules are in", where=where, got=f"{got} and {'.'.join(below.path)}")
