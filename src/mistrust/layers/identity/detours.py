"""Rights that do the same by another door, in some versions: a "no" alone would mislead.

The rows are k8s.io/kubernetes/pkg/registry/core/pod/rest/subresources.go with the gate
AuthorizePodWebsocketUpgradeCreatePermission (1.35), pkg/kubelet/server/auth.go with KubeletFineGrainedAuthz (1.33),
and KEP-5284, constrained impersonation (1.35).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from mistrust.kube.version import Version
from mistrust.layers.identity.lookup import Lookup, Request

STREAMS: Final = ("exec", "attach", "portforward")


class Detour(msgspec.Struct, frozen=True, gc=False):
    """Another right that achieves what a request would, from one version on or until one."""

    right: Request
    why: str
    since: Version | None = None
    until: Version | None = None
    """The first version without it."""

    def works_in(self, version: Version | None) -> bool:
        """Does it? Where no version is known, anything that works somewhere counts."""
        return version is None or (
            (self.since is None or version >= self.since) and (self.until is None or version < self.until)
        )


def detours(lookup: Lookup, request: Request, version: Version | None) -> tuple[Detour, ...]:
    """The other rights that the subject of a refused request does have."""
    return tuple(d for d in _rows(request) if d.works_in(version) and lookup.allows(d.right))


def _rows(request: Request) -> Iterator[Detour]:
    replace = msgspec.structs.replace
    if request.path is not None or request.group:
        return
    whole = replace(request, resource="nodes", subresource="proxy", namespace="", name="")
    if request.resource == "pods" and request.verb == "create" and request.subresource in STREAMS:
        yield Detour(
            replace(request, verb="get"),
            f"get pods/{request.subresource} is enough over WebSocket",
            until=Version(1, 35),
        )
    if request.resource == "pods" and request.verb in ("create", "get") and request.subresource in STREAMS:
        for verb in ("get", "create"):
            yield Detour(replace(whole, verb=verb), f"{verb} nodes/proxy reaches the kubelet, which runs it in any pod")
    if request.resource == "nodes" and request.subresource in ("pods", "healthz", "configz"):
        why = f"nodes/proxy still gives what nodes/{request.subresource} gives"
        yield Detour(replace(whole, verb=request.verb, name=request.name), why)
    if request.verb == "impersonate" and request.resource == "users":
        right = replace(request, verb="impersonate:user-info", group="authentication.k8s.io")
        yield Detour(right, "constrained impersonation, for the actions it also lists", since=Version(1, 35))
