"""One small, valid object of each kind that the steps are about."""

from __future__ import annotations

from tests.live.requests.request import Plain, Thing

RBAC = "rbac.authorization.k8s.io"
EVERYTHING = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
FRIEND = {"kind": "User", "apiGroup": RBAC, "name": "friend"}
SELF_REVIEWS = [
    {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
]
"""Rules that everybody holds."""


def thing(api: str, kind: str, plural: str, namespace: str = "", **fields: object) -> Thing:
    root = f"/apis/{api}" if "/" in api else f"/api/{api}"
    within = f"/namespaces/{namespace}" if namespace else ""
    metadata = {"name": "{name}", **({"namespace": namespace} if namespace else {})}
    return Thing(f"{root}{within}/{plural}", {"apiVersion": api, "kind": kind, "metadata": metadata, **fields})


# --- workloads -------------------------------------------------------------------------------------------------------

CONTAINER: Plain = {
    "name": "main",
    "image": "example.com/web:1",
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
}
POD_SPEC: Plain = {
    "serviceAccountName": "default",
    "automountServiceAccountToken": False,
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [CONTAINER],
}
"""Passes the level `restricted`, and is the same whoever sends it again."""
TEMPLATE: Plain = {"metadata": {"labels": {"app": "{name}"}}, "spec": POD_SPEC}
ONCE: Plain = {"metadata": {"labels": {"app": "{name}"}}, "spec": {**POD_SPEC, "restartPolicy": "Never"}}
SELECTED: Plain = {"selector": {"matchLabels": {"app": "{name}"}}, "template": TEMPLATE}
SWAPPED: Plain = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "example.com/theirs:1"}]}}}}

PODS = thing("v1", "Pod", "pods", "{ns}", spec=POD_SPEC)
DEPLOYMENTS = thing("apps/v1", "Deployment", "deployments", "{ns}", spec=SELECTED)
DAEMON_SETS = thing("apps/v1", "DaemonSet", "daemonsets", "{ns}", spec=SELECTED)
STATEFUL_SETS = thing("apps/v1", "StatefulSet", "statefulsets", "{ns}", spec={**SELECTED, "serviceName": "web"})
REPLICA_SETS = thing("apps/v1", "ReplicaSet", "replicasets", "{ns}", spec=SELECTED)
TEMPLATED = (DEPLOYMENTS, DAEMON_SETS, STATEFUL_SETS, REPLICA_SETS)
REPLICATION_CONTROLLERS = thing(
    "v1", "ReplicationController", "replicationcontrollers", "{ns}",
    spec={"selector": {"app": "{name}"}, "template": TEMPLATE},
)  # fmt: skip
JOBS = thing("batch/v1", "Job", "jobs", "{ns}", spec={"template": ONCE})
CRON_JOBS = thing(
    "batch/v1",
    "CronJob",
    "cronjobs",
    "{ns}",
    spec={"schedule": "* * * * *", "jobTemplate": {"spec": {"template": ONCE}}},
)
REVISIONS = thing("apps/v1", "ControllerRevision", "controllerrevisions", "{ns}", revision=1, data={"spec": {}})
BINDINGS = thing("v1", "Binding", "bindings", "{ns}", target={"kind": "Node", "name": "worker-1"})
AUTOSCALERS = thing(
    "autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "{ns}",
    spec={"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 1},
)  # fmt: skip


def scale(of: Thing) -> Plain:
    """No replicas of it."""
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": of.manifest["metadata"],
        "spec": {"replicas": 0},
    }


# --- what pods use ---------------------------------------------------------------------------------------------------

SERVICE_ACCOUNTS = thing("v1", "ServiceAccount", "serviceaccounts", "{ns}")
SECRETS = thing("v1", "Secret", "secrets", "{ns}")
CONFIG_MAPS = thing("v1", "ConfigMap", "configmaps", "{ns}")
EVENTS = thing("v1", "Event", "events", "{ns}")
NEWER_EVENTS = thing("events.k8s.io/v1", "Event", "events", "{ns}")
CLAIM: Plain = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
CLAIMS = thing("v1", "PersistentVolumeClaim", "persistentvolumeclaims", "{ns}", spec=CLAIM)
VOLUMES = thing(
    "v1", "PersistentVolume", "persistentvolumes",
    spec={
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/"},
        "storageClassName": "attackers",
    },
)  # fmt: skip
STORAGE_CLASSES = thing("storage.k8s.io/v1", "StorageClass", "storageclasses", provisioner="example.com/any")
DRIVERS = thing("storage.k8s.io/v1", "CSIDriver", "csidrivers", spec={"attachRequired": False})
ATTACHMENTS = thing(
    "storage.k8s.io/v1", "VolumeAttachment", "volumeattachments",
    spec={"attacher": "any.example.com", "nodeName": "worker-1", "source": {"persistentVolumeName": "theirs"}},
)  # fmt: skip

