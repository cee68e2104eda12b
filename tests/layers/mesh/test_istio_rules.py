"""Which DestinationRule a client follows: its own namespace, the Service's, the root; the most specific host in each.

istio's pilot/pkg/model/push_context.go (setDestinationRules, destinationRule), sidecar.go (workloadSelector).
"""

from __future__ import annotations

import pytest
from tests.layers.mesh.istio_scene import Plain, read, rule, tls

from mistrust.kube.istio import DestinationRule
from mistrust.layers.mesh.istio.rules import Rules, matches_host, qualified, settings

ROOT = "istio-system"
HOST = "web.shop.svc.cluster.local"
NO_LABELS: dict[str, str] = {}


def rules(*plain: Plain) -> Rules:
    return Rules([r for r in read(*plain) if isinstance(r, DestinationRule)], ROOT)


def follows(*plain: Plain, client: str = "front", labels: dict[str, str] = NO_LABELS) -> str:
    """The rule that a client follows for the Service web of shop, `-` for none; two where releases of Istio differ."""
    found = rules(*plain).followed(HOST, "shop", client, labels)
    return " or ".join(m.rule.name if m is not None else "-" for m in found)


def named(name: str, namespace: str, host: str = HOST, **spec: object) -> Plain:
    return rule(namespace, host, tls("ISTIO_MUTUAL"), name=name, **spec)


CLIENT, SERVICE, MESH = named("client", "front"), named("service", "shop"), named("mesh", ROOT)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([], "-"),
        ([MESH], "mesh"),
        ([MESH, SERVICE], "service"),
        ([MESH, SERVICE, CLIENT], "client"),
        ([named("elsewhere", "other")], "-"),
        # a general rule of a nearer namespace beats a specific one of a farther
        ([SERVICE, named("general", "front", "*.svc.cluster.local")], "general"),
        ([named("general", "shop", "*"), named("longer", "shop", "*.shop.svc.cluster.local")], "longer"),
        ([named("longer", "shop", "*.shop.svc.cluster.local"), SERVICE], "service"),
        # short names are of the rule's own namespace; with one dot they are nobody's
        ([named("short", "shop", "web")], "short"),
        ([named("short", "front", "web")], "-"),
        ([named("dotted", "front", "web.shop")], "-"),
    ],
)
def test_where_it_is_found(given: list[Plain], wanted: str) -> None:
    assert follows(*given) == wanted
    assert follows(*reversed(given)) == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([named("private", "shop", exportTo=["."])], "-"),
        ([named("private", "shop", exportTo=["shop"])], "-"),
        ([named("shown", "shop", exportTo=["front"])], "shown"),
        ([named("public", "shop", exportTo=["*"])], "public"),
        ([named("other", "shop", exportTo=["other"]), MESH], "mesh"),
        # even within its own namespace a rule holds only where it is exported to
        ([named("own", "front", exportTo=["other"])], "-"),
        ([named("own", "front", exportTo=["other", "front"])], "own"),
        ([named("private", ROOT, exportTo=["."])], "-"),
    ],
)
def test_to_whom_it_is_exported(given: list[Plain], wanted: str) -> None:
    assert follows(*given) == wanted


def test_a_client_in_the_root_namespace_follows_the_private_rules_there_first() -> None:
    private = named("private", ROOT, "*", exportTo=["."])
    assert follows(private, MESH, SERVICE, client=ROOT) == "private"
    assert follows(MESH, SERVICE, client=ROOT) == "service"
    assert follows(MESH, client=ROOT) == "mesh"


CHOSEN = named("chosen", "front", workloadSelector={"matchLabels": {"app": "a"}})
THERE = named("there", "shop", workloadSelector={"matchLabels": {"app": "a"}})


def test_a_rule_for_chosen_workloads_holds_in_its_own_namespace_alone() -> None:
    assert follows(CHOSEN, CLIENT, labels={"app": "a"}) == "chosen"
    assert follows(CHOSEN, CLIENT, labels={"app": "b"}) == "client"
    assert follows(THERE, labels={"app": "a"}) == "-"


