"""Which policies hold for which server: by selector, or by `targetRefs` for gateways and waypoints.

Source: istio pilot/pkg/model/policyattachment.go (ShouldAttachPolicy), authorization.go (ListAuthorizationPolicies).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Generic, Protocol, TypeVar

import msgspec

from mistrust.kube.istio import TargetRef, WorkloadSelector
from mistrust.kube.meta import Object

GATEWAY_NAME: Final = "gateway.networking.k8s.io/gateway-name"
WAYPOINT_CLASS: Final = "istio-waypoint"
_API, _ISTIO, _CORE = "gateway.networking.k8s.io", "networking.istio.io", ("", "core")


class Spec(Protocol):
    """What every policy that can be attached has in its `spec`."""

    @property
    def selector(self) -> WorkloadSelector | None:
        """By labels."""

    @property
    def target_ref(self) -> TargetRef | None:
        """By name, in the older form."""

    @property
    def target_refs(self) -> tuple[TargetRef, ...]:
        """By name."""


class Named(msgspec.Struct, frozen=True, gc=False):
    """An object by its name."""

    namespace: str
    name: str


class Waypoint(msgspec.Struct, frozen=True, gc=False):
    """A waypoint that acts for one Service, or for a workload as such."""

    gateway: Named
    service: Named | None


def refs(spec: Spec) -> tuple[TargetRef, ...]:
    """The targets of a policy; none for one that selects by labels."""
    return spec.target_refs or ((spec.target_ref,) if spec.target_ref is not None else ())


def labels(spec: Spec) -> Mapping[str, str]:
    """The labels that a policy selects by."""
    return spec.selector.match_labels if spec.selector is not None else {}


P = TypeVar("P", bound=Object)


class Attachments(Generic[P]):
    """The policies of one kind, found by what they hold for.

    `several` pairs each policy with its `spec`, in the order in which they count; `root` is the root namespace.
    """

    def __init__(self, several: Iterable[tuple[P, Spec]], root: str) -> None:
        self._root = root
        self._selecting: dict[str, list[tuple[P, Mapping[str, str]]]] = {}
        self._targeted: dict[str, list[tuple[P, tuple[TargetRef, ...]]]] = {}
        for policy, spec in several:
            if found := refs(spec):
                self._targeted.setdefault(policy.namespace, []).append((policy, found))
            else:
                self._selecting.setdefault(policy.namespace, []).append((policy, labels(spec)))

    def selected(self, namespace: str, pod: Mapping[str, str]) -> tuple[P, ...]:
        """Those that hold for pods with a sidecar, or for ambient ones, by their labels."""
        return tuple(
            policy
            for where in dict.fromkeys((self._root, namespace))
            for policy, wanted in self._selecting.get(where, ())
            if wanted.items() <= pod.items()
        )

    def at_gateway(self, namespace: str, pod: Mapping[str, str], own: Sequence[Named] = ()) -> tuple[P, ...]:
        """Those that hold for the pods of a gateway; `own` are Istio's Gateways that choose it by labels."""
        name = pod.get(GATEWAY_NAME, "")
        return (
            *self.selected(namespace, pod),
            *(
                policy
                for policy, found in self._targeted.get(namespace, ())
                if any(r.namespace in ("", namespace) and _gateway(r, namespace, name, own) for r in found)
            ),
        )

    def at_waypoint(self, waypoint: Waypoint) -> tuple[P, ...]:
        """Those that a waypoint asks; labels never count there."""
        gateway, service = waypoint.gateway, waypoint.service
        where = dict.fromkeys((self._root, gateway.namespace, service.namespace if service else gateway.namespace))
        return tuple(
            policy
            for namespace in where
            for policy, found in self._targeted.get(namespace, ())
            if any(self._for_waypoint(r, namespace, gateway, service) for r in found)
        )

    def _for_waypoint(self, r: TargetRef, namespace: str, gateway: Named, service: Named | None) -> bool:
        if (r.kind == "Service" and r.group in _CORE) or (r.kind == "ServiceEntry" and r.group == _ISTIO):
            return service is not None and (namespace, r.name) == (service.namespace, service.name)
        if r.kind == "GatewayClass" and r.group == _API:
            return namespace == self._root and r.name == WAYPOINT_CLASS
        here = namespace == gateway.namespace and r.namespace in ("", namespace)
        return here and r.kind == "Gateway" and r.group == _API and r.name == gateway.name


def _gateway(r: TargetRef, namespace: str, name: str, own: Sequence[Named]) -> bool:
    if r.kind != "Gateway":
        return False
    if r.group == _ISTIO:
        return Named(namespace, r.name) in own
    return r.group == _API and name != "" and r.name == name
