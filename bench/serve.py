"""The webhook: reviews per CPU-second over TLS, latency at half of what it can, memory; the shell told apart.

    python bench/serve.py [--seconds 5] [--connections 8]
    python -m venv PEER && PEER/bin/pip install uvicorn uvloop httptools msgspec
    python bench/serve.py --peer-python PEER/bin/python

One worker answers reviews of an 8 kB Pod by six policies (three templates in Rego, three ValidatingAdmissionPolicies),
and of a kind that no policy is about: that is the shell alone. The peer is uvicorn with its C loop and parser, which
decodes the same review and answers the same bytes without any policy. CPU seconds are of the server's process.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from mistrust.serve.certificates import authority, issued

PEER = """
import msgspec, sys, uvicorn
async def app(scope, receive, send):
    if scope["type"] != "http": return
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message.get("more_body"): break
    uid = msgspec.json.decode(body)["request"]["uid"]
    answer = {"response": {"uid": uid, "allowed": True}, "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": msgspec.json.encode(answer)})
port, cert, key = sys.argv[1:]
tls = {"ssl_certfile": cert, "ssl_keyfile": key}
uvicorn.run(app, host="127.0.0.1", port=int(port), access_log=False, log_level="error", **tls)
"""
REGO = {
    "AllowedRepos": """
      violation[{"msg": msg}] {
        container := input.review.object.spec.containers[_]
        good := [ok | repo := input.parameters.repos[_]; ok := startswith(container.image, repo)]
        not any(good)
        msg := sprintf("container <%v> has an image <%v> of elsewhere", [container.name, container.image])
      }""",
    "NoPrivileged": """
      violation[{"msg": msg}] {
        c := input.review.object.spec.containers[_]
        c.securityContext.privileged
        msg := sprintf("container %v is privileged", [c.name])
      }""",
    "NeedLabels": """
      violation[{"msg": msg}] {
        given := {label | input.review.object.metadata.labels[label]}
        wanted := {label | label := input.parameters.labels[_]}
        missing := wanted - given
        count(missing) > 0
        msg := sprintf("labels are missing: %v", [missing])
      }""",
}
PARAMETERS = {"AllowedRepos": {"repos": ["registry.example.com/"]}, "NeedLabels": {"labels": ["app"]}}
CEL = {
    "limits": "object.spec.containers.all(c, has(c.resources.limits) && 'memory' in c.resources.limits)",
    "host": "!has(object.spec.hostNetwork) || object.spec.hostNetwork == false",
    "root": "object.spec.containers.all(c, c.?securityContext.?runAsNonRoot.orValue(false))",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--peer-python")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ca = authority(folder / "ca")
        pair = issued(ca, ["localhost"])
        (folder / "tls.crt").write_bytes(pair.certificate)
        (folder / "tls.key").write_bytes(pair.key)
        policies(folder / "policies")
        asked = review(pod())
        other = review({**pod(), "apiVersion": "example.com/v1", "kind": "Other"})
        print(f"a review has {len(asked):,} bytes; {args.connections} connections; load {os.getloadavg()[0]:.1f}")
        with ours(folder) as (process, port):
            measure("six policies", process, port, folder, asked, args)
            measure("the shell alone", process, port, folder, other, args)
        if args.peer_python:
            with peer(args.peer_python, folder) as (process, port):
                measure("peer: uvicorn, no policy", process, port, folder, other, args)
    return 0


def pod() -> dict[str, object]:
    secure = {"runAsNonRoot": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    containers = [
        {
            "name": f"c{i}",
            "image": f"registry.example.com/team/app-{i}:1.2.{i}",
            "securityContext": secure,
            "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
            "env": [{"name": f"SETTING_{n}", "value": f"value-{n}-of-some-length"} for n in range(24)],
            "volumeMounts": [{"name": f"v{n}", "mountPath": f"/var/data/{n}"} for n in range(4)],
        }
        for i in range(4)
    ]
    metadata = {"name": "a", "namespace": "shop", "labels": {"app": "a"}, "annotations": {"note": "x" * 500}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}


def review(obj: dict[str, object]) -> bytes:
    group, _, version = str(obj["apiVersion"]).rpartition("/")
    kind = str(obj["kind"])
    request = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": group, "version": version, "kind": kind},
        "resource": {"group": group, "version": version, "resource": f"{kind.lower()}s"},
        "name": "a",
        "namespace": "shop",
        "operation": "CREATE",
        "userInfo": {"username": "ann", "groups": ["devs"]},
        "object": obj,
        "oldObject": None,
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


def policies(folder: Path) -> None:
    """JSON, one object a file."""
    folder.mkdir()
    objects: list[dict[str, object]] = []
    for kind, rules in REGO.items():
        target = {"target": "admission.k8s.gatekeeper.sh", "rego": f"package {kind.lower()}\n{rules}\n"}
        spec = {"crd": {"spec": {"names": {"kind": kind}}}, "targets": [target]}
        name = {"name": kind.lower()}
        objects.append(
            {"apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate", "metadata": name, "spec": spec}
        )
        match = {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]}
        spec = {"match": match, "parameters": PARAMETERS.get(kind, {})}
        objects.append(
            {"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": kind, "metadata": name, "spec": spec}
        )
    for name_, expression in CEL.items():
        rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
        head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name_}}
        spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": [{"expression": expression}]}
        objects.append({**head, "kind": "ValidatingAdmissionPolicy", "spec": spec})
        bound = {"policyName": name_, "validationActions": ["Deny"]}
        objects.append({**head, "kind": "ValidatingAdmissionPolicyBinding", "spec": bound})
    for i, each in enumerate(objects):
        (folder / f"{i}.json").write_text(json.dumps(each))


class running:  # noqa: N801
    """A server process, until the block ends."""

    def __init__(self, command: Sequence[str | Path], port: int) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.port = port

    def __enter__(self) -> tuple[int, int]:
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                time.sleep(1.5)
                return self.process.pid, self.port
            except OSError:
                time.sleep(0.1)
        raise TimeoutError("the server does not listen")

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def ours(folder: Path) -> running:
    port = free()
    command = [sys.executable, "-m", "mistrust", "serve", "--policies", folder / "policies", "--host", "127.0.0.1"]
    command += [
        "--port",
        str(port),
        "--health-port",
        "0",
        "--tls-cert",
        folder / "tls.crt",
        "--tls-key",
        folder / "tls.key",
    ]
    return running(command, port)


def peer(python: str, folder: Path) -> running:
    port = free()
    return running([python, "-c", PEER, str(port), folder / "tls.crt", folder / "tls.key"], port)


def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def measure(name: str, process: int, port: int, folder: Path, body: bytes, args: argparse.Namespace) -> None:
    drive(port, folder, body, args.connections, 1.0, 0)
    before, began = cpu(process), time.monotonic()
    took = drive(port, folder, body, args.connections, args.seconds, 0)
    used, wall = cpu(process) - before, time.monotonic() - began
    rate = len(took) / used
    print(
        f"{name}: {rate:,.0f} reviews per CPU-second ({used / len(took) * 1e6:.0f} us each), {len(took) / wall:,.0f}/s",
        end="",
    )
    paced = sorted(drive(port, folder, body, args.connections, args.seconds, rate / 2))
    print(
        f"; at {rate / 2:,.0f}/s p50 {at(paced, 0.5):.1f} ms, p99 {at(paced, 0.99):.1f} ms; {rss(process)} MB",
        flush=True,
    )


def at(sorted_: list[float], share: float) -> float:
    return sorted_[int(len(sorted_) * share)] * 1e3


def drive(port: int, folder: Path, body: bytes, connections: int, seconds: float, rate: float) -> list[float]:
    """Latencies. Parameters: `rate` in all, from when each was due; 0 asks as soon as there is an answer."""
    took: list[float] = []
    threads = [
        threading.Thread(
            target=ask, args=(port, folder, body, seconds, connections / rate if rate else 0.0, i, connections, took)
        )
        for i in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


def ask(port: int, folder: Path, body: bytes, seconds: float, every: float, i: int, of: int, took: list[float]) -> None:
    tls = ssl.create_default_context(cafile=folder / "ca" / "ca.crt")
    fields = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    data = f"POST /validate?timeout=10s HTTP/1.1\r\n{fields}".encode() + body
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        tls.wrap_socket(plain, server_hostname="localhost") as conn,
    ):
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        now = time.monotonic()
        end, due = now + seconds, now + every * i / of
        while (now := time.monotonic()) < end:
            if every:
                if due > now:
                    time.sleep(due - now)
                began, due = due, due + every
            else:
                began = now
            conn.sendall(data)
            reply = conn.recv(65536)
            while b'"AdmissionReview"' not in reply:
                reply += conn.recv(65536)
            assert b'"allowed":true' in reply, reply
            took.append(time.monotonic() - began)


def cpu(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) >> 10


if __name__ == "__main__":
    sys.exit(main())
