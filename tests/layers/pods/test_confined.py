"""What a container is when it runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.layers.pods.make import one, spec

from mistrust.kube.meta import Metadata
from mistrust.kube.pods import Capabilities
from mistrust.layers.pods.escapes.confined import RUNTIME_CAPABILITIES, confined, held, normal

NAMES = ["ALL", "all", "SYS_ADMIN", "CAP_SYS_ADMIN", "NET_RAW", "cap_net_raw", "CHOWN", "BPF"]
LISTS = st.lists(st.sampled_from(NAMES), max_size=4).map(tuple)
UNIVERSE = RUNTIME_CAPABILITIES | {"SYS_ADMIN", "BPF", "SYS_MODULE"}


def as_a_runtime_does_it(add: tuple[str, ...], drop: tuple[str, ...]) -> set[str]:
    """containerd's steps, one after another, on the kernel's list of capabilities."""
    have = set(RUNTIME_CAPABILITIES)
    if "ALL" in map(normal, add):
        have = set(UNIVERSE)
    if "ALL" in map(normal, drop):
        have = set()
    have |= {normal(c) for c in add if normal(c) != "ALL"}
    return have - {normal(c) for c in drop}


@given(LISTS, LISTS)
def test_law_capabilities_are_held_as_a_runtime_gives_them(add: tuple[str, ...], drop: tuple[str, ...]) -> None:
    has = held(Capabilities(add, drop))
    every = UNIVERSE - {normal(c) for c in drop} if "ALL" in has else set()
    assert (has - {"ALL"}) | every == as_a_runtime_does_it(add, drop)


@pytest.mark.parametrize(
    ("annotation", "container", "pod", "runs"),
    [
        ("", "", "", ""),
        ("unconfined", "", "", "Unconfined"),
        ("unconfined", "RuntimeDefault", "", "RuntimeDefault"),
        ("localhost/x", "", "Unconfined", "Localhost"),
        ("runtime/default", "", "Unconfined", "RuntimeDefault"),
        ("nonsense", "", "Unconfined", "Unconfined"),
        ("", "Unconfined", "RuntimeDefault", "Unconfined"),
    ],
)
def test_app_armor_is_the_containers_then_the_annotations_then_the_pods(
    annotation: str, container: str, pod: str, runs: str
) -> None:
    annotations = {"container.apparmor.security.beta.kubernetes.io/web": annotation} if annotation else {}
    own = f"securityContext: {{appArmorProfile: {{type: {container}}}}}" if container else ""
    above = f"securityContext: {{appArmorProfile: {{type: {pod}}}}}\n" if pod else ""
    [c] = confined(Metadata(annotations=annotations), spec(above + one(own)))
    assert c.app_armor == runs
