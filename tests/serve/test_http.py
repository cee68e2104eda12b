"""HTTP as an API server speaks it; what could be read in two ways is refused, slow ones are ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistrust.serve.connection import Connections
from mistrust.serve.http import Head, RefusedError, Reply, Request, head
from mistrust.serve.limits import Limits

POST = b"POST /validate?timeout=5s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json; q=1\r\nContent-Length: 2"


def test_a_head() -> None:
    found = head(POST)
    assert found == Head("POST", "/validate", "timeout=5s", 2, "application/json")
    assert (found.parameter("timeout"), found.parameter("other")) == ("5s", "")


@pytest.mark.parametrize(
    ("more", "keeps"),
    [(b"", True), (b"\r\nConnection: close", False), (b"\r\nConnection: keep-alive, Close", False)],
)
def test_who_wants_to_close_is_let_go(more: bytes, keeps: bool) -> None:
    assert head(POST + more).keeps is keeps


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"POST /validate HTTP/2.0", 400),
        (b"POST  /validate HTTP/1.1", 400),
        (b"POST https://x/validate HTTP/1.1", 400),
        (b"POST /val\x00idate HTTP/1.1", 400),
        (POST + b"\r\n folded", 400),
        (POST + b"\r\nName : x", 400),
        (POST + b"\r\nX: a\nY: b", 400),
        (POST + b"\r\nContent-Length: 2", 400),
        (POST + b"0, 20", 400),
        (POST.replace(b": 2", b": -2"), 400),
        (POST.replace(b": 2", b": +2"), 400),
        (POST.replace(b": 2", b": 0x2"), 400),
        (POST + b"\r\nTransfer-Encoding: chunked", 501),
        (b"POST /validate HTTP/1.1\r\nHost: x", 411),
    ],
)
def test_what_is_not_clear_is_refused(data: bytes, status: int) -> None:
    with pytest.raises(RefusedError) as refused:
        head(data)
    assert refused.value.status == status


def test_spaces_around_a_value_are_not_part_of_it() -> None:
    """However many: looking for their end is looking once."""
    spaces = b" " * 15_000
    assert head(POST + b"\r\nConnection:\t close" + spaces).keeps is False
    with pytest.raises(RefusedError):
        head(POST + b"\r\nX: a" + spaces + b"\x01")


@given(st.binary(max_size=300) | st.lists(st.sampled_from(POST.split(b"\r\n"))).map(b"\r\n".join))
def test_any_bytes_are_a_head_or_refused(data: bytes) -> None:
    with suppress(RefusedError):
        assert head(data).length >= 0


def talk(
    pieces: list[bytes],
    answers: Callable[[Request], Reply | Awaitable[Reply]] | None = None,
    limits: Limits | None = None,
    pause: float = 0.0,
) -> tuple[bytes, list[bytes]]:
    """Send pieces to a server; what it says until it closes or is silent, and the bodies that it has heard."""
    heard: list[bytes] = []

    def echo(request: Request) -> Reply | Awaitable[Reply]:
        heard.append(request.body)
        return answers(request) if answers else Reply(request.body)

    async def run() -> bytes:
        every = Connections(echo, limits or Limits())
        server = await asyncio.get_running_loop().create_server(every, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        said = b""
        with suppress(OSError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
            writer.write_eof()
            said = await reader.read()
        writer.close()
        server.close()
        await every.drain(0.1)
        return said

    return asyncio.run(run()), heard


def asked(body: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=4), st.lists(st.integers(1, 200), max_size=6))
def test_requests_are_heard_whole_and_in_order_however_they_are_cut(bodies: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(map(asked, bodies))
    edges = [0, *sorted({c for c in cuts if c < len(whole)}), len(whole)]
    said, heard = talk([whole[a:b] for a, b in pairwise(edges)])
    assert heard == bodies
    assert said.count(b"HTTP/1.1 200 OK\r\n") == len(bodies)


def test_an_answer_that_takes_time_comes_before_the_next() -> None:
    async def slow(request: Request) -> Reply:
        await asyncio.sleep(0.05 if request.body == b"first" else 0)
        return Reply(request.body)

    said, heard = talk([asked(b"first") + asked(b"second")], slow, pause=0.2)
    assert heard == [b"first", b"second"]
    assert said.index(b"first") < said.index(b"second")


def test_too_much_is_refused_before_it_is_read() -> None:
    small = Limits(head=100, body=10)
    assert b"431" in talk([b"POST / HTTP/1.1\r\nX: " + b"x" * 200], limits=small)[0]
    said, heard = talk([asked(b"x" * 11)], limits=small)
    assert (b"413" in said, heard) == (True, [])


def test_who_does_not_finish_a_request_is_ended() -> None:
    said, _ = talk([asked(b"12345")[:-1]], limits=Limits(request=0.05), pause=0.3)
    assert b"408" in said
    assert talk([b""], limits=Limits(request=0.05), pause=0.3)[0] == b""


def test_a_body_that_waits_to_be_wanted_is_wanted() -> None:
    said, heard = talk(
        [POST.replace(b"\r\nHost", b"\r\nExpect: 100-continue\r\nHost") + b"\r\n\r\n", b"{}"], pause=0.05
    )
    assert said.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert heard == [b"{}"]


def test_only_so_many_connections() -> None:
    assert talk([asked(b"x")], limits=Limits(connections=0)) == (b"", [])


def test_who_does_not_read_answers_is_not_heard_further() -> None:
    """Answers are not piled up in memory for a client that sends on and on."""
    heard = [0]

    def large(_: Request) -> Reply:
        heard[0] += 1
        return Reply(b"x" * 1_000_000)

    async def run() -> None:
        every = Connections(large, Limits())
        server = await asyncio.get_running_loop().create_server(every, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), limit=1)
        writer.write(asked(b"x") * 500)
        await asyncio.sleep(0.3)
        assert heard[0] < 100
        while heard[0] < 500:
            assert await reader.read(1 << 20)
        writer.close()
        server.close()
        await every.drain(0.1)

    asyncio.run(run())
