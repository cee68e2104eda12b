"""Meshes side by side, and what the network plugin encrypts where no mesh does."""

from __future__ import annotations

import pytest
from tests.layers.mesh.istio_scene import Plain, Scene, meta, namespace, peers, service, workload

from mistrust.layers.mesh.channel import Authn, Authz, Transport

PLAIN = (namespace("a", {}), workload("one", "a"), workload("two", "a"), workload("agent", "a", host_network=True))
MESHED = (namespace("shop"), workload("web"), workload("db"), service("db"))


def settings(name: str, **data: str) -> Plain:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name, "kube-system"), "data": data}


def test_without_a_mesh_everything_is_plaintext_and_nothing_is_checked() -> None:
    found = Scene(*PLAIN).channel("one", "two")
    assert (found.transport, found.authn, found.authz) == (Transport.PLAINTEXT, Authn.NONE, Authz.NONE)
    assert found.plaintext is True


@pytest.mark.parametrize("switch", ["enable-wireguard", "enable-ipsec"])
def test_cilium_encrypts_what_no_mesh_does_between_pods_with_a_network_of_their_own(switch: str) -> None:
    scene = Scene(*PLAIN, *MESHED, settings("cilium-config", **{switch: "true"}))
    found = scene.channel("one", "two")
    assert (found.transport, found.authn, found.plaintext) == (Transport.NODE_ENCRYPTED, Authn.NONE, True)
    assert [str(e) for e in found.decided_by] == [f"ConfigMap kube-system/cilium-config data.{switch} true"]
    assert scene.transport("agent", "two") == "plaintext"
    assert scene.transport("", "two") == "plaintext"
    assert scene.transport("web", "db") == "mtls-opportunistic"
    assert scene.transport("one", "db") == "node-encrypted"


def test_settings_that_do_not_switch_it_on_encrypt_nothing() -> None:
    assert (
        Scene(*PLAIN, settings("cilium-config", **{"enable-wireguard": "false"})).transport("one", "two") == "plaintext"
    )
    assert Scene(*PLAIN, settings("other", **{"enable-wireguard": "true"})).transport("one", "two") == "plaintext"


def test_of_calico_it_is_not_known() -> None:
    felix = {"apiVersion": "crd.projectcalico.org/v1", "kind": "FelixConfiguration", "metadata": meta("default")}
    found = Scene(*PLAIN, felix).channel("one", "two")
    assert found.transport is Transport.PLAINTEXT
    assert found.unknown == ("FelixConfiguration default may switch WireGuard on: the kind is not read",)


LINKERD = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": meta("ld", annotations={"linkerd.io/inject": "enabled"}),
}


def test_two_meshes_speak_plaintext_to_each_other() -> None:
    """Each knows its own; STRICT refuses the other's clients."""
    scene = Scene(*MESHED, LINKERD, workload("lone", "ld"), workload("peer", "ld"))
    assert scene.transport("lone", "peer") == "mtls-opportunistic"
    assert (scene.transport("web", "peer"), scene.transport("lone", "db")) == ("plaintext", "plaintext")
    strict = Scene(*MESHED, LINKERD, workload("lone", "ld"), peers("shop", "STRICT"))
    assert (strict.transport("lone", "db"), strict.channel("lone", "db").plaintext) == ("broken", False)


def test_what_had_to_be_assumed_is_said_once_for_each_mesh() -> None:
    assert [a.split(":")[0] for a in Scene(*MESHED, LINKERD, workload("lone", "ld")).mesh.assumed] == [
        "there is no ConfigMap istio with the settings of the mesh",
        "ConfigMap linkerd-config was not seen",
    ]
    assert Scene(*PLAIN).mesh.assumed == ()
