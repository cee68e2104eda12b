"""Reads texts as if they were files."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mistrust.access.flow import Exchange, Flow, Peer, Traffic
from mistrust.access.record import Coverage, Record
from mistrust.feeds.flows.read import read_flows


def reading(*texts: str) -> Traffic:
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


def exchanged(record: Traffic) -> list[str]:
    """`10.0.0.1 -> 10.0.0.2 TCP 80 sa/web mtls GET /cart` for each exchange, in order; `-` for what is not told."""
    return sorted(
        f"{_peer(e.source)} -> {_peer(e.destination)} {e.protocol} {e.port} {inside(e)}" for e in record.exchanges
    )


def inside(exchange: Exchange) -> str:
    """`sa/web mtls GET /cart`."""
    return " ".join(each or "-" for each in (exchange.identity, exchange.security, exchange.method, exchange.path))
