"""What Cilium's own policies say of one direction of one connection, read as Cilium's documentation words them.

docs.cilium.io/en/stable/security/policy/language and .../policy/intro; pkg/policy/api of the source. Pods are known by
the labels of their identity, everybody else by a reserved one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.access.match import Match, all_of, any_of
from mistrust.kube.cilium import (
    CIDRRule,
    CiliumEgressRule,
    CiliumIngressRule,
    CiliumNetworkPolicy,
    CiliumPolicy,
    CiliumRule,
    PortProtocol,
    PortRule,
    rules_of,
)
from mistrust.kube.endpoints import NAMESPACE_NAME, Endpoint
from mistrust.kube.selectors import LabelSelector, Requirement, matches
from mistrust.layers.network.deciding.matching import Matching
from mistrust.layers.network.deciding.party import Address, Party, in_blocks

OWN_SPACE: Final = "io.kubernetes.pod.namespace"
SPACE: Final = "io.cilium.k8s.namespace.labels."
ACCOUNT: Final = "io.cilium.k8s.policy.serviceaccount"
BARRED: Final = (
    "io.kubernetes", "io.cilium.k8s", "kubernetes.io", "k8s.io", "annotation", "etcd_node", "controller-uid",
    "pod-template-generation", "pod-template-hash", "controller-revision-hash", "batch.kubernetes.io/controller-uid",
    "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index", "batch.kubernetes.io/job-completion-index",
)  # fmt: skip
"""pkg/labelsfilter: labels with such keys are no part of an identity unless the agent is configured otherwise."""
Rule = CiliumIngressRule | CiliumEgressRule


class Said(msgspec.Struct, frozen=True):
    """What one rule says of the connection, if it says anything."""

    where: str
    """`CiliumNetworkPolicy shop/web (spec.ingress[0])`."""
    evidence: Evidence
    holds: Match


class Spoken(msgspec.Struct, frozen=True):
    """All that Cilium's policies say."""

    denied: tuple[Said, ...] = ()
    allowed: tuple[Said, ...] = ()
    isolating: tuple[Said, ...] = ()


