"""New policies against old ones: what is replaced, what goes, what loses its rules and what has to stay."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from msgspec import structs

from mistrust.access.change import Change, Note, seen
from mistrust.access.record import Tally
from mistrust.kube.selectors import LabelSelector
from mistrust.kube.separate import Unit
from mistrust.layers.network.facts.telling import listed
from mistrust.layers.network.least.drafting import Draft, Scene
from mistrust.layers.network.least.forms import KUBERNETES, Form, allows, bare, denies, rewritable, selector_of
from mistrust.layers.network.least.wanted import Wanted
from mistrust.layers.network.least.writing import Policy, Reason, Written
from mistrust.layers.network.statements.policies import policies
from mistrust.layers.network.statements.rules import refusals

DENY: Final = "default-deny"
USED: Final = "what of it was used is in the policies of the workloads"


TOLD: Final = 8
"""How many connections are named beside the rule that is for them."""


class Replacing:
    """Works out the changes; `remarks` say what is left over."""

    def __init__(
        self, scene: Scene, draft: Draft, form: Form = KUBERNETES, shut: Collection[str] = frozenset()
    ) -> None:
        """In the namespaces `shut` something else denies pods to come."""
        self._scene, self._draft, self._form, self._shut = scene, draft, form, shut
        self.remarks: list[str] = []

    def changes(self) -> Iterator[Change]:
        """Old policies against new ones, namespace by namespace."""
        for namespace in sorted({u.namespace for u in self._draft.covered}):
            yield from self._namespace(namespace)

    def _namespace(self, namespace: str) -> Iterator[Change]:
        here = [u for u in self._scene.units if u.namespace == namespace]
        mine = [u for u in here if u in self._draft.covered]
        whole = len(mine) == len(here) and namespace not in self._shut
        gone, staying = self._sorted(namespace, here)
        shut = next((p for p in (*staying, *gone) if whole and denies(p)), None)
        if shut is not None:
            gone = [p for p in gone if p is not shut]
            staying.append(shut)
        written = list(self._written(mine, gone, {p.name for p in staying}, whole=whole))
        if whole and shut is None:
            taken = {p.name for p in (*staying, *(w.policy for w in written))}
            written.append(Written(self._form.deny_all(namespace, _free(DENY, taken)), ()))
        selectors = [selector_of(w.policy) for w in written]
        by_ref = {w.policy.ref: w for w in written}
        for old in gone:
            same = by_ref.pop(old.ref, None)
            if same is not None:
                if same.policy.spec != old.spec:
                    yield _replaced(old, same)
            elif whole or selector_of(old) in selectors:
                yield Change(old, (), USED)
            elif allows(old):
                yield Change(old, (bare(old),), f"{USED}; pods to come stay limited")
        yield from (_replaced(None, w) for w in by_ref.values())

    def _sorted(self, namespace: str, here: Sequence[Unit]) -> tuple[list[Policy], list[Policy]]:
        """The old policies that can go, and those that stay."""
        gone: list[Policy] = []
        staying: list[Policy] = []
        for old in self._form.old(self._scene.snapshot, namespace):
            chosen = {u for u in here if self._scene.chooses(old, u)}
            covered = chosen & self._draft.covered
            if covered and chosen <= self._draft.covered and rewritable(old) and not any(refusals(old)):
                gone.append(old)
                continue
            staying.append(old)
            if covered and (not rewritable(old) or allows(old)):
                others = [str(u.workloads[0]) for u in here if u in chosen - self._draft.covered]
                why = f"it also limits {listed(others)}" if others else "the API server refuses a part of it"
                if not rewritable(old):
                    why = "it says more than what pods may"
                self.remarks.append(f"{old.ref} stays, with what it allows: {why}")
        for own in policies(self._scene.snapshot).cilium:
            other = own.namespace == namespace and not isinstance(own, self._form.replaces)
            if other and any(self._scene.chooses(own, u) for u in here if u in self._draft.covered):
                self.remarks.append(f"{own.ref} stays, with what it allows: it is of another kind")
        return gone, staying

    def _written(
        self, mine: Sequence[Unit], gone: Sequence[Policy], taken: set[str], *, whole: bool
    ) -> Iterator[Written]:
        """The policy of each unit, under the name of one that says the same if there is one."""
        selectors = [u.selector for u in mine]
        names = taken | {p.name for p in gone if not whole and selector_of(p) not in selectors}
        for unit in mine:
            first = unit.workloads[0]
            made = self._form.policy(
                unit, first.name, self._draft.ingress.get(unit, {}), self._draft.egress.get(unit, {})
            )
            like = next((p.name for p in gone if p.spec == made.policy.spec and p.name not in taken), None)
            name = like or _free(first.name, names, first.kind.lower())
            taken.add(name)
            names.add(name)
            metadata = structs.replace(made.policy.metadata, name=name)
            yield structs.replace(made, policy=structs.replace(made.policy, metadata=metadata))


def _replaced(old: Policy | None, new: Written) -> Change:
    because = "keeps what was used" if new.reasons else "nothing was seen to be used"
    if selector_of(new.policy) == LabelSelector():
        because = "every workload of the namespace has a policy: what comes later has to get one"
    made = new.policy if old is None else structs.replace(old, spec=new.policy.spec)
    return Change(old, (made,), because, tuple(_notes(new.reasons)))


def _notes(reasons: Iterable[Reason]) -> Iterator[Note]:
    for each in reasons:
        lines = tuple(dict.fromkeys(_lines(each.because)))
        yield from (Note(line, each.path) for line in lines[:TOLD])
        if len(lines) > TOLD:
            yield Note(f"and {len(lines) - TOLD} more", each.path)


def _lines(because: Iterable[Wanted]) -> Iterator[str]:
    """What a rule rests on; what was seen of one connection from several addresses is added up."""
    added: dict[Wanted, Tally | None] = {}
    for one in because:
        key = structs.replace(one, tally=None)
        before = added.get(key)
        added[key] = before + one.tally if before and one.tally else one.tally
    for one, tally in added.items():
        yield f"{one} ({one.because} {seen(tally)})" if tally else f"{one} ({one.because})"


def _free(name: str, taken: Collection[str], kind: str = "") -> str:
    """A name that is not taken."""
    for candidate in (name, f"{name}-{kind}" if kind else f"{name}-used"):
        if candidate not in taken:
            return candidate
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"
