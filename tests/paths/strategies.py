"""Small random clusters, dense enough that paths of every kind turn up."""

from __future__ import annotations

from hypothesis import strategies as st
from tests.paths.cluster import Plain, account, binding, named, namespace, pod, role, rule
from tests.paths.steps import RBAC

NAMESPACES = ("a", "b")
ACCOUNTS = ("x", "y", "z")
NODES = ("n1", "n2")
ROLES = ("r1", "r2", "r3", "r4", "r5")

RULES: tuple[Plain, ...] = (
    rule("*", "*", "*"),
    rule("create", "pods"),
    rule("create", "pods/exec"),
    rule("create", "pods/exec", names="p0,p1"),
    rule("create", "serviceaccounts/token", names="x"),
    rule("create", "serviceaccounts/token", names="y"),
    rule("get", "secrets"),
    rule("create", "secrets"),
    rule("get", "secrets", names="token"),
    rule("create", "clusterrolebindings,rolebindings", RBAC),
    rule("create", "rolebindings", RBAC),
    rule("bind", "clusterroles", RBAC, names="r1"),
    rule("bind", "clusterroles", RBAC, names="r2,r3"),
    rule("bind", "clusterroles", RBAC),
    rule("update", "clusterroles", RBAC),
    rule("escalate", "clusterroles", RBAC, names="r1,r2"),
    rule("impersonate", "users", names="jane"),
    rule("impersonate", "groups", names="devs"),
    rule("impersonate", "groups"),
    rule("get", "nodes/proxy", names="n1"),
    rule("get", "nodes/proxy"),
    rule("patch", "namespaces", names="a"),
    rule("patch", "namespaces"),
    rule("create", "certificatesigningrequests", "certificates.k8s.io"),
    rule("update", "certificatesigningrequests/approval", "certificates.k8s.io"),
    rule("patch", "nodes"),
    rule("get", "pods"),
)

accounts = st.tuples(st.sampled_from(NAMESPACES), st.sampled_from(ACCOUNTS))
subjects = st.one_of(
    accounts.map(lambda a: f"{a[0]}/{a[1]}"),
    accounts.map(lambda a: f"{a[0]}/{a[1]}"),
    st.sampled_from(
        ["user:jane", "group:devs", "group:system:serviceaccounts", "group:system:serviceaccounts:a",
         "group:system:authenticated"]
    ),
)  # fmt: skip


@st.composite
def clusters(draw: st.DrawFn) -> list[Plain]:
    """The objects of one live cluster."""
    levels = st.sampled_from(["", "baseline", "restricted"])
    found = [namespace(ns, draw(levels)) for ns in NAMESPACES]
    found += [account(ns, name) for ns, name in sorted(draw(st.sets(accounts, min_size=3)))]
    control_plane = {"node-role.kubernetes.io/control-plane": ""}
    found += [named("Node", n, labels=control_plane if n == "n2" and draw(st.booleans()) else None) for n in NODES]
    for i in range(draw(st.integers(1, 4))):
        ns, name = draw(accounts)
        found.append(pod(ns, f"p{i}", name, node=draw(st.sampled_from(NODES)), privileged=draw(st.integers(0, 3)) == 0))
    if draw(st.booleans()):
        ns, name = draw(accounts)
        annotations = {"kubernetes.io/service-account.name": name}
        secret = named("Secret", "token", ns, type="kubernetes.io/service-account-token")
        secret["metadata"]["annotations"] = annotations  # type: ignore[index]
        found.append(secret)
    rules = st.lists(st.sampled_from(RULES[1:]), min_size=1, max_size=3)
    found += [role(name, *draw(rules)) for name in ROLES[:3]]
    found += [role(name, *draw(rules), namespace=draw(st.sampled_from(NAMESPACES))) for name in ROLES[3:]]
    found.append(role("admin", RULES[0]))
    for i in range(draw(st.integers(2, 7))):
        found.append(draw(bindings(f"b{i}")))
    return found


@st.composite
def bindings(draw: st.DrawFn, name: str) -> Plain:
    ns = draw(st.sampled_from(("", *NAMESPACES)))
    kind = draw(st.sampled_from(("ClusterRole", "Role"))) if ns else "ClusterRole"
    given = draw(st.sampled_from(ROLES[3:] if kind == "Role" else (*ROLES[:3], "admin")))
    who = draw(st.lists(subjects, min_size=1, max_size=3, unique=True))
    return binding(name, given, *who, namespace=ns, kind=kind)
