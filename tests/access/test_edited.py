"""Edits make of an object what they say, and leave the rest."""

from __future__ import annotations

import pytest

from mistrust.access.change import Change, applied
from mistrust.access.edited import edited
from mistrust.access.fact import Edit
from mistrust.kube.core import Namespace
from mistrust.kube.meta import Metadata
from mistrust.kube.pods import Capabilities, Container, Pod, PodSpec, SecurityContext, Volume
from mistrust.kube.problem import Origin

POD = Pod(
    metadata=Metadata(name="web", namespace="shop"),
    origin=Origin("web.yaml", 2),
    spec=PodSpec(containers=(Container(name="a"), Container(name="b")), volumes=(Volume(name="v"),)),
)


def edit(op: str, *path: str | int, value: str = "") -> Edit:
    assert op in ("set", "remove", "add")
    return Edit(POD.ref, POD.origin, op, path, value)  # type: ignore[arg-type]


def test_a_field_is_set_and_mappings_on_the_way_are_made() -> None:
    changed = edited(
        POD, [edit("set", "spec", "containers", 1, "securityContext", "capabilities", value="{drop: [ALL]}")]
    )
    assert changed.spec.containers[1].security_context == SecurityContext(capabilities=Capabilities(drop=("ALL",)))
    assert changed.spec.containers[0] == POD.spec.containers[0]
    assert (changed.ref, changed.origin) == (POD.ref, POD.origin)


def test_a_label_with_dots_and_slashes_is_one_key() -> None:
    label = "pod-security.kubernetes.io/enforce"
    space = Namespace(metadata=Metadata(name="shop"))
    changed = edited(space, [Edit(space.ref, space.origin, "set", ("metadata", "labels", label), "baseline")])
    assert changed.metadata.labels == {label: "baseline"}


def test_an_item_is_removed_and_another_appended() -> None:
    changed = edited(POD, [edit("remove", "spec", "volumes", 0), edit("add", "spec", "volumes", value="{name: w}")])
    assert [v.name for v in changed.spec.volumes] == ["w"]


def test_an_edit_that_fits_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no field"):
        edited(POD, [edit("set", "spec", "containers", 7, "image", value="x")])


def test_what_controllers_make_anew_follows_the_change() -> None:
    pod, other = edited(POD, [edit("set", "spec", "hostPID", value="true")]), Pod(metadata=Metadata(name="other"))
    space = Namespace(metadata=Metadata(name="shop"))
    change = Change(space, (space,), "", follows=((POD, pod),))
    assert applied([POD, space, other], [change]) == (pod, space, other)
