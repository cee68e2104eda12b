"""From evidence to the line of the file that it stands in, looked up when it is printed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from mistrust.access.evidence import Evidence, FieldPath
from mistrust.kube.lines import Lines
from mistrust.kube.problem import Origin


class Locator:
    """Answers `(file, line)` for evidence; line 0 where lines mean nothing, the document's first where a text is gone.

    Parameters: `texts` for inputs that cannot be read again, by the name in their origins.
    """

    def __init__(self, texts: Mapping[str, bytes] | None = None) -> None:
        self._lines: dict[str, Lines | None] = {name: Lines(text) for name, text in (texts or {}).items()}
        self._known: dict[tuple[Origin, FieldPath], int] = {}

    def __call__(self, evidence: Evidence) -> tuple[str, int]:
        """Where the evidence stands."""
        origin = evidence.origin
        key = (origin, evidence.path)
        if key not in self._known:
            lines = self._of(origin.file) if origin.line else None
            found = lines.of(origin.document, evidence.path, origin.item) if lines else 0
            self._known[key] = found or origin.line
        return origin.file, self._known[key]

    def prepare(self, evidence: Iterable[Evidence]) -> None:
        """Look up many at once: each document is read once, however many of its fields are asked for."""
        asked: dict[str, dict[tuple[Origin, FieldPath], None]] = {}
        for e in evidence:
            if e.origin.line and (e.origin, e.path) not in self._known:
                asked.setdefault(e.origin.file, {})[e.origin, e.path] = None
        for file, keys in asked.items():
            lines = self._of(file)
            found = lines.many((o.document, path, o.item) for o, path in keys) if lines else [0] * len(keys)
            for (origin, path), line in zip(keys, found, strict=True):
                self._known[origin, path] = line or origin.line

    def _of(self, file: str) -> Lines | None:
        if file not in self._lines:
            try:
                self._lines[file] = Lines(Path(file).read_bytes()) if Path(file).is_file() else None
            except OSError:
                self._lines[file] = None
        return self._lines[file]


def show(where: tuple[str, int]) -> str:
    """`("a.yaml", 3)` -> `a.yaml:3`."""
    file, line = where
    return f"{file}:{line}" if line else file
