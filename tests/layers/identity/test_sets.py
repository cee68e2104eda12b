"""Sets of strings and boxes of them, where a picture says more than a law."""

from __future__ import annotations

from itertools import combinations

import pytest
from tests.layers.identity.objects import policy

from mistrust.layers.identity.boxes import Box, Bundles, bundle_of, minus
from mistrust.layers.identity.strings import ALL_STRINGS, NO_STRINGS, Strings, exactly, listed, resources, urls

APIS, FOO, ROOT = urls(["/apis/*"]), urls(["/apis/foo*"]), urls(["*"])
LOGS = resources(["*/log"])


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (ROOT, ALL_STRINGS),
        (APIS & ROOT, APIS),
        (ROOT & APIS, APIS),
        (APIS & FOO, FOO),
        (FOO & APIS, FOO),
        (APIS & urls(["/healthz*"]), NO_STRINGS),
        (APIS | FOO, APIS),
        (FOO - APIS, NO_STRINGS),
        ((ROOT - APIS) | APIS, ROOT),
        (urls(["/apis/**"]), APIS),
        (APIS | urls(["/apis/x"]), APIS),
        (LOGS & resources(["pods/log", "pods"]), resources(["pods/log"])),
        (LOGS & resources(["*"]), LOGS),
        (LOGS & resources(["*/scale"]), NO_STRINGS),
        (resources(["*/log", "pods/log"]), LOGS),
        (listed(["get", "*"]), ALL_STRINGS),
        (exactly(["*"]) & ALL_STRINGS, exactly(["*"])),
        (ALL_STRINGS - exactly(["a"]) - exactly(["b"]), ALL_STRINGS - exactly(["b", "a"])),
    ],
)
def test_equal_sets_are_equal_values(found: Strings, wanted: Strings) -> None:
    assert found == wanted


def test_an_example_is_never_what_was_taken_away() -> None:
    left = ALL_STRINGS - exactly(["x", "y", "z"]) - resources(["*/log"])

    assert left.example() not in ("x", "y", "z")
    assert left.example(["get"]) == "get"
    assert (APIS - urls([f"/apis/{c}*" for c in "abcxyz"])).example().startswith("/apis/")
    with pytest.raises(ValueError):
        NO_STRINGS.example()


def boxes(found: Bundles) -> list[Box]:
    return [box for bundle in found for box in bundle.boxes]


def overlap(a: Box, b: Box) -> bool:
    return len(a.sides) == len(b.sides) and all(x & y for x, y in zip(a.sides, b.sides, strict=True))


def test_what_is_left_of_a_box_is_cut_into_parts_that_do_not_overlap() -> None:
    left = boxes(
        minus(bundle_of([policy("get,list", "pods,secrets")]), bundle_of([policy("get", "pods", names=["a"])]))
    )

    assert len(left) == 3  # another verb, another resource, another name
    assert all(all(box.sides) for box in left)
    assert not any(overlap(a, b) for a, b in combinations(left, 2))
    assert not any(box.holds(("get", "", "pods", "a")) for box in left)
    assert sum(box.holds(("get", "", "pods", "b")) for box in left) == 1


def test_disjoint_boxes_are_left_whole() -> None:
    mine = bundle_of([policy("get", "pods"), policy("get", urls="/metrics")])

    assert minus(mine, bundle_of([policy("get", "pods", "apps"), policy("list", urls="*")])) == mine
    assert minus(mine, mine) == ()
    assert boxes(minus(mine, bundle_of([policy("*", "*", "*")]))) == boxes(bundle_of([policy("get", urls="/metrics")]))
