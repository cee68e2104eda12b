"""`mistrust diff`, as a person types it: what each change does, the forms, the gate."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from mistrust.cli.main import run
from mistrust.report.effect import json as effect_json
from tests.report.accepted import same

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parents[1] / "scenarios" / "golden"
SCHEMA = ROOT / "docs" / "schema"

ADMIN = """\
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: orders-admin}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: orders, namespace: shop}]
"""
UNREAD = "---\nkind: [\n"
PRIVILEGED = ("runAsUser: 0", "privileged: true")

Edit = Callable[[str, str, str], None]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edit:
    """Two copies of the example, `main` and `head`; edit(file, old, new) changes the latter."""
    for name in ("main", "head"):
        shutil.copytree(ROOT / "examples" / "shop", tmp_path / name)
    monkeypatch.chdir(tmp_path)

    def edit(file: str, old: str, new: str) -> None:
        path = Path("head", file)
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return edit


def append(file: str, text: str) -> None:
    path = Path("head", file)
    path.write_text(path.read_text() + text)


def found() -> dict[str, object]:
    """The JSON document of the change, checked against its schema."""
    run(["diff", "main", "head", "-q", "-o", "json=out.json"])
    document: dict[str, object] = json.loads(Path("out.json").read_text())
    jsonschema.Draft202012Validator(json.loads(effect_json.schema())).validate(document)
    return document


def counts() -> dict[str, tuple[int, int]]:
    """Gained and lost by layer, where something is."""
    told = found()["counts"]
    assert isinstance(told, list)
    return {c["layer"]: (c["gained"], c["lost"]) for c in told if c["gained"] or c["lost"]}


def golden(name: str, *, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Text and Markdown are the accepted ones."""
    run(["diff", "main", "head", "-q"])
    out = capsysbinary.readouterr().out
    assert len(out.splitlines()) <= 40
    same(f"diff_{name}.txt", out, GOLDEN)
    run(["diff", "main", "head", "-q", "-o", "md"])
    same(f"diff_{name}.md", capsysbinary.readouterr().out, GOLDEN)


def test_the_published_schema_is_the_current_one() -> None:
    same("effect.schema.json", effect_json.schema(), SCHEMA)


