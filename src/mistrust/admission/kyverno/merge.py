"""Patches: strategic merges with anchors (kyverno/pkg/engine/mutate/patch), and what they are merged by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mistrust.kube.build import Plain
from mistrust.languages.kyverno.anchors import ADD, CONDITION, GLOBAL, anchor, mismatch

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("containers", "initContainers", "ephemeralContainers", "volumes", "env"), ("name",)),
    **dict.fromkeys(("imagePullSecrets", "secrets", "claims", "resourceClaims", "schedulingGates"), ("name",)),
    "ports": ("containerPort", "port"),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey",),
    "ownerReferences": ("uid",),
    "conditions": ("type",),
}
"""By which field the elements of a list are the same, by the name of the list (the schemas of k8s.io/api)."""
CONDITIONS: Final = (CONDITION, GLOBAL)
ANCHORS: Final = (*CONDITIONS, ADD)


class ConditionError(Exception):
    """The condition of a patch does not hold: it is not for this object, or not for this element of a list."""


class GlobalConditionError(Exception):
    """A condition for the whole patch does not hold."""


def patched(value: dict[str, Plain], patch: dict[str, Plain]) -> dict[str, Plain] | None:
    """An object with a patch applied; None where the conditions of the patch do not hold."""
    try:
        ready = _map(patch, value)
    except (ConditionError, GlobalConditionError):
        return None
    cleaned = _cleaned(ready)
    return merged(value, cleaned) if isinstance(cleaned, dict) else value


def merged(value: dict[str, Plain], patch: Mapping[str, Plain]) -> dict[str, Plain]:
    """A strategic merge: objects field by field, lists element by element where elements have a name."""
    if patch.get("$patch") == "replace":
        return {k: v for k, v in patch.items() if k != "$patch"}
    found = dict(value)
    for name, new in patch.items():
        old = found.get(name)
        if new is None or (isinstance(new, dict) and new.get("$patch") == "delete"):
            found.pop(name, None)
        elif name.startswith("$"):
            continue
        elif isinstance(new, dict):
            found[name] = merged(old if isinstance(old, dict) else {}, new)
        elif isinstance(new, list):
            found[name] = _lists(name, old if isinstance(old, list) else [], new)
        else:
            found[name] = new
    return found


def configured(value: dict[str, Plain], given: Mapping[str, Plain]) -> dict[str, Plain]:
    """An object with an apply configuration: as a merge, and elements that are new come last."""
    found = dict(value)
    for name, new in given.items():
        old = found.get(name)
        key = _key(name, new) if isinstance(new, list) else None
        if isinstance(new, dict):
            found[name] = configured(old if isinstance(old, dict) else {}, new)
        elif isinstance(new, list) and isinstance(old, list) and key is not None:
            kept = [configured(o, _named(new, o, key)) if isinstance(o, dict) else o for o in old]
            found[name] = [*kept, *(n for n in new if not any(_same(o, n, key) for o in old))]
        else:
            found[name] = new
    return found


def _key(name: str, several: list[Plain]) -> str | None:
    return next((k for k in KEYS.get(name, ()) if any(isinstance(n, dict) and k in n for n in several)), None)


def _named(several: list[Plain], sought: dict[str, Plain], key: str) -> Mapping[str, Plain]:
    return next((n for n in several if isinstance(n, dict) and _same(sought, n, key)), {})


def _lists(name: str, old: list[Plain], new: list[Plain]) -> list[Plain]:
    key = _key(name, new)
    if key is None:
        return [merged({}, n) if isinstance(n, dict) else n for n in new]
    found, more = list(old), list[Plain]()
    for each in new:
        at = next((i for i, o in enumerate(found) if _same(o, each, key)), None)
        if isinstance(each, dict) and each.get("$patch") == "delete":
            found = [o for o in found if not _same(o, each, key)]
        elif at is None:
            more.append(merged({}, each) if isinstance(each, dict) else each)
        else:
            here = found[at]
            if isinstance(here, dict) and isinstance(each, dict):
                found[at] = merged(here, each)
    return [*more, *found]


def _same(a: Plain, b: Plain, key: str) -> bool:
    return isinstance(a, dict) and isinstance(b, dict) and key in b and a.get(key) == b[key]


def _ready(pattern: Plain, value: Plain) -> Plain:
    """A patch for one object: what is to be added only where it is missing, elements for each that they are about."""
    if isinstance(pattern, dict):
        return _map(pattern, value)
    if isinstance(pattern, list) and pattern and isinstance(pattern[0], dict):
        return _elements(pattern, value)
    return pattern


def _map(pattern: dict[str, Plain], value: Plain) -> dict[str, Plain]:
    have = value if isinstance(value, dict) else {}
    added = _added(pattern, have)
    _check(added, have)
    return {
        name: inner if (a := anchor(name)) is not None and a.kind in ANCHORS else _ready(inner, have.get(name))
        for name, inner in added.items()
    }


def _added(pattern: Mapping[str, Plain], have: Mapping[str, Plain]) -> dict[str, Plain]:
    found: dict[str, Plain] = {}
    for name, inner in pattern.items():
        each = anchor(name)
        if each is None or each.kind != ADD:
            found[name] = inner
        elif each.key not in have:
            found[each.key] = inner
    return found


def _check(pattern: dict[str, Plain], have: Mapping[str, Plain]) -> None:
    for kind, error in ((GLOBAL, GlobalConditionError), (CONDITION, ConditionError)):
        for name, inner in list(pattern.items()):
            each = anchor(name)
            if each is None or each.kind != kind:
                continue
            if each.key not in have:
                raise error(f"{each.key} is not there")
            if isinstance(inner, dict) and any((a := anchor(k)) is not None and a.kind == ADD for k in inner):
                below = have[each.key]
                pattern[name] = _added(inner, below if isinstance(below, dict) else {})
            elif mismatch(have[each.key], inner) is not None:
                raise error(f"{each.key} is otherwise")


def _elements(pattern: list[Plain], value: Plain) -> list[Plain]:
    have = value if isinstance(value, list) else []
    found: list[Plain] = []
    for each in pattern:
        if not isinstance(each, dict) or not _anchored(each, ANCHORS):
            found.append(each)
            continue
        only = _anchored(each, (GLOBAL,))
        if only and value is None:
            _map(each, None)
        found += [each, *_for_each(each, have, only=only)]
    return found


def _for_each(pattern: dict[str, Plain], have: list[Plain], *, only: bool) -> list[Plain]:
    """The pattern for each element that it is about. Parameters: `only`, whether it is a condition and no more."""
    found: list[Plain] = []
    failed: GlobalConditionError | None = None
    passed = False
    for element in have:
        try:
            ready = _map(pattern, element)
        except ConditionError:
            continue
        except GlobalConditionError as error:
            failed = error
            continue
        passed = True
        cleaned = _cleaned_map(ready)
        if not only and cleaned and isinstance(element, dict) and element.get("name"):
            found.append({**cleaned, "name": element["name"]})
    if failed is not None and not passed:
        raise failed
    return found


def _anchored(value: Plain, wanted: tuple[str, ...]) -> bool:
    if isinstance(value, dict):
        return any(
            ((a := anchor(k)) is not None and a.kind in wanted) or _anchored(v, wanted) for k, v in value.items()
        )
    return isinstance(value, list) and any(_anchored(v, wanted) for v in value)


def _cleaned(value: Plain) -> Plain:
    """Without conditions: None where nothing else was there."""
    if isinstance(value, dict):
        return _cleaned_map(value)
    if isinstance(value, list):
        kept = [v for v in value if not _anchored(v, ANCHORS)]
        found = [c for v in kept if (c := _cleaned(v)) is not None or v is None]
        return found if found or not value else None
    return value


def _cleaned_map(value: dict[str, Plain]) -> dict[str, Plain] | None:
    found: dict[str, Plain] = {}
    for name, inner in value.items():
        each = anchor(name)
        condition = each is not None and each.kind in CONDITIONS
        if condition and not isinstance(inner, dict | list):
            continue
        cleaned = _cleaned(inner)
        if cleaned is None and inner is not None:
            continue
        found[each.key if condition and each is not None else name] = cleaned
    return found if found or not value else None
