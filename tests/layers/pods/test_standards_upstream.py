"""The standards mean what Kubernetes' own code means, for its own pods and for any pod, in every minor."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.layers.pods.upstream.build import fixtures, oracle

from mistrust.kube.pods import Pod
from mistrust.kube.read import read
from mistrust.kube.version import Version
from mistrust.layers.pods.level import Level
from mistrust.layers.pods.levels import level, violations

LEVELS = {"baseline": Level.BASELINE, "restricted": Level.RESTRICTED}
NEWEST = 38


@pytest.mark.parametrize("name", LEVELS)
def test_every_pod_of_the_upstream_fixtures_passes_or_fails_as_there(name: str) -> None:
    files = sorted(fixtures().glob(f"{name}/v1.*/*/*.yaml"))
    assert len(files) > 1500
    wrong = []
    for file in files:
        objects, problems = read(file.read_bytes(), str(file))
        [pod] = objects
        assert isinstance(pod, Pod)
        assert not problems
        version = Version(1, int(file.parent.parent.name.removeprefix("v1.")))
        found = violations(LEVELS[name], pod.metadata, pod.spec, version)
        if bool(found) != (file.parent.name == "fail"):
            wrong.append(f"{file.parent.parent.name}/{file.name}: {found}")
        if file.parent.name == "fail":
            check = file.stem.rstrip("0123456789")
            assert check in {v.check.lower() for v in found} or name == "restricted", file
    assert not wrong


MAYBE = st.sampled_from([None, True, False])
USERS = st.sampled_from([None, 0, 1000])
PROFILE = st.sampled_from([None, {}, {"type": "RuntimeDefault"}, {"type": "Unconfined"}, {"type": "Localhost"}])
SELINUX = st.sampled_from(
    [None, {}, {"type": "container_t"}, {"type": "container_engine_t"}, {"type": "spc_t"}, {"user": "u"}, {"role": "r"}]
)
CAPABILITY = st.sampled_from(
    ["ALL", "all", "NET_BIND_SERVICE", "CHOWN", "CAP_CHOWN", "SYS_ADMIN", "NET_RAW", "MKNOD", "chown"]
)
CAPABILITIES = st.none() | st.fixed_dictionaries(
    {}, optional={"add": st.lists(CAPABILITY, max_size=2), "drop": st.lists(CAPABILITY, max_size=2)}
)
WINDOWS = st.sampled_from([None, {}, {"hostProcess": True}, {"hostProcess": False}])
HANDLER = st.sampled_from(
    [
        {"httpGet": {"port": 80}},
        {"httpGet": {"port": 80, "host": "10.0.0.1"}},
        {"tcpSocket": {"port": 80}},
        {"tcpSocket": {"port": 80, "host": "localhost"}},
        {"exec": {"command": ["true"]}},
    ]
)
SYSCTL = st.sampled_from(
    [
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_notsent_lowat",
        "kernel/shm_rmid_forced",
        "kernel.msgmax",
    ]
)
SOURCES = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "nfs",
    "iscsi",
    "glusterfs",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "fc",
    "azureFile",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "portworxVolume",
    "photonPersistentDisk",
    "scaleIO",
    "storageos",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
]
ANNOTATION = st.dictionaries(
    st.sampled_from(
        [
            "container.apparmor.security.beta.kubernetes.io/a",
            "container.apparmor.security.beta.kubernetes.io/unknown",
            "seccomp.security.alpha.kubernetes.io/pod",
            "container.seccomp.security.alpha.kubernetes.io/a",
            "container.seccomp.security.alpha.kubernetes.io/unknown",
        ]
    ),
    st.sampled_from(["", "runtime/default", "docker/default", "localhost/x", "unconfined", "localhost"]),
    max_size=2,
)


def given_fields(**fields: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """An object with some of these fields; null is a field that is not there."""
    return st.fixed_dictionaries({}, optional=fields).map(lambda d: {k: v for k, v in d.items() if v is not None})


CONTAINER = st.builds(
    lambda name, context, more: {"name": name, **({} if context is None else {"securityContext": context}), **more},
    st.sampled_from(["a", "b"]),
    st.none()
    | given_fields(
        privileged=MAYBE,
        allowPrivilegeEscalation=MAYBE,
        capabilities=CAPABILITIES,
        runAsUser=USERS,
        runAsNonRoot=MAYBE,
        procMount=st.sampled_from([None, "Default", "Unmasked", ""]),
        seLinuxOptions=SELINUX,
        seccompProfile=PROFILE,
        appArmorProfile=PROFILE,
        windowsOptions=WINDOWS,
    ),
    given_fields(
        ports=st.lists(given_fields(hostPort=st.sampled_from([0, 80]), containerPort=st.just(80)), max_size=2),
        livenessProbe=HANDLER,
        readinessProbe=HANDLER,
        startupProbe=HANDLER,
        lifecycle=given_fields(postStart=HANDLER, preStop=HANDLER),
    ),
)
POD = st.builds(
    lambda annotations, spec: {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "annotations": annotations},
        "spec": spec,
    },
    ANNOTATION,
    given_fields(
        containers=st.lists(CONTAINER, min_size=1, max_size=2),
        initContainers=st.lists(CONTAINER, max_size=1),
        ephemeralContainers=st.lists(CONTAINER, max_size=1),
        volumes=st.lists(st.sampled_from(SOURCES).map(lambda s: {"name": "v", s: {}}), max_size=2),
        hostNetwork=MAYBE,
        hostPID=MAYBE,
        hostIPC=MAYBE,
        hostUsers=MAYBE,
        os=st.sampled_from([None, {"name": "linux"}, {"name": "windows"}]),
        securityContext=given_fields(
            runAsUser=USERS,
            runAsNonRoot=MAYBE,
            seLinuxOptions=SELINUX,
            seccompProfile=PROFILE,
            appArmorProfile=PROFILE,
            windowsOptions=WINDOWS,
            sysctls=st.lists(SYSCTL.map(lambda name: {"name": name, "value": "1"}), max_size=2),
        ),
    ),
)


def asked(pods: Iterable[object]) -> list[dict[str, list[str]]]:
    """What Kubernetes answers for these pods."""
    lines = b"\n".join(json.dumps(pod).encode() for pod in pods)
    ran = subprocess.run([oracle()], input=lines, capture_output=True, check=True)
    return [json.loads(line) for line in ran.stdout.splitlines()]


def reasons(pod: Pod, name: str, minor: int) -> set[str]:
    return {v.reason for v in violations(LEVELS[name], pod.metadata, pod.spec, Version(1, minor))}


def singular(reason: str) -> str:
    return reason.replace("profiles", "profile")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(POD, min_size=20, max_size=20))
def test_any_pod_is_forbidden_for_the_reasons_that_kubernetes_gives(pods: list[dict[str, object]]) -> None:
    for plain, answers in zip(pods, asked(pods), strict=True):
        pod = msgspec.convert(plain, Pod)
        for name in LEVELS:
            for minor in range(NEWEST + 1):
                expected = {singular(r) for r in answers[f"{name}/{minor}"]}
                assert reasons(pod, name, minor) == expected, (name, minor, plain)
        met = {minor: level(pod.metadata, pod.spec, Version(1, minor)) for minor in (24, 34, 35, NEWEST)}
        for minor, answer in met.items():
            wanted = next(
                (LEVELS[n] for n in ("restricted", "baseline") if not answers[f"{n}/{minor}"]), Level.PRIVILEGED
            )
            assert answer is wanted
