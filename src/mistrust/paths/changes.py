"""From the labels that were cut to changes that a person can make: one for each object, with its edits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.access.fact import Edit
from mistrust.kube.core import Namespace
from mistrust.kube.meta import Object, Ref
from mistrust.kube.network import NetworkPolicy
from mistrust.kube.rbac import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding
from mistrust.layers.identity.index import summary
from mistrust.layers.identity.lookup import Request
from mistrust.layers.pods.escapes.escape import Escape, Power
from mistrust.layers.pods.policy import ENFORCE
from mistrust.layers.pods.template import ordered, place
from mistrust.paths.inuse import At
from mistrust.paths.labels import Label, Labels, refused
from mistrust.paths.narrowing import narrowed
from mistrust.paths.path import Change
from mistrust.paths.rights import place as place_of
from mistrust.paths.shielding import shield, written
from mistrust.paths.step import Need

OWNER = "needs owner"
NEEDED = f"{OWNER}: find out first who uses it, and let them in"
SHOWN = 3
"""How many parts a title names before it counts the rest."""


class Cut(msgspec.Struct, frozen=True):
    """One change, with the labels that it cuts."""

    change: Change
    labels: frozenset[int]


def changes(labels: Labels, chosen: Iterable[int]) -> tuple[Cut, ...]:
    """One change for each object and kind of change, sorted by object."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for number in sorted(chosen, key=lambda n: labels.of[n]):
        label = labels.of[number]
        groups.setdefault((label.place, label.kind), []).append(number)
    return tuple(Cut(_change(labels, numbers), frozenset(numbers)) for numbers in groups.values())


def _change(labels: Labels, numbers: Sequence[int]) -> Change:
    first = labels.of[numbers[0]]
    o = labels.object(first)
    match first.kind:
        case "rule":
            return _rules(labels, numbers, o)
        case "binding":
            assert isinstance(o, RoleBinding | ClusterRoleBinding)
            note = _noted(labels, labels.needing(o, range(len(o.subjects))), touched=_subjects_of(o))
            return _made(labels, numbers, o, f"{o.ref}: delete", (Edit(o.ref, o.origin, "remove"),), (at(o),), note)
        case "subject":
            return _subjects(labels, numbers, o)
        case "namespace":
            return _namespace(labels, numbers, o)
        case "network":
            return _network(labels, numbers, first)
        case _:
            return _pod(labels, numbers, first)


def _made(
    labels: Labels,
    numbers: Sequence[int],
    o: Object,
    title: str,
    edits: tuple[Edit, ...],
    evidence: tuple[Evidence, ...],
    note: str = "",
) -> Change:
    price = round(labels.price_of(numbers), 2)
    return Change(labels.of[numbers[0]].kind, o.ref, title, price, 0, edits, evidence, note)


def _rules(labels: Labels, numbers: Sequence[int], role: Object) -> Change:
    assert isinstance(role, Role | ClusterRole)
    taken: dict[int, list[Need]] = {}
    for n in numbers:
        taken.setdefault(labels.of[n].index, []).append(labels.needs[labels.of[n].need])
    found = {index: narrowed(role.rules[index], needs) for index, needs in sorted(taken.items())}
    edits: list[Edit] = []
    for index, narrow in sorted(found.items()):
        for i, rule in enumerate(narrow.rules):
            path = ("rules", index) if i == 0 else ("rules",)
            edits.append(Edit(role.ref, role.origin, "set" if i == 0 else "add", path, flow(rule)))
    gone = sorted((index for index, narrow in found.items() if not narrow.rules), reverse=True)
    edits += [Edit(role.ref, role.origin, "remove", ("rules", index)) for index in gone]
    dropped = [f"{what} {', '.join(verbs)}" for narrow in found.values() for what, verbs in narrow.dropped]
    evidence = tuple(at(role, "rules", index, value=summary(role.rules[index])) for index in sorted(found))
    owner = OWNER if any(narrow.guessed for narrow in found.values()) else ""
    lost = [
        r for i, n in found.items() for r in (labels.used.lost((place_of(role), i), n.rules) if labels.used else ())
    ]
    note = _noted(labels, lost, owner, [(place_of(role), i) for i in found])
    return _made(labels, numbers, role, f"{role.ref}: drop {_listed(dropped)}", tuple(edits), evidence, note)


