"""What of the pods' trust is used: whose token asked the API server, what ran, and who made pods.

The audit log names a service account, never the pod that asked (the name of the pod is in fields that it need not
have): of several workloads with one account only flows can tell which of them it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from mistrust.access.record import Coverage, Record, Tally
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import CronJob, Job, Workload
from mistrust.layers.pods.escapes.escape import Power
from mistrust.layers.pods.escapes.tokens import accounts, tokens
from mistrust.layers.pods.layer import Access

CONTROLLERS: Final = re.compile(
    r"system:kube-controller-manager|system:serviceaccount:kube-system:"
    r"(replicaset|replication|statefulset|daemon-set|job|cronjob|deployment)-controller"
)
"""They make pods from objects that a snapshot shows (cmd/kube-controller-manager/names/controller_names.go)."""
NODE: Final = "system:node:"
ON_NODES: Final = re.compile(r"system:node:.*|system:kube-(controller-manager|scheduler)")
"""They have the tokens of whoever calls them reviewed, and answer at addresses of nodes."""
MAKING: Final = frozenset(
    {
        ("", "pods"),
        ("", "replicationcontrollers"),
        ("apps", "daemonsets"),
        ("apps", "deployments"),
        ("apps", "replicasets"),
        ("apps", "statefulsets"),
        ("batch", "cronjobs"),
        ("batch", "jobs"),
    }
)
DEBUGGING: Final = ("", "pods/ephemeralcontainers")
REVIEWING: Final = ("authentication.k8s.io", "tokenreviews")
TOKENS: Final = ("", "serviceaccounts/token")


class Call(msgspec.Struct, frozen=True, gc=False):
    """A request that the API server let through, as far as the pods layer asks."""

    user: str
    verb: str
    group: str
    resource: str
    """With the subresource: `pods/ephemeralcontainers`."""
    namespace: str
    name: str


class Contacts(msgspec.Struct, frozen=True):
    """What flows show of workloads."""

    ran: Mapping[Ref, Tally] = {}
    """Workloads that some flow shows."""
    complete: frozenset[Ref] = frozenset()
    """Those of which a flow that is not there shows that there was none."""
    asked: frozenset[Ref] = frozenset()
    """Those that may have opened a connection to the API server."""
    nodes: frozenset[Ref] = frozenset()
    """Those that opened one to a node."""
    pairs: frozenset[tuple[Ref, Ref]] = frozenset()
    """Who opened one to which other workload."""


class Usage(msgspec.Struct, frozen=True):
    """What was seen, by the objects of one snapshot."""

    asked: Mapping[Ref, Tally]
    """Service accounts that asked the API server."""
    ran: Mapping[Ref, Tally]
    """Workloads that ran; and service accounts of which a kubelet fetched a token, because a pod of theirs ran."""
    reviewers: Mapping[str, tuple[Ref, ...] | None]
    """Users that had tokens reviewed, with their workloads; None for what runs on nodes. Whose tokens, no log tells."""
    makers: Mapping[str, tuple[str, ...]]
    """By namespace, who made pods of a shape that the snapshot does not show, in words."""
    coverage: Coverage
    contacts: Contacts | None = None
    let_in: frozenset[Ref] | None = None
    """Service accounts that RBAC lets in to what runs on nodes: a token that is refused there is not used. None where
    that is not known."""

    def accesses(self, snapshot: Snapshot) -> Iterator[Access]:
        """The powers that were used, as far as logs show it: the tokens of accounts that asked."""
        known = accounts(snapshot)
        for w in snapshot.workloads:
            held = {target for e in tokens(w, known) for target in e.targets}
            if held and self.calls(w.ref) is not False and (self.calls(w.ref) or held & self.asked.keys()):
                yield Access(w.ref, Power.IDENTITY)

    def calls(self, workload: Ref) -> bool | None:
        """Do flows show that it asked the API server, or that it did not? None where they show neither."""
        c = self.contacts
        if c is None or not (workload in c.asked or workload in c.complete):
            return None
        return workload in c.asked


def used(
    snapshot: Snapshot,
    record: Record[Call],
    contacts: Contacts | None = None,
    let_in: frozenset[Ref] | None = None,
) -> Usage:
    """Tell the requests of a record by the objects of a snapshot."""
    asked: dict[Ref, Tally] = {}
    ran: dict[Ref, Tally] = dict(contacts.ran) if contacts is not None else {}
    reviewers: dict[str, tuple[Ref, ...] | None] = {}
    makers: dict[str, set[str]] = {}
    jobs = {w.ref: w for w in snapshot.workloads if isinstance(w.source, Job | CronJob)}
    shown = {(r.group, f"{r.kind.lower()}s", r.namespace, r.name) for r in (w.ref for w in snapshot.workloads)}
    for call, tally in record.uses.items():
        account = _account(call.user)
        if account is not None:
            _add(asked, account, tally)
        if (call.group, call.resource) == TOKENS and call.user.startswith(NODE):
            _add(ran, Ref("", "ServiceAccount", call.namespace, call.name), tally)
        if (call.group, call.resource) == REVIEWING:
            mine = tuple(w.ref for w in snapshot.workloads if account is not None and _of(w) == account)
            reviewers[call.user] = None if ON_NODES.fullmatch(call.user) else mine
        for job in _runs(call, jobs):
            _add(ran, job, tally)
        if words := _made(call, shown):
            makers.setdefault(call.namespace, set()).add(words)
    told = {space: tuple(sorted(words)) for space, words in makers.items()}
    return Usage(asked, ran, reviewers, told, record.coverage, contacts, let_in)


def _account(user: str) -> Ref | None:
    """The service account behind a user name (k8s.io/apiserver/pkg/authentication/serviceaccount/util.go)."""
    head, _, rest = user.partition("system:serviceaccount:")
    namespace, colon, name = rest.partition(":")
    return Ref("", "ServiceAccount", namespace, name) if not head and colon else None


def _of(workload: Workload) -> Ref:
    return Ref("", "ServiceAccount", workload.namespace, workload.spec.identity)


def _runs(call: Call, jobs: Mapping[Ref, Workload]) -> Iterator[Ref]:
    """The Job that a controller's request is about, or the CronJob: its jobs are named after it and the minute."""
    if call.group != "batch" or call.resource not in ("jobs", "jobs/status") or not CONTROLLERS.fullmatch(call.user):
        return
    whole, (made, _, minute) = Ref("batch", "Job", call.namespace, call.name), call.name.rpartition("-")
    if whole in jobs:
        yield whole
    maker = Ref("batch", "CronJob", call.namespace, made)
    if minute.isdigit() and maker in jobs:
        yield maker


def _made(call: Call, shown: set[tuple[str, str, str, str]]) -> str:
    """Who made a pod whose shape is not in the snapshot, in words; empty for every other request."""
    if (call.group, call.resource) == DEBUGGING and call.verb in ("patch", "update"):
        return f"{call.user} added ephemeral containers to pods"
    if call.verb != "create" or (call.group, call.resource) not in MAKING:
        return ""
    known = (call.group, call.resource, call.namespace, call.name) in shown
    if known or CONTROLLERS.fullmatch(call.user) or call.user.startswith(NODE):
        return ""
    return f"{call.user} created {call.resource}" + (f" {call.name}" if call.name else "")


def _add(found: dict[Ref, Tally], key: Ref, tally: Tally) -> None:
    found[key] = found[key] + tally if key in found else tally
