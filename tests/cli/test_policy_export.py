"""`mistrust policy list` and `mistrust policy export`: the starter set, ready for a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mistrust.catalog.starter import starter
from mistrust.cli.main import run
from mistrust.serve.folder import load
from tests.serve.policies import OWNER, REPLICAS

Capture = pytest.CaptureFixture[str]
NAMES = [entry.name for entry in starter()]


def documents(text: str) -> list[dict[str, dict[str, object]]]:
    return [d for d in yaml.safe_load_all(text) if d]


def exported(capsys: Capture, *words: str) -> list[dict[str, dict[str, object]]]:
    assert run(["policy", "export", *words]) == 0
    return documents(capsys.readouterr().out)


def test_the_list_names_every_policy_with_its_severity(capsys: Capture) -> None:
    assert run(["policy", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == NAMES
    assert "critical  privileged-containers                 Privileged containers" in lines


def test_every_policy_is_written_with_a_binding_that_denies_everywhere_but_in_kube_system(capsys: Capture) -> None:
    found = exported(capsys)
    assert [d["metadata"]["name"] for d in found] == [name for name in NAMES for _ in range(2)]
    assert {d["kind"] for d in found} == {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    but = [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}]
    assert found[1]["spec"] == {
        "policyName": NAMES[0],
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": {"matchExpressions": but}},
    }


def test_the_policy_itself_is_written_as_it_stands(capsys: Capture) -> None:
    run(["policy", "export", "host-ports"])
    [entry] = [e for e in starter() if e.name == "host-ports"]
    assert capsys.readouterr().out.startswith(entry.written)


@pytest.mark.parametrize(("action", "written"), [("deny", "Deny"), ("warn", "Warn"), ("audit", "Audit")])
def test_what_a_violation_leads_to_is_chosen(capsys: Capture, action: str, written: str) -> None:
    _, binding = exported(capsys, "host-ports", "--action", action)
    assert binding["spec"]["validationActions"] == [written]


def test_other_namespaces_are_left_out_in_place_of_kube_system(capsys: Capture) -> None:
    _, binding = exported(capsys, "host-ports", "--exempt", "kube-system", "--exempt", "monitoring")
    assert "['kube-system', 'monitoring']" in str(binding["spec"]["matchResources"])
    _, binding = exported(capsys, "host-ports", "--exempt", "")
    assert binding["spec"] == {"policyName": "host-ports", "validationActions": ["Deny"]}


def test_a_folder_gets_a_file_for_each_and_the_webhook_reads_it(tmp_path: Path, capsys: Capture) -> None:
    assert run(["policy", "export", "--to", str(tmp_path / "p")]) == 0
    out = capsys.readouterr()
    assert (out.out, out.err) == ("", f"mistrust: {len(NAMES)} policies in {tmp_path / 'p'}\n")
    assert sorted(p.stem for p in (tmp_path / "p").iterdir()) == NAMES
    assert len(load(tmp_path / "p").policies.policies) == len(NAMES)


def test_a_name_that_is_not_there_is_a_usage_error(capsys: Capture) -> None:
    assert run(["policy", "export", "host-port"]) == 2
    assert "host-port" in capsys.readouterr().err


def test_policies_of_a_folder_are_copied_as_they_are(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "p.yaml").write_text(REPLICAS)
    assert exported(capsys, "--from", str(tmp_path)) == documents(REPLICAS)


def test_a_policy_without_a_binding_gets_one(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "p.yaml").write_text(REPLICAS.partition("---")[0])
    _, binding = exported(capsys, "--from", str(tmp_path), "--action", "warn", "--exempt", "dev")
    assert binding["metadata"] == {"name": "few-replicas"}
    assert binding["spec"]["policyName"] == "few-replicas"
    assert binding["spec"]["validationActions"] == ["Warn"]
    assert "dev" in str(binding["spec"]["matchResources"])


def test_policies_in_other_languages_are_named_and_not_exported(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "p.yaml").write_text(f"{REPLICAS}\n---\n{OWNER}")
    (tmp_path / "a.rego").write_text("package a\n")
    assert run(["policy", "export", "--from", str(tmp_path)]) == 3
    out = capsys.readouterr()
    assert documents(out.out) == documents(REPLICAS)
    assert "ConstraintTemplate cannot be exported" in out.err
    assert "NeedLabels cannot be exported" in out.err
    assert "Rego cannot be exported" in out.err


@pytest.mark.parametrize("name", ["../escaped", "a/b", "", "UPPER"])
def test_a_name_never_leads_out_of_the_folder(name: str, tmp_path: Path, capsys: Capture) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "p.yaml").write_text(REPLICAS.replace("few-replicas}", f"{name!r}}}"))
    assert run(["policy", "export", "--from", str(given), "--to", str(tmp_path / "to" / "it")]) == 3
    assert "not a name of a policy" in capsys.readouterr().err
    assert [p.name for p in tmp_path.rglob("*.yaml")] == ["p.yaml"]


def test_a_binding_without_its_policy_is_said(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "p.yaml").write_text(REPLICAS.partition("---")[2])
    assert run(["policy", "export", "--from", str(tmp_path)]) == 3
    assert "a binding without its policy: few-replicas-here" in capsys.readouterr().err


def test_two_policies_of_one_name_are_said(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "p.yaml").write_text(f"{REPLICAS}\n---\n{REPLICAS}")
    assert run(["policy", "export", "--from", str(tmp_path)]) == 3
    assert "two policies of one name" in capsys.readouterr().err


def test_the_set_is_asked_about_manifests(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "a.yaml").write_text("""
apiVersion: v1
kind: Service
metadata: {name: door, namespace: shop}
spec: {type: NodePort, externalIPs: null, ports: [{port: 80}]}
""")
    assert run(["policy", "check", "--baseline", str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "deny: Service shop/door: ValidatingAdmissionPolicy node-port-services validations[0]: "
        "open on every node: port 80 (use type ClusterIP and an Ingress or Gateway)",
        f"1 objects, {len(NAMES)} policies: 1 failures, 0 without an answer",
    ]


def test_a_policy_that_nobody_binds_is_said(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "p.yaml").write_text(REPLICAS.partition("---")[0])
    assert run(["policy", "check", "-d", str(tmp_path), str(tmp_path)]) == 3
    assert "no binding" in capsys.readouterr().err


def test_an_object_that_is_nested_too_deep_has_no_answer_and_is_no_fault(tmp_path: Path, capsys: Capture) -> None:
    deep = "[" * 900 + "]" * 900
    (tmp_path / "a.json").write_text(
        f'{{"apiVersion": "v1", "kind": "Service", "metadata": {{"name": "a"}}, "x": {deep}}}'
    )
    assert run(["policy", "check", "--baseline", str(tmp_path)]) == 3
    assert "nested too deep" in capsys.readouterr().out


@pytest.mark.parametrize("action", ["check", "test", "eval", "cel", "replay"])
def test_something_has_to_be_asked(action: str, capsys: Capture) -> None:
    assert run(["policy", action]) == 2
    assert "nothing is asked" in capsys.readouterr().err
