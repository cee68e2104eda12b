"""kubectl is the definition of Kubernetes YAML: it decodes the same tables and the same files."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.corpora import corpus
from tests.kube.yaml_traps import NAMES, REFUSED, VALUES

from mistrust.kube.yaml import documents

KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not on the path")
HEAD = "apiVersion: example.dev/v1\nkind: Probe\nmetadata: {name: p}\n"


def kubectl(text: str | bytes, file: Path) -> list[object] | None:
    """The objects kubectl decodes from a text, with the label it must add; None where it refuses any of it."""
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    command = [KUBECTL or "", "label", "--local", "--overwrite", "-f", str(file), "zz=1", "-o", "json"]
    run = subprocess.run(command, capture_output=True, check=False, timeout=60)
    if run.returncode:
        return None
    out, found, start = run.stdout.decode(), [], 0
    while start < len(out.rstrip()):
        value, start = json.JSONDecoder().raw_decode(out, start)
        found += value["items"] if value.get("kind") == "List" else [value]
        start += len(out[start:]) - len(out[start:].lstrip())
    return found


def spec_by_kubectl(text: str, file: Path) -> object:
    found = kubectl(HEAD + text, file)
    return None if found is None else found[0]["spec"]


def spec_by_us(text: str) -> object:
    found, problems = documents((HEAD + text).encode())
    return None if problems else found[0].value["spec"]


def same(ours: object, theirs: object) -> bool:
    """Equal, and of the same type: kubectl writes floats beyond 64 bits without a point."""
    if isinstance(theirs, int) and not isinstance(theirs, bool) and not -(2**63) <= theirs < 2**63:
        theirs = float(theirs)
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[name], theirs[name]) for name in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return type(ours) is type(theirs) and ours == theirs


def test_every_value_of_the_table(tmp_path: Path) -> None:
    text = "spec:\n" + "".join(f"  k{number}: {value}\n" for number, value in enumerate(VALUES))
    theirs = spec_by_kubectl(text, tmp_path / "f.yaml")
    assert same(spec_by_us(text), theirs)
    assert same(list(VALUES.values()), [theirs[f"k{number}"] for number in range(len(VALUES))])


def test_every_name_of_the_table(tmp_path: Path) -> None:
    text = "spec:\n" + "".join(f"  - {name}: 1\n" for name in NAMES)
    theirs = spec_by_kubectl(text, tmp_path / "f.yaml")
    assert theirs == spec_by_us(text) == [{name: 1} for name in NAMES.values()]


@pytest.mark.parametrize("text", REFUSED)
def test_everything_refused(text: str, tmp_path: Path) -> None:
    assert kubectl(f"{HEAD}spec:\n  v: {text}\n", tmp_path / "f.yaml") is None


STRUCTURES = {
    "merge after": "spec:\n  x: &x {a: 1, b: 2}\n  y: {<<: *x, a: 3}\n",
    "merge before": "spec:\n  x: &x {a: 1, b: 2}\n  y: {a: 3, <<: *x}\n",
    "merge list": "spec:\n  x: &x {a: 1}\n  y: &y {a: 2, b: 2}\n  z: {<<: [*x, *y]}\n",
    "merge nested": "spec:\n  x: &x {a: 1}\n  y: {<<: {<<: *x, b: 1}}\n",
    "merge null": "spec:\n  x: {<<: null}\n",
    "merge list of lists": "spec:\n  x: {<<: [[{a: 1}]]}\n",
    "quoted merge": 'spec:\n  "<<": {a: 1}\n',
    "anchors": "spec:\n  x: &x [1, {a: b}]\n  y: *x\n  z: [*x, *x]\n",
    "anchor again": "spec:\n  x: &x 1\n  y: &x 2\n  z: *x\n",
    "alias as a name": "spec:\n  x: &x 010\n  y: {*x : 1}\n",
    "alias in itself": "spec: &x\n  y: *x\n",
    "duplicates": "spec:\n  a: 1\n  b: 2\n  a: 3\n",
    "null name": "spec:\n  ~: 1\n",
    "list as a name": "spec:\n  ? [a]\n  : 1\n",
    "folded": "spec:\n  a: >-\n    x\n    y\n\n    z\n     w\n  b: |+\n    x\n\n  c: |2\n      x\n",
    "prose": "spec:\n  a: x\n    y\n\n    z\n  b: 'x\n    y'\n",
    "tab": "spec:\n  a:\t1\n  b: x\ty\n",
    "tab before": "spec:\n\ta: 1\n",
    "carriage returns": "spec:\r\n  a: |\r\n    x\r\n    y\r\n  b: 1\r\n",
    "next line": "spec:\n  a: x\x85    y\n",
    "end": "spec: {a: 1}\n...\n",
    "column zero list": "spec:\n- a\n- b: 1\n  c:\n  - d\n",
    "mark in text": "spec:\n  a: x\ufeffy\n",
    "delete": "spec:\n  a: x\x7fy\n",
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_structure(name: str, tmp_path: Path) -> None:
    text = STRUCTURES[name]
    theirs = spec_by_kubectl(text, tmp_path / "f.yaml")
    assert same(spec_by_us(text), theirs)


OBJECT = "apiVersion: example.dev/v1\nkind: Probe\nmetadata: {name: NAME, labels: {zz: '1'}}\n"
FILES = {
    "separators": "# a\n---\nA--- # b\nB---\n---\n\n---   \nC",
    "mark": "\ufeffA---\nB",
    "directive": "%YAML 1.1\n---\nA",
    "separator with text": "A--- {a: 1}\nB",
    "five dashes": "A-----\nB",
    "dashes in a literal": "Atext: |\n  ---\n---\nB",
    "no end of line": "A---\nB---",
    "null documents": "null\n---\nA---\n~\n---\n{}\n",
    "control": "A---\nB\0",
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_cut_into_documents(name: str, encoding: str, tmp_path: Path) -> None:
    text = FILES[name]
    for letter in "ABC":
        text = text.replace(letter, OBJECT.replace("NAME", letter.lower()), 1)
    data = text.encode(encoding)
    found, problems = documents(data)
    theirs = kubectl(data, tmp_path / "f.yaml")
    if theirs is None:
        assert problems or any(not isinstance(document.value, dict) or not document.value for document in found)
    else:
        assert not problems
        assert [document.value for document in found] == theirs


@pytest.mark.slow
def test_files_of_the_corpus(tmp_path: Path) -> None:
    """Each file alone: kubectl says nothing of a file that it refuses in part."""
    compared = 0
    for path in sorted(corpus("manifests").rglob("*.y*ml")):
        found, problems = documents(path.read_bytes())
        theirs = kubectl(path.read_bytes(), tmp_path / "f.yaml")
        if theirs is None:
            continue
        compared += 1
        assert not [problem for problem in problems if problem.blinds], path.name
        ours = [document.value for document in found]
        ours = [item for value in ours for item in (value["items"] if value["kind"].endswith("List") else [value])]
        assert same([unlabelled(value) for value in ours], [unlabelled(value) for value in theirs]), path.name
    assert compared > 100


def unlabelled(value: object) -> object:
    """Without the label that `kubectl label` adds."""
    assert isinstance(value, dict)
    metadata = {**(value.get("metadata") or {})}
    labels = {name: label for name, label in (metadata.pop("labels", None) or {}).items() if name != "zz"}
    return {**value, "metadata": {**metadata, "labels": labels}}
