"""The effect of a change in every form: hostile names act nowhere, and no input makes a form too large."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest

from mistrust.access.evidence import Evidence
from mistrust.access.ports import EVERY_PORT
from mistrust.effect.effect import (
    Delta,
    Doubt,
    Effect,
    Ends,
    Escalation,
    Hearing,
    Held,
    Kind,
    Link,
    Objects,
    Opening,
    Permission,
)
from mistrust.effect.gate import rule
from mistrust.kube.meta import Ref
from mistrust.kube.problem import Origin
from mistrust.kube.rbac import PolicyRule
from mistrust.layers.identity.subjects import user
from mistrust.layers.network.exposure.door import Door, Sees
from mistrust.layers.network.exposure.door import Kind as DoorKind
from mistrust.layers.pods.escapes.escape import Power
from mistrust.paths.path import Foothold, Hop, Path
from mistrust.report.effect import json as effect_json
from mistrust.report.effect import markdown, sarif, text
from mistrust.report.effect.comparison import Comparison, Version
from mistrust.report.screen import Screen

HOSTILE = "</details><img src=x onerror=alert(1)> `</code>` | @team #1 [a](http://b) **x** \x1b[31m\u202e\n# h"


def locate(evidence: Evidence) -> tuple[str, int]:
    return evidence.origin.file, evidence.origin.line


def comparison(name: str, many: int, file: str = "", line: int = 3) -> Comparison:
    """A change with `many` of everything, all named alike."""
    ref = Ref("apps", "Deployment", name, name)
    seen = (Evidence(ref, Origin(file or f"{name}.yaml", line=line), ("spec", name), name),)
    several = range(many)
    written = PolicyRule(verbs=(name,), api_groups=(name,), resources=(name,))
    permission = Permission((user(name),), name, (written,), ref, ref, seen, 1, (Escalation("identity.bind", name),))
    door = Opening(ref, Door(DoorKind.INGRESS, name, 0, (), "TCP", 80, 443, Sees.CLIENT, seen, 0.0, name))
    ends = Ends((ref, ref, ref, ref))
    link = Link(ends, Ends((ref,)), EVERY_PORT, 3, witness=name, before=name, now=name, evidence=seen)
    hearing = Hearing(ref, (80,), (ref,), True, name, seen)
    held = Held(ref, Power.NODE, name, (name,), seen)
    hop = Hop("step", Foothold("pod", name), Foothold("node", name), name, seen)
    paths = tuple(Path(Foothold("pod", f"{name}{i}"), Foothold("node", name), (hop,), 1.0) for i in several)
    effect = Effect(
        Objects(1, 2, 3),
        Delta((permission,) * many, (permission,) * many),
        many,
        many,
        Delta((door,) * many),
        Delta((link,) * many, (link,) * many),
        Delta((hearing,) * many),
        Delta((hearing,) * many, (hearing,) * many),
        Delta((), (hearing,) * many),
        True,
        Delta((held,) * many),
        Delta(paths, paths),
        many,
        many,
        frozenset(),
        tuple(Doubt("new", f"{name}{i}", frozenset(Kind)) for i in several),
    )
    deny = tuple(Kind)
    return Comparison(
        Version(name, locate), Version(name, locate), effect, deny, rule(effect, deny), (name,) * many, "1"
    )


@pytest.mark.parametrize("many", [1, 30, 2000])
@pytest.mark.parametrize("name", ["web", "n" * 253, HOSTILE])
def test_no_form_gets_too_large(name: str, many: int) -> None:
    told = comparison(name, many)
    assert len(text.render(told, Screen()).splitlines()) <= 40
    assert len(markdown.render(told)) < 65_000


def test_a_limit_is_lines_of_each_layer() -> None:
    told = comparison("web", 12)
    assert text.render(told, Screen(), 12).count("+ permission") == 12


def test_no_name_acts_in_markdown() -> None:
    told = markdown.render(comparison(HOSTILE, 3)).decode()
    rest = outside_of_code(told)
    assert set(re.findall(r"<[^>]*>", rest)) == {"<details>", "<summary>", "</summary>", "</details>", "<!-- -->"}
    assert not re.search(r"@team|https?://\w|\*\*x", rest)
    assert rest.count("<details>") == rest.count("</details>")
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert "\n# h" not in told


def outside_of_code(told: str) -> str:
    """What is left without code spans and escaped characters, read from left to right as CommonMark does (6.1, 2.4)."""
    out = ""
    at = 0
    while at < len(told):
        run = re.match("`+", told[at:])
        if told[at] == "\\":
            at += 2
        elif run and (end := re.search(f"(?<!`){run[0]}(?!`)", told[at + len(run[0]) :])):
            at += len(run[0]) + end.end()
        else:
            out += told[at]
            at += 1
    return out


def test_no_name_acts_on_a_terminal() -> None:
    told = text.render(comparison(HOSTILE, 3), Screen())
    assert "\x1b" not in told
    assert "\u202e" not in told


@pytest.mark.parametrize("name", ["web", HOSTILE])
def test_json_and_sarif_take_any_name(name: str) -> None:
    told = comparison(name, 2)
    document = json.loads(effect_json.render(told))
    jsonschema.Draft202012Validator(json.loads(effect_json.schema())).validate(document)
    (log,) = json.loads(sarif.render(told))["runs"]
    assert {r["ruleId"] for r in log["results"]} == {f"MT-DIFF-{k.removeprefix('new-').upper()}" for k in Kind} - {
        "MT-DIFF-PERMISSION"
    }
    assert all(r["partialFingerprints"]["mistrustId/v1"] for r in log["results"])


def test_a_file_name_may_be_no_text() -> None:
    told = comparison("web", 1, file="a\udce4b.yaml")
    assert json.loads(effect_json.render(told))["powers"]["gained"][0]["evidence"][0]["file"] == "a\\udce4b.yaml"
    assert "a\\udce4b.yaml:3" in markdown.render(told).decode()
    assert "a%E4b.yaml" in sarif.render(told).decode()


def test_an_id_does_not_depend_on_lines_nor_files() -> None:
    here, there = (
        {r["partialFingerprints"]["mistrustId/v1"] for r in json.loads(sarif.render(told))["runs"][0]["results"]}
        for told in (comparison("web", 1), comparison("web", 1, file="moved.yaml", line=9))
    )
    assert here == there
