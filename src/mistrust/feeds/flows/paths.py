"""Few enough paths: to be held while logs are read, whatever clients ask for, and to be written down as a policy.

While logs are read, what is asked for at one port with one method is a tree of segments. At the first depth at which
more than `WIDEST` beginnings were seen, all that goes on is a rest. That depth is the same whatever the order of the
lines, and however files are split: beginnings only become more.

A record has fewer, at most `FEW`: segments that vary much stand as `{*}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from mistrust.feeds.flows.request import DEEPEST, ONE, REST, fits, shortened
from mistrust.feeds.flows.sight import ENDS, Full, Key, is_full

WIDEST: Final = 5_000
FEW: Final = 500
CUT: Final = "{***}"
"""A rest because of too many beginnings: in what is counted and kept, where it tells that there were too many."""
ENDINGS: Final = ("", REST, CUT)
_Port = tuple[str | int, ...]


class Paths:
    """The beginnings of all paths, by destination, port and method."""

    def __init__(self) -> None:
        self._trees: dict[_Port, _Tree] = {}

    def kept(self, key: Full) -> Full:
        """The key, with the path as far as it is kept."""
        path = key[-1]
        if not path:
            return key
        where = (*key[7:ENDS], key[ENDS + 2])
        tree = self._trees.get(where)
        if tree is None:
            tree = self._trees[where] = _Tree()
        kept = tree.kept(path)
        return key if kept is path else (*key[:-1], kept)


class _Tree:
    """Paths to one port."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: list[set[str]] = [set() for _ in range(DEEPEST)]
        """Beginnings by their depth, as deep as there are few enough."""

    def kept(self, path: str) -> str:
        end = 0
        for depth, seen in enumerate(self._seen):
            begin, end = end, path.find("/", end + 1)
            first = path if end < 0 else path[:end]
            if first not in seen:
                if len(seen) == WIDEST or path.endswith(CUT, begin, None if end < 0 else end):
                    del self._seen[depth:]
                    return f"{path[:begin]}/{CUT}"
                seen.add(first)
            if end < 0:
                return path
        return f"{path[:end]}/{CUT}"


def cut(keys: Iterable[Key]) -> Mapping[Full, Full]:
    """What each full key is when all are known."""
    paths, full = Paths(), [key for key in keys if is_full(key)]
    for key in full:
        paths.kept(key)
    return {key: paths.kept(key) for key in full}


def few(paths: Sequence[str]) -> Mapping[str, str]:
    """What each of the paths to one port is when they are to be few.

    Where a segment has many values after the same beginning, it is left out; the more values, the sooner.

    >>> few(["/a/b", "/c"]) == {"/a/b": "/a/b", "/c": "/c"}
    True
    """
    split = {path: path.split("/")[1:] for path in paths}
    values = WIDEST
    out = dict(zip(split, split, strict=True))
    while len(set(out.values())) > FEW:
        values //= 2
        out = {}
        _fold(list(split.items()), "", 0, values, out)
        out = {path: shortened(folded) if ONE in folded else folded for path, folded in out.items()}
    return out


def _fold(rows: Sequence[tuple[str, list[str]]], begin: str, depth: int, values: int, out: dict[str, str]) -> None:
    """Rows have the same beginning, which is so deep; a segment after it has at most so many values, or none."""
    after: dict[str, list[tuple[str, list[str]]]] = {}
    for path, segments in rows:
        if depth == len(segments):
            out[path] = begin
        elif depth + 1 == len(segments) and segments[depth] in ENDINGS:
            out[path] = f"{begin}/{segments[depth]}"
        else:
            after.setdefault(segments[depth], []).append((path, segments))
    if len(after) > values:
        odd = [row for segment, rows in after.items() if not fits(segment) for row in rows]
        out.update((path, f"{begin}/{REST}") for path, _ in odd)
        after = {ONE: [row for segment, rows in after.items() if fits(segment) for row in rows]}
    for segment, rows in after.items():
        _fold(rows, f"{begin}/{segment}", depth + 1, values, out)
