"""Conditions that a step puts on the cluster, the namespace or the actor: `Step.where` lists their forms.

An answer is the clause that has to be taken for granted, empty where the objects themselves say so; None is "no".
"""

from __future__ import annotations

from collections.abc import Sequence

from mistrust.kube.admission import CustomResourceDefinition
from mistrust.kube.errors import InputError
from mistrust.kube.snapshot import Scope
from mistrust.layers.identity.index import AnyBinding
from mistrust.layers.pods.admission import Enforced
from mistrust.layers.pods.level import Level
from mistrust.paths.inventory import Account, Inventory, has_resource, objects_named

PRIVILEGED_PODS = "pod-security-admits-privileged"
SECRET_TOKENS = "token-secret"  # noqa: S105
DANGLING = "dangling-role"
IN_NAMESPACE = (PRIVILEGED_PODS, SECRET_TOKENS, DANGLING)
FORMS = ("kind:", "object:", "annotation:", "pod:")
REACHES_METADATA = "pod:reaches-metadata"
KUBELET_ALONE = "pod:kubelet-alone"
BESIDE_PLAINTEXT = "pod:beside-plaintext"
OVER_NETWORK = (REACHES_METADATA, KUBELET_ALONE, BESIDE_PLAINTEXT)
POD_FORMS = ("pod:host-network", "pod:host-pid", "pod:host-path=", *OVER_NETWORK)

Answer = str | None


def understood(where: str) -> bool:
    """Is this the text of a condition?"""
    return where in IN_NAMESPACE or where.startswith(("kind:", "object:", "annotation:", *POD_FORMS))


class Conditions:
    """Answers the conditions on one snapshot, each once."""

    def __init__(self, inv: Inventory, enforced: dict[str, Enforced], dangling: Sequence[AnyBinding]) -> None:
        self.inv = inv
        self.enforced = enforced
        self._dangling = frozenset(b.metadata.namespace for b in dangling)
        self._tokens = frozenset(ns for ns, _ in inv.token_secrets)
        self._known: dict[str, Answer] = {}

    def of_cluster(self, where: str) -> Answer:
        """`kind:` and `object:`; other conditions hold here and are asked elsewhere."""
        if where not in self._known:
            if not understood(where):
                raise InputError("not a condition", got=repr(where), wanted=", ".join((*IN_NAMESPACE, *FORMS)))
            form, _, rest = where.partition(":")
            match form:
                case "kind":
                    self._known[where] = self._resource(rest)
                case "object":
                    self._known[where] = self._object(rest)
                case _:
                    self._known[where] = ""
        return self._known[where]

    def of_namespace(self, where: str, namespace: str) -> Answer:
        """The conditions on the namespace in which a step succeeds; other conditions hold here."""
        match where:
            case "pod-security-admits-privileged":
                level = self.enforced.get(namespace)
                return level.assumed if level and level.level is Level.PRIVILEGED else None
            case "token-secret":
                return "" if namespace in self._tokens else None
            case "dangling-role":
                return "" if namespace in self._dangling else None
            case _:
                return ""

    def of_account(self, where: str, account: Account) -> Answer:
        """`annotation:` on the acting service account; other conditions hold here."""
        if not where.startswith("annotation:"):
            return ""
        found = self.inv.accounts.get(account)
        return "" if found is not None and where.removeprefix("annotation:") in found.metadata.annotations else None

    def of_pod(self, where: str, i: int) -> Answer:
        """`pod:` on the acting pod, by its number in the inventory; other conditions hold here."""
        spec, legs = self.inv.workloads[i].spec, self.inv.legs
        match where.partition("="):
            case ("pod:host-network", _, _):
                return "" if spec.host_network else None
            case ("pod:host-pid", _, _):
                return "" if spec.host_pid else None
            case ("pod:host-path", _, path):
                return "" if any(v.host_path and inside(path, v.host_path.path) for v in spec.volumes) else None
            case (str(form), _, _) if form == REACHES_METADATA:
                return "" if legs.asks_metadata(i) else None
            case (str(form), _, _) if form == KUBELET_ALONE:
                return "" if legs.shows_token_to_kubelets(i) else None
            case (str(form), _, _) if form == BESIDE_PLAINTEXT:
                return "" if legs.overhears(i) else None
            case _:
                return ""

    def _resource(self, resource: str) -> Answer:
        snapshot = self.inv.snapshot
        if has_resource(snapshot, resource):
            return ""
        if snapshot.scope is Scope.MANIFESTS or snapshot.blind(CustomResourceDefinition):
            return f"the cluster has {resource}"
        return None

    def _object(self, name: str) -> Answer:
        snapshot = self.inv.snapshot
        if objects_named(snapshot, name):
            return ""
        kind = name.partition(" ")[0]
        return f"{name} exists" if any(g.kind == kind for g in snapshot.gaps) else None


def inside(path: str, mounted: str) -> bool:
    """Is a path of the node within a mounted one, or above it?

    >>> inside("/var/log", "/"), inside("/var/log", "/var/log/pods/"), inside("/var/log", "/var/lo")
    (True, True, False)
    """
    a, b = path.rstrip("/") + "/", mounted.rstrip("/") + "/"
    return a.startswith(b) or b.startswith(a)


def every(answers: Sequence[Answer]) -> Answer:
    """All of them: None if one is None, else what has to be taken for granted together."""
    if None in answers:
        return None
    return "; ".join(dict.fromkeys(a for a in answers if a))
