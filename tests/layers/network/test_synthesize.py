"""NetworkPolicies that are just enough, as tables of small clusters: what runs, what was seen, what comes out."""

from __future__ import annotations

import pytest
from tests.layers.network.scene import Plain, namespace, pod, policy
from tests.layers.network.synthesizing import (
    DNS,
    NODES,
    SERVER,
    SHOP,
    USED,
    deployment,
    left,
    plain,
    policies,
    tighten,
    told,
)

from mistrust.kube.meta import Ref
from mistrust.layers.network.synthesize import PROBES

API = deployment("shop/api", "app=api")


def test_each_workload_gets_one_policy_and_each_namespace_a_denial() -> None:
    assert policies(SHOP, USED, "shop/web -> kube-system/coredns UDP/53") == {
        "kube-system/coredns": ["k8s-app=kube-dns", "ingress every pod TCP 53,UDP 53"],
        "kube-system/default-deny": [""],
        "shop/db": ["app=db", "ingress app=web TCP 5432", DNS],
        "shop/default-deny": [""],
        "shop/web": ["app=web", "egress app=db TCP 5432", DNS],
    }


WRITTEN: dict[str, tuple[list[Plain], list[str], str, list[str]]] = {
    "peers with the same ports are one rule": (
        [API],
        ["shop/web -> shop/db TCP/5432", "shop/api -> shop/db TCP/5432"],
        "shop/db",
        ["app=db", "ingress app=api, app=web TCP 5432", DNS],
    ),
    "ports of one peer are together": (
        [],
        ["shop/web -> shop/db TCP/5432", "shop/web -> shop/db TCP/8008"],
        "shop/db",
        ["app=db", "ingress app=web TCP 5432,8008", DNS],
    ),
    "three ports in a row are a range": (
        [],
        [f"shop/web -> shop/db TCP/{port}" for port in (7000, 7001, 7002)],
        "shop/db",
        ["app=db", "ingress app=web TCP 7000-7002", DNS],
    ),
    "a peer of another namespace, by the name of that namespace": (
        [namespace("ops", "team=ops"), deployment("ops/agent", "app=agent")],
        ["ops/agent -> shop/db TCP/9187", USED],
        "shop/db",
        ["app=db", "ingress app=web TCP 5432", "ingress ops:app=agent TCP 9187", DNS],
    ),
    "replicas among themselves": (
        [],
        ["shop/db -> shop/db TCP/7000", USED],
        "shop/db",
        ["app=db", "ingress app=db TCP 7000", "ingress app=web TCP 5432", "egress app=db TCP 7000", DNS],
    ),
    "addresses outside, one by one, joined only where they touch": (
        [],
        [f"shop/web -> {address} TCP/443" for address in ("203.0.113.8", "203.0.113.9", "203.0.113.11", "2001:db8::1")],
        "shop/web",
        ["app=web", DNS, "egress 203.0.113.8/31, 203.0.113.11/32, 2001:db8::1/128 TCP 443"],
    ),
    "the metadata of the cloud, because it was used": (
        [],
        ["shop/web -> 169.254.169.254 TCP/80"],
        "shop/web",
        ["app=web", DNS, "egress 169.254.169.254/32 TCP 80"],
    ),
    "a client of a private network": (
        [],
        ["172.16.4.4 -> shop/web TCP/8080"],
        "shop/web",
        ["app=web", "ingress 172.16.4.4/32 TCP 8080", DNS],
    ),
    "a node, which may be any": (
        list(NODES),
        ["192.168.0.1 -> shop/web TCP/8080"],
        "shop/web",
        ["app=web", "ingress 192.168.0.1/32, 192.168.0.2/32 TCP 8080", DNS],
    ),
    "a peer on the network of its node": (
        [*NODES, pod("shop/agent", "app=agent", "", "192.168.0.2", "n2", host=True)],
        ["shop/web -> shop/agent TCP/9100"],
        "shop/web",
        ["app=web", DNS, "egress 192.168.0.2/32 TCP 9100"],
    ),
    "one that runs with an endpoint of the mesh asks its control plane": (
        plain(
            """
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system}
spec: {template: {metadata: {labels: {app: istiod}}, spec: {containers: [{name: discovery}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: istiod, namespace: istio-system}
spec: {selector: {app: istiod}, ports: [{name: https-dns, port: 15012}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: meshed, namespace: shop}
spec: {template: {metadata: {labels: {app: meshed}}, spec: {containers: [{name: c}, {name: istio-proxy}]}}}
"""
        ),
        ["shop/meshed -> shop/db TCP/5432"],
        "shop/meshed",
        ["app=meshed", "egress app=db TCP 5432", "egress istio-system:app=istiod TCP 15012", DNS],
    ),
    "NodeLocal DNSCache, at its own address": (
        [deployment("kube-system/node-local-dns", "k8s-app=node-local-dns", kind="DaemonSet", hostNetwork=True)],
        [USED],
        "shop/web",
        ["app=web", "egress app=db TCP 5432", DNS, "egress 169.254.20.10/32 TCP 53,UDP 53"],
    ),
}


