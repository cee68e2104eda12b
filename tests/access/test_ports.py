"""Sets of ports beside plain sets of numbers."""

from __future__ import annotations

from random import Random

import pytest

from mistrust.access.ports import EVERY_PORT, NO_PORT, PROTOCOLS, Ports, point

EDGES = (0, 1, 2, 79, 80, 65535, 65536, 65537, 65538, 131071, 131072, 131073, 196607, 196608)


def some(chance: Random) -> Ports:
    starts = chance.sample(EDGES, chance.randint(0, 4))
    return Ports.of((low, low + chance.choice((1, 2, 60, 70_000))) for low in starts)


@pytest.mark.parametrize("seed", range(60))
def test_union_intersection_and_difference_are_those_of_sets(seed: int) -> None:
    chance = Random(seed)
    a, b = some(chance), some(chance)
    plain_a, plain_b = set(a), set(b)
    for got, want in ((a | b, plain_a | plain_b), (a & b, plain_a & plain_b), (a - b, plain_a - plain_b)):
        assert set(got) == want
        assert got == Ports.of(got.ranges), "in its one form"
        assert got.count() == len(want)
    assert (a <= b) == (plain_a <= plain_b)


def test_a_set_has_one_form_and_protocols_never_touch() -> None:
    assert Ports.of([(80, 90), (85, 95), (95, 96)]).ranges == ((80, 96),)
    assert EVERY_PORT.ranges == tuple((point(p, 1), point(p, 65535) + 1) for p in PROTOCOLS)
    assert EVERY_PORT - EVERY_PORT == NO_PORT
    assert str(EVERY_PORT) == "All Connections"
