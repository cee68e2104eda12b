"""Real servers on loopback: an API server that a test scripts, a CONNECT proxy, and certificates made for the day."""

from __future__ import annotations

import base64
import json
import select
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

JSON = {"Content-Type": "application/json"}


@dataclass
class Request:
    """What the server heard."""

    path: str
    query: dict[str, str]
    headers: dict[str, list[str]]
    client: str = ""
    """Common name of the client's certificate."""


@dataclass
class Reply:
    """What the server says: an iterable body goes out in chunks as it is made, `cut` drops the connection after it."""

    body: bytes | Iterable[bytes] = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    cut: bool = False


Answer = Callable[[Request], Reply]


class Server:
    """A running server; `heard` are its requests in order."""

    def __init__(self, answer: Answer, context: ssl.SSLContext | None = None) -> None:
        heard: list[Request] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                headers: dict[str, list[str]] = {}
                for name, value in self.headers.items():
                    headers.setdefault(name.lower(), []).append(value)
                request = Request(url.path, dict(parse_qsl(url.query)), headers, _common_name(self.connection))
                heard.append(request)
                reply = answer(request)
                whole = isinstance(reply.body, bytes)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if whole and "Content-Length" not in reply.headers:
                    self.send_header("Content-Length", str(len(reply.body)))
                if not whole:
                    self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                if whole:
                    self.wfile.write(reply.body)
                else:
                    for piece in reply.body:
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                        self.wfile.flush()
                if reply.cut:
                    self.close_connection = True
                elif not whole:
                    self.wfile.write(b"0\r\n\r\n")

            def log_message(self, *_: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # a client that gives up is what many tests are about

        self.heard = heard
        self._server = Quiet(("127.0.0.1", 0), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serving(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(answer, context)
    try:
        yield server
    finally:
        server.stop()


def reply(value: object, status: int = 200, **headers: str) -> Reply:
    return Reply(json.dumps(value).encode(), status, JSON | {k.replace("_", "-"): v for k, v in headers.items()})


def status(code: int, reason: str, message: str, **headers: str) -> Reply:
    return reply({"kind": "Status", "code": code, "reason": reason, "message": message}, code, **headers)


def _common_name(connection: socket.socket) -> str:
    certificate = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    names = dict(pair for part in (certificate or {}).get("subject", ()) for pair in part)
    return names.get("commonName", "")


class ConnectProxy:
    """A proxy that knows CONNECT alone; `asked` are the targets and logins that it was asked for."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.asked: list[tuple[str, str]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        if context is not None:
            self._listener = context.wrap_socket(self._listener, server_side=True)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except ssl.SSLError:
                continue
            except OSError:
                return
            threading.Thread(target=self._tunnel, args=(client,), daemon=True).start()

    def _tunnel(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        lines = head.decode().split("\r\n")
        target = lines[0].split()[1]
        login = next((x.split()[-1] for x in lines if x.lower().startswith("proxy-authorization:")), "")
        self.asked.append((target, base64.b64decode(login).decode()))
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port))) as server, client:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    while isinstance(ready, ssl.SSLSocket) and ready.pending():
                        data += ready.recv(65536)
                    (server if ready is client else client).sendall(data)


@dataclass(frozen=True)
class Certificates:
    """A small world of trust, in files."""

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / name

    def data(self, name: str) -> str:
        return base64.b64encode(self.path(name).read_bytes()).decode()

    def server(self, name: str = "server", *, client_ca: str = "") -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(f"{name}.crt"), self.path(f"{name}.key"))
        if client_ca:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(self.path(client_ca))
        return context


def make_certificates(folder: Path) -> Certificates:
    """ca -> server (127.0.0.1), named (kubernetes.default.svc), common (no name but CN=localhost), client, second.

    stranger is an authority of its own -> proxy (127.0.0.1).
    """

    def openssl(*args: str) -> None:
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    for name in ("ca", "stranger"):
        openssl("req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}")
    for ca, name, subject, extension in (
        ("ca", "server", "/CN=server", "subjectAltName=IP:127.0.0.1"),
        ("ca", "named", "/CN=127.0.0.1", "subjectAltName=DNS:kubernetes.default.svc"),
        ("ca", "common", "/CN=localhost", "extendedKeyUsage=serverAuth"),
        ("ca", "client", "/O=devs/CN=dev", "extendedKeyUsage=clientAuth"),
        ("ca", "second", "/O=devs/CN=dev2", "extendedKeyUsage=clientAuth"),
        ("stranger", "proxy", "/CN=proxy", "subjectAltName=IP:127.0.0.1"),
    ):
        (folder / "ext").write_text(extension)
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-CAcreateserial",
                "-out", f"{name}.crt", "-extfile", "ext")  # fmt: skip
    openssl("ec", "-in", "client.key", "-out", "locked.key", "-aes256", "-passout", "pass:x")
    return Certificates(folder)
