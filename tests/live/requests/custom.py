"""Objects of kinds that others define. The server does not have them, which it says (404) to those it has authorized:
what their controllers make of them is not tried."""

from __future__ import annotations

from tests.live.requests import objects as o
from tests.live.requests.objects import thing
from tests.live.requests.request import Tried, Ways, both, either, on

WRITE = "create,update,patch"
SECRET_OR_POD = either(on("get,list,watch", o.SECRETS), on("create", o.PODS))


def of(api: str, plurals: str, verbs: str = WRITE, namespace: str = "{ns}") -> Ways:
    """Writes of objects that nobody has."""
    kinds = [thing(api, "Any", plural, namespace) for plural in plurals.split(",")]
    return either(*(on(verbs, each, stands=False, beyond=[404]) for each in kinds))


def cluster(api: str, plurals: str, verbs: str = WRITE) -> Ways:
    return of(api, plurals, verbs, namespace="")


ARGO = "argoproj.io/v1alpha1"
KYVERNO = "kyverno.io/v1"
REWRITE = "delete,deletecollection,update,patch"
ANY_WRITE = "create,update,patch,delete,deletecollection"
CUSTOM = {
    "argo-workflow": of(ARGO, "workflows,cronworkflows", "create"),
    "argocd-application": of(ARGO, "applications,applicationsets", namespace="argocd"),
    "argocd-project": of(ARGO, "appprojects", namespace="argocd"),
    "azure-pod-identity-exception": of("aadpodidentity.k8s.io/v1", "azurepodidentityexceptions"),
    "certificate-from-issuer": both(of("cert-manager.io/v1", "certificates,certificaterequests"), SECRET_OR_POD),
    "external-secret": both(of("external-secrets.io/v1", "externalsecrets,pushsecrets"), SECRET_OR_POD),
    "fleet-bundle": of("fleet.cattle.io/v1alpha1", "bundles,gitrepos"),
    "flux-helm-release": of("helm.toolkit.fluxcd.io/v2", "helmreleases"),
    "flux-kustomization": of("kustomize.toolkit.fluxcd.io/v1", "kustomizations"),
    "gatekeeper-mutation": cluster("mutations.gatekeeper.sh/v1", "assign,assignimage,modifyset"),
    "gatekeeper-policy": cluster("templates.gatekeeper.sh/v1", "constrainttemplates", REWRITE),
    "knative-service": of("serving.knative.dev/v1", "services,configurations"),
    "kyverno-exception": of("kyverno.io/v2", "policyexceptions"),
    "kyverno-generate": cluster(KYVERNO, "clusterpolicies"),
    "kyverno-policy": cluster(KYVERNO, "clusterpolicies", REWRITE),
    "node-class": cluster("karpenter.k8s.aws/v1", "ec2nodeclasses"),
    "open-linkerd": of(
        "policy.linkerd.io/v1beta3",
        "servers,serverauthorizations,authorizationpolicies,meshtlsauthentications",
        ANY_WRITE,
    ),
    "open-mesh": of(
        "security.istio.io/v1", "peerauthentications,authorizationpolicies,requestauthentications", ANY_WRITE
    ),
    "operator-install": of("operators.coreos.com/v1alpha1", "clusterserviceversions"),
    "ray-cluster": of("ray.io/v1", "rayclusters,rayjobs,rayservices"),
    "route-hijack": of(
        "gateway.networking.k8s.io/v1", "httproutes,grpcroutes,tlsroutes,tcproutes,referencegrants"
    ),
    "snapshot-data": both(of("snapshot.storage.k8s.io/v1", "volumesnapshots", "create"), on("create", o.CLAIMS)),
    "snapshot-of-others": cluster("snapshot.storage.k8s.io/v1", "volumesnapshotcontents"),
    "spark-application": of("sparkoperator.k8s.io/v1beta2", "sparkapplications,scheduledsparkapplications"),
    "tekton-run": of("tekton.dev/v1", "taskruns,pipelineruns,customruns", "create"),
    "training-job": of(
        "kubeflow.org/v1", "pytorchjobs,tfjobs,mpijobs,xgboostjobs,paddlejobs,jaxjobs,notebooks"
    ),
    "velero-restore": both(
        of("velero.io/v1", "restores", "create", "velero"),
        of("velero.io/v1", "backupstoragelocations", namespace="velero"),
    ),
}  # fmt: skip

CUSTOM_STEPS = {step: Tried(ways, rest="the controller of the kind") for step, ways in CUSTOM.items()}
