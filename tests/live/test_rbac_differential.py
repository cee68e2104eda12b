"""The identity layer beside a real API server: the same objects, the same questions, the same answers."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

import msgspec
import pytest

from mistrust.access.verdict import Answer
from mistrust.catalog.load import default_rbac
from mistrust.cli.main import run
from mistrust.kube.decode import from_plain
from mistrust.kube.meta import Object
from mistrust.kube.problem import Origin
from mistrust.kube.snapshot import snapshot
from mistrust.layers.identity.decide import decide
from mistrust.layers.identity.index import rbac
from mistrust.layers.identity.lookup import Lookup, deciding_rule
from mistrust.layers.identity.reviews import Spec, request_of
from mistrust.layers.identity.rules import covers, holds_for, permits
from mistrust.layers.identity.subjects import group, user
from tests.controlplane.server import REVIEWS, ControlPlane
from tests.layers.identity.hostile import GROUPS, NAMES, PATHS, RESOURCES, URLS, VERBS
from tests.layers.identity.objects import GROUP, Plain, binding, policies, role, rule

pytestmark = pytest.mark.slow

SPACES = ("rbac-a", "rbac-b")
PEOPLE = (
    "User/u1",
    "User/u2",
    "User/system:serviceaccount:rbac-a:s",
    "Group/g1",
    "Group/system:serviceaccounts:rbac-a",
)
ACCOUNTS = ("ServiceAccount/rbac-a/s", "ServiceAccount/rbac-b/s")
USERS = ("u1", "u2", "u3", "system:anonymous", *(f"system:serviceaccount:{space}:s" for space in SPACES))
SOME_GROUPS = ("g1", "g2", "system:serviceaccounts:rbac-a", "system:authenticated", "system:unauthenticated")


def pick(dice: random.Random, values: Sequence[str]) -> list[str]:
    return dice.sample(values, dice.randint(1, 3))


def any_rule(dice: random.Random, *, urls: bool = True) -> Plain:
    if urls and dice.random() < 0.3:
        return {"verbs": pick(dice, VERBS), "nonResourceURLs": pick(dice, [u for u in URLS if u])}
    found: Plain = {"verbs": pick(dice, VERBS), "apiGroups": pick(dice, GROUPS), "resources": pick(dice, RESOURCES)}
    return {**found, "resourceNames": pick(dice, NAMES)} if dice.random() < 0.3 else found


def world(dice: random.Random) -> list[Plain]:
    """What the server's validation lets through, which is nearly everything."""
    spaces = ["", "", *SPACES]
    made = [
        (f"rbac-{i}", space, role(f"rbac-{i}", *(any_rule(dice, urls=not space) for _ in range(2)), namespace=space))
        for i, space in ((i, dice.choice(spaces)) for i in range(24))
    ]
    found = [manifest for _, _, manifest in made]
    for i in range(40):
        name, home, _ = dice.choice(made)
        space = home or dice.choice(spaces)
        target = "ClusterRole/rbac-missing" if dice.random() < 0.05 else f"{'Role' if home else 'ClusterRole'}/{name}"
        people = dice.sample((*PEOPLE, *ACCOUNTS, *(["ServiceAccount/s"] if space else [])), dice.randint(1, 2))
        found.append(binding(f"rbac-{i}", target, *people, namespace=space))
    return found


def question(dice: random.Random) -> Plain:
    who: Plain = {"user": dice.choice(USERS), "groups": dice.sample(SOME_GROUPS, dice.randint(0, 2))}
    verb = dice.choice(VERBS)
    if dice.random() < 0.2:
        return {**who, "nonResourceAttributes": {"verb": verb, "path": dice.choice(PATHS)}}
    resource, _, sub = dice.choice(RESOURCES).partition("/")
    what = {"verb": verb, "group": dice.choice(GROUPS), "resource": resource, "subresource": sub}
    where = {"namespace": dice.choice(("", *SPACES)), "name": dice.choice(NAMES)}
    return {**who, "resourceAttributes": {**what, **where}}


def lookup(manifests: Sequence[Mapping[str, object]]) -> Lookup:
    """Manifests on top of the defaults of a server, as `mistrust can` reads a folder."""
    found = [each for i, m in enumerate(manifests) for each in from_plain(dict(m), Origin("world", i))]
    return Lookup(rbac(snapshot(o for o in found if isinstance(o, Object)), default_rbac()))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_answer_is_the_servers(controlplane: ControlPlane, seed: int) -> None:
    dice = random.Random(seed)
    objects, asked = world(dice), [question(dice) for _ in range(1500)]
    try:
        answers = controlplane.reviews(objects, asked)
    finally:
        controlplane.reset()
    found = lookup(objects)

    ours = [decide(found, request_of(msgspec.convert(spec, Spec))).answer for spec in asked]

    wrong = [
        (spec, said) for spec, said, our in zip(asked, answers, ours, strict=True) if (our is Answer.ALLOWED) != said
    ]
    assert not wrong[:5]
    assert Answer.UNKNOWN not in ours
    assert sum(answers) > 100


