"""Which needs of which steps a rule meets. What a rule permits is asked of `layers.identity`, never answered here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from mistrust.kube.errors import InputError
from mistrust.kube.rbac import PolicyRule
from mistrust.kube.version import LATEST, Version, parse_version
from mistrust.layers.identity.rules import ALL, ANY, NONE, Names, permits, permits_url
from mistrust.paths.step import Gain, Need, Permission, Step

OLDEST = Version(1, 30)
"""Where no version is known, a step that works in any minor from here on counts as working."""

NeedAt = tuple[int, int]
"""Index of a step, and of one of its needs."""

Met = Mapping[NeedAt, Names]
"""What one rule meets, and for which names."""


class Span(msgspec.Struct, frozen=True, gc=False):
    """The names of targets that several rules give together.

    A name that one rule lists is kept although another gives all names: it is left when the other goes.
    """

    every: bool = False
    named: frozenset[str] = frozenset()

    def __or__(self, other: Span) -> Span:
        return Span(self.every or other.every, self.named | other.named)

    def __and__(self, other: Span) -> Span:
        """What both give; a name of one counts if the other has it, or has all."""
        mine = self.named if other.every else self.named & other.named
        return Span(self.every and other.every, mine | (other.named if self.every else frozenset()))

    def __bool__(self) -> bool:
        return self.every or bool(self.named)


ALL_NAMES = Span(every=True)
NO_NAMES = Span()


def span(names: Names) -> Span:
    """The names that one rule gives."""
    return Span(named=names) if isinstance(names, frozenset) else ALL_NAMES


class Gated(msgspec.Struct, frozen=True):
    """A step that works in the version at hand."""

    step: Step
    assumes: str
    """The versions, where none is known and not all will do; with the step's own assumption."""


def gated(step: Step, version: Version | None) -> Gated | None:
    """The step, if it works in this version; None otherwise.

    Raises `InputError` for a version gate that cannot be read.

    >>> from mistrust.paths.step import Gain
    >>> gated(Step("exec-get", "W6", "", Gain.POD, kubernetes="<1.35"), None).assumes
    'Kubernetes <1.35'
    """
    versions = (version,) if version else tuple(Version(1, minor) for minor in range(OLDEST.minor, LATEST.minor + 1))
    working = [v for v in versions if _works(step.kubernetes, v, step.id)]
    if not working:
        return None
    parts = [f"Kubernetes {step.kubernetes}"] if len(working) < len(versions) else []
    return Gated(step, "; ".join((*parts, step.assumes) if step.assumes else parts))


def _works(gate: str, version: Version, step: str) -> bool:
    return all(_compare(part.strip(), version, step) for part in gate.split(",") if part.strip())


def _compare(part: str, version: Version, step: str) -> bool:
    for sign in (">=", "<=", "<", ">", "="):
        if part.startswith(sign):
            bound = parse_version(part.removeprefix(sign))
            return {
                ">=": version >= bound, "<=": version <= bound, "<": version < bound,
                ">": version > bound, "=": version == bound,
            }[sign]  # fmt: skip
    raise InputError("not a version gate", where=f"step {step}", got=repr(part), wanted="something like <1.35")


class Needs:
    """Every need of every step, looked up by the resources that a rule lists.

    The look-up only leaves out permissions that `permits` would refuse for their resource; it decides nothing.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._of: dict[NeedAt, Need] = {(s, n): need for s, t in enumerate(steps) for n, need in enumerate(t.needs)}
        self._by_resource: dict[str, list[NeedAt]] = {}
        self._urls: list[NeedAt] = []
        for at, need in self._of.items():
            for permission in need.any:
                for resource in permission.resources:
                    _, slash, sub = resource.partition("/")
                    for written in {resource, f"*/{sub}"} if slash else {resource}:
                        self._by_resource.setdefault(written, []).append(at)
                if permission.urls:
                    self._urls.append(at)
        self._known: dict[PolicyRule, Met] = {}

    def met_by(self, rule: PolicyRule) -> Met:
        """The needs that the rule meets by itself; equal rules are looked at once."""
        met = self._known.get(rule)
        if met is None:
            met = self._known[rule] = {
                at: names for at in self._candidates(rule) if (names := meets(rule, self._of[at])) != NONE
            }
        return met

    def _candidates(self, rule: PolicyRule) -> Iterable[NeedAt]:
        if ALL in rule.resources:
            return sorted(self._of)
        found = {at for written in rule.resources for at in self._by_resource.get(written, ())}
        return sorted(found.union(self._urls) if rule.non_resource_urls else found)


def meets(rule: PolicyRule, need: Need) -> Names:
    """The names of targets for which the rule meets the need: `ANY`, some, or `NONE`."""
    held: Names = NONE
    for permission in need.any:
        held = either(held, _offers(rule, permission, need))
    return held


def _offers(rule: PolicyRule, permission: Permission, need: Need) -> Names:
    if any(permits_url(rule, verb, url) for url in permission.urls for verb in permission.verbs):
        return ANY
    named = frozenset(permission.names)
    held: Names = NONE
    for resource in permission.resources:
        for verb in permission.verbs:
            held = either(held, permits(rule, verb, permission.group, resource))
            if held is ANY:
                return named if named and need.names == "target" else ANY
    if named:
        common = both(held, named)
        return common if need.names == "target" or common == NONE else ANY
    if need.names == "target" or held == NONE:
        return held
    return ANY if need.names == "some" else NONE


def either(a: Names, b: Names) -> Names:
    """The names in one or the other."""
    return ANY if a is ANY or b is ANY else _set(a) | _set(b)


def both(a: Names, b: Names) -> Names:
    """The names in both."""
    if a is ANY:
        return b
    return a if b is ANY else _set(a) & _set(b)


def _set(names: Names) -> frozenset[str]:
    assert isinstance(names, frozenset)
    return names


def role_kind(step: Step) -> str:
    """`Role` or `ClusterRole`: what a step that gains a role gives, read off the need that names its targets."""
    assert step.gains in (Gain.ROLE, Gain.REWRITE_ROLE)
    targets = [n for n in step.needs if n.names == "target"] or list(step.needs)
    return "Role" if any("roles" in p.resources for n in targets for p in n.any) else "ClusterRole"
