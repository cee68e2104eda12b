"""Every policy of some objects, whatever its kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from mistrust.admission.gatekeeper.reader import gatekeeper
from mistrust.admission.kyverno.reader import kyverno
from mistrust.admission.plain import text
from mistrust.admission.policy import Policy, Reader
from mistrust.admission.review import Object
from mistrust.admission.vap.reader import validating
from mistrust.kube.errors import Error

READERS: Final[tuple[Reader, ...]] = (gatekeeper, validating, kyverno)
"""Who reads which kinds of policies."""
POLICY_GROUPS: Final = ("gatekeeper.sh", "kyverno.io", "admissionregistration.k8s.io")
"""Groups of which an object that nothing reads is a policy that would not be asked."""


class Policies(msgspec.Struct, frozen=True):
    """All of them, or what keeps them from being asked."""

    policies: tuple[Policy, ...] = ()
    problems: tuple[str, ...] = ()


def compiled(objects: Sequence[tuple[str, Object]]) -> Policies:
    """The policies among some objects, each with the place where it stands; problems are told, none is left out."""
    problems: list[str] = []
    made: list[Policy] = []
    read: set[int] = set()
    for reader in READERS:
        for place, given, attempt in reader(objects):
            read.add(id(given))
            try:
                one = attempt()
            except Error as error:
                problems.append(f"{place}: {error}")
                continue
            except RecursionError:
                problems.append(f"{place}: a policy that is nested too deep")
                continue
            if one is not None:
                made.append(one)
    for place, given in objects:
        group = text(given, "apiVersion").rpartition("/")[0]
        if id(given) not in read and any(group == g or group.endswith(f".{g}") for g in POLICY_GROUPS):
            problems.append(f"{place}: not understood as a policy: {group} {text(given, 'kind')}")
    return Policies(tuple(made), tuple(problems))
