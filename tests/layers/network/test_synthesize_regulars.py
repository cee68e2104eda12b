"""What is always added: names, the API server, webhooks, controllers, and doors to the Internet that are used."""

from __future__ import annotations

from tests.layers.network.scene import pod, policy
from tests.layers.network.synthesizing import (
    DNS,
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
    assert "(ValidatingWebhookConfiguration checks: the API server calls it)" in web.notes[0].because


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
