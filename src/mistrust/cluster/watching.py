"""What changes after a list: a watch that survives dropped connections, and says when it no longer can."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Generic, Literal, Protocol, TypeVar

import msgspec
import urllib3

from mistrust.cluster.listing import fit
from mistrust.cluster.refusal import RefusedError, TooLargeError, UnreachableError, refusal
from mistrust.cluster.secret import printable
from mistrust.kube.errors import RemoteError
from mistrust.kube.meta import NO_STRINGS
from mistrust.kube.problem import Problem

T = TypeVar("T")
SERVER_TIMEOUT = 300
"""Seconds after which the server ends one request of a watch; we begin the next one where it stopped."""
STEADY = 5.0
"""Seconds after which a request that ends is not a failure."""
FAILURES = 6
"""Failures in a row after which the watch gives up."""


class Event(msgspec.Struct, Generic[T], frozen=True):
    """One change."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    resource_version: str
    """What to watch from to see everything after this event."""
    object: T | None = None
    """The object as it is now, or as it was last; None for a BOOKMARK, and where there is a problem."""
    problem: Problem | None = None
    """Why the object could not be read."""


class Stream(Protocol):
    """An open answer, read as it comes."""

    def read1(self, amt: int, decode_content: bool) -> bytes: ...  # noqa: D102
    def shutdown(self) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class Opener(Protocol):
    """Opens a GET with a bound on the silence, in seconds."""

    def __call__(self, path: str, query: Mapping[str, str], silence: float) -> Stream: ...  # noqa: D102


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Versioned(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()


class _Line(msgspec.Struct, frozen=True):
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: msgspec.Raw


class Watch(Generic[T]):
    """The events after `resource_version`, in order, each once. Iterate over it once.

    A dropped connection and the server's own timeout are resumed from the last resourceVersion seen. `close` ends it
    from any thread, also while it waits.

    Raises while iterating: GoneError when the server no longer has the events (list again), the other RefusedErrors,
    UnreachableError after too many failures in a row, TooLargeError for an object over the bound.
    """

    def __init__(
        self,
        open_: Opener,
        path: str,
        type_: type[T],
        resource_version: str,
        where: str,
        query: Mapping[str, str] = NO_STRINGS,
        largest: int = 16 << 20,
        backoff: float = 0.25,
    ) -> None:
        if resource_version in ("", "0"):
            raise ValueError("a watch begins at the resourceVersion of a list")
        self.resource_version = resource_version
        self._open, self._path, self._type, self._where, self._query = open_, path, type_, where, query
        self._largest, self._backoff = largest, backoff
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._stream: Stream | None = None
        self._opened = math.inf

    def close(self) -> None:
        """End the watch; the iteration stops without an error."""
        self._closed.set()
        with self._lock:
            if self._stream is not None:
                with contextlib.suppress(OSError, ValueError, RuntimeError):  # it has ended by itself
                    self._stream.shutdown()

    def __iter__(self) -> Iterator[Event[T]]:
        failures = 0
        while not self._closed.is_set():
            before, self._opened = self.resource_version, math.inf
            dropped: RemoteError | None = None
            try:
                yield from self._request()
            except (UnreachableError, RefusedError) as error:
                if isinstance(error, RefusedError) and error.code != 429 and error.code < 500:
                    raise
                dropped = error
            steady = self.resource_version != before or time.monotonic() - self._opened > STEADY
            failures = 0 if steady else failures + 1
            if dropped is not None and failures >= FAILURES and not self._closed.is_set():
                raise dropped
            if failures:
                self._closed.wait(min(30.0, self._backoff * 2 ** min(failures, 16)))

    def _request(self) -> Iterator[Event[T]]:
        """The events of one request, until the server, the network or `close` ends it."""
        query = {
            **self._query,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self.resource_version,
            "timeoutSeconds": str(SERVER_TIMEOUT),
        }
        stream = self._open(self._path, query, SERVER_TIMEOUT + 30.0)
        self._opened = time.monotonic()
        with self._lock:
            self._stream = stream
        try:
            for line in self._lines(stream):
                yield self._event(line)
        finally:
            with self._lock:
                self._stream = None
            stream.close()

    def _lines(self, stream: Stream) -> Iterator[bytes]:
        """Whole lines out of pieces that end anywhere; a last line without its end is left to the next request."""
        rest = bytearray()
        while not self._closed.is_set():
            try:
                piece = stream.read1(1 << 16, decode_content=True)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise UnreachableError("the watch broke off", where=self._where, got=printable(str(error))) from None
            if not piece:
                return
            searched, start = len(rest), 0
            rest += piece
            while (end := rest.find(b"\n", max(start, searched))) >= 0:
                yield bytes(rest[start:end])
                start = end + 1
            del rest[:start]
            if len(rest) > self._largest:
                wanted = f"at most {self._largest >> 10} KiB"
                raise TooLargeError("an object of the watch is too large", where=self._where, wanted=wanted)

    def _event(self, line: bytes) -> Event[T]:
        try:
            said = msgspec.json.decode(line, type=_Line)
        except msgspec.DecodeError as error:
            raise RemoteError("not a watch", where=self._where, got=str(error), wanted="one event a line") from None
        if said.type == "ERROR":
            raise refusal(self._where, 0, said.object)
        self.resource_version = _version(said.object) or self.resource_version
        if said.type == "BOOKMARK":
            return Event(said.type, self.resource_version)
        match fit(said.object, self._type, self._where):
            case Problem() as problem:
                return Event(said.type, self.resource_version, problem=problem)
            case found:
                return Event(said.type, self.resource_version, found)


def _version(raw: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(raw, type=_Versioned).metadata.resource_version
    except msgspec.DecodeError:
        return ""
