"""The API of one server as one identity, over one connection that stays open."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import msgspec

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class RequestError(Exception):
    """The server answered with an error where success was wanted."""


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes

    def at(self, *path: str | int) -> object:
        """A value inside the JSON body: `reply.at("status", "allowed")`; None where a field is absent."""
        value: object = msgspec.json.decode(self.body)
        for step in path:
            match value, step:
                case dict(), str():
                    value = value.get(step)
                case list(), int():
                    value = value[step]
                case _:
                    return None
        return value

    @property
    def message(self) -> str:
        return str(self.at("message"))


@dataclass(frozen=True, order=True)
class Resource:
    """What discovery says of one resource of one version; a subresource is `pods/log`."""

    group: str
    version: str
    resource: str
    kind: str
    namespaced: bool
    verbs: tuple[str, ...]


class Client:
    """Requests to one server. Not for two threads at once: take one client for each."""

    def __init__(
        self, server: str, ca: Path, certificate: tuple[Path, Path] | None = None, token: str | None = None
    ) -> None:
        self._context = ssl.create_default_context(cafile=ca)
        if certificate:
            self._context.load_cert_chain(*certificate)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._connection = http.client.HTTPSConnection(urlsplit(server).netloc, context=self._context, timeout=60)
        self._resources: tuple[Resource, ...] = ()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """The server's reply, whatever its status. `body` is anything JSON can hold, or bytes as they are."""
        data = body if isinstance(body, bytes) or body is None else msgspec.json.encode(body)
        sent = {"Content-Type": content_type, **self._headers, **(headers or {})}
        fresh = self._connection.sock is None
        try:
            self._connection.request(method, path, data, sent)
            response = self._connection.getresponse()
        except (http.client.RemoteDisconnected, ssl.SSLEOFError, BrokenPipeError, ConnectionResetError):
            self._connection.close()
            if fresh:
                raise
            # An idle connection was closed by the server before it saw the request.
            return self.request(method, path, body, content_type, headers)
        return Reply(response.status, response.read())

    def expect(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Reply:
        """The same; anything but success raises `RequestError`."""
        reply = self.request(method, path, body, content_type)
        if not 200 <= reply.status < 300:
            raise RequestError(f"{method} {path}: {reply.status} {reply.body.decode(errors='replace')}")
        return reply

    def resources(self) -> tuple[Resource, ...]:
        """Everything the server serves, from discovery, sorted."""
        found: list[Resource] = []
        for root in ("/api", "/apis"):
            reply = self.request("GET", root, headers={"Accept": AGGREGATED})
            for group in msgspec.json.decode(reply.body, type=_Groups).items:
                found += _of_group(group)
        return tuple(sorted(found))

    def path(self, manifest: Mapping[str, object]) -> str:
        """The URL path of the object that a manifest describes."""
        group, _, version = str(manifest["apiVersion"]).rpartition("/")
        wanted = (group, version, manifest["kind"])
        for fresh in (False, True):
            if fresh or not self._resources:
                self._resources = self.resources()
            for found in self._resources:
                if (found.group, found.version, found.kind) == wanted and "/" not in found.resource:
                    return object_path(found, manifest)
        raise RequestError(f"the server has no kind {manifest['kind']} in {manifest['apiVersion']}")

    def apply(self, *manifests: Mapping[str, object]) -> None:
        """Create or replace objects, in order, as `kubectl apply --server-side --force-conflicts` does."""
        for manifest in manifests:
            self.expect(
                "PATCH",
                f"{self.path(manifest)}?fieldManager=mistrust&force=true",
                manifest,
                "application/apply-patch+yaml",
            )

    def create(self, manifest: Mapping[str, object]) -> Reply:
        """POST the object; the reply says what the server made of it."""
        collection, _, _ = self.path(manifest).rpartition("/")
        return self.request("POST", collection, manifest)

    def delete(self, *manifests: Mapping[str, object]) -> None:
        """Delete objects; one that is gone already is no error."""
        for manifest in manifests:
            reply = self.request("DELETE", self.path(manifest))
            if reply.status not in {200, 202, 404}:
                raise RequestError(f"DELETE {self.path(manifest)}: {reply.status} {reply.message}")

    def close(self) -> None:
        self._connection.close()


def object_path(resource: Resource, manifest: Mapping[str, object]) -> str:
    root = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    metadata = manifest["metadata"]
    assert isinstance(metadata, Mapping), f"metadata of {manifest['kind']} is {metadata!r}, want a mapping"
    namespace = f"/namespaces/{metadata.get('namespace') or 'default'}" if resource.namespaced else ""
    return f"{root}{namespace}/{resource.resource}/{quote(str(metadata.get('name', '')), safe='')}"


class _Kind(msgspec.Struct, rename="camel"):
    kind: str = ""


class _Subresource(msgspec.Struct, rename="camel"):
    subresource: str
    response_kind: _Kind | None = None
    verbs: Sequence[str] = ()


class _Resource(msgspec.Struct, rename="camel"):
    resource: str
    scope: str
    response_kind: _Kind | None = None
    verbs: Sequence[str] = ()
    subresources: Sequence[_Subresource] = ()


class _Version(msgspec.Struct):
    version: str
    resources: Sequence[_Resource] = ()


class _Metadata(msgspec.Struct):
    name: str = ""


class _Group(msgspec.Struct):
    metadata: _Metadata
    versions: Sequence[_Version] = ()


class _Groups(msgspec.Struct):
    items: Sequence[_Group]


def _of_group(group: _Group) -> Iterator[Resource]:
    for version in group.versions:
        for each in version.resources:
            parts = [(each.resource, each.response_kind, each.verbs)]
            parts += [(f"{each.resource}/{sub.subresource}", sub.response_kind, sub.verbs) for sub in each.subresources]
            for name, kind, verbs in parts:
                yield Resource(
                    group.metadata.name,
                    version.version,
                    name,
                    kind.kind if kind else "",
                    each.scope == "Namespaced",
                    tuple(sorted(verbs)),
                )
