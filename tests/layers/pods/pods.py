"""Any pod, as plain values: every field that the Pod Security Standards look at, in and out of bounds."""

from __future__ import annotations

from hypothesis import strategies as st

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
