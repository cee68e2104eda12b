"""Roles and bindings."""

from __future__ import annotations

from typing import cast

from tests.live.requests.objects import (
    CLUSTER_ROLES,
    EVERYTHING,
    RBAC,
    ROLES,
    cluster_role_binding,
    role_binding,
)
from tests.live.requests.request import Plain, Tried, both, either, filled, on, standing

ME: Plain = {"kind": "ServiceAccount", "namespace": "{home}", "name": "attacker"}
JOINED: Plain = {"subjects": [ME]}
REWRITTEN: Plain = {"rules": EVERYTHING}
AGGREGATED: Plain = {"labels": {f"{RBAC}/aggregate-to-view": "true"}}

ADMINISTRATORS = cluster_role_binding("cluster-admin")
ADMINISTRATORS_HERE = role_binding("ClusterRole", "cluster-admin")
HARMLESS = cluster_role_binding("system:basic-user")
HARMLESS_HERE = role_binding("ClusterRole", "system:basic-user")
"""Of rules that everybody holds."""
SECRET_READER = {**ROLES.manifest, "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]}
READERS = role_binding("Role", "secret-reader")
LABELLED: Plain = {**CLUSTER_ROLES.manifest, "metadata": {"name": "{name}", **AGGREGATED}}

ROLES_AND_BINDINGS = {
    "add-to-aggregate": Tried(on("create", CLUSTER_ROLES, body=LABELLED)),
    "all-rights": Tried(on("create", ADMINISTRATORS)),
    "all-rights-in-namespace": Tried(on("create", ADMINISTRATORS_HERE)),
    "bind-clusterrole": Tried(on("create", cluster_role_binding("{name}")), name="cluster-admin"),
    "bind-clusterrole-in-namespace": Tried(on("create", role_binding("ClusterRole", "{name}")), name="cluster-admin"),
    "bind-role": Tried(standing(SECRET_READER, on("create", role_binding("Role", "{name}"))), name="secret-reader"),
    "delegate-rights": Tried(on("create,update,patch", HARMLESS)),
    "delegate-rights-in-namespace": Tried(on("create,update,patch", HARMLESS_HERE)),
    "delete-cluster-rbac": Tried(
        either(on("delete,deletecollection", CLUSTER_ROLES), on("delete,deletecollection", HARMLESS))
    ),
    "delete-rbac": Tried(either(on("delete,deletecollection", ROLES), on("delete,deletecollection", HARMLESS_HERE))),
    "fill-dangling-binding": Tried(on("create", ROLES), rest="a binding that waits for the role"),
    "join-clusterrolebinding": Tried(
        on("update,patch", ADMINISTRATORS, patch=JOINED, body={**ADMINISTRATORS.manifest, **JOINED}),
        names={"clusterroles": "cluster-admin"},
    ),
    "join-rolebinding": Tried(
        on("update,patch", ADMINISTRATORS_HERE, patch=JOINED, body={**ADMINISTRATORS_HERE.manifest, **JOINED}),
        names={"clusterroles": "cluster-admin"},
    ),
    "join-rolebinding-of-role": Tried(
        standing(
            cast("Plain", filled(SECRET_READER, name="secret-reader")),
            on("update,patch", READERS, patch=JOINED, body={**READERS.manifest, **JOINED}),
        ),
        names={"roles": "secret-reader"},
        free=False,
    ),
    "label-clusterrole": Tried(on("update,patch", CLUSTER_ROLES, patch={"metadata": AGGREGATED}, body=LABELLED)),
    "replace-clusterrole": Tried(
        both(on("delete", CLUSTER_ROLES), on("create", CLUSTER_ROLES, body={**CLUSTER_ROLES.manifest, **REWRITTEN})),
        name="{own}",
    ),
    "rewrite-clusterrole": Tried(
        on("update,patch", CLUSTER_ROLES, patch=REWRITTEN, body={**CLUSTER_ROLES.manifest, **REWRITTEN}),
        name="{own}",
    ),
    "rewrite-role": Tried(
        on("update,patch", ROLES, patch=REWRITTEN, body={**ROLES.manifest, **REWRITTEN}), name="{own}"
    ),
}
