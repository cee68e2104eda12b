"""Laws of the identity layer: every fast engine answers what the slow, obvious definition answers."""

from __future__ import annotations

from itertools import product
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.layers.identity.hostile import (
    GROUPS,
    NAMES,
    PATHS,
    RESOURCES,
    SPACES,
    URLS,
    USERS,
    VERBS,
    asked,
    requests,
    resource_rules,
    slow_allows,
    some,
    url_rules,
    worlds,
)  # fmt: skip
from tests.layers.identity.objects import Plain, lookup, policies, typed

from mistrust.access.verdict import Answer
from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity import batch
from mistrust.layers.identity.boxes import bundle_of, minus
from mistrust.layers.identity.decide import decide
from mistrust.layers.identity.grants import Access, Grants, granted
from mistrust.layers.identity.index import rbac
from mistrust.layers.identity.lookup import Request, deciding_rule
from mistrust.layers.identity.permissions import Permissions
from mistrust.layers.identity.resources import Resource
from mistrust.layers.identity.rules import covers, holds_for, permits, permits_split, permits_url, url_matches
from mistrust.layers.identity.strings import Strings, exactly, listed, resources, urls
from mistrust.layers.identity.subjects import Principal, group, user
from mistrust.layers.identity.universe import Universe

SERVED_URLS = ("/healthz", "/apis/foo")
UNIVERSE = Universe(
    [
        Resource("", "pods", verbs=("get", "list")),
        Resource("", "pods/log", verbs=("get",)),
        Resource("apps", "deployments/scale", verbs=("get",)),
        Resource("", "nodes", namespaced=False, verbs=("list",)),
        Resource("", "namespaces", namespaced=False, verbs=("get", "list")),
    ],
    SPACES,
    SERVED_URLS,
)


@given(asked())
def test_the_index_answers_what_the_definition_says(drawn: tuple[list[Plain], list[Request]]) -> None:
    world, every = drawn
    found = lookup(*world)

    for request in every:
        expected = slow_allows(world, request)
        assert found.allows(request) is expected
        assert (found.find(request) is not None) is expected
        assert decide(found, request).answer is (Answer.ALLOWED if expected else Answer.DENIED)


@given(asked(), st.sampled_from((0, batch.LARGE)), st.sampled_from((1, 3, batch.CHUNK)))
def test_the_columns_answer_what_the_definition_says(
    drawn: tuple[list[Plain], list[Request]], large: int, chunk: int
) -> None:
    """Whatever is judged together: that may change the cost, never the answer."""
    world, every = drawn
    with patch.multiple(batch, LARGE=large, CHUNK=chunk):
        answers = batch.allows_all(lookup(*world), every)
    assert answers.tolist() == [slow_allows(world, request) for request in every]


@given(asked())
def test_the_evidence_decides(drawn: tuple[list[Plain], list[Request]]) -> None:
    """The rule that is named allows it alone, and it is the first grant of all that does."""
    world, every = drawn
    found = lookup(*world)
    for request in every:
        answer = found.find(request)
        if answer is None:
            continue
        grant, rule = answer
        assert deciding_rule((grant.role.rules[rule],), request) == 0
        mine = {user(request.user), *(group(g) for g in request.groups)}
        possible = (g for g in found.rbac.grants if g.principal in mine and g.namespace in ("", request.scope))
        assert next(g for g in possible if deciding_rule(g.role.rules, request) >= 0) is grant


@given(asked())
def test_who_is_everybody_for_whom_the_answer_is_yes(drawn: tuple[list[Plain], list[Request]]) -> None:
    world, every = drawn
    found = lookup(*world)
    everybody = {*found.rbac.principals, *(user(u) for u in USERS), group("g1")}

    for request in every:
        assert set(found.who(request)) == {p for p in everybody if slow_allows(world, _asked_by(p, request))}
        assert all(g.principal == p for p, g in found.who(request).items())


@given(asked())
def test_the_order_of_the_input_changes_no_answer(drawn: tuple[list[Plain], list[Request]]) -> None:
    world, every = drawn
    there, back = lookup(*world), lookup(*reversed(world))
    assert [there.allows(r) for r in every] == [back.allows(r) for r in every]


