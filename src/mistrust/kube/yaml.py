"""YAML files as kubectl reads them: cut into documents before any parsing, each decoded on its own.

Upstream: apimachinery util/yaml/decoder.go (YAMLReader: lines starting with ---), cli-runtime resource/visitor.go
(byte order marks, U+FFFD for bytes that are not UTF-8, empty documents skipped).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from mistrust.kube.blocks import block
from mistrust.kube.build import REPEATS, Plain, read
from mistrust.kube.events import UnreadableError
from mistrust.kube.problem import Problem
from mistrust.kube.shapes import DoubtError, Shapes

DOCUMENTS = 100_000
"""Most documents of one file that are read."""

_UTF8_MARK, _UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
_SEPARATOR = re.compile(r"\n---(.*)(?=\n)")
_TEMPLATE = re.compile(r"^(?![ \t]*#).*?\{[{%]", re.MULTILINE)


class Document(msgspec.Struct, frozen=True):
    """One YAML document."""

    index: int
    """Position among the documents of the file, empty ones counted; from 0."""
    line: int
    """First line of its content, from 1."""
    value: Plain


class Chunk(msgspec.Struct, frozen=True):
    """The text of one document before parsing."""

    index: int
    line: int
    """Line of its first character, from 1."""
    text: str
    opening: str = ""
    """What follows the dashes on the separator line above it, where kubectl refuses that."""


def documents(data: bytes, file: str = "", known: Shapes | None = None) -> tuple[list[Document], list[Problem]]:
    """Every document of a YAML file, exactly as kubectl decodes it.

    What kubectl refuses becomes a Problem at its line, and so does what it would drop in silence; the other documents
    of the file survive. Documents without content are left out. Nothing is raised, whatever the bytes. Many files are
    read faster when they share `known`, the lines that were understood before (it holds text of the files).

    >>> documents(b"a: 0644\\n---\\nb: [\\n---\\nc: yes\\n", "x.yaml")[0]
    [Document(index=0, line=1, value={'a': 420}), Document(index=2, line=5, value={'c': True})]
    """
    found: list[Document] = []
    problems = list(_encoding_problems(data, file))
    shapes = Shapes() if known is None else known
    memory = shapes.memory
    memory.repeats = REPEATS
    for chunk in chunks(decoded(data)):
        if chunk.index == DOCUMENTS:
            problems.append(Problem(f"more than {DOCUMENTS:,} documents; the rest was not read", file, chunk.line))
            break
        if chunk.opening:
            problems.append(_opening_problem(chunk, file))
            continue
        try:
            value, above = block(chunk.text, shapes)
        except DoubtError:
            try:
                value, start, dropped, _ = read(chunk.text, memory)
            except UnreadableError as error:
                problems.append(_problem(error, chunk, file))
                continue
            if dropped is not None:
                problems.append(_dropped_problem(dropped, chunk, file))
            above = chunk.text.count("\n", 0, start)
        if value is not None:
            found.append(Document(chunk.index, chunk.line + above, value))
    return found, problems


def decoded(data: bytes) -> str:
    """The text of a file: byte order marks obeyed, what is not UTF-8 read as U+FFFD, lines ended by a line feed."""
    if data[:2] in _UTF16_MARKS:
        text = data.decode("utf-16", "replace")
    elif data[:3] == _UTF8_MARK:
        # kubectl replaces nothing after this mark, and then refuses the document: so does the parser with a NUL
        text = data[3:].decode(errors="surrogateescape").translate(dict.fromkeys(range(0xDC80, 0xDD00), "\0"))
    else:
        text = data.decode(errors="replace")
    text = text.replace("\r\n", "\n") if "\r" in text else text
    return text if text.endswith("\n") or not text else text + "\n"


def chunks(text: str) -> Iterator[Chunk]:
    """The documents of a text, cut at its lines that start with three dashes wherever they stand."""
    text = "\n" + text  # every line now has a break before it, which is quick to search
    index, line, start, opening = 0, 1, 1, ""
    for separator in _SEPARATOR.finditer(text):
        after = separator[1].strip()
        refused = after[:1] not in ("", "#")
        above = separator.start() + 1
        if above == start and not refused and not opening:
            continue  # with nothing before it, the separator is the first line of its document
        if above > start:
            yield Chunk(index, line, text[start:above], opening)
            index += 1
        opening, end = (after, above) if refused else ("", separator.end() + 1)
        line += text.count("\n", start, end)
        start = end
    if start < len(text):
        yield Chunk(index, line, text[start:], opening)


def _line(chunk: Chunk, index: int) -> int:
    """The line of a character; what is missing at the end is missing on the last line with text."""
    return chunk.line + chunk.text.count("\n", 0, min(index, len(chunk.text.rstrip())))


def _problem(error: UnreadableError, chunk: Chunk, file: str) -> Problem:
    if template := _TEMPLATE.search(chunk.text):
        do = "render it first: helm template, kustomize build, or the tool that fills it in"
        return Problem("a template, not YAML", file, _line(chunk, template.end()), error.got, do=do)
    return Problem("not YAML that kubectl reads", file, _line(chunk, error.index), error.got, do="fix this document")


def _opening_problem(chunk: Chunk, file: str) -> Problem:
    got, wanted = "content on the line of a separator", "nothing or a comment after ---"
    return Problem("not YAML that kubectl reads", file, chunk.line, got, wanted, "break the line")


def _dropped_problem(dropped: UnreadableError, chunk: Chunk, file: str) -> Problem:
    what, line = "text after the end of the document, which kubectl drops", _line(chunk, dropped.index)
    return Problem(what, file, line, dropped.got, do="put --- on a line before it, or delete it")


def _encoding_problems(data: bytes, file: str) -> Iterator[Problem]:
    if data[:2] in _UTF16_MARKS:
        return
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        yield Problem("not UTF-8; read as U+FFFD, as kubectl does", file, line, blinds=False)
