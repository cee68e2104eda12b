"""Start the control plane, be anyone on it, and ask it who may do what.

The way to a differential test:

    with start() as controlplane:
        spec = {"user": "ann", "resourceAttributes": {"verb": "list", "resource": "pods", "namespace": "shop"}}
        assert controlplane.reviews([role, binding], [spec]) == [True]
        controlplane.reset()
"""

from __future__ import annotations

import selectors
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tests.controlplane.build import binary
from tests.controlplane.client import Client, RequestError

RBAC = "rbac.authorization.k8s.io"
CONNECTIONS = 4  # twice as quick as one, and more is no quicker
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

Manifest = Mapping[str, object]


@dataclass(frozen=True)
class Credentials:
    """A certificate signed by the server's authority, and the same as a kubeconfig file."""

    certificate: Path
    key: Path
    kubeconfig: Path


@dataclass
class ControlPlane:
    """A running server: `server` is its URL, `kubeconfig` the administrator's, `admin` a client in system:masters."""

    directory: Path
    server: str
    kubeconfig: Path
    process: subprocess.Popen[bytes]
    created: list[Manifest] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.admin = self.as_admin()

    @property
    def ca(self) -> Path:
        return self.directory / "ca.crt"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    def issue(self, user: str, *groups: str, hosts: Sequence[str] = ()) -> Credentials:
        """A certificate for any user and groups; with `hosts` it can also serve a webhook at those names."""
        prefix = self.directory / "issued" / uuid.uuid4().hex
        prefix.parent.mkdir(exist_ok=True)
        command: list[str | Path] = [binary(), "cert", "--dir", self.directory, "--out", prefix, f"--user={user}"]
        command += [f"--group={group}" for group in groups] + [f"--host={host}" for host in hosts]
        subprocess.run(command, check=True)
        return Credentials(*(prefix.with_suffix(suffix) for suffix in (".crt", ".key", ".kubeconfig")))

    def as_admin(self) -> Client:
        """One more client in system:masters: a client is not for two threads."""
        return Client(self.server, self.ca, (self.directory / "admin.crt", self.directory / "admin.key"))

    def as_user(self, user: str, *groups: str) -> Client:
        """A client with a certificate of that user; the server adds system:authenticated."""
        issued = self.issue(user, *groups)
        return Client(self.server, self.ca, (issued.certificate, issued.key))

    def token(self, namespace: str, account: str) -> str:
        """A fresh token of a ServiceAccount, by TokenRequest."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        return str(self.admin.expect("POST", path, {}).at("status", "token"))

    def as_service_account(self, namespace: str, account: str) -> Client:
        return Client(self.server, self.ca, token=self.token(namespace, account))

    def as_anonymous(self) -> Client:
        return Client(self.server, self.ca)

    def namespace(self, name: str, labels: Mapping[str, str] | None = None) -> str:
        """A namespace in which pods can be created: waits for its default ServiceAccount."""
        self.admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}})
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        until(lambda: self.admin.request("GET", account).status == 200, f"{account} exists")
        return name

    def reviews(self, objects: Iterable[Manifest], specs: Iterable[Mapping[str, object]]) -> list[bool]:
        """Create RBAC objects, then ask one SubjectAccessReview for each spec: was it allowed?

        Namespaces that the objects need are created. The objects stay, and are added to by the next call, until
        `reset`. An object that exists already, a default role for example, raises `RequestError`, and so does a spec
        that the server finds malformed.
        """
        for manifest in objects:
            self._create(manifest)
        self.settle()
        asked = list(specs)
        answers = [False] * len(asked)

        def ask(start: int) -> None:
            with closing(self.as_admin()) as client:
                for at in range(start, len(asked), CONNECTIONS):
                    answers[at] = _allowed(client, asked[at])

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(ask, range(CONNECTIONS)))
        return answers

    def allowed(self, spec: Mapping[str, object]) -> bool:
        """The server's answer to one SubjectAccessReview spec."""
        return _allowed(self.admin, spec)

    def reset(self) -> None:
        """Delete what `reviews` created, namespaces excepted: they grant nothing."""
        self.admin.delete(*self.created)
        self.created.clear()
        self.settle()

    def settle(self) -> None:
        """Wait until the authorizer has seen every RBAC object written so far.

        It watches the four kinds separately, each in order, so it has seen all when it has seen a last mark in each.
        """
        mark = uuid.uuid4().hex
        self.admin.apply(*_marks(mark))
        asked = {"group": "settled.mistrust", "verb": mark}
        cluster = {"user": mark, "resourceAttributes": {**asked, "resource": "marks"}}
        namespaced = {"user": mark, "resourceAttributes": {**asked, "resource": "local", "namespace": "default"}}
        until(lambda: self.allowed(cluster) and self.allowed(namespaced), "the authorizer sees the last RBAC write")

    def stop(self) -> None:
        """End the server before the block of `start` does; a second call does nothing."""
        self.admin.close()
        _end(self.process)

    def _create(self, manifest: Manifest) -> None:
        reply = self.admin.create(manifest)
        if reply.status == 404:
            metadata = manifest["metadata"]
            assert isinstance(metadata, Mapping)
            self.admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": metadata["namespace"]}})
            reply = self.admin.create(manifest)
        if reply.status != 201:
            raise RequestError(f"{self.admin.path(manifest)}: {reply.status} {reply.message}")
        self.created.append(manifest)


