"""A token goes only where the evidence shows that nobody used it; everywhere else it stays, with the reason."""

from __future__ import annotations

import msgspec
import pytest
from tests.layers.pods.evidence import ALWAYS, DAY, END, START, WEB, WINDOW, account, call, kubelet, log, quiet
from tests.layers.pods.make import cluster, deployment, one

from mistrust.access.change import Tightened, applied
from mistrust.access.record import Record, Tally
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot, snapshot
from mistrust.layers.pods.escapes.escape import Power
from mistrust.layers.pods.layer import Access, Pods
from mistrust.layers.pods.synthesize import synthesize
from mistrust.layers.pods.usage import Call, Contacts, used

RUNS = kubelet()


def tightened(world: Snapshot, record: Record[Call], contacts: Contacts | None = None) -> Tightened:
    return synthesize(world, used(world, record, contacts))


def kept(found: Tightened) -> dict[str, str]:
    """Why tokens stay, by workload."""
    said = ((each.ref.name, each.because) for each in found.left)
    return {name: because.removeprefix("its token stays: ") for name, because in said if "token" in because}


def test_a_token_that_nobody_used_goes() -> None:
    world = cluster(deployment(one("")))
    found = tightened(world, log(RUNS))
    [change] = found.changes
    assert str(change) == "change Deployment shop/web: its token is not used"
    [edit] = change.edits
    assert (edit.op, edit.path[-1], edit.value) == ("set", "automountServiceAccountToken", "false")
    [note] = change.notes
    assert note.because == "ServiceAccount shop/default asked the API server nothing from 2023-11-14 to 2023-12-04"
    after = Pods().granted(snapshot(applied(world.objects, found.changes)))
    assert Access(WEB, Power.IDENTITY) not in after
    assert Access(WEB, Power.IDENTITY) in Pods().granted(world)


def test_a_token_that_was_used_stays_and_needs_no_words() -> None:
    found = tightened(cluster(deployment(one(""))), log(RUNS, call(account("default"), "get", "pods")))
    assert (found.changes, kept(found)) == ((), {})


@pytest.mark.parametrize(
    ("pod", "why"),
    [
        ("automountServiceAccountToken: false\n" + one(""), None),
        (one(""), "nothing in the evidence shows that it ran all the time: its token may be needed"),
    ],
)
def test_of_what_did_not_run_nothing_is_known(pod: str, why: str | None) -> None:
    found = tightened(cluster(deployment(pod)), log(kubelet("other")))
    assert found.changes == ()
    assert kept(found).get("web") == why


def test_running_for_a_part_of_the_window_is_not_enough() -> None:
    record = Record({RUNS: Tally(9, START + 10 * DAY, END)}, WINDOW)
    assert "ran all the time" in kept(tightened(cluster(deployment(one(""))), record))["web"]


@pytest.mark.parametrize(
    ("coverage", "why"),
    [
        (msgspec.structs.replace(WINDOW, last=START + 5 * DAY), "the audit log shows 5.0 days, and 14 are wanted"),
        (msgspec.structs.replace(WINDOW, holes=((1, 2),)), "the audit log has holes"),
        (msgspec.structs.replace(WINDOW, events=0), "no audit log was read"),
    ],
)
def test_thin_evidence_shows_no_absence(coverage: object, why: str) -> None:
    found = tightened(cluster(deployment(one(""))), msgspec.structs.replace(log(RUNS), coverage=coverage))
    assert found.changes == ()
    assert kept(found)["web"].startswith(why)


def test_of_two_workloads_with_one_account_the_log_does_not_say_which_asked() -> None:
    world = cluster(deployment(one("")), deployment(one(""), "other"))
    record = log(RUNS, call(account("default"), "list", "pods"))
    found = tightened(world, record)
    assert found.changes == ()
    assert kept(found)["web"] == (
        "ServiceAccount shop/default asked 500 times, last on 2023-12-04: it, or Deployment shop/other"
    )


def test_flows_say_which_of_them_it_was() -> None:
    world = cluster(deployment(one("")), deployment(one(""), "other"))
    other = Ref("apps", "Deployment", "shop", "other")
    contacts = msgspec.structs.replace(quiet(WEB, other), asked=frozenset({other}))
    record = log(RUNS, call(account("default"), "list", "pods"))
    usage = used(world, record, contacts)
    found = synthesize(world, usage)
    assert [c.old.name for c in found.changes if c.old is not None] == ["web"]
    assert [a.workload.name for a in usage.accesses(world)] == ["other"]


