"""Assessments to print: a realistic cluster of any size, and anything at all."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import strategies as st

from mistrust.access.evidence import Evidence
from mistrust.access.fact import Edit
from mistrust.access.finding import SEVERITIES, Finding, Severity
from mistrust.kube.meta import Ref
from mistrust.kube.problem import Origin, Problem
from mistrust.kube.snapshot import Gap
from mistrust.paths.path import Change, Fixes, Foothold, Hop, Path, Paths
from mistrust.report.assessment import Accepted, Assessment, Catalog, Entry, Row

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

words = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30))
files = st.one_of(words, st.sampled_from(("caf\udce9.yaml", "C:\\x y\\z.yaml", "/abs/x.yaml", "../up.yaml", "-")))
refs = st.builds(Ref, words, words, words, words)
origins = st.builds(Origin, files, st.integers(0, 3), st.integers(-1, 3), st.integers(0, 9999))
keys = st.lists(st.one_of(words, st.integers(0, 99)), max_size=5).map(tuple)
evidences = st.builds(Evidence, refs, origins, keys, words)
edits = st.builds(Edit, refs, origins, st.sampled_from(("set", "remove", "add")), keys, words)
findings = st.builds(
    Finding,
    words,
    words,
    refs,
    words,
    words,
    st.sampled_from(SEVERITIES),
    words,
    st.lists(evidences, max_size=3).map(tuple),
    st.lists(edits, max_size=3).map(tuple),
    st.integers(0, 10**6),
)
footholds = st.builds(Foothold, st.one_of(st.sampled_from(("internet", "pod", "identity", "node")), words), words)
hops = st.builds(
    Hop,
    words,
    footholds,
    footholds,
    words,
    st.lists(evidences, max_size=2).map(tuple),
    words,
    st.lists(footholds, max_size=1).map(tuple),
)


@st.composite
def chains(draw: st.DrawFn) -> Path:
    """A path whose hops follow each other."""
    stops = draw(st.lists(footholds, min_size=1, max_size=6))
    grants = draw(st.lists(evidences, max_size=2))
    steps = tuple(Hop(draw(words), a, b, draw(words), tuple(grants), "") for a, b in pairwise(stops))
    return Path(stops[0], stops[-1], steps, float(len(steps)))


changes = st.builds(
    Change,
    st.sampled_from(("rule", "binding", "subject", "pod", "token", "namespace")),
    refs,
    words,
    st.floats(0, 100),
    st.integers(0, 10**6),
    st.lists(edits, max_size=2).map(tuple),
    st.lists(evidences, max_size=2).map(tuple),
    words,
)
fixes = st.builds(
    Fixes, st.lists(changes, max_size=9).map(tuple), st.integers(0, 400), st.integers(0, 400), st.booleans()
)
paths = st.builds(
    Paths,
    st.lists(chains(), max_size=12).map(tuple),
    st.integers(0, 10**6),
    st.integers(0, 10**4),
    st.lists(words, max_size=8).map(tuple),
    fixes,
    st.lists(words, max_size=4).map(tuple),
)
shares = st.one_of(st.none(), st.floats(0, 1))
totals = st.one_of(st.none(), st.integers(0, 10**12))
rows = st.builds(Row, words, totals, totals, shares, shares, words, words)
problems = st.builds(Problem, words, files, st.integers(0, 10**6), words, words, words, st.booleans())
assessments = st.builds(
    Assessment,
    name=files,
    source=files,
    scope=st.sampled_from(("manifests", "cluster")),
    paths=paths,
    version=words,
    workloads=st.integers(0, 10**6),
    namespaces=st.integers(0, 10**4),
    evidence=words,
    rows=st.lists(rows, max_size=9).map(tuple),
    findings=st.lists(findings, max_size=12).map(tuple),
    accepted=st.lists(st.builds(Accepted, findings, words, words, words), max_size=3).map(tuple),
    new=st.one_of(st.none(), st.integers(0, 10**6)),
    failures=st.lists(words, max_size=6).map(tuple),
    problems=st.lists(problems, max_size=8).map(tuple),
    gaps=st.lists(st.builds(Gap, words, words, words), max_size=6).map(tuple),
    unread=st.dictionaries(words, st.integers(0, 10**6), max_size=8),
    exit_code=st.integers(0, 4),
    tool=words,
)
entries = st.builds(
    Entry, words, words, st.one_of(st.none(), st.sampled_from(SEVERITIES)), st.lists(words, max_size=2).map(tuple)
)
catalogs = st.dictionaries(words, entries, max_size=5)
