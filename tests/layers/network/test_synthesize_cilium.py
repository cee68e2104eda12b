"""CiliumNetworkPolicies that are just enough: what that kind can say, and NetworkPolicy cannot."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import yaml
from tests.layers.network.scene import Plain, cluster, namespace, pod, policy
from tests.layers.network.synthesizing import NODES, SERVER, SHOP, USED, WINDOW, after, deployment, flow, plain, seen

from mistrust.access.change import Tightened
from mistrust.access.flow import Flow, Peer
from mistrust.access.record import Record, Tally
from mistrust.kube.cilium import CiliumNetworkPolicy
from mistrust.kube.meta import Ref
from mistrust.kube.network import NetworkPolicy
from mistrust.kube.problem import Origin
from mistrust.kube.read import read
from mistrust.kube.snapshot import snapshot
from mistrust.layers.network.grants import granted
from mistrust.layers.network.proving.every import obligations
from mistrust.layers.network.proving.outside import outside
from mistrust.layers.network.synthesize import synthesize
from mistrust.layers.network.usage import used
from mistrust.report.manifests import folder, manifest
from mistrust.trust.prove import prove

WEB = Ref("apps", "Deployment", "shop", "web")
NAME = "203.0.113.7=api.pay.example"


def tighten(world: Sequence[Plain], *flows: str, names: str = "", callers: Sequence[Ref] = ()) -> Tightened:
    """`names` is an address with the name that shop/web called it by."""
    given = cluster(*world)
    uses = {flow(f): Tally(1, 5, 5) for f in flows}
    if names:
        address, _, name = names.partition("=")
        uses[Flow(Peer("shop", workload="web"), Peer(address=address, name=name), "TCP", 443)] = Tally(3, 5, 5)
    usage = used(granted(given), Record(uses, WINDOW), given)
    found = synthesize(given, usage, callers=callers, form="cilium")
    old, new = granted(given), granted(after(given, found))
    for proof in (
        prove(old, new, ((c,) for c in usage.seen)),
        prove(outside(old), outside(new), ((a,) for a in usage.abroad)),
    ):
        assert proof.holds, (proof.lost, proof.gain)
    return found


def spec(found: Tightened, name: str = "web") -> Plain:
    made = next(o for c in found.changes for o in c.new if o.name == name)
    assert isinstance(made, CiliumNetworkPolicy)
    return msgspec.json.decode(msgspec.json.encode(made.spec))


def rules(text: str) -> object:
    return yaml.safe_load(text)


def rule(peers: str, port: int) -> object:
    """`rule("toEntities: [world]", 443)`."""
    return rules(f'{{{peers}, toPorts: [{{ports: [{{port: "{port}", protocol: TCP}}]}}]}}')


DNS = """
- toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": kube-system, k8s-app: kube-dns}}]
  toPorts: [{ports: [{port: "53", protocol: TCP}, {port: "53", protocol: UDP}]}]
"""
PROXIED = DNS.replace("UDP}]}", 'UDP}], rules: {dns: [{matchPattern: "*"}]}}')


def test_a_policy_for_each_workload_and_a_denial_for_pods_to_come() -> None:
    found = tighten(SHOP, USED)

    assert spec(found) == {
        "endpointSelector": {"matchLabels": {"app": "web"}},
        "ingress": [{}],
        "egress": rules(f"""{DNS}
- toEndpoints: [{{matchLabels: {{app: db}}}}]
  toPorts: [{{ports: [{{port: "5432", protocol: TCP}}]}}]
