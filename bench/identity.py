"""RBAC at the size of a large company: 100,000 subjects, 20,000 roles, 120,000 bindings.

    python bench/identity.py [--scale 1.0]

Prints the time and memory of the index, of one question, of many at once, of who-may, of the exact set and of the
facts, and as a ratio what the plain definition (walk every binding, look at every rule) needs for the same answers.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from mistrust.catalog.load import api_resources, default_rbac
from mistrust.kube.meta import Metadata, Object
from mistrust.kube.rbac import BindingSubject, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef
from mistrust.kube.snapshot import Scope, snapshot
from mistrust.layers.identity.batch import Batch, Columns
from mistrust.layers.identity.decide import decide
from mistrust.layers.identity.index import Rbac, rbac
from mistrust.layers.identity.layer import Identity
from mistrust.layers.identity.lookup import Lookup, Request, deciding_rule
from mistrust.layers.identity.reviews import answer
from mistrust.layers.identity.subjects import account, groups_of

T = TypeVar("T")

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
CORE = (
    "pods", "services", "configmaps", "secrets", "endpoints", "persistentvolumeclaims", "events", "serviceaccounts",
    "pods/log", "pods/exec", "pods/portforward", "pods/status", "serviceaccounts/token", "nodes", "nodes/proxy",
    "namespaces", "persistentvolumes",
)  # fmt: skip
KINDS = (
    *(("", r) for r in CORE),
    *(("apps", r) for r in ("deployments", "daemonsets", "statefulsets", "replicasets", "deployments/scale")),
    *(("batch", r) for r in ("jobs", "cronjobs")),
    *(("rbac.authorization.k8s.io", r) for r in ("roles", "rolebindings", "clusterroles", "clusterrolebindings")),
    *((f"crd{i}.example.com", f"things{j}") for i in range(60) for j in range(5)),
)
SETS = (VERBS[:3], VERBS[:1], VERBS, ("create", "patch", "update"))


def rule(dice: random.Random) -> PolicyRule:
    lot = dice.random()
    if lot < 0.007:
        return PolicyRule(("*",), ("*",), ("*",))
    if lot < 0.1:
        resources = dice.choice((("secrets",), ("pods/exec",), ("*",), ("serviceaccounts/token",), ("nodes/proxy",)))
        return PolicyRule(dice.choice((("create",), ("get", "list"), ("*",))), ("",), resources)
    group = dice.choice(KINDS)[0]
    names = tuple(f"n{dice.randrange(50)}" for _ in range(2)) if dice.random() < 0.12 else ()
    within = [r for g, r in KINDS if g == group]
    return PolicyRule(
        dice.choice(SETS), (group,), tuple(dice.sample(within, min(len(within), dice.randint(1, 4)))), names
    )


def objects(dice: random.Random, subjects: int, roles: int, bindings: int) -> Iterator[Object]:
    """Nearly every role is different, which no real cluster has: the worst case for what is shared."""
    spaces = namespaces(subjects)
    homes = ["" if dice.random() < 0.35 else dice.choice(spaces) for _ in range(roles)]
    by_home: dict[str, list[int]] = {}
    for i, home in enumerate(homes):
        by_home.setdefault(home, []).append(i)
        rules = tuple(rule(dice) for _ in range(dice.choice((1, 1, 2, 3, 5, 8, 15))))
        yield (Role if home else ClusterRole)(metadata=Metadata(name=f"r{i}", namespace=home), rules=rules)
    for i in range(bindings):
        space = "" if dice.random() < 0.12 else dice.choice(spaces)
        home = space if space in by_home and dice.random() < 0.6 else ""
        ref = RoleRef("Role" if home else "ClusterRole", f"r{dice.choice(by_home[home])}")
        who = tuple(subject(dice, subjects) for _ in range(dice.choice((1, 1, 1, 2, 4))))
        if space and dice.random() < 0.002:
            who = (*who, BindingSubject("Group", "system:authenticated"))
        made = RoleBinding if space else ClusterRoleBinding
        yield made(metadata=Metadata(name=f"b{i}", namespace=space), role_ref=ref, subjects=who)


def subject(dice: random.Random, subjects: int) -> BindingSubject:
    lot, number = dice.random(), dice.randrange(subjects)
    if lot < 0.75:
        return BindingSubject("ServiceAccount", f"sa{number}", f"ns{number % (subjects // 50)}")
    if lot < 0.999:
        return (
            BindingSubject("User", f"user{number}") if lot < 0.92 else BindingSubject("Group", f"group{number % 300}")
        )
    return BindingSubject("Group", "system:authenticated")


def namespaces(subjects: int) -> list[str]:
    return [f"ns{i}" for i in range(subjects // 50)]


def questions(dice: random.Random, subjects: int, count: int) -> list[Request]:
    found = []
    for _ in range(count):
        number = dice.randrange(subjects)
        who = account(f"ns{number % (subjects // 50)}", f"sa{number}")
        group, resource = dice.choice(KINDS)
        main, _, sub = resource.partition("/")
        where = dice.choice(namespaces(subjects)) if dice.random() < 0.8 else ""
        name = f"n{dice.randrange(50)}" if dice.random() < 0.3 else ""
        found.append(Request(who.name, groups_of(who), dice.choice(VERBS), group, main, sub, where, name))
    return found


def plainly(index: Rbac, request: Request) -> bool:
    """The definition: every grant, every rule."""
    return any(
        (g.principal.name == request.user if g.principal.kind == "User" else g.principal.name in request.groups)
        and g.namespace in ("", request.scope)
        and deciding_rule(g.role.rules, request) >= 0
        for g in index.grants
    )


def timed(what: str, run: Callable[[], T], *, each: int = 1) -> tuple[T, float]:
    """Run it; print processor seconds, or microseconds each, and what the process grew by."""
    gc.collect()
    before, start = memory(), time.process_time()
    result = run()
    took = time.process_time() - start
    shown = f"{took:9.2f} s" if each == 1 else f"{took / each * 1e6:9.2f} us each"
    print(f"{what:46} {shown:>18}  {max(0.0, memory() - before):6.0f} MB", flush=True)
    return result, took / each


def memory() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def review(request: Request) -> bytes:
    what = {"verb": request.verb, "group": request.group, "resource": request.resource, "name": request.name}
    where = {"namespace": request.namespace, "subresource": request.subresource}
    return json.dumps(
        {"spec": {"user": request.user, "groups": request.groups, "resourceAttributes": {**what, **where}}}
    ).encode()


def tiled(columns: Columns, times: int) -> Columns:
    """The same columns many times over."""
    steps = [columns.starts[:-1] + i * len(columns.holders) for i in range(times)]
    starts = np.concatenate([*steps, np.array([times * len(columns.holders)])])
    return Columns(
        np.tile(columns.holders, times), starts, np.tile(columns.namespaces, times), np.tile(columns.permissions, times)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    scale = parser.parse_args().scale
    subjects, roles, bindings = (int(n * scale) for n in (100_000, 20_000, 120_000))
    dice = random.Random(1)
    cluster = snapshot(objects(dice, subjects, roles, bindings), scope=Scope.CLUSTER)
    print(f"{subjects:,} subjects, {roles:,} roles, {bindings:,} bindings")

    index, _ = timed("grants: bindings joined with roles", lambda: rbac(cluster))
    lookup, _ = timed("index", lambda: Lookup(index))
    asked = questions(dice, subjects, 20_000)
    timed("one question, first time it is asked", lambda: [lookup.allows(q) for q in asked], each=len(asked))
    said, single = timed("one question", lambda: [lookup.allows(q) for q in asked], each=len(asked))
    timed("one question, with reason and evidence", lambda: [decide(lookup, q) for q in asked], each=len(asked))
    timed("who may, first time it is asked", lambda: [lookup.who(q) for q in asked[:3000]], each=3000)
    timed("who may", lambda: [lookup.who(q) for q in asked[:3000]], each=3000)
    lines = [review(q) for q in asked]
    timed(
        "a review, JSON in and out", lambda: [answer(line, partial(decide, lookup)) for line in lines], each=len(lines)
    )
    batch, _ = timed("columns: index", lambda: Batch(lookup))
    columns, _ = timed("columns: number a request", lambda: batch.columns(asked), each=len(asked))
    many = tiled(columns, 50)
    answers, together = timed("columns: a million answers", lambda: batch.allows(many), each=len(many))
    assert answers.tolist() == said * 50

    sample = asked[:20]
    plain, slow = timed("the plain definition", lambda: [plainly(index, q) for q in sample], each=len(sample))
    assert plain == said[: len(sample)]
    print(f"ratio to the plain definition: one question {slow / single:,.0f}x, as columns {slow / together:,.0f}x")

    identity = Identity(default_rbac(), api_resources())
    granted, _ = timed("the exact set of everything granted", lambda: identity.granted(cluster))
    number, _ = timed("count it", granted.count)
    print(f"{number:,} accesses")
    timed("its difference from itself", lambda: granted - granted)
    told, _ = timed("facts", lambda: list(identity.facts(cluster, granted)))
    print(f"{len(told):,} facts, {answers.mean():.1%} of the questions allowed")


if __name__ == "__main__":
    main()
