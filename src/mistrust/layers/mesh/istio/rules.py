"""Which DestinationRule a client follows, and what it says about TLS.

Sources: pilot/pkg/model/push_context.go (`setDestinationRules`, `destinationRule`), destination_rule.go (merging),
sidecar.go (`DestinationRule`: workloadSelector), pkg/config/host/name.go (`MostSpecificHostMatch`),
pilot/pkg/networking/util/util.go (`GetPortLevelTrafficPolicy`), pilot/pkg/xds/endpoints/mtls_checker.go.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.kube.istio import ClientTLS, DestinationRule, Subset, TrafficPolicy
from mistrust.layers.mesh.istio.hosts import DOMAIN


class Merged(msgspec.Struct, frozen=True, eq=False):
    """The rules for one host in one namespace, put together: the oldest, with the others' subsets."""

    rule: DestinationRule
    """The oldest."""
    policy: TrafficPolicy | None
    policy_of: DestinationRule
    """Where the policy stands."""
    subsets: tuple[tuple[DestinationRule, int, Subset], ...]
    exported: frozenset[str]
    """The namespaces that it is meant for; empty for all."""

    @property
    def selector(self) -> Mapping[str, str] | None:
        """The clients of its own namespace that it is for; None for every client."""
        chosen = self.rule.spec.workload_selector
        return None if chosen is None else chosen.match_labels or chosen.labels


class Setting(msgspec.Struct, frozen=True):
    """What a rule says about one port of a host."""

    tls: ClientTLS | None
    """How clients connect; None: the rule leaves it to the mesh."""
    told: str
    """The mode that endpoints are weighed by where `tls` is None; empty where the rule has none."""
    passthrough: bool
    """Clients dial the pod's own address."""
    selected: bool
    """Is the rule for chosen clients alone?"""
    subset: str
    decided_by: tuple[Evidence, ...]


NO_SETTING = Setting(None, "", False, False, "", ())
Index = dict[str, dict[str, list[Merged]]]


class Rules:
    """Every DestinationRule, found as istiod finds it."""

    def __init__(self, rules: Iterable[DestinationRule], root: str) -> None:
        self.root = root
        self._local: Index = {}
        self._exported: Index = {}
        self._root_local: dict[str, list[Merged]] = {}
        self._hosts: dict[str, Hashable] = {}
        self.everything = tuple(sorted(rules, key=_age))
        for rule in self.everything:
            exported = frozenset(rule.namespace if w == "." else w for w in rule.spec.export_to)
            host = qualified(rule.spec.host, rule.namespace)
            if not exported or exported & {"*", rule.namespace}:
                _merge(self._local.setdefault(rule.namespace, {}), host, rule, exported)
            if exported != {rule.namespace}:
                _merge(self._exported.setdefault(rule.namespace, {}), host, rule, exported)
            elif rule.namespace == root:
                _merge(self._root_local, host, rule, exported)
        self._named = {n for r in self.everything for n in r.spec.export_to} | set(self._local)
        self.ports = frozenset(
            s.port.number for r in self.everything for p in _policies(r) for s in p.port_level_settings
        )
        """The ports that some rule treats by themselves."""
        self.subset_labels = frozenset(
            k for r in self.everything for s in r.spec.subsets if s.traffic_policy is not None for k in s.labels
        )
        """The labels of servers that some subset with settings of its own asks for."""

    def concern(self, host: str) -> bool:
        """Does any rule speak of this host?"""
        indexes = (*self._local.values(), *self._exported.values())
        return any(most_specific(host, rules) is not None for rules in indexes)

    def client_key(self, namespace: str, labels: Mapping[str, str]) -> Hashable:
        """All that a rule may ask about a client."""
        chosen = tuple(
            i
            for i, r in enumerate(self.everything)
            if r.namespace == namespace
            and r.spec.workload_selector is not None
            and (r.spec.workload_selector.match_labels or r.spec.workload_selector.labels).items() <= labels.items()
        )
        return (namespace if namespace in self._named or namespace == self.root else ""), chosen

    def host_key(self, host: str, namespace: str) -> Hashable:
        """All that tells a host of a namespace from others, as far as rules go."""
        key = f"{namespace}/{host}"
        if key not in self._hosts:
            local = [(n, id(best)) for n, rules in self._local.items() if (best := most_specific(host, rules))]
            mine = most_specific(host, self._exported.get(namespace, {}))
            common = most_specific(host, self._exported.get(self.root, {}))
            own = most_specific(host, self._root_local)
            self._hosts[key] = (tuple(local), id(mine or ()), id(common or ()), id(own or ()))
        return self._hosts[key]

    def followed(self, host: str, namespace: str, client: str, labels: Mapping[str, str]) -> tuple[Merged | None, ...]:
        """The rule that a client in the namespace `client` follows for a host of `namespace`.

        Two where releases of Istio differ: the older stop at the first namespace that has a rule for the host, the
        newer go on where all of its rules are for chosen clients (istio#57719).
        """
        own = self._root_local if client == self.root else self._local.get(client, {})
        local = most_specific(host, own) or []
        farther = [self._shown(host, owner, client) for owner in (namespace, self.root)]
        common = [[m for m in found if m.selector is None] for found in farther]
        older = next((found for found in (local, *farther) if found), [])
        newer = local
        if all(m.selector is not None for m in local):
            newer = [*local, *next((found for found in common if found), [])]
        return tuple(dict.fromkeys(_chosen(found, client, labels) for found in (newer, older)))

    def _shown(self, host: str, owner: str, client: str) -> list[Merged]:
        """What a namespace exports to the client's."""
        found = most_specific(host, self._exported.get(owner, {})) or []
        return [m for m in found if not m.exported or m.exported & {"*", client}]


