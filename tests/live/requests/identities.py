"""Being somebody else: impersonation, tokens and the Secrets that hold them."""

from __future__ import annotations

from tests.live.requests.objects import PODS, SECRETS, SERVICE_ACCOUNTS, role_binding, thing
from tests.live.requests.request import AT_ONCE, NAMED, WATCH, Plain, Tried, Ways, both, either, on, one, standing
from tests.live.requests.workloads import MAKING_PODS

WHO = ("status", "userInfo", "username")
GROUPS = ("status", "userInfo", "groups")
ACCOUNT = "system:serviceaccount:{ns}:{name}"


def asking_who(shows: tuple[tuple[str, ...], object], **headers: str) -> Ways:
    """Ask the server who one is, as somebody else."""
    return one(
        "POST",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
        headers={f"Impersonate-{key.replace('_', '-')}": value for key, value in headers.items()},
        shows=shows,
        real=True,
    )


MASTERS = (GROUPS, "system:masters")
TOKEN: Plain = {"type": "kubernetes.io/service-account-token"}
TOKEN_SECRET: Plain = {
    **SECRETS.manifest,
    **TOKEN,
    "metadata": {
        "name": "{name}",
        "namespace": "{ns}",
        "annotations": {"kubernetes.io/service-account.name": "default"},
    },
}
RETARGETED: Plain = {
    "metadata": {
        "annotations": {"kubernetes.io/service-account.name": "attacker", "kubernetes.io/service-account.uid": None}
    },
    "data": None,
}
MADE = one("POST", SECRETS.collection, TOKEN_SECRET, real=True, beyond=[409])
MINTED = one("POST", f"{SERVICE_ACCOUNTS.collection}/{{name}}/token", {}, real=True)
BOOTSTRAP = thing(
    "v1", "Secret", "secrets", "kube-system",
    type="bootstrap.kubernetes.io/token",
    stringData={"token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true"},
)  # fmt: skip

IDENTITIES = {
    "bootstrap-token": Tried(
        one("POST", BOOTSTRAP.collection, BOOTSTRAP.renamed("bootstrap-token-abcdef")),
        rest="bindings for whoever comes with such a token",
    ),
    "impersonate-extra": Tried(
        either(
            asking_who((WHO, "{name}"), User="{name}", Extra_Scopes="all"),
            asking_who((WHO, "{name}"), User="{name}", Uid="1"),
        ),
        name="alice",
        names={"userextras/scopes": "all", "uids": "1"},
        rest="a webhook or a policy that looks at them",
    ),
    "impersonate-group": Tried(
        asking_who(MASTERS, User="{name}", Group="system:masters"),
        name="alice",
        names={"groups": "system:masters"},
    ),
    "impersonate-group-by-service-account": Tried(
        asking_who(MASTERS, User=ACCOUNT, Group="system:masters"), name="default", names={"groups": "system:masters"}
    ),
    "impersonate-node": Tried(
        asking_who((GROUPS, "system:nodes"), User="system:node:worker-1", Group="system:nodes"),
        name="system:node:worker-1",
        names={"groups": "system:nodes"},
    ),
    "impersonate-service-account": Tried(asking_who((WHO, ACCOUNT), User=ACCOUNT), name="default"),
    "impersonate-user": Tried(asking_who((WHO, "{name}"), User="{name}"), name="alice"),
    "list-named-secret": Tried(
        either(
            one("GET", f"{SECRETS.collection}?{NAMED}"),
            one("GET", f"{SECRETS.collection}?{NAMED}&{WATCH}", beyond=AT_ONCE),
        ),
        name="db",
    ),
    "read-everything": Tried(
        either(
            one("GET", "/api/v1/secrets"),
            one("GET", "/api/v1/namespaces/kube-system/secrets/any", beyond=[404]),
            one("GET", f"/api/v1/secrets?{WATCH}", beyond=AT_ONCE),
        )
    ),
    "read-secrets": Tried(on("get,list,watch", SECRETS)),
    "token-request": Tried(MINTED, name="default"),
    "token-secret": Tried(both(MADE, on("get,list,watch", SECRETS, stands=False)), name="mine"),
    "token-secret-by-mount": Tried(both(MADE, MAKING_PODS), name="mine"),
    "token-secret-retarget": Tried(
        both(
            on(
                "update,patch",
                SECRETS,
                patch=RETARGETED,
                body={**SECRETS.manifest, **TOKEN, "metadata": {**TOKEN_SECRET["metadata"]}},  # type: ignore[dict-item]
                stands=False,
            ),
            on("get,list,watch", SECRETS, stands=False),
        ),
        name="old-token",
    ),
}

MIGHTY: Plain = {
    **role_binding("ClusterRole", "edit").manifest,
    "subjects": [{"kind": "ServiceAccount", "namespace": "{ns}", "name": "{name}"}],
}
"""What is done in somebody's name, they may do themselves."""
CONSTRAINED = {
    "impersonate-service-account-constrained": Tried(
        standing(
            MIGHTY,
            either(
                one("POST", PODS.collection, PODS.renamed("theirs"), headers={"Impersonate-User": ACCOUNT}),
                one(
                    "POST",
                    f"{SERVICE_ACCOUNTS.collection}/default/token",
                    {},
                    headers={"Impersonate-User": ACCOUNT},
                    real=True,
                ),
                one(
                    "POST",
                    f"{PODS.collection}/none/exec?command=id",
                    headers={"Impersonate-User": ACCOUNT},
                    beyond=[404],
                    real=True,
                ),
            ),
        ),
        name="default",
        names={"serviceaccounts/token": "default", "pods/exec": "none"},
    )
}
