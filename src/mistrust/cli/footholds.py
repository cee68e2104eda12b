"""Starts and targets of attack paths, as a person writes them on the command line."""

from __future__ import annotations

from collections.abc import Iterable

from mistrust.kube.errors import UsageError
from mistrust.layers.identity.subjects import AUTHENTICATED, UNAUTHENTICATED
from mistrust.paths.attack import ANY_NODE, ANY_POD, CLUSTER_ADMIN, INTERNET
from mistrust.paths.path import Foothold

EVERYBODY = (Foothold("identity", f"Group {UNAUTHENTICATED}"), Foothold("identity", f"Group {AUTHENTICATED}"))
TARGETS = (CLUSTER_ADMIN, ANY_NODE, Foothold("secrets", "kube-system"))

START_FORMS = "internet, pod, a workload (Deployment shop/web), sa:NS/NAME, user:NAME or group:NAME"
TARGET_FORMS = "cluster-admin, node, node:NAME, secrets:NS, mitm:NS, sa:NS/NAME, user:NAME or group:NAME"


def starts(given: Iterable[str]) -> tuple[tuple[Foothold, ...], tuple[Foothold, ...]]:
    """The starts that were asked for, and those inside: without a wish, the Internet and everybody, and then any pod.

    Raises `UsageError` for a start that is none.
    """
    wanted = tuple(_start(text) for text in given)
    return (wanted, ()) if wanted else ((INTERNET, *EVERYBODY), (ANY_POD,))


def targets(given: Iterable[str]) -> tuple[Foothold, ...]:
    """The targets that were asked for; none: cluster-admin, any node, the Secrets of kube-system.

    Raises `UsageError` for a target that is none.
    """
    return tuple(_target(text) for text in given) or TARGETS


def _start(text: str) -> Foothold:
    if text == "internet":
        return INTERNET
    if text == "pod":
        return ANY_POD
    kind, space, name = text.partition(" ")
    if space and kind[:1].isupper() and name:
        return Foothold("pod", f"{kind} {name}")
    return _identity(text, "not a start", START_FORMS)


def _target(text: str) -> Foothold:
    form, colon, name = text.partition(":")
    if text == "cluster-admin":
        return CLUSTER_ADMIN
    if form in ("node", "secrets", "mitm") and (name or not colon):
        return Foothold(form, name)
    return _identity(text, "not a target", TARGET_FORMS)


def _identity(text: str, what: str, forms: str) -> Foothold:
    form, _, name = text.partition(":")
    kind = {"sa": "ServiceAccount", "user": "User", "group": "Group"}.get(form)
    if kind is None or not name or (form == "sa" and "/" not in name):
        raise UsageError(what, got=repr(text), wanted=forms)
    return Foothold("identity", f"{kind} {name}")
