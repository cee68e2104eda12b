"""Who a binding names, which groups come by themselves, and how a person writes a subject."""

from __future__ import annotations

import pytest
from tests.layers.identity.objects import bound

from mistrust.kube.errors import UsageError
from mistrust.layers.identity.subjects import Principal, account, group, groups_of, parse_subject, principal_of, user


@pytest.mark.parametrize(
    ("kind", "name", "own", "of_binding", "who"),
    [
        ("User", "ann", "", "", user("ann")),
        ("Group", "devs", "", "", group("devs")),
        ("ServiceAccount", "s", "a", "", account("a", "s")),
        ("ServiceAccount", "s", "a", "b", account("a", "s")),
        ("ServiceAccount", "s", "", "b", account("b", "s")),
        ("ServiceAccount", "s", "", "", None),
        ("Robot", "r", "", "b", None),
        ("user", "ann", "", "", None),
        ("User", "system:serviceaccount:a:s", "", "", account("a", "s")),
    ],
)
def test_a_subject_is_somebody_or_nobody(
    kind: str, name: str, own: str, of_binding: str, who: Principal | None
) -> None:
    assert principal_of(bound(kind, name, own), of_binding) == who


@pytest.mark.parametrize(
    ("who", "groups"),
    [
        (user("ann"), ("system:authenticated",)),
        (user("system:anonymous"), ("system:unauthenticated",)),
        (account("a", "s"), ("system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated")),
        (group("devs"), ("system:authenticated",)),
        (group("system:authenticated"), ()),
        (group("system:unauthenticated"), ()),
        (group("system:serviceaccounts:a"), ("system:serviceaccounts", "system:authenticated")),
        (user("system:node:n"), ("system:authenticated",)),  # the name alone does not make a node
        (user("system:serviceaccount:a"), ("system:authenticated",)),  # no service account has this name
    ],
)
def test_implicit_groups(who: Principal, groups: tuple[str, ...]) -> None:
    assert groups_of(who) == groups


@pytest.mark.parametrize(
    ("text", "name", "some_groups"),
    [
        ("ann", "ann", {"system:authenticated"}),
        ("user:ann", "ann", {"system:authenticated"}),
        ("user:system:masters", "system:masters", {"system:authenticated"}),
        ("group:devs", "", {"devs", "system:authenticated"}),
        ("system:masters", "", {"system:masters"}),
        ("sa:ci/runner", "system:serviceaccount:ci:runner", {"system:serviceaccounts:ci"}),
        ("system:serviceaccount:ci:runner", "system:serviceaccount:ci:runner", {"system:serviceaccounts:ci"}),
        ("system:node:n1", "system:node:n1", {"system:nodes", "system:authenticated"}),
        ("system:anonymous", "system:anonymous", {"system:unauthenticated"}),
        ("a:b", "a:b", {"system:authenticated"}),
    ],
)
def test_how_a_person_writes_a_subject(text: str, name: str, some_groups: set[str]) -> None:
    found, groups = parse_subject(text, ("extra",))

    assert found == name
    assert some_groups | {"extra"} <= set(groups)


@pytest.mark.parametrize("text", ["sa:runner", "sa:/x", "sa:a/b/c", "group:", "user:", ""])
def test_nobody_is_an_error(text: str) -> None:
    with pytest.raises(UsageError):
        parse_subject(text)


def test_people_read_service_accounts_by_namespace_and_name() -> None:
    assert [str(p) for p in (account("a", "s"), user("ann"), group("devs"))] == [
        "ServiceAccount a/s",
        "User ann",
        "Group devs",
    ]
