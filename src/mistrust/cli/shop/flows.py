"""Who connected to whom in the shop in a month."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from mistrust.cli.shop.calendar import ATTACK, HOUR, Day, busy, every
from mistrust.cli.shop.cluster import (
    AGENT,
    API_SERVER,
    BACKUP,
    CART,
    CHECKOUT,
    DASHBOARD,
    DNS,
    JOBS,
    ORDERS,
    RELOADER,
    REPORT,
    ROLLED,
    RUNNER,
    WEB,
    Cluster,
    Pod,
    pick,
    rollout,
)
from mistrust.cli.shop.connection import DROPPED_IN, DROPPED_OUT, REFUSED, Opened

BALANCERS: Final = ("130.211.0.17", "130.211.1.5", "35.191.8.20")
"""Of the cloud: in front of the Ingress."""
OFFICE: Final = ("198.51.100.20", "198.51.100.21", "198.51.100.24")
CODE_HOST: Final = "192.0.2.15"
REGISTRY: Final = "192.0.2.40"
STORAGE: Final = "192.0.2.60"
PROVIDER: Final = ("203.0.113.10", "203.0.113.11")
"""The payment provider, in the block that the policy opens."""
ELSEWHERE: Final = "203.0.113.200"
"""The same provider, in the half that the policy excepts."""
SIDECAR: Final = 15021
"""Where the kubelet asks an Istio sidecar whether it is ready."""
PORTS: Final = (22, 80, 443, 3306, 5432, 6379, 8080, 8443, 9090)
PURCHASES: Final = 300
"""A day; fewer at weekends."""


def opened(day: Day, cluster: Cluster) -> Iterator[Opened]:
    """Every connection of one day, in no order."""
    for story in STORIES:
        yield from story(day, cluster, day.random(story.__name__))


def shopping(day: Day, cluster: Cluster, dice: Random) -> Iterator[Opened]:
    """web asks the cart, the cart the orders; a purchase in six is paid for, at the provider."""
    for at in busy(PURCHASES if day.works else PURCHASES * 2 // 3, dice):
        now = day.start + at
        web, cart = pick(cluster.at(WEB, now), dice), pick(cluster.at(CART, now), dice)
        yield Opened(at, dice.choice(BALANCERS), web, 8080)
        yield Opened(at + 0.02, web, cart, 7070)
        yield Opened(at + 0.03, cart, cluster.at(ORDERS, now)[0], 5432)
        if dice.random() < 1 / 6:
            checkout = pick(cluster.at(CHECKOUT, now), dice)
            yield Opened(at + 0.2, web, checkout, 8443)
            yield from _lookup(at + 0.21, checkout, cluster, dice)
            yield Opened(at + 0.22, checkout, dice.choice(PROVIDER), 443)
    if day.date.day == 1:  # the provider's other address was tried, once
        yield Opened(13 * HOUR, cluster.at(CHECKOUT, day.start)[0], ELSEWHERE, 443, became=DROPPED_OUT)


def names(day: Day, cluster: Cluster, dice: Random) -> Iterator[Opened]:
    """Names are looked up, over UDP, and over TCP where the answer is long."""
    for workload in (WEB, CART, RELOADER, DASHBOARD, RUNNER, AGENT):
        for at in every(45 * 60, dice):
            for pod in cluster.at(workload, day.start + at):
                yield from _lookup(at, pod, cluster, dice)


def probes(day: Day, cluster: Cluster, dice: Random) -> Iterator[Opened]:
    """The kubelets ask the sidecars, from their own node."""
    for workload in (WEB, CART, ORDERS, CHECKOUT):
        for at in every(30 * 60, dice):
            for pod in cluster.at(workload, day.start + at):
                yield Opened(at, f"10.0.0.{11 + pod.node}", pod, SIDECAR)


def metrics(day: Day, cluster: Cluster, dice: Random) -> Iterator[Opened]:
    """The agents read the metrics of the checkout."""
    for at in every(10 * 60, dice):
        for pod in cluster.at(CHECKOUT, day.start + at):
            yield Opened(at, cluster.at(AGENT, day.start + at)[dice.randrange(3)], pod, 9102)


def api(day: Day, cluster: Cluster, dice: Random) -> Iterator[Opened]:
    """Who asks the API server."""
    for workload in (WEB, RELOADER, DASHBOARD, AGENT, DNS):
        for at in every(HOUR, dice):
            for pod in cluster.at(workload, day.start + at):
                yield Opened(at, pod, API_SERVER, 6443)


def operations(day: Day, cluster: Cluster, dice: Random) -> Iterator[Opened]:
    """The dashboard is looked at, the code host calls the runner, the runner deploys."""
    (runner,), (dashboard,) = cluster.at(RUNNER, day.start), cluster.at(DASHBOARD, day.start)
    if not day.works:
        return
    for at in (dice.uniform(8, 18) * HOUR for _ in range(40)):
        yield Opened(at, dice.choice(OFFICE), dashboard, 8000)
    for at in (dice.uniform(8, 18) * HOUR for _ in range(12)):
        yield Opened(at, CODE_HOST, runner, 9000)
        yield from _lookup(at + 1, runner, cluster, dice)
        yield Opened(at + 1.1, runner, CODE_HOST, 443)
        yield Opened(at + 60, runner, REGISTRY, 443)
    for workload in ROLLED:
        at_rollout = rollout(workload, day)
        if at_rollout is not None:
            yield Opened(at_rollout - 41, runner, API_SERVER, 6443)


def jobs(day: Day, cluster: Cluster, dice: Random) -> Iterator[Opened]:
    """The report reads the orders; the backup asks the API server and writes to the storage outside."""
    report, backup = cluster.jobs[REPORT, day.number], cluster.jobs[BACKUP, day.number]
    at = JOBS[REPORT] + 6 + dice.random()
    yield from _lookup(at, report, cluster, dice)
    yield Opened(at + 0.1, report, cluster.at(ORDERS, day.start)[0], 5432)
    at = JOBS[BACKUP] + 10 + dice.random()
    yield Opened(at, backup, API_SERVER, 6443)
    yield from _lookup(at + 40, backup, cluster, dice)
    yield Opened(at + 41, backup, STORAGE, 443)


def scan(day: Day, cluster: Cluster, dice: Random) -> Iterator[Opened]:
    """In the night of the attack the dashboard's pod knocks at doors: policies drop it, or nobody listens."""
    if day.date != ATTACK:
        return
    (dashboard,) = cluster.at(DASHBOARD, day.start)
    at = HOUR + 900.0
    for pod in cluster.at(CHECKOUT, day.start + at):
        for port in PORTS:
            yield Opened(at, dashboard, pod, port, became=DROPPED_IN)
            at += 0.2 + dice.random()
    for port in (22, 6379):
        yield Opened(at, dashboard, cluster.at(ORDERS, day.start)[0], port, became=REFUSED)
        at += 1


Story = Callable[[Day, Cluster, Random], Iterator[Opened]]
STORIES: Final[tuple[Story, ...]] = (shopping, names, probes, metrics, api, operations, jobs, scan)


def _lookup(at: float, pod: Pod, cluster: Cluster, dice: Random) -> Iterator[Opened]:
    server = pick(cluster.at(DNS, 0), dice)
    yield Opened(at, pod, server, 53, "UDP")
    if dice.random() < 0.02:
        yield Opened(at + 0.01, pod, server, 53)
