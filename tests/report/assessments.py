"""Assessments to print: a realistic cluster of any size, and anything at all."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

from hypothesis import strategies as st

from mistrust.access.evidence import Evidence, FieldPath
from mistrust.access.fact import Edit
from mistrust.access.finding import SEVERITIES, Finding, Severity
from mistrust.access.ports import Ports
from mistrust.channels.atlas import Atlas, Link, Spot
from mistrust.kube.meta import Ref
from mistrust.kube.problem import Origin, Problem
from mistrust.kube.snapshot import Gap
from mistrust.layers.mesh.channel import Authz, Transport
from mistrust.paths.path import Change, Fixes, Foothold, Hop, Path, Paths
from mistrust.report.assessment import Accepted, Assessment, Catalog, Entry, Row
from tests.report.atlases import atlas as drawn_from

T = TypeVar("T")

NO_FIXES = Fixes((), 0, 0, True)
NO_PATHS = Paths((), 0, 0, (), NO_FIXES)

CATALOG: Catalog = {
    "MT-POD-001": Entry(
        "Container runs privileged",
        "A privileged container has every capability and every device of its node: whoever takes the container has the"
        " node.\n\n## What to do\n\n- Remove `privileged: true`.\n- Name the capabilities that are needed:\n\n"
        '```yaml\nsecurityContext:\n  capabilities:\n    add: ["NET_ADMIN"]\n```\n',
        Severity.CRITICAL,
        ("https://kubernetes.io/docs/concepts/security/pod-security-standards/",),
    ),
    "MT-POD-007": Entry(
        "Container mounts a path of its node", "A `hostPath` volume is a door to the node.", Severity.HIGH
    ),
    "MT-POD-012": Entry("Container may run as root", "Root in a container is root for the kernel.", Severity.MEDIUM),
    "MT-POD-015": Entry("Root file system is writable", "An intruder can leave tools behind.", Severity.LOW),
    "MT-POD-018": Entry("Container keeps default capabilities", "Drop `ALL`, add what is needed.", Severity.LOW),
    "MT-POD-021": Entry("Token is mounted but unused", "A token that nobody uses helps only a thief.", Severity.MEDIUM),
    "MT-RBAC-001": Entry("Subject is cluster-admin", "It may do everything.", Severity.CRITICAL),
    "MT-RBAC-014": Entry(
        "Service account reads every Secret of its namespace", "Secrets hold the next key.", Severity.HIGH
    ),
    "MT-RBAC-020": Entry("Role uses wildcards", "A wildcard grants what does not exist yet.", Severity.MEDIUM),
    "MT-NS-002": Entry("Namespace does not enforce Pod Security", "Any pod is admitted.", Severity.MEDIUM),
    "token-request": Entry(
        "Mint a token for a service account",
        "`create serviceaccounts/token` makes a token for any service account of the namespace.",
        None,
        ("https://kubernetes.io/docs/concepts/security/rbac-good-practices/#token-request",),
    ),
    "pod-exec": Entry(
        "Run a command in a running pod", "`create pods/exec` runs a command in any pod of the namespace."
    ),
    "create-pod": Entry("Create a pod as any service account", "Whoever creates a pod chooses its service account."),
    "host-escape": Entry("Escape to the node", "Privileged pods and host paths lead to the node."),
}

POD_RULES = (
    ("MT-POD-001", 'container "app" runs privileged', ("securityContext", "privileged"), "false", 0.02),
    ("MT-POD-007", 'container "app" mounts /var/run read-write', ("volumeMounts", 0, "readOnly"), "true", 0.05),
    ("MT-POD-012", 'container "app" does not set runAsNonRoot', ("securityContext", "runAsNonRoot"), "true", 0.8),
    ("MT-POD-015", 'container "app" can write its root', ("securityContext", "readOnlyRootFilesystem"), "true", 0.9),
    ("MT-POD-018", 'container "app" drops nothing', ("securityContext", "capabilities"), '{drop: ["ALL"]}', 0.9),
    ("MT-POD-021", "token mounted, no permission granted", ("automountServiceAccountToken",), "false", 0.7),
)
APPS = ("web", "api", "cart", "payments", "mailer", "search", "worker", "cron", "metrics", "ingress", "agent", "runner")
TEAMS = ("shop", "ci", "ops", "data", "billing", "edge", "ml", "docs")


def locate(evidence: Evidence) -> tuple[str, int]:
    """What a reader of files answers, without files: the document's line, and a line for each key."""
    origin = evidence.origin
    return origin.file, origin.line + len(evidence.path) if origin.line else 0


