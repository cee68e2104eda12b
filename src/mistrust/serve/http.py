"""Just as much HTTP/1.1 as an API server speaks to a webhook, from bytes and to bytes.

RFC 9112. What could be read in two ways (two lengths, codings of transfer, folded lines) is refused.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

import msgspec

_START: Final = re.compile(rb"([A-Z]{1,16}) (/[!-~]{0,4000}) HTTP/1\.([01])\Z")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([ -~\t\x80-\xff]*)\Z")
_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    411: "Length Required",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}
JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"


class Head(msgspec.Struct, frozen=True):
    """What stands before a body."""

    method: str
    path: str
    query: str
    length: int = 0
    content_type: str = ""
    keeps: bool = True
    """The connection stays open after the answer."""
    waits: bool = False
    """The body comes after `100 Continue`."""

    def parameter(self, name: str) -> str:
        """The first value of a parameter of the query; empty where there is none."""
        return dict(reversed(parse_qsl(self.query, max_num_fields=20))).get(name, "")


class Request(msgspec.Struct, frozen=True):
    """A whole request."""

    head: Head
    body: bytes
    began: float
    """When its first byte came, in seconds of `time.monotonic`."""


class Reply(msgspec.Struct, frozen=True):
    """What is answered."""

    body: bytes
    status: int = 200
    content_type: str = JSON


class RefusedError(Exception):
    """Not a request; the connection ends after the answer."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


def head(data: bytes) -> Head:
    """Read what stands before a body, without the empty line that ends it. Raises `RefusedError`."""
    first, *lines = data.split(b"\r\n")
    start = _START.match(first)
    if start is None:
        raise RefusedError(400, "not a request of HTTP/1.1")
    fields: dict[bytes, bytes] = {}
    for line in lines:
        field = _FIELD.match(line)
        if field is None:
            raise RefusedError(400, "not a header")
        name, value = field[1].lower(), field[2].strip(b" \t")
        if name in fields and name in (b"content-length", b"host", b"content-type"):
            raise RefusedError(400, f"two headers {name.decode()}")
        fields[name] = value
    if b"transfer-encoding" in fields:
        raise RefusedError(501, "a body without a length")
    length = fields.get(b"content-length", b"0")
    if not re.fullmatch(rb"[0-9]{1,12}", length):
        raise RefusedError(400, "not a length")
    method, (path, _, query) = start[1].decode(), start[2].decode("latin-1").partition("?")
    if method == "POST" and b"content-length" not in fields:
        raise RefusedError(411, "a body without a length")
    said = {word.strip() for word in fields.get(b"connection", b"").lower().split(b",")}
    return Head(
        method,
        path,
        query,
        int(length),
        fields.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower(),
        b"close" not in said and start[3] == b"1",
        fields.get(b"expect", b"").lower() == b"100-continue",
    )


def encoded(reply: Reply, *, keeps: bool) -> bytes:
    """The bytes of an answer."""
    line = f"HTTP/1.1 {reply.status} {_REASONS[reply.status]}\r\n"
    fields = f"Content-Type: {reply.content_type}\r\nContent-Length: {len(reply.body)}\r\n"
    end = "\r\n" if keeps else "Connection: close\r\n\r\n"
    return f"{line}{fields}{end}".encode() + reply.body
