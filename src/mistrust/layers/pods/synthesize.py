"""What pods may have, just enough: tokens that nobody used go, and namespaces enforce the level that their pods meet.

A field changes where the evidence shows that it is not used, or where its definition shows that the change loses
nothing and the namespace can be stricter for it. Of all other settings no log tells whether they are needed, and they
stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mistrust.access.change import Change, LeftAlone, Tightened
from mistrust.kube.core import Namespace
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import Workload
from mistrust.layers.pods.admission import EXEMPTIONS
from mistrust.layers.pods.least.labels import labelled, unlabelled
from mistrust.layers.pods.least.levelling import Levelling
from mistrust.layers.pods.least.reshaping import Makers, Reasons
from mistrust.layers.pods.least.tokens import Spared, insufficient, unused_tokens
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.usage import Usage

UNTOLD: Final = "no log tells whether it needs that"
FILES: Final = "a program that reads the file of its token, and asks the API server nothing, is not seen to use it"
NOT_SHOWN: Final = "it is not in the snapshot: it cannot be labelled"


def synthesize(snapshot: Snapshot, usage: Usage, *, days: float = 14) -> Tightened:
    """What to change so that pods keep what they use and need, and pods to come may have little else.

    An audit log of less than `days`, or with holes, shows no absence: then all is left alone. `usage` is of the same
    snapshot.
    """
    makers, levelling = Makers(snapshot), Levelling(snapshot)
    planned: dict[int, dict[str, Reasons]] = {}
    left: list[LeftAlone] = []
    for found in unused_tokens(snapshot, usage, days):
        w = found.workload
        why = makers.fixed(w) if isinstance(found, Spared) else found.because
        if isinstance(found, Spared) and not why:
            reasons = dict.fromkeys(found.escape.changes, found.because)
            planned.setdefault(id(w.source), {})["its token is not used"] = reasons
        else:
            left.append(LeftAlone(w.ref, f"its token stays: {why}"))
    labels: list[Change] = []
    thin = insufficient(usage.coverage, days)
    for name, several in _spaces(snapshot).items():
        spaces = [n for n in snapshot.of(Namespace) if n.name == name]
        if not spaces:
            left.append(LeftAlone(Ref("", Namespace.KIND, "", name), NOT_SHOWN))
        for space in spaces:
            step = levelling.step(space, several, makers)
            if step is None:
                continue
            why = thin or unlabelled(snapshot, space, usage, several, makers) or step.because
            if why:
                left.append(LeftAlone(space.ref, f"its Pod Security labels stay: {why}"))
                continue
            labels.append(labelled(space, step.level, step.version, _admitted(several, step.level)))
            for w, completion in step.completions:
                planned.setdefault(id(w.source), {})[f"its pods meet {step.level} with it"] = completion
    left += _beyond(snapshot, levelling)
    changes = [*_changes(snapshot.workloads, planned, makers), *labels]
    remarks = (*((FILES,) if len(changes) > len(labels) else ()), *((EXEMPTIONS,) if labels else ()))
    return Tightened(tuple(changes), tuple(sorted(dict.fromkeys(left))), remarks)


def _spaces(snapshot: Snapshot) -> Mapping[str, Sequence[Workload]]:
    names = {n.name for n in snapshot.of(Namespace)} | {w.namespace for w in snapshot.workloads}
    found: dict[str, list[Workload]] = {name: [] for name in sorted(names)}
    for w in snapshot.workloads:
        found[w.namespace].append(w)
    return found


def _admitted(several: Sequence[Workload], level: Level) -> str:
    if not several:
        return "nothing runs there, and nobody made pods"
    meets = f"its {len(several)} workloads meet" if len(several) > 1 else "its workload meets"
    return f"{meets} {level}, and nobody made other pods"


def _beyond(snapshot: Snapshot, levelling: Levelling) -> Iterator[LeftAlone]:
    for w in snapshot.workloads:
        reasons = levelling.beyond(w, Level.BASELINE)
        if reasons:
            yield LeftAlone(w.ref, f"what baseline forbids stays ({reasons}): {UNTOLD}")


def _changes(
    workloads: Sequence[Workload], planned: Mapping[int, Mapping[str, Reasons]], makers: Makers
) -> Iterator[Change]:
    for w in workloads:
        plan = planned.get(id(w.source), {})
        reasons = {change: why for each in plan.values() for change, why in each.items()}
        if reasons:
            yield makers.change(w, reasons, ", and ".join(plan))