def realistic(workloads: int = 40, *, seed: int = 7, accepted: int = 3) -> Assessment:
    """A cluster as they are: many small faults, a few that matter, paths that run through the same few grants."""
    draw = random.Random(seed)
    findings: list[Finding] = []
    owners: list[tuple[str, str]] = []
    for i in range(workloads):
        team = TEAMS[i % len(TEAMS)]
        name = f"{APPS[(i // len(TEAMS)) % len(APPS)]}{'' if i < len(TEAMS) * len(APPS) else f'-{i}'}"
        owners.append((team, name))
        findings += _pod_findings(draw, team, name, i)
    findings += [_role_finding(draw, team, i) for i, team in enumerate(TEAMS)]
    findings += [_admin_finding(team) for team in TEAMS[:2]]
    paths = _paths(owners)
    return Assessment(
        name="prod",
        source="manifests/",
        scope="manifests",
        version="1.34",
        workloads=workloads,
        namespaces=len(TEAMS),
        rows=(
            Row("permissions", workloads * 33, None, None, 0.004, layer="identity"),
            Row(
                "node powers",
                workloads // 2,
                None,
                None,
                None,
                f"{workloads // 20 + 1} workloads own their node",
                "pods",
            ),
        ),
        paths=paths,
        findings=tuple(findings[accepted:]),
        accepted=tuple(
            Accepted(f, "vendor agent, replaced in Q1", "team-ops", "2027-03-31") for f in findings[:accepted]
        ),
        new=12,
        failures=("4 new findings of severity high or above",),
        problems=(
            Problem("not YAML", "charts/web/templates/deployment.yaml", 3, got="'{{'", do="render the chart first"),
            Problem("spec.containers is not a list", "apps/old.yaml", 12, got="a mapping", wanted="a list"),
            Problem("Role ci/deployer is written more than once", "apps/ci.yaml", 40, blinds=False),
        ),
        gaps=(Gap("Secret", "forbidden"), Gap("Node", "not in the dump")),
        unread={"Certificate.cert-manager.io": 4, "ServiceMonitor.monitoring.coreos.com": 19},
        exit_code=1,
        tool="0.1.0",
    )


def _pod_findings(draw: random.Random, team: str, name: str, i: int) -> list[Finding]:
    ref = Ref("apps", "Deployment", team, name)
    origin = Origin(f"apps/{team}/{name}.yaml", 0, -1, 1)
    spec = ("spec", "template", "spec")
    out = []
    for rule, detail, keys, value, chance in POD_RULES:
        if draw.random() > chance:
            continue
        path = (*spec, *keys) if keys[0] == "automountServiceAccountToken" else (*spec, "containers", 0, *keys)
        entry = CATALOG[rule]
        out.append(
            Finding(
                rule,
                f"Deployment {team}/{name}",
                ref,
                entry.title,
                detail,
                entry.severity or Severity.LOW,
                "pods",
                (Evidence(ref, origin, path, "true" if rule == "MT-POD-001" else ""),),
                (Edit(ref, origin, "set", path, value),),
                paths=i % 5 if rule == "MT-POD-001" else 0,
            )
        )
    return out


def _role(team: str) -> tuple[Ref, Origin]:
    return Ref("rbac.authorization.k8s.io", "Role", team, "deployer"), Origin(f"rbac/{team}.yaml", 1, -1, 20)


def _role_finding(draw: random.Random, team: str, i: int) -> Finding:
    ref, origin = _role(team)
    binding = Ref("rbac.authorization.k8s.io", "RoleBinding", team, "deployer")
    return Finding(
        "MT-RBAC-014",
        f"ServiceAccount {team}/runner",
        ref,
        CATALOG["MT-RBAC-014"].title,
        f"ServiceAccount {team}/runner may get, list secrets in {team}",
        Severity.HIGH,
        "identity",
        (
            Evidence(ref, origin, ("rules", 2, "resources"), '["secrets"]'),
            Evidence(binding, Origin(f"rbac/{team}.yaml", 2, -1, 44), ("subjects", 0), f"ServiceAccount {team}/runner"),
        ),
        (Edit(ref, origin, "remove", ("rules", 2)),),
        paths=draw.randrange(8) + i % 2,
    )


def _admin_finding(team: str) -> Finding:
    ref = Ref("rbac.authorization.k8s.io", "ClusterRoleBinding", "", f"{team}-admin")
    origin = Origin("rbac/cluster.yaml", 0, -1, 1)
    return Finding(
        "MT-RBAC-001",
        f"ServiceAccount {team}/runner",
        ref,
        CATALOG["MT-RBAC-001"].title,
        f"bound to ClusterRole cluster-admin by {ref}",
        Severity.CRITICAL,
        "identity",
        (Evidence(ref, origin, ("roleRef",), "ClusterRole cluster-admin"),),
        (Edit(ref, origin, "remove"),),
        paths=21,
    )