class Cilium(msgspec.Struct, frozen=True):
    """Cilium's policies, for one direction of one connection."""

    given: Sequence[CiliumPolicy]
    matching: Matching
    servers: frozenset[Address]
    """Where the API server answers; empty where that was not seen."""
    nodes_seen: bool
    always: bool
    """Is every pod isolated, whether a policy is about it or not?"""

    def spoken(self, pod: Endpoint) -> Spoken:
        """What is said of a pod of the side that this direction is about."""
        found: tuple[list[Said], list[Said], list[Said]] = ([], [], [])
        egress = self.matching.direction == "egress"
        for policy in self.given:
            for path, rule in rules_of(policy):
                about = self._about(policy, rule, pod)
                if about is not False:
                    for kind, said in self._of_rule(policy, path, rule, about, egress):
                        found[kind].append(said)
        always = (Said("the policy enforcement mode of Cilium", at(pod.source), True),) if self.always else ()
        return Spoken(tuple(found[0]), tuple(found[1]), (*found[2], *always))

    def _of_rule(
        self, policy: CiliumPolicy, path: str, rule: CiliumRule, about: Match, egress: bool
    ) -> Iterator[tuple[int, Said]]:
        way = "egress" if egress else "ingress"
        sides: tuple[tuple[str, Sequence[Rule]], ...] = (
            (f"{way}Deny", rule.egress_deny if egress else rule.ingress_deny),
            (way, rule.egress if egress else rule.ingress),
        )
        for kind, (field, rules) in enumerate(sides):
            for i, one in enumerate(rules):
                where = f"{policy.ref} ({path}.{field}[{i}])"
                evidence = at(policy, f"{path}.{field}", i)
                holds = all_of((about, self._rule(one, policy.namespace)))
                if holds is not False:
                    yield kind, Said(where, evidence, holds)
                if one.requires is not None:
                    doubt = f"{where} asks for labels besides (requires), which is not judged"
                    yield 0, Said(where, evidence, doubt)
        default = rule.enable_default_deny.egress if egress else rule.enable_default_deny.ingress
        if default if default is not None else any(rules for _, rules in sides):
            yield 2, Said(str(policy.ref), at(policy, path), about)

    def _about(self, policy: CiliumPolicy, rule: CiliumRule, pod: Endpoint) -> Match:
        if isinstance(policy, CiliumNetworkPolicy) and policy.namespace != pod.namespace:
            return False
        chosen = rule.endpoint_selector
        if chosen is None:
            return False
        if isinstance(policy, CiliumNetworkPolicy):  # whatever namespace is written there, Cilium puts its own
            own = {k: v for k, v in chosen.match_labels.items() if _key(k) != OWN_SPACE}
            chosen = msgspec.structs.replace(chosen, match_labels=own)
        return self._identity(chosen, pod)

    def _rule(self, rule: Rule, home: str) -> Match:
        if rule.icmps is not None and not rule.to_ports:
            return False
        mode = rule.authentication.mode if rule.authentication is not None else ""
        proved: Match = True if mode in ("", "disabled") else f"it asks for authentication ({mode})"
        ports = any_of(map(self._ports, rule.to_ports)) if rule.to_ports else True
        return all_of((self._peers(rule, home), ports, proved))

    def _peers(self, rule: Rule, home: str) -> Match:
        named: list[tuple[object, ...] | None] = [
            rule.endpoints,
            rule.cidr,
            rule.cidr_set,
            rule.entities,
            rule.groups,
            rule.nodes,
        ]
        if isinstance(rule, CiliumEgressRule):
            named += [rule.services, rule.names]
        if all(each is None for each in named):
            return bool(rule.to_ports)  # a rule with ports alone is about everybody, an empty one about nobody
        if not any(named):
            return "versions of Cilium differ in what an empty list of peers means"
        return any_of(self._each(rule, home))

    def _each(self, rule: Rule, home: str) -> Iterator[Match]:
        _, other, address = self.matching.flow.sides(self.matching.direction)
        pod = other.pod(self.matching.profile)
        for selector in rule.endpoints or ():
            yield self._endpoint(selector, home, pod, other, address)
        for text in rule.cidr or ():
            yield in_blocks([(text, ())], other, address, self.matching.profile)
        for block in rule.cidr_set or ():
            yield self._block(block, other, address)
        for entity in rule.entities or ():
            yield self._entity(entity, other, address)
        if rule.nodes and pod is None:
            yield "fromNodes and toNodes count only where the agent is told so"
        if (rule.groups or (isinstance(rule, CiliumEgressRule) and rule.names)) and _stranger(other):
            what = "groups of the cloud" if rule.groups else "names"
            yield f"which addresses {what} stand for is not known"
        if isinstance(rule, CiliumEgressRule) and rule.services:
            yield "where the Services of toServices lead is not judged"

    def _block(self, block: CIDRRule, other: Party, address: Address | None) -> Match:
        if block.cidr_group_ref or block.cidr_group_selector is not None:
            return "what a CIDRGroup holds is not read" if _stranger(other) else False
        inside = in_blocks([(block.cidr, ())], other, address, self.matching.profile)
        holes = in_blocks([(e, ()) for e in block.excluded], other, address, self.matching.profile)
        return False if holes is True else all_of((inside, holes if isinstance(holes, str) else True))

    def _endpoint(
        self, selector: LabelSelector, home: str, pod: Endpoint | None, other: Party, address: Address | None
    ) -> Match:
        keys = (*selector.match_labels, *(r.key for r in selector.match_expressions))
        reserved = [k.removeprefix("reserved:") for k in keys if k.startswith("reserved:")]
        if len(keys) == len(reserved) == 1 and all(r.operator == "Exists" for r in selector.match_expressions):
            return self._entity(reserved[0], other, address)
        if any(k.partition(":")[1] and k.partition(":")[0] not in ("k8s", "any") for k in keys):
            return "a selector asks for labels that nobody knows here"
        if pod is None:
            return False
        spoken = any(_key(k) == OWN_SPACE or _key(k).startswith(SPACE) for k in keys)
        if home and not spoken and pod.namespace != home:
            return False
        return self._identity(selector, pod)

    def _identity(self, selector: LabelSelector, pod: Endpoint) -> Match:
        """Does a selector choose a pod by the labels of its identity?"""
        space = self.matching.namespaces.get(pod.namespace, {})
        labels = {k: v for k, v in pod.labels.items() if not k.startswith(BARRED)}
        labels |= {SPACE + k: v for k, v in space.items()} | {OWN_SPACE: pod.namespace, ACCOUNT: pod.account}
        needs = [(Requirement(k, "In", (v,))) for k, v in selector.match_labels.items()]
        doubts: list[Match] = []
        for need in (*needs, *selector.match_expressions):
            key = _key(need.key)
            if key not in (OWN_SPACE, ACCOUNT) and not key.startswith(SPACE) and _barred(key):
                doubts.append(f"whether labels {key!r} are part of an identity is a setting of Cilium")
            elif key.startswith(SPACE) and pod.namespace not in self.matching.seen and key != SPACE + NAMESPACE_NAME:
                doubts.append(f"the labels of Namespace {pod.namespace} were not seen")
            elif not matches(LabelSelector({}, (msgspec.structs.replace(need, key=key),)), labels):
                return False
        return all_of(doubts)

    def _entity(self, name: str, other: Party, address: Address | None) -> Match:
        pod = other.pod(self.matching.profile)
        known = pod is None and not _stranger(other)
        match name:
            case "all":
                return True
            case "world" | "world-ipv4" | "world-ipv6":
                return _stranger(other) and (name == "world" or address is None or name.endswith(str(address.version)))
            case "host":
                return known and self._own(other)
            case "cluster" | "remote-node":
                if name == "remote-node" and known and self._own(other):
                    return False
                if known or (pod is not None and name == "cluster"):
                    return True
                return False if pod is not None or self.nodes_seen else "no node was seen: the address may be one's"
            case "kube-apiserver":
                if pod is not None:
                    return False
                if not self.servers:
                    return "the addresses of the API server were not seen"
                held = other.addresses if other.endpoint is not None else (address,)
                return any(a in self.servers for a in held)
            case _:
                return False

    def _own(self, other: Party) -> bool:
        """Is it the node of the pod that this direction is about?"""
        subject, _, _ = self.matching.flow.sides(self.matching.direction)
        return bool(other.host) and other.host == subject.host

    def _ports(self, rule: PortRule) -> Match:
        inside = any_of(map(self._port, rule.ports)) if rule.ports else True
        return all_of((inside, _requests(rule)))

    def _port(self, port: PortProtocol) -> Match:
        flow = self.matching.flow
        if port.protocol.upper() not in ("", "ANY", flow.protocol):
            return False
        text = str(port.port)
        if text.isdigit():
            return int(text) == 0 or int(text) <= flow.port <= (port.end_port or int(text))
        if not self.matching.named(text.lower()):
            return False
        vague = self.matching.direction == "egress"
        return f"Cilium may not resolve the port {text!r}: other pods may give it another number" if vague else True


def _key(text: str) -> str:
    source, colon, key = text.partition(":")
    return key if colon and source in ("k8s", "any") else text


def _barred(key: str) -> bool:
    return key.startswith(BARRED) or "beta.kubernetes.io" in key


def _stranger(other: Party) -> bool:
    """Is it nobody of the cluster, as far as anybody knows?"""
    return other.endpoint is None and other.node is None


def _requests(rule: PortRule) -> Match:
    """Does every request pass, once the connection stands?"""
    if rule.server_names or rule.listener is not None:
        return "it asks for more than the port (serverNames, listener)"
    told = rule.rules
    if told is None:
        return True
    free = any(not any((r.path, r.method, r.host, r.headers, r.header_matches)) for r in told.http or ())
    named = any(n.match_pattern == "*" for n in told.dns or ())
    limits = (told.http and not free) or (told.dns and not named) or told.kafka or told.l7proto
    return "it lets only some requests pass" if limits else True
