"""Reads texts as if they were files."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mistrust.access.flow import Flow, Peer
from mistrust.access.record import Coverage, Record
from mistrust.feeds.flows.read import read_flows


def reading(*texts: str) -> Record[Flow]:
    """The record of files with these texts."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{i}.log") for i in range(len(texts))]
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text)
        return read_flows([str(path) for path in paths])


def told(record: Record[Flow]) -> list[str]:
    """`shop/web -> shop/db TCP 5432` for each flow, in order."""
    return sorted(f"{_peer(f.source)} -> {_peer(f.destination)} {f.protocol} {f.port}" for f in record.uses)


def remarks(coverage: Coverage) -> list[str]:
    """What takes from the evidence."""
    return [f"{p.what}: {p.got}" for p in coverage.problems]


def _peer(peer: Peer) -> str:
    who = peer.pod or peer.workload
    return f"{peer.namespace}/{who}" if who else peer.address or peer.name or "?"