@pytest.mark.parametrize(("more", "flows", "name", "expected"), WRITTEN.values(), ids=WRITTEN)
def test_what_is_written(more: list[Plain], flows: list[str], name: str, expected: list[str]) -> None:
    assert policies([*SHOP, *more], *flows)[name] == expected


def test_two_ports_in_a_row_are_two_and_three_are_a_range() -> None:
    flows = [f"shop/web -> shop/db TCP/{port}" for port in (80, 81, 7000, 7001, 7002)]
    db = next(p for c in tighten(SHOP, *flows).changes for p in c.new if p.name == "db")
    assert [(p.port, p.end_port) for p in db.spec.ingress[0].ports] == [(80, None), (81, None), (7000, 7002)]


def test_pods_of_openshift_answer_for_names_at_another_port() -> None:
    world = plain(
        """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: dns-default, namespace: openshift-dns}
spec:
  template:
    metadata: {labels: {dns.operator.openshift.io/daemonset-dns: default}}
    spec: {containers: [{name: dns, ports: [{containerPort: 5353, name: dns, protocol: UDP}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: dns-default, namespace: openshift-dns}
spec:
  selector: {dns.operator.openshift.io/daemonset-dns: default}
  ports: [{name: dns, port: 53, targetPort: dns, protocol: UDP}, {name: tcp, port: 53, targetPort: 5353}]
"""
    )
    found = policies([*SHOP[2:4], *world], USED)["shop/web"]
    assert found[-1] == "egress openshift-dns:dns.operator.openshift.io/daemonset-dns=default TCP 5353,UDP 5353"


def test_a_resolver_that_names_who_may_ask_keeps_naming_them() -> None:
    """Every pod may today; pods of namespaces to come may not."""
    peers = ", ".join(
        f"{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {n}}}}}}}" for n in ("shop", "x")
    )
    world = [*SHOP, policy("kube-system/dns", f"{{ingress: [{{from: [{peers}]}}]}}")]
    found = policies(world, USED, "shop/web -> kube-system/coredns UDP/53")["kube-system/coredns"]
    assert found == ["k8s-app=kube-dns", "ingress shop:app=db, shop:app=web TCP 53,UDP 53"]


def test_a_cluster_that_has_no_resolver_gets_no_rule_for_one() -> None:
    live = deployment("shop/web", "app=web", "TCP/8080")
    live["metadata"]["uid"] = "1"
    assert policies([live, SHOP[3]], USED)["shop/web"] == ["app=web", "egress app=db TCP 5432"]


def test_manifests_that_show_no_resolver_get_the_usual_one() -> None:
    assert policies(SHOP[2:4], USED)["shop/web"][-1] == DNS


def test_names_are_not_opened_where_the_policies_denied_them() -> None:
    shut = policy("shop/web", "{podSelector: {matchLabels: {app: web}}, egress: [{ports: [{port: 5432}]}]}")
    assert policies([*SHOP, shut], USED)["shop/web"] == ["app=web", "egress app=db TCP 5432"]


def test_the_api_server_is_opened_at_its_own_address_and_at_the_one_that_is_asked() -> None:
    found = policies([*SHOP, *plain(SERVER)], "shop/web -> 10.96.0.1 TCP/443")["shop/web"]
    assert found == ["app=web", DNS, "egress 10.96.0.1/32 TCP 443", "egress 172.18.0.3/32 TCP 6443"]