def _noted(labels: Labels, lost: Sequence[Request], owner: str = "", touched: Iterable[At] = ()) -> str:
    """What to know before the change: whether it is in use, and what its owner has to decide."""
    told = labels.used.told(tuple(dict.fromkeys(lost)), touched) if labels.used is not None else ""
    return "; ".join(words for words in (told, owner) if words)


def _subjects_of(binding: RoleBinding | ClusterRoleBinding) -> Iterator[At]:
    return ((place_of(binding), i) for i in range(len(binding.subjects)))


def _subjects(labels: Labels, numbers: Sequence[int], binding: Object) -> Change:
    assert isinstance(binding, RoleBinding | ClusterRoleBinding)
    indices = sorted((labels.of[n].index for n in numbers), reverse=True)
    subjects = [binding.subjects[i] for i in reversed(indices)]
    names = [f"{s.kind} {s.namespace}/{s.name}" if s.namespace else f"{s.kind} {s.name}" for s in subjects]
    edits = tuple(Edit(binding.ref, binding.origin, "remove", ("subjects", i)) for i in indices)
    evidence = tuple(at(binding, "subjects", i) for i in reversed(indices))
    note = _noted(labels, labels.needing(binding, indices), touched=[(place_of(binding), i) for i in indices])
    return _made(labels, numbers, binding, f"{binding.ref}: drop {_listed(names)}", edits, evidence, note)


def _namespace(labels: Labels, numbers: Sequence[int], o: Object) -> Change:
    inv = labels.terrain.inv
    named = [str(w.ref) for w in inv.workloads if w.namespace == o.name and refused(w, inv.snapshot.version)]
    note = f"{OWNER}: would no longer admit {_listed(named)}" if named else ""
    shown = any(n is o for n in inv.snapshot.of(Namespace))
    if not shown:
        note = "; ".join(p for p in ("no file shows the namespace: give it the label where it is made", note) if p)
    edits = (Edit(o.ref, o.origin, "set", ("metadata", "labels", ENFORCE), "baseline"),) if shown else ()
    title = f"{o.ref}: enforce Pod Security baseline"
    return _made(labels, numbers, o, title, edits, (at(o, "metadata.labels"),) if shown else (), note)


def _network(labels: Labels, numbers: Sequence[int], label: Label) -> Change:
    inv = labels.terrain.inv
    w = inv.workloads[label.index]
    policy = shield(inv, w)
    ref = Ref(NetworkPolicy.GROUP, NetworkPolicy.KIND, w.namespace, policy.metadata.name)
    edits = (Edit(ref, w.source.origin, "add", (), written(policy)),)
    title = f"NetworkPolicy for {w.ref}: let in only who needs it"
    evidence = (at(w.source, *place(w).above, "metadata.labels"),)
    return _made(labels, numbers, w.source, title, edits, evidence, NEEDED)


def _pod(labels: Labels, numbers: Sequence[int], label: Label) -> Change:
    inv = labels.terrain.inv
    w = inv.workloads[label.index]
    token = label.kind == "token"
    ways = [e for e in inv.ways_out[label.index] if _of_kind(e, token)]
    edits = place(w).edits(ordered(c for e in ways for c in e.changes))
    evidence = tuple(dict.fromkeys(x for e in ways for x in place(w).evidence(e.fields)))
    by_hand = [e.detail for e in ways if not e.changes]
    note = f"{OWNER}: {_listed(by_hand)}" if by_hand else OWNER if w.namespace == "kube-system" else ""
    if token:
        accounts = dict.fromkeys(t.name for e in ways for t in e.targets)
        title = f"{w.ref}: do not mount the token of {_listed(list(accounts))}"
        note = _noted(labels, labels.tokens(label.index), note)
    else:
        facts = sorted({e.fact.partition(".")[2] or e.code for e in ways})
        title = f"{w.ref}: no {_listed(facts)}"
    return _made(labels, numbers, w.source, title, edits, evidence, note)


def _of_kind(escape: Escape, token: bool) -> bool:
    return escape.power is Power.IDENTITY if token else escape.power in (Power.NODE, Power.NODE_READ)


def _listed(parts: Sequence[str]) -> str:
    """`a, b, c and 4 more`."""
    once = list(dict.fromkeys(parts))
    more = len(once) - SHOWN
    return ", ".join(once[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def flow(rule: PolicyRule) -> str:
    """A rule as a line of YAML in flow style; JSON is YAML."""
    return msgspec.json.encode(rule).decode()
