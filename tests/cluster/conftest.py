from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest

from mistrust.cluster.client import Client, Limits
from mistrust.cluster.connection import Connection
from mistrust.cluster.kubeconfig import Cluster, User
from tests.cluster.loopback import Answer, Certificates, Server, make_certificates

QUICK = Limits(backoff=0.005, connect=5, read=5)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    if shutil.which("openssl") is None:
        pytest.skip("certificates are made with the openssl command, which is not here")
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """serve(answer, tls context) -> a running server, stopped after the test."""
    running: list[Server] = []

    def start(answer: Answer, context: object = None) -> Server:
        running.append(Server(answer, context))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def client_of(serve: Callable[..., Server]) -> Callable[..., tuple[Client, Server]]:
    """client_of(answer) -> a client of a plain http server, and the server."""

    def start(answer: Answer, limits: Limits = QUICK) -> tuple[Client, Server]:
        server = serve(answer)
        return Client(Connection("test", Cluster(server=server.url), User()), limits=limits, environ={}), server

    return start