@given(st.lists(st.lists(st.one_of(resource_rules(), url_rules()), max_size=3), max_size=4), requests())
def test_the_inverted_index_is_permits_for_each_content(contents: list[list[Plain]], request: Request) -> None:
    rules = [policies(*content) for content in contents]
    index = Permissions(rules)

    if request.path is not None:
        path = request.path
        assert index.to_url(request.verb, path) == {
            i for i, content in enumerate(rules) if any(permits_url(r, request.verb, path) for r in content)
        }
    else:
        asked = (request.verb, request.group, request.combined, request.subresource)
        assert index.to_resource(*asked).to(request.name) == {
            i
            for i, content in enumerate(rules)
            if any(holds_for(permits_split(r, *asked), request.name) for r in content)
        }


def _broken_down(rule: PolicyRule) -> list[PolicyRule]:
    """BreakdownRule of policy_comparator.go: one rule for each single thing."""
    names: list[tuple[str, ...]] = [(n,) for n in rule.resource_names] or [()]
    single = [
        PolicyRule((v,), (g,), (r,), n) for g, r, v, n in product(rule.api_groups, rule.resources, rule.verbs, names)
    ]
    return single + [PolicyRule((v,), non_resource_urls=(u,)) for u, v in product(rule.non_resource_urls, rule.verbs)]


def _covers_one(owner: PolicyRule, one: PolicyRule) -> bool:
    """ruleCovers of policy_comparator.go, for a rule that was broken down."""
    named = set(owner.resource_names) >= set(one.resource_names) if one.resource_names else False
    return (
        ("*" in owner.verbs or set(one.verbs) <= set(owner.verbs))
        and ("*" in owner.api_groups or set(one.api_groups) <= set(owner.api_groups))
        and all(
            r in owner.resources
            or "*" in owner.resources
            or ("/" in r and "*/" + r.split("/", 1)[1] in owner.resources)
            for r in one.resources
        )
        and all(any(url_matches(o, u) for o in owner.non_resource_urls) for u in one.non_resource_urls)
        and (not owner.resource_names or named)
    )


@given(st.lists(st.one_of(resource_rules(), url_rules()), max_size=3), st.one_of(resource_rules(), url_rules()))
def test_covers_is_the_comparison_of_single_things(owner: list[Plain], wanted: Plain) -> None:
    mine = policies(*owner)
    (rule,) = policies(wanted)

    uncovered = {one for part in covers(mine, rule) for one in _broken_down(part)}
    assert uncovered == {one for one in _broken_down(rule) if not any(_covers_one(o, one) for o in mine)}


# sets of strings


@st.composite
def string_sets(draw: st.DrawFn, family: str) -> Strings:
    def one() -> Strings:
        match family:
            case "names":
                return exactly(draw(some(NAMES, 0)))
            case "verbs":
                return listed(draw(some(VERBS, 0)))
            case "resources":
                return resources(draw(some(RESOURCES, 0)))
            case _:
                return urls(draw(some(URLS, 0)))

    found = one()
    for _ in range(draw(st.integers(0, 3))):
        other = one()
        found = draw(st.sampled_from([found | other, found & other, found - other, other - found]))
    return found


SAMPLES = {
    "names": NAMES,
    "verbs": (*VERBS, "other"),
    "resources": (*RESOURCES, "x/log", "other"),
    "urls": (*PATHS, *URLS),
}
PAIRS = st.sampled_from(sorted(SAMPLES)).flatmap(
    lambda family: st.tuples(st.just(family), string_sets(family), string_sets(family))
)


@given(PAIRS)
def test_the_algebra_of_strings_is_the_algebra_of_membership(drawn: tuple[str, Strings, Strings]) -> None:
    family, a, b = drawn
    for value in SAMPLES[family]:
        assert (value in (a | b)) is (value in a or value in b)
        assert (value in (a & b)) is (value in a and value in b)
        assert (value in (a - b)) is (value in a and value not in b)


@given(PAIRS)
def test_a_set_of_strings_has_one_form_and_knows_if_it_is_empty(drawn: tuple[str, Strings, Strings]) -> None:
    _, a, b = drawn
    assert a | b == b | a
    assert (a - b) | (a & b) == a
    assert not (a - a)
    if a:
        assert a.example() in a
        assert a.example(("get", "pods", "")) in a


