"""List a large cluster from a loopback server: our client beside the official one, each in a process of its own.

    python -m venv PEER && PEER/bin/pip install kubernetes
    python bench/client.py --peer-python PEER/bin/python [--pods 20000]

Both hold every Pod at the end. Ours keeps the fields that some layer reads; the official client keeps all of them. The
server sends prebuilt bytes from a third process. CPU seconds are of the listing alone, peak memory is of the process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = 500


def pod(i: int) -> dict[str, object]:
    """A Pod as an API server sends it: an application, an Istio sidecar, status, managedFields; about 6.6 kB."""
    name, now = f"checkout-{i % 400}-7d9c6b5f48-{i:05x}", "2026-03-01T10:00:00Z"
    token = {"name": "kube-api-access", "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    secure = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 1337,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    probe = {
        "httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"},
        "timeoutSeconds": 3,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 5,
    }

    def container(title: str, port: int, variables: int) -> dict[str, object]:
        return {
            "name": title,
            "image": f"registry.example.com/{title}:1.{i % 50}.0",
            "args": ["serve", f"--port={port}", "--log-format=json", "--drain-timeout=30s"],
            "ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}],
            "env": [{"name": f"SETTING_{n}", "value": f"value-{n}-of-{title}"} for n in range(variables)]
            + [{"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}}],
            "resources": {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "tmp", "mountPath": "/tmp"}, token],
            "livenessProbe": probe,
            "readinessProbe": probe,
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": "IfNotPresent",
            "securityContext": secure,
        }

    def managed(manager: str, fields: list[str]) -> dict[str, object]:
        names: dict[str, object] = {f"f:{f}": {} for f in fields}
        nested = {"f:metadata": {"f:labels": names}, "f:spec": {'k:{"name":"app"}': {".": {}, **names}}}
        head = {"manager": manager, "operation": "Update", "apiVersion": "v1", "time": now, "fieldsType": "FieldsV1"}
        return head | {"fieldsV1": nested}

    def told(title: str) -> dict[str, object]:
        image = f"registry.example.com/{title}"
        return {
            "name": title,
            "state": {"running": {"startedAt": now}},
            "lastState": {},
            "ready": True,
            "restartCount": 0,
            "image": f"{image}:1.{i % 50}.0",
            "imageID": f"{image}@sha256:{i:064x}",
            "containerID": f"containerd://{i:064x}",
            "started": True,
        }

    fields = [
        "app",
        "image",
        "imagePullPolicy",
        "name",
        "ports",
        "resources",
        "securityContext",
        "terminationMessagePath",
    ]
    states = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    return {
        "metadata": {
            "name": name,
            "generateName": name.rsplit("-", 1)[0] + "-",
            "namespace": f"team-{i % 60}",
            "uid": f"{i:08x}-0000-4000-8000-000000000000",
            "resourceVersion": str(1_000_000 + i),
            "creationTimestamp": now,
            "labels": {"app": f"checkout-{i % 400}", "pod-template-hash": "7d9c6b5f48", "version": "v1"},
            "annotations": {
                "prometheus.io/scrape": "true",
                "sidecar.istio.io/status": '{"containers":["istio-proxy"]}',
            },
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": name.rsplit("-", 1)[0],
                    "uid": f"{i % 400:08x}-0000-4000-8000-000000000001",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
            "managedFields": [
                managed("kube-controller-manager", fields),
                managed("kubelet", [*fields, "phase", "podIP"]),
            ],
        },
        "spec": {
            "volumes": [
                {"name": "data", "emptyDir": {}},
                {"name": "tmp", "emptyDir": {}},
                {
                    "name": "kube-api-access",
                    "projected": {
                        "defaultMode": 420,
                        "sources": [
                            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                        ],
                    },
                },
            ],
            "containers": [container("app", 8080, 4), container("istio-proxy", 15090, 8)],
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": f"checkout-{i % 400}",
            "serviceAccount": f"checkout-{i % 400}",
            "nodeName": f"node-{i % 200}",
            "securityContext": {"fsGroup": 1337},
            "schedulerName": "default-scheduler",
            "priority": 0,
            "enableServiceLinks": True,
            "preemptionPolicy": "PreemptLowerPriority",
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": t, "status": "True", "lastTransitionTime": now} for t in states],
            "hostIP": "10.0.0.1",
            "podIP": f"10.1.{i // 250 % 250}.{i % 250}",
            "startTime": now,
            "containerStatuses": [told("app"), told("istio-proxy")],
            "qosClass": "Burstable",
        },
    }


def serve(pods: int) -> None:
    """Say where it listens, then answer pages until standard input ends."""
    pages = []
    for start in range(0, pods, PAGE):
        end = min(start + PAGE, pods)
        meta = {"resourceVersion": "2000000"} | ({"continue": str(end)} if end < pods else {})
        value = {"kind": "PodList", "apiVersion": "v1", "metadata": meta, "items": [pod(i) for i in range(start, end)]}
        pages.append(json.dumps(value, separators=(",", ":")).encode())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            start = int(parse_qs(urlsplit(self.path).query).get("continue", ["0"])[0])
            body = pages[start // PAGE]
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(
        json.dumps({"url": f"http://127.0.0.1:{server.server_address[1]}", "bytes": sum(map(len, pages))}), flush=True
    )
    sys.stdin.read()


def ours(url: str) -> Callable[[], int]:
    from mistrust.cluster.client import Client
    from mistrust.cluster.connection import Connection
    from mistrust.cluster.kubeconfig import Cluster, User
    from mistrust.kube.pods import Pod

    client = Client(Connection("bench", Cluster(server=url), User()))
    return lambda: len(client.list("/api/v1/pods", Pod, page=PAGE).items)


def official(url: str) -> Callable[[], int]:
    from kubernetes import client

    configuration = client.Configuration()
    configuration.host = url
    api = client.CoreV1Api(client.ApiClient(configuration))

    def listed() -> int:
        pods, token = [], None
        while True:
            page = api.list_pod_for_all_namespaces(limit=PAGE, _continue=token)
            pods += page.items
            token = page.metadata._continue
            if not token:
                return len(pods)

    return listed


def measure(client: Callable[[str], Callable[[], int]], url: str) -> None:
    listed = client(url)
    began, wall = time.process_time(), time.perf_counter()
    found = listed()
    cpu, wall = time.process_time() - began, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"pods": found, "cpu": cpu, "wall": wall, "peak": peak}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=os.environ.get("KUBERNETES_PYTHON"))
    parser.add_argument("--pods", type=int, default=20_000)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=2, metavar=("CLIENT", "URL"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.pods)
        return 0
    if args.measure:
        measure({"ours": ours, "official": official}[args.measure[0]], args.measure[1])
        return 0
    runs = {"ours": sys.executable}
    if args.peer_python:
        runs["official"] = args.peer_python
    else:
        print("the official client is not installed: set KUBERNETES_PYTHON or --peer-python")
    command = [sys.executable, __file__, "--serve", "--pods", str(args.pods)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        said = json.loads(server.stdout.readline())
        print(f"{args.pods:,} pods, {said['bytes'] / args.pods / 1000:.1f} kB each")
        results = {}
        for name, python in runs.items():
            measured = subprocess.check_output([python, __file__, "--measure", name, said["url"]])
            results[name] = r = json.loads(measured)
            assert r["pods"] == args.pods
            print(f"{name:10} {r['cpu']:7.2f} s CPU {r['wall']:7.2f} s {r['peak']:7.0f} MB")
    if "official" in results:
        a, b = results["official"], results["ours"]
        print(f"ratio      {a['cpu'] / b['cpu']:7.1f} x {a['peak'] / b['peak']:19.1f} x memory")
    return 0


if __name__ == "__main__":
    sys.exit(main())
