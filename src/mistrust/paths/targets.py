"""What a step's success stands for in the graph: the nodes that its gain, its namespace and its names mean."""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.layers.identity.subjects import NODE, account, group, user
from mistrust.paths.graph import Key
from mistrust.paths.inventory import CONTROL_PLANE, Inventory
from mistrust.paths.needs import Span, role_kind
from mistrust.paths.rights import CLUSTER
from mistrust.paths.step import Gain, Step

SINKS = frozenset({Gain.MITM, Gain.ADMISSION_BYPASS, Gain.CLOUD, Gain.PERSISTENCE, Gain.LEAK, Gain.DISRUPTION})
"""Gains that lead no further here."""


class Targets:
    """Answers the nodes that are gained, from names as rules write them."""

    def __init__(self, inv: Inventory, secrets: frozenset[Key]) -> None:
        """`secrets` are nodes of Secrets that matter although they hold no token."""
        self.inv = inv
        self._secrets = secrets | {("secret", s.namespace, s.name) for s in inv.token_secrets.values()}
        self._by_name: dict[str, list[str]] = {}
        for ns, name in inv.accounts:
            self._by_name.setdefault(name, []).append(ns)
        self._pods: dict[str, list[int]] = {}
        for i, w in enumerate(inv.workloads):
            for name in {p.name for p in w.pods} | {w.ref.name}:
                self._pods.setdefault(name, []).append(i)

    def of(self, step: Step, scope: str, span: Span) -> Iterator[Key]:
        """The nodes for a step that succeeded in a namespace (`CLUSTER`: everywhere) for these names."""
        gain, names = step.gains, frozenset(step.targets) or span.named
        if span.every and not step.targets:
            yield from self._all(step, scope)
        for name in sorted(names):
            match gain:
                case Gain.SERVICE_ACCOUNT:
                    yield from self._accounts(name, scope)
                case Gain.USER:
                    yield self._user(name)
                case Gain.GROUP:
                    yield identity("Group", name)
                case Gain.POD:
                    yield from self._named_pods(name, scope)
                case Gain.NODE | Gain.NODE_PODS | Gain.NODE_IDENTITY:
                    yield from self._nodes(str(gain), name.removeprefix(NODE))
                case Gain.SECRETS:
                    yield from self._named_secrets(name, scope)
                case Gain.NAMESPACE_ADMIN | Gain.NAMESPACE_LABELS:
                    if name in self.inv.namespaces and scope in (CLUSTER, name):
                        yield ("gain", str(gain), name)
                case Gain.ROLE | Gain.REWRITE_ROLE:
                    return
                case _:
                    yield from self._all(step, scope)
                    return

    def _all(self, step: Step, scope: str) -> Iterator[Key]:
        match step.gains:
            case Gain.CLUSTER_ADMIN:
                yield (str(Gain.CLUSTER_ADMIN),)
            case Gain.NODE | Gain.NODE_PODS | Gain.NODE_IDENTITY:
                yield (str(step.gains), CLUSTER)
            case Gain.ANY_IDENTITY | Gain.USER | Gain.GROUP:
                yield ("gain", str(step.gains), CLUSTER)
            case Gain.ROLE:
                if role_kind(step) == "ClusterRole":  # cluster-admin is one of them
                    cluster = scope == CLUSTER and step.scope == "cluster"
                    yield (str(Gain.CLUSTER_ADMIN),) if cluster else ("gain", str(Gain.NAMESPACE_ADMIN), scope)
            case Gain.REWRITE_ROLE:
                return
            case gain:
                yield ("gain", str(gain), scope)

    def _accounts(self, name: str, scope: str) -> Iterator[Key]:
        ns, slash, own = name.rpartition("/")
        spaces = [ns] if slash else self._by_name.get(own, []) if scope == CLUSTER else [scope]
        for space in spaces:
            if (space, own) in self.inv.accounts:
                yield identity("User", account(space, own).name)

    def _user(self, name: str) -> Key:
        return identity("User", user(name).name)

    def _named_pods(self, name: str, scope: str) -> Iterator[Key]:
        ns, slash, own = name.rpartition("/")
        for i in self._pods.get(own, ()):
            space = self.inv.workloads[i].namespace
            if space == ns if slash else scope in (CLUSTER, space):
                yield ("pod", i)

    def _nodes(self, kind: str, name: str) -> Iterator[Key]:
        if name == CONTROL_PLANE and self.inv.nodes:
            yield from ((kind, n) for n in sorted(self.inv.control_plane))
        elif name in self.inv.nodes or not self.inv.nodes:
            yield (kind, name)

    def _named_secrets(self, name: str, scope: str) -> Iterator[Key]:
        ns, slash, own = name.rpartition("/")
        if slash or scope != CLUSTER:
            key: Key = ("secret", ns if slash else scope, own)
            if key in self._secrets:
                yield key
            return
        yield from (k for k in sorted(self._secrets, key=str) if k[2] == own)


def identity(kind: str, name: str) -> Key:
    """The key of a user or group."""
    return ("identity", kind, name)


def group_key(name: str) -> Key:
    """The key of a group."""
    return identity("Group", group(name).name)
