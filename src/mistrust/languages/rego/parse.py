"""The text of a module or of a query -> its tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TypeVar

from mistrust.kube.errors import InputError
from mistrust.languages.rego.syntax import (
    Annotation,
    Body,
    Branch,
    Const,
    Import,
    Module,
    Rule,
    Term,
)
from mistrust.languages.rego.terms import ALWAYS, FUTURE, Terms
from mistrust.languages.rego.tokens import Comment, tokens

TRUE = Const(True)
METADATA = "METADATA"
T = TypeVar("T")


def parse(text: str, file: str = "policy.rego", *, version: int = 1) -> Module:
    """A module. Parameters: `version` 0 knows `if`, `contains`, `in` and `every` only where they are imported.

    Raises `InputError` for what is no Rego, with its line and column.

    >>> [r.ref[0] for r in parse("package a\\nallow if input.user == \\"ann\\"").rules]
    [Const(value='allow')]
    """
    comments: list[Comment] = []

    def module(terms: Terms) -> Module:
        return _Modules(terms, version).module(tuple(_noted(comments)))

    return _parsed(text, file, version, comments, module)


def parse_query(text: str, *, version: int = 1) -> Body:
    """A body by itself: `data.a.b = x; x > 1`."""
    return _parsed(text, "query", version, [], lambda terms: terms.body("end"))


def _parsed(text: str, file: str, version: int, comments: list[Comment], parse: Callable[[Terms], T]) -> T:
    try:
        terms = Terms(list(tokens(text, file, comments)), file, ALWAYS | (FUTURE if version else frozenset()))
        try:
            return parse(terms)
        except InputError as error:
            raise terms.told(error) from None
    except RecursionError:
        raise InputError("too deeply nested", where=file) from None


class _Modules:
    """Parses rules, one after the other."""

    def __init__(self, terms: Terms, version: int) -> None:
        self._in, self._version = terms, version

    def module(self, annotations: tuple[Annotation, ...]) -> Module:
        """The whole of it."""
        read, at = self._in, self._in.here()
        if not read.take_word("package"):
            raise read.wrong("package")
        package = self._path()
        imports: list[Import] = []
        while read.word("import"):
            found = self._import()
            if found.path[0] in ("rego", "future"):
                self._keywords(found)
            else:
                imports.append(found)
        rules: list[Rule] = []
        while read.now.kind != "end":
            begin = read.now.line
            note = max((i for i, a in enumerate(annotations) if a.end <= begin), default=-1)
            rules += self._rule(note)
        return Module(package, tuple(imports), tuple(rules), annotations, at)

    def _path(self) -> tuple[str, ...]:
        """`a.b["c d"]`."""
        read = self._in
        names = [read.need("name").text]
        while not read.now.fresh:
            if read.take("."):
                names.append(read.need("name").text)
            elif read.take("["):
                names.append(read.need("string").text)
                read.need("]")
            else:
                break
        return tuple(names)

    def _import(self) -> Import:
        read, at = self._in, self._in.here()
        read.take_word("import")
        path = self._path()
        alias = path[-1]
        if read.now.kind == "name" and read.now.text == "as" and not read.now.fresh:
            read.at += 1
            alias = read.need("name").text
        if path[0] not in ("data", "input", "rego", "future"):
            raise InputError("an import of nothing", where=str(at), got=".".join(path), wanted="data. or input.")
        return Import(path, alias, at)

    def _keywords(self, found: Import) -> None:
        """`import rego.v1` and `import future.keywords` turn keywords on."""
        if found.path == ("rego", "v1"):
            self._in.keywords |= FUTURE
            self._version = 1
        elif found.path[:2] == ("future", "keywords") and len(found.path) <= 3:
            wanted = found.path[2:] or tuple(FUTURE)
            if not FUTURE.issuperset(wanted):
                raise InputError(
                    "no such keyword", where=str(found.at), got=wanted[0], wanted=", ".join(sorted(FUTURE))
                )
            self._in.keywords |= {*wanted, *(("in",) if "every" in wanted else ())}
        else:
            raise InputError("an import of nothing", where=str(found.at), got=".".join(found.path))

    def _rule(self, note: int) -> Iterator[Rule]:
        read, at = self._in, self._in.here()
        default = read.take_word("default")
        ref, args = self._head()
        member = read.infix() if read.take_word("contains") else None
        value = self._value() if member is None else None
        if default:
            if value is None or member is not None:
                raise read.wrong(":= and the default")
            yield Rule(ref, args, None, (Branch(value, (), at),), default=True, at=at, annotations=note)
            return
        conditional = read.take_word("if")
        if len(ref) == 2 and value is None and member is None and args is None and not conditional:
            member, ref = ref[1], ref[:1]
            if self._version:
                raise InputError("a set without `contains`", where=str(at), do="write: NAME contains ELEMENT if {...}")
        bodies = list(self._bodies(conditional))
        if len(ref) == 1 and not bodies and value is None and member is None and args is None:
            raise InputError("a rule without a value and without a body", where=str(at), wanted="NAME if {...}")
        branches = [Branch(value or TRUE, bodies[0] if bodies else (), at), *self._elses()]
        yield Rule(ref, args, member, tuple(branches), at=at, annotations=note)
        for body in bodies[1:]:
            yield Rule(ref, args, member, (Branch(value or TRUE, body, at),), at=at, annotations=note)

    def _head(self) -> tuple[tuple[Term, ...], tuple[Term, ...] | None]:
        """`p`, `p.q[x].r`, `f(x, y)`, `p.f(x)`."""
        read = self._in
        ref: list[Term] = [Const(read.need("name").text)]
        while not read.now.fresh and (not read.now.spaced or read.now.kind == "."):
            if read.take("."):
                ref.append(Const(read.need("name").text))
            elif read.take("["):
                ref.append(read.infix())
                read.need("]")
            else:
                break
        args = read.listed("(", ")") if read.now.kind == "(" and not read.now.fresh else None
        return tuple(ref), args

    def _value(self) -> Term | None:
        read = self._in
        return read.infix() if read.take(":=") or read.take("=") else None

    def _bodies(self, conditional: bool) -> Iterator[Body]:
        read = self._in
        if conditional:
            braced = read.attempt(self._braced, "braces") if read.now.kind == "{" else None
            yield braced or (read.literal(),)
            return
        if self._version and read.now.kind == "{" and not conditional:
            raise read.wrong("if")
        while read.now.kind == "{":
            yield self._braced()

    def _braced(self) -> Body:
        self._in.need("{")
        return self._in.body("}")

    def _elses(self) -> Iterator[Branch]:
        read = self._in
        while read.word("else"):
            at = read.here()
            read.at += 1
            value = self._value()
            conditional = read.take_word("if")
            body = next(self._bodies(conditional), ())
            yield Branch(value or TRUE, body, at)


def _noted(comments: list[Comment]) -> Iterator[Annotation]:
    """Blocks of comments in the first column that begin with METADATA."""
    block: list[Comment] = []
    for comment, after in pairwise((*comments, None)):
        assert comment is not None
        if block and comment.line == block[-1].line + 1 and comment.column == 1:
            block.append(comment)
        elif comment.text.strip() == METADATA and comment.column == 1:
            block = [comment]
        if block and (after is None or after.line != block[-1].line + 1 or after.column != 1):
            text = "\n".join(c.text.removeprefix(" ") for c in block[1:])
            yield Annotation(text, block[0].line, block[-1].line + 1)
            block = []