@contextmanager
def start(
    *flags: str,
    directory: Path | None = None,
    authorization_mode: str = "Node,RBAC",
    controllers: Sequence[str] | None = None,
) -> Iterator[ControlPlane]:
    """A control plane that is ready, and that ends with the block; `flags` go to kube-apiserver.

    `directory` keeps its data and can be started again; without one it is temporary. `controllers` names the
    controllers of kube-controller-manager to run, `()` none; the default is those that decide who may do what.
    Raises `RuntimeError`, with the end of the log, where the server ends or is not ready within two minutes.
    """
    program = binary()
    root = directory or Path(tempfile.mkdtemp(prefix="controlplane-"))
    root.mkdir(parents=True, exist_ok=True)
    command: list[str | Path] = [program, "serve", "--dir", root, "--exit-with-stdin"]
    command.append(f"--authorization-mode={authorization_mode}")
    if controllers is not None:
        command.append(f"--controllers={','.join(controllers)}")
    try:
        with (
            (root / "log").open("wb") as log,
            subprocess.Popen(
                [*command, "--", *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            ) as process,
        ):
            try:
                ready = _ready(process, root / "log")
                yield ControlPlane(root, ready.server, Path(ready.kubeconfig), process)
            finally:
                _end(process)
    finally:
        if directory is None:
            shutil.rmtree(root)


class _Ready(msgspec.Struct):
    server: str
    kubeconfig: str


class _Status(msgspec.Struct):
    allowed: bool


class _Review(msgspec.Struct):
    status: _Status


def _allowed(client: Client, spec: Mapping[str, object]) -> bool:
    reply = client.expect("POST", REVIEWS, {"spec": spec})
    return msgspec.json.decode(reply.body, type=_Review).status.allowed


def _ready(process: subprocess.Popen[bytes], log: Path, seconds: float = 120) -> _Ready:
    assert process.stdout
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(seconds) else b""
    if not line:
        raise RuntimeError(f"the control plane did not become ready:\n{log.read_text(errors='replace')[-2000:]}")
    return msgspec.json.decode(line, type=_Ready)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def _marks(mark: str) -> Iterator[Manifest]:
    for prefix, resource in (("Cluster", "marks"), ("", "local")):
        metadata = {"name": "mistrust-settled", **({} if prefix else {"namespace": "default"})}
        head = {"apiVersion": f"{RBAC}/v1", "metadata": metadata}
        rule = {"apiGroups": ["settled.mistrust"], "resources": [resource], "verbs": [mark]}
        yield {**head, "kind": f"{prefix}Role", "rules": [rule]}
        yield {
            **head,
            "kind": f"{prefix}RoleBinding",
            "subjects": [{"kind": "User", "apiGroup": RBAC, "name": mark}],
            "roleRef": {"apiGroup": RBAC, "kind": f"{prefix}Role", "name": "mistrust-settled"},
        }


def until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait for what a controller or a watch will bring; `TimeoutError` names it."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds:g} s it was still not so that {what}")
        time.sleep(0.005)
