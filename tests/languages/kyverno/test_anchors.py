"""Objects against patterns with anchors: what holds, what fails and where, what is not asked about."""

from __future__ import annotations

import pytest

from mistrust.kube.build import Plain
from mistrust.languages.kyverno.anchors import mismatch


def told(value: Plain, pattern: Plain) -> str:
    """`pass`, `skip`, or where it fails."""
    wrong = mismatch(value, pattern)
    return "pass" if wrong is None else "skip" if wrong.skips else wrong.path


LATEST: Plain = {"containers": [{"(image)": "*:latest", "imagePullPolicy": "Always"}]}


@pytest.mark.parametrize(
    ("value", "pattern", "wanted"),
    [
        ({"a": 1}, {"a": 1}, "pass"),
        ({"a": 1, "b": 2}, {"a": 1}, "pass"),
        ({}, {"a": 1}, "/a/"),
        ({"a": {"b": 2}}, {"a": {"b": 1}}, "/a/b/"),
        ({"a": 1}, {"a": {"b": 1}}, "/a/"),
        ({"a": 0}, {"a": "*"}, "pass"),
        ({"a": None}, {"a": "*"}, "/a/"),
        ({"a": ["x", "y"]}, {"a": "x | y"}, "pass"),
        ({"a": ["x", "z"]}, {"a": "x | y"}, "/a/"),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}]}, "/a/1/b/"),
        ({"a": []}, {"a": []}, "/a/"),
        # a condition: the rest is asked only where it holds
        ({"containers": [{"image": "a:latest", "imagePullPolicy": "Always"}]}, LATEST, "pass"),
        ({"containers": [{"image": "a:latest"}]}, LATEST, "/containers/0/imagePullPolicy/"),
        ({"containers": [{"image": "a:1"}]}, LATEST, "skip"),
        ({"containers": [{"image": "a:1"}, {"image": "b:latest"}]}, LATEST, "/containers/1/imagePullPolicy/"),
        ({"containers": [{"name": "no image"}]}, LATEST, "skip"),
        # equality: only if it is there
        ({}, {"=(hostNetwork)": False}, "pass"),
        ({"hostNetwork": True}, {"=(hostNetwork)": False}, "/hostNetwork/"),
        ({"a": {"b": True}}, {"=(a)": {"=(b)": False}}, "/a/b/"),
        # negation: must not be there
        ({}, {"X(hostPath)": "null"}, "pass"),
        ({"hostPath": None}, {"X(hostPath)": "null"}, "/hostPath/"),
        # existence: one element at least
        ({"c": [{"n": "a"}, {"n": "b"}]}, {"^(c)": [{"n": "b"}]}, "pass"),
        ({"c": [{"n": "a"}]}, {"^(c)": [{"n": "b"}]}, "/c/"),
        ({}, {"^(c)": [{"n": "b"}]}, "pass"),
        ({"c": {}}, {"^(c)": [{"n": "b"}]}, "/c/"),
        # global: where it fails, nothing of the pattern is asked
        ({"c": [{"i": "x"}], "s": 1}, {"c": [{"<(i)": "y"}], "s": 2}, "skip"),
        ({"c": [{"i": "y"}], "s": 1}, {"c": [{"<(i)": "y"}], "s": 2}, "/s/"),
        # a condition decides before a field that fails
        ({"a": 1, "b": 1}, {"a": 2, "(b)": 2}, "skip"),
    ],
)
def test_an_object_against_a_pattern(value: Plain, pattern: Plain, wanted: str) -> None:
    assert told(value, pattern) == wanted


def test_wildcards_in_the_names_of_labels_stand_for_those_that_are_there() -> None:
    labelled: Plain = {"metadata": {"labels": {"app.kubernetes.io/name": "web"}}}
    assert told(labelled, {"metadata": {"labels": {"app.kubernetes.io/*": "?*"}}}) == "pass"
    assert told(labelled, {"metadata": {"labels": {"other/*": "?*"}}}) != "pass"
    assert (
        told(labelled, {"metadata": {"=(labels)": {"X(app.*)": "null"}}}) == "/metadata/labels/app.kubernetes.io/name/"
    )