@given(some(VERBS), some(RESOURCES), some(URLS), some(NAMES))
def test_strings_mean_what_rules_match(verbs: list[str], things: list[str], paths: list[str], names: list[str]) -> None:
    assert all((v in listed(verbs)) is (v in verbs or "*" in verbs) for v in SAMPLES["verbs"])
    assert all((n in exactly(names)) is (n in names) for n in NAMES)
    assert all((p in urls(paths)) is any(url_matches(u, p) for u in paths) for p in SAMPLES["urls"])
    rule = PolicyRule(("get",), ("",), tuple(things))
    for r in SAMPLES["resources"]:
        assert (r in resources(things)) is (permits_split(rule, "get", "", r, r.partition("/")[2]) != frozenset())


# sets of accesses


def accesses(every: list[Request]) -> list[Access]:
    """The same question for the user and for each group by itself."""
    return [
        Access(p, r.verb, r.group, r.combined, r.scope, r.name, r.path)
        for r in every
        for p in ((user(r.user),) if r.user else ()) + tuple(group(g) for g in r.groups)
        if "/" not in r.resource or r.path is not None
    ]


def everything(world: list[Plain]) -> Grants:
    from mistrust.kube.snapshot import snapshot

    return granted(rbac(snapshot(typed(*world))), UNIVERSE)


@given(asked())
def test_a_set_of_accesses_is_what_each_principal_is_allowed_by_itself(
    drawn: tuple[list[Plain], list[Request]],
) -> None:
    world, every = drawn
    found = everything(world)

    for access in accesses(every):
        expected = slow_allows(world, _request(access))
        assert (access in found) is expected
        verdict = found.decide(access)
        assert verdict.answer is (Answer.ALLOWED if expected else Answer.DENIED)
        assert bool(verdict.decided_by) is expected


@given(asked(), asked())
def test_the_algebra_of_accesses_is_the_algebra_of_membership(
    one: tuple[list[Plain], list[Request]], two: tuple[list[Plain], list[Request]]
) -> None:
    a, b = everything(one[0]), everything(two[0])
    both, left = a | b, a - b

    for access in accesses([*one[1], *two[1]]):
        assert (access in both) is (access in a or access in b)
        assert (access in left) is (access in a and access not in b)
    assert a.witness() is None or a.witness() in a
    assert (a - a).witness() is None
    assert (a - both).witness() is None
    assert left.witness() is None or (left.witness() in a and left.witness() not in b)
    assert ((both - a) - b).witness() is None
    assert left.count() + b.count() >= both.count() >= max(a.count(), b.count())


@given(worlds())
@settings(max_examples=50)
def test_the_count_is_the_number_of_accesses_that_exist(world: list[Plain]) -> None:
    found = everything(world)
    assert found.count() == sum(
        any(Access(p, verb, r.group, r.resource, space, name) in found for name in (*NAMES, "other"))
        for p in found.shards
        for r in UNIVERSE.resources
        for verb in r.verbs
        for space in (SPACES if r.namespaced or (r.resource, verb) == ("namespaces", "get") else ("",))
    ) + sum(Access(p, "get", path=path) in found for p in found.shards for path in SERVED_URLS)


POINTS = st.tuples(*(st.sampled_from(v) for v in ((*VERBS, "x"), GROUPS, (*RESOURCES, "x/log"), NAMES)))


@given(
    st.lists(resource_rules(), max_size=3),
    st.lists(resource_rules(), max_size=3),
    st.lists(POINTS, min_size=20, max_size=40),
)
def test_boxes_are_what_rules_permit(one: list[Plain], two: list[Plain], points: list[tuple[str, ...]]) -> None:
    a, b = bundle_of(policies(*one)), bundle_of(policies(*two))
    for point in points:
        inside = [any(box.holds(point) for bundle in side for box in bundle.boxes) for side in (a, b, minus(a, b))]
        verb, named, resource, name = point
        assert inside[0] is any(holds_for(permits(r, verb, named, resource), name) for r in policies(*one))
        assert inside[2] is (inside[0] and not inside[1])


def _asked_by(principal: Principal, request: Request) -> Request:
    import msgspec

    name = principal.name
    who = {"user": name, "groups": ()} if principal.kind == "User" else {"user": "", "groups": (name,)}
    return msgspec.structs.replace(request, **who)


def _request(access: Access) -> Request:
    main, _, sub = access.resource.partition("/")
    bare = Request("", (), access.verb, access.group, main, sub, access.namespace, access.name, access.path)
    return _asked_by(access.principal, bare)
