"""`mutate`: what an object becomes."""

from __future__ import annotations

import pytest
from tests.admission.kyverno.policies import became, deployment, pod, read, rule, said

from mistrust.admission.finding import Result
from mistrust.admission.kyverno.autogen import rules
from mistrust.admission.kyverno.jsonpatch import applied
from mistrust.admission.kyverno.merge import configured, merged, patched
from mistrust.kube.build import Plain
from mistrust.languages.kyverno.errors import KyvernoError


def patch(value: str, by: str) -> Plain:
    return patched(read(value), read(by))


@pytest.mark.parametrize(
    ("value", "by", "wanted"),
    [
        ("{a: 1}", "{b: 2}", "{a: 1, b: 2}"),
        ("{a: {b: 1}}", "{a: {c: 2}}", "{a: {b: 1, c: 2}}"),
        ("{a: 1, b: 2}", "{a: null}", "{b: 2}"),
        ("{a: {b: 1}}", "{a: {$patch: replace, c: 2}}", "{a: {c: 2}}"),
        ("{a: {b: 1}}", "{a: {$patch: delete}}", "{}"),
        ("{args: [a]}", "{args: [b]}", "{args: [b]}"),
        # elements of lists with names
        ("{containers: [{name: a, x: 1}]}", "{containers: [{name: a, y: 2}]}", "{containers: [{name: a, x: 1, y: 2}]}"),
        ("{env: [{name: a}]}", "{env: [{name: b}]}", "{env: [{name: b}, {name: a}]}"),
        ("{env: [{name: a}, {name: b}]}", "{env: [{name: a, $patch: delete}]}", "{env: [{name: b}]}"),
        # add only what is missing
        ("{a: 1}", "{+(a): 2, +(b): 3}", "{a: 1, b: 3}"),
        ("{s: {a: 1}}", "{s: {+(a): 2, +(b): 3}}", "{s: {a: 1, b: 3}}"),
        # conditions
        ("{a: 1}", "{(a): 1, b: 2}", "{a: 1, b: 2}"),
        (
            "{containers: [{name: a, image: 'x:latest'}, {name: b, image: 'y:1'}]}",
            "{containers: [{(image): '*:latest', pull: Always}]}",
            "{containers: [{name: a, image: 'x:latest', pull: Always}, {name: b, image: 'y:1'}]}",
        ),
        ("{a: 1}", "{containers: [{(name): '*', x: 1}]}", "{a: 1}"),
        (
            "{containers: [{name: a, image: corp/x}]}",
            "{containers: [{<(image): 'corp/*'}], secrets: [{name: s}]}",
            "{containers: [{name: a, image: corp/x}], secrets: [{name: s}]}",
        ),
    ],
)
def test_a_strategic_merge(value: str, by: str, wanted: str) -> None:
    assert patch(value, by) == read(wanted)


@pytest.mark.parametrize(
    ("value", "by"),
    [
        ("{a: 1}", "{(a): 2, b: 2}"),
        ("{}", "{(a): '*', b: 2}"),
        ("{containers: [{name: a, image: x}]}", "{containers: [{<(image): 'corp/*'}], b: 1}"),
        ("{}", "{volumes: [{<(emptyDir): {}}], b: 1}"),
    ],
)
def test_a_patch_whose_condition_does_not_hold_is_for_another_object(value: str, by: str) -> None:
    assert patch(value, by) is None


def test_an_apply_configuration_puts_new_elements_last() -> None:
    value, given = read("{env: [{name: a, v: 1}], x: 1}"), read("{env: [{name: b}, {name: a, v: 2}]}")
    assert configured(value, given) == read("{env: [{name: a, v: 2}, {name: b}], x: 1}")


def test_a_merge_changes_neither_of_its_sides() -> None:
    value, by = read("{a: {b: [1]}, env: [{name: a}]}"), read("{a: {c: 2}, env: [{name: a, v: 1}]}")
    merged(value, by)
    assert value == read("{a: {b: [1]}, env: [{name: a}]}")
    assert by == read("{a: {c: 2}, env: [{name: a, v: 1}]}")


@pytest.mark.parametrize(
    ("value", "operations", "wanted"),
    [
        ("{a: 1}", "[{op: add, path: /b, value: 2}]", "{a: 1, b: 2}"),
        ("{}", "[{op: add, path: /a/b/c, value: 2}]", "{a: {b: {c: 2}}}"),
        ("{}", "[{op: add, path: /a/-, value: 2}]", "{a: [2]}"),
        ("{a: [1, 3]}", "[{op: add, path: /a/1, value: 2}]", "{a: [1, 2, 3]}"),
        ("{a: [1]}", "[{op: replace, path: /a/0, value: 2}]", "{a: [2]}"),
        ("{a: [1]}", "[{op: replace, path: /a/-1, value: 2}]", "{a: [2]}"),
        ("{a: 1}", "[{op: remove, path: /a}, {op: remove, path: /b}]", "{}"),
        ("{a/b: 1, c~d: 2}", "[{op: replace, path: /a~1b, value: 3}, {op: remove, path: /c~0d}]", "{a/b: 3}"),
        ("{a: 1}", "[{op: move, from: /a, path: /b}]", "{b: 1}"),
        (
            "{a: {x: 1}}",
            "[{op: copy, from: /a, path: /b}, {op: add, path: /b/z, value: 2}]",
            "{a: {x: 1}, b: {x: 1, z: 2}}",
        ),
        ("{a: 1}", "[{op: test, path: /a, value: 1}]", "{a: 1}"),
    ],
)
def test_a_json_patch(value: str, operations: str, wanted: str) -> None:
    found = read(f"{{o: {operations}}}")["o"]
    assert isinstance(found, list)
    before = read(value)
    assert applied(before, found) == read(wanted)
    assert before == read(value)


