"""Every step of the catalog: how it is tried, or why it is not."""

from __future__ import annotations

from tests.live.requests.certificates import CERTIFICATES
from tests.live.requests.cluster import CLUSTER, NETWORK
from tests.live.requests.custom import CUSTOM_STEPS
from tests.live.requests.identities import CONSTRAINED, IDENTITIES
from tests.live.requests.request import Tried
from tests.live.requests.roles import ROLES_AND_BINDINGS
from tests.live.requests.workloads import WORKLOADS

TRIED: dict[str, Tried] = {
    **CERTIFICATES, **CLUSTER, **CUSTOM_STEPS, **IDENTITIES, **NETWORK, **ROLES_AND_BINDINGS, **WORKLOADS, **CONSTRAINED
}  # fmt: skip

UNTRIED = {
    "anonymous-group": "nobody acts: it is what a binding gives to strangers",
    "anonymous-user": "nobody acts: it is what a binding gives to strangers",
    "any-account": "nobody acts: it is what a binding gives to strangers",
    "aws-role": "no request to the API server: it needs a cloud",
    "azure-identity": "no request to the API server: it needs a cloud",
    "google-service-account": "no request to the API server: it needs a cloud",
    "kubelet-exec-from-pod": "the pod has to run: it needs a kubelet",
    "log-symlink": "the pod has to run: it needs a kubelet",
    "node-metadata": "no request to the API server: it needs a cloud",
    "node-metadata-from-host": "no request to the API server: it needs a cloud",
    "sniff-node": "the pod has to run: it needs a kubelet",
    "steal-pods": "needs a node that is taken over: it needs a kubelet",
    "use-pod-security-policy": "a server of 1.24",
    "use-security-context-constraints": "OpenShift's admission",
}

ALLOWED_IN_VAIN = {
    ("bootstrap-token", 0): "nothing admits such tokens",
    ("checkpoint", 1): "the kubelet is too old",
    ("fill-dangling-binding", 0): "no binding waits for the role",
    ("ingress-snippet", 0): "there is no ingress-nginx",
}
"""Examples that fail although the server does as it is told."""
