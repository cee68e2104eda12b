"""`mistrust check` and `mistrust can` against a real API server, as a person would run them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mistrust.cli.main import run
from tests.controlplane.server import ControlPlane

pytestmark = pytest.mark.slow

SHOP = Path(__file__).resolve().parents[2] / "examples" / "shop"


@pytest.fixture(scope="module")
def shop(controlplane: ControlPlane) -> ControlPlane:
    """The example shop, applied for real; the server has no controllers that would run its pods."""
    from mistrust.kube.yaml import documents

    controlplane.namespace("istio-system")
    for file in sorted(SHOP.glob("*.yaml")):
        found, problems = documents(file.read_bytes(), file.name)
        assert not problems
        for document in found:
            manifest = document.value
            assert isinstance(manifest, dict)
            if ".istio.io/" in str(manifest["apiVersion"]):
                continue
            if manifest["kind"] == "Namespace":
                controlplane.namespace(str(manifest["metadata"]["name"]), manifest["metadata"].get("labels", {}))
            else:
                controlplane.admin.apply(manifest)
    return controlplane


def test_a_live_check_finds_the_paths_of_the_shop(shop: ControlPlane, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--kubeconfig", str(shop.kubeconfig), "-o", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["scope"] == "cluster"
    assert report["coverage"]["gaps"] == []
    starts = {p["start"]["name"] for p in report["paths"]["paths"]}
    assert "Deployment ci/runner" in starts
    assert report["paths"]["changes"]


def test_live_answers_are_the_servers_own(shop: ControlPlane, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--kubeconfig", str(shop.kubeconfig)]
    assert run(["can", "sa:ops/backup", "get", "secrets", *config, "-n", "payments"]) == 0
    assert run(["can", "sa:shop/reloader", "get", "secrets", *config, "-n", "payments"]) == 1
    assert "ops" not in capsys.readouterr().err


def test_one_who_may_see_nothing_gets_unknown_and_never_a_pass(
    shop: ControlPlane, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = shop.issue("nobody").kubeconfig
    assert run(["check", "--kubeconfig", str(nobody)]) == 3
    assert "Not seen" in capsys.readouterr().out
    assert run(["can", "sa:ops/backup", "get", "secrets", "--kubeconfig", str(nobody), "-n", "payments"]) == 3
