"""OpenShift's own door for traffic from outside.

Source: github.com/openshift/api route/v1/types.go.
"""

from __future__ import annotations

from typing import ClassVar

from mistrust.kube.meta import Object, Value


class RouteTarget(Value, frozen=True, gc=False):
    """A backend; the kind is always Service."""

    kind: str = ""
    name: str = ""


class RoutePort(Value, frozen=True, gc=False):
    """The port of the Service that traffic goes to, by name or by number of the pods' port."""

    target_port: int | str = 0


class OpenShiftRouteSpec(Value, frozen=True, gc=False):
    """`spec` of a Route."""

    host: str = ""
    to: RouteTarget = RouteTarget()
    alternate_backends: tuple[RouteTarget, ...] = ()
    port: RoutePort | None = None


class OpenShiftRoute(Object, frozen=True, gc=False):
    """route.openshift.io Route."""

    GROUP: ClassVar[str] = "route.openshift.io"
    KIND: ClassVar[str] = "Route"
    spec: OpenShiftRouteSpec = OpenShiftRouteSpec()
