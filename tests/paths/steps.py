"""A few steps, one for each kind of thing that a step can say. The catalog's own are tested by their examples."""

from __future__ import annotations

from mistrust.paths.step import Gain, Need, Permission, Step

RBAC = "rbac.authorization.k8s.io"


def may(*verbs: str, on: tuple[str, ...], group: str = "", names: str = "every", scope: str = "") -> Need:
    assert names in ("every", "target", "some")
    return Need((Permission(verbs, on, group),), scope, names)  # type: ignore[arg-type]


ALL_RIGHTS = Step(
    "all-rights", "R1", "Use all rights", Gain.CLUSTER_ADMIN, needs=(may("*", on=("*",), group="*"),), scope="cluster"
)
ALL_RIGHTS_HERE = Step(
    "all-rights-here", "R1", "Use all rights", Gain.NAMESPACE_ADMIN, needs=(may("*", on=("*",), group="*"),)
)
CREATE_POD = Step("create-pod", "W1", "Start a pod", Gain.CREATE_POD, needs=(may("create", on=("pods",)),))
EXEC = Step("exec", "W6", "Run a command", Gain.POD, needs=(may("create", on=("pods/exec",), names="target"),))
TOKEN = Step(
    "token",
    "C1",
    "Mint a token",
    Gain.SERVICE_ACCOUNT,
    needs=(may("create", on=("serviceaccounts/token",), names="target"),),
)
SECRETS = Step("secrets", "S1", "Read Secrets", Gain.SECRETS, needs=(may("get", "list", on=("secrets",)),))
TOKEN_SECRET = Step(
    "token-secret",
    "C2",
    "Have a token written into a Secret",
    Gain.SERVICE_ACCOUNT,
    needs=(may("create", on=("secrets",)), may("get", "list", on=("secrets",))),
)
BIND = Step(
    "bind",
    "R4",
    "Bind oneself to a ClusterRole",
    Gain.ROLE,
    needs=(
        may("create", on=("clusterrolebindings",), group=RBAC),
        may("bind", on=("clusterroles",), group=RBAC, names="target"),
    ),
    scope="cluster",
)
BIND_HERE = Step(
    "bind-here",
    "R5",
    "Bind oneself to a ClusterRole in a namespace",
    Gain.ROLE,
    needs=(
        may("create", on=("rolebindings",), group=RBAC),
        may("bind", on=("clusterroles",), group=RBAC, names="target"),
    ),
)
REWRITE = Step(
    "rewrite",
    "R2",
    "Write any rule into a ClusterRole that one is bound to",
    Gain.REWRITE_ROLE,
    needs=(
        may("update", on=("clusterroles",), group=RBAC, names="target"),
        may("escalate", on=("clusterroles",), group=RBAC, names="target"),
    ),
    scope="cluster",
)
IMPERSONATE_GROUP = Step(
    "impersonate-group",
    "I1",
    "Act as any user in any group",
    Gain.GROUP,
    needs=(may("impersonate", on=("users",), names="some"), may("impersonate", on=("groups",), names="target")),
    scope="cluster",
)
KUBELET_EXEC = Step(
    "kubelet-exec", "N1", "Run commands through a kubelet", Gain.NODE_PODS,
    needs=(may("get", "create", on=("nodes/proxy",), names="target"),), scope="cluster",
)  # fmt: skip
RELABEL = Step(
    "relabel", "A6", "Relabel a namespace", Gain.NAMESPACE_LABELS,
    needs=(may("update", "patch", on=("namespaces",), names="target"),),
)  # fmt: skip
SIGN_TOGETHER = Step(
    "sign-together", "C6", "Sign a certificate, asked for by one and approved by another", Gain.ANY_IDENTITY,
    needs=(
        may("create", on=("certificatesigningrequests",), group="certificates.k8s.io"),
        may("update", on=("certificatesigningrequests/approval",), group="certificates.k8s.io", names="some"),
    ),
    together=True, scope="cluster",
)  # fmt: skip
STEAL_PODS = Step(
    "steal-pods", "W13", "Drive pods onto a node that one owns", Gain.NODE_PODS, actor="node",
    needs=(may("patch", on=("nodes",), names="some"),), scope="cluster",
)  # fmt: skip

STEPS: tuple[Step, ...] = (
    ALL_RIGHTS, ALL_RIGHTS_HERE, CREATE_POD, EXEC, TOKEN, SECRETS, TOKEN_SECRET, BIND, BIND_HERE, REWRITE,
    IMPERSONATE_GROUP, KUBELET_EXEC, RELABEL, SIGN_TOGETHER, STEAL_PODS,
)  # fmt: skip
