"""Connections of clients: whole requests, answered in order, within bounds of size and time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from mistrust.serve.http import TEXT, Head, RefusedError, Reply, Request, encoded, head
from mistrust.serve.limits import Limits

LINGER: Final = 1.0
"""Seconds for which what a refused client still sends is thrown away: it reads the answer after that."""
Answers = Callable[[Request], "Reply | Awaitable[Reply]"]


class Connections:
    """Those that are open, so that they can be counted and ended."""

    def __init__(self, answers: Answers, limits: Limits) -> None:
        self.answers, self.limits = answers, limits
        self.open: set[Connection] = set()
        self.ending = False
        """Each connection ends after its next answer."""

    def __call__(self) -> Connection:
        """A new connection, for `loop.create_server`."""
        return Connection(self)

    async def drain(self, seconds: float) -> None:
        """End every connection after the request that it is in, or after so many seconds."""
        self.ending = True
        for each in tuple(self.open):
            each.drain()
        end = time.monotonic() + seconds
        while self.open and time.monotonic() < end:
            await asyncio.sleep(0.02)
        for each in tuple(self.open):
            each.abort()


class Connection(asyncio.Protocol):
    """One connection: bytes in, whole requests, answers out, one after another."""

    def __init__(self, all_: Connections) -> None:
        self._all, self._limits = all_, all_.limits
        self._buffer = bytearray()
        self._head: Head | None = None
        self._began = 0.0
        self._busy: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._until = 0.0
        self._refused = self._clogged = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if len(self._all.open) >= self._limits.connections:
            transport.abort()
            return
        self._all.open.add(self)
        self._expect(self._limits.request)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        del exc
        self._all.open.discard(self)
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request, or of several."""
        if self._refused:
            return
        if not self._buffer and self._head is None:
            self._begin()
        self._buffer += data
        if self._waiting():
            if len(self._buffer) > self._limits.body + self._limits.head and self._transport is not None:
                self._transport.pause_reading()
            return
        self._read()

    def pause_writing(self) -> None:
        """The client does not take its answers: no more of its requests until it does."""
        self._clogged = True

    def resume_writing(self) -> None:
        """It takes them again."""
        self._clogged = False
        if self._transport is not None:
            self._transport.resume_reading()
            self._read()

    def drain(self) -> None:
        """End after the request that it is in; at once between two."""
        if self._busy is None and self._head is None and not self._buffer:
            self._close()

    def abort(self) -> None:
        """End now."""
        if self._transport is not None:
            self._transport.abort()

    def _waiting(self) -> bool:
        return self._busy is not None or self._clogged

    def _begin(self) -> None:
        self._began = time.monotonic()
        self._expect(self._limits.request)

    def _read(self) -> None:
        """Answer every whole request that is there."""
        try:
            while not self._waiting() and self._transport is not None and self._whole():
                request = self._taken()
                reply = self._all.answers(request)
                if isinstance(reply, Reply):
                    self._send(reply, request.head)
                else:
                    self._until = 0.0
                    self._busy = asyncio.ensure_future(self._wait(reply, request.head))
        except RefusedError as error:
            self._refuse(error)

    def _whole(self) -> bool:
        """Is there a whole request? Raises `RefusedError` for one that is none, or too large."""
        if self._head is None:
            end = self._buffer.find(b"\r\n\r\n", 0, self._limits.head)
            if end < 0:
                if len(self._buffer) >= self._limits.head:
                    raise RefusedError(431, f"more than {self._limits.head >> 10} KiB of headers")
                return False
            self._head = head(bytes(self._buffer[:end]))
            del self._buffer[: end + 4]
            if self._head.length > self._limits.body:
                raise RefusedError(413, f"more than {self._limits.body >> 20} MiB")
            if self._head.waits and self._transport is not None and len(self._buffer) < self._head.length:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return len(self._buffer) >= self._head.length

    def _taken(self) -> Request:
        assert self._head is not None
        request = Request(self._head, bytes(self._buffer[: self._head.length]), self._began)
        del self._buffer[: self._head.length]
        self._head = None
        if self._buffer:
            self._begin()
        else:
            self._expect(self._limits.idle)
        return request

    async def _wait(self, reply: Awaitable[Reply], asked: Head) -> None:
        try:
            found = await reply
        finally:
            self._busy = None
        if self._transport is not None:
            self._transport.resume_reading()
            self._send(found, asked)
            self._expect(self._limits.request if self._buffer else self._limits.idle)
            self._read()

    def _send(self, reply: Reply, asked: Head) -> None:
        if self._transport is None:
            return
        keeps = asked.keeps and not self._all.ending
        self._transport.write(encoded(reply, keeps=keeps))
        if not keeps:
            self._close()

    def _refuse(self, error: RefusedError) -> None:
        if self._transport is not None:
            body = f"{error.why}\n".encode()
            self._transport.write(encoded(Reply(body, error.status, TEXT), keeps=False))
            self._refused = True
            self._buffer.clear()
            self._expect(LINGER)

    def _close(self) -> None:
        """No more requests; what is written is still sent, for a while."""
        if self._transport is not None:
            self._all.open.discard(self)
            self._transport.close()
            self._transport = None

    def _expect(self, seconds: float) -> None:
        """Something has to come until then. The timer is not moved each time: it looks when it rings."""
        loop = asyncio.get_running_loop()
        self._until = loop.time() + seconds
        if self._timer is None or self._timer.cancelled():
            self._timer = loop.call_at(self._until, self._ring)
        elif self._timer.when() > self._until:
            self._timer.cancel()
            self._timer = loop.call_at(self._until, self._ring)

    def _ring(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        if self._transport is None:
            return
        if self._busy is None and loop.time() >= self._until:
            if self._refused or (self._head is None and not self._buffer):
                self.abort() if self._clogged else self._close()
            else:
                self._refuse(RefusedError(408, "the request did not come in time"))
            return
        self._timer = loop.call_at(max(self._until, loop.time() + 1.0), self._ring)
