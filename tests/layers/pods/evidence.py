"""Short ways to write what was seen of pods."""

from __future__ import annotations

from mistrust.access.record import Coverage, Record, Tally
from mistrust.kube.meta import Ref
from mistrust.layers.pods.usage import Call, Contacts

DAY = 86_400
START, END = 1_700_000_000, 1_700_000_000 + 20 * DAY
WINDOW = Coverage(first=START, last=END, events=1000)
ALWAYS = Tally(500, START, END)
WEB = Ref("apps", "Deployment", "shop", "web")


def call(user: str, verb: str, resource: str, name: str = "", namespace: str = "shop") -> Call:
    """A request; the resource with its group: `jobs.batch`."""
    what, _, group = resource.partition(".")
    return Call(user, verb, group, what, namespace, name)


def account(name: str, namespace: str = "shop") -> str:
    """The user that a service account is."""
    return f"system:serviceaccount:{namespace}:{name}"


def kubelet(name: str = "default", namespace: str = "shop") -> Call:
    """A kubelet fetches a token: a pod with this account runs."""
    return call("system:node:n1", "create", "serviceaccounts/token", name, namespace)


def log(*calls: Call, coverage: Coverage = WINDOW, tally: Tally = ALWAYS) -> Record[Call]:
    """An audit log of these."""
    return Record(dict.fromkeys(calls, tally), coverage)


def quiet(*workloads: Ref, pairs: frozenset[tuple[Ref, Ref]] = frozenset()) -> Contacts:
    """Flows that show all that these did, and nothing of the API server."""
    return Contacts(dict.fromkeys(workloads, ALWAYS), frozenset(workloads), pairs=pairs)
