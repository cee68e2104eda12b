"""Routes that are attached to Servers.

Source: linkerd2 policy-controller/k8s/index/src/inbound/routes.rs, inbound/index.rs (http_routes, route_client_authzs).
"""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.kube.ingress import GRPCRoute, HTTPRoute, RouteRef
from mistrust.kube.linkerd import GROUP, LinkerdAuthorizationPolicy, LinkerdHTTPRoute, RouteMatch
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.linkerd.grants import is_kind

AnyRoute = LinkerdHTTPRoute | HTTPRoute | GRPCRoute


def routes(snapshot: Snapshot) -> Iterator[AnyRoute]:
    """Every route that may be attached to a Server."""
    yield from snapshot.of(LinkerdHTTPRoute)
    yield from snapshot.of(HTTPRoute)
    yield from snapshot.of(GRPCRoute)


def servers_of(route: AnyRoute) -> tuple[RouteRef, ...]:
    """The parents of a route that are Servers."""
    return tuple(p for p in route.spec.parent_refs if p.group == GROUP and p.kind == "Server")


def attachable(route: AnyRoute) -> bool:
    """Does it attach to Servers? Not with a parent in another namespace, by port or by section (inbound/routes.rs)."""
    parents = servers_of(route)
    return bool(parents) and all(
        p.namespace in ("", route.namespace) and not p.port and not p.section_name for p in parents
    )


def everything(route: AnyRoute) -> bool:
    """Does it take every request? Of the Gateway API's routes the matches are not read, and the answer is no."""
    if not isinstance(route, LinkerdHTTPRoute) or route.spec.hostnames:
        return False
    return any(not rule.matches or any(_any_request(m) for m in rule.matches) for rule in route.spec.rules)


def _any_request(match: RouteMatch) -> bool:
    path = match.path is None or (match.path.type, match.path.value) == ("PathPrefix", "/")
    return path and not (match.method or match.headers or match.query_params)


def targets(policy: LinkerdAuthorizationPolicy, route: AnyRoute) -> bool:
    """Is the policy about this route?"""
    target = policy.spec.target_ref
    return (
        policy.namespace == route.namespace
        and is_kind(target, route.GROUP, route.KIND)
        and target.name.lower() == route.name.lower()
    )
