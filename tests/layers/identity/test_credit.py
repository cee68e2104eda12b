"""Grant by grant: what of it was used, by whom and where, in words."""

from __future__ import annotations

import pytest
from tests.layers.identity.objects import Plain, binding, index, role, rule
from tests.layers.identity.test_usage import MONTH, UNIVERSE, A, B, get, pods_of

from mistrust.access.record import Record, Tally, Unlogged
from mistrust.layers.identity.credit import credited
from mistrust.layers.identity.dark import Dark
from mistrust.layers.identity.grants import granted
from mistrust.layers.identity.lookup import Request
from mistrust.layers.identity.usage import used

TWICE = Tally(2, 100, 200)


def told(world: list[Plain], *requests: Request, dark: Dark | None = None) -> list[tuple[int, tuple[str, ...]]]:
    uses = dict.fromkeys(requests, TWICE)
    usage = used(granted(index(*world), UNIVERSE), Record(uses, MONTH), dark)
    found = credited(usage, uses)
    return [(each.tally.count if each.tally else 0, each.remarks(len(UNIVERSE.namespaces))) for each in found]


EVERYWHERE = [role("r", rule("get,list", "pods")), binding("b", "ClusterRole/r", "User/ann")]
WILD = [role("r", rule("*", "*", "*")), binding("b", "ClusterRole/r", "User/ann")]
MEMBERS = [role("r", rule("get", "pods"), namespace=A), binding("b", "Role/r", "Group/devs", namespace=A)]


@pytest.mark.parametrize(
    ("world", "requests", "wanted"),
    [
        (pods_of(A), [], [(0, ())]),
        (pods_of(A), [get("ann", "pods", A), get("ann", "pods", A, verb="list")], [(4, ())]),
        (pods_of(A), [get("ann", "pods", A)], [(2, ("list unused",))]),
        (
            EVERYWHERE,
            [get("ann", "pods", A)],
            [(2, ("list unused", f"in {A} of {len(UNIVERSE.namespaces)} namespaces"))],
        ),
        (EVERYWHERE, [get("ann", "pods", A), get("ann", "pods", "", verb="list")], [(4, ())]),
        (
            WILD,
            [get("ann", "pods", A), get("ann", "secrets", B)],
            [
                (
                    4,
                    (
                        "of * only get",
                        "of * only pods, secrets",
                        f"in {A}, {B} of {len(UNIVERSE.namespaces)} namespaces",
                    ),
                )
            ],
        ),
        (MEMBERS, [get("ann", "pods", A, "", "devs"), get("bob", "pods", A, "", "devs")], [(4, ("used by ann, bob",))]),
    ],
    ids=["nothing", "all", "one verb", "one namespace", "all namespaces at once", "of a wildcard", "of a group"],
)
def test_what_of_a_grant_was_used(
    world: list[Plain], requests: list[Request], wanted: list[tuple[int, tuple[str, ...]]]
) -> None:
    assert told(world, *requests) == wanted


def test_what_may_be_used_unseen_is_unknown_and_never_unused() -> None:
    (coverage,) = (Unlogged("no reads", verb) for verb in ("get",))
    from mistrust.access.record import Coverage

    dark = Dark(Coverage(unlogged=(coverage,)))
    assert told(pods_of(A), dark=dark) == [(0, ("unknown: no reads",))]