@pytest.mark.usefixtures("shop")
def test_a_binding_to_cluster_admin_opens_attack_paths(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    append("rbac.yaml", ADMIN)
    golden("binding", capsysbinary=capsysbinary)
    document = found()
    assert document["kinds"] == ["new-path", "new-escalation", "new-permission"]
    permissions = document["permissions"]
    assert isinstance(permissions, dict)
    (gained,) = permissions["gained"]
    assert gained["subjects"] == ["ServiceAccount shop/orders"]
    assert gained["binding"]["name"] == "orders-admin"
    assert gained["escalations"][0]["fact"] == "identity.cluster-admin"
    assert {p["file"] for p in gained["evidence"]} >= {"head/rbac.yaml"}


@pytest.mark.usefixtures("shop")
def test_a_policy_that_goes_lets_connections_in(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    Path("head/network.yaml").unlink()
    golden("policy", capsysbinary=capsysbinary)
    told = counts()
    assert told["connections"][0] > 0
    assert told["connections"][1] == 0
    assert told["plaintext served"][0] > 0


def test_a_service_that_becomes_a_load_balancer_is_a_door(
    shop: Edit, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    shop("shop.yaml", "spec:\n  selector: {app: cart}", "spec:\n  type: LoadBalancer\n  selector: {app: cart}")
    golden("exposure", capsysbinary=capsysbinary)
    document = found()
    assert "new-exposure" in document["kinds"]  # type: ignore[operator]
    exposure = document["exposure"]
    assert isinstance(exposure, dict)
    assert {d["workload"]["name"] for d in exposure["gained"]} == {"cart"}


def test_a_mesh_that_goes_permissive_gives_up_mutual_tls(
    shop: Edit, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    shop("mesh.yaml", "mode: STRICT", "mode: PERMISSIVE")
    golden("permissive", capsysbinary=capsysbinary)
    assert counts() == {"mutual TLS enforced": (0, 1)}


def test_a_mesh_that_goes_strict_refuses_plaintext(shop: Edit) -> None:
    shop("mesh.yaml", "mode: PERMISSIVE", "mode: STRICT")
    told = counts()
    assert told["plaintext served"][0] == 0
    assert told["plaintext served"][1] > 0
    assert told["mutual TLS enforced"][0] > 0


def test_a_privileged_container_has_its_node(shop: Edit, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    shop("shop.yaml", *PRIVILEGED)
    golden("privileged", capsysbinary=capsysbinary)
    document = found()
    assert {"new-power", "new-path"} <= set(document["kinds"])  # type: ignore[call-overload]


def test_a_harmless_change_is_told_as_none(shop: Edit, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    shop(
        "shop.yaml",
        "metadata: {name: cart, namespace: shop, labels: {app: cart}}",
        "metadata: {name: cart, namespace: shop, labels: {app: cart, team: sales}}",
    )
    golden("harmless", capsysbinary=capsysbinary)
    assert run(["diff", "main", "head", "-q"]) == 0
    assert counts() == {}


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("deny", "code"),
    [
        ([], 1),
        (["--deny", "new-path"], 1),
        (["--deny", "new-exposure"], 0),
        (["--deny", "new-exposure,new-escalation"], 1),
        (["--deny", "new-exposure", "--deny", "new-permission"], 1),
        (["--deny", "any"], 1),
        (["--deny", "new-power,new-plaintext,new-connection"], 0),
    ],
)
def test_the_gate(deny: list[str], code: int) -> None:
    append("rbac.yaml", ADMIN)
    assert run(["diff", "main", "head", "-q", *deny]) == code


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("deny", [[], ["--deny", "new-exposure"], ["--deny", "any"]])
def test_what_was_not_read_may_hide_what_is_denied(deny: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    append("rbac.yaml", UNREAD)
    assert run(["diff", "main", "head", "-q", *deny]) == 3
    assert "not understood: head/rbac.yaml" in capsys.readouterr().out
    assert run(["diff", "main", "head", "-q", "--allow-unknown", *deny]) == 0
    assert "not understood: head/rbac.yaml" in capsys.readouterr().out


@pytest.mark.usefixtures("shop")
def test_what_is_denied_fails_whatever_was_not_read() -> None:
    append("rbac.yaml", ADMIN + UNREAD)
    assert run(["diff", "main", "head", "-q", "--deny", "new-path"]) == 1


@pytest.mark.usefixtures("shop")
def test_several_forms_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    append("rbac.yaml", ADMIN)
    assert (
        run(["diff", "main", "head", "-q", "-o", "text", "-o", "md=a.md", "-o", "sarif=a.sarif", "-o", "json=a.json"])
        == 1
    )
    assert "+ path" in capsys.readouterr().out
    assert all(Path(name).stat().st_size for name in ("a.md", "a.sarif", "a.json"))


@pytest.mark.usefixtures("shop")
def test_sarif_has_the_new_path_as_a_code_flow_with_lines_of_the_new_version() -> None:
    append("rbac.yaml", ADMIN)
    run(["diff", "main", "head", "-q", "-o", "sarif=a.sarif"])
    (log,) = json.loads(Path("a.sarif").read_text())["runs"]
    paths = [r for r in log["results"] if r["ruleId"] == "MT-DIFF-PATH"]
    assert paths
    steps = paths[0]["codeFlows"][0]["threadFlows"][0]["locations"]
    files = {
        s["location"]["physicalLocation"]["artifactLocation"]["uri"]
        for s in steps
        if "physicalLocation" in s["location"]
    }
    assert {"head/rbac.yaml", "head/shop.yaml"} <= files
    first = [r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in log["results"]]
    assert all(f.startswith("head/") for f in first)
    assert {r["ruleId"] for r in log["results"]} <= {rule["id"] for rule in log["tool"]["driver"]["rules"]}


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--deny", "everything"], "nothing that can be denied"),
        (["-o", "html"], "no such output format"),
        (["--context", "prod"], "a context, and no live cluster to compare"),
        (["-o", "json=head/rbac.yaml", "head/rbac.yaml"], "unrecognized arguments"),
        (["--from", "nobody"], "not a start"),
    ],
)
def test_what_means_nothing_is_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "main", "head", "-q", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("shop")
def test_a_report_never_replaces_what_it_reports_on() -> None:
    before = Path("head/rbac.yaml").read_bytes()
    assert run(["diff", "main/rbac.yaml", "head/rbac.yaml", "-q", "-o", "json=head/../head/rbac.yaml"]) == 2
    assert Path("head/rbac.yaml").read_bytes() == before
