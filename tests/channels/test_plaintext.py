"""Of what would be served in plaintext: what was used so, what was not, and what nobody can know."""

from __future__ import annotations

from tests.channels.test_facts import MESH, joined, peer, pod

from mistrust.access.flow import Exchange, Flow, Peer
from mistrust.access.ports import point
from mistrust.access.record import Tally
from mistrust.channels.plaintext import used_in_plaintext
from mistrust.channels.uses import uses
from mistrust.kube.meta import Ref
from mistrust.layers.mesh.use import Use
from mistrust.layers.network.usage import Names

SHOP = MESH + pod("web", "shop") + pod("cart", "shop") + pod("probe", "ops")
AT = point("TCP", 8080)
WEB, CART, PROBE = (Ref("", "Pod", n, name) for n, name in (("shop", "web"), ("shop", "cart"), ("ops", "probe")))


def used(*several: Use, text: str = SHOP) -> tuple[int, int]:
    _, both, connections = joined(text)
    granted, _ = both.plaintext(connections.answers)
    plain, unknown = used_in_plaintext(both, connections.answers, several)
    assert plain + unknown <= granted
    return plain, unknown


def test_what_a_server_told_counts() -> None:
    assert used(Use(WEB, CART, AT, security="plaintext")) == (1, 0)
    assert used(Use(WEB, CART, AT, security="mtls", identity="spiffe://cluster.local/ns/shop/sa/default")) == (0, 0)
    assert used(Use(WEB, CART, AT, security="tls")) == (0, 0)


def test_a_client_without_a_proxy_speaks_plaintext() -> None:
    assert used(Use(PROBE, CART, AT)) == (1, 0)


def test_two_proxies_speak_mutual_tls_with_each_other() -> None:
    assert used(Use(WEB, CART, AT)) == (0, 0)


def test_how_somebody_outside_came_is_not_known() -> None:
    assert used(Use(None, CART, AT)) == (0, 1)
    assert used(Use(None, CART, AT), Use(None, CART, AT, security="plaintext")) == (1, 0)


def test_a_connection_counts_once_however_many_requests_there_were() -> None:
    asked = (Use(PROBE, CART, AT, security="plaintext", method="GET", path=f"/{i}") for i in range(3))
    assert used(*asked, Use(WEB, CART, AT, security="plaintext")) == (2, 0)


def test_what_is_not_served_in_plaintext_is_no_part_of_it() -> None:
    strict = SHOP + peer("STRICT")
    assert used(Use(PROBE, CART, AT, security="plaintext"), text=strict) == (0, 0)
    assert used(Use(WEB, PROBE, point("TCP", 9)), Use(WEB, WEB, AT, security="plaintext")) == (0, 0)


def test_ends_become_workloads_and_the_ports_of_services_those_of_containers() -> None:
    shown, _, _ = joined(SHOP)
    web, cart = Peer("shop", "web"), Peer("shop", "cart")
    by_name = Peer(name="cart.shop.svc.cluster.local")
    seen = {
        Exchange(web, cart, "TCP", 8080, security="mtls", method="GET", path="/x"): Tally(2, 0, 5),
        Exchange(Peer("shop"), by_name, "TCP", 80, security="plaintext"): Tally(1, 1, 1),
        Exchange(web, Peer(address="192.0.2.7"), "TCP", 443): Tally(9, 0, 9),
        Exchange(web, cart, "ICMP", 0): Tally(9, 0, 9),
    }
    assert uses(Names(shown), {}, seen) == {
        Use(WEB, CART, AT, "", "mtls", "GET", "/x"): Tally(2, 0, 5),
        Use(None, CART, AT, "", "plaintext"): Tally(1, 1, 1),
    }


def test_a_flow_of_which_more_is_told_counts_once() -> None:
    shown, _, _ = joined(SHOP)
    web, cart, outside = Peer("shop", "web"), Peer("shop", "cart"), Peer(address="192.0.2.7")
    by_name = Peer(name="cart.shop.svc.cluster.local")
    flows = {
        Flow(web, cart, "TCP", 8080): Tally(3, 0, 0),
        Flow(web, by_name, "TCP", 80): Tally(1, 0, 0),
        Flow(outside, cart, "TCP", 8080): Tally(1, 3, 4),
        Flow(Peer("ops", "probe"), cart, "TCP", 8080): Tally(1, 5, 5),
    }
    told = {Exchange(web, cart, "TCP", 8080, security="mtls"): Tally(3, 0, 0)}
    assert uses(Names(shown), flows, told) == {
        Use(WEB, CART, AT, "", "mtls"): Tally(3, 0, 0),
        Use(None, CART, AT): Tally(1, 3, 4),
        Use(PROBE, CART, AT): Tally(1, 5, 5),
    }
