"""Who is where in the shop's cluster, from one roll-out to the next: pods with their names, nodes and addresses."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

import msgspec

from mistrust.cli.shop.calendar import BREAK_GLASS, DAYS, HOUR, Day

NODES: Final = ("node-1", "node-2", "node-3")
API_SERVER: Final = "10.0.0.10"
_HASH = "456789bcdf"
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
"""What k8s.io/apimachinery/pkg/util/rand makes names of; of the hash of a template it encodes digits alone."""


class Workload(msgspec.Struct, frozen=True):
    """A workload as its manifest has it."""

    namespace: str
    name: str
    kind: str
    account: str
    replicas: int
    label: str = ""

    @property
    def labels(self) -> str:
        """The label that its pods have."""
        return self.label or f"app={self.name}"


class Pod(msgspec.Struct, frozen=True):
    """A pod that runs, or ran."""

    workload: Workload
    name: str
    node: int
    """Index into `NODES`."""
    address: str

    @property
    def namespace(self) -> str:
        """That of its workload."""
        return self.workload.namespace


WEB: Final = Workload("shop", "web", "Deployment", "web", 3)
CART: Final = Workload("shop", "cart", "Deployment", "default", 2)
RELOADER: Final = Workload("shop", "reloader", "Deployment", "reloader", 1)
ORDERS: Final = Workload("shop", "orders", "StatefulSet", "orders", 1)
REPORT: Final = Workload("shop", "nightly-report", "CronJob", "orders", 1)
CHECKOUT: Final = Workload("payments", "checkout", "Deployment", "checkout", 2)
RUNNER: Final = Workload("ci", "runner", "Deployment", "runner", 1)
AGENT: Final = Workload("ops", "agent", "DaemonSet", "agent", 3)
DASHBOARD: Final = Workload("ops", "dashboard", "Deployment", "dashboard", 1)
BACKUP: Final = Workload("ops", "backup", "CronJob", "backup", 1)
DNS: Final = Workload("kube-system", "coredns", "Deployment", "kube-dns", 2, "k8s-app=kube-dns")

STANDING: Final = (WEB, CART, RELOADER, ORDERS, CHECKOUT, RUNNER, AGENT, DASHBOARD, DNS)
ROLLED: Final = {WEB: (0, 1, 2, 3, 4), CART: (1, 3), CHECKOUT: (2,)}
"""The weekdays on which the CI deploys; Monday is 0."""
JOBS: Final = {REPORT: 3 * HOUR, BACKUP: 2 * HOUR + HOUR // 2}
"""When the CronJobs run: the schedules of the manifests."""
RESTARTED: Final = 15 * HOUR + 1260
"""When the checkout is restarted on the day of the broken glass."""


def rollout(workload: Workload, day: Day) -> int | None:
    """When a workload is deployed on this day, in seconds since midnight; None if it is not."""
    if day.date.weekday() in ROLLED.get(workload, ()):
        return 9 * HOUR + day.random(f"rollout {workload.name}").randrange(6 * HOUR)
    return RESTARTED if workload is CHECKOUT and day.date == BREAK_GLASS else None


class Cluster:
    """The pods of a month."""

    def __init__(self, seed: int, days: int = DAYS) -> None:
        self._random = Random(f"{seed}/pods")  # noqa: S311 (names of pods, no secret)
        self._addresses = [9, 9, 9]
        self._since: dict[Workload, list[int]] = {w: [0] for w in STANDING}
        self._pods: dict[Workload, list[tuple[Pod, ...]]] = {w: [self._new(w, "")] for w in STANDING}
        self.jobs: dict[tuple[Workload, int], Pod] = {}
        """The pod of a CronJob, by the number of the day."""
        for number in range(days):
            day = Day(number, seed)
            for workload, at in JOBS.items():
                minutes = str((day.start + at) // 60)
                (self.jobs[workload, number],) = self._new(workload, minutes)
            for workload in ROLLED:
                at_rollout = rollout(workload, day)
                if at_rollout is not None:
                    self._since[workload].append(day.start + at_rollout)
                    self._pods[workload].append(self._new(workload, ""))

    def at(self, workload: Workload, moment: float) -> tuple[Pod, ...]:
        """Its pods at a moment, in seconds since 1970."""
        since = self._since[workload]
        return self._pods[workload][bisect_right(since, moment) - 1]

    def all(self) -> Iterator[Pod]:
        """Every pod that ever ran."""
        for generations in self._pods.values():
            for pods in generations:
                yield from pods
        yield from self.jobs.values()

    def _new(self, workload: Workload, of: str) -> tuple[Pod, ...]:
        dice = self._random
        template = of or "".join(dice.choices(_HASH, k=9))
        spread = dice.randrange(len(NODES))
        return tuple(
            self._pod(workload, self._name(workload, template, i), (spread + i) % len(NODES))
            for i in range(workload.replicas)
        )

    def _name(self, workload: Workload, template: str, ordinal: int) -> str:
        if workload.kind == "StatefulSet":
            return f"{workload.name}-{ordinal}"
        end = "".join(self._random.choices(_SUFFIX, k=5))
        return f"{workload.name}-{end}" if workload.kind == "DaemonSet" else f"{workload.name}-{template}-{end}"

    def _pod(self, workload: Workload, name: str, node: int) -> Pod:
        self._addresses[node] = self._addresses[node] % 250 + 1
        return Pod(workload, name, node, f"10.244.{node + 1}.{self._addresses[node]}")


def pick(pods: Sequence[Pod], dice: Random) -> Pod:
    """Any of them, as a Service chooses."""
    return pods[dice.randrange(len(pods))]
