"""The bytes of a file as documents that can be replaced one by one, and back to bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher

from mistrust.kube.read import BOM, json_spans
from mistrust.kube.yaml import chunks
from mistrust.report.inplace.refusal import RefusedError

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_CONTENT = re.compile(r"^(?!---(?:[ \t]|$)|\.\.\.)[ \t]*[^# \t\n]", re.MULTILINE)
_PARAGRAPH = re.compile(r"(?:[ \t]*#[^\n]*\n)+(?:[ \t]*\n)+")


class Text:
    """A file cut into documents. What is not replaced is given back byte for byte.

    Raises RefusedError for an encoding that is not kept.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._mark = BOM if data.startswith(BOM) else b""
        try:
            text = data[len(self._mark) :].decode()
        except UnicodeDecodeError:
            raise RefusedError("the file is not UTF-8") from None
        self._breaks = text.count("\n"), text.count("\r\n")
        if text.count("\r") != self._breaks[1]:
            raise RefusedError("a line of the file ends in a way that Kubernetes does not read as such")
        text = text.replace("\r\n", "\n")
        self._whole = text.endswith("\n") or not text
        spans = json_spans(data)
        self.json = bool(spans)
        self.parts: list[str] = []
        self.places: dict[int, int] = {}
        """By the number of a document its place in `parts`; between documents stand separators."""
        at = 0
        for number, start, end in _json(data, spans) if spans else _yaml(text if self._whole else text + "\n"):
            self.parts += [text[at:start]] if start > at else []
            self.places[number] = len(self.parts)
            self.parts.append(text[start:end] if end <= len(text) else text[start:] + "\n")
            at = end
        self.parts += [text[at:]] if at < len(text) else []

    def document(self, number: int) -> str:
        """The text of a document."""
        if number not in self.places:
            raise RefusedError("the file has changed since it was read")
        return self.parts[self.places[number]]

    def documents(self) -> Iterator[str]:
        """The texts of all documents, in order."""
        return (self.parts[place] for place in self.places.values())

    def put(self, number: int, text: str) -> None:
        """Replace a document."""
        self.parts[self.places[number]] = text

    def remove(self, number: int) -> None:
        """Take a document out, with its separator and its comments; what heads the file stays."""
        place = self.places[number]
        marked = self.parts[place].startswith("---")
        heading = _PARAGRAPH.match(self.parts[place]) if not any(self.parts[:place]) else None
        self.parts[place] = heading[0] if heading else ""
        before = next((p for p in reversed(range(place)) if self.parts[p]), -1)
        if self.json:
            return
        if before >= 0 and before not in self.places.values():
            self.parts[before] = ""
        elif place + 1 < len(self.parts) and before < 0 and not heading and not marked:
            self.parts[place + 1] = ""

    @property
    def empty(self) -> bool:
        """Is there nothing left but comments?"""
        return not any(_CONTENT.search(part) for part in self.parts)

    def bytes(self) -> bytes:
        """The file."""
        text = "".join(self.parts)
        if not self._whole and self.parts[-1]:
            text = text.removesuffix("\n")
        breaks, returns = self._breaks
        if returns and returns == breaks:
            text = text.replace("\n", "\r\n")
        elif returns:
            text = "".join(self._mixed(text))
        return self._mark + text.encode()

    def _mixed(self, text: str) -> Iterator[str]:
        """Lines of a file that ends them in both ways: old ones as they were, new ones as most."""
        old, new = (_LINE.findall(t) for t in (self._data[len(self._mark) :].decode(), text))
        plain = [line.replace("\r\n", "\n") for line in old]
        most = "\r\n" if 2 * self._breaks[1] > self._breaks[0] else "\n"
        for kind, i, j, k, m in SequenceMatcher(None, plain, new, autojunk=False).get_opcodes():
            yield from old[i:j] if kind == "equal" else (line.replace("\n", most) for line in new[k:m])


def _yaml(text: str) -> Iterator[tuple[int, int, int]]:
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    for chunk in chunks(text):
        start = starts[chunk.line - 1]
        yield chunk.index, start, start + len(chunk.text)


def _json(data: bytes, spans: Iterable[tuple[int, int] | Exception]) -> Iterator[tuple[int, int, int]]:
    """Values with the space around them."""
    at = 0
    for number, span in enumerate(spans):
        if not isinstance(span, tuple):
            raise RefusedError("the file is not JSON to its end")
        size = len(data[slice(*span)].decode().replace("\r\n", "\n"))
        yield number, at, at + size
        at += size