def test_who_has_a_token_that_was_seen_asks_the_api_server() -> None:
    found = policies([*SHOP, *plain(SERVER)], USED, callers=[Ref("apps", "Deployment", "shop", "web")])
    assert "egress 172.18.0.3/32 TCP 6443" in found["shop/web"]
    assert not [rule for rule in found["shop/db"] if "6443" in rule]


HOOK = """
apiVersion: v1
kind: Service
metadata: {name: hook, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 443, targetPort: 8443}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: checks}
webhooks: [{name: a.example, clientConfig: {service: {name: hook, namespace: shop}}}]
"""


def test_the_api_server_calls_webhooks() -> None:
    found = tighten([*SHOP, *plain(SERVER), *plain(HOOK)], USED)
    web = next(c for c in found.changes if c.new[0].name == "web")
    assert told(web.new[0])[1] == "ingress 172.18.0.3/32 TCP 8443"
    assert [w.because for w in web.notes[0].because] == [
        "ValidatingWebhookConfiguration checks: the API server calls it"
    ]


def test_a_webhook_is_left_alone_where_the_api_server_is_not_shown() -> None:
    assert "its addresses are not shown" in left(tighten([*SHOP, *plain(HOOK)], USED))["shop/web"]


DOOR = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""


def test_a_door_to_the_internet_that_is_used_stays_open_to_it_and_to_no_pod() -> None:
    web = policies([*SHOP, *plain(DOOR)], "203.0.113.9 -> shop/web TCP/8080")["shop/web"]
    assert web[1].startswith("ingress 0.0.0.0/0 - 0.0.0.0/8 - 10.0.0.0/8 - 100.64.0.0/10")
    assert web[1].endswith("2000::/3 TCP 8080")


def test_a_pod_with_an_address_of_the_internet_is_not_let_in_with_it() -> None:
    public = pod("shop/public", "app=public", "", "203.0.113.77", "n1")
    web = policies([*SHOP, *plain(DOOR), public], "203.0.113.9 -> shop/web TCP/8080")["shop/web"]
    assert " - 203.0.113.77/32 - " in web[1]


def test_a_door_that_only_some_may_use_stays_so() -> None:
    block = "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}]}]}"
    web = policies([*SHOP, *plain(DOOR), policy("shop/web", block)], "203.0.113.9 -> shop/web TCP/8080")["shop/web"]
    assert web[1] == "ingress 203.0.113.0/24 TCP 8080"


def test_a_door_that_nobody_used_is_closed() -> None:
    assert policies([*SHOP, *plain(DOOR)], USED)["shop/web"] == ["app=web", "egress app=db TCP 5432", DNS]


def test_an_ingress_controller_reaches_what_an_ingress_sends_to() -> None:
    world = plain(
        """
apiVersion: apps/v1
kind: Deployment
metadata: {name: controller, namespace: edge}
spec:
  template:
    metadata: {labels: {app: nginx}}
    spec: {containers: [{name: c, image: registry.k8s.io/ingress-nginx/controller:v1.12, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: edge}
spec: {type: LoadBalancer, selector: {app: nginx}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  ingressClassName: nginx
  rules: [{http: {paths: [{path: /, backend: {service: {name: web, port: {number: 80}}}}]}}]
"""
    )
    assert policies([*SHOP, *world], USED)["shop/web"][1] == "ingress edge:app=nginx TCP 8080"


def test_what_has_to_stay_has_its_reason() -> None:
    found = tighten(SHOP, USED)
    db = next(c for c in found.changes if c.new[0].name == "db")
    assert [(n.path, [str(w) for w in n.because]) for n in db.notes] == [
        ("spec.ingress[0]", ["Deployment shop/web -> Deployment shop/db TCP 5432"]),
        (
            "spec.egress[0]",
            [f"Deployment shop/db -> Deployment kube-system/coredns {port}" for port in ("TCP 53", "UDP 53")],
        ),
    ]
    assert [w.because.split(":")[0] for w in db.notes[1].because] == ["DNS", "DNS"]
    assert PROBES in found.remarks
