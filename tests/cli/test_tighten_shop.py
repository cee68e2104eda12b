"""Tightening the example shop with evidence of its own: permissions and connections, proved together."""

from __future__ import annotations

import json
from pathlib import Path

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


def test_both_layers_are_proved(tightened: Path) -> None:
    proof = json.loads((tightened / "proof.json").read_text())
    assert proof["proved"] is True
    for layer in ("permissions", "connections"):
        found = proof["layers"][layer]
        assert found["lost"] == []
        assert (found["gained"], found["used"] > 5, found["removed"] > 5) == (0, True, True)


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


def test_the_cart_is_reached_by_the_front_alone(tightened: Path) -> None:
    spec = yaml.safe_load((tightened / "new/networkpolicy-shop-cart.yaml").read_text())["spec"]
    assert spec["ingress"] == [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 7070}]}]
