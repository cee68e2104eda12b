"""What a rule is worth to a need, and in which versions a step works."""

from __future__ import annotations

import pytest

from mistrust.kube.errors import InputError
from mistrust.kube.rbac import PolicyRule
from mistrust.kube.version import Version
from mistrust.layers.identity.rules import ANY, NONE, Names
from mistrust.paths.needs import Needs, Span, gated, meets
from mistrust.paths.step import Gain, Need, Permission, Step

GET_SECRETS = Permission(("get", "list"), ("secrets",))


def rule(*names: str, resources: tuple[str, ...] = ("secrets",), verbs: tuple[str, ...] = ("get",)) -> PolicyRule:
    return PolicyRule(verbs=verbs, api_groups=("",), resources=resources, resource_names=names)


@pytest.mark.parametrize(
    ("need", "unnamed", "named"),
    [
        (Need((GET_SECRETS,)), ANY, NONE),
        (Need((GET_SECRETS,), names="some"), ANY, ANY),
        (Need((GET_SECRETS,), names="target"), ANY, frozenset({"a", "b"})),
        (Need((Permission(("get",), ("secrets",), names=("b", "c")),)), ANY, ANY),
        (Need((Permission(("get",), ("secrets",), names=("c",)),)), ANY, NONE),
        (
            Need((Permission(("get",), ("secrets",), names=("b", "c")),), names="target"),
            frozenset({"b", "c"}),
            frozenset({"b"}),
        ),
    ],
    ids=["every", "some", "target", "a name of its own", "another name", "both"],
)
def test_names(need: Need, unnamed: Names, named: Names) -> None:
    assert meets(rule(), need) == unnamed
    assert meets(rule("a", "b"), need) == named


@pytest.mark.parametrize(
    ("written", "met"),
    [("pods/exec", True), ("*", True), ("*/exec", True), ("pods", False), ("pods/*", False), ("*/*", False)],
)
def test_only_what_the_api_server_takes_for_the_resource_counts(written: str, met: bool) -> None:
    """`pods/*` is no wildcard, whatever other tools make of it."""
    step = Step("exec", "W6", "", Gain.POD, needs=(Need((Permission(("create",), ("pods/exec",)),)),))
    found = Needs([step]).met_by(rule(resources=(written,), verbs=("create",)))
    assert bool(found) == met


def test_urls_are_permissions_too() -> None:
    step = Step("logs", "S4", "", Gain.LEAK, needs=(Need((Permission(("get",), urls=("/logs/",)),)),))
    needs = Needs([step])
    assert needs.met_by(PolicyRule(verbs=("get",), non_resource_urls=("/logs/*",))) == {(0, 0): ANY}
    assert needs.met_by(PolicyRule(verbs=("get",), non_resource_urls=("/healthz",))) == {}


def test_names_that_one_rule_lists_are_kept_beside_all() -> None:
    assert Span(named=frozenset("a")) | Span(every=True) == Span(True, frozenset("a"))
    assert Span(True, frozenset("a")) & Span(named=frozenset("ab")) == Span(False, frozenset("ab"))
    assert not Span(named=frozenset("a")) & Span(named=frozenset("b"))


@pytest.mark.parametrize(
    ("gate", "version", "works", "assumes"),
    [
        ("", None, True, ""),
        ("<1.35", Version(1, 34), True, ""),
        ("<1.35", Version(1, 35), False, ""),
        ("<1.35", None, True, "Kubernetes <1.35"),
        (">=1.31,<1.33", Version(1, 32), True, ""),
        (">=1.31,<1.33", Version(1, 33), False, ""),
        ("<1.30", None, False, ""),
    ],
)
def test_a_step_works_in_the_versions_that_it_names(
    gate: str, version: Version | None, works: bool, assumes: str
) -> None:
    found = gated(Step("s", "S", "", Gain.LEAK, kubernetes=gate), version)
    assert (found is not None) == works
    assert found is None or found.assumes == assumes


def test_a_gate_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(InputError, match="not a version gate"):
        gated(Step("s", "S", "", Gain.LEAK, kubernetes="1.35+"), None)
