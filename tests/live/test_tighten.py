"""Tightened RBAC on a real API server: what was used is allowed, and nothing is that was not before."""

from __future__ import annotations

import random

import msgspec
import pytest

from mistrust.access.change import applied
from mistrust.access.record import Tally
from mistrust.catalog.load import default_rbac
from mistrust.kube.decode import from_plain
from mistrust.kube.meta import Object
from mistrust.kube.problem import Origin
from mistrust.kube.snapshot import snapshot
from mistrust.layers.identity.index import rbac
from mistrust.layers.identity.reviews import Spec, request_of
from mistrust.layers.identity.synthesize import synthesize
from mistrust.layers.identity.usage import nameable
from mistrust.report.manifests import manifest
from tests.controlplane.server import ControlPlane
from tests.live.test_rbac_differential import question, world

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_the_server_refuses_nothing_that_was_used(controlplane: ControlPlane, seed: int) -> None:
    dice = random.Random(seed)
    written, asked = world(dice), [question(dice) for _ in range(1500)]
    try:
        before = controlplane.reviews(written, asked)
    finally:
        controlplane.reset()
    asking = [request_of(msgspec.convert(spec, Spec)) for spec in asked]
    used = [i for i, allowed in enumerate(before) if allowed and nameable(asking[i]) and dice.random() < 0.3]
    decoded = (o for i, m in enumerate(written) for o in from_plain(dict(m), Origin("world", i)))
    objects = [o for o in decoded if isinstance(o, Object)]
    uses = {asking[i]: Tally(1, 0, 0) for i in used}
    found = synthesize(objects, uses, lambda some: rbac(snapshot(some), default_rbac()))
    tight = applied(objects, found.changes)
    try:
        after = controlplane.reviews([manifest(o) for o in tight], asked)
    finally:
        controlplane.reset()

    assert len(used) > 30
    assert not [asked[i] for i in used if not after[i]][:3]
    assert not [spec for spec, was, now in zip(asked, before, after, strict=True) if now and not was][:3]
    assert sum(after) < sum(before)
