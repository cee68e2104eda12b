"""Files of many documents in many hands: the changed ones are read as wanted, the others are the same bytes."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from mistrust.access.change import Change, Note
from mistrust.kube.rbac import PolicyRule, Role
from mistrust.kube.read import read
from mistrust.report.inplace.edited import edited

from .hands import written

WORDS = ["get", "list", "pods", "*", "pods/log", "0644", "yes"]
SOME = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True)
RULE = st.fixed_dictionaries({"apiGroups": st.just([""]), "resources": SOME, "verbs": SOME})
RULES = st.lists(RULE, max_size=4)
NOTES = st.lists(st.builds(Note, st.sampled_from(["used: a", "b", "and 3 more"]), st.sampled_from(["", "rules[0]"])))


@st.composite
def folders(draw: Any) -> dict[str, list[str]]:
    """Files, each with the texts of its documents."""
    names = iter(range(100))
    files: dict[str, list[str]] = {}
    for file in ("a.yaml", "b.yaml"):
        files[file] = []
        for _ in range(draw(st.integers(0, 3))):
            role = {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "Role",
                "metadata": {"name": f"role-{next(names)}", "namespace": "shop"},
                "rules": draw(RULES),
            }
            files[file].append("".join(f"{line.text}\n" for line in draw(written(role))))
    return files


def joined(files: dict[str, list[str]]) -> dict[str, bytes]:
    return {name: "---\n".join(texts).encode() for name, texts in files.items()}


def roles(files: dict[str, bytes]) -> list[Role]:
    return [o for name, data in files.items() for o in read(data, name)[0] if isinstance(o, Role)]


def narrowed(role: Role, dice: random.Random) -> Role:
    """Fewer rules, with fewer verbs, and some of them in two."""
    rules: list[PolicyRule] = []
    for rule in role.rules:
        for _ in range(dice.choice([0, 1, 1, 2])):
            verbs = tuple(v for v in rule.verbs if dice.random() < 0.7)
            rules.append(structs.replace(rule, verbs=verbs or rule.verbs[:1]))
    return structs.replace(role, rules=tuple(rules))


@given(folders(), st.randoms(use_true_random=False), NOTES)
def test_what_changes_is_read_as_wanted_and_the_rest_is_the_same_bytes(
    texts: dict[str, list[str]], dice: random.Random, notes: list[Note]
) -> None:
    files = joined(texts)
    old = roles(files)
    chosen = [role for role in old if dice.random() < 0.5]
    changes = [Change(r, (narrowed(r, dice),) if dice.random() < 0.7 else (), "", tuple(notes)) for r in chosen]
    result = edited(files, changes)
    assert not result.refused
    after = {name: data for name, data in {**files, **result.files}.items() if data is not None}
    new = {change.old.ref: change.new for change in changes if change.old is not None}
    wanted = [o for role in old for o in new.get(role.ref, (role,))]
    assert [(o.ref, o.rules) for o in roles(after)] == [(o.ref, o.rules) for o in wanted if isinstance(o, Role)]
    for name, documents in texts.items():
        for text, role in zip(documents, [o for o in old if o.origin.file == name], strict=True):
            if role.ref not in new:
                assert text.encode() in after[name]
    again = [Change(role, (role,), "", tuple(notes)) for role in roles(after) if new.get(role.ref)]
    assert edited(after, again).files == {}
