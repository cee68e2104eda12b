"""Facts become findings under their checks, in one order whatever the order of the input; paths do so, too."""

from __future__ import annotations

from itertools import permutations

import pytest

from mistrust.access.fact import Fact
from mistrust.access.finding import Severity
from mistrust.catalog.check import Check
from mistrust.catalog.findings import findings, path_facts, path_findings
from mistrust.catalog.load import checks
from mistrust.kube.meta import Ref
from mistrust.paths.path import Fixes, Foothold, Hop, Path, Paths

HIGH = Check("MT-POD-001", "A container is privileged", Severity.HIGH, ("pods.privileged",))
LOW = Check("MT-POD-002", "A container has no limit", Severity.LOW, ("pods.no-memory-limit", "pods.no-cpu-limit"))
WEB, API = Ref("apps", "Deployment", "shop", "web"), Ref("apps", "Deployment", "shop", "api")
FACTS = (
    Fact("pods.no-cpu-limit", str(WEB), WEB, 'container "web" has no CPU limit'),
    Fact("pods.privileged", str(WEB), WEB, 'container "web" is privileged'),
    Fact("pods.privileged", str(API), API, 'container "api" is privileged'),
)


def test_a_finding_is_a_fact_under_its_check() -> None:
    (found,) = findings(FACTS[1:2], (HIGH, LOW))
    assert (found.rule, found.title, found.severity) == ("MT-POD-001", "A container is privileged", Severity.HIGH)
    assert (found.subject, found.ref, found.detail, found.layer) == (str(WEB), WEB, FACTS[1].detail, "pods")


@pytest.mark.parametrize("order", list(permutations(FACTS)))
def test_the_worst_come_first_whatever_the_order_of_the_facts(order: tuple[Fact, ...]) -> None:
    found = findings(order, (LOW, HIGH))
    told = [(f.rule, f.ref.name) for f in found]
    assert told == [
        ("MT-POD-001", "api"),
        ("MT-POD-001", "web"),
        ("MT-POD-002", "web"),
    ]


def test_no_fact_gets_lost() -> None:
    with pytest.raises(LookupError, match="no check for the fact"):
        findings(FACTS, (LOW,))


POD = Foothold("pod", "Deployment shop/web")
ADMIN, NODE, SECRETS = Foothold("cluster-admin", ""), Foothold("node", ""), Foothold("secrets", "kube-system")


@pytest.mark.parametrize(
    ("first", "start", "target", "rule", "ref"),
    [
        (Foothold("internet", ""), POD, ADMIN, "MT-PATH-001", WEB),
        (Foothold("internet", ""), POD, NODE, "MT-PATH-002", WEB),
        (Foothold("internet", ""), POD, SECRETS, "MT-PATH-003", WEB),
        (Foothold("internet", ""), POD, Foothold("secrets", "shop"), "MT-PATH-004", WEB),
        (POD, POD, ADMIN, "MT-PATH-011", WEB),
        (POD, POD, NODE, "MT-PATH-012", WEB),
        (POD, POD, SECRETS, "MT-PATH-013", WEB),
        (POD, POD, Foothold("identity", "ServiceAccount ci/runner"), "MT-PATH-014", WEB),
    ],
)
def test_a_path_is_told_by_its_target_and_where_it_starts(
    first: Foothold, start: Foothold, target: Foothold, rule: str, ref: Ref
) -> None:
    (found,) = path_findings(paths(Path(start, target, (Hop("exec", first, target, "runs a command"),), 1.0)), checks())
    assert (found.rule, found.ref, found.layer) == (rule, ref, "paths")
    assert found.detail == f"{target} in 1 step: runs a command"


@pytest.mark.parametrize("who", ["Group system:unauthenticated", "Group system:authenticated", "User system:anonymous"])
def test_what_everybody_has_is_outside(who: str) -> None:
    everybody = Foothold("identity", who)
    path = Path(everybody, ADMIN, (Hop("all-rights", everybody, ADMIN, "may do everything"),), 1.0)
    (fact,) = path_facts(paths(path))
    assert fact.name == "paths.outside-cluster-admin"
    assert fact.ref == Ref("rbac.authorization.k8s.io", *who.split(" ", 1)[:1], "", who.partition(" ")[2])


def test_what_was_taken_for_granted_is_said_once() -> None:
    hops = (
        Hop("", POD, NODE, "escapes", assumes="the kernel allows it"),
        Hop("", NODE, ADMIN, "reads the keys", assumes="the kernel allows it"),
    )
    (fact,) = path_facts(paths(Path(POD, ADMIN, hops, 1.0)))
    assert fact.detail == "cluster-admin in 2 steps: escapes, then reads the keys (if the kernel allows it)"


def test_each_target_of_one_start_is_a_finding_of_its_own() -> None:
    several = [Foothold("secrets", "shop"), Foothold("secrets", "ops"), ADMIN]
    found = path_findings(paths(*(Path(POD, t, (Hop("x", POD, t, "goes"),), 1.0) for t in several)), checks())
    assert len({f.id for f in found}) == 3


def paths(*several: Path) -> Paths:
    return Paths(several, len(several), len(several), (), Fixes((), 0, 0, optimal=True))
