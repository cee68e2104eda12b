"""One connection, read straight from the API's words: the tables say what each clause of the specification means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.corpora import corpus
from tests.layers.network.scene import Plain, Scene, made, namespace, node, other, pod, policy

from mistrust.access.ports import point
from mistrust.access.verdict import Answer
from mistrust.kube.endpoints import endpoints
from mistrust.kube.problem import Problem
from mistrust.kube.snapshot import Gap
from mistrust.layers.network.deciding.decide import decide, ground
from mistrust.layers.network.profile import CALICO, CILIUM, NP_GUARD, UPSTREAM, Profile

PLACES = (
    namespace("shop", "team=web"),
    namespace("pay", "team=money"),
    node("n1", "192.168.0.1", "zone=a"),
    node("n2", "192.168.0.2", "zone=b"),
)
PODS = (
    pod("shop/web", "app=web", "http=TCP/80 dns=UDP/53", "10.0.0.1", "n1"),
    pod("shop/db", "app=db", "http=TCP/8080 sql=TCP/5432", "10.0.0.2 fd00::2", "n2"),
    pod("pay/api", "app=api", "http=TCP/80", "10.1.0.1 fd00::11", "n2"),
    pod("pay/agent", "app=agent", "", "192.168.0.1", "n1", host=True),
)


def scene(*objects: Plain, gaps: tuple[Gap, ...] = (), problems: tuple[Problem, ...] = ()) -> Scene:
    return Scene(*PLACES, *PODS, *objects, gaps=gaps, problems=problems)


Y, N, U = Answer.ALLOWED, Answer.DENIED, Answer.UNKNOWN

TABLE: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("decide.yaml").read_text())
WORDS = {True: Y, False: N, "unknown": U}


@pytest.mark.parametrize("row", TABLE, ids=[row["title"] for row in TABLE])
def test_the_specification(row: dict[str, Any]) -> None:
    asked = scene(*(made(p) for p in row["policies"]))

    told = {question: asked.flow(question).answer for question in row["expect"]}

    assert told == {question: WORDS[answer] for question, answer in row["expect"].items()}


def test_policies_of_one_namespace_add_up() -> None:
    asked = scene(
        policy("shop/none", "{}"),
        policy("shop/api", "{ingress: [{from: [{namespaceSelector: {matchLabels: {team: money}}}]}]}"),
    )

    assert asked.ask("pay/api", "shop/db").answer is Y
    assert asked.ask("shop/web", "shop/db").answer is N


ADMIN = made(
    {
        "ClusterNetworkPolicy": "a",
        "spec": {
            "tier": "Admin",
            "subject": {"namespaces": {}},
            "egress": [{"action": "Accept", "to": [{"namespaces": {}}]}],
        },
    }
)


def test_a_no_names_the_policies_that_isolate() -> None:
    verdict = scene(policy("shop/p", "{ingress: [{from: [{podSelector: {}}]}]}")).ask("pay/api", "shop/db")

    assert verdict.because == "ingress of Pod shop/db: NetworkPolicy shop/p isolates it, and no rule allows this"
    assert [str(e) for e in verdict.decided_by] == ["NetworkPolicy shop/p spec.podSelector"]


def test_a_yes_names_the_rules_of_both_sides() -> None:
    verdict = scene(
        policy("shop/in", "{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 1}]}, {}]}"),
        ADMIN,
    ).ask("pay/api", "shop/db")

    assert verdict.because == (
        "egress: ClusterNetworkPolicy a (spec.egress[0]) allows it; "
        "ingress: NetworkPolicy shop/in (spec.ingress[1]) allows it"
    )
    assert [str(e) for e in verdict.decided_by] == [
        "ClusterNetworkPolicy a spec.egress[0]",
        "NetworkPolicy shop/in spec.ingress[1]",
    ]


def test_only_what_is_in_doubt_is_said_to_be() -> None:
    to = [
        {"action": "Accept", "to": [{"domainNames": ["a.example"]}]},
        {"action": "Deny", "to": [{"networks": ["::/0"]}]},
    ]
    wide = made({"ClusterNetworkPolicy": "c", "spec": {"tier": "Admin", "subject": {"namespaces": {}}, "egress": to}})

    assert scene(wide).ask("shop/web", "2001:db8::1").failed == (
        "whether 2001:db8::1 is an address of a.example is not known",
    )


def test_where_plugins_differ_each_is_told() -> None:
    verdict = scene(policy("shop/p", "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}")).ask("pay/api", "shop/db")

    assert verdict.because == "it depends on the network plugin (upstream: allowed, cilium: denied)"
    assert verdict.failed[1].startswith("cilium: denied (ingress of Pod shop/db: NetworkPolicy shop/p isolates it")


BLOCK = "{ingress: [{from: [{ipBlock: {cidr: 192.168.0.0/16}}]}]}"


@pytest.mark.parametrize(
    ("profile", "spec", "source", "answer"),
    [
        (UPSTREAM, BLOCK, "node/n1", Y),
        (CALICO, BLOCK, "pay/agent", Y),
        (CILIUM, BLOCK, "node/n1", N),
        (NP_GUARD, "{ingress: [{from: [{namespaceSelector: {}}]}]}", "pay/agent", Y),
        (UPSTREAM, "{ingress: [{from: [{namespaceSelector: {}}]}]}", "pay/agent", N),
        (Profile("flannel", enforces=False), "{}", "pay/api", Y),
    ],
)
def test_profiles(profile: Profile, spec: str, source: str, answer: Answer) -> None:
    assert scene(policy("shop/p", spec)).ask(source, "shop/db", profile=profile).answer is answer


def test_a_plugin_without_cluster_wide_policies() -> None:
    asked = scene(ADMIN, policy("shop/p", "{policyTypes: [Egress]}"))

    assert asked.ask("shop/web", "shop/db", profile=UPSTREAM).answer is Y
    assert asked.ask("shop/web", "shop/db", profile=Profile("x", cluster_wide=False)).answer is N


def test_a_pod_without_an_address_may_be_in_any_block() -> None:
    promised = pod("shop/new", "app=new")
    asked = scene(promised, policy("pay/p", "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}"))

    verdict = asked.ask("shop/new", "pay/api", profile=UPSTREAM)

    assert verdict.answer is U
    assert verdict.failed == ("Pod shop/new has no address yet, so whether it is in 10.0.0.0/8 is not known",)


def test_labels_of_a_namespace_that_was_not_seen() -> None:
    asked = scene(
        pod("dark/x", "app=x"),
        policy("shop/p", "{ingress: [{from: [{namespaceSelector: {matchLabels: {team: a}}}]}]}"),
        policy(
            "pay/p", "{ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: dark}}}]}]}"
        ),
    )

    assert asked.ask("dark/x", "shop/db").answer is U
    assert asked.ask("dark/x", "pay/api").answer is Y


REFUSED = policy("shop/p", "{ingress: [{from: [{ipBlock: {cidr: moon}}]}]}")
HIDDEN: list[tuple[str, Plain | Gap | Problem, Answer, Answer]] = [
    ("of Calico, in the namespace", other("projectcalico.org/v3", "NetworkPolicy", "c", "shop"), U, Y),
    ("of Calico, everywhere", other("crd.projectcalico.org/v1", "GlobalNetworkPolicy", "c"), U, U),
    ("of Antrea: the group is not ours", other("crd.antrea.io/v1beta1", "ClusterNetworkPolicy", "c"), U, U),
    ("something else of that name", other("example.com/v1", "ClusterNetworkPolicy", "c"), Y, Y),
    ("a gap", Gap("NetworkPolicy", "forbidden", "shop"), U, Y),
    ("a gap of another kind", Gap("Secret", "forbidden"), Y, Y),
    ("a document that was not understood", Problem("not YAML", "x.yaml", 3), U, U),
    ("a remark", Problem("twice", "x.yaml", 3, blinds=False), Y, Y),
    ("a policy that the server refuses", REFUSED, U, Y),
]


@pytest.mark.parametrize(("title", "hidden", "to_db", "to_api"), HIDDEN, ids=[h[0] for h in HIDDEN])
def test_what_is_not_seen(title: str, hidden: Plain | Gap | Problem, to_db: Answer, to_api: Answer) -> None:
    match hidden:
        case Gap():
            asked = scene(gaps=(hidden,))
        case Problem():
            asked = scene(problems=(hidden,))
        case _:
            asked = scene(hidden)

    assert asked.ask("8.8.8.8", "shop/db").answer is to_db
    assert asked.ask("8.8.8.8", "pay/api").answer is to_api


def test_a_no_that_nothing_hidden_can_change_stays_a_no() -> None:
    asked = scene(policy("pay/p", "{}"), other("projectcalico.org/v3", "NetworkPolicy", "c", "shop"))

    assert asked.ask("shop/db", "pay/api").answer is N


def test_the_probes_of_the_conformance_suite() -> None:
    """Every one of them; pods have addresses there, which `networks` matches."""
    recorded = json.loads((corpus("network-policy-api") / "probes.json").read_text())
    pods: list[Plain] = []
    for i, o in enumerate(o for o in recorded["base"] if o["kind"] == "StatefulSet"):
        for replica in range(o["spec"]["replicas"]):
            metadata = {**o["spec"]["template"]["metadata"], "namespace": o["metadata"]["namespace"]}
            name = f"{o['metadata']['name']}-{replica}"
            status = {"phase": "Running", "podIPs": [{"ip": f"10.{i}.0.{replica + 1}"}]}
            pods.append(
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {**metadata, "name": name},
                    "spec": o["spec"]["template"]["spec"],
                    "status": status,
                }
            )
    spaces = [o for o in recorded["base"] if o["kind"] == "Namespace"]
    wrong = []
    for probe in recorded["probes"]:
        asked = Scene(*spaces, *pods, *probe["networkPolicies"], *probe["clusterNetworkPolicies"])
        source, destination = ("/".join(probe[side]) for side in ("from", "to"))
        verdict = asked.ask(source, destination, f"{probe['protocol']}/{probe['port']}", UPSTREAM)
        if verdict.answer is not (Y if probe["allowed"] else N):
            wrong.append((probe["test"], source, destination, verdict.because))
    assert wrong == []


def test_a_pod_on_the_network_of_its_node_has_the_addresses_of_the_node() -> None:
    asked = scene(
        pod("pay/quiet", "app=quiet", node="n1", host=True),
        pod("pay/fresh", "app=fresh", node="n1"),
        policy("shop/p", "{ingress: [{from: [{ipBlock: {cidr: 192.168.0.1/32}}]}]}"),
    )

    assert asked.ask("pay/quiet", "shop/db", profile=UPSTREAM).answer is Y
    assert asked.ask("pay/fresh", "shop/db", profile=UPSTREAM).answer is U


def test_many_policies_that_isolate_are_not_all_named() -> None:
    policies = [policy(f"shop/p{i}", "{}") for i in range(4)]

    assert scene(*policies[:3]).ask("pay/api", "shop/db").because == (
        "ingress of Pod shop/db: NetworkPolicy shop/p0, NetworkPolicy shop/p1, NetworkPolicy shop/p2 isolate it, "
        "and no rule allows this"
    )
    four = scene(*policies).ask("pay/api", "shop/db")
    assert "NetworkPolicy shop/p2 and others isolate it" in four.because
    assert len(four.decided_by) == 4


def test_what_policies_do_not_reach_is_said() -> None:
    assert scene().ask("8.8.8.8", "pay/agent").because == (
        "egress: 8.8.8.8 is no pod, so no policy limits it; "
        "ingress: Pod pay/agent is on the node's network, where policies do not reach"
    )


@pytest.mark.parametrize(
    ("selector", "answer"),
    [
        ("{matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [dark]}]}", Y),
        ("{matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [dark]}]}", N),
        ("{matchExpressions: [{key: team, operator: DoesNotExist}]}", U),
        ("{matchLabels: {kubernetes.io/metadata.name: dark, team: a}}", U),
        ("{matchLabels: {kubernetes.io/metadata.name: light, team: a}}", N),
        ("{}", Y),
    ],
)
def test_of_a_namespace_that_was_not_seen_the_name_is_known(selector: str, answer: Answer) -> None:
    asked = scene(pod("dark/x"), policy("shop/p", f"{{ingress: [{{from: [{{namespaceSelector: {selector}}}]}}]}}"))

    assert asked.ask("dark/x", "shop/db").answer is answer


def test_an_address_of_a_pod_is_the_pod() -> None:
    asked = scene(policy("shop/p", "{ingress: [{from: [{podSelector: {}}]}]}"))

    assert asked.ask("10.0.0.1", "10.0.0.2").answer is Y
    assert asked.ask("10.1.0.1", "10.0.0.2").answer is N
    assert ground(asked.snapshot).at("192.168.0.2").node is not None


def test_pods_that_have_ended_are_no_endpoints() -> None:
    asked = scene(pod("shop/done", "app=done", phase="Succeeded"))

    assert "done" not in {e.name for e in endpoints(asked.snapshot)}


def test_the_same_question_twice_has_the_same_answer() -> None:
    asked = scene(policy("shop/p", "{ingress: [{from: [{podSelector: {}}]}]}"))
    one = decide(asked.ground, asked.party("pay/api"), asked.party("shop/db"), point("TCP", 80))

    assert one == asked.ask("pay/api", "shop/db")
