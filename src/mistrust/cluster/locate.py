"""From evidence to the line of the file that it stands in, looked up when it is printed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from mistrust.access.evidence import Evidence, FieldPath
from mistrust.kube.lines import line_of
from mistrust.kube.problem import Origin


class Locator:
    """Answers `(file, line)` for evidence; line 0 where lines mean nothing, the document's first where a text is gone.

    Parameters: `texts` for inputs that cannot be read again, by the name in their origins.
    """

    def __init__(self, texts: Mapping[str, bytes] | None = None) -> None:
        self._texts: dict[str, bytes | None] = dict(texts or {})
        self._known: dict[tuple[Origin, FieldPath], int] = {}

    def __call__(self, evidence: Evidence) -> tuple[str, int]:
        """Where the evidence stands."""
        origin = evidence.origin
        key = (origin, evidence.path)
        if key not in self._known:
            text = self._text(origin.file) if origin.line else None
            self._known[key] = (
                line_of(text, origin.document, evidence.path, origin.item) if text is not None else origin.line
            )
        return origin.file, self._known[key]

    def _text(self, file: str) -> bytes | None:
        if file not in self._texts:
            try:
                self._texts[file] = Path(file).read_bytes() if file else None
            except OSError:
                self._texts[file] = None
        return self._texts[file]


def show(where: tuple[str, int]) -> str:
    """`("a.yaml", 3)` -> `a.yaml:3`."""
    file, line = where
    return f"{file}:{line}" if line else file


def places(locate: Locator, evidence: Iterable[Evidence]) -> tuple[str, ...]:
    """`file:line` of each, in order, once."""
    return tuple(dict.fromkeys(show(locate(e)) for e in evidence))