@pytest.mark.parametrize(
    "operation",
    [
        "{op: replace, path: /b, value: 1}",
        "{op: add, path: b, value: 1}",
        "{op: add, path: /l/7, value: 1}",
        "{op: add, path: /l/x, value: 1}",
        "{op: add, path: /a/b, value: 1}",
        "{op: test, path: /a, value: 2}",
        "{op: turn, path: /a}",
        "{op: add, path: '', value: 1}",
        "{path: 1}",
    ],
)
def test_a_json_patch_that_cannot_be_applied_is_an_error(operation: str) -> None:
    with pytest.raises(KyvernoError):
        applied(read("{a: 1, l: [1]}"), [read(operation)])


LABEL = rule("mutate: {patchStrategicMerge: {metadata: {labels: {+(team): '{{request.namespace}}'}}}}")


def test_a_rule_changes_the_object_and_skips_where_there_is_nothing_to_change() -> None:
    found = became(LABEL, pod())
    assert isinstance(found, dict)
    assert found["metadata"] == read("{name: x, namespace: ns, labels: {team: ns}}")
    assert said(LABEL, pod()) == {"r": Result.PASS}
    assert said(LABEL, found) == {"r": Result.SKIP}


def test_for_pods_and_what_makes_them() -> None:
    found = became(LABEL, deployment("{}"))
    assert isinstance(found, dict)
    assert found["spec"] == read("{template: {spec: {}, metadata: {labels: {team: ns}}}}")


def test_for_each_element_in_the_order_that_is_asked_for() -> None:
    given = rule(
        "mutate: {foreach: [{list: 'request.object.spec.volumes', order: Descending, preconditions: {all: [{key: "
        "'{{element.bad || `false`}}', operator: Equals, value: true}]}, "
        "patchesJson6902: '[{op: remove, path: \"/spec/volumes/{{elementIndex}}\"}]'}]}"
    )
    found = became(given, pod("{volumes: [{name: a, bad: true}, {name: b}, {name: c, bad: true}]}"))
    assert isinstance(found, dict)
    assert found["spec"] == read("{volumes: [{name: b}]}")


def test_rules_that_change_come_before_those_that_ask() -> None:
    given = rule("validate: {pattern: {metadata: {labels: {team: '?*'}}}}")
    both = [*rules(given), {**next(iter(rules(LABEL))), "name": "m"}]
    given["spec"] = {"rules": [dict(r) for r in both if r["name"] in ("r", "m")]}
    assert said(given, pod()) == {"m": Result.PASS, "r": Result.PASS}


def test_other_objects_of_the_cluster_are_unknown() -> None:
    given = rule("mutate: {targets: [{apiVersion: v1, kind: Secret}], patchStrategicMerge: {}}")
    assert said(given, pod()) == {"r": Result.UNKNOWN}


def patched_by(operations: str, more: str = "") -> Plain:
    lines = "\n".join(f"    {line}" for line in operations.strip().splitlines())
    given = rule(f"{more}\nmutate:\n  patchesJson6902: |-\n{lines}".strip())
    metadata = "{name: x, namespace: ns, annotations: {key-a: '1', other: \"b'\\n- op: remove\"}}"
    found = became(given, pod("{count: 3}", metadata))
    assert isinstance(found, dict)
    return found["spec"]


@pytest.mark.parametrize(
    ("operations", "wanted"),
    [
        ("- {op: add, path: /spec/a, value: '{{request.object.spec.count}}'}", "{count: 3, a: '3'}"),
        ("- op: add\n  path: /spec/a\n  value: {{ request.object.spec.count }}", "{count: 3, a: 3}"),
        (
            "- op: add\n  path: /spec/{{ request.namespace }}\n  value: {{ request.object.spec }}",
            "{count: 3, ns: {count: 3}}",
        ),
        ('- op: add\n  path: /spec/a\n  value: "<{{ request.namespace }}>"', "{count: 3, a: <ns>}"),
    ],
)
def test_variables_in_a_patch_that_is_a_text(operations: str, wanted: str) -> None:
    assert patched_by(operations) == read(wanted)


def test_a_variable_cannot_bring_operations_to_a_patch() -> None:
    value = "{{ request.object.metadata.annotations.other }}"
    wanted = {"count": 3, "a": "b'\n- op: remove"}
    assert patched_by(f"- op: add\n  path: /spec/a\n  value: {value}") == wanted
    assert patched_by(f'- op: add\n  path: /spec/a\n  value: "{value}"') == wanted


def test_a_name_that_is_there_already_stands_for_what_it_did() -> None:
    context = (
        "context: [{name: a, variable: {jmesPath: \"items(request.object.metadata.annotations, 'k', 'v')"
        "[?starts_with(k, 'key')]\"}}, {name: a, variable: {jmesPath: 'object_from_lists(a[].k, a[].v)'}}]"
    )
    found = patched_by("- op: add\n  path: /spec/a\n  value: {{ a }}", context)
    assert found == {"count": 3, "a": {"key-a": "1"}}


def test_what_is_missing_is_added_to_what_a_condition_is_about() -> None:
    value = "{volumes: [{name: a, emptyDir: {}}, {name: b, emptyDir: {size: 1}}, {name: c, hostPath: {}}]}"
    by = "{volumes: [{(emptyDir): {+(size): 20}}]}"
    wanted = "{volumes: [{name: a, emptyDir: {size: 20}}, {name: b, emptyDir: {size: 1}}, {name: c, hostPath: {}}]}"
    assert patch(value, by) == read(wanted)
