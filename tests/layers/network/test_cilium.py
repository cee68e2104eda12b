"""What Cilium's own policies mean: the cases of its documentation, in a small shop."""

from __future__ import annotations

import pytest
import yaml
from tests.layers.network.cilium_dice import server
from tests.layers.network.scene import Plain, Scene, namespace, node, pod, policy

from mistrust.access.verdict import Answer
from mistrust.kube.snapshot import Gap
from mistrust.layers.network.plugin import profiles
from mistrust.layers.network.statements.policies import policies

Y, N, U = Answer.ALLOWED, Answer.DENIED, Answer.UNKNOWN
WEB = pod("shop/web", "app=web", "http=TCP/8080", "10.0.0.1", "n1")
WEB["spec"]["serviceAccountName"] = "web"
PLACES = (
    namespace("shop", "env=prod"),
    namespace("pay", "env=dev"),
    node("n1", "192.168.0.1"),
    node("n2", "192.168.0.2"),
    node("n3", "192.168.0.3"),
    server(),
    WEB,
    pod("shop/db", "app=db", "sql=TCP/5432", "10.0.0.2", "n2"),
    pod("pay/api", "app=api", "", "10.0.0.3", "n2"),
    pod("kube-system/etcd", "", "", "192.168.0.1", "n1", host=True),
)

WHOM = {"DB": "{matchLabels: {app: db}}", "ALL": "{}"}


def own(spec: str, space: str = "shop", name: str = "p") -> Plain:
    """A CiliumNetworkPolicy; without a namespace one for the cluster. `DB` and `ALL` stand for whom it is about."""
    for word, selector in WHOM.items():
        spec = spec.replace(f"{{{word},", f"{{endpointSelector: {selector},")
    kind = "CiliumNetworkPolicy" if space else "CiliumClusterwideNetworkPolicy"
    metadata = {"name": name} | ({"namespace": space} if space else {})
    return {"apiVersion": "cilium.io/v2", "kind": kind, "metadata": metadata, "spec": yaml.safe_load(spec)}


