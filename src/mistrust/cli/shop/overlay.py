"""Change a folder of manifests: as `mistrust tighten` says, as kubectl would a cluster; and as a person then would."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Final

import msgspec
import yaml

_BETWEEN: Final = re.compile(r"^---[ \t]*$", re.MULTILINE)

BY_HAND: Final = (
    ("ci.yaml", "          securityContext: {privileged: true}\n", ""),
    ("ops.yaml", "          securityContext: {privileged: true}\n", ""),
    ("ops.yaml", "      hostPID: true\n", ""),
    ("ops.yaml", "{name: host, mountPath: /host}", "{name: host, mountPath: /host, readOnly: true}"),
    ("ops.yaml", "hostPath: {path: /}", "hostPath: {path: /var/log}"),
)
"""The two changes that are left when the permissions are tight: a runner that builds without privileges, and an agent
that reads the logs alone. No log shows whether a pod needs its node, so a person decides."""


class _Metadata(msgspec.Struct, frozen=True):
    name: str = ""
    namespace: str = ""


class _Head(msgspec.Struct, frozen=True, rename="camel"):
    """What tells one object from another."""

    kind: str = ""
    metadata: _Metadata = _Metadata()


def overlay(manifests: Path, changes: Path) -> int:
    """Take out the objects that `changes` changes or deletes, put in its changed and new ones, and set its fields.

    Everything else keeps its text, comments included. Returns how many objects were changed or taken out.
    """
    written = [p for part in ("changed", "deleted") for p in (changes / part).glob("*.yaml")]
    gone = {head for path in written for _, head in _documents(path)}
    fields = {head: yaml.safe_load(text) for p in (changes / "fields").glob("*.yaml") for text, head in _documents(p)}
    count = 0
    for path in sorted(manifests.rglob("*.yaml")):
        documents = list(_documents(path))
        kept = [_with(text, fields.get(head)) for text, head in documents if head not in gone]
        count += len(documents) - len(kept) + sum(head in fields for _, head in documents)
        if kept != [text for text, _ in documents]:
            path.write_text("---".join(kept), "utf-8")
    for part in ("changed", "new"):
        if (changes / part).is_dir():
            shutil.copytree(changes / part, manifests / "tightened" / part)
    return count


def by_hand(manifests: Path) -> str:
    """Make the changes of `BY_HAND`. Returns them as a patch."""
    patch: list[str] = []
    for name in dict.fromkeys(file for file, _, _ in BY_HAND):
        path = manifests / name
        before = after = path.read_text("utf-8")
        for old, new in (change for file, *change in BY_HAND if file == name):
            assert old in after, f"{path} no longer says {old!r}"
            after = after.replace(old, new)
        path.write_text(after, "utf-8")
        patch += unified_diff(before.splitlines(True), after.splitlines(True), f"a/{name}", f"b/{name}", n=1)
    return "".join(patch)


def _with(text: str, patch: object) -> str:
    """A document with a strategic merge patch applied; its own text where there is none."""
    if patch is None:
        return text
    return "\n" + yaml.safe_dump(merged(yaml.safe_load(text), patch), sort_keys=False)


def merged(value: object, patch: object) -> object:
    """What a strategic merge makes of a value: maps are merged, named items one by one, the rest replaced."""
    if isinstance(patch, dict):
        fields = dict(value) if isinstance(value, dict) else {}
        fields |= {key: merged(fields.get(key), each) for key, each in patch.items()}
        return {key: each for key, each in fields.items() if patch.get(key, each) is not None}
    if isinstance(value, list) and isinstance(patch, list) and all(isinstance(p, dict) and "name" in p for p in patch):
        named = {p["name"]: p for p in patch}
        items = [(v, named.get(v["name"], {})) for v in value]
        return [merged(v, p) for v, p in items if p.get("$patch") != "delete"]
    return patch


def _documents(path: Path) -> Iterator[tuple[str, _Head]]:
    for text in _BETWEEN.split(path.read_text("utf-8")):
        yield text, msgspec.convert(yaml.safe_load(text) or {}, _Head)
