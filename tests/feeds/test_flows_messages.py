"""OTLP as protobuf, written by OpenTelemetry's own classes: it says what the same spans say as JSON."""

from __future__ import annotations

import base64
import gzip
import json
import random
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.feeds.flow_logs import remarks
from tests.feeds.test_flows_traces import CLIENT, DB, SERVER, WEB, trace

from mistrust.feeds.audit.read import is_audit
from mistrust.feeds.documents import LARGEST
from mistrust.feeds.flows import otlp, protobuf
from mistrust.feeds.flows.read import is_flows, read_flows
from mistrust.kube.errors import InputError
from mistrust.store.store import FLOWS, Became, Store

if TYPE_CHECKING:
    from google.protobuf.message import Message

zstandard = pytest.importorskip("zstandard")
json_format = pytest.importorskip("google.protobuf.json_format", reason="opentelemetry-proto is not installed")
trace_pb2 = pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2", reason="opentelemetry-proto is not installed")

GET = {"http.request.method": "GET", "url.full": "http://cart:7070/cart/7?q=1", "network.peer.address": "10.0.0.2"}
REQUESTS = [
    trace(CLIENT, DB),
    trace(CLIENT, GET | {"network.peer.port": 7070}),
    trace(SERVER, {"network.peer.address": "10.0.0.9", "server.port": 8080, "http.method": "PUT", "http.target": "/a"}),
    trace(CLIENT, DB, status=2),
    trace(CLIENT, DB | {"http.response.status_code": 500}, status=2),
    trace(CLIENT, DB, WEB | {"k8s.pod.ip": "10.0.0.8", "größe": -1}),
    trace(CLIENT, DB | {"server.port": -5432}, {}),
    trace(1, {}),
    '{"resourceSpans":[]}\n',
]


def message(line: str) -> Message:
    """The same request."""
    request = json.loads(line)
    for of in request["resourceSpans"]:
        for spans in of["scopeSpans"]:
            for span in spans["spans"]:  # in JSON they are hexadecimal, but protobuf's own JSON takes base 64
                for name in ("traceId", "spanId"):
                    span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    return json_format.Parse(json.dumps(request), trace_pb2.TracesData())


MESSAGES = [message(line).SerializeToString() for line in REQUESTS]


