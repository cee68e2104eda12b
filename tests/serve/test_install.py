"""What installs the webhook is up to what mistrust asks of others, and fits the command that it starts."""

from __future__ import annotations

import argparse
import base64
from pathlib import Path

import pytest
import yaml

from mistrust.cli import serve
from mistrust.cli.main import run
from mistrust.serve.certificates import authority

INSTALL = Path(__file__).parents[2] / "deploy" / "mistrust-serve.yaml"


def manifests() -> dict[str, dict[str, object]]:
    return {each["kind"]: each for each in yaml.safe_load_all(INSTALL.read_text())}


def test_our_own_check_finds_nothing_but_the_place_of_the_authority(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--gate", "medium", "--kubernetes", "1.36"]
    assert run(["check", str(INSTALL), *flags]) == 1
    assert "MT-CERT-014" in capsys.readouterr().out
    filled = tmp_path / "filled.yaml"
    bundle = base64.b64encode(authority(tmp_path / "ca").certificate).decode()
    filled.write_text(INSTALL.read_text().replace("print-the-authority-and-put-it-here", bundle))
    assert run(["check", str(filled), *flags]) == 0
    assert "none found" in capsys.readouterr().out


def test_the_arguments_ports_and_names_fit_together() -> None:
    deployment, service = manifests()["Deployment"], manifests()["Service"]
    pod = deployment["spec"]["template"]["spec"]  # type: ignore[index]
    [container] = pod["containers"]
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    args = parser.parse_args(container["args"][1:])
    assert {p["containerPort"] for p in container["ports"]} == {args.port, args.health_port}
    assert args.name == [f"{service['metadata']['name']}.mistrust.svc"]  # type: ignore[index]
    assert args.cluster
    assert args.linger + args.drain < pod["terminationGracePeriodSeconds"]
    assert args.budget < manifests()["ValidatingWebhookConfiguration"]["webhooks"][0]["timeoutSeconds"]  # type: ignore[index]
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {args.policies, args.authority, str(Path(args.break_glass).parent)} == mounted


def test_the_authority_is_printed_for_the_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--authority", str(tmp_path / "ca"), "--print-authority"]) == 0
    assert base64.b64decode(capsys.readouterr().out) == authority(tmp_path / "ca").certificate


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "no certificates"),
        (["--tls-cert", "a"], "no certificates"),
        (["--tls-cert", "a", "--tls-key", "b", "--authority", "c"], "no certificates"),
        (["--tls-cert", "a", "--tls-key", "b"], "cannot be read"),
        (["--authority", "ca"], "no policies"),
        (["--authority", "ca", "--policies", "none"], "no policies"),
        (["--authority", "ca", "--policies", ".", "--workers", "0"], "--workers"),
        (["--authority", "ca", "--policies", ".", "--client-ca", "none"], "none"),
    ],
)
def test_what_cannot_be_served_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], argv: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["serve", *argv]) == 2
    assert said in capsys.readouterr().err
