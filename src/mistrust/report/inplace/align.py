"""Which items of a list became which: the same ones, those that were changed, those that went and those that came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise

import msgspec

from mistrust.kube.build import Plain

ALIKE = 0.5
"""How much of the smaller of two items must be in the other for one to have become the other."""
CELLS = 100_000
"""Most pairs of items that are compared with each other; above, only equal items are the same."""

Pair = tuple[int | None, int | None]
"""The number of an item before and after; None before where it came, None after where it went."""


def aligned(before: Sequence[Plain], after: Sequence[Plain]) -> Iterator[Pair]:
    """Pairs in the order of both lists; each item is in one pair.

    >>> list(aligned(["get", "list", "watch"], ["get", "watch", "patch"]))
    [(0, 0), (1, None), (2, 1), (None, 2)]
    """
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    yield from ((i, i) for i in range(head))
    olds, news = before[head : len(before) - tail], after[head : len(after) - tail]
    matched = _alike(olds, news) if len(olds) * len(news) <= CELLS else _equal(olds, news)
    for (i, j), (k, m) in pairwise([(-1, -1), *matched, (len(olds), len(news))]):
        yield from ((head + at, None) for at in range(i + 1, k))
        yield from ((None, head + at) for at in range(j + 1, m))
        if k < len(olds):
            yield head + k, head + m
    yield from ((len(before) - tail + i, len(after) - tail + i) for i in range(tail))


def _equal(olds: Sequence[Plain], news: Sequence[Plain]) -> list[tuple[int, int]]:
    before, after = ([msgspec.json.encode(v, order="deterministic") for v in items] for items in (olds, news))
    blocks = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    return [(b.a + n, b.b + n) for b in blocks for n in range(b.size)]


def _alike(olds: Sequence[Plain], news: Sequence[Plain]) -> list[tuple[int, int]]:
    """The pairs, in order, that have most in common: as many equal items as can be, then those alike."""
    left, right = [(o, _leaves(o)) for o in olds], [(n, _leaves(n)) for n in news]
    equal = float(len(olds) + len(news))  # more than all that is merely alike
    weight = [[equal if o == n else _likeness(o, a, n, b) for n, b in right] for o, a in left]
    best = [[0.0] * (len(news) + 1) for _ in range(len(olds) + 1)]
    for i in reversed(range(len(olds))):
        for j in reversed(range(len(news))):
            both = weight[i][j] + best[i + 1][j + 1] if weight[i][j] else 0.0
            best[i][j] = max(both, best[i + 1][j], best[i][j + 1])
    found, i, j = list[tuple[int, int]](), 0, 0
    while i < len(olds) and j < len(news):
        if weight[i][j] and best[i][j] == weight[i][j] + best[i + 1][j + 1]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return found


def _likeness(old: Plain, a: Counter[Hashable], new: Plain, b: Counter[Hashable]) -> float:
    if type(old) is not type(new) or not isinstance(old, dict | list):
        return 0.0
    common = (a & b).total() / max(1, min(a.total(), b.total()))
    return common if common > ALIKE else 0.0


def _leaves(value: Plain, path: tuple[str, ...] = ()) -> Counter[Hashable]:
    """The scalars of a value, each with the names of the fields that it is in."""
    if isinstance(value, dict):
        return sum((_leaves(v, (*path, k)) for k, v in value.items()), Counter[Hashable]())
    if isinstance(value, list):
        return sum((_leaves(v, path) for v in value), Counter[Hashable]())
    return Counter([(path, str(value))])
