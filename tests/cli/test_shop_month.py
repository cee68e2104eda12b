"""The made-up month of the example shop: as real logs are, the same each time, and nothing in it that cannot be."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from mistrust.access.flow import Flow, Traffic
from mistrust.access.ports import point
from mistrust.access.record import Record
from mistrust.access.verdict import Answer
from mistrust.catalog.load import api_resources, default_rbac
from mistrust.cli.shop import access, event, flows
from mistrust.cli.shop.audit import INTRUDER, asked
from mistrust.cli.shop.calendar import ATTACK, BREAK_GLASS, DAYS, FIRST, Day
from mistrust.cli.shop.cluster import STANDING, Cluster, Pod
from mistrust.cli.shop.connection import ANSWERED, DROPPED_IN, DROPPED_OUT, REFUSED, End, Opened
from mistrust.cli.shop.event import Asked
from mistrust.cli.shop.month import SEED, write_month
from mistrust.cluster.files import read_files
from mistrust.feeds.audit.read import read_audit
from mistrust.feeds.flows.read import read_flows
from mistrust.kube.endpoints import endpoints
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.identity.decide import decide
from mistrust.layers.identity.layer import Identity
from mistrust.layers.identity.lookup import Lookup, Request
from mistrust.layers.network.deciding import decide as network
from mistrust.layers.network.deciding.party import Party
from mistrust.layers.network.layer import Network
from mistrust.layers.network.usage import Names, used

SHOP = Path(__file__).resolve().parents[2] / "examples" / "shop"


SEEDS = pytest.mark.parametrize("seed", [SEED, 1, 2])

DNS = """
apiVersion: v1
kind: Namespace
metadata: {name: kube-system}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: coredns, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: kube-dns}}
  template:
    metadata: {labels: {k8s-app: kube-dns}}
    spec: {containers: [{name: coredns, image: coredns}]}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The shop, and what every cluster has to look names up."""
    dns = tmp_path_factory.mktemp("dns") / "dns.yaml"
    dns.write_text(DNS)
    return read_files([str(SHOP), str(dns)]).snapshot


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("month")
    write_month(folder)
    return folder


@pytest.fixture(scope="module")
def audit(month: Path) -> Record[Request]:
    return read_audit([str(month / "audit")])


@pytest.fixture(scope="module")
def seen(month: Path) -> Record[Flow]:
    return read_flows([str(month / "flows")])


@pytest.fixture(scope="module")
def inside(month: Path) -> Traffic:
    """With what the sidecars saw."""
    return read_flows([str(month / "flows"), str(month / "access")])


def digests(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def requests(seed: int = SEED) -> Iterator[tuple[Day, Asked]]:
    cluster = Cluster(seed)
    for day in (Day(n, seed) for n in range(DAYS)):
        yield from ((day, each) for each in asked(day, cluster))


def connections(seed: int = SEED) -> Iterator[tuple[Day, Opened]]:
    cluster = Cluster(seed)
    for day in (Day(n, seed) for n in range(DAYS)):
        yield from ((day, each) for each in flows.opened(day, cluster))


def test_one_seed_makes_one_month_and_another_seed_another(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_month(tmp_path / name, seed=seed, days=2)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert not set(digests(tmp_path / "a").values()) & set(digests(tmp_path / "c").values())


def test_logs_are_rotated_daily_packed_and_of_a_bounded_size(month: Path) -> None:
    files = sorted(p.name for p in month.rglob("*") if p.is_file())
    assert len(files) == 3 * DAYS
    assert [name for name in files if not name.endswith(".gz")] == ["audit.log", "hubble.log", "istio-proxy.log"]
    assert sum(p.stat().st_size for p in month.rglob("*") if p.is_file()) < 50e6
    packed = month / "audit" / f"audit-{FIRST}T23-59-59.999.log.gz"
    first, *_ = gzip.decompress(packed.read_bytes()).splitlines()
    assert json.loads(first)["kind"] == "Event"


def test_every_line_is_understood_and_the_month_has_no_holes(
    audit: Record[Request], seen: Record[Flow], inside: Traffic
) -> None:
    for coverage in (audit.coverage, seen.coverage, inside.coverage):
        assert (coverage.bad, coverage.problems, coverage.holes, coverage.sampled) == (0, (), (), False)
        assert DAYS - 0.1 < coverage.days < DAYS
        assert 100_000 < coverage.events < 300_000
    assert seen.coverage.nodes == ("node-1", "node-2", "node-3")


def test_lines_stand_in_the_order_of_time_and_a_watch_has_two(month: Path) -> None:
    events = [json.loads(line) for line in (month / "audit" / "audit.log").read_text().splitlines()]
    assert [e["stageTimestamp"] for e in events] == sorted(e["stageTimestamp"] for e in events)
    assert all(e["requestReceivedTimestamp"] < e["stageTimestamp"] for e in events)
    stages: dict[str, list[str]] = {}
    for e in events:
        stages.setdefault(e["auditID"], []).append(f"{e['verb']} {e['stage']}")
    assert sum(s == ["watch ResponseStarted", "watch ResponseComplete"] for s in stages.values()) > 100
    for log, field in (("flows/hubble.log", "time"), ("access/istio-proxy.log", "start_time")):
        shown = [json.loads(line)[field] for line in (month / log).read_text().splitlines()]
        assert shown == sorted(shown)


def test_a_day_that_is_missing_is_a_hole(month: Path) -> None:
    for name, read in (("audit", read_audit), ("flows", read_flows)):
        logs = sorted((month / name).iterdir())
        record = read([str(p) for p in logs if "2026-11-03" not in p.name])
        assert len(record.coverage.holes) == 1, name


@SEEDS
def test_what_a_log_says_was_allowed_is_allowed_and_what_was_forbidden_is_not(shop: Snapshot, seed: int) -> None:
    lookup = Lookup(Identity(default_rbac(), api_resources()).granted(shop).rbac)
    calls = dict.fromkeys((each.who, each.call) for _, each in requests(seed))
    wrong = [
        (who.name, call)
        for who, call in calls
        if (decide(lookup, request(who, call)).answer is Answer.DENIED) != (call.code == 403)
    ]
    assert wrong == []
    codes = Counter(call.code for _, call in calls)
    assert min(codes[code] for code in (200, 201, 403, 404, 409)) > 0


def request(who: event.Who, call: event.Call) -> Request:
    if call.path:
        return Request(who.name, who.groups, call.verb, path=call.path)
    resource, _, sub = call.resource.partition("/")
    name = "" if call.verb == "create" and not sub else call.name
    return Request(who.name, who.groups, call.verb, call.group, resource, sub, call.namespace, name)


def test_only_kubelets_rest_on_another_authorizer_than_rbac(shop: Snapshot) -> None:
    lookup = Lookup(Identity(default_rbac(), api_resources()).granted(shop).rbac)
    let = dict.fromkeys((each.who, each.call) for _, each in requests() if each.call.code != 403)
    others = {who.name for who, call in let if not lookup.allows(request(who, call))}
    assert others == {"system:node:node-1", "system:node:node-2", "system:node:node-3"}


@SEEDS
def test_what_the_flows_show_is_what_the_policies_do(shop: Snapshot, seed: int) -> None:
    ground = network.ground(shop)
    pods = {(e.namespace, shop.workloads[e.workload].ref.name): ground.pod(e) for e in endpoints(shop)}
    kinds = {(end(o.source), end(o.destination), o.protocol, o.port, o.became) for _, o in connections(seed)}
    judged = Counter[str]()
    for source, destination, protocol, port, became in kinds:
        if port == flows.SIDECAR:
            continue  # from the pod's own node, which no policy stops
        a, b = (pods[e] if isinstance(e, tuple) else Party(addresses=(ip_address(e),)) for e in (source, destination))
        answer = network.decide(ground, a, b, point(protocol, port)).answer
        dropped = became in (DROPPED_IN, DROPPED_OUT)
        assert answer is (Answer.DENIED if dropped else Answer.ALLOWED), (source, destination, port)
        judged[became] += 1
    assert judged.keys() == {ANSWERED, REFUSED, DROPPED_IN, DROPPED_OUT}


def end(one: End) -> tuple[str, str] | str:
    return (one.namespace, one.workload.name) if isinstance(one, Pod) else one


@SEEDS
def test_pods_have_one_address_and_one_name_each_at_a_time(seed: int) -> None:
    cluster = Cluster(seed)
    names = [(pod.namespace, pod.name) for pod in cluster.all()]
    assert len(set(names)) == len(names)
    for day in (Day(n, seed) for n in range(DAYS)):
        addresses = [pod.address for workload in STANDING for pod in cluster.at(workload, day.start)]
        assert len(set(addresses)) == len(addresses)


def test_connections_that_are_used_are_these(shop: Snapshot, seen: Record[Flow]) -> None:
    usage = used(Network().granted(shop), seen, shop)
    assert list(usage.beyond()) == []
    assert {str(c) for c in usage.seen if c.destination.namespace != "kube-system"} == {
        "the Internet -> Deployment shop/web TCP 8080",
        "Deployment shop/web -> Deployment shop/cart TCP 7070",
        "Deployment shop/cart -> StatefulSet shop/orders TCP 5432",
        "Deployment shop/web -> Deployment payments/checkout TCP 8443",
        "CronJob shop/nightly-report -> StatefulSet shop/orders TCP 5432",
        "DaemonSet ops/agent -> Deployment payments/checkout TCP 9102",
        "the Internet -> Deployment ci/runner TCP 9000",
        "the Internet -> Deployment ops/dashboard TCP 8000",
        # let through by the policies, and answered by nobody: the scan
        "Deployment ops/dashboard -> StatefulSet shop/orders TCP 22",
        "Deployment ops/dashboard -> StatefulSet shop/orders TCP 6379",
    }
    asks = {ref.name for (ref, protocol, port) in usage.outside if (protocol, port) == ("TCP", 443)}
    assert asks == {"checkout", "backup", "runner"}
    assert {f.source.workload for f in usage.unresolved} == {"reserved:host"}


def test_the_sidecars_saw_the_same_connections_and_nothing_counts_twice(seen: Record[Flow], inside: Traffic) -> None:
    assert inside.uses == seen.uses


def test_what_the_sidecars_saw_inside_is_what_the_mesh_does(shop: Snapshot, inside: Traffic) -> None:
    """web's clients and cart's speak plaintext; for everybody else the sidecars prove who they are."""
    names = Names(shop)
    found: dict[str, set[str]] = {}
    for exchange in inside.exchanges:
        source, target = names.who(exchange.source), names.who(exchange.destination)
        if target and exchange.destination.namespace != "kube-system":
            ends = f"{source[0].name if source else 'the Internet'} -> {target[0].name} {exchange.port}"
            who = f"{exchange.identity} {exchange.security}".strip()
            found.setdefault(f"{ends} {who}", set()).add(f"{exchange.method} {exchange.path}".strip())
    spiffe = "spiffe://cluster.local/ns/shop/sa"
    assert found == {
        "the Internet -> web 8080 plaintext": {
            *("GET /", "GET /cart/{*}", "GET /orders/{*}", "GET /static/{*}"),
            *(f"GET /products/{sku}" for sku in access.SKUS),
        },
        "web -> cart 7070 plaintext": {"GET /cart/{*}", "POST /cart/{*}/items", "DELETE /cart/{*}/items/{*}"},
        f"web -> checkout 8443 {spiffe}/web mtls": {"POST /pay"},
        f"cart -> orders 5432 {spiffe}/default mtls": {""},
        f"nightly-report -> orders 5432 {spiffe}/orders mtls": {""},
    }


def test_sidecars_tell_of_the_scan_too_and_not_as_uses(month: Path) -> None:
    (log,) = (month / "access").glob(f"*{ATTACK}*")
    failed = [json.loads(line) for line in gzip.decompress(log.read_bytes()).splitlines() if b"UF" in line]
    assert [line["upstream_host"].rpartition(":")[2] for line in failed] == ["22", "6379"]
    assert {line["downstream_peer_uri_san"] for line in failed} == {None}


def test_cronjobs_run_at_their_hours_and_the_ci_on_working_days(audit: Record[Request]) -> None:
    backups = [t for r, t in audit.uses.items() if r.user.endswith(":ops:backup")]
    assert {t.count for t in backups} == {DAYS}
    made = [(day, each) for day, each in requests() if (each.call.verb, each.call.resource) == ("create", "jobs")]
    assert len(made) == 2 * DAYS
    assert {round(each.at / 60) for _, each in made} == {2 * 60 + 30, 3 * 60}
    patched = {d for d, each in requests() if "ci:runner" in each.who.name and each.call.verb == "patch"}
    assert {day.date.weekday() for day in patched} == {0, 1, 2, 3, 4}


def test_glass_is_broken_once_by_the_release_group_and_nothing_refused_counts(audit: Record[Request]) -> None:
    days = {day.date for day, each in requests() if "release" in each.who.groups}
    assert days == {BREAK_GLASS}
    seen_of = {str(r) for r in audit.uses if r.user == "alice@shop.example"}
    assert seen_of == {"list pods in shop", "get configmaps web in shop"}


def test_the_stolen_token_is_refused_but_once(audit: Record[Request]) -> None:
    probing = [each.call for day, each in requests() if each.who.address == INTRUDER and day.date == ATTACK]
    about_secrets = [call for call in probing if call.resource == "secrets"]
    assert len(about_secrets) > 10
    assert [(c.namespace, c.name) for c in about_secrets if c.code != 403] == [("shop", "redis")]
    used_by_it = {str(r) for r in audit.uses if "ops:dashboard" in r.user and r.resource == "secrets"}
    assert used_by_it == {"get secrets redis in shop"}


def test_answers_404_and_409_are_uses_and_403_is_none(audit: Record[Request]) -> None:
    told = {f"{r.user.rpartition(':')[2]} {r}" for r in audit.uses}
    assert "runner get configmaps web-flags in shop" in told  # 404
    assert "reloader patch deployments.apps web in shop" in told  # 409 before 200
    assert not any(r.user.endswith("ops:agent") for r in audit.uses)