def _paths(owners: list[tuple[str, str]]) -> Paths:
    admin = Foothold("cluster-admin", "")
    role, origin = _role("ci")
    mint = Evidence(role, origin, ("rules", 2), "create serviceaccounts/token")
    binding = Ref("rbac.authorization.k8s.io", "ClusterRoleBinding", "", "shop-admin")
    bound = Evidence(binding, Origin("rbac/cluster.yaml", 0, -1, 1), ("subjects", 0), "ServiceAccount ci/deployer")
    agent = Ref("apps", "DaemonSet", "ops", "agent")
    host = Evidence(agent, Origin("ops/agent.yaml", 0, -1, 1), ("spec", "template", "spec", "volumes", 0), "hostPath /")
    found = []
    for team, name in owners:
        pod = Foothold("pod", f"Deployment {team}/{name}")
        if team == "ci":
            runner = Foothold("identity", "ServiceAccount ci/runner")
            deployer = Foothold("identity", "ServiceAccount ci/deployer")
            found.append(
                Path(
                    pod,
                    admin,
                    (
                        Hop("", pod, runner, "holds its service account's token"),
                        Hop("token-request", runner, deployer, "mints a token (create serviceaccounts/token)", (mint,)),
                        Hop("", deployer, admin, "is cluster-admin", (bound,), "the token is not bound to a node"),
                    ),
                    3.0,
                )
            )
        elif team == "ops":
            node = Foothold("node", "any")
            inside = Foothold("pod", "DaemonSet ops/agent")
            ops = Foothold("identity", "ServiceAccount ops/controller")
            found.append(
                Path(
                    pod,
                    admin,
                    (
                        Hop("pod-exec", pod, inside, "runs a command in the agent (create pods/exec)"),
                        Hop("host-escape", inside, node, "mounts / of its node", (host,)),
                        Hop("", node, ops, "reads the tokens of the pods on the node"),
                        Hop("create-pod", ops, admin, "creates pods in kube-system (create pods)"),
                    ),
                    4.0,
                )
            )
    changes = (
        Change(
            "rule",
            role,
            "Role ci/deployer: drop create serviceaccounts/token",
            1.0,
            sum(1 for team, _ in owners if team == "ci"),
            (Edit(role, origin, "remove", ("rules", 2)),),
            (mint,),
        ),
        Change(
            "pod",
            agent,
            "DaemonSet ops/agent: no hostPath /",
            2.0,
            sum(1 for team, _ in owners if team == "ops"),
            (Edit(agent, Origin("ops/agent.yaml", 0, -1, 1), "remove", ("spec", "template", "spec", "volumes", 0)),),
            (host,),
            "needs owner",
        ),
    )
    found.sort(key=lambda p: (p.cost, str(p.start)))
    fixes = Fixes(changes, len(found), 0, True) if found else NO_FIXES
    return Paths(tuple(found), len(found), len(owners), ("cluster-admin",), fixes)


HOSTILE = (
    "</script><script>alert(1)</script>",
    "\x1b]0;owned\x07\x1b[2J",
    "\u202egnp.exe",
    "a|b`c`*d*_e_[f](javascript:alert(1))<img src=x onerror=alert(1)>",
    "::error::x\r\n::set-output name=a::b",
    "=cmd|' /C calc'!A0",
    "@everyone #1 https://example.com",
    "x" * 10_000,
    "\x85\x9b31m",
    "名前" * 40,
    "a\u0301\u200b\u2028b",
    "]]>&amp;<!-- -->",
    "",
)

FILES = ("caf\udce9.yaml", "C:\\x y\\z.yaml", "/abs/x.yaml", "../up.yaml", "-")