SQL = "TCP/5432"
CASES: list[tuple[str, list[Plain], dict[str, Answer]]] = [
    ("a section isolates in its direction alone", [own("{DB, ingress: [{}]}")],
     {f"shop/web -> shop/db {SQL}": N, f"shop/db -> shop/web {SQL}": Y, f"8.8.8.8 -> shop/db {SQL}": N}),
    ("an empty section says nothing", [own("{DB, ingress: []}")], {f"shop/web -> shop/db {SQL}": Y}),
    ("an empty selector of peers is the policy's namespace", [own("{DB, ingress: [{fromEndpoints: [{}]}]}")],
     {f"shop/web -> shop/db {SQL}": Y, f"pay/api -> shop/db {SQL}": N, f"8.8.8.8 -> shop/db {SQL}": N}),
    ("for the cluster it is every pod, and no node", [own("{DB, ingress: [{fromEndpoints: [{}]}]}", "")],
     {f"pay/api -> shop/db {SQL}": Y, f"node/n1 -> shop/db {SQL}": N, f"kube-system/etcd -> shop/db {SQL}": N}),
    ("another namespace by name",
     [own("{DB, ingress: [{fromEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: pay}}]}]}")],
     {f"pay/api -> shop/db {SQL}": Y, f"shop/web -> shop/db {SQL}": N}),
    ("namespaces by label",
     [own("{DB, ingress: [{fromEndpoints: [{matchLabels: {io.cilium.k8s.namespace.labels.env: dev}}]}]}")],
     {f"pay/api -> shop/db {SQL}": Y, f"shop/web -> shop/db {SQL}": N}),
    ("a ServiceAccount",
     [own("{DB, ingress: [{fromEndpoints: [{matchLabels: {io.cilium.k8s.policy.serviceaccount: web}}]}]}")],
     {f"shop/web -> shop/db {SQL}": Y, f"pay/api -> shop/db {SQL}": N}),
    ("ports alone are for everybody", [own("{DB, ingress: [{toPorts: [{ports: [{port: '5432', protocol: TCP}]}]}]}")],
     {f"8.8.8.8 -> shop/db {SQL}": Y, "8.8.8.8 -> shop/db TCP/80": N, "8.8.8.8 -> shop/db UDP/5432": N}),
    ("no protocol is any, 0 is every port, endPort ends a range",
     [own("{DB, ingress: [{toPorts: [{ports: [{port: '53'}, {port: '0', protocol: UDP}, "
          "{port: '80', endPort: 90, protocol: TCP}]}]}]}")],
     {"8.8.8.8 -> shop/db TCP/53": Y, "8.8.8.8 -> shop/db UDP/9": Y, "8.8.8.8 -> shop/db TCP/85": Y,
      "8.8.8.8 -> shop/db TCP/91": N}),
    ("the name of a port is the destination's",
     [own("{DB, ingress: [{toPorts: [{ports: [{port: sql, protocol: TCP}]}]}]}")],
     {f"8.8.8.8 -> shop/db {SQL}": Y, "8.8.8.8 -> shop/db TCP/80": N}),
    ("a denial beats what anybody allows",
     [own("{DB, ingress: [{fromEntities: [all]}], ingressDeny: [{fromEndpoints: [{matchLabels: {app: web}}]}]}"),
      policy("shop/np", "{podSelector: {}, ingress: [{}]}")],
     {f"shop/web -> shop/db {SQL}": N, f"pay/api -> shop/db {SQL}": Y}),
    ("a denial alone isolates too", [own("{DB, ingressDeny: [{fromEntities: [world]}]}")],
     {f"shop/web -> shop/db {SQL}": N, f"8.8.8.8 -> shop/db {SQL}": N}),
    ("unless it is told not to",
     [own("{DB, enableDefaultDeny: {ingress: false}, ingressDeny: [{fromEntities: [world]}]}")],
     {f"shop/web -> shop/db {SQL}": Y, f"8.8.8.8 -> shop/db {SQL}": N}),
    ("what is allowed counts beside NetworkPolicies",
     [policy("shop/np", "{podSelector: {matchLabels: {app: db}}, ingress: []}"),
      own("{DB, enableDefaultDeny: {ingress: false}, ingress: [{fromEndpoints: [{}]}]}")],
     {f"shop/web -> shop/db {SQL}": Y, f"pay/api -> shop/db {SQL}": N}),
    ("blocks match neither pods nor nodes", [own("{ALL, egress: [{toCIDR: [0.0.0.0/0]}]}")],
     {"shop/web -> 8.8.8.8 TCP/443": Y, f"shop/web -> shop/db {SQL}": N, "shop/web -> node/n2 TCP/443": N,
      "shop/web -> 2001:db8::1 TCP/443": N}),
    ("exceptions of blocks",
     [own("{ALL, egress: [{toCIDRSet: [{cidr: 8.0.0.0/8, except: [8.8.8.0/24]}]}]}")],
     {"shop/web -> 8.8.8.8 TCP/443": N, "shop/web -> 8.8.4.4 TCP/443": Y}),
    ("the world is outside", [own("{ALL, egress: [{toEntities: [world]}]}")],
     {"shop/web -> 8.8.8.8 TCP/1": Y, "shop/web -> 2001:db8::1 TCP/1": Y, f"shop/web -> shop/db {SQL}": N,
      "shop/web -> node/n2 TCP/1": N}),
    ("the cluster is the rest", [own("{ALL, egress: [{toEntities: [cluster]}]}")],
     {"shop/web -> 8.8.8.8 TCP/1": N, "shop/web -> node/n2 TCP/1": Y, "shop/web -> pay/api TCP/1": Y}),
    ("the API server, wherever it is", [own("{ALL, egress: [{toEntities: [kube-apiserver]}]}")],
     {"shop/db -> node/n1 TCP/6443": Y, "shop/db -> node/n3 TCP/6443": N, "shop/db -> kube-system/etcd TCP/2379": Y}),
    ("other nodes", [own("{DB, ingress: [{fromEntities: [remote-node]}]}")],
     {f"node/n1 -> shop/db {SQL}": Y, f"192.168.0.9 -> shop/db {SQL}": N}),
    ("a pod's own node reaches it whatever is allowed", [own("{DB, ingress: [{}]}")],
     {f"node/n2 -> shop/db {SQL}": Y}),
    ("whether a denial means the own node is not judged", [own("{DB, ingressDeny: [{fromEntities: [all]}]}")],
     {f"node/n2 -> shop/db {SQL}": U, f"node/n1 -> shop/db {SQL}": N}),
    ("names stand for addresses that nobody knows",
     [own("{ALL, egress: [{toFQDNs: [{matchName: a.example}]}]}")],
     {"shop/web -> 8.8.8.8 TCP/443": U, f"shop/web -> shop/db {SQL}": N, "shop/web -> node/n2 TCP/443": N}),
    ("a group of blocks too", [own("{ALL, egress: [{toCIDRSet: [{cidrGroupRef: g}]}]}")],
     {"shop/web -> 8.8.8.8 TCP/443": U, f"shop/web -> shop/db {SQL}": N}),
    ("Services", [own("{ALL, egress: [{toServices: [{k8sService: {serviceName: x}}]}]}")],
     {f"shop/web -> shop/db {SQL}": U}),
    ("some requests only",
     [own("{endpointSelector: {matchLabels: {app: web}}, ingress: [{toPorts: [{ports: [{port: '80', protocol: TCP}], "
          "rules: {http: [{method: GET}]}}]}]}")],
     {"pay/api -> shop/web TCP/80": U, "pay/api -> shop/web TCP/81": N}),
    ("every request, and every name",
     [own("{ALL, egress: [{toPorts: [{ports: [{port: '53', protocol: ANY}], rules: {dns: "
          "[{matchPattern: '*'}]}}, {ports: [{port: '80', protocol: TCP}], rules: {http: [{}]}}]}]}")],
     {"shop/web -> 8.8.8.8 UDP/53": Y, "shop/web -> 8.8.8.8 TCP/80": Y}),
    ("proof of who they are",
     [own("{DB, ingress: [{fromEndpoints: [{}], authentication: {mode: required}}]}")],
     {f"shop/web -> shop/db {SQL}": U, f"pay/api -> shop/db {SQL}": N}),
    ("ICMP is no connection", [own("{DB, ingress: [{fromEndpoints: [{}], icmps: [{fields: []}]}]}")],
     {f"shop/web -> shop/db {SQL}": N}),
    ("labels that may be no part of an identity",
     [own("{DB, ingress: [{fromEndpoints: [{matchLabels: {pod-template-hash: x}}]}]}")],
     {f"shop/web -> shop/db {SQL}": U, f"pay/api -> shop/db {SQL}": N}),
    ("an empty list of peers", [own("{DB, ingress: [{fromEndpoints: []}]}")], {f"shop/web -> shop/db {SQL}": U}),
    ("further labels that are asked for",
     [own("{DB, ingress: [{fromEndpoints: [{}], fromRequires: [{matchLabels: {app: web}}]}]}")],
     {f"shop/web -> shop/db {SQL}": U}),
    ("a policy about nodes", [own("{nodeSelector: {}, ingress: [{}]}", "")],
     {"node/n3 -> shop/db TCP/1": U, "8.8.8.8 -> shop/db TCP/1": Y}),
    ("reserved labels are entities",
     [own("{DB, ingress: [{fromEndpoints: [{matchLabels: {reserved:world: ''}}]}]}")],
     {f"8.8.8.8 -> shop/db {SQL}": Y, f"shop/web -> shop/db {SQL}": N}),
    ("what is about somebody that is no pod", [own("{endpointSelector: {matchLabels: {reserved:health: ''}}, "
                                                   "ingress: [{}]}", "")],
     {f"shop/web -> shop/db {SQL}": Y}),
    ("every pod but somebody that is none",
     [own("{endpointSelector: {matchExpressions: [{key: reserved:host, operator: DoesNotExist}]}, ingress: [{}]}", "")],
     {f"shop/web -> shop/db {SQL}": N}),
    ("a section without a value is empty", [own("{DB, ingress: , egress: }")], {f"shop/web -> shop/db {SQL}": Y}),
    ("a namespace in the selector of a namespaced policy is its own",
     [own("{endpointSelector: {matchLabels: {k8s:io.kubernetes.pod.namespace: pay}}, ingress: [{}]}")],
     {f"shop/web -> shop/db {SQL}": N, f"shop/web -> pay/api {SQL}": Y}),
]  # fmt: skip


