"""What np-guard's netpol-analyzer prints, to the letter, under the profile that reads policies as it does.

The corpus has folders of manifests and what `netpol-analyzer list` and `diff` printed for them. The name of an
expected file tells the options: `<folder>[_focus_workload_<names>][_ingress|_egress][_with_<name>][_tcp-80]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import msgspec
import pytest
from tests.corpora import ROOT, corpus

from mistrust.access.ports import Ports
from mistrust.cluster.files import read_files
from mistrust.kube.meta import Other
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.network.profile import NP_GUARD
from mistrust.report.connections.diff import compare
from mistrust.report.connections.diff_formats import render as render_changes
from mistrust.report.connections.focus import Focus, focused, names
from mistrust.report.connections.formats import render
from mistrust.report.connections.listed import Connections
from mistrust.report.connections.of import connections_of

UNSUPPORTED = {
    "UserDefinedNetwork": "pods of a user-defined network are isolated from the pod network; we do not read those",
    "ClusterUserDefinedNetwork": "the same for many namespaces",
    "NetworkAttachmentDefinition": "a second network beside the pod network, with policies of its own",
    "MultiNetworkPolicy": "policies of such a second network",
    "VirtualMachine": "KubeVirt's machines send and answer traffic, but are no workload that we read",
    "VirtualMachineInstance": "the same, running",
}
"""Kinds that np-guard reads and we do not: cases with them are left out."""

EXPLAINED = "_explain"
"""np-guard's explanations are prose of its own; ours is `mistrust can reach FROM TO`."""

FORMS = (".txt", ".json", ".csv")


class Case(msgspec.Struct, frozen=True):
    """One expected file."""

    file: Path
    folder: str
    exposure: bool
    focus: tuple[str, ...] = ()
    direction: str = ""
    others: tuple[str, ...] = ()
    ports: str = ""


NAME = re.compile(
    r"^(?P<folder>.*?)(?:_focus_workload_(?P<focus>.*?))?(?:_(?P<direction>ingress|egress))?(?:_with_(?P<others>[^_]*))?"
    r"(?:_(?P<ports>(?:tcp|udp|sctp)-\d+))?_(?P<what>connlist|exposure)_output$"
)


def cases() -> Iterator[Case]:
    folder = ROOT / "netpol-analyzer"
    for file in sorted((folder / "test_outputs").glob("c*/*")):
        found = NAME.match(file.stem)
        if found is None or EXPLAINED in file.stem or file.suffix not in FORMS:
            continue
        name = found["folder"]
        focus, direction, others, ports = (found[part] or "" for part in ("focus", "direction", "others", "ports"))
        if not focus and not (folder / "tests" / name).is_dir():
            name = file.stem.rpartition(f"_{found['what']}_output")[0]  # a folder whose name looks like an option
            direction = others = ports = ""
        if (folder / "tests" / name).is_dir():
            yield Case(
                file, name, found["what"] == "exposure", tuple(filter(None, focus.split("_"))), direction,
                tuple(filter(None, [others])), ports,
            )  # fmt: skip


CASES = list(cases())


@lru_cache(4)
def read(folder: str) -> Snapshot:
    return read_files([str(corpus("netpol-analyzer") / "tests" / folder)]).snapshot


def unsupported(snapshot: Snapshot) -> list[str]:
    return sorted({o.kind for o in snapshot.objects if isinstance(o, Other)} & set(UNSUPPORTED))


def supported(folder: str) -> Snapshot:
    snapshot = read(folder)
    if kinds := unsupported(snapshot):
        pytest.skip(f"{folder} has {', '.join(kinds)}: {UNSUPPORTED[kinds[0]]}")
    return snapshot


def called(parts: tuple[str, ...], connections: Connections) -> tuple[str, ...]:
    """The names of a file name, where a slash became an underscore."""
    known = {name for s, t, _ in connections.pairs() for peer in (s, t, *connections.peers) for name in names(peer)}
    found: list[str] = []
    rest = list(parts)
    while rest:
        first = rest.pop(0)
        if rest and f"{first}/{rest[0]}" in known:
            first = f"{first}/{rest.pop(0)}"
        found.append(first)
    return tuple(found)


def single(text: str) -> Ports | None:
    protocol, _, number = text.upper().partition("-")
    return Ports.span(protocol, int(number), int(number)) if text else None


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.file.parent.name}/{c.file.name}")
def test_list(case: Case) -> None:
    everything = connections_of(supported(case.folder), NP_GUARD, exposure=case.exposure)
    focus = Focus(called(case.focus, everything), case.others, case.direction, single(case.ports))
    shown = focused(everything, focus) if focus != Focus() else everything
    assert "".join(render(shown, case.file.suffix[1:])) == case.file.read_text()


def differences() -> Iterator[tuple[Path, str, str]]:
    folder = ROOT / "netpol-analyzer"
    for file in sorted((folder / "test_outputs" / "diff").glob("*")):
        parts = file.stem.partition("diff_between_")[2].split("_and_")
        for i in range(1, len(parts)):
            new, old = "_and_".join(parts[:i]), "_and_".join(parts[i:])
            if (folder / "tests" / new).is_dir() and (folder / "tests" / old).is_dir():
                yield file, old, new


@pytest.mark.parametrize(("file", "old", "new"), list(differences()), ids=lambda v: getattr(v, "name", ""))
def test_diff(file: Path, old: str, new: str) -> None:
    versions = ("old", "new") if file.name.startswith("TsetOutputWithArgNames") else ("ref1", "ref2")
    before, after = (connections_of(supported(folder), NP_GUARD) for folder in (old, new))
    assert render_changes(compare(before, after), file.suffix[1:], versions) == file.read_text()


def test_the_corpus_is_seen() -> None:
    corpus("netpol-analyzer")
    ran = [c for c in CASES if not unsupported(read(c.folder))]
    assert len(ran) > 300
    assert len(list(differences())) > 30


BAD = (
    *(f"anp_bad_path_test_{i}" for i in (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 16, 17, 18)),
    *(f"banp_bad_path_test_{i}" for i in (1, 3, 4, 5, 7, 8, 9, 10, 11, 13, 14, 15)),
    *(f"np_bad_path_test_{i}" for i in (1, 2)),
)


@pytest.mark.parametrize("folder", BAD)
def test_what_np_guard_refuses_is_a_problem_here(folder: str) -> None:
    from mistrust.layers.network.statements.policies import policies

    if not (corpus("netpol-analyzer") / "tests" / folder).is_dir():
        pytest.skip(f"{folder} is not here")
    snapshot = read(folder)
    problems = (*snapshot.problems, *policies(snapshot).problems)
    assert problems
    connections_of(snapshot, NP_GUARD)


@pytest.mark.parametrize("folder", sorted(p.name for p in (ROOT / "netpol-analyzer" / "tests").glob("*")))
def test_every_folder_is_read_without_a_fault(folder: str) -> None:
    snapshot = read(folder)
    for profile_exposure in (False, True):
        told = connections_of(snapshot, NP_GUARD, exposure=profile_exposure)
        for form in ("txt", "json", "csv", "md", "dot"):
            "".join(render(told, form))


def test_what_np_guard_leaves_out_of_policies_is_left_out_under_its_profile() -> None:
    """A range of ports that holds none, and a node as a peer: np-guard warns, and reads the rest."""
    told = "".join(render(connections_of(supported("np_test_with_empty_port_range"), NP_GUARD), "txt"))
    assert "ns1/pod1[Deployment] => ns2/pod1[Deployment] : UDP 3535\n" in told
