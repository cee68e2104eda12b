"""Tightening the example shop with evidence of its own: permissions and connections, proved together."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from mistrust.cli.main import run
from mistrust.cli.shop.month import write_month

SHOP = Path(__file__).parents[2] / "examples" / "shop"


@pytest.fixture(scope="module")
def tightened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    write_month(folder / "evidence", days=16)
    code = run(["tighten", str(SHOP), "--evidence", str(folder / "evidence"), "-q", "-o", str(folder / "tighter")])
    assert code == 0
    return folder / "tighter"


def test_every_layer_is_proved(tightened: Path) -> None:
    proof = json.loads((tightened / "proof.json").read_text())
    assert proof["proved"] is True
    for layer in ("permissions", "connections", "mesh"):
        found = proof["layers"][layer]
        assert found["lost"] == []
        assert (found["gained"], found["used"] > 5, found["removed"] > 5) == (0, True, True)


def test_a_token_that_nobody_used_is_not_mounted(tightened: Path) -> None:
    [file] = tightened.glob("fields/*.yaml")
    assert yaml.safe_load(file.read_text()) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"template": {"spec": {"automountServiceAccountToken": False}}},
    }
    found = json.loads((tightened / "proof.json").read_text())["layers"]
    assert (found["node powers"]["lost"], found["node powers"]["removed"]) == ([], 1)
    assert (found["pods to come"]["lost"], found["pods to come"]["gained"]) == ([], 0)


def test_the_certificate_says_what_else_was_shown(tightened: Path) -> None:
    layers = json.loads((tightened / "proof.json").read_text())["layers"]
    assert (layers["addresses outside"]["lost"], layers["addresses outside"]["gained"]) == ([], 0)
    shown = {o["name"]: o for o in layers["connections"]["obligations"]}
    not_sure = [name for name, o in shown.items() if o["holds"] is None]
    assert not_sure == ["non-vacuity"]  # of the pods of a CronJob nothing is shown
    assert all(o["holds"] for name, o in shown.items() if name not in not_sure)
    assert {"minimality", "isolation", "restart", "scaling up", "scaling down", "newcomers", "plugins"} <= shown.keys()


def test_without_the_addresses_of_the_api_server_its_callers_are_left_alone(
    tightened: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(SHOP, tmp_path / "shop", ignore=shutil.ignore_patterns("cluster"))
    evidence = str(tightened.parent / "evidence")
    assert run(["tighten", str(tmp_path / "shop"), "--evidence", evidence, "-q", "-o", str(tmp_path / "out")]) == 0
    said = "left alone Deployment ci/runner: it asks the API server, whose addresses are not shown"
    assert said in capsys.readouterr().out
    isolation = json.loads((tmp_path / "out" / "proof.json").read_text())["layers"]["connections"]["obligations"][1]
    assert "Deployment ci/runner in and out" in isolation["witnesses"]


def test_every_policy_says_whom_it_is_about_and_what_its_rules_rest_on(tightened: Path) -> None:
    files = [*tightened.glob("new/networkpolicy-*.yaml"), *tightened.glob("changed/networkpolicy-*.yaml")]
    assert files
    for file in files:
        text = file.read_text()
        spec = yaml.safe_load(text)["spec"]
        assert "podSelector" in spec
        for direction in ("ingress", "egress"):
            for i, _ in enumerate(spec.get(direction, [])):
                assert f"# spec.{direction}[{i}]: " in text


def test_what_many_addresses_of_the_internet_asked_for_is_said_once(tightened: Path) -> None:
    lines = (tightened / "new" / "networkpolicy-shop-web.yaml").read_text().splitlines()
    [told] = [line for line in lines if line.startswith("# spec.ingress[0]:")]
    assert told.startswith("# spec.ingress[0]: the Internet -> Deployment shop/web TCP 8080 (a door is open to")


def test_the_cart_is_reached_by_the_front_alone(tightened: Path) -> None:
    spec = yaml.safe_load((tightened / "new/networkpolicy-shop-cart.yaml").read_text())["spec"]
    assert spec["ingress"] == [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 7070}]}]


def test_the_checkout_takes_what_the_front_was_seen_to_ask_for(tightened: Path) -> None:
    policy = yaml.safe_load((tightened / "changed" / "authorizationpolicy-payments-checkout.yaml").read_text())
    [rule] = policy["spec"]["rules"]
    assert rule["from"] == [{"source": {"principals": ["cluster.local/ns/shop/sa/web"]}}]
    assert {path for to in rule["to"] for path in to["operation"]["paths"]} == {"/pay"}


def test_shadowed_by_what_it_was_made_of_it_denies_nothing(tightened: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evidence = str(tightened.parent / "evidence")
    assert run(["shadow", str(SHOP), str(tightened), "--evidence", evidence, "-q"]) == 0
    assert "permissions  connections  mesh" in capsys.readouterr().out


def test_shadowed_without_a_rule_of_the_mesh_it_tells_what_would_have_been_denied(
    tightened: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tightened, tmp_path / "less")
    policy = tmp_path / "less" / "changed" / "authorizationpolicy-payments-checkout.yaml"
    policy.write_text(policy.read_text().replace("sa/web", "sa/cart"))
    evidence = str(tightened.parent / "evidence")
    assert run(["shadow", str(SHOP), str(tmp_path / "less"), "--evidence", evidence, "-q"]) == 1
    out = capsys.readouterr().out
    assert "Deployment shop/web -> Deployment payments/checkout" in out
    assert "widen: AuthorizationPolicy payments/checkout changed" in out


def test_kustomize_makes_of_the_old_policies_exactly_the_new_ones(tightened: Path, tmp_path: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not here")
    base = tmp_path / "base"
    base.mkdir()
    names = []
    for file in sorted(SHOP.glob("*.yaml")):
        (base / file.name).write_text(file.read_text())
        names.append(f"base/{file.name}")
    shutil.copytree(tightened, tmp_path / "tighter")
    overlay = {"resources": names, "components": ["tighter"]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    built = subprocess.run(["kubectl", "kustomize", str(tmp_path)], capture_output=True, text=True, check=True).stdout
    found = {_place(o): o for o in yaml.safe_load_all(built)}
    for file in [*tightened.glob("changed/*.yaml"), *tightened.glob("new/*.yaml")]:
        wanted = yaml.safe_load(file.read_text())
        made = found[_place(wanted)]
        for field in ("spec", "rules", "subjects", "roleRef"):
            assert made.get(field) == wanted.get(field), file.name
    for file in tightened.glob("deleted/*.yaml"):
        assert _place(yaml.safe_load(file.read_text())) not in found


def _place(plain: dict[str, Any]) -> tuple[str, str, str]:
    return plain["kind"], plain["metadata"].get("namespace", ""), plain["metadata"]["name"]


def test_as_policies_of_cilium(tightened: Path, tmp_path: Path) -> None:
    """The evidence is that of the other form; everything that the files say is proved."""
    evidence, target = tightened.parent / "evidence", tmp_path / "tighter"
    asked = ["tighten", str(SHOP), "--evidence", str(evidence), "--network-policy", "cilium", "-q", "-o", str(target)]
    assert run(asked) == 0
    assert json.loads((target / "proof.json").read_text())["proved"] is True
    spec = yaml.safe_load((target / "new/ciliumnetworkpolicy-shop-cart.yaml").read_text())["spec"]
    assert spec["ingress"] == [
        {
            "fromEndpoints": [{"matchLabels": {"app": "web"}}],
            "toPorts": [{"ports": [{"port": "7070", "protocol": "TCP"}]}],
        }
    ]
    assert not list(target.glob("new/networkpolicy-*.yaml"))


def test_with_policies_for_the_whole_cluster(tightened: Path, tmp_path: Path) -> None:
    evidence, target = tightened.parent / "evidence", tmp_path / "tighter"
    asked = ["tighten", str(SHOP), "--evidence", str(evidence), "--network-policy", "cluster", "-q", "-o", str(target)]
    assert run(asked) == 0
    assert json.loads((target / "proof.json").read_text())["proved"] is True
    spec = yaml.safe_load((target / "new/clusternetworkpolicy-allow-dns.yaml").read_text())["spec"]
    assert (spec["tier"], spec["egress"][0]["action"]) == ("Admin", "Accept")
