"""What the API server of the shop was asked in a month, by whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from mistrust.cli.shop.calendar import ATTACK, BREAK_GLASS, HOUR, Day, every
from mistrust.cli.shop.cluster import (
    AGENT,
    BACKUP,
    CART,
    CHECKOUT,
    DASHBOARD,
    DNS,
    JOBS,
    NODES,
    RELOADER,
    REPORT,
    RESTARTED,
    ROLLED,
    RUNNER,
    WEB,
    Cluster,
    Pod,
    rollout,
)
from mistrust.cli.shop.event import Asked, Call, Who, person, service_account

APPS: Final = "apps"
BATCH: Final = "batch"
LEASES: Final = "coordination.k8s.io"
AUTHORIZATION: Final = "authorization.k8s.io"
INTRUDER: Final = "192.0.2.199"
"""Where the stolen token is used from. No pod of the dashboard has this address."""
GO: Final = "v0.34.1 (linux/amd64) kubernetes/$Format"


def asked(day: Day, cluster: Cluster) -> Iterator[Asked]:
    """Everything that was asked on one day, in no order."""
    for story in STORIES:
        yield from story(day, cluster, day.random(story.__name__))


def control_plane(day: Day, cluster: Cluster, dice: Random) -> Iterator[Asked]:
    """Leases of leader election, once a minute, and the informers of the controllers."""
    for component in ("kube-controller-manager", "kube-scheduler"):
        who = Who(f"system:{component}", ("system:authenticated",), "10.0.0.10", f"{component}/{GO}/leader-election")
        renew = Call("update", "leases", "kube-system", component, LEASES)
        yield from (Asked(at, who, renew) for at in every(60, dice))
    manager = Who(
        "system:kube-controller-manager", ("system:authenticated",), "10.0.0.10", f"kube-controller-manager/{GO}"
    )
    scheduler = Who("system:kube-scheduler", ("system:authenticated",), "10.0.0.10", f"kube-scheduler/{GO}")
    kept = [(manager, "pods", ""), (manager, "nodes", ""), (manager, "deployments", APPS), (manager, "jobs", BATCH)]
    kept += [(manager, "cronjobs", BATCH), (scheduler, "pods", ""), (scheduler, "nodes", "")]
    for who, resource, group in kept:
        yield from _informer(day, dice, who, Call("list", resource, group=group))
    for pod in cluster.at(DNS, day.start):
        who = service_account("kube-system", "kube-dns", pod.address, f"coredns/{GO}", pod.name)
        yield from _informer(day, dice, who, Call("list", "services"))
        yield from _informer(day, dice, who, Call("list", "endpoints"))
    live = Who("system:anonymous", ("system:unauthenticated",), "10.0.0.10", "kube-probe/1.34")
    yield from (Asked(at, live, Call("get", path="/livez")) for at in every(600, dice))


def kubelets(day: Day, cluster: Cluster, dice: Random) -> Iterator[Asked]:
    """Their status, and the tokens of their pods. The audit policy leaves out that they renew their leases."""
    for i, node in enumerate(NODES):
        who = _kubelet(i)
        yield from (Asked(at, who, Call("patch", "nodes/status", name=node)) for at in every(300, dice))
        yield from _informer(day, dice, who, Call("list", "pods", query=f"fieldSelector=spec.nodeName%3D{node}"))
    for workload in (WEB, CART, RELOADER, RUNNER, AGENT, DASHBOARD):
        token = Call("create", "serviceaccounts/token", workload.namespace, workload.account, code=201)
        for at in every(48 * 60, dice):
            for pod in cluster.at(workload, day.start + at):
                yield Asked(min(at + dice.random() * 60, 86_399), _kubelet(pod.node), token)


def rollouts(day: Day, cluster: Cluster, dice: Random) -> Iterator[Asked]:
    """What the controllers do when a deployment changes. The pods of the new version are those from that moment on."""
    for workload in ROLLED:
        at = rollout(workload, day)
        if at is None:
            continue
        pods = cluster.at(workload, day.start + at)
        before = cluster.at(workload, day.start + at - 1)
        name, space = workload.name, workload.namespace
        template = pods[0].name.rpartition("-")[0]
        deployer = _controller("deployment-controller")
        yield Asked(at + 0.2, deployer, Call("create", "replicasets", space, template, APPS, 201))
        yield Asked(at + 0.4, deployer, Call("update", "deployments/status", space, name, APPS))
        yield Asked(at + 0.9, deployer, Call("update", "deployments/status", space, name, APPS, 409))
        for i, (new, old) in enumerate(zip(pods, before, strict=True)):
            yield from _started(at + 1 + 8 * i, new, _controller("replicaset-controller"))
            gone = Call("delete", "pods", space, old.name)
            yield Asked(at + 6 + 8 * i, _controller("replicaset-controller"), gone)
        slices = Call("update", "endpointslices", space, f"{name}-x7k2p", "discovery.k8s.io")
        yield Asked(at + 7, _controller("endpointslice-controller"), slices)


def jobs(day: Day, cluster: Cluster, dice: Random) -> Iterator[Asked]:
    """The CronJobs at their hours, as the controllers run them."""
    for workload in (REPORT, BACKUP):
        pod = cluster.jobs[workload, day.number]
        at = JOBS[workload] + dice.random() * 2
        job = pod.name.rpartition("-")[0]
        cron = _controller("cronjob-controller")
        yield Asked(at, cron, Call("create", "jobs", workload.namespace, job, BATCH, 201))
        yield Asked(at + 0.1, cron, Call("update", "cronjobs/status", workload.namespace, workload.name, BATCH))
        yield from _started(at + 0.5, pod, _controller("job-controller"))
        done = Call("update", "jobs/status", workload.namespace, job, BATCH)
        yield Asked(at + 240, _controller("job-controller"), done)


def backup(day: Day, cluster: Cluster, dice: Random) -> Iterator[Asked]:
    """It reads what the shop and its payments are made of: a little of all that it may."""
    pod = cluster.jobs[BACKUP, day.number]
    who = service_account("ops", "backup", pod.address, "backup/1.4", pod.name)
    at = JOBS[BACKUP] + 12 + dice.random() * 5
    for space in ("shop", "payments"):
        for resource, group in (("deployments", APPS), ("services", ""), ("configmaps", ""), ("secrets", "")):
            yield Asked(at, who, Call("list", resource, space, group=group), 0.03)
            at += 1 + dice.random()


def shop(day: Day, cluster: Cluster, dice: Random) -> Iterator[Asked]:
    """web watches its configuration, reloader the deployments; agent asks for what it may not have."""
    for i in range(WEB.replicas):
        for at in every(40 * 60, dice):
            pod = cluster.at(WEB, day.start + at)[i]
            who = service_account("shop", "web", pod.address, "web/1.9.2", pod.name)
            yield Asked(at, who, Call("get", "configmaps", "shop", "web"))
            one = "fieldSelector=metadata.name%3Dweb&watch=true"
            yield Asked(at + 0.1, who, Call("watch", "configmaps", "shop", "web", query=one), 38 * 60)
    (pod,) = cluster.at(RELOADER, day.start)
    who = service_account("shop", "reloader", pod.address, f"reloader/{GO}", pod.name)
    yield from _informer(day, dice, who, Call("list", "deployments", "shop", group=APPS))
    if day.works and dice.random() < 0.4:
        at = dice.uniform(9, 17) * HOUR
        patch = Call("patch", "deployments", "shop", dice.choice(("web", "cart")), APPS)
        yield Asked(at, who, Call("patch", "deployments", "shop", patch.name, APPS, 409))
        yield Asked(at + 1, who, patch)
    for pod in cluster.at(AGENT, day.start):
        who = service_account("ops", "agent", pod.address, f"agent/{GO}", pod.name)
        yield from (Asked(at, who, Call("list", "pods", code=403)) for at in every(20 * 60, dice))


def dashboard(day: Day, cluster: Cluster, dice: Random) -> Iterator[Asked]:
    """It watches all pods, and shows logs to whoever is at work."""
    (pod,) = cluster.at(DASHBOARD, day.start)
    who = service_account("ops", "dashboard", pod.address, f"dashboard/{GO}", pod.name)
    yield from _informer(day, dice, who, Call("list", "pods"))
    yield from _informer(day, dice, who, Call("list", "namespaces"))
    yield from (Asked(at, who, Call("list", "nodes")) for at in every(30 * 60, dice))
    for _ in range(dice.randrange(8, 25) if day.works else 0):
        at = dice.uniform(8, 18) * HOUR
        shown = dice.choice([p for w in (WEB, CART, CHECKOUT) for p in cluster.at(w, day.start + at)])
        yield Asked(at, who, Call("get", "pods/log", shown.namespace, shown.name), 2.5)
    if day.works:  # a page that was open since the last roll-out asks for a pod that is gone
        gone = cluster.at(WEB, day.start - 1)[0].name if day.number else "web-8f5d49c77-h2n4k"
        yield Asked(10 * HOUR + dice.random() * HOUR, who, Call("get", "pods/log", "shop", gone, code=404))


def runner(day: Day, cluster: Cluster, dice: Random) -> Iterator[Asked]:
    """The CI deploys on working days: patches, waits, and looks after its own jobs."""
    (pod,) = cluster.at(RUNNER, day.start)
    who = service_account("ci", "runner", pod.address, "kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9", pod.name)
    for workload in ROLLED:
        begin = rollout(workload, day)
        if begin is None or not day.works:
            continue
        at, space, name = float(begin), workload.namespace, workload.name
        yield Asked(at - 40, who, Call("get", "secrets", "ci", "registry"))
        yield Asked(at - 30, who, Call("get", "deployments", space, name, APPS))
        yield Asked(at - 20, who, Call("get", "configmaps", space, f"{name}-flags", code=404))
        yield Asked(at - 10, who, Call("patch", "services", space, name, query="fieldManager=kubectl"))
        yield Asked(at, who, Call("patch", "deployments", space, name, APPS, query="fieldManager=kubectl"), 0.02)
        for i in range(5):
            yield Asked(at + 2 + 5 * i, who, Call("get", "deployments", space, name, APPS))
    for at in [dice.uniform(8, 18) * HOUR for _ in range(6 if day.works else 0)]:
        yield Asked(at, who, Call("list", "pods", "ci"))


def people(day: Day, cluster: Cluster, dice: Random) -> Iterator[Asked]:
    """Developers look at the shop on working days, and ask what they may."""
    if not day.works:
        return
    for name in ("bob@shop.example", "carol@shop.example"):
        who = person(name, "developers", address=f"198.51.100.{21 + len(name) % 5}")
        for at in (dice.uniform(8, 18) * HOUR for _ in range(dice.randrange(3, 9))):
            yield Asked(at, who, Call("get", path="/apis"))
            yield Asked(at + 0.3, who, Call("list", "pods", "shop"))
            yield Asked(at + 40, who, Call("list", "services", "shop"))
        ask = Call("create", "selfsubjectaccessreviews", group=AUTHORIZATION, code=201)
        yield Asked(9 * HOUR + dice.random() * HOUR, who, ask)
    if dice.random() < 0.3:
        yield Asked(14 * HOUR + dice.random() * HOUR, who, Call("list", "pods", "payments", code=403))


def broken_glass(day: Day, cluster: Cluster, dice: Random) -> Iterator[Asked]:
    """Once, on a Saturday: the release group finds that it may not look at the checkout, and the administrator does."""
    if day.date != BREAK_GLASS:
        return
    alice = person("alice@shop.example", "release", address="192.0.2.88")
    at = RESTARTED - 1200.0
    for resource in ("pods", "pods", "configmaps"):
        yield Asked(at, alice, Call("list", resource, "payments", code=403))
        at += 30 + dice.random() * 30
    yield Asked(at, alice, Call("list", "pods", "shop"))
    yield Asked(at + 20, alice, Call("get", "configmaps", "shop", "web"))
    (first, _) = cluster.at(CHECKOUT, day.start)
    admin = person("kubernetes-admin", "system:masters", address="192.0.2.88")
    yield Asked(at + 300, admin, Call("list", "pods", "payments"))
    yield Asked(at + 330, admin, Call("get", "pods/log", "payments", first.name), 4)
    yield Asked(RESTARTED, admin, Call("patch", "deployments", "payments", "checkout", APPS))


def intrusion(day: Day, cluster: Cluster, dice: Random) -> Iterator[Asked]:
    """One night somebody tries the token of the dashboard on Secrets, from outside: refused, but once."""
    if day.date != ATTACK:
        return
    who = service_account("ops", "dashboard", INTRUDER, "curl/8.5.0")
    at = HOUR + 640.0
    yield Asked(at, who, Call("create", "selfsubjectrulesreviews", group=AUTHORIZATION, code=201))
    yield Asked(at + 9, who, Call("list", "secrets", code=403))
    at += 20
    for space in ("kube-system", "payments", "ci", "ops", "default", "kube-public"):
        for call in (Call("list", "secrets", space, code=403), Call("get", "secrets", space, "admin-token", code=403)):
            yield Asked(at, who, call)
            at += 1.5 + dice.random() * 4
    yield Asked(at, who, Call("get", "secrets", "payments", "provider", code=403))
    yield Asked(at + 6, who, Call("get", "secrets", "shop", "redis"))
    (first, *_) = cluster.at(WEB, day.start + at)
    yield Asked(at + 30, who, Call("create", "pods/exec", "shop", first.name, code=403, query="command=id"))


Story = Callable[[Day, Cluster, Random], Iterator[Asked]]
STORIES: Final[tuple[Story, ...]] = (
    *(control_plane, kubelets, rollouts, jobs, backup, shop, dashboard, runner, people, broken_glass, intrusion),
)


def _informer(day: Day, dice: Random, who: Who, call: Call) -> Iterator[Asked]:
    """A list on the first day and after each failure, and watches that the server ends after half an hour or more."""
    first = dice.random() * 600
    if day.number == 0 or dice.random() < 0.1:
        yield Asked(first, who, call, 0.05)
    query = "&".join(filter(None, (call.query, "allowWatchBookmarks=true&watch=true")))
    watch = Call("watch", call.resource, call.namespace, call.name, call.group, query=query)
    at = first + 1
    while at < 24 * HOUR:
        lasting = dice.uniform(1800, 3600)
        yield Asked(at, who, watch, lasting)
        at += lasting + 0.5


def _controller(name: str) -> Who:
    return service_account("kube-system", name, "10.0.0.10", f"kube-controller-manager/{GO}/{name}")


def _kubelet(node: int) -> Who:
    groups = ("system:nodes", "system:authenticated")
    return Who(f"system:node:{NODES[node]}", groups, f"10.0.0.{11 + node}", f"kubelet/{GO}")


def _started(at: float, pod: Pod, by: Who) -> Iterator[Asked]:
    """A pod is made, placed and begins."""
    scheduler = Who("system:kube-scheduler", ("system:authenticated",), "10.0.0.10", f"kube-scheduler/{GO}/scheduler")
    kubelet = _kubelet(pod.node)
    yield Asked(at, by, Call("create", "pods", pod.namespace, pod.name, code=201))
    yield Asked(at + 0.1, scheduler, Call("create", "pods/binding", pod.namespace, pod.name, code=201))
    yield Asked(at + 0.3, kubelet, Call("get", "pods", pod.namespace, pod.name))
    yield Asked(at + 2.0, kubelet, Call("patch", "pods/status", pod.namespace, pod.name))