def test_a_live_cluster_is_answered_for_as_it_stands(
    controlplane: ControlPlane, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """The whole way: list the live RBAC objects, defaults and aggregated roles included, and answer reviews."""
    dice = random.Random(6)
    asked = [question(dice) for _ in range(500)]
    reviews = tmp_path / "reviews.jsonl"
    reviews.write_bytes(b"".join(msgspec.json.encode({"spec": spec}) + b"\n" for spec in asked))
    try:
        answers = controlplane.reviews(world(dice), asked)
        assert run(["can", "--reviews", str(reviews), "--kubeconfig", str(controlplane.kubeconfig), "-q"]) == 0
    finally:
        controlplane.reset()

    lines = capfdbinary.readouterr().out.splitlines()
    assert [msgspec.json.decode(line)["status"]["allowed"] for line in lines] == answers


def test_the_reason_is_one_that_the_server_could_give(controlplane: ControlPlane) -> None:
    """The server walks its bindings in no order, so any that allows it may be named."""
    dice = random.Random(4)
    objects = world(dice)
    found = lookup(objects)
    asked = (question(dice) for _ in count())
    allowed = (spec for spec in asked if found.allows(request_of(msgspec.convert(spec, Spec))))
    try:
        controlplane.reviews(objects, [])
        for spec in (next(allowed) for _ in range(100)):
            request = request_of(msgspec.convert(spec, Spec))
            said = controlplane.admin.request("POST", REVIEWS, {"spec": spec}).at("status", "reason")
            mine = {("User", request.user), *(("Group", g) for g in request.groups)}
            possible = {
                f"RBAC: allowed by {grant}"
                for grant in found.rbac.grants
                if (grant.principal.kind, grant.principal.name) in mine
                and grant.namespace in ("", request.scope)
                and deciding_rule(grant.role.rules, request) >= 0
            }
            assert said in possible
            assert decide(found, request).because in possible
    finally:
        controlplane.reset()


def test_what_a_role_covers_is_what_its_holder_may_write(controlplane: ControlPlane) -> None:
    """Writing a role is refused unless its rules are held, or `escalate` is: the escalation check is `covers`."""
    dice = random.Random(5)
    writes = rule("create", "clusterroles", GROUP)
    held = [[writes, *(any_rule(dice) for _ in range(3))] for _ in range(20)]
    objects = [role(f"rbac-own-{i}", *rules) for i, rules in enumerate(held)]
    objects += [binding(f"rbac-own-{i}", f"ClusterRole/rbac-own-{i}", f"User/rbac-{i}") for i in range(len(held))]
    found, told = lookup(objects), []
    try:
        controlplane.reviews(objects, [])
        for i, rules in enumerate(held):
            mine = found.held_by([user(f"rbac-{i}"), group("system:authenticated")])
            own = [each for grant in mine if not grant.namespace for each in grant.role.rules]
            for _ in range(15):
                wanted = narrower(dice, dice.choice(rules)) if dice.random() < 0.7 else any_rule(dice)
                name = f"rbac-new-{dice.randrange(1 << 30)}"
                escalates = any(holds_for(permits(r, "escalate", GROUP, "clusterroles"), name) for r in own)
                reply = controlplane.admin.request(
                    "POST",
                    "/apis/rbac.authorization.k8s.io/v1/clusterroles?dryRun=All",
                    role(name, wanted),
                    headers={"Impersonate-User": f"rbac-{i}"},
                )
                assert reply.status in (201, 403), reply.message
                (rule_,) = policies(wanted)
                expected = escalates or covers(own, rule_) == ()
                assert expected is (reply.status == 201), (rules, wanted, reply.message)
                told.append(reply.status)
    finally:
        controlplane.reset()
    assert min(told.count(201), told.count(403)) > 30


def narrower(dice: random.Random, rule_: Plain) -> Plain:
    """Parts of a rule, sometimes for names."""
    found: Plain = {}
    for key, values in rule_.items():
        assert isinstance(values, list)
        found[key] = dice.sample(values, dice.randint(1, len(values)))
    if dice.random() < 0.2 and "resources" in found:
        found["resourceNames"] = ["n1"]
    return found


def test_aggregation_is_what_the_controller_writes(controlplane: ControlPlane) -> None:
    parts = {"rbac-part": "1"}
    by_label: Plain = {"clusterRoleSelectors": [{"matchLabels": parts}]}
    by_key: Plain = {"clusterRoleSelectors": [{"matchExpressions": [{"key": "rbac-x", "operator": "Exists"}]}]}
    objects = [
        role("rbac-sum", aggregationRule=by_label),
        role("rbac-outer", aggregationRule=by_key),
        role("rbac-one", rule("get", "pods"), rule("get", "nodes"), labels={**parts, "rbac-x": ""}),
        role("rbac-two", rule("get", "pods"), labels=parts),
    ]
    found = lookup(objects).rbac.roles
    try:
        controlplane.reviews(objects, [])
        for name in ("rbac-sum", "rbac-outer"):
            (ours,) = found["ClusterRole", "", name]
            path = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}"
            deadline = time.monotonic() + 30
            while set(written := rules_at(controlplane, path)) != set(ours.rules):
                assert time.monotonic() < deadline, (written, ours.rules)
                time.sleep(0.1)
    finally:
        controlplane.reset()


def rules_at(controlplane: ControlPlane, path: str) -> tuple[object, ...]:
    rules = controlplane.admin.request("GET", path).at("rules") or []
    assert isinstance(rules, list)
    return policies(*rules)