# --- network ---------------------------------------------------------------------------------------------------------

SERVICE: Plain = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
SERVICES = thing("v1", "Service", "services", "{ns}", spec=SERVICE)
SUBSET = {"addresses": [{"ip": "192.0.2.1"}], "ports": [{"port": 80}]}
ENDPOINTS = thing("v1", "Endpoints", "endpoints", "{ns}", subsets=[SUBSET])
SLICES = thing(
    "discovery.k8s.io/v1", "EndpointSlice", "endpointslices", "{ns}",
    addressType="IPv4", endpoints=[{"addresses": ["192.0.2.1"]}],
)  # fmt: skip
INGRESSES = thing(
    "networking.k8s.io/v1", "Ingress", "ingresses", "{ns}",
    spec={"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
)  # fmt: skip
NETWORK_POLICIES = thing(
    "networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", "{ns}", spec={"podSelector": {}, "ingress": [{}]}
)

# --- roles -----------------------------------------------------------------------------------------------------------


def _ref(kind: str, name: str) -> Plain:
    return {"apiGroup": RBAC, "kind": kind, "name": name}


ROLES = thing(f"{RBAC}/v1", "Role", "roles", "{ns}", rules=SELF_REVIEWS)
CLUSTER_ROLES = thing(f"{RBAC}/v1", "ClusterRole", "clusterroles", rules=SELF_REVIEWS)


def role_binding(kind: str, role: str) -> Thing:
    return thing(f"{RBAC}/v1", "RoleBinding", "rolebindings", "{ns}", roleRef=_ref(kind, role), subjects=[FRIEND])


def cluster_role_binding(role: str) -> Thing:
    return thing(
        f"{RBAC}/v1", "ClusterRoleBinding", "clusterrolebindings", roleRef=_ref("ClusterRole", role), subjects=[FRIEND]
    )


# --- the cluster -----------------------------------------------------------------------------------------------------

NAMESPACES = thing("v1", "Namespace", "namespaces", spec={"finalizers": ["kubernetes"]})
NODES = thing("v1", "Node", "nodes")
LEASES = thing("coordination.k8s.io/v1", "Lease", "leases", "kube-system", spec={"holderIdentity": "attacker"})
SYSTEM_CONFIG_MAPS = thing("v1", "ConfigMap", "configmaps", "kube-system")
PRIORITY_CLASSES = thing("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", value=1000)
FLOW_SCHEMAS = thing(
    "flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "flowschemas",
    spec={"priorityLevelConfiguration": {"name": "exempt"}, "matchingPrecedence": 100},
)  # fmt: skip
PRIORITY_LEVELS = thing(
    "flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration", "prioritylevelconfigurations",
    spec={"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}},
)  # fmt: skip
API_SERVICES = thing(
    "apiregistration.k8s.io/v1", "APIService", "apiservices",
    spec={
        "group": "attackers.example.com", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1,
        "service": {"namespace": "default", "name": "none"}, "insecureSkipTLSVerify": True,
    },
)  # fmt: skip
ADMISSION = "admissionregistration.k8s.io/v1"
HOOK: Plain = {
    "name": "attackers.example.com",
    "clientConfig": {"url": "https://attackers.example.com/"},
    "rules": [{"apiGroups": ["none.example.com"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}],
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
}
MUTATING_WEBHOOKS = thing(
    ADMISSION, "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", webhooks=[HOOK]
)  # fmt: skip
VALIDATING_WEBHOOKS = thing(
    ADMISSION, "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", webhooks=[HOOK]
)
MATCHES: Plain = {
    "resourceRules": [
        {"apiGroups": ["none.example.com"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}
    ]
}
POLICIES = thing(
    ADMISSION, "ValidatingAdmissionPolicy", "validatingadmissionpolicies",
    spec={"matchConstraints": MATCHES, "validations": [{"expression": "true"}]},
)  # fmt: skip
POLICY_BINDINGS = thing(
    ADMISSION, "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings",
    spec={"policyName": "web", "validationActions": ["Audit"]},
)  # fmt: skip
MUTATING_POLICIES = thing(
    ADMISSION, "MutatingAdmissionPolicy", "mutatingadmissionpolicies",
    spec={
        "matchConstraints": MATCHES,
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Object{}"}}],
    },
)  # fmt: skip
MUTATING_POLICY_BINDINGS = thing(
    ADMISSION, "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings", spec={"policyName": "web"}
)
DEFINITIONS = thing(
    "apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions",
    spec={
        "group": "step.example.com", "scope": "Namespaced", "names": {"kind": "Web", "plural": "webs"},
        "versions": [{
            "name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}},
        }],
    },
)  # fmt: skip
