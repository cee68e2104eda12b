"""`mistrust serve` as a process of its own, and a client that speaks TLS to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

DEADLINE = 60.0


@dataclass
class Serving:
    """A running server: its ports, its authority, and every line that it has logged."""

    process: subprocess.Popen[bytes]
    authority: Path
    lines: list[dict[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()
        until(lambda: self.events("listening") or self.process.poll() is not None, "the server listens")
        if self.process.poll() is not None:
            raise RuntimeError(f"the server ended: {self.process.returncode}")
        first = self.events("listening")[0]
        self.port, self.health_port = int(str(first["port"])), int(str(first["healthPort"]))

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def events(self, event: str) -> list[dict[str, object]]:
        return [line for line in tuple(self.lines) if line["event"] == event]

    def ready(self) -> Serving:
        until(lambda: self.health("/readyz")[0] == 200, "the server is ready")
        return self

    def client(self) -> http.client.HTTPSConnection:
        """A connection of its own."""
        context = ssl.create_default_context(cafile=self.authority / "ca.crt")
        return http.client.HTTPSConnection("localhost", self.port, context=context, timeout=30)

    def ask(self, review: Mapping[str, object], client: http.client.HTTPSConnection | None = None) -> dict[str, object]:
        """The response to a review."""
        status, body = self.post(json.dumps(review).encode(), client=client)
        assert status == 200, (status, body)
        answer: dict[str, object] = json.loads(body)
        assert answer["apiVersion"] == "admission.k8s.io/v1"
        assert answer["kind"] == "AdmissionReview"
        response = answer["response"]
        assert isinstance(response, dict)
        return response

    def post(
        self,
        body: bytes,
        path: str = "/validate?timeout=10s",
        content_type: str = "application/json",
        client: http.client.HTTPSConnection | None = None,
    ) -> tuple[int, bytes]:
        mine = client or self.client()
        mine.request("POST", path, body, {"Content-Type": content_type})
        reply = mine.getresponse()
        found = reply.status, reply.read()
        if client is None:
            mine.close()
        return found

    def health(self, path: str) -> tuple[int, str]:
        client = http.client.HTTPConnection("127.0.0.1", self.health_port, timeout=30)
        client.request("GET", path)
        reply = client.getresponse()
        found = reply.status, reply.read().decode()
        client.close()
        return found

    def metric(self, name: str) -> float:
        """The value of one line of /metrics."""
        lines = dict(line.rsplit(" ", 1) for line in self.health("/metrics")[1].splitlines() if line[:1] != "#")
        return float(lines[name])

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def serving(policies: Path, authority: Path, *flags: str, linger: str = "0") -> Iterator[Serving]:
    command = [sys.executable, "-m", "mistrust", "serve", "--policies", policies, "--host", "127.0.0.1"]
    command += ["--port", "0", "--health-port", "0", "--linger", linger, "--drain", "5", *flags]
    if "--tls-cert" not in flags:
        command += ["--authority", authority]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "POD_NAMESPACE": "mistrust"}) as process:
        try:
            yield Serving(process, authority)
        finally:
            process.terminate()
            process.wait(60)


def until(condition: Callable[[], object], what: str, seconds: float = DEADLINE) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"after {seconds:g} s it was still not so that {what}")
        time.sleep(0.02)
