"""The catalog's reader: fast for runs, whole for readers, and blunt about a bad file."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import yaml

from mistrust.catalog.load import api_resources, checks, default_rbac, entries, entry_of, explain, steps
from mistrust.kube.errors import InputError, UsageError
from mistrust.kube.rbac import ClusterRole
from mistrust.paths.step import Step

SHORT = """\
id: a-step
code: C1
title: Do it
gains: leak
technique: [T1528]
where: [token-secret]
prose: |
  Why.
references: [https://kubernetes.io/docs/]
holds: [{why: it holds}]
fails: [{why: it fails}]
"""


def test_entries_are_sorted_and_their_ids_are_given_once() -> None:
    for found in (steps(), checks()):
        ids = [entry.id for entry in found]
        assert ids == sorted(set(ids))


def test_an_engine_needs_nothing_that_stands_below_the_prose() -> None:
    for head in steps():
        whole = explain(head.id)
        told = {"prose": "", "references": (), "holds": (), "fails": ()}
        assert msgspec.structs.replace(whole, **told) == head


def test_what_is_not_there_is_refused() -> None:
    for unknown in ("no-such-step", "../load", "MT-POD-999"):
        with pytest.raises(UsageError, match="no such check or step"):
            explain(unknown)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SHORT.replace("gains: leak", "gains: glory"), "glory"),
        (SHORT.replace("title:", "titel:"), "titel"),
        (SHORT.replace("id: a-step", "id: b-step"), "b-step"),
        (SHORT + "---\nid: another\n", "2 documents"),
        ("", "0 documents"),
        (SHORT.replace("T1528]", "T1528"), "YAML"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "a-step.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        entry_of(file, Step)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("part", ["prose", "references", "holds", "fails"])
def test_an_entry_without_examples_or_prose_is_refused(tmp_path: Path, part: str) -> None:
    step = {**yaml.safe_load(SHORT), part: [] if part != "prose" else ""}
    file = tmp_path / "a-step.yaml"
    file.write_bytes(msgspec.json.encode(step))
    with pytest.raises(InputError, match=f"not complete: wanted {part}"):
        entry_of(file, Step)


def test_the_reader_for_runs_stops_at_the_prose(tmp_path: Path) -> None:
    (tmp_path / "a-step.yaml").write_text(SHORT.partition("prose:")[0] + "prose: [never\nread")
    (tmp_path / "README.md").write_text("not an entry")
    assert [s.id for s in entries(tmp_path, Step)] == ["a-step"]


def test_a_new_cluster_has_its_administrator_and_its_pods() -> None:
    admin = next(o for o in default_rbac() if isinstance(o, ClusterRole) and o.name == "cluster-admin")
    assert admin.rules[0].verbs == ("*",)
    pods = next(r for r in api_resources() if (r.group, r.resource) == ("", "pods"))
    assert pods.namespaced
    assert "create" in pods.verbs
