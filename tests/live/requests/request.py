"""One request of an attacker, and the ways in which requests make a step.

Texts may hold `{ns}`, the namespace that the attack is about, `{name}`, the object that the attacker picks, `{home}`,
the namespace of the attacker's own service account, and `{own}`, the role that it is bound to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import product

from tests.controlplane.client import Client, Reply

Plain = dict[str, object]

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
NAMED = "fieldSelector=metadata.name%3D{name}"
"""With it a list has a name to be authorized by."""
WATCH = "watch=true&resourceVersion=none"
AT_ONCE = frozenset({500})
"""The answer to a watch from no version: a watch that can be served would take its time."""


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"
    """By an authorizer, or by admission: 403."""
    OTHERWISE = "otherwise"
    """Nothing was done, and nobody said that it was forbidden."""


@dataclass(frozen=True)
class Request:
    """One request. Writes are tried with `dryRun=All`, which authorization, the escalation checks and admission treat
    like any other, unless `dry` is False."""

    method: str
    path: str
    body: object = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    dry: bool = True
    beyond: frozenset[int] = frozenset()
    """Statuses that the server gives only after it has authorized the request: it lacks a kubelet, or the kind."""
    shows: tuple[Sequence[str], object] | None = None
    """Where in the answer success can be seen, and what stands there (or in the list there)."""
    stands: tuple[Plain, ...] = ()
    """What has to be there for the request to do anything."""

    def send(self, client: Client) -> tuple[Outcome, Reply]:
        """What became of it."""
        writes = self.dry and self.method != "GET"
        path = f"{self.path}{'&' if '?' in self.path else '?'}dryRun=All" if writes else self.path
        reply = client.request(self.method, path, self.body, self.content_type, self.headers)
        if reply.status == 403:
            return Outcome.REFUSED, reply
        if reply.status in self.beyond:
            return Outcome.DONE, reply
        if not 200 <= reply.status < 300:
            return Outcome.OTHERWISE, reply
        if self.shows:
            path_, wanted = self.shows
            found = reply.at(*path_)
            if not (wanted in found if isinstance(found, list) else found == wanted):
                return Outcome.REFUSED, reply
        return Outcome.DONE, reply

    def __str__(self) -> str:
        said = "".join(f" {key}: {value}" for key, value in self.headers.items())
        return f"{self.method} {self.path}{said}"


Way = tuple[Request, ...]
"""All of them, by one identity."""
Ways = tuple[Way, ...]
"""Any of them."""


@dataclass(frozen=True)
class Thing:
    """A kind of object, and one of them."""

    collection: str
    manifest: Plain

    def renamed(self, name: str) -> Plain:
        metadata = self.manifest["metadata"]
        assert isinstance(metadata, dict)
        return {**self.manifest, "metadata": {**metadata, "name": name}}


@dataclass(frozen=True)
class Tried:
    """How a step is tried."""

    ways: Ways
    name: str = "web"
    """What the attacker picks, besides what the rules say in `resourceNames`."""
    free: bool = True
    """False where nothing else will do."""
    names: Mapping[str, str] = field(default_factory=dict)
    """The same for single resources of the step's needs, where they are not named alike."""
    rest: str = ""
    """The part of the step that comes after the requests, and that no API server can show."""


def on(
    verbs: str,
    thing: Thing,
    sub: str = "",
    *,
    patch: object = None,
    patched_as: str = MERGE,
    body: Plain | None = None,
    beyond: Iterable[int] = (),
    stands: bool = True,
) -> Ways:
    """One way for each verb of RBAC, on one object or its subresource. `patch` and `body` are what is written."""
    whole = body or thing.manifest
    folder = thing.collection
    one = f"{folder}/{{name}}{f'/{sub}' if sub else ''}"
    there = (thing.manifest,) if stands else ()
    new = {**whole, "metadata": thing.renamed("{name}-new")["metadata"]}
    found = {
        "create": Request("POST", one, whole, stands=there) if sub else Request("POST", folder, new),
        "update": Request("PUT", one, whole, stands=there),
        "patch": Request("PATCH", one, patch or whole, patched_as, stands=there),
        "delete": Request("DELETE", one, stands=there),
        "deletecollection": Request("DELETE", f"{folder}?labelSelector=no%3Dsuch"),
        "get": Request("GET", one, stands=there),
        "list": Request("GET", folder),
        "list one": Request("GET", f"{folder}?{NAMED}"),
        "watch": Request("GET", f"{folder}?{WATCH}", beyond=AT_ONCE),
        "watch one": Request("GET", f"{folder}?{NAMED}&{WATCH}", beyond=AT_ONCE),
    }
    asked = [each for verb in verbs.split(",") for each in found if each.split()[0] == verb]
    return tuple((replace(found[each], beyond=found[each].beyond | frozenset(beyond)),) for each in asked)


def standing(manifest: Plain, ways: Ways) -> Ways:
    """The same, where an object stands that they are about."""
    return tuple((replace(first, stands=(manifest, *first.stands)), *others) for first, *others in ways)


def one(
    method: str,
    path: str,
    body: object = None,
    content_type: str = "application/json",
    *,
    headers: Mapping[str, str] | None = None,
    beyond: Iterable[int] = (),
    shows: tuple[Sequence[str], object] | None = None,
    stands: tuple[Plain, ...] = (),
    real: bool = False,
) -> Ways:
    """One way of one request."""
    return ((Request(method, path, body, content_type, headers or {}, not real, frozenset(beyond), shows, stands),),)


def may(verb: str, group: str, resource: str, name: str = "") -> Ways:
    """The question that the server, a controller or the kubelet asks about the attacker."""
    kind, _, sub = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": kind, "subresource": sub, "name": name}
    return one(
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        },
        shows=(("status", "allowed"), True),
        real=True,
    )


def either(*several: Ways) -> Ways:
    """Any of them."""
    return tuple(way for ways in several for way in ways)


def both(*several: Ways) -> Ways:
    """One of each."""
    return tuple(tuple(r for way in chosen for r in way) for chosen in product(*several))


def filled(value: object, **words: str) -> object:
    """A manifest, a path or a whole request with its words in place."""
    match value:
        case str():
            for word, text in words.items():
                value = value.replace(f"{{{word}}}", text)
            return value
        case dict():
            return {filled(k, **words): filled(v, **words) for k, v in value.items()}
        case list() | tuple():
            return type(value)(filled(v, **words) for v in value)
        case Request():
            return replace(value, **{key: filled(each, **words) for key, each in vars(value).items()})  # type: ignore[arg-type]
        case _:
            return value
