"""Break-glass files: who, until when and why, or nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mistrust.kube.errors import InputError
from mistrust.serve.breakglass import Entry, lifted, load

NOW = datetime(2027, 1, 15, 8, tzinfo=UTC)
GOOD = "{user: ann, until: 2027-01-15T09:00:00Z, reason: INC-1}"


def read(path: Path, *entries: str) -> tuple[Entry, ...]:
    file = path / "glass.yaml"
    file.write_text("\n".join(["entries:", *(f"- {e}" for e in entries)]) if entries else "")
    return load(file, NOW)


def test_an_entry_covers_a_user_until_it_ends(tmp_path: Path) -> None:
    entries = read(tmp_path, GOOD)
    ann = {"userInfo": {"username": "ann"}, "namespace": "shop"}
    assert lifted(entries, ann, NOW) == entries[0]
    assert lifted(entries, {"userInfo": {"username": "bob", "groups": ["ann"]}}, NOW) is None
    assert lifted(entries, ann, NOW + timedelta(hours=1)) is None


def test_an_entry_may_be_for_a_group_and_for_some_namespaces(tmp_path: Path) -> None:
    entries = read(tmp_path, "{group: sre, namespaces: [shop], until: 2027-01-15T09:00:00Z, reason: x}")
    sre = {"userInfo": {"username": "bob", "groups": ["devs", "sre"]}}
    assert lifted(entries, {**sre, "namespace": "shop"}, NOW)
    assert lifted(entries, {**sre, "namespace": "ops"}, NOW) is None
    assert lifted(entries, sre, NOW) is None


def test_what_has_ended_is_left_out_and_an_empty_file_is_for_nobody(tmp_path: Path) -> None:
    assert read(tmp_path, "{user: ann, until: 2027-01-15T07:59:59Z, reason: x}") == ()
    assert read(tmp_path) == ()


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ("{until: 2027-01-15T09:00:00Z, reason: x}", "for nobody"),
        ("{user: ann, group: sre, until: 2027-01-15T09:00:00Z, reason: x}", "for two"),
        ("{user: ann, reason: x}", "until"),
        ("{user: ann, until: never, reason: x}", "entries"),
        ("{user: ann, until: '2027-01-15T09:00:00', reason: x}", "zone"),
        ("{user: ann, until: 2027-01-15T09:00:00Z, reason: ' '}", "without a reason"),
        ("{user: ann, until: 2028-01-15T09:00:00Z, reason: x}", "too far away"),
        ("{group: 'system:authenticated', until: 2027-01-15T09:00:00Z, reason: x}", "for everybody"),
        ("{user: ann, until: 2027-01-15T09:00:00Z, reason: x, namespace: shop}", "unknown field"),
    ],
)
def test_an_unsafe_entry_is_refused_with_the_whole_file(tmp_path: Path, entry: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        read(tmp_path, GOOD, entry)