def test_flows_to_the_api_server_are_use_even_if_the_log_has_none() -> None:
    contacts = Contacts({WEB: ALWAYS}, asked=frozenset({WEB}))
    found = tightened(cluster(deployment(one(""))), log(RUNS), contacts)
    assert found.changes == ()
    assert kept(found)["web"].startswith("flows show that it may have asked the API server")


CRON = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: shop}
spec: {schedule: "0 3 * * 0", jobTemplate: {spec: {template: {spec: {containers: [{name: a}]}}}}}
"""


def test_a_cron_job_is_known_once_it_ran() -> None:
    controller = account("cronjob-controller", "kube-system")
    assert kept(tightened(cluster(CRON), log()))["report"] == "no run of it was seen: it may need its token"
    ran = call(controller, "create", "jobs.batch", "report-28374720")
    assert len(tightened(cluster(CRON), log(ran)).changes) == 1
    assert not tightened(cluster(CRON), log(call("alice", "create", "jobs.batch", "report-28374720"))).changes


REVIEW = call(account("vault", "vault"), "create", "tokenreviews.authentication.k8s.io", namespace="")
REVIEW_BY_KUBELET = ("create", "tokenreviews.authentication.k8s.io")
VAULT = Ref("apps", "Deployment", "vault", "vault")
VAULTED = deployment("serviceAccountName: vault\n" + one(""), "vault", "vault")


def test_a_token_may_be_shown_to_others_who_have_it_reviewed() -> None:
    world = cluster(deployment(one("")), VAULTED)
    why = kept(tightened(world, log(RUNS, REVIEW)))["web"]
    assert why.startswith("system:serviceaccount:vault:vault had tokens reviewed, and no log tells whose")
    met = quiet(WEB, pairs=frozenset({(WEB, VAULT)}))
    assert kept(tightened(world, log(RUNS, REVIEW), met))["web"].startswith("it connects to where")
    assert [c.old.name for c in tightened(world, log(RUNS, REVIEW), quiet(WEB)).changes if c.old] == ["web"]


def test_a_kubelet_that_would_refuse_the_token_is_no_use_of_it() -> None:
    world, record = cluster(deployment(one(""))), log(RUNS, call("system:node:n1", *REVIEW_BY_KUBELET, namespace=""))
    assert synthesize(world, used(world, record, None, frozenset())).changes
    account_of_web = Ref("", "ServiceAccount", "shop", "default")
    for let_in in (None, frozenset({account_of_web})):
        found = synthesize(world, used(world, record, None, let_in))
        assert found.changes == ()
        assert kept(found)["web"].startswith("system:node:n1 had tokens reviewed")


def test_a_projected_token_mounted_by_hand_stays() -> None:
    pod = one("volumeMounts: [{name: t, mountPath: /t}]") + (
        "\nvolumes: [{name: t, projected: {sources: [{serviceAccountToken: {audience: vault}}]}}]"
    )
    [change] = tightened(cluster(deployment(pod)), log(RUNS)).changes
    [new] = change.new
    assert [v.name for v in snapshot([new]).workloads[0].spec.volumes] == ["t"]


RUNNING = """
apiVersion: v1
kind: Pod
metadata:
  name: web-x
  namespace: shop
  uid: u
  creationTimestamp: "2023-10-01T00:00:00Z"
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, controller: true}]
spec:
  automountServiceAccountToken: %s
  containers:
  - {name: web, volumeMounts: [{name: kube-api-access-5tk2x, mountPath: /var/run/secrets/kubernetes.io/serviceaccount}]}
  volumes: [{name: kube-api-access-5tk2x, projected: {sources: [{serviceAccountToken: {path: token}}]}}]
"""


def test_running_pods_follow_their_template() -> None:
    world = cluster(deployment(one("")), RUNNING % "null")
    assert len(world.workloads) == 1
    found = tightened(world, log())
    [change] = found.changes
    assert [old.name for old, _ in change.follows] == ["web-x"]
    after = snapshot(applied(world.objects, found.changes))
    assert len(after.workloads) == 1
    assert Pods().granted(after).count() == 0


def test_a_pod_that_nothing_makes_anew_is_left_alone() -> None:
    alone = RUNNING.replace("kind: Deployment", "kind: Rollout").replace("apps/v1", "argoproj.io/v1") % "null"
    assert tightened(cluster(alone), log(RUNS)).changes == ()
