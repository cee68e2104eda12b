"""Policies and objects that several tests are about."""

from __future__ import annotations

from mistrust.admission.finding import Result
from mistrust.admission.kyverno.load import policy
from mistrust.admission.kyverno.request import Request, World
from mistrust.admission.review import of_object
from mistrust.kube.build import Plain
from mistrust.kube.yaml import documents

Document = dict[str, Plain]


def read(text: str) -> Document:
    [found], problems = documents(text.encode(), "test")
    assert not problems
    assert isinstance(found.value, dict)
    return found.value


def rule(text: str, match: str = "{any: [{resources: {kinds: [Pod]}}]}", kind: str = "ClusterPolicy") -> Document:
    """A policy of one rule `r`; the text is what is in the rule beside its name and match."""
    body = "\n".join(f"    {line}" for line in text.strip().splitlines())
    return read(
        f"apiVersion: kyverno.io/v1\nkind: {kind}\nmetadata: {{name: p}}\nspec:\n  rules:\n"
        f"  - name: r\n    match: {match}\n{body}\n"
    )


def pod(spec: str = "{containers: [{name: a, image: nginx}]}", metadata: str = "{name: x, namespace: ns}") -> Document:
    return read(f"apiVersion: v1\nkind: Pod\nmetadata: {metadata}\nspec: {spec}\n")


def deployment(spec: str) -> Document:
    return read(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x, namespace: ns}\n"
        f"spec: {{template: {{spec: {spec}}}}}\n"
    )


def said(given: Document, about: Document, world: World | None = None) -> dict[str, Result]:
    """What each rule of a policy says of an object."""
    request = Request(of_object(about), world or World())
    return {answer.rule: answer.result for answer in policy(given).verdict(request).answers}


def became(given: Document, about: Document) -> Plain:
    """What a policy makes of an object."""
    return policy(given).verdict(Request(of_object(about))).object
