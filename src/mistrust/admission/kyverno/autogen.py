"""Rules for pod controllers, made of those for pods (kyverno/pkg/autogen)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mistrust.admission.kyverno.match import kind, kinds
from mistrust.admission.plain import items, mapping, text, texts
from mistrust.kube.build import Plain

CONTROLLERS: Final = ("DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet")
CRON: Final = "CronJob"
ANNOTATION: Final = "pod-policies.kyverno.io/autogen-controllers"
TEMPLATE: Final = ("spec", "template")
CRON_TEMPLATE: Final = ("spec", "jobTemplate", "spec", "template")
Rule = Mapping[str, Plain]


def rules(policy: Mapping[str, Plain]) -> Iterator[Rule]:
    """The rules of a policy and those that they stand for."""
    own = [r for r in items(policy, "spec", "rules") if isinstance(r, dict)]
    yield from own
    chosen = _controllers(policy)
    if not chosen or not _may(own):
        return
    for rule in own:
        yield from _made(rule, chosen)


def _controllers(policy: Mapping[str, Plain]) -> Sequence[str]:
    written = mapping(policy, "metadata", "annotations").get(ANNOTATION)
    if not isinstance(written, str):
        return (*CONTROLLERS, CRON)
    wanted = [w.strip() for w in written.split(",")]
    return tuple(c for c in (*CONTROLLERS, CRON) if c in wanted)


def _may(own: Sequence[Rule]) -> bool:
    """Only where no rule asks for what a controller does not share with its pods."""
    needed = False
    for rule in own:
        if rule.get("generate") is not None or _patches(rule):
            return False
        for given in _filters(rule):
            if any(given.get(k) for k in ("name", "names", "selector", "annotations")):
                return False
            named = texts(given, "kinds")
            if len(named) > 1 and _has_pod(named):
                return False
            needed = needed or _has_pod(named)
    return needed


def _patches(rule: Rule) -> bool:
    mutate = mapping(rule, "mutate")
    several = [mutate, *items(mutate, "foreach")]
    return any(isinstance(m, dict) and m.get("patchesJson6902") for m in several)


def _filters(rule: Rule) -> Iterator[Mapping[str, Plain]]:
    for name in ("match", "exclude"):
        given = mapping(rule, name)
        for each in (given, *items(given, "any"), *items(given, "all")):
            yield mapping(each, "resources")


def _has_pod(named: Sequence[str]) -> bool:
    return any(kind(n).kind == "Pod" for n in named)


def _made(rule: Rule, chosen: Sequence[str]) -> Iterator[Rule]:
    named, excluded = kinds(rule.get("match")), kinds(rule.get("exclude"))
    if not _has_pod(named) or (excluded and not _has_pod(excluded)):
        return
    plain = [c for c in chosen if c != CRON]
    if plain:
        yield shifted(rule, plain, TEMPLATE, "autogen-")
    if CRON in chosen:
        yield shifted(rule, [CRON], CRON_TEMPLATE, "autogen-cronjob-")


def shifted(rule: Rule, controllers: Sequence[str], at: Sequence[str], prefix: str) -> Rule:
    """The same rule about the template of pods inside of other kinds."""
    made = {k: _rekinded(v, controllers) if k in ("match", "exclude") else _texts(v, at) for k, v in rule.items()}
    made["name"] = f"{prefix}{text(rule, 'name')}"[:63]
    validate, mutate = made.get("validate"), made.get("mutate")
    if isinstance(validate, dict):
        made["validate"] = _validate(validate, at)
    if isinstance(mutate, dict):
        made["mutate"] = _mutate(mutate, at)
    return made


def _validate(given: dict[str, Plain], at: Sequence[str]) -> Plain:
    found = dict(given)
    if "pattern" in found:
        found["pattern"] = _nested(found["pattern"], at)
    if "anyPattern" in found:
        found["anyPattern"] = [_nested(p, at) for p in items(found, "anyPattern")]
    return found


def _mutate(given: dict[str, Plain], at: Sequence[str]) -> Plain:
    found = dict(given)
    if "patchStrategicMerge" in found:
        found["patchStrategicMerge"] = _nested(found["patchStrategicMerge"], at)
    if "foreach" in found:
        found["foreach"] = [_mutate(each, at) if isinstance(each, dict) else each for each in items(found, "foreach")]
    return found


def _nested(value: Plain, at: Sequence[str]) -> Plain:
    for name in reversed(at):
        value = {name: value}
    return value


def _rekinded(given: Plain, controllers: Sequence[str]) -> Plain:
    """Controllers in place of pods."""
    if isinstance(given, list):
        return [_rekinded(each, controllers) for each in given]
    if not isinstance(given, dict):
        return given
    found = {k: _rekinded(v, controllers) for k, v in given.items()}
    if _has_pod(texts(found, "kinds")):
        found["kinds"] = list(controllers)
    return found


def _texts(given: Plain, at: Sequence[str]) -> Plain:
    """Where a text names the pod, it names the template."""
    if isinstance(given, dict):
        return {k: _texts(v, at) for k, v in given.items()}
    if isinstance(given, list):
        return [_texts(each, at) for each in given]
    return moved(given, at) if isinstance(given, str) else given


def moved(source: str, at: Sequence[str]) -> str:
    """An expression about pods, about their template."""
    front = ".".join(at)
    for name in ("object", "oldObject"):
        for part in ("spec", "metadata"):
            source = source.replace(f"{name}.{part}", f"{name}.\0{front}.{part}")
        source = source.replace(f"{name}.\0{front}.metadata.namespace", f"{name}.metadata.namespace")
    return source.replace("\0", "")
