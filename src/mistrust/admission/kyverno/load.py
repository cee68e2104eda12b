"""Policies of Kyverno from their documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mistrust.admission.kyverno import policy as ruled
from mistrust.admission.kyverno import typed
from mistrust.admission.kyverno.answer import Policy
from mistrust.admission.plain import text
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError

GROUPS: Final = ("kyverno.io/", "policies.kyverno.io/", "admissionregistration.k8s.io/")


def is_policy(given: Mapping[str, Plain]) -> bool:
    """Is a document a policy that is read here?"""
    return text(given, "kind") in (*ruled.KINDS, *typed.KINDS) and text(given, "apiVersion").startswith(GROUPS)


def policy(given: Mapping[str, Plain]) -> Policy:
    """Compile a policy. Raises `InputError` for what is not understood."""
    kind = text(given, "kind")
    try:
        if kind in ruled.KINDS:
            return ruled.policy(given)
        if kind in typed.KINDS:
            return typed.policy(given)
    except RecursionError:
        where = f"{kind} {text(given, 'metadata', 'name')}"
        raise InputError("a policy that is nested too deeply", where=where) from None
    raise InputError("not a policy of Kyverno", got=kind)
