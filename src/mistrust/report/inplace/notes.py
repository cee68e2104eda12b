"""What a rule rests on, as comments above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mistrust.access.change import Note
from mistrust.access.evidence import FieldPath, split_path
from mistrust.report.clean import clean
from mistrust.report.inplace.lines import alone, lead, line_end, line_start
from mistrust.report.inplace.splices import Splices
from mistrust.report.inplace.style import column
from mistrust.report.inplace.tree import Entry, Node, tree

USED: Final = "used: "
MARKS: Final = (f"# {USED}", "# rests on: ")


def annotated(text: str, place: FieldPath, notes: Sequence[Note]) -> str:
    """The text of a document with a comment for each note, in the place of those that stood there before.

    `place` is the path of the object in the document. A note about something between brackets stands above the line
    that it is in; JSON has no comments.

    >>> print(annotated("rules:\\n- verbs: [get]\\n", (), [Note("used: web get pods", "rules[0]")]), end="")
    rules:
    # used: web get pods
    - verbs: [get]
    """
    if not notes:
        return text
    root = tree(text)
    said: dict[int, tuple[Entry, list[str]]] = {}
    for note in notes:
        entry = _entry(text, root, (*place, *split_path(note.path)))
        if entry is not None:
            said.setdefault(entry.start, (entry, []))[1].append(comment(note))
    splices = Splices()
    for entry, words in said.values():
        at, start = line_start(text, entry.start), lead(text, entry)
        while start < at:
            end = line_end(text, start)
            if text[start:end].lstrip(" ").startswith(MARKS):
                splices.add(start, end, "")
            start = end
        indent = " " * column(text, entry.start)
        splices.add(at, at, "".join(f"{indent}{word}\n" for word in dict.fromkeys(words)))
    return splices.applied(text)


def comment(note: Note) -> str:
    """A note as a line that is known again.

    >>> comment(Note("used: web get pods")), comment(Note("and 3 more"))
    ('# used: web get pods', '# rests on: and 3 more')
    """
    return clean(f"# {note.because}" if note.because.startswith(USED) else f"{MARKS[1]}{note.because}")


def _entry(text: str, root: Node, path: FieldPath) -> Entry | None:
    """The last field or item on the way that begins a line; what a whole document begins with."""
    if not path:
        return None if root.flow or not root.entries or not alone(text, root.start) else root.entries[0]
    node, found = root, None
    for part in path:
        entry = next((e for n, e in enumerate(node.entries) if part == (e.name or n)), None)
        if node.flow or entry is None:
            break
        if alone(text, entry.start):
            found = entry
        node = entry.value
    return found