class Anything:
    """Builds values out of hostile words, at most `size` of each; a number decides, so that a law tries many, fast."""

    def __init__(self, seed: int, size: int) -> None:
        self.draw = random.Random(seed)
        self.size = size

    def some(self, one: Callable[[], T], most: int = 0) -> tuple[T, ...]:
        return tuple(one() for _ in range(self.draw.randint(0, min(self.size, most or self.size))))

    def word(self) -> str:
        if self.draw.random() < 0.6:
            return self.draw.choice(HOSTILE)
        codes = (self.draw.choice((0x20, 0x300, 0xE000, 0x11FFFF % 0x110000)) for _ in range(self.draw.randint(0, 12)))
        return "".join(
            c for c in (chr(self.draw.randrange(code + 1)) for code in codes) if not "\ud800" <= c <= "\udfff"
        )

    def file(self) -> str:
        return self.draw.choice((*FILES, self.word()))

    def number(self) -> int:
        return self.draw.choice((0, 1, 7, 1_000, 10**12))

    def ref(self) -> Ref:
        return Ref(self.word(), self.word(), self.word(), self.word())

    def keys(self) -> FieldPath:
        return self.some(lambda: self.draw.choice((self.word(), self.draw.randrange(99))), 5)

    def origin(self) -> Origin:
        return Origin(self.file(), 0, -1, self.draw.randrange(9999))

    def evidence(self) -> Evidence:
        return Evidence(self.ref(), self.origin(), self.keys(), self.word())

    def edit(self) -> Edit:
        return Edit(self.ref(), self.origin(), self.draw.choice(("set", "remove", "add")), self.keys(), self.word())

    def finding(self) -> Finding:
        words = (self.word(), self.word(), self.ref(), self.word(), self.word())
        severity = self.draw.choice(SEVERITIES)
        grounds, edits = self.some(self.evidence, 3), self.some(self.edit, 3)
        return Finding(*words, severity, self.word(), grounds, edits, self.draw.choice((0, 1, 10**6)))

    def foothold(self) -> Foothold:
        return Foothold(self.draw.choice(("internet", "pod", "identity", "node", self.word())), self.word())

    def path(self) -> Path:
        stops = (self.foothold(), *self.some(self.foothold, 5))
        grants = self.some(self.evidence, 2)
        steps = tuple(
            Hop(self.word(), a, b, self.word(), grants, self.word(), self.some(self.foothold, 1))
            for a, b in pairwise(stops)
        )
        return Path(stops[0], stops[-1], steps, float(len(steps)))

    def change(self) -> Change:
        words = (self.ref(), self.word(), 1.0, self.draw.choice((0, 3, 10**6)))
        return Change("rule", *words, self.some(self.edit, 2), self.some(self.evidence, 2), self.word())

    def paths(self) -> Paths:
        fixes = Fixes(self.some(self.change), self.number(), self.number(), self.draw.random() < 0.5)
        found = self.some(self.path)
        return Paths(
            found,
            self.draw.choice((0, len(found), 10**6)),
            self.number(),
            self.some(self.word),
            fixes,
            self.some(self.word),
        )

    def row(self) -> Row:
        def total() -> int | None:
            return self.draw.choice((None, self.number()))

        def share() -> float | None:
            return self.draw.choice((None, 0.0, 1.0, 1e-9, self.draw.random()))

        return Row(self.word(), total(), total(), share(), share(), self.word(), self.word())

    def problem(self) -> Problem:
        number, blinds = self.draw.randrange(10**6), self.draw.random() < 0.5
        return Problem(self.word(), self.file(), number, self.word(), self.word(), self.word(), blinds)

    def atlas(self) -> Atlas:
        spaces = [self.word() or "default" for _ in range(3)]
        spots = self.some(
            lambda: Spot(self.ref(), self.draw.choice(spaces), self.word(), (self.draw.random() < 0.5, False))
        )
        return drawn_from(spots, self.some(lambda: self.link(len(spots)))) if spots else Atlas()

    def link(self, spots: int) -> Link:
        ports = Ports.span("UDP", self.draw.randrange(1, 9), self.draw.randrange(9, 99))
        how = self.draw.choice(tuple(Transport)), self.draw.choice(tuple(Authz)), self.draw.choice((True, False, None))
        target = self.draw.randrange(spots)
        return Link(self.draw.randrange(-1, spots), target, ports, *how, self.draw.random() < 0.5)

    def assessment(self) -> Assessment:
        return Assessment(
            name=self.file(),
            source=self.file(),
            scope="manifests",
            paths=self.paths(),
            version=self.word(),
            workloads=self.number(),
            namespaces=self.number(),
            evidence=self.word(),
            rows=self.some(self.row),
            findings=self.some(self.finding),
            accepted=self.some(lambda: Accepted(self.finding(), self.word(), self.word(), self.word())),
            new=self.draw.choice((None, self.number())),
            failures=self.some(self.word),
            problems=self.some(self.problem),
            gaps=self.some(lambda: Gap(self.word(), self.word(), self.word())),
            unread={self.word(): self.number() for _ in range(self.draw.randint(0, self.size))},
            exit_code=self.draw.randrange(5),
            tool=self.word(),
            atlas=self.draw.choice((None, self.atlas())),
        )

    def catalog(self) -> Catalog:
        def one() -> tuple[str, Entry]:
            severity = self.draw.choice((None, *SEVERITIES))
            return self.word(), Entry(self.word(), self.word(), severity, self.some(self.word, 2))

        return dict(self.some(one))


anything = st.builds(Anything, st.integers(0, 2**32), st.integers(0, 9))
assessments = anything.map(Anything.assessment)
catalogs = anything.map(Anything.catalog)
