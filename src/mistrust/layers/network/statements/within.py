"""Containment of what rules are about, for whatever pods and namespaces may come: yes means always.

No means that nothing here shows it: selectors are compared one by one, and several that together cover another are not
put together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mistrust.access.ports import Ports
from mistrust.kube.endpoints import NAMESPACE_NAME
from mistrust.kube.selectors import matches
from mistrust.layers.network.engine.selectors import plain
from mistrust.layers.network.statements.rules import Chosen, Peer, Selector, Service

Spaces = Mapping[str, Mapping[str, str]]
"""Labels of namespaces by name."""
Item = tuple[Peer, Service]


def narrower(a: Selector, b: Selector) -> bool:
    """Does everything that `a` selects meet `b` too?

    >>> narrower(Selector((("app", "x"), ("tier", "y"))), Selector((("app", "x"),)))
    True
    """
    return all(_forces(a, k, "In", (v,)) for k, v in b.labels) and all(_forces(a, *need) for need in b.needs)


def _forces(a: Selector, key: str, operator: str, values: Iterable[str]) -> bool:
    """Has everything that `a` selects this property?"""
    wanted = frozenset(values)
    known = [frozenset((v,)) for k, v in a.labels if k == key]
    known += [frozenset(held) for k, how, held in a.needs if k == key and how == "In"]
    ruled = {how for k, how, _ in a.needs if k == key}
    match operator:
        case "In":
            return any(held <= wanted for held in known)
        case "Exists":
            return bool(known) or "Exists" in ruled
        case "NotIn":
            out = any(k == key and how == "NotIn" and wanted <= frozenset(held) for k, how, held in a.needs)
            return out or "DoesNotExist" in ruled or any(not held & wanted for held in known)
        case "DoesNotExist":
            return "DoesNotExist" in ruled
        case _:
            return False


def chosen_within(a: Chosen, b: Chosen, spaces: Spaces) -> bool:
    """Are all pods that `a` chooses, now and later, among those of `b`? Namespaces keep the labels they have."""
    if not narrower(a.pods, b.pods):
        return False
    if b.namespace:
        return b.namespace == a.namespace or _forces(a.namespaces, NAMESPACE_NAME, "In", (b.namespace,))
    if a.namespace:
        return matches(plain(b.namespaces), spaces.get(a.namespace, {NAMESPACE_NAME: a.namespace}))
    return narrower(a.namespaces, b.namespaces)


def peer_within(a: Peer, b: Peer, spaces: Spaces) -> bool:
    """Is everybody that `a` is about among those of `b`, whatever the plugin makes of addresses?"""
    if a.unknown or b.unknown:
        return False
    if b.everybody or a == b:
        return True
    if a.chosen is not None and b.chosen is not None:
        return chosen_within(a.chosen, b.chosen, spaces)
    if a.addresses is not None and b.addresses is not None:
        inside = b.addresses.ranges
        return all(any(low <= x and y <= high for low, high in inside) for x, y in a.addresses.ranges)
    return a.machines is not None and b.machines is not None and narrower(a.machines.labels, b.machines.labels)


def left(item: Item, others: Iterable[Item], spaces: Spaces) -> bool:
    """Is some of what an item allows not allowed by one of the others?"""
    peer, service = item
    ports, names = service.ports, set(service.names)
    for other, covered in others:
        if (ports & covered.ports or names) and peer_within(peer, other, spaces):
            ports = ports - covered.ports
            names = {n for n in names if not _has(covered, n)}
        if not ports and not names:
            return False
    return True


def _has(service: Service, name: tuple[str, str]) -> bool:
    """Does a service hold the port of this protocol and name, whatever its number is?"""
    protocol, plain_name = name
    if name in service.names or ("", plain_name) in service.names:
        return True
    return bool(protocol) and Ports.span(protocol) <= service.ports