@pytest.mark.parametrize(("title", "given", "expected"), CASES, ids=[c[0] for c in CASES])
def test_what_it_means(title: str, given: list[Plain], expected: dict[str, Answer]) -> None:
    scene = Scene(*PLACES, *given)
    assert {q: scene.flow(q).answer for q in expected} == expected


WRONG = {
    "peers of several kinds": "{DB, ingress: [{fromEndpoints: [{}], fromEntities: [world]}]}",
    "the entity 'moon' does not exist": "{DB, ingress: [{fromEntities: [moon]}]}",
    "no CIDR": "{DB, ingress: [{fromCIDR: [moon]}]}",
    "exactly one of endpointSelector": "{ingress: [{}]}",
    "the protocol 'FTP' does not exist": "{DB, ingress: [{toPorts: [{ports: [{port: '1', protocol: FTP}]}]}]}",
    "the port 80 is no text": "{DB, ingress: [{toPorts: [{ports: [{port: 80}]}]}]}",
    "no port can have the name '\u00b2'": "{DB, enableDefaultDeny: {ingress: false}, ingress: [{toPorts: "
    "[{ports: [{port: '\u00b2'}]}], fromEntities: [none]}]}",
    "is no range of ports": "{DB, ingress: [{toPorts: [{ports: [{port: '90', endPort: 80}]}]}]}",
    "not of TCP alone": "{DB, ingress: [{toPorts: [{ports: [{port: '90'}], rules: {http: [{}]}}]}]}",
    "cannot be told from the labels": "{endpointSelector: {matchLabels: {container:a: b}}, ingress: [{}]}",
    "the operator 'Near' does not": "{endpointSelector: {matchExpressions: [{key: a, operator: Near}]}, ingress: []}",
}


