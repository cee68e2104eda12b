"""What a server accepts: the PeerAuthentications that hold for it, combined as sidecars and as ztunnel combine them.

Sources: pilot/pkg/security/authn/policy_applier.go (`ComposePeerAuthentication`), pilot/pkg/model/authentication.go
(`addPeerAuthentication`, `GetNamespaceMutualTLSMode`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.kube.istio import MutualTLS, PeerAuthentication


class Mode(StrEnum):
    """What the server side takes."""

    DISABLE = "DISABLE"
    """Nothing but what the application speaks: the proxy adds nothing."""
    PERMISSIVE = "PERMISSIVE"
    """Mutual TLS and plaintext."""
    STRICT = "STRICT"
    """Mutual TLS alone."""


class Served(msgspec.Struct, frozen=True, gc=False):
    """The mode of one port, and who decided it."""

    mode: Mode
    because: str = ""
    decided_by: tuple[Evidence, ...] = ()
    doubt: str = ""
    """Not empty where two policies of one scope disagree and nothing says which is older."""


class Scope(msgspec.Struct, frozen=True):
    """The policies that hold for one workload: at most one of each scope."""

    mesh: PeerAuthentication | None = None
    namespace: PeerAuthentication | None = None
    workload: PeerAuthentication | None = None
    doubt: str = ""


class Policies:
    """Every PeerAuthentication, by scope.

    `root` is the root namespace of the mesh. A policy there with a selector selects nothing; of several in one scope
    the oldest counts, and the others of the mesh's or a namespace's scope are as if they were not there.
    """

    def __init__(self, policies: Iterable[PeerAuthentication], root: str) -> None:
        self.root = root
        self.ignored: list[tuple[PeerAuthentication, str]] = []
        """Policies without any effect, with the reason."""
        self._whole: dict[str, PeerAuthentication] = {}
        self._selecting: dict[str, list[PeerAuthentication]] = {}
        self._doubts: dict[str, str] = {}
        for p in sorted(policies, key=age):
            if labels(p):
                if p.namespace == root:
                    self.ignored.append((p, "a selector in the root namespace selects nothing"))
                else:
                    self._selecting.setdefault(p.namespace, []).append(p)
            elif (first := self._whole.setdefault(p.namespace, p)) is not p:
                self.ignored.append((p, f"{first.ref} is older and holds for the same scope"))
                if _undated(first, p) and _mode(first.spec.mtls) is not _mode(p.spec.mtls):
                    self._doubts[p.namespace] = f"nothing says whether {first.ref} or {p.ref} is older"

    def scope(self, namespace: str, pod: Mapping[str, str]) -> Scope:
        """What holds for the pods of a namespace that have these labels."""
        chosen = [p for p in self._selecting.get(namespace, ()) if labels(p).items() <= pod.items()]
        doubts = [self._doubts[n] for n in (namespace, self.root) if n in self._doubts]
        rival = next((p for p in chosen[1:] if _undated(chosen[0], p) and _says(chosen[0]) != _says(p)), None)
        if rival is not None:
            doubts.append(f"nothing says whether {chosen[0].ref} or {rival.ref} is older")
        return Scope(
            mesh=self._whole.get(self.root),
            namespace=self._whole.get(namespace) if namespace != self.root else None,
            workload=chosen[0] if chosen else None,
            doubt="; ".join(doubts),
        )

    def selecting(self, namespace: str) -> tuple[PeerAuthentication, ...]:
        """The policies of a namespace that have a selector, oldest first."""
        return tuple(self._selecting.get(namespace, ()))

    def hint(self, namespace: str) -> Served:
        """What clients take the mode of a Service's namespace to be: workload policies do not count."""
        return parent(Scope(self._whole.get(self.root), self._whole.get(namespace)))


def age(p: PeerAuthentication) -> tuple[str, str]:
    """Oldest first; of the same age by name, as istiod sorts (pilot/pkg/model/config.go, sortConfigByCreationTime)."""
    return p.metadata.creation_timestamp, f"{p.name}.{p.namespace}"


def labels(p: PeerAuthentication) -> Mapping[str, str]:
    """The labels that the policy selects by; none for a whole namespace."""
    return p.spec.selector.match_labels if p.spec.selector is not None else {}


def parent(scope: Scope) -> Served:
    """What the mesh and the namespace say, the workload aside."""
    for policy in (scope.namespace, scope.mesh):
        if policy is not None and (mode := _mode(policy.spec.mtls)) is not None:
            return Served(mode, f"{policy.ref} says {mode}", (_told(policy, mode, "spec.mtls.mode"),), scope.doubt)
    return Served(Mode.PERMISSIVE, "no PeerAuthentication says otherwise", (), scope.doubt)


def sidecar(scope: Scope, port: int) -> Served:
    """What a sidecar accepts at a port of its container: the narrowest scope that says something."""
    own = scope.workload
    if own is not None:
        key = str(port)
        by_port = own.spec.port_level_mtls.get(key)
        for mtls, path in ((by_port, f'spec.portLevelMtls["{key}"].mode'), (own.spec.mtls, "spec.mtls.mode")):
            if (mode := _mode(mtls)) is not None:
                where = f" for port {port}" if mtls is by_port else ""
                return Served(mode, f"{own.ref} says {mode}{where}", (_told(own, mode, path),), scope.doubt)
    return parent(scope)


def ports(scope: Scope) -> frozenset[int]:
    """The ports that the workload's policy names."""
    if scope.workload is None:
        return frozenset()
    return frozenset(int(p) for p in scope.workload.spec.port_level_mtls if p.isdigit())


def _mode(mtls: MutualTLS | None) -> Mode | None:
    return Mode(mtls.mode) if mtls is not None and mtls.mode in Mode.__members__ else None


def _says(p: PeerAuthentication) -> tuple[Mode | None, Mapping[str, Mode | None]]:
    """The modes of a policy, for the whole and by port."""
    return _mode(p.spec.mtls), {port: _mode(m) for port, m in p.spec.port_level_mtls.items()}


def _told(policy: PeerAuthentication, mode: Mode, path: str) -> Evidence:
    return at(policy, path, value=mode)


def _undated(a: PeerAuthentication, b: PeerAuthentication) -> bool:
    return a.metadata.creation_timestamp == b.metadata.creation_timestamp
