"""A thin client of one API server: GET, lists, watches, discovery. It never writes.

An answer is retried where that is safe and useful: connection errors, 429 and the 5xx that pass, with Retry-After
honoured and every wait bounded. Credentials go to the server of the context alone, whatever it redirects to.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec
import urllib3

from mistrust.cluster import discovery, listing, watching
from mistrust.cluster.connection import Connection, connection
from mistrust.cluster.credentials import Credential, Pair, Source, impersonation, source
from mistrust.cluster.kubeconfig import Cluster
from mistrust.cluster.refusal import RefusedError, TooLargeError, UnauthorizedError, UnreachableError, refusal
from mistrust.cluster.secret import printable
from mistrust.cluster.tls import pool
from mistrust.kube.errors import RemoteError
from mistrust.kube.kubeconfig import KubeconfigInUse
from mistrust.kube.meta import NO_STRINGS, Metadata
from mistrust.kube.problem import Problem

T = TypeVar("T")
R = TypeVar("R")
JSON = "application/json"
Query = Mapping[str, str]
_PASSING = frozenset({429, 500, 502, 503, 504})
_CHUNK = 1 << 20
_REDIRECTS = 3


class Limits(msgspec.Struct, frozen=True):
    """What a server may cost. Times are seconds, sizes are bytes after decompression."""

    connect: float = 10.0
    read: float = 60.0
    """Silence inside an answer."""
    answer: float = 300.0
    """A whole answer, so that a drip is not forever."""
    attempts: int = 5
    backoff: float = 0.2
    """The first wait; each further one is twice as long."""
    patience: float = 120.0
    """All attempts and the waits between them; a Retry-After that is longer is not waited for."""
    page: int = 64 << 20
    event: int = 16 << 20
    """One object of a watch; etcd holds 1.5 MiB unless told otherwise."""


LIMITS = Limits()


class Client:
    """One API server as one user. Threads may share it.

    >>> client = Client.from_context("prod")            # doctest: +SKIP
    >>> client.list("/api/v1/pods", Pod).items          # doctest: +SKIP
    """

    def __init__(
        self,
        to: Connection,
        credentials: Source | None = None,
        limits: Limits = LIMITS,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.name, self.namespace, self.limits = to.name, to.namespace, limits
        self.server, self.remarks = to.cluster.server, _remarks(to.cluster)
        self._to, self._environ = to, environ
        self._source = credentials if credentials is not None else source(to)
        self._impersonation = tuple(impersonation(to.user))
        self._lock = threading.Lock()
        self._pool: tuple[Pair | None, urllib3.PoolManager] | None = None

    @classmethod
    def from_context(
        cls, context: str | None = None, kubeconfig: Path | None = None, limits: Limits = LIMITS
    ) -> Client:
        """The client that `kubectl --context --kubeconfig` would be.

        Raises: InputError and UnsupportedError for a kubeconfig that cannot be used.
        """
        return cls(connection(context, kubeconfig), limits=limits)

    def get(self, path: str, query: Query = NO_STRINGS, accept: str = JSON) -> bytes:
        """The body of a GET. `path` begins with `/api`, `/apis` or another root of the server.

        Raises: RefusedError, of which UnauthorizedError, ForbiddenError, NotFoundError and GoneError; TooLargeError;
        UnreachableError.
        """
        return self._answered(path, query, accept, self._body)

    def list(self, path: str, type_: type[T], *, page: int = 500, query: Query = NO_STRINGS) -> listing.Listing[T]:
        """All objects of a resource, as `listing.collect` reads them."""
        return listing.collect(self.get, path, type_, self.server + path, page=page, query=query)

    def watch(
        self, path: str, type_: type[T], resource_version: str, *, query: Query = NO_STRINGS
    ) -> watching.Watch[T]:
        """The changes since a list, as `watching.Watch` follows them."""
        return watching.Watch(self._open, path, type_, resource_version, self.server + path, query, self.limits.event)

    def shown(self) -> KubeconfigInUse:
        """What is public of this connection: the authority that it trusts, the certificate that it shows."""
        pair = self._source.current().pair
        return KubeconfigInUse(
            metadata=Metadata(name=self.name),
            certificate_authority=self._to.cluster.authority().decode("latin-1"),
            client_certificate=pair.certificate.decode("latin-1") if pair is not None else "",
        )

    def discover(self) -> discovery.Discovery:
        """What the server serves."""
        return discovery.discover(self.get, self.server)

    def version(self) -> discovery.Version:
        """Which Kubernetes the server is."""
        return discovery.version(self.get, self.server)

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            if self._pool is not None:
                self._pool[1].clear()
            self._pool = None

    def __repr__(self) -> str:
        return f"Client({self.name!r}, {self.server!r})"

    def _open(self, path: str, query: Query, silence: float) -> urllib3.BaseHTTPResponse:
        """An answer that is read as it comes, with at most `silence` seconds between two pieces."""
        return self._answered(path, query, JSON, lambda response, _: response, silence)

    def _answered(
        self,
        path: str,
        query: Query,
        accept: str,
        finish: Callable[[urllib3.BaseHTTPResponse, str], R],
        silence: float | None = None,
    ) -> R:
        """The finished answer to a GET, after as many attempts as it takes and the limits allow."""
        where, began, renewed = self.server + path, time.monotonic(), False
        for attempt in range(self.limits.attempts):
            credential, asked = self._source.current(), 0.0
            failure: RemoteError
            try:
                response = self._sent(path, query, accept, credential, silence)
                if response.status == 200:
                    return finish(response, where)
                asked = _retry_after(response)
                failure = refusal(where, response.status, self._said(response, where))
            except (urllib3.exceptions.HTTPError, OSError) as error:
                failure, final = _broken(where, error)
                if final:
                    raise failure from None
            if isinstance(failure, UnauthorizedError) and not renewed and self._source.renew(credential):
                renewed = True
                continue
            if isinstance(failure, RefusedError) and failure.code not in _PASSING:
                raise failure
            wait = max(self.limits.backoff * 2**attempt, asked)
            if attempt + 1 == self.limits.attempts or time.monotonic() - began + wait > self.limits.patience:
                break
            time.sleep(wait)
        raise failure

    def _sent(
        self, path: str, query: Query, accept: str, credential: Credential, silence: float | None
    ) -> urllib3.BaseHTTPResponse:
        """The head of the answer. A redirect is followed on the same server alone."""
        headers = urllib3.HTTPHeaderDict(self._impersonation)
        headers["Accept"], headers["User-Agent"] = accept, "mistrust"
        if silence is None and not self._to.cluster.disable_compression:
            headers["Accept-Encoding"] = "gzip"
        if credential.authorization:
            headers["Authorization"] = credential.authorization.reveal()
        timeout = urllib3.Timeout(connect=self.limits.connect, read=silence or self.limits.read)
        url = f"{self.server}{path}?{urlencode(query)}" if query else self.server + path
        for _ in range(_REDIRECTS + 1):
            response = self._connections(credential).urlopen(
                "GET", url, headers=headers, timeout=timeout, retries=False, redirect=False, preload_content=False
            )
            if response.status not in (301, 302, 303, 307, 308):
                return response
            response.close()
            target = response.headers.get("Location", "")
            if _origin(url, target) != _origin(self.server):
                got = printable(_origin(url, target)[1], 100)
                raise RemoteError("the server redirects to another one", where=self.server + path, got=got)
            url = urljoin(url, target)
        raise RemoteError("the server redirects without end", where=self.server + path)

    def _connections(self, credential: Credential) -> urllib3.PoolManager:
        """The pool; a new one where the client certificate has changed."""
        with self._lock:
            if self._pool is None or self._pool[0] != credential.pair:
                self._pool = (credential.pair, pool(self._to.cluster, credential.pair, self._environ))
            return self._pool[1]

    def _body(self, response: urllib3.BaseHTTPResponse, where: str) -> bytes:
        pieces, size = [], 0
        for piece in self._pieces(response, where):
            pieces.append(piece)
            size += len(piece)
            if size > self.limits.page:
                wanted = f"at most {self.limits.page >> 20} MiB"
                raise TooLargeError("the answer is too large", where=where, wanted=wanted)
        return b"".join(pieces)

    def _said(self, response: urllib3.BaseHTTPResponse, where: str) -> bytes:
        """The body of a refusal, or the beginning of one that is longer than any Status."""
        said = b""
        for piece in self._pieces(response, where):
            said += piece
            if len(said) > 1 << 16:
                break
        return said

    def _pieces(self, response: urllib3.BaseHTTPResponse, where: str) -> Iterator[bytes]:
        deadline = time.monotonic() + self.limits.answer
        with response:
            while piece := response.read1(_CHUNK, decode_content=True):
                yield piece
                if time.monotonic() > deadline:
                    raise UnreachableError(f"the answer took more than {self.limits.answer:g} seconds", where=where)


def _remarks(cluster: Cluster) -> tuple[Problem, ...]:
    if not cluster.server.startswith("https://"):
        said = "the connection to the server is neither encrypted nor authenticated"
    elif cluster.insecure_skip_tls_verify:
        said = "the certificate of the server is not verified (insecure-skip-tls-verify)"
    else:
        return ()
    return (Problem(said, cluster.server, do="anyone on the way can change what this analysis sees", blinds=False),)


def _broken(where: str, error: Exception) -> tuple[UnreachableError, bool]:
    """The error for a connection that failed, and True if trying again cannot help."""
    cause: BaseException = error
    while cause.args and isinstance(cause.args[-1], Exception):
        cause = cause.args[-1]
    what = (
        "no way through the proxy" if isinstance(error, urllib3.exceptions.ProxyError) else "no answer from the server"
    )
    untrusted = isinstance(cause, ssl.SSLCertVerificationError)
    said = cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else str(cause)
    do = "check the certificate authority" if untrusted else "check address and network"
    return UnreachableError(what, where=where, got=printable(said), do=do), untrusted


def _retry_after(response: urllib3.BaseHTTPResponse) -> float:
    """Seconds that the server asks to wait; 0 where it asks nothing (API servers write a number, never a date)."""
    text = response.headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _origin(url: str, relative: str = "") -> tuple[str, str]:
    """Scheme and host of an address, or of what it redirects to; empty for what is no address."""
    try:
        parts = urlsplit(urljoin(url, relative))
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc
