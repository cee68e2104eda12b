"""What the evidence cannot show: there, unseen is unknown, for the count, for findings and for tightening."""

from __future__ import annotations

from itertools import product

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.layers.identity.hostile import SPACES, asked
from tests.layers.identity.objects import Plain, binding, cluster, index, role, rule, thing, typed
from tests.layers.identity.test_logged import RULES
from tests.layers.identity.test_usage import MONTH, ONCE, UNIVERSE, A, B, get, pods_of

from mistrust.access.change import applied
from mistrust.access.record import Coverage, Record, Unlogged
from mistrust.kube.audit_policy import AuditPolicy, AuditRule
from mistrust.kube.problem import Problem
from mistrust.kube.rbac import ClusterRole
from mistrust.kube.snapshot import Scope, snapshot
from mistrust.layers.identity.dark import ACROSS, UNRECORDED, Dark
from mistrust.layers.identity.enough import thin
from mistrust.layers.identity.grants import Access, granted
from mistrust.layers.identity.index import rbac, summary
from mistrust.layers.identity.lookup import Request
from mistrust.layers.identity.rarely import idle
from mistrust.layers.identity.subjects import account, group
from mistrust.layers.identity.synthesize import synthesize
from mistrust.layers.identity.unused import unused
from mistrust.layers.identity.usage import Usage, used


def policy(*rules: dict[str, object]) -> AuditPolicy:
    """A policy that leaves out what these rules say, and logs the rest."""
    left_out = [{"level": "None", **each} for each in rules]
    return msgspec.convert({"rules": [*left_out, {"level": "Metadata"}]}, AuditPolicy)


def usage(world: list[Plain], dark: Dark, *requests: Request, coverage: Coverage = MONTH) -> Usage:
    return used(granted(index(*world), UNIVERSE), Record(dict.fromkeys(requests, ONCE), coverage), dark)


def told(found: Usage) -> list[tuple[str, str]]:
    return [(f.name, f.subject) for f in unused(found)]


NO_PODS = {"resources": [{"group": "", "resources": ["pods"]}]}


def test_what_the_policy_leaves_out_is_unknown_and_what_was_seen_all_the_same_is_used() -> None:
    dark = Dark(policies=[policy({**NO_PODS, "verbs": ["list"]})])
    assert (usage(pods_of(A), dark).unknown(), usage(pods_of(A), dark).count()) == (1, 0)
    assert usage(pods_of(A), dark, get("ann", "pods", A, verb="list")).unknown() == 0


def test_a_namespace_that_is_left_out_is_unknown_alone() -> None:
    world = [role("r", rule("get", "pods")), binding("b", "ClusterRole/r", "User/ann")]
    found = usage(world, Dark(policies=[policy({"namespaces": [A]})]))
    assert (found.granted.count(), found.unknown()) == (len(SPACES), 1)


def test_what_is_left_out_is_not_called_unused() -> None:
    assert told(usage(pods_of(A), Dark())) == [("identity.unused-binding", f"RoleBinding {A}/b")]
    assert told(usage(pods_of(A), Dark(policies=[policy(NO_PODS)]))) == []
    assert told(usage(pods_of(A), Dark(policies=[policy({"users": ["ann"]})]))) == []
    assert told(usage(pods_of(A), Dark(policies=[policy({"users": ["bob"]})]))) != []


def test_a_rule_of_which_a_use_may_be_left_out_is_not_called_unused() -> None:
    world = [role("r", rule("get", "pods"), rule("get", "secrets"), namespace=A), *pods_of(A)[1:]]
    secrets = policy({"resources": [{"group": "", "resources": ["secrets"]}]})
    assert told(usage(world, Dark(), get("ann", "pods", A))) == [("identity.unused-rule", f"Role {A}/r")]
    assert told(usage(world, Dark(policies=[secrets]), get("ann", "pods", A))) == []


def test_a_wildcard_is_hidden_only_where_all_that_it_stands_for_is() -> None:
    world = [role("r", rule("*", "*", "*")), binding("b", "ClusterRole/r", "User/ann")]
    assert told(usage(world, Dark(policies=[policy(NO_PODS)]))) != []
    assert told(usage(world, Dark(policies=[policy({"users": ["ann"]})]))) == []


def test_what_the_log_itself_shows_not_to_be_in_it_is_unknown() -> None:
    reads = [Unlogged("no reads", verb) for verb in ("get", "list", "watch")]
    assert told(usage(pods_of(A), Dark(Coverage(unlogged=tuple(reads))))) == []
    groups = Dark(Coverage(unlogged=(Unlogged("no groups", of_groups=True),)))
    assert told(usage(pods_of(A), groups)) != []
    members = [pods_of(A)[0], binding("b", "Role/r", "Group/devs", namespace=A)]
    assert told(usage(members, groups)) == []


