"""What a test says variables stand for (cli.kyverno.io/v1alpha1 Values)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from mistrust.admission.plain import items, mapping, text
from mistrust.kube.build import Plain

Object = Mapping[str, Plain]


class Values(msgspec.Struct, frozen=True):
    """A file of values."""

    everywhere: Mapping[str, Plain] = {}
    policies: tuple[Object, ...] = ()
    namespaces: Mapping[str, Object] = {}

    def of(self, policy: str, resource: str) -> Mapping[str, Plain]:
        """What variables stand for where a policy is asked about a resource."""
        found = dict(self.everywhere)
        for each in self.policies:
            if text(each, "name") == policy:
                for rule in items(each, "rules"):
                    found.update(mapping(rule, "values"))
                    found.update(
                        {k: v[0] for k, v in mapping(rule, "foreachValues").items() if isinstance(v, list) and v}
                    )
                for one in items(each, "resources"):
                    if text(one, "name") == resource:
                        found.update(mapping(one, "values"))
        return found


def values(documents: Sequence[Object], inline: Plain) -> Values:
    """The values of a file and those of the test itself."""
    several = [mapping(d, "spec") or d for d in [*documents, *([inline] if isinstance(inline, dict) else [])]]
    everywhere = {k: v for s in several for k, v in mapping(s, "globalValues").items()}
    policies = tuple(p for s in several for p in items(s, "policies") if isinstance(p, dict))
    chosen = {text(n, "name"): mapping(n, "labels") for s in several for n in items(s, "namespaceSelector")}
    spaces: dict[str, Object] = {name: {"metadata": {"labels": dict(labels)}} for name, labels in chosen.items()}
    for each in (n for s in several for n in items(s, "namespaces") if isinstance(n, dict)):
        spaces[text(each, "metadata", "name")] = each
    return Values(everywhere, policies, spaces)


def namespaces(given: Values, name: str) -> Object | None:
    """The Namespace of that name, with the labels that the values give it."""
    if not name:
        return None
    metadata = mapping(given.namespaces.get(name, {}), "metadata")
    labels: dict[str, Plain] = {"kubernetes.io/metadata.name": name, **mapping(metadata, "labels")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {**metadata, "name": name, "labels": labels}}