def fixed(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def varied(data: bytes) -> bytes:
    size, out = len(data), b""
    while size > 127:
        size, out = size >> 7, out + bytes((size & 127 | 128,))
    return out + bytes((size,)) + data


def packed(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


LINES = [line.encode() for line in REQUESTS]
FILES: dict[str, bytes] = {
    "the collector's file exporter": b"".join(map(fixed, MESSAGES)),
    "each message packed": b"".join(fixed(packed(m)) for m in MESSAGES),
    "JSON, each message packed": b"".join(fixed(packed(line)) for line in LINES),
    "packed as a whole": packed(b"".join(map(fixed, MESSAGES))),
    "packed with gzip": gzip.compress(b"".join(map(fixed, MESSAGES))),
    "with varints": b"".join(map(varied, MESSAGES)),
    "one message": b"".join(MESSAGES),  # written one after another, messages are one
}


@pytest.mark.parametrize("line", REQUESTS)
def test_a_message_says_what_the_same_request_says_as_json(line: str) -> None:
    assert protobuf.read(message(line).SerializeToString()) == otlp.read(line.encode())


@pytest.mark.parametrize("name", FILES)
def test_a_file_says_what_the_same_file_says_as_json(name: str, tmp_path: Path) -> None:
    text, binary = tmp_path / "traces.json", tmp_path / "traces.bin"
    text.write_text("".join(REQUESTS))
    binary.write_bytes(FILES[name])
    assert is_flows(FILES[name][: 1 << 16])
    assert not is_audit(FILES[name][: 1 << 16])
    wanted, found = read_flows([str(text)]), read_flows([str(binary)])
    assert (found.uses, found.exchanges) == (wanted.uses, wanted.exchanges)
    assert len(found.uses) >= 3
    assert found.coverage.sampled
    assert (found.coverage.bad, found.coverage.first) == (0, wanted.coverage.first)
    assert remarks(found.coverage) == remarks(wanted.coverage)


def test_a_packed_message_may_be_larger_than_what_is_looked_at(tmp_path: Path) -> None:
    dice = random.Random(3)
    noise = "".join(trace(CLIENT, DB | {"note": f"{dice.getrandbits(900):x}"}) for _ in range(2000))
    whole = trace_pb2.TracesData()
    for line in noise.splitlines():
        whole.MergeFrom(message(line))
    path = tmp_path / "a"
    path.write_bytes(fixed(packed(whole.SerializeToString())))
    assert path.stat().st_size > 1 << 17
    assert is_flows(path.read_bytes()[: 1 << 16])
    assert [tally.count for tally in read_flows([str(path)]).uses.values()] == [2000]


def test_fields_that_are_not_known_are_skipped_and_old_names_are_read() -> None:
    """A message of tomorrow has more fields; one of yesterday has its spans in field 1000."""
    spans = message(REQUESTS[0])
    of = spans.resource_spans[0]
    old = varied(of.scope_spans[0].SerializeToString())
    resource = b"\x0a" + varied(of.resource.SerializeToString())
    more = b"\xa0\x06\x01" + b"\xa9\x06" + b"8 bytes " + b"\xad\x06" + b"four" + b"\xa2\x06\x03new"
    whole = resource + more + b"\xc2\x3e" + old
    assert protobuf.read(b"\x0a" + varied(whole) + more) == otlp.read(REQUESTS[0].encode())


def test_a_last_message_that_is_not_complete_is_said_and_what_came_before_counts(tmp_path: Path) -> None:
    path, text = tmp_path / "a", FILES["the collector's file exporter"]
    path.write_bytes(text + fixed(MESSAGES[0])[:-1])
    record = read_flows([str(path)])
    assert record.uses
    assert [(p.what, p.got) for p in record.coverage.problems if p.what == "cut short"] == [
        ("cut short", "the last message is not complete")
    ]


def test_a_message_that_is_too_large_ends_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "a"
    bomb = fixed(packed(b"\x0a" * (LARGEST + 1)))
    path.write_bytes(fixed(MESSAGES[0]) + bomb + fixed(MESSAGES[1]) + struct.pack(">I", LARGEST + 1) + MESSAGES[2])
    record = read_flows([str(path)])
    assert (record.coverage.events, record.coverage.bad) == (2, 2)


def test_no_damage_is_fatal(tmp_path: Path) -> None:
    dice = random.Random(5)
    path = tmp_path / "a"
    for whole in FILES.values():
        for _ in range(60):
            data = bytearray(whole)
            for _ in range(dice.randrange(1, 6)):
                data[dice.randrange(len(data))] = dice.randrange(256)
            path.write_bytes(data[: dice.choice((len(data), dice.randrange(1, len(data))))])
            with suppress(InputError):
                read_flows([str(path)])


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x0a\x05\x0a\x05",
        b"\x0b",  # a group
        b"\xff",
        b"\x0a\x02\x12\x80",
        b"\x0a\x0e\x12\x0c\x12\x0a\x4a\x08\x0a\x04rpc.\x12",
    ],
)
def test_what_is_no_message_is_said(data: bytes) -> None:
    with pytest.raises(ValueError):
        protobuf.read(data)


@pytest.mark.parametrize(
    "make", [lambda n: b"\x0a\x00" * n, lambda n: fixed(b"") * n, lambda n: b"\x00" * n, lambda n: b"\n" * n]
)
def test_what_follows_a_message_takes_nothing_from_it(make: Callable[[int], bytes], tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(fixed(MESSAGES[0]) + make(30_000))
    record = read_flows([str(path)])
    assert (len(record.uses), record.coverage.events) == (1, 1)


@pytest.mark.parametrize(
    "text", [b'\n{\n  "a": 1}\n', b"\n\n\n", b"\0\0\0\x10" + b"x" * 16, b"\0" * 100 + b"{}\n", b"\x0a"]
)
def test_text_is_no_message(text: bytes) -> None:
    assert not is_flows(text)


def test_a_store_reads_a_file_of_messages_again_when_it_grew(tmp_path: Path) -> None:
    store, log = Store(tmp_path / "store", create=True), tmp_path / "traces"
    became = []
    for upto in (3, len(MESSAGES)):
        log.write_bytes(b"".join(map(fixed, MESSAGES[:upto])))
        became += [added.became for added in store.add(str(log))]
    assert became == [Became.READ, Became.AGAIN]
    record = store.record(FLOWS)
    assert record is not None
    assert record.uses == read_flows([str(log)]).uses
    store.close()
