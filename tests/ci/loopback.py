"""A server that remembers what it is asked, in the place of GitHub's or GitLab's API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec


class Request(msgspec.Struct, frozen=True):
    method: str
    path: str
    body: object
    headers: Mapping[str, str]


class Api:
    """Answers by path, without the query; `refused` is the status of every write."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, object] = {}
        self.refused = 0
        self.heard: list[Request] = []

    @property
    def writes(self) -> list[Request]:
        return [r for r in self.heard if r.method != "GET"]


@contextmanager
def api() -> Iterator[Api]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            body = json.loads(data) if data else None
            known.heard.append(Request(self.command, path, body, dict(self.headers)))
            refused = known.refused if self.command != "GET" else 0
            answer = json.dumps(known.answers.get(path, [] if self.command == "GET" else {})).encode()
            self.send_response(refused or 200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PATCH = do_PUT = _answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known = Api(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
