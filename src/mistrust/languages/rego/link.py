"""`Linker`: what can be called and looked at by which name of Python, and the text of all of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from mistrust.kube.errors import InputError
from mistrust.languages.rego.builtins.table import Builtin
from mistrust.languages.rego.define import definition
from mistrust.languages.rego.emit import Block
from mistrust.languages.rego.errors import BuiltinError
from mistrust.languages.rego.growing import Growing, grown, merged, put, put_key, put_member
from mistrust.languages.rego.ops import withs, withs_in
from mistrust.languages.rego.rules import Document, Path, tree
from mistrust.languages.rego.runtime import (
    COMPLETE,
    FUNCTION,
    LOOKUP,
    MOST,
    NEW,
    ONE,
    Below,
    charge,
    descend,
    get,
    items,
    iterable,
    joined,
    reached,
    same,
    sorted_items,
    stored,
    walk,
)
from mistrust.languages.rego.syntax import At, Const, Module, Term, Var, With
from mistrust.languages.rego.told import spoken
from mistrust.languages.rego.values import Set, U, Value, equal, fitting, key, made

_FUNCTIONS: Final = (
    *(charge, descend, get, items, iterable, joined, reached, same, sorted_items, stored, walk),
    *(Growing, grown, merged, put, put_key, put_member, spoken),
    *(Set, equal, fitting, key, made),
)
NAMES: Final[Mapping[str, object]] = {
    **{each.__name__: each for each in _FUNCTIONS},
    "COMPLETE": COMPLETE,
    "FUNCTION": FUNCTION,
    "LOOKUP": LOOKUP,
    "MOST": MOST,
    "NEW": NEW,
    "ONE": ONE,
    "U": U,
    "BuiltinError": BuiltinError,
    "isinstance": isinstance,
    "id": id,
    "len": len,
    "list": list,
    "dict": dict,
    "type": type,
    "bool": bool,
    "__builtins__": {},
}


@contextmanager
def bounded() -> Iterator[None]:
    """Raises `InputError` where Python itself says that something is too deep."""
    try:
        yield
    except (RecursionError, MemoryError, SyntaxError):
        do = "give parts of it names or rules of their own"
        raise InputError("too deeply nested", do=do) from None


class Linker:
    """Knows what can be called and looked at, and collects the text of everything that is."""

    def __init__(self, modules: Sequence[Module], builtins: Mapping[str, Builtin]) -> None:
        self.builtins = {tuple(name.split(".")): b for name, b in builtins.items()}
        self.arities = {name: b.arity for name, b in self.builtins.items()}
        self.root = tree(modules, self.arities)
        self.documents = {d.path: d for d in self.root.every()}
        self.slots: dict[tuple[Value, ...], int] = {d.path: d.slot for d in self.documents.values() if not d.function}
        self.text: list[str] = []
        self.scope: dict[str, object] = dict(NAMES)
        self._written: set[int] = set()
        self._replaced: set[Path] = set()
        for branch in (b for d in self.documents.values() for r in d.rules for b in r.branches):
            self.replace((*withs(branch.ops), *withs_in((branch.value, branch.member, *branch.path))))
        self._uses: dict[int, set[int]] = {}
        self._now = -1
        self._needed: list[Document] = []
        self._later: list[tuple[Below, str]] = []

    # Names

    def constant(self, value: bool | int | float | str | None) -> str:
        """A constant as Python writes it."""
        return repr(value)

    def _at(self, name: Path) -> Document | None:
        found = self.documents.get(name[1:]) if name[:1] == ("data",) else None
        return found if found is not None and found.function else None

    def callable(self, name: Path) -> bool:
        """Is this the name of a function?"""
        return self._at(name) is not None or name in self.builtins

    def replaced(self, name: Path) -> bool:
        """Does some `with` replace this function?"""
        return name in self._replaced

    def replace(self, several: Iterable[With]) -> None:
        """From now on these may replace functions."""
        for each in several:
            assert isinstance(each.target.head, Var)
            parts = (p.value for p in each.target.path if isinstance(p, Const))
            self._replaced.add((each.target.head.name, *map(str, parts)))

    def arity(self, name: Path, at: At) -> int:
        """How many arguments a function takes; -1 for any number. Raises `InputError` for no function."""
        document = self._at(name)
        if document is not None:
            return document.arity
        if name in self.builtins:
            return self.builtins[name].arity
        raise InputError("no such function", where=str(at), got=".".join(name))

    def function(self, name: Path) -> str:
        """A Python function of the context and the arguments."""
        document = self._at(name)
        if document is not None:
            self.use(document)
            return f"f{document.slot}"
        made = f"m_{'_'.join(name)}"
        self.scope[made] = self.builtins[name].called()
        return made

    def call(self, block: Block, name: Path, args: Sequence[str], out: str) -> None:
        """Write a call, whose answer may be undefined."""
        listed = "".join(f", {a}" for a in args)
        if self.replaced(name):
            block.assign(out, f"{block.c}.call({name!r}, {self.function(name)}{listed})")
        elif self._at(name) is not None:
            block.assign(out, f"{self.function(name)}({block.c}{listed})")
        else:
            builtin = self.builtins[name]
            made = f"b_{'_'.join(name)}"
            self.scope[made] = builtin.function
            given = f"{block.c}{listed}" if builtin.context else listed.removeprefix(", ")
            block.line("try:")
            block.indent += 1
            block.assign(out, f"{made}({given})")
            block.indent -= 1
            block.line("except BuiltinError as e:")
            block.line(f"    {block.c}.failed(e)")
            block.line("    continue")
            if not builtin.free:
                changing = [a for a in args if a.isidentifier()]
                block.line(f"charge({', '.join((block.c, out, *changing))})")

    def document(self, place: Document) -> str:
        """The Python function that gives a document."""
        self.use(place)
        return f"r{place.slot}"

    def below(self, place: Document, path: Sequence[Term]) -> str:
        """What is below a document, at a path of which not everything is known yet."""
        self._uses.setdefault(self._now, set()).update(d.slot for d in place.at(path) if d.rules and not d.function)
        name = f"h{place.slot}"
        if name not in self.scope:
            self.scope[name] = self._below(place)
        return name

    def _below(self, place: Document) -> Below:
        found = Below(place.path)
        for name, inner in place.children.items():
            if not inner.function:
                found.children[name] = self._below(inner)
                if inner.rules or not inner.children:
                    self._needed.append(inner)
                    self._later.append((found.children[name], f"r{inner.slot}"))
        return found

    def use(self, place: Document) -> None:
        """What is being written needs a document."""
        self._uses.setdefault(self._now, set()).add(place.slot)
        self._needed.append(place)

    # Text

    def link(self) -> None:
        """Write everything that was asked for, and make it Python."""
        while self._needed:
            place = self._needed.pop()
            if place.slot in self._written:
                continue
            self._written.add(place.slot)
            before, self._now = self._now, place.slot
            self.text += definition(self, place)
            self._now = before
        self._not_circular()
        source = "\n".join(self.text)
        self.text.clear()
        exec(compile(source, "<rego>", "exec"), self.scope)  # noqa: S102 - text that `emit` made
        for below, function in self._later:
            found = self.scope[function]
            assert callable(found)
            below.value = found
        self._later.clear()

    def _not_circular(self) -> None:
        done: set[int] = set()
        by_slot = {d.slot: d for d in self.documents.values()}

        def visit(slot: int, trail: tuple[int, ...]) -> None:
            if slot in trail:
                names = [".".join(("data", *by_slot[s].path)) for s in (*trail[trail.index(slot) :], slot)]
                at = next((str(r.at) for r in by_slot[slot].rules), "")
                raise InputError("a rule needs itself", where=at, got=" -> ".join(names))
            if slot not in done:
                for other in sorted(self._uses.get(slot, ())):
                    visit(other, (*trail, slot))
                done.add(slot)

        for slot in sorted(s for s in self._uses if s >= 0):
            visit(slot, ())