def _chosen(found: Iterable[Merged], client: str, labels: Mapping[str, str]) -> Merged | None:
    """The one for this client by its labels, else the last for every client."""
    general = None
    for merged in found:
        if merged.selector is None:
            general = merged
        elif merged.rule.namespace == client and merged.selector.items() <= labels.items():
            return merged
    return general


def settings(merged: Merged | None, port: int, labels: Mapping[str, str]) -> tuple[Setting, ...]:
    """What the rule says about a port of the host: first of all, then for each subset with these labels.

    A subset counts only where a VirtualService sends there; what it says may apply, so it is told.
    """
    if merged is None:
        return (NO_SETTING,)
    selected = merged.selector is not None
    base = _setting(merged.policy, port, merged.policy_of, "spec.trafficPolicy", selected, "")
    out = [base]
    for rule, index, subset in merged.subsets:
        own = subset.traffic_policy
        if own is None or not subset.labels.items() <= labels.items():
            continue
        path = f"spec.subsets[{index}].trafficPolicy"
        found = _setting(own, port, rule, path, selected, subset.name)
        if found.tls is not None and found.tls != base.tls:
            out.append(found)
    return tuple(out)


def _setting(
    policy: TrafficPolicy | None, port: int, rule: DestinationRule, path: str, selected: bool, subset: str
) -> Setting:
    """Settings of a port replace those of the host as a whole, but endpoints are weighed by the host's mode."""
    if policy is None:
        return msgspec.structs.replace(NO_SETTING, selected=selected, subset=subset)
    told = policy.tls.mode or "DISABLE" if policy.tls is not None else ""
    tls, balancer, where = policy.tls, policy.load_balancer, f"{path}.tls"
    for i, own in enumerate(policy.port_level_settings):
        if own.port.number == port:
            tls, balancer, where = own.tls, own.load_balancer, f"{path}.portLevelSettings[{i}].tls"
            told = (own.tls.mode or "DISABLE") if own.tls is not None else told
            break
    mode = tls.mode or "DISABLE" if tls is not None else told
    evidence = (at(rule, where if tls is not None else f"{path}.tls", value=f"mode: {mode}"),) if mode else ()
    passthrough = balancer is not None and balancer.simple == "PASSTHROUGH"
    return Setting(tls, told, passthrough, selected, subset, evidence)


def qualified(host: str, namespace: str) -> str:
    """A name without a dot is a Service of the rule's own namespace; any other name stands as it is.

    >>> qualified("web", "shop"), qualified("web.shop", "shop")
    ('web.shop.svc.cluster.local', 'web.shop')
    """
    return host if "." in host or host == "*" else f"{host}.{namespace}.{DOMAIN}"


def matches_host(pattern: str, host: str) -> bool:
    """Does a rule for `pattern` (`*.shop.svc.cluster.local`, a name) speak of this host?"""
    return pattern == host or (pattern.startswith("*") and host.endswith(pattern[1:]))


def most_specific(host: str, rules: Mapping[str, list[Merged]]) -> list[Merged] | None:
    """The rules of the host itself, or of the longest pattern that matches."""
    if host in rules:
        return rules[host]
    patterns = [p for p in rules if p.startswith("*") and matches_host(p, host)]
    return rules[max(patterns, key=len)] if patterns else None


def _merge(index: dict[str, list[Merged]], host: str, rule: DestinationRule, exported: frozenset[str]) -> None:
    """Put a rule to those for the same host: what they lack they take from it, and it may stand by itself as well."""
    new = Merged(
        rule, rule.spec.traffic_policy, rule, tuple((rule, i, s) for i, s in enumerate(rule.spec.subsets)), exported
    )
    held = index.setdefault(host, [])
    apart = True
    for i, old in enumerate(held):
        apart = exported != old.exported
        if apart and not (old.exported and exported >= old.exported):
            continue
        if old.selector is not None and new.selector is not None and old.selector != new.selector:
            apart = True
            continue
        apart = old.selector != new.selector
        known = {s.name for _, _, s in old.subsets}
        subsets = (*old.subsets, *(s for s in new.subsets if s[2].name not in known))
        policy, policy_of = (old.policy, old.policy_of) if old.policy is not None else (new.policy, rule)
        held[i] = Merged(old.rule, policy, policy_of, subsets, old.exported)
    if apart:
        held.append(new)


def _policies(rule: DestinationRule) -> Iterator[TrafficPolicy]:
    if rule.spec.traffic_policy is not None:
        yield rule.spec.traffic_policy
    yield from (s.traffic_policy for s in rule.spec.subsets if s.traffic_policy is not None)


def _age(rule: DestinationRule) -> tuple[bool, str, str, str]:
    """Rules for chosen clients first, then the oldest (`sortConfigBySelectorAndCreationTime`)."""
    chosen = rule.spec.workload_selector is not None
    return not chosen, rule.metadata.creation_timestamp, rule.name, rule.namespace
