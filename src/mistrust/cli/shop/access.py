"""Connections as Istio's sidecars log them: Envoy's access log as JSON, with the identity of the client.

A line a connection or request and sidecar: of the client's where it leaves, of the server's where it comes in. The
fields are those of Istio's JSON format; who installed the mesh added `%DOWNSTREAM_PEER_URI_SAN%`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from random import Random
from typing import Final
from uuid import UUID

import msgspec

from mistrust.cli.shop.calendar import HOUR, Day
from mistrust.cli.shop.cluster import CART, CHECKOUT, ORDERS, WEB, Pod, Workload
from mistrust.cli.shop.connection import ANSWERED, DROPPED_IN, End, Opened
from mistrust.cli.shop.event import moment

INJECTED: Final = ("shop", "payments")
"""Namespaces with the label `istio-injection`."""
BESIDE: Final = frozenset((15021, 9102))
"""Ports that no sidecar logs: its own, and one that the checkout leaves out."""
PLAINTEXT: Final = frozenset((CART,))
"""To whom a DestinationRule has clients speak plaintext."""
SERVICES: Final = {
    WEB: "10.96.14.3:80",
    CART: "10.96.102.77:7070",
    ORDERS: "10.96.61.20:5432",
    CHECKOUT: "10.96.200.8:443",
}
"""Where the Services are."""
SKUS: Final = ("teapot", "kettle", "cup", "saucer", "tray")


class Asked(msgspec.Struct, frozen=True, gc=False):
    """One request; nothing of it for a connection that is not HTTP."""

    method: str | None = None
    path: str | None = None
    status: int = 0


def lines(opened: Iterable[Opened], day: Day) -> Iterator[str]:
    """The log of a day, of all sidecars, in the order of time."""
    dice = day.random("access logs")
    rows: list[tuple[float, int, dict[str, object]]] = []
    for each in opened:
        if each.protocol == "TCP" and each.port not in BESIDE and each.became != DROPPED_IN:
            rows += ((each.at + after, len(rows), line) for after, line in _lines(each, dice))
    rows.sort(key=lambda row: row[:2])
    for at, _, line in rows:
        if at < 24 * HOUR:
            line["start_time"] = moment(day, at)[:-4] + "Z"
            yield json.dumps(line, separators=(",", ":")) + "\n"


def _lines(each: Opened, dice: Random) -> Iterator[tuple[float, dict[str, object]]]:
    """Seconds after the beginning, and what is logged."""
    source, to = each.source, each.destination
    workload = to.workload if isinstance(to, Pod) else None
    asked = _asked(workload, each, dice)
    client, here, out = (f"{_address(source)}:{port}" for port in dice.sample(range(32768, 60999), 3))
    server = f"{_address(to)}:{each.port}"
    identity = None
    if isinstance(source, Pod) and source.namespace in INJECTED:
        identity = f"spiffe://cluster.local/ns/{source.namespace}/sa/{source.workload.account}"
        known = workload in SERVICES
        cluster = f"outbound|{_service(workload)}" if workload and known else "PassthroughCluster"
        called = SERVICES[workload] if workload and known else server
        yield 0.0, _line(asked, each, cluster, server, (out, called, here))
        client = out
    if workload and workload.namespace in INJECTED:
        known = workload in SERVICES and each.became == ANSWERED
        cluster = f"inbound|{each.port}||" if known else "InboundPassthroughCluster"
        line = _line(asked, each, cluster, server, (f"127.0.0.6:{client.partition(':')[2]}", server, client))
        if identity and workload not in PLAINTEXT:
            line["requested_server_name"] = f"outbound_.{_service(workload)}".replace("||", "_._")
            line["downstream_peer_uri_san"] = identity
        yield 0.0007, line


def _line(asked: Asked, each: Opened, cluster: str, server: str, ends: tuple[str, str, str]) -> dict[str, object]:
    """Parameters: `ends`, of the upstream connection here, and of the downstream one here and there."""
    stood = each.became == ANSWERED
    return {
        "start_time": "",
        "method": asked.method,
        "path": asked.path,
        "protocol": "HTTP/1.1" if asked.method else None,
        "response_code": asked.status,
        "response_flags": "-" if stood else "UF,URX",
        "response_code_details": "via_upstream" if asked.method else None,
        "connection_termination_details": None,
        "upstream_host": server,
        "upstream_cluster": cluster,
        "upstream_local_address": ends[0] if stood else None,
        "downstream_local_address": ends[1],
        "downstream_remote_address": ends[2],
        "requested_server_name": None,
        "downstream_peer_uri_san": None,
    }


def _service(workload: Workload) -> str:
    port = SERVICES[workload].partition(":")[2]
    return f"{port}||{workload.name}.{workload.namespace}.svc.cluster.local"


def _address(end: End) -> str:
    return end if isinstance(end, str) else end.address


def _asked(workload: Workload | None, each: Opened, dice: Random) -> Asked:
    if each.became != ANSWERED:
        return Asked()
    basket = str(UUID(int=dice.getrandbits(128), version=4))
    number, sku = dice.randrange(10_000, 99_999), dice.choice(SKUS)
    if workload is WEB:
        path = dice.choice(("/", f"/products/{sku}", f"/cart/{basket}", f"/orders/{number}", "/static/app.3f2a9c1b.js"))
        return Asked("GET", f"/?basket={basket}" if path == "/" else path, 200)
    if workload is CART:
        add, drop = (f"/cart/{basket}/items", 201), (f"/cart/{basket}/items/{number}", 204)
        return dice.choice((Asked("GET", f"/cart/{basket}", 200), Asked("POST", *add), Asked("DELETE", *drop)))
    return Asked("POST", "/pay", 200) if workload is CHECKOUT else Asked()