def test_releases_differ_in_whether_a_rule_for_others_ends_the_search() -> None:
    """istio's TestSetDestinationRuleWithWorkloadSelector, its three cases about falling back; istio#57719."""
    others = {"app": "b"}
    assert follows(CHOSEN, SERVICE, MESH, labels=others) == "service or -"
    assert follows(CHOSEN, MESH, labels=others) == "mesh or -"
    assert follows(CHOSEN, THERE, MESH, labels=others) == "mesh or -"
    assert follows(CHOSEN, labels=others) == "-"


def test_a_rule_for_chosen_workloads_takes_what_it_lacks_from_the_general_one() -> None:
    bare = rule("front", HOST, name="bare", workloadSelector={"matchLabels": {"app": "a"}})
    (found,) = rules(CLIENT, bare).followed(HOST, "shop", "front", {"app": "a"})
    assert found is not None
    assert (found.rule.name, found.policy_of.name) == ("bare", "client")


def test_rules_for_different_clients_stay_apart() -> None:
    other = named("other", "front", workloadSelector={"matchLabels": {"app": "b"}})
    assert follows(CHOSEN, other, labels={"app": "a"}) == "chosen"
    assert follows(CHOSEN, other, labels={"app": "b"}) == "other"


@pytest.mark.parametrize(
    ("labels", "modes"), [({"v": "1"}, ["", "DISABLE"]), ({"v": "1", "x": "y"}, ["", "DISABLE"]), ({"v": "2"}, [""])]
)
def test_a_subset_counts_for_servers_with_its_labels(labels: dict[str, str], modes: list[str]) -> None:
    subset = {"name": "one", "labels": {"v": "1"}, "trafficPolicy": tls("DISABLE")}
    (found,) = rules(rule("shop", HOST, subsets=[subset])).followed(HOST, "shop", "front", {})
    assert [s.tls.mode if s.tls is not None else "" for s in settings(found, 80, labels)] == modes


def test_rules_with_different_exports_are_kept_apart() -> None:
    first = rule("shop", HOST, tls("DISABLE"), name="first", exportTo=["front"])
    second = rule("shop", HOST, tls("SIMPLE"), name="second", exportTo=["other"])
    assert follows(first, second) == "first"
    assert follows(first, second, client="other") == "second"


def test_rules_for_one_host_are_put_together_the_oldest_first() -> None:
    old = dict(rule("shop", HOST, name="old", subsets=[{"name": "v1", "labels": {"v": "1"}}]))
    old["metadata"] = {"name": "old", "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z"}
    new = dict(rule("shop", HOST, tls("DISABLE"), name="a-new", subsets=[{"name": "v2", "labels": {"v": "2"}}]))
    new["metadata"] = {"name": "a-new", "namespace": "shop", "creationTimestamp": "2026-02-01T00:00:00Z"}
    (found,) = rules(new, old).followed(HOST, "shop", "front", {})
    assert found is not None
    assert found.rule.name == "old"
    assert [s.name for _, _, s in found.subsets] == ["v1", "v2"]
    (said,) = settings(found, 80, {})
    assert [str(e) for e in said.decided_by] == ["DestinationRule shop/a-new spec.trafficPolicy.tls mode: DISABLE"]


@pytest.mark.parametrize(
    ("pattern", "host", "wanted"),
    [
        ("*", HOST, True),
        ("*.shop.svc.cluster.local", HOST, True),
        (HOST, HOST, True),
        ("svc.cluster.local", HOST, False),
        ("web.shop", HOST, False),
        ("*.other.svc.cluster.local", HOST, False),
    ],
)
def test_a_pattern_begins_with_a_star(pattern: str, host: str, wanted: bool) -> None:
    assert matches_host(pattern, host) is wanted


def test_a_name_with_a_dot_stands_as_it_is() -> None:
    assert qualified("web", "shop") == HOST
    assert qualified("web.shop", "front") == "web.shop"
    assert qualified("*", "shop") == "*"
