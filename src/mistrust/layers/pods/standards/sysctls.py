"""Kernel parameters that a pod may set: those that are its own."""

from __future__ import annotations

from collections.abc import Iterator

from mistrust.kube.meta import Metadata
from mistrust.kube.pods import PodSpec
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.standards.check import Breach, Check, Revision, Rule
from mistrust.layers.pods.template import POD, Change

SAFE: tuple[tuple[int, tuple[str, ...]], ...] = (
    (
        0,
        (
            "kernel.shm_rmid_forced",
            "net.ipv4.ip_local_port_range",
            "net.ipv4.tcp_syncookies",
            "net.ipv4.ping_group_range",
            "net.ipv4.ip_unprivileged_port_start",
        ),
    ),
    (27, ("net.ipv4.ip_local_reserved_ports",)),
    (
        29,
        (
            "net.ipv4.tcp_keepalive_time",
            "net.ipv4.tcp_fin_timeout",
            "net.ipv4.tcp_keepalive_intvl",
            "net.ipv4.tcp_keepalive_probes",
        ),
    ),
    (32, ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem")),
    (37, ("net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_notsent_lowat")),
)
"""What each minor added (policy/check_sysctls.go); names are compared as written."""


def sysctls(safe: frozenset[str]) -> Rule:
    """Any kernel parameter but these."""

    def rule(_: Metadata, spec: PodSpec) -> Iterator[Breach]:
        for i, sysctl in enumerate(spec.security_context.sysctls):
            if sysctl.name not in safe:
                entry = (*POD, "sysctls", i)
                yield Breach((*entry, "name"), sysctl.name, "", (Change("remove", entry),))

    return rule


def _revisions() -> Iterator[Revision]:
    safe: frozenset[str] = frozenset()
    for since, added in SAFE:
        safe = safe.union(added)
        yield Revision(since, sysctls(safe))


CHECKS = (Check("sysctls", Level.BASELINE, "forbidden sysctls", tuple(_revisions())),)
