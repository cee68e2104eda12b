"""Random clusters with random flows, and the policies that come of them."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import msgspec
from tests.layers.network import cilium_dice, definition, dice
from tests.layers.network.scene import Plain, cluster, namespace, pod
from tests.layers.network.synthesizing import WINDOW, after, deployment

from mistrust.access.change import Tightened
from mistrust.access.flow import Flow, Peer
from mistrust.access.ports import PROTOCOLS, SPAN
from mistrust.access.record import Record, Tally
from mistrust.kube.core import Node
from mistrust.kube.endpoints import endpoints, namespace_labels
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.grants import Origin, granted
from mistrust.layers.network.least.forms import Name
from mistrust.layers.network.plugin import profiles
from mistrust.layers.network.statements.policies import policies
from mistrust.layers.network.synthesize import synthesize
from mistrust.layers.network.usage import Usage, used


class World(msgspec.Struct):
    """A cluster, what was seen, and what comes of it."""

    old: Snapshot
    record: Record[Flow]
    usage: Usage
    found: Tightened
    new: Snapshot

    @property
    def left(self) -> set[Ref]:
        return {each.ref for each in self.found.left}


def world(
    seed: int, *, cluster_wide: bool = True, promised: bool = False, form: Name = "kubernetes", nodes: bool = True
) -> World:
    """Pods of two families, some alike; workloads of two pods with a hash; `promised` takes addresses away.

    For the form `cilium` Cilium runs, and has some policies of its own. Without `nodes` none is shown.
    """
    random = Random(seed)
    wide = ("Namespace", "Node", "Pod", "NetworkPolicy")
    objects = [o for o in dice.cluster(seed) if cluster_wide or o["kind"] in wide]
    objects = [o for o in objects if nodes or o["kind"] != "Node"]
    for i, o in enumerate(o for o in objects if o["kind"] == "Pod"):
        if random.random() < 0.7:
            o["metadata"]["labels"][random.choice(["app", "name"])] = o["metadata"]["name"]
        if not o["spec"]["hostNetwork"] and not promised and not any(a["ip"] for a in o["status"]["podIPs"]):
            o["status"]["podIPs"] = [{"ip": f"10.0.1.{i + 100}"}]
    for i in range(random.randint(0, 2)):
        objects += replicated(f"a/d{i}", f"app={random.choice('xyz')} name=d{i}", 0 if promised else 2)
    if random.random() < 0.5:
        objects += [
            namespace("kube-system"),
            *replicated("kube-system/coredns", "k8s-app=kube-dns", 0 if promised else 1),
        ]
    if not promised:
        objects[0]["metadata"]["uid"] = "1"  # a cluster: what is not shown is not there
    if form == "cilium":
        agent = pod("kube-system/cilium", "k8s-app=cilium", "", "192.168.0.2", "n2", host=True)
        agent["spec"]["containers"][0]["name"] = "cilium-agent"
        objects += [agent, cilium_dice.server()]
        objects += [cilium_dice.policy(random, i) for i in range(random.choice([0, 0, 0, 2]))]
        objects += [cilium_dice.policy(random, i, plain=True) for i in range(random.choice([0, 1, 3]))]
    old = cluster(*objects)
    record = Record(dict.fromkeys(flows(old, random), Tally(1, 5, 5)), WINDOW)
    usage = used(granted(old), record, old)
    found = synthesize(old, usage, form=form)
    return World(old, record, usage, found, after(old, found))


def replicated(name: str, labels: str, pods: int, hashed: str = "5d4f") -> list[Plain]:
    """A Deployment, and its pods of one revision."""
    owner = deployment(name, labels, "TCP/80 UDP/53 TCP/53")
    made = [owner]
    for i in range(pods):
        short = f"{owner['metadata']['name']}-{hashed}-{i}"
        space = owner["metadata"]["namespace"]
        address = f"10.0.0.{150 + 10 * int(name.endswith('1')) + 20 * int('dns' in name) + i}"
        one = pod(f"{space}/{short}", f"{labels} pod-template-hash={hashed}", "", address, f"n{i + 1}")
        one["spec"]["containers"] = owner["spec"]["template"]["spec"]["containers"]
        one["metadata"]["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": owner["metadata"]["name"], "controller": True}
        ]
        made.append(one)
    return made


def flows(given: Snapshot, random: Random) -> Iterator[Flow]:
    """Some of what is allowed, and little of what is not; most workloads are seen."""
    allowed, refs = granted(given), [w.ref for w in given.workloads]
    for source in refs:
        for destination in refs:
            if random.random() < 0.5:
                ports = allowed.ports(source, destination).ranges
                at = random.choice(ports)[0] if ports and random.random() < 0.9 else random.choice(dice.PORTS)
                yield _flow(_peer(source), _peer(destination), at)
        address, inward, at = random.choice(dice.ADDRESSES), random.random() < 0.5, random.choice(dice.PORTS)
        if any(opens(o, source, address, inward, at) for o in allowed.origins):
            ends = (Peer(address=address), _peer(source)) if inward else (_peer(source), Peer(address=address))
            yield _flow(*ends, at)


def opens(origin: Origin, workload: Ref, address: str, inward: bool, at: int) -> bool:
    """May some pod of a workload open it to the address, or the other way round?"""
    reach = origin.reach
    for i in origin.pods[workload]:
        ends = (reach.block_of(address), reach.class_of[i])
        if at in reach.ports(*(ends if inward else ends[::-1])):
            return True
    return False


def _peer(ref: Ref) -> Peer:
    return Peer(ref.namespace, workload=ref.name)


def _flow(source: Peer, destination: Peer, at: int) -> Flow:
    return Flow(source, destination, PROTOCOLS[at // SPAN], at % SPAN)


def readings(given: Snapshot) -> Iterator[definition.World]:
    """One for each plugin that may run; a pod that a template promises has an address of its own here."""
    rules = policies(given)
    ends = tuple(
        e if e.addresses else msgspec.structs.replace(e, addresses=(f"10.77.0.{i + 1}",), node=e.node or "n9")
        for i, e in enumerate(endpoints(given))
    )
    for profile in profiles(given):
        yield definition.World(ends, namespace_labels(given), rules.network, rules.cluster, profile, given.of(Node))