"""),
    }
    assert spec(found, "default-deny") == {"endpointSelector": {}, "ingress": [{}], "egress": [{}]}


def test_names_instead_of_addresses_where_every_address_was_allowed() -> None:
    found = tighten(SHOP, USED, names=NAME)

    assert rule("toFQDNs: [{matchName: api.pay.example}]", 443) in (spec(found)["egress"])
    assert rules(PROXIED)[0] in spec(found)["egress"]
    assert any("toFQDNs is written where" in r for r in found.remarks)
    assert spec(found, "db")["egress"] == rules(DNS)


def test_an_address_stays_one_where_only_some_were_allowed() -> None:
    shut = policy("shop/out", "{egress: [{to: [{namespaceSelector: {}}, {ipBlock: {cidr: 203.0.113.0/24}}]}]}")
    found = tighten([*SHOP, shut], USED, names=NAME)

    assert rule("toCIDR: [203.0.113.7/32]", 443) in spec(found)["egress"]
    assert rules(DNS)[0] in spec(found)["egress"]


def test_what_is_no_name_is_an_address() -> None:
    for name in ("bad name", "api", "*.pay.example", "-x.example"):
        assert "toFQDNs" not in str(spec(tighten(SHOP, USED, names=f"203.0.113.7={name}")))


def test_the_api_server_is_called_by_its_name() -> None:
    found = tighten([*SHOP, *NODES, *plain(SERVER)], USED, "shop/web -> 10.96.0.1 TCP/443", callers=[WEB])

    assert rule("toEntities: [kube-apiserver]", 6443) in (spec(found)["egress"])


def test_nodes_and_what_is_on_their_network() -> None:
    """No address of the agents is shown: it takes none to name nodes."""
    agent = deployment("ops/agent", "app=agent", "TCP/9100", kind="DaemonSet", hostNetwork=True)
    found = tighten([*SHOP, namespace("ops"), agent], USED, "shop/web -> ops/agent TCP/9100")

    assert rule("toEntities: [host, remote-node]", 9100) in (spec(found)["egress"])
    assert any("no node from another" in r for r in found.remarks)


def test_a_door_to_the_internet_is_open_to_the_world() -> None:
    door = plain("{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {type: LoadBalancer, "
                 "selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}}")  # fmt: skip
    found = tighten([*SHOP, *door], USED, "198.51.100.7 -> shop/web TCP/8080")

    assert spec(found)["ingress"] == [rule("fromEntities: [world]", 8080)]
    assert any(
        str(n).startswith("spec.ingress[0]: world -> Deployment shop/web") for c in found.changes for n in c.notes
    )


def test_old_policies_of_both_kinds_go() -> None:
    old = [
        policy("shop/np", "{podSelector: {matchLabels: {app: db}}, ingress: [{}]}"),
        *plain("""
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: shop}
spec: {endpointSelector: {matchLabels: {app: web}}, egress: [{toEntities: [all]}]}
"""),
    ]
    given = cluster(*SHOP, *old)
    found = synthesize(given, seen(given, USED), form="cilium")

    assert sorted(map(str, found.changes)) == [
        "change CiliumNetworkPolicy shop/web: keeps what was used",
        "delete NetworkPolicy shop/np: what of it was used is in the policies of the workloads",
        "new CiliumNetworkPolicy shop/db: keeps what was used",
        "new CiliumNetworkPolicy shop/default-deny: every workload of the namespace has a policy: "
        "what comes later has to get one",
    ]
    assert not after(given, found).of(NetworkPolicy)


def test_what_says_more_than_what_pods_may_stays() -> None:
    denying = plain("""
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: no-world, namespace: shop}
spec: {endpointSelector: {}, egressDeny: [{toEntities: [world]}], enableDefaultDeny: {egress: false}}
""")
    found = tighten([*SHOP, *denying], USED)
    assert (
        "CiliumNetworkPolicy shop/no-world stays, with what it allows: it says more than what pods may" in found.remarks
    )


def test_nothing_is_written_where_another_plugin_runs() -> None:
    calico = pod("kube-system/calico", "", "", "192.168.0.2", "n2", host=True)
    calico["spec"]["containers"][0]["name"] = "calico-node"
    found = tighten([*SHOP, calico], USED)
    assert found.changes == ()
    assert found.remarks == ("the network plugin that runs reads no CiliumNetworkPolicy: nothing is written",)


def test_labels_that_are_no_part_of_an_identity_tell_nobody() -> None:
    odd = deployment("shop/odd", "kubernetes.io/app=odd")
    found = tighten([*SHOP, odd], USED, "shop/odd -> shop/db TCP/5432")
    assert {str(x.ref): x.because for x in found.left}["Deployment shop/odd"] == (
        "the labels that tell it are no part of Cilium's identities: add one"
    )


def test_what_is_written_is_what_is_read_back() -> None:
    found = tighten([*SHOP, *NODES, *plain(SERVER)], USED, "shop/web -> 203.0.113.9 TCP/80", names=NAME, callers=[WEB])
    made = [o for c in found.changes for o in c.new]
    for o in made:
        back, problems = read(yaml.safe_dump(manifest(o)).encode(), "x.yaml")
        assert [msgspec.structs.replace(x, origin=Origin()) for x in back] == [o]
        assert not problems
    assert "patches" not in folder(found.changes)["kustomization.yaml"].decode()


def test_ports_in_lists_that_cilium_takes() -> None:
    """At most forty in a list; ranges only where there are more."""
    many = [f"shop/web -> shop/db TCP/{n}" for n in range(7000, 7050)] + [USED]
    lists = spec(tighten(SHOP, *many))["egress"][1]["toPorts"]
    assert lists == rules('[{ports: [{port: "5432", protocol: TCP}, {port: "7000", endPort: 7049, protocol: TCP}]}]')


def test_what_is_shown_beside_the_proof_knows_the_rules_of_cilium() -> None:
    """Each rule is tried; one that repeats another is found. No other plugin has a reading of them."""
    given = cluster(*SHOP)
    usage = seen(given, USED)
    new = after(given, synthesize(given, usage, form="cilium"))
    found = {o.name: o for o in obligations(given, new, granted(new), usage.seen)}
    assert (found["plugins"].holds, found["restart"].holds, found["newcomers"].holds) == (True, True, True)

    again = plain("""
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: twice, namespace: shop}
spec: {endpointSelector: {matchLabels: {app: db}}, ingress: [{fromEndpoints: [{matchLabels: {app: web}}],
  toPorts: [{ports: [{port: "5432", protocol: TCP}]}]}, {}], egress: [{}]}
""")
    twice = snapshot([*new.objects, *cluster(*again).objects], scope=new.scope)
    needless = next(o for o in obligations(given, twice, granted(twice), usage.seen) if o.name == "non-vacuity")
    assert needless.holds is False
    assert sorted(needless.witnesses) == [
        "CiliumNetworkPolicy shop/db spec.ingress[0]",
        "CiliumNetworkPolicy shop/twice spec.ingress[0]",
    ]
