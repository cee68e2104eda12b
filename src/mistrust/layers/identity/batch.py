"""Very many requests at once, as columns: for recorded traffic, not for one question.

A *hold* is what one principal holds in one scope. Every request is compared with the few holds it may draw on; the
answer is `Lookup.allows` for each, and a law holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from mistrust.layers.identity.lookup import Lookup, Request
from mistrust.layers.identity.permissions import Ids

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CHUNK: Final = 1 << 16
"""Requests looked at together: what is in memory at once stays small."""
SLOTS: Final = 22
"""Bits of the hash that says at once where nothing is held: 4 MB."""
LARGE: Final = 32
"""Contents of a hold from which on it is judged once a permission instead of once a request."""


class Columns(msgspec.Struct, frozen=True):
    """Requests as numbers. A principal, namespace or permission that no grant knows is -1."""

    holders: Ints
    """The user and the groups of all requests, one request after the other."""
    starts: Ints
    """Where the holders of each request start; one more than there are requests."""
    namespaces: Ints
    permissions: Ints

    def __len__(self) -> int:
        return len(self.namespaces)


class Batch:
    """The columns of one `Lookup`."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        rbac = lookup.rbac
        self._principals: dict[tuple[str, str], int] = {(p.kind, p.name): i for i, p in enumerate(rbac.principals)}
        self._namespaces: dict[str, int] = {"": 0}
        self._permissions: dict[tuple[str, ...], int] = {}
        self._rows: list[NDArray[np.uint8]] = []
        self._width = (len(rbac.contents) + 7) // 8
        count = len(rbac.grants)
        who = np.fromiter((self._principals[g.principal.kind, g.principal.name] for g in rbac.grants), np.int64, count)
        where = np.fromiter((self._number(g.namespace) for g in rbac.grants), np.int64, count)
        content = np.fromiter((g.role.content for g in rbac.grants), np.int64, count)
        triples = np.unique(np.stack((who, where, content), axis=1), axis=0) if count else np.zeros((0, 3), np.int64)
        keys = self._key(triples[:, 0], triples[:, 1])
        self._keys, first = np.unique(keys, return_index=True)
        self._starts: Ints = np.append(first, len(triples)).astype(np.int64)
        self._contents: Ints = triples[:, 2]
        self._everywhere: Ints = np.full(len(self._principals), -1, np.int64)
        at_large = self._keys % len(self._namespaces) == 0
        self._everywhere[self._keys[at_large] // len(self._namespaces)] = np.flatnonzero(at_large)
        self._likely: Bools = np.zeros(1 << SLOTS, np.bool_)
        self._likely[self._slot(self._keys)] = True

    def columns(self, requests: Iterable[Request]) -> Columns:
        """Number the parts of requests."""
        holders: list[int] = []
        starts, namespaces, permissions = [0], [], []
        number, spaces = self._principals.get, self._namespaces.get
        for request in requests:
            holders.append(number(("User", request.user), -1))
            holders += (number(("Group", name), -1) for name in request.groups)
            starts.append(len(holders))
            namespaces.append(spaces(request.scope, -1) if request.scope else -1)
            permissions.append(self.permission(request))
        return Columns(*(np.array(column, np.int64) for column in (holders, starts, namespaces, permissions)))

    def permission(self, request: Request) -> int:
        """The number of what a request asks for, whoever asks; -1 for what no rule permits."""
        permissions = self._lookup.permissions
        if request.path is not None:
            url = (request.verb, request.path)
            return self._permission(url, lambda: permissions.to_url(*url))
        asked = (request.verb, request.group, request.combined, request.subresource)
        found = permissions.to_resource(*asked)
        key = (*asked, request.name) if request.name in found.named else asked
        return self._permission(key, lambda: found.to(request.name))

    def allows(self, columns: Columns) -> Bools:
        """Which of the requests some grant allows."""
        bits = np.stack(self._rows) if self._rows else np.zeros((0, self._width), np.uint8)
        judge = _Judge(bits, columns.permissions, self._starts, self._contents)
        for start in range(0, len(columns), CHUNK):
            judge.look(*self._held(columns, start, min(start + CHUNK, len(columns))))
        return judge.allowed

    def _held(self, columns: Columns, start: int, end: int) -> tuple[Ints, Ints]:
        """The pairs of a hold and a request that may draw on it: everywhere, and in its namespace."""
        starts = columns.starts[start : end + 1]
        holders = columns.holders[starts[0] : starts[-1]]
        request = np.repeat(np.arange(start, end), np.diff(starts))
        known = (holders >= 0) & (columns.permissions[request] >= 0)
        holders, request = holders[known], request[known]
        everywhere = self._everywhere[holders]
        anywhere = everywhere >= 0
        within = columns.namespaces[request]
        likely = within > 0
        likely[likely] = self._likely[self._slot(self._key(holders[likely], within[likely]))]
        keys = self._key(holders[likely], within[likely])
        hold = np.searchsorted(self._keys, keys)
        hold[hold == len(self._keys)] = 0
        found = self._keys[hold] == keys
        return (
            np.concatenate((everywhere[anywhere], hold[found])),
            np.concatenate((request[anywhere], request[likely][found])),
        )

    def _permission(self, key: tuple[str, ...], evaluate: Callable[[], Ids]) -> int:
        number = self._permissions.get(key)
        if number is None:
            number, contents = -1, evaluate()
            if contents:
                number = len(self._rows)
                self._rows.append(_pack(np.fromiter(contents, np.int64, len(contents)), self._width))
            self._permissions[key] = number
        return number

    def _number(self, namespace: str) -> int:
        return self._namespaces.setdefault(namespace, len(self._namespaces))

    def _slot(self, keys: Ints) -> Ints:
        """A hash: most pairs of a principal and a namespace hold nothing, and are out after one look."""
        mixed = keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        return (mixed >> np.uint64(64 - SLOTS)).astype(np.int64)

    def _key(self, who: Ints, where: Ints | int) -> Ints:
        return who * len(self._namespaces) + where


_MASKS: Final = np.array([1 << i for i in range(8)], np.uint8)


class _Judge:
    """Looks at holds and marks the requests that one of them allows."""

    def __init__(self, bits: NDArray[np.uint8], permissions: Ints, starts: Ints, contents: Ints) -> None:
        self._bits, self._permissions, self._starts, self._contents = bits, permissions, starts, contents
        self._large: dict[int, Bools] = {}
        self.allowed: Bools = np.zeros(len(permissions), np.bool_)

    def look(self, hold: Ints, request: Ints) -> None:
        size = self._starts[hold + 1] - self._starts[hold]
        large = size > LARGE
        self._one_by_one(hold[~large], size[~large], request[~large])
        hold, request = hold[large], request[large]
        for each in np.unique(hold).tolist():
            asked = request[hold == each]
            self.allowed[asked[self._permitted(each)[self._permissions[asked]]]] = True

    def _one_by_one(self, hold: Ints, size: Ints, request: Ints) -> None:
        base = self._permissions[request] * self._bits.shape[1]
        offset = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size - self._starts[hold], size)
        content = self._contents[offset]
        byte = self._bits.ravel()[np.repeat(base, size) + (content >> 3)]
        hit = np.flatnonzero(byte & _MASKS[content & 7])
        self.allowed[np.repeat(request, size)[hit]] = True

    def _permitted(self, hold: int) -> Bools:
        """For each permission, whether a large hold has it."""
        if hold not in self._large:
            mine = _pack(self._contents[self._starts[hold] : self._starts[hold + 1]], self._bits.shape[1])
            self._large[hold] = np.bitwise_and(self._bits, mine).max(axis=1) > 0
        return self._large[hold]


def _pack(contents: Ints, width: int) -> NDArray[np.uint8]:
    row = np.zeros(width * 8, np.uint8)
    row[contents] = 1
    return np.packbits(row, bitorder="little")


def allows_all(lookup: Lookup, requests: Sequence[Request]) -> Bools:
    """Which of the requests some grant allows."""
    batch = Batch(lookup)
    return batch.allows(batch.columns(requests))