BROKEN = Problem("cut short", "audit.log")


@pytest.mark.parametrize(
    ("coverage", "words"),
    [
        (MONTH, ""),
        (Coverage(first=0, last=86_400), "the evidence shows 1.0 days, and 14 are wanted"),
        (msgspec.structs.replace(MONTH, holes=((0, 60),)), "the evidence has holes: 1, the first on 1970-01-01"),
        (msgspec.structs.replace(MONTH, sampled=True), "the evidence is sampled"),
        (msgspec.structs.replace(MONTH, problems=(BROKEN,)), "a part of the evidence was not read (cut short)"),
        (msgspec.structs.replace(MONTH, problems=(BROKEN,), unlogged=(Unlogged("cut short", "get"),)), ""),
        (msgspec.structs.replace(MONTH, problems=(msgspec.structs.replace(BROKEN, blinds=False),)), ""),
    ],
)
def test_when_nothing_may_be_called_unused(coverage: Coverage, words: str) -> None:
    assert thin(coverage, 14).startswith(words)
    assert bool(thin(coverage, 14)) is bool(words)
    assert bool(told(usage(pods_of(A), Dark(), coverage=coverage))) is not bool(words)


def job(schedule: str, name: str = "report", **spec: object) -> Plain:
    template = {"spec": {"serviceAccountName": name, "containers": [{"name": "c"}], **spec}}
    return thing(
        "batch/v1", "CronJob", name, A, spec={"schedule": schedule, "jobTemplate": {"spec": {"template": template}}}
    )


FORTNIGHT = Coverage(first=86_400, last=16 * 86_400)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("0 3 * * *", ""),
        ("0 3 28 * *", f"CronJob {A}/report runs when `0 3 28 * *` says, which was never in these 15 days"),
        ("now and then", f"CronJob {A}/report runs when `now and then` says, which was not understood"),
    ],
)
def test_the_account_of_a_job_that_did_not_run_had_no_occasion(schedule: str, words: str) -> None:
    found = idle(cluster(job(schedule)), (), FORTNIGHT)
    assert found.get(account(A, "report"), "") == (f"{words}: what it uses is unknown" if words else "")
    assert (group(f"system:serviceaccounts:{A}") in found) is bool(words)


def test_a_job_that_has_no_token_uses_nothing() -> None:
    assert not idle(cluster(job("0 3 28 * *", automountServiceAccountToken=False)), (), FORTNIGHT)
    own = thing("v1", "ServiceAccount", "report", A, automountServiceAccountToken=False)
    assert not idle(cluster(job("0 3 28 * *"), own), (), FORTNIGHT)


def test_what_a_job_that_did_not_run_is_given_is_not_called_unused() -> None:
    world = [pods_of(A)[0], binding("b", "Role/r", f"ServiceAccount/{A}/report", namespace=A)]
    for schedule, findings in (("0 3 * * *", 1), ("0 3 28 * *", 0)):
        dark = Dark(FORTNIGHT, (), idle(cluster(job(schedule)), (), FORTNIGHT))
        assert len(told(usage(world, dark, coverage=FORTNIGHT))) == findings


def tightened(world: list[Plain], dark: Dark, *requests: Request) -> tuple[list[str], list[str]]:
    objects = typed(*world)
    found = synthesize(
        objects,
        dict.fromkeys(requests, ONCE),
        lambda some: rbac(snapshot(some, scope=Scope.CLUSTER)),
        lambda grant, rule: dark.hides(UNIVERSE, grant.principal, grant.namespace, rule),
    )
    return [str(c) for c in found.changes], [str(each) for each in found.left]


def test_tightening_leaves_alone_what_may_be_used_unseen_and_says_so() -> None:
    world = [role("r", rule("get", "pods"), rule("get", "secrets"), namespace=A), *pods_of(A)[1:]]
    changes, left = tightened(world, Dark(policies=[policy(NO_PODS)]))
    assert changes == [f"change Role {A}/r: keeps what was used, and what may be used unseen"]
    assert left == [f"left alone Role {A}/r: rules[0]: the audit policy (Policy, rules[0]) does not log it"]
    assert tightened(world, Dark())[0] == [f"delete RoleBinding {A}/b: nothing that it gives was used"]


def test_of_a_rule_the_part_stays_that_may_be_used_unseen() -> None:
    world = [role("r", rule("get,list", "pods,secrets"), rule("get", urls="/a,/b*"), namespace=""), *pods_of(A)[1:]]
    world[1] = binding("b", "ClusterRole/r", "User/ann")
    hidden = policy({**NO_PODS, "verbs": ["list"]}, {"nonResourceURLs": ["/b*"]})
    objects, dark = typed(*world), Dark(policies=[hidden])
    found = synthesize(
        objects,
        {get("ann", "secrets", A, "s"): ONCE},
        lambda some: rbac(snapshot(some, scope=Scope.CLUSTER)),
        lambda grant, rule: dark.hides(UNIVERSE, grant.principal, grant.namespace, rule),
    )
    (change,) = found.changes
    (new,) = change.new
    assert isinstance(new, ClusterRole)
    assert [summary(r) for r in new.rules] == ["get secrets", "list pods", "get /b*"]


def test_a_subject_that_may_have_used_it_unseen_keeps_it_everywhere() -> None:
    world = [role("r", rule("get", "pods")), binding("b", "ClusterRole/r", "User/ann", "User/bob", "User/eve")]
    dark = Dark(policies=[policy({"users": ["bob"]})])
    changes, _ = tightened(world, dark, get("ann", "pods", B))
    assert changes == ["change ClusterRoleBinding b: 1 of its subjects used nothing that it gives"]


def slow_unknown(found: Usage, dark: Dark) -> int:
    """Every place of the universe in every namespace, for everybody: granted, not seen, and no log would show it."""
    grants, total = found.granted, 0
    for who in grants.shards:
        for r in UNIVERSE.resources:
            inside = r.namespaced
            for verb in r.verbs:
                one = r.resource == "namespaces" and verb == "get"
                for space in UNIVERSE.namespaces if inside or one else ("",):
                    spaces = (space, "") if space and verb in ACROSS else (space,)
                    hidden = verb in UNRECORDED or any(dark.why(who, (verb, r.group, r.resource), s) for s in spaces)
                    named = any(
                        Access(who, verb, r.group, r.resource, space, name) in grants for name in ("", "web", "x", "db")
                    )
                    if hidden and named and not _seen(found, who, verb, r.group, r.resource, space):
                        total += 1
        if Access(who, "get", path="/healthz") in grants and dark.why(who, ("get", "/healthz"), ""):
            total += 1
    return total


def _seen(found: Usage, who: object, verb: str, api_group: str, resource: str, space: str) -> bool:
    bit = UNIVERSE.place((verb, api_group, resource, ""))
    places = found.places.get(who, {})  # type: ignore[call-overload]
    return bool(bit & (places.get("", 0) | places.get(space, 0)))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(RULES, max_size=3), st.sampled_from([None, A]), st.sampled_from(["pods_of", "everywhere", "group"]))
def test_the_unknown_are_those_of_the_definition(rules: list[AuditRule], space: str | None, world: str) -> None:
    if space:
        rules = [msgspec.structs.replace(r, namespaces=(space,)) for r in rules]
    dark = Dark(policies=[AuditPolicy(rules=(*rules, AuditRule("Metadata", verbs=("get",))))])
    holder = "Group/devs" if world == "group" else "User/ann"
    everything = [role("r", rule("*", "*", "*")), binding("b", "ClusterRole/r", holder)]
    objects = pods_of(A) if world == "pods_of" else everything
    found = usage(objects, dark)
    assert found.unknown() == slow_unknown(found, dark)
    assert found.unknown() + found.count() <= found.granted.count()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked())
def test_used_and_unknown_never_overlap(drawn: tuple[list[Plain], list[Request]]) -> None:
    world, requests = drawn
    found = usage(world, Dark(policies=[policy(NO_PODS)]), *requests)
    assert found.unknown() + found.count() <= found.granted.count()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked(), st.lists(RULES, max_size=3))
def test_nothing_that_may_be_used_unseen_is_lost(
    drawn: tuple[list[Plain], list[Request]], rules: list[AuditRule]
) -> None:
    """Of what rules give by name: whoever may do it, unseen, may do it afterwards."""
    world, requests = drawn
    dark = Dark(policies=[AuditPolicy(rules=tuple(rules))])
    objects = typed(*world)
    old = rbac(snapshot(objects, scope=Scope.CLUSTER))
    found = synthesize(
        objects,
        dict.fromkeys(requests, ONCE),
        lambda some: rbac(snapshot(some, scope=Scope.CLUSTER)),
        lambda grant, rule: dark.hides(UNIVERSE, grant.principal, grant.namespace, rule),
    )
    new = granted(rbac(snapshot(applied(objects, found.changes), scope=Scope.CLUSTER)), UNIVERSE)
    for grant in old.grants:
        for each in grant.role.rules:
            words = (*each.verbs, *each.api_groups, *each.resources)
            if any("*" in word for word in words) or not each.resources:
                continue
            for point in product(each.verbs, each.api_groups, each.resources):
                if dark.why(grant.principal, point, grant.namespace) and point[0] not in UNRECORDED:
                    names = each.resource_names or ("any",)
                    assert all(Access(grant.principal, *point, grant.namespace, name) in new for name in names)
