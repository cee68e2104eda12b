"""What the room answers: paths, hop by hop, and the changes that cut them."""

from __future__ import annotations

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.access.fact import Edit
from mistrust.kube.meta import Ref


class Foothold(msgspec.Struct, frozen=True, order=True, gc=False):
    """Something an attacker can hold."""

    kind: str
    """`internet`, `pod`, `identity`, `node`, or a `Gain`."""
    name: str
    """As people write it: `Deployment shop/web`, `ServiceAccount ci/runner`, `Group system:masters`, `kube-system`."""

    def __str__(self) -> str:
        if self.kind in ("pod", "identity") and self.name:
            return self.name
        if self.name in ("", "any") and self.kind in _SOME:
            return _SOME[self.kind]
        if self.kind == "secrets":
            return f"Secrets of {self.name}" if self.name else "Secrets"
        if self.kind == "mitm":
            return f"traffic of {self.name}" if self.name else "traffic"
        return f"{self.kind} {self.name}".strip()


_SOME = {"node": "a node", "node-identity": "the kubelet of a node", "node-pods": "the pods of a node"}
"""Where only manifests are known, nobody knows which node it is."""


class Hop(msgspec.Struct, frozen=True):
    """From one foothold to the next."""

    step: str
    """Id of the catalog's step; empty for what follows by itself (a pod holds its service account's token)."""
    source: Foothold
    target: Foothold
    how: str
    """One clause: "mints a token (create serviceaccounts/token)"."""
    grants: tuple[Evidence, ...] = ()
    """Binding and rule, or the pod's field, that make it possible."""
    assumes: str = ""
    """What was taken for granted because no object says it."""
    also: tuple[Foothold, ...] = ()
    """Footholds of earlier hops that it needs besides `source`."""


class Path(msgspec.Struct, frozen=True):
    """A shortest way from a start to a target."""

    start: Foothold
    target: Foothold
    hops: tuple[Hop, ...]
    cost: float
    """Sum of the steps' costs: how hard it is. Paths are compared by the number of hops first."""


class Change(msgspec.Struct, frozen=True):
    """One change that takes something away."""

    kind: str
    """`rule` (narrow a role), `binding` (delete it), `subject` (drop one from a binding), `pod` (harden),
    `token` (do not mount), `namespace` (enforce Pod Security), `network` (let in only who needs it)."""
    ref: Ref
    title: str
    """`Role ci/deployer: drop secrets get, list`."""
    cost: float
    cuts: int
    """How many start -> target pairs, at least, have a path again if of all the changes only this one is left out."""
    edits: tuple[Edit, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    note: str = ""
    """What a person has to decide: "needs owner"."""


class Fixes(msgspec.Struct, frozen=True):
    """The smallest set of changes, and what recomputing with them says."""

    changes: tuple[Change, ...]
    cut: int
    """Start -> target pairs that no longer have a path after all changes, counted by recomputing."""
    remaining: int
    """Pairs that no allowed change can cut."""
    optimal: bool
    """True if no cheaper set exists; False where the solver stopped at its limit."""


class Paths(msgspec.Struct, frozen=True):
    """The answer for one set of starts and targets."""

    paths: tuple[Path, ...]
    """One shortest path a (start, target) pair, cheapest first; may be capped, `pairs` is not."""
    pairs: int
    starts: int
    """Starts from which a target is reached."""
    targets: tuple[str, ...]
    fixes: Fixes
    unknown: tuple[str, ...] = ()
    """What could not be judged and might open a path."""
    searched: int = 0
    """Starts that were looked at."""
    inside: tuple[Path, ...] = ()
    """The same from starts inside, each supposed to be taken already; `pairs` and `fixes` are not about these."""
    taken: int = 0
    """Starts inside from which a target is reached."""
    takeable: int = 0
    """Starts inside that were looked at."""
    supposed: bool = False
    """True where nothing outside leads to a target, so that `paths`, `pairs` and `fixes` suppose a start inside."""
