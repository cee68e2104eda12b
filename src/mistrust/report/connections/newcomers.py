"""Pods that may come: the selectors that policies write for their peers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from mistrust.kube.endpoints import NAMESPACE_NAME, Endpoint
from mistrust.kube.network import NetworkPolicy
from mistrust.kube.selectors import LabelSelector, matches
from mistrust.layers.network.statements.policies import ClusterWide, Policies
from mistrust.layers.network.statements.rules import Chosen, Selector, selector

Key = tuple[Selector, Selector]
"""Selectors of the namespace and of the pods, equivalent ones written alike."""
ANYBODY: Key = (Selector(), Selector())
"""A pod of which no selector says anything."""


class Newcomers(msgspec.Struct, frozen=True):
    """Pods that may come, as a rule writes them."""

    namespaces: LabelSelector
    pods: LabelSelector | None

    def __str__(self) -> str:
        spaces = self.namespaces
        named = spaces.match_labels.get(NAMESPACE_NAME)
        if named is not None and len(spaces.match_labels) == 1 and not spaces.match_expressions:
            where = named
        else:
            where = f"[namespace with {{{told}}}]" if (told := _words(spaces)) else "[all namespaces]"
        return f"{where}/[pod with {{{told}}}]" if (told := _words(self.pods)) else f"{where}/[all pods]"


def newcomers_of(
    given: Policies, pods: Iterable[Endpoint], namespaces: Mapping[str, Mapping[str, str]]
) -> dict[Key, Newcomers]:
    """Every selector that stands for pods that may come, each once."""
    found: dict[Key, Newcomers] = {}
    for who in _written(given):
        key = (_plain(selector(who.namespaces, [])), _plain(selector(who.pods, [])))
        if key != ANYBODY:
            found.setdefault(key, who)
    present = list({(p.namespace, tuple(sorted(p.labels.items()))) for p in pods})
    return {key: who for key, who in found.items() if not _present(who, present, namespaces)}


def _present(
    who: Newcomers, pods: Sequence[tuple[str, tuple[tuple[str, str], ...]]], namespaces: Mapping[str, Mapping[str, str]]
) -> bool:
    """Are they there already? Only said of plain labels, where what is there stands for all that may come."""
    if who.pods is None or not who.pods.match_labels or not who.namespaces.match_labels:
        return False
    if who.pods.match_expressions or who.namespaces.match_expressions:
        return False
    return any(
        matches(who.pods, dict(labels)) and matches(who.namespaces, namespaces.get(space, {})) for space, labels in pods
    )


def _written(given: Policies) -> Iterator[Newcomers]:
    for policy in given.network:
        yield from _of_network_policy(policy)
    for wide in given.cluster:
        yield from _of_cluster_wide(wide)


def _of_network_policy(policy: NetworkPolicy) -> Iterator[Newcomers]:
    own = LabelSelector({NAMESPACE_NAME: policy.namespace})
    inward = [p for r in policy.spec.ingress for p in r.sources] if "Ingress" in policy.spec.directions else []
    outward = [p for r in policy.spec.egress for p in r.destinations] if "Egress" in policy.spec.directions else []
    for peer in (*inward, *outward):
        if peer.ip_block is None and (peer.pod_selector is not None or peer.namespace_selector is not None):
            yield Newcomers(peer.namespace_selector or own, peer.pod_selector)


def _of_cluster_wide(policy: ClusterWide) -> Iterator[Newcomers]:
    inward = [p for r in policy.spec.ingress for p in r.sources]
    for peer in (*inward, *(p for r in policy.spec.egress for p in r.destinations)):
        if peer.namespaces is not None:
            yield Newcomers(peer.namespaces, None)
        elif peer.pods is not None:
            yield Newcomers(peer.pods.namespace_selector, peer.pods.pod_selector)


def _words(given: LabelSelector | None) -> str:
    """The selector in np-guard's words, which are Go's."""
    if given is None:
        return ""
    needs = sorted(
        f"{{Key:{r.key},Operator:{r.operator},Values:[{' '.join(r.values)}],}}" for r in given.match_expressions
    )
    return ",".join([*(f"{k}={v}" for k, v in sorted(given.match_labels.items())), *needs])


def key_of(chosen: Chosen) -> Key:
    """The pods that a rule chooses."""
    spaces = Selector(((NAMESPACE_NAME, chosen.namespace),)) if chosen.namespace else chosen.namespaces
    return _plain(spaces), _plain(chosen.pods)


def _plain(given: Selector) -> Selector:
    """`In` with one value is an equality."""
    equal = tuple((key, values[0]) for key, op, values in given.needs if op == "In" and len(values) == 1)
    rest = tuple(n for n in given.needs if not (n[1] == "In" and len(n[2]) == 1))
    return Selector(tuple(sorted({*given.labels, *equal})), rest)
