"""`Published`: what a database holds of one store, or of all that share it. No file is needed to read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from mistrust.access.record import Record
from mistrust.kube.errors import UsageError
from mistrust.kube.problem import Problem
from mistrust.kube.version import Version
from mistrust.store import reading
from mistrust.store.catalogue import Log, Part
from mistrust.store.copies import Copies, Copy, key
from mistrust.store.reading import EVERYTHING, Kept
from mistrust.store.rollup import Cell, Form, Kind, Window
from mistrust.store.store import Store

_APART: Final = 1 << 32
"""Between the numbers of the logs of two stores."""
_DO: Final = "mistrust evidence add STORE, with the engine, copies it"
U = TypeVar("U")


class Published:
    """Evidence in a database. Parameters: `store`, the one whose copy is read; else all of them.

    Raises `RemoteError` where the database cannot be used, `UsageError` where it has no copy.
    """

    def __init__(self, copies: Copies, store: Store | None = None) -> None:
        self.about = copies.about
        self._copies, self._store = copies, store
        self._found: dict[int, Copy] = {}
        self._logs: list[Log] = []

    def close(self) -> None:
        """Let go of the connection."""
        self._copies.close()
        if self._store is not None:
            self._store.close()

    def record(self, kind: Kind[U], window: Window = EVERYTHING, version: Version | None = None) -> Record[U] | None:
        """Everything that logs of this kind showed in a window; None where there is no such log."""
        return reading.record(self, kind, window, version)

    def days(
        self, kind: Kind[U], window: Window = EVERYTHING, version: Version | None = None
    ) -> Mapping[int, Record[U]]:
        """The same for each day apart (UTC, numbered since 1970); without days into which no log reaches."""
        return reading.days(self, kind, window, version)

    def sources(self) -> tuple[Kept, ...]:
        """The logs that were added, store by store."""
        return reading.sources(self)

    def parts(self, kind: str | None = None) -> list[Part]:
        """The parts that count now, under the numbers of their copies."""
        manifests = self._copies.manifests()
        if self._store is not None:
            identity = self._store.identity()
            manifests = {store: manifest for store, manifest in manifests.items() if store == identity}
        if not manifests:
            raise UsageError("the engine has no copy of the evidence", where=self.about, do=_DO)
        self._found = {copy.part.id: copy for manifest in manifests.values() for copy in manifest.copies}
        replace = msgspec.structs.replace
        self._logs = [
            replace(log, id=log.id + _APART * nth) for nth, of in enumerate(manifests.values()) for log in of.logs
        ]
        found = [
            replace(copy.part, log=copy.part.log + _APART * nth)
            for nth, of in enumerate(manifests.values())
            for copy in of.copies
        ]
        return [part for part in found if kind in (None, part.kind)]

    def logs(self) -> list[Log]:
        """The logs of which those parts are."""
        return self._logs

    def problems(self) -> Iterator[Problem]:
        """What was added to the store, and is not copied yet."""
        if self._store is None:
            return
        copied = {key(copy.of, copy.part) for copy in self._found.values()}
        if {key(part.id, part) for part in self._store.parts()} != copied:
            yield Problem("the engine does not have everything that was added", self._store.about, do=_DO)

    def answer(self, query: str, kind: Form, found: Sequence[Part], window: Window) -> Iterator[Cell]:
        """What the hours of a window answer to a query (see `analytics`)."""
        return self._copies.answer(query, kind, [self._found[part.id] for part in found], window)
