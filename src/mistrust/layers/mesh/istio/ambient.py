"""What ztunnel accepts: istiod turns PeerAuthentications into DENY policies about who has no identity.

Source: pilot/pkg/serviceregistry/kube/controller/ambient/authorization.go (`convertPeerAuthentication`,
`convertedSelectorPeerAuthentications`), followed to the letter, with its two surprises: a workload's policy without a
mode of its own honours a port's DISABLE under a STRICT parent only beside a PERMISSIVE port; and a policy that is
attached but was converted to nothing leaves every port open.
"""

from __future__ import annotations

import msgspec

from mistrust.access.evidence import at
from mistrust.kube.istio import MutualTLS, PeerAuthentication
from mistrust.layers.mesh.istio.server import Mode, Scope, Served, labels, parent


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Who has no identity is refused at these ports, or (`but`) at every port except these."""

    ports: frozenset[int]
    but: bool = False

    def __contains__(self, port: object) -> bool:
        return (port in self.ports) is not self.but


def converted(
    own: PeerAuthentication, namespace: PeerAuthentication | None, mesh: PeerAuthentication | None
) -> tuple[Refusal, ...]:
    """The policy that istiod makes of a workload's PeerAuthentication; empty where it makes none."""
    ports = own.spec.port_level_mtls
    if not labels(own) or not ports:
        return ()
    mode = _said(own.spec.mtls)
    under_namespace = namespace is not None and _strict(namespace)
    under_mesh = (namespace is None or _said(namespace.spec.mtls) == "") and mesh is not None and _strict(mesh)
    out: list[Refusal] = []
    exempt: set[int] = set()
    for name in sorted(p for p in ports if p.isdigit()):
        match _said(ports[name]):
            case Mode.STRICT:
                if not (mode == Mode.STRICT or (mode == "" and under_namespace) or under_mesh):
                    out.append(Refusal(frozenset({int(name)})))
            case Mode.PERMISSIVE | Mode.DISABLE:
                inherited = under_namespace if namespace is not None else mesh is not None and _strict(mesh)
                if mode == Mode.STRICT or (mode == "" and inherited):
                    exempt.add(int(name))
    if exempt:
        out.append(Refusal(frozenset(exempt), but=True))
    return tuple(out)


def ztunnel(scope: Scope, port: int) -> Served:
    """What ztunnel accepts at a port: STRICT or PERMISSIVE; DISABLE is to it as PERMISSIVE."""
    above = parent(scope)
    strict = above.mode is Mode.STRICT
    own = scope.workload
    if own is None:
        return _served(strict, above)
    mode = _said(own.spec.mtls)
    if mode:
        strict = mode == Mode.STRICT
        above = Served(above.mode, f"{own.ref} says {mode}", (at(own, "spec.mtls.mode", value=mode),), scope.doubt)
    said = [_said(m) for m in own.spec.port_level_mtls.values()]
    weaker = (Mode.PERMISSIVE, Mode.DISABLE) if mode else (Mode.PERMISSIVE,)
    if not (any(m in weaker for m in said) if strict else Mode.STRICT in said):
        return _served(strict, above)
    refused = any(port in r for r in converted(own, scope.namespace, scope.mesh))
    path, value = _where(own, port)
    verb = "refuses" if refused else "lets in"
    named = f" at port {port}" if str(port) in own.spec.port_level_mtls else ""
    because = f"ztunnel {verb} plaintext{named} by {own.ref}"
    return Served(Mode.STRICT if refused else Mode.PERMISSIVE, because, (at(own, path, value=value),), scope.doubt)


def _where(own: PeerAuthentication, port: int) -> tuple[str, str]:
    key = str(port)
    if key in own.spec.port_level_mtls:
        return f'spec.portLevelMtls["{key}"].mode', _said(own.spec.port_level_mtls[key])
    return "spec.portLevelMtls", ""


def _served(strict: bool, by: Served) -> Served:
    mode = Mode.STRICT if strict else Mode.PERMISSIVE
    return Served(mode, by.because, by.decided_by, by.doubt)


def _said(mtls: MutualTLS | None) -> str:
    """The mode in words; empty where it is left to the scope above."""
    return mtls.mode if mtls is not None and mtls.mode in Mode.__members__ else ""


def _strict(p: PeerAuthentication) -> bool:
    return _said(p.spec.mtls) == Mode.STRICT
