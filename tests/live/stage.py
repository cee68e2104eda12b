"""Attackers on a real server: service accounts with some rules, what stands around them, and their requests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from mistrust.paths.step import Example
from tests.controlplane.client import Client, RequestError
from tests.controlplane.server import ControlPlane
from tests.live.requests.request import Outcome, Plain, Request, Tried, Way, filled

RBAC = "rbac.authorization.k8s.io"
HOME = "shop"
"""What the catalog's examples call the attacker's namespace."""
OWN = "the-attackers"
"""What the engine calls the attacker's role."""
ATTACKER = "attacker"
NAME = re.compile(r"[a-z0-9.:-]+")


@dataclass(frozen=True)
class Attempt:
    """A request that was sent, and what became of it."""

    sent: Request
    outcome: Outcome
    said: str

    def __str__(self) -> str:
        return f"{self.outcome}: {self.sent}: {self.said}"


Attempts = list[Attempt]
"""The requests of a way, until one did not succeed."""


def succeeded(way: Attempts) -> bool:
    return way[-1].outcome is Outcome.DONE


@dataclass(frozen=True)
class Stage:
    """Where examples take place: a namespace of their own, and what stands there."""

    server: ControlPlane
    home: str
    ns: str
    names: tuple[str, ...]

    def tried(self, tried: Tried, attacker: str = ATTACKER) -> Iterator[Attempts]:
        """Every way, for every name that the attacker might pick."""
        client = self.server.as_service_account(self.home, attacker)
        own = f"{self.home}-{attacker}"
        try:
            for name in self.names:
                for way in tried.ways:
                    words = {"ns": self.ns, "home": self.home, "own": own, "name": name.replace("{own}", own)}
                    yield self._tries(client, way, words)
        finally:
            client.close()

    def _tries(self, client: Client, way: Way, words: Mapping[str, str]) -> Attempts:
        found: Attempts = []
        for request in way:
            sent = filled(request, **words)
            assert isinstance(sent, Request)
            outcome, reply = self._current(sent).send(client)
            found.append(Attempt(sent, outcome, f"{reply.status} {reply.body.decode(errors='replace')[:300]}"))
            if outcome is not Outcome.DONE:
                break
        return found

    def _current(self, sent: Request) -> Request:
        """A PUT names the version that it replaces, which an attacker reads first, or finds out by trying."""
        if sent.method != "PUT" or not isinstance(sent.body, dict):
            return sent
        there = self.server.admin.request("GET", sent.path)
        if there.status != 200:
            return sent
        metadata = {**sent.body["metadata"], "resourceVersion": there.at("metadata", "resourceVersion")}
        return replace(sent, body={**sent.body, "metadata": metadata})


@contextmanager
def stage(server: ControlPlane, home: str, tried: Tried, examples: Mapping[str, Example]) -> Iterator[Stage]:
    """Make examples true that differ in their rules only, with their namespace `shop` called `home`: each has an
    attacker, a service account with the name that it is given.

    Kinds that the server does not have are left out. What is in no namespace, or in one that is not the examples' own,
    is taken away again; the rest goes with the server.
    """
    first = next(iter(examples.values()))
    ns = home if first.namespace in ("", HOME) else first.namespace
    written = {name: _rules(home, name, example) for name, example in examples.items()}
    objects = _translated(home, first.objects)
    names = _names(tried, written if len(written) == 1 else {}, home)
    labels = [o["metadata"].get("labels") for o in objects if o["kind"] == "Namespace"]
    server.namespace(home, *labels)
    stands = [standing for name in names for standing in standings(tried, ns=ns, home=home, name=name)]
    made: list[Plain] = []
    try:
        for name, rules in written.items():
            space = examples[name].namespace
            made += _created(server, attacker(home, name, rules, home if space == HOME else space))
        made += _created(server, (*stands, *objects))
        server.settle()
        yield Stage(server, home, ns, names)
    finally:
        for manifest in reversed(made):
            if manifest["metadata"].get("namespace") != home:  # type: ignore[attr-defined]
                server.admin.delete(manifest)


def standings(tried: Tried, **words: str) -> Iterator[Plain]:
    """The objects that have to be there for the requests to do anything; nobody's own role among them."""
    for stands in (s for way in tried.ways for r in way for s in r.stands):
        manifest = filled(stands, **words)
        assert isinstance(manifest, dict)
        if "{own}" not in str(manifest):
            yield manifest


def attacker(home: str, name: str, rules: Sequence[Plain], namespace: str) -> Iterator[Plain]:
    """A service account, and a role that is bound to it in a namespace or everywhere."""
    subject: Plain = {"kind": "ServiceAccount", "namespace": home, "name": name}
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": home, "name": name}}
    if not rules:
        return
    kind = "Role" if namespace else "ClusterRole"
    role = f"{home}-{name}"
    metadata = {"name": role, **({"namespace": namespace} if namespace else {})}
    head: Plain = {"apiVersion": f"{RBAC}/v1", "metadata": metadata}
    ref = {"apiGroup": RBAC, "kind": kind, "name": role}
    yield {**head, "kind": kind, "rules": rules}
    yield {**head, "kind": f"{kind}Binding", "roleRef": ref, "subjects": [subject]}


def _translated(home: str, plain: Sequence[object]) -> list[Plain]:
    found = json.loads(re.sub(rf"\b{HOME}\b", home, json.dumps(plain)))
    assert isinstance(found, list)
    return found


def _rules(home: str, name: str, example: Example) -> list[Plain]:
    return [
        {key: [str(v).replace(OWN, f"{home}-{name}") for v in values] for key, values in rule.items()}  # type: ignore[attr-defined]
        for rule in _translated(home, example.rules)
    ]


def _names(tried: Tried, rules: Mapping[str, Sequence[Plain]], home: str) -> tuple[str, ...]:
    """The attacker's first choice, and what the rules name."""
    written = (n for several in rules.values() for rule in several for n in rule.get("resourceNames", ()))  # type: ignore[attr-defined]
    first = str(filled(tried.name, ns=home))
    return tuple(dict.fromkeys((first, *(n for n in written if tried.free and NAME.fullmatch(n)))))


def _created(server: ControlPlane, manifests: Iterable[Plain]) -> Iterator[Plain]:
    """Those that were not there already, and can be of use here."""
    for manifest in manifests:
        if manifest["kind"] == "Namespace" or _sketched(manifest):
            continue
        try:
            reply = server.admin.create(manifest)
        except RequestError:  # the server does not have the kind
            continue
        space = manifest["metadata"].get("namespace")  # type: ignore[attr-defined]
        if reply.status == 404 and space:
            server.namespace(space)
            reply = server.admin.create(manifest)
        if reply.status == 201:
            yield manifest
        elif reply.status != 409:
            raise RequestError(f"{server.admin.path(manifest)}: {reply.status} {reply.message}")


def _sketched(manifest: Plain) -> bool:
    """Definitions of custom resources say no more in the examples than what they define."""
    spec = manifest.get("spec")
    return manifest["kind"] == "CustomResourceDefinition" and isinstance(spec, dict) and "versions" not in spec
