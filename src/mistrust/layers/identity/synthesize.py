"""The RBAC that is just enough for recorded requests: narrower rules, fewer subjects, narrower scopes, nothing wider.

Each request is credited to one grant: one that every server brings if that suffices, else the narrowest. What no
request needed goes. Verbs that no log shows stay where they are written by name, as do rules of which a use may not
have been seen, and roles that are put together from others, or that others are put together from.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import structs

from mistrust.access.change import Change, LeftAlone, Note, Tightened, seen
from mistrust.access.record import Tally
from mistrust.kube.meta import Metadata, Object, Ref
from mistrust.kube.rbac import ClusterRole, ClusterRoleBinding, PolicyRule, RoleBinding, RoleRef
from mistrust.layers.identity.dark import NOTHING_UNSEEN, UNRECORDED, Unseen
from mistrust.layers.identity.expected import Expected
from mistrust.layers.identity.facts import CROWDS
from mistrust.layers.identity.index import AnyBinding, Grant, Rbac
from mistrust.layers.identity.lookup import Lookup, Request, deciding_rule
from mistrust.layers.identity.roles import AnyRole
from mistrust.layers.identity.rules import ALL, url_matches
from mistrust.layers.identity.usage import nameable

FEW: Final = 5
"""Namespaces up to which a grant for the whole cluster is written as one for each."""
MANY: Final = 1000
"""What stands for everything of a kind where breadths are compared."""
WIDE: Final = 20
"""What a grant for the whole cluster counts for beside one for a namespace."""
AGGREGATE: Final = "rbac.authorization.k8s.io/aggregate-to-"
TOLD: Final = 8
"""How many uses are named beside what stays for them."""
NOTHING: Final = "nothing to tighten: all that RBAC grants was used, or may have been"


class _Replacement(msgspec.Struct, frozen=True):
    """What becomes of one object."""

    old: Object
    new: tuple[Object, ...]
    """Empty: it goes. Several: a grant for the cluster that is written out by namespace."""
    because: str
    kept: tuple[Request, ...] = ()
    """The requests that what stays is for."""


Hides = Callable[[Grant, PolicyRule], Unseen]
"""What of a rule may be used unseen by one to whom it is given."""


def synthesize(
    objects: Sequence[Object],
    uses: Mapping[Request, Tally],
    index: Callable[[Sequence[Object]], Rbac],
    hides: Hides = lambda *_: NOTHING_UNSEEN,
) -> Tightened:
    """What to change so that the requests are allowed and little else; objects that stay are not told.

    What comes out allows a part of what was allowed, and every one of the requests that was and can mean something.
    `index` joins objects as the API server would. A grant that became narrower may be preferred where it was not
    before, so the question is put again until nothing changes; each time less is allowed, so that there is an end.
    """
    asked = tuple(filter(nameable, uses))
    now: dict[int, tuple[Object, ...]] = {id(o): (o,) for o in objects}
    last: dict[int, _Replacement] = {}
    while changes := _once(index([o for old in objects for o in now[id(old)]]), asked, hides):
        made = {id(c.old): c for c in changes}
        for old in objects:
            parts = now[id(old)]
            if found := [made[id(p)] for p in parts if id(p) in made]:
                last[id(old)] = found[-1]
                now[id(old)] = tuple(n for p in parts for n in (made[id(p)].new if id(p) in made else (p,)))
    changed = [o for o in objects if id(o) in last]
    changed.sort(key=lambda o: (o.ref, o.origin.file, o.origin.document, o.origin.item))
    return Tightened(
        tuple(Change(o, now[id(o)], last[id(o)].because, tuple(_notes(last[id(o)].kept, uses))) for o in changed),
        tuple(_left(index(objects), hides)),
        remarks=() if changed else (NOTHING,),
    )


def _left(rbac: Rbac, hides: Hides) -> Iterator[LeftAlone]:
    """The rules of which something stays because nobody can say that it is unused, by role and reason."""
    expected = Expected(rbac)
    found: dict[tuple[Ref, str], set[int]] = {}
    for grant in rbac.grants:
        for i, rule in enumerate(grant.role.rules):
            if not expected.held(grant, i) and (unseen := hides(grant, rule)):
                source, at = grant.role.at(i)
                found.setdefault((source.ref, unseen.because), set()).add(at)
    for (ref, why), rules in sorted(found.items()):
        yield LeftAlone(ref, f"{', '.join(f'rules[{i}]' for i in sorted(rules))}: {why}")


def _notes(kept: Iterable[Request], uses: Mapping[Request, Tally]) -> Iterator[Note]:
    """What was used, how often, and when last: what is used most comes first."""
    told: dict[str, Tally] = {}
    for request in dict.fromkeys(kept):
        what = f"{request.combined}.{request.group}" if request.group else request.combined
        where = f" in {request.namespace}" if request.namespace else ""
        key = f"{request.user} {request.verb} {request.path if request.path is not None else what}{where}"
        told[key] = told[key] + uses[request] if key in told else uses[request]
    for key, tally in sorted(told.items(), key=lambda u: (-u[1].count, u[0]))[:TOLD]:
        yield Note(f"used: {key} ({seen(tally)})")
    if len(told) > TOLD:
        yield Note(f"and {len(told) - TOLD} more")


def _once(rbac: Rbac, requests: Sequence[Request], hides: Hides) -> tuple[_Replacement, ...]:
    expected, needed = Expected(rbac), _credited(rbac, requests)
    bindings: dict[int, list[int]] = {}
    for number, grant in enumerate(rbac.grants):
        bindings.setdefault(id(grant.binding), []).append(number)
    taken = {b.ref for b in (*(g.binding for g in rbac.grants), *rbac.dangling)}
    found: list[_Replacement] = []
    roles: dict[int, _Role] = {}
    for numbers in bindings.values():
        grants = [rbac.grants[n] for n in numbers]
        binding = grants[0].binding
        if expected.binding(binding):
            continue
        uses = {g.subject: needed.get(n, []) for n, g in zip(numbers, grants, strict=True)}
        unsure = {g.subject for g in grants if any(hides(g, rule) for rule in g.role.rules)}
        kept = _binding(grants, uses, taken, unsure)
        if kept is not None:
            found.append(kept)
    for number, grant in enumerate(rbac.grants):
        role = roles.setdefault(id(grant.role.source), _Role(grant.role.source, [], {}))
        role.requests.extend(needed.get(number, ()))
        for i, rule in enumerate(grant.role.rules):
            if unseen := hides(grant, rule):
                role.hidden.setdefault(i, []).append(unseen)
    for each in roles.values():
        if (change := _narrowed(each, expected)) is not None:
            found.append(change)
    return tuple(found)


class _Role(msgspec.Struct):
    source: AnyRole
    requests: list[Request]
    hidden: dict[int, list[Unseen]]
    """What of each rule may be used without being seen."""


def _credited(rbac: Rbac, requests: Iterable[Request]) -> dict[int, list[Request]]:
    """By grant the requests that it is kept for."""
    lookup, expected = Lookup(rbac), Expected(rbac)
    found: dict[int, list[Request]] = {}

    def order(number: int) -> tuple[bool, int, int]:
        grant = rbac.grants[number]
        return not expected.binding(grant.binding), _breadth(grant), number

    for request in requests:
        numbers = {n for n, _ in lookup.allowing(request)}
        if numbers:
            found.setdefault(min(numbers, key=order), []).append(request)
    return found


def _breadth(grant: Grant) -> int:
    """How much trust a grant extends, roughly: how many have it, in how many namespaces, times what it gives."""
    audience = MANY if grant.principal in CROWDS else FEW if grant.principal.kind == "Group" else 1
    return audience * (1 if grant.namespace else WIDE) * _size(grant.role.rules)


def _size(rules: Sequence[PolicyRule]) -> int:
    """How much a role gives, roughly: a wildcard counts as many."""
    return sum(
        (MANY if ALL in r.verbs else len(r.verbs))
        * (MANY if ALL in (*r.resources, *r.api_groups) else len(r.resources) or len(r.non_resource_urls))
        for r in rules
    )


def _untouched(role: AnyRole) -> bool:
    """Is it made of other roles, or are others made of it?"""
    aggregated = isinstance(role, ClusterRole) and role.aggregation_rule is not None
    return aggregated or any(key.startswith(AGGREGATE) for key in role.metadata.labels)


def _unseen(grant: Grant) -> bool:
    """Does it give a verb, by name, whose use no log shows?"""
    return any(UNRECORDED.intersection(rule.verbs) for rule in grant.role.rules)


def _binding(
    grants: Sequence[Grant], uses: Mapping[int, Sequence[Request]], taken: Container[Ref], unsure: Container[int]
) -> _Replacement | None:
    binding = grants[0].binding
    if _unseen(grants[0]):
        return None
    kept = [g.subject for g in grants if uses[g.subject] or g.subject in unsure]
    if not kept:
        return _Replacement(binding, (), "nothing that it gives was used")
    everywhere = isinstance(binding, ClusterRoleBinding) and not any(i in unsure for i in kept)
    spaces = _spaces([r for i in kept for r in uses[i]]) if everywhere else None
    if spaces is not None:
        new = tuple(_in_namespace(binding, space, kept, uses, taken) for space in spaces)
        return _Replacement(binding, new, f"used in {_some(spaces)} alone", _of(uses, kept))
    if len(kept) == len(binding.subjects):
        return None
    subjects = tuple(binding.subjects[i] for i in sorted(kept))
    gone = len(binding.subjects) - len(kept)
    because = f"{gone} of its subjects used nothing that it gives"
    return _Replacement(binding, (structs.replace(binding, subjects=subjects),), because, _of(uses, kept))


def _of(uses: Mapping[int, Sequence[Request]], subjects: Iterable[int]) -> tuple[Request, ...]:
    return tuple(r for i in subjects for r in uses[i])


def _spaces(requests: Sequence[Request]) -> tuple[str, ...] | None:
    """The few namespaces that all of them are in; None where some are in none, or there are too many."""
    spaces = {r.namespace for r in requests}
    within = all(r.path is None and r.namespace for r in requests)
    return tuple(sorted(spaces)) if within and len(spaces) <= FEW else None


def _in_namespace(
    binding: AnyBinding, space: str, kept: Sequence[int], uses: Mapping[int, Sequence[Request]], taken: Container[Ref]
) -> RoleBinding:
    name = binding.name
    while Ref(RoleBinding.GROUP, RoleBinding.KIND, space, name) in taken:
        name += "-in-namespace"
    here = [i for i in sorted(kept) if any(r.namespace == space for r in uses[i])]
    return RoleBinding(
        metadata=Metadata(name=name, namespace=space, labels=binding.metadata.labels),
        role_ref=RoleRef(binding.role_ref.kind, binding.role_ref.name, binding.role_ref.api_group),
        subjects=tuple(binding.subjects[i] for i in here),
    )


def _narrowed(role: _Role, expected: Expected) -> _Replacement | None:
    source = role.source
    default = all(expected.rule(source, rule) for rule in source.rules)
    if _untouched(source) or not (role.requests or role.hidden) or default:
        return None
    rules = tuple(_rules(source.rules, role.requests, role.hidden))
    if rules == source.rules:
        return None
    because = "keeps what was used" + (", and what may be used unseen" if role.hidden else "")
    return _Replacement(source, (structs.replace(source, rules=rules),), because, tuple(role.requests))


def _rules(
    rules: Sequence[PolicyRule], requests: Sequence[Request], hidden: Mapping[int, Sequence[Unseen]]
) -> Iterator[PolicyRule]:
    """The part of each rule that the requests need, in order; a request needs the first rule that allows it."""
    left = dict.fromkeys(requests)
    for i, rule in enumerate(rules):
        mine = [r for r in left if _allows(rule, r)]
        for request in mine:
            del left[request]
        unseen = hidden.get(i, ())
        points = frozenset(point for each in unseen for point in each.points)
        yield from (rule,) if any(not each.points for each in unseen) else _part(rule, mine, points)


def _allows(rule: PolicyRule, request: Request) -> bool:
    return deciding_rule((rule,), request) == 0


def _pattern(rule: PolicyRule, request: Request) -> str:
    """The URL of the rule that a request is let through by."""
    if request.path is None or not {ALL, request.verb}.intersection(rule.verbs):
        return ""
    return next((url for url in rule.non_resource_urls if url_matches(url, request.path)), "")


def _part(rule: PolicyRule, requests: Sequence[Request], unseen: Collection[tuple[str, ...]]) -> Iterator[PolicyRule]:
    """What of one rule is needed, resources with the same verbs together, as a person would write it.

    What may be used `unseen` is needed as well.
    """
    verbs: dict[tuple[str, str], dict[str, None]] = {}
    urls: dict[str, dict[str, None]] = {}
    for r in requests:
        if r.path is not None:
            urls.setdefault(_pattern(rule, r), {})[r.verb] = None
        else:
            verbs.setdefault((r.group, r.combined), {})[r.verb] = None
    for verb in [v for v in rule.verbs if v in UNRECORDED]:
        for group in rule.api_groups:
            for resource in rule.resources:
                verbs.setdefault((group, resource), {})[verb] = None
    for verb, *what in sorted(unseen):
        if len(what) == 2:
            verbs.setdefault((what[0], what[1]), {})[verb] = None
        else:
            urls.setdefault(what[0], {})[verb] = None
    names = tuple(n for n in rule.resource_names if any(r.name == n for r in requests))
    if rule.resource_names and (unseen or UNRECORDED.intersection(rule.verbs)):
        names = rule.resource_names
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), used in verbs.items():
        alike.setdefault((group, _ordered(used, rule.verbs)), []).append(resource)
    for (group, some), resources in alike.items():
        yield PolicyRule(
            verbs=some,
            api_groups=(group,),
            resources=_ordered(resources, rule.resources),
            resource_names=names,
        )
    together: dict[tuple[str, ...], list[str]] = {}
    for url, used in urls.items():
        together.setdefault(_ordered(used, rule.verbs), []).append(url)
    for some, paths in together.items():
        yield PolicyRule(verbs=some, non_resource_urls=_ordered(paths, rule.non_resource_urls))


def _ordered(some: Iterable[str], written: Sequence[str]) -> tuple[str, ...]:
    """In the order in which the rule has them; what a wildcard stood for comes last, by name."""
    place = {word: i for i, word in enumerate(written)}
    return tuple(sorted(some, key=lambda word: (place.get(word, len(place)), word)))


def _some(words: Sequence[str]) -> str:
    return ", ".join(words) if len(words) > 1 else f"namespace {words[0]}"