@pytest.mark.parametrize(("what", "spec"), WRONG.items(), ids=WRONG)
def test_what_cilium_would_refuse_is_said_and_leaves_the_answer_open(what: str, spec: str) -> None:
    scene = Scene(*PLACES, own(spec))
    assert [p.what for p in policies(scene.snapshot).problems if what in p.what]
    if "endpointSelector" in spec and "ingress: []" not in spec:
        assert scene.flow(f"shop/web -> shop/db {SQL}").answer is U


def config(**data: str) -> Plain:
    settings = {k.replace("_", "-"): v for k, v in data.items()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cilium-config", "namespace": "kube-system"},
            "data": settings}  # fmt: skip


SHUT = own("{DB, ingress: [{fromCIDR: [192.168.0.0/24]}]}")


def test_its_own_kinds_show_that_cilium_runs() -> None:
    assert [p.name for p in profiles(Scene(*PLACES, SHUT).snapshot)] == ["cilium"]
    assert Scene(*PLACES).flow(f"node/n1 -> shop/db {SQL}").answer is Y


def test_settings_of_cilium() -> None:
    assert Scene(*PLACES, SHUT).flow(f"node/n1 -> shop/db {SQL}").answer is N
    listed = Scene(*PLACES, SHUT, config(policy_cidr_match_mode="nodes"))
    assert listed.flow(f"node/n1 -> shop/db {SQL}").answer is Y
    assert Scene(*PLACES, SHUT, config(enable_policy="never")).flow(f"shop/web -> shop/db {SQL}").answer is Y
    always = Scene(*PLACES, SHUT, config(enable_policy="always"))
    assert always.flow("shop/db -> pay/api TCP/80").answer is N


def test_another_plugin_reads_none_of_it() -> None:
    calico = pod("kube-system/calico", "", "", "192.168.0.2", "n2", host=True)
    calico["spec"]["containers"][0]["name"] = "calico-node"
    assert Scene(*PLACES, SHUT, calico).flow(f"shop/web -> shop/db {SQL}").answer is Y


def test_policies_that_could_not_be_listed_leave_answers_open() -> None:
    scene = Scene(*PLACES, gaps=(Gap("CiliumNetworkPolicy", "forbidden", "shop"),))
    assert scene.flow(f"shop/web -> shop/db {SQL}").answer is U
    assert scene.flow("8.8.8.8 -> pay/api TCP/80").answer is Y


def test_labels_that_cilium_is_told_to_leave_out_are_said() -> None:
    asked = policies(Scene(*PLACES, SHUT, config(labels="k8s:app")).snapshot)
    assert [p.what for p in asked.problems] == [
        "Cilium is told which labels of pods count (labels of cilium-config), which is not judged"
    ]
    assert policies(Scene(*PLACES, SHUT, config(labels="")).snapshot).problems == ()
