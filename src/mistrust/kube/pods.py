"""Pods: the parts of `v1.PodSpec` that decide what a pod may do, with their upstream defaults.

Field names and defaults: k8s.io/api/core/v1/types.go. Environment values, commands and arguments are not read: they
often hold secrets, and no layer needs them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from msgspec import field

from mistrust.kube.meta import Metadata, Object, Present, Value


class Capabilities(Value, frozen=True, gc=False):
    """Linux capabilities, as written: `NET_ADMIN`, `CAP_NET_ADMIN`, `ALL`."""

    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class SELinuxOptions(Value, frozen=True, gc=False):
    """SELinux context."""

    user: str = ""
    role: str = ""
    type: str = ""
    level: str = ""


class SeccompProfile(Value, frozen=True, gc=False):
    """`RuntimeDefault`, `Localhost` or `Unconfined`."""

    type: str = ""
    localhost_profile: str = ""


class AppArmorProfile(Value, frozen=True, gc=False):
    """`RuntimeDefault`, `Localhost` or `Unconfined`."""

    type: str = ""
    localhost_profile: str = ""


class WindowsOptions(Value, frozen=True, gc=False):
    """Windows options; `hostProcess` runs on the node itself."""

    host_process: bool | None = None
    run_as_user_name: str | None = None


class Sysctl(Value, frozen=True, gc=False):
    """A kernel parameter."""

    name: str = ""
    value: str = ""


class PodSecurityContext(Value, frozen=True, gc=False):
    """`spec.securityContext`; containers override what both may set."""

    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    fs_group: int | None = None
    supplemental_groups: tuple[int, ...] = ()
    sysctls: tuple[Sysctl, ...] = ()
    se_linux_options: SELinuxOptions | None = None
    seccomp_profile: SeccompProfile | None = None
    app_armor_profile: AppArmorProfile | None = None
    windows_options: WindowsOptions | None = None


class SecurityContext(Value, frozen=True, gc=False):
    """`securityContext` of one container."""

    privileged: bool | None = None
    allow_privilege_escalation: bool | None = None
    capabilities: Capabilities | None = None
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    read_only_root_filesystem: bool | None = None
    proc_mount: str | None = None
    se_linux_options: SELinuxOptions | None = None
    seccomp_profile: SeccompProfile | None = None
    app_armor_profile: AppArmorProfile | None = None
    windows_options: WindowsOptions | None = None


class ContainerPort(Value, frozen=True, gc=False):
    """A declared port; `hostPort` opens it on the node."""

    container_port: int = 0
    host_port: int = 0
    host_ip: str = field(name="hostIP", default="")
    protocol: str = "TCP"
    name: str = ""


class NamedRef(Value, frozen=True, gc=False):
    """A reference by name inside the namespace."""

    name: str = ""
    key: str = ""
    optional: bool | None = None


class EnvSource(Value, frozen=True, gc=False):
    """`valueFrom`."""

    secret_key_ref: NamedRef | None = None
    config_map_key_ref: NamedRef | None = None


class EnvVar(Value, frozen=True, gc=False):
    """An environment variable, without its value."""

    name: str = ""
    value_from: EnvSource | None = None


class EnvFrom(Value, frozen=True, gc=False):
    """A whole Secret or ConfigMap as environment."""

    secret_ref: NamedRef | None = None
    config_map_ref: NamedRef | None = None


class VolumeMount(Value, frozen=True, gc=False):
    """Where a container mounts a volume."""

    name: str = ""
    mount_path: str = ""
    sub_path: str = ""
    sub_path_expr: str = ""
    read_only: bool = False
    mount_propagation: str = ""


class VolumeDevice(Value, frozen=True, gc=False):
    """A raw block device."""

    name: str = ""
    device_path: str = ""


class Resources(Value, frozen=True, gc=False):
    """Requests and limits as written; extended resources may be devices."""

    limits: Mapping[str, str | int | float] = {}
    requests: Mapping[str, str | int | float] = {}
    claims: tuple[NamedRef, ...] = ()


class HTTPGet(Value, frozen=True, gc=False):
    """An HTTP request that the kubelet makes; `host` lets it reach anywhere from the node."""

    host: str = ""
    port: int | str = 0


class TCPSocket(Value, frozen=True, gc=False):
    """A TCP connection that the kubelet makes."""

    host: str = ""
    port: int | str = 0


class Handler(Value, frozen=True, gc=False):
    """A probe or a lifecycle hook."""

    http_get: HTTPGet | None = None
    tcp_socket: TCPSocket | None = None


class Lifecycle(Value, frozen=True, gc=False):
    """Lifecycle hooks."""

    post_start: Handler | None = None
    pre_stop: Handler | None = None


class Container(Value, frozen=True, gc=False):
    """A container of any of the three lists."""

    name: str = ""
    image: str = ""
    image_pull_policy: str = ""
    ports: tuple[ContainerPort, ...] = ()
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFrom, ...] = ()
    volume_mounts: tuple[VolumeMount, ...] = ()
    volume_devices: tuple[VolumeDevice, ...] = ()
    security_context: SecurityContext | None = None
    resources: Resources = Resources()
    restart_policy: str = ""
    """`Always` on an init container makes it a sidecar."""
    liveness_probe: Handler | None = None
    readiness_probe: Handler | None = None
    startup_probe: Handler | None = None
    lifecycle: Lifecycle | None = None
    stdin: bool = False
    tty: bool = False


class HostPath(Value, frozen=True, gc=False):
    """A path of the node."""

    path: str = ""
    type: str = ""


class SecretVolume(Value, frozen=True, gc=False):
    """A Secret as files."""

    secret_name: str = ""
    optional: bool | None = None


class TokenProjection(Value, frozen=True, gc=False):
    """A bound service account token; an empty audience is the API server's own."""

    audience: str = ""
    path: str = ""
    expiration_seconds: int = 3600


class Projection(Value, frozen=True, gc=False):
    """One source of a projected volume."""

    service_account_token: TokenProjection | None = None
    secret: NamedRef | None = None
    config_map: NamedRef | None = None
    downward_api: Present | None = field(name="downwardAPI", default=None)
    cluster_trust_bundle: Present | None = None
    pod_certificate: Present | None = None


class Projected(Value, frozen=True, gc=False):
    """A projected volume."""

    sources: tuple[Projection, ...] = ()


class ClaimVolume(Value, frozen=True, gc=False):
    """A PersistentVolumeClaim."""

    claim_name: str = ""
    read_only: bool = False


class CSIVolume(Value, frozen=True, gc=False):
    """An inline CSI volume."""

    driver: str = ""
    read_only: bool | None = None


class GitRepo(Value, frozen=True, gc=False):
    """A cloned repository (CVE-2024-10220)."""

    repository: str = ""
    directory: str = ""


class Volume(Value, frozen=True, gc=False):
    """A volume: a name and exactly one source."""

    name: str = ""
    host_path: HostPath | None = None
    secret: SecretVolume | None = None
    config_map: NamedRef | None = None
    empty_dir: Present | None = None
    projected: Projected | None = None
    persistent_volume_claim: ClaimVolume | None = None
    ephemeral: Present | None = None
    csi: CSIVolume | None = None
    downward_api: Present | None = field(name="downwardAPI", default=None)
    git_repo: GitRepo | None = None
    nfs: Present | None = None
    image: Present | None = None
    aws_elastic_block_store: Present | None = None
    azure_disk: Present | None = None
    azure_file: Present | None = None
    cephfs: Present | None = None
    cinder: Present | None = None
    fc: Present | None = None
    flex_volume: Present | None = None
    flocker: Present | None = None
    gce_persistent_disk: Present | None = None
    glusterfs: Present | None = None
    iscsi: Present | None = None
    photon_persistent_disk: Present | None = None
    portworx_volume: Present | None = None
    quobyte: Present | None = None
    rbd: Present | None = None
    scale_io: Present | None = field(name="scaleIO", default=None)
    storageos: Present | None = None
    vsphere_volume: Present | None = None


class Toleration(Value, frozen=True, gc=False):
    """Lets the pod onto tainted nodes; no key with operator Exists means all of them."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class PodOS(Value, frozen=True, gc=False):
    """`linux` or `windows`."""

    name: str = ""


class ResourceClaim(Value, frozen=True, gc=False):
    """A device claim (DRA)."""

    name: str = ""
    resource_claim_name: str | None = None
    resource_claim_template_name: str | None = None


class PodSpec(Value, frozen=True, gc=False):
    """What a pod may do, as written; the upstream defaults are answered by the properties."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    ephemeral_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    security_context: PodSecurityContext = PodSecurityContext()
    service_account_name: str = ""
    service_account: str = ""
    """Deprecated alias of `serviceAccountName`."""
    automount_service_account_token: bool | None = None
    host_network: bool = False
    host_pid: bool = field(name="hostPID", default=False)
    host_ipc: bool = field(name="hostIPC", default=False)
    host_users: bool | None = None
    share_process_namespace: bool = False
    node_name: str = ""
    node_selector: Mapping[str, str] = {}
    tolerations: tuple[Toleration, ...] = ()
    os: PodOS | None = None
    runtime_class_name: str | None = None
    image_pull_secrets: tuple[NamedRef, ...] = ()
    resource_claims: tuple[ResourceClaim, ...] = ()

    @property
    def identity(self) -> str:
        """The name of its ServiceAccount; `default` where none is named (ServiceAccount admission)."""
        return self.service_account_name or self.service_account or "default"

    def every_container(self) -> Iterator[tuple[str, Container]]:
        """Each container of the three lists with its field path: `spec` relative, `initContainers[0]`."""
        for label, containers in (
            ("initContainers", self.init_containers),
            ("containers", self.containers),
            ("ephemeralContainers", self.ephemeral_containers),
        ):
            for i, container in enumerate(containers):
                yield f"{label}[{i}]", container


class PodIP(Value, frozen=True, gc=False):
    """An address of a pod."""

    ip: str = ""


class PodStatus(Value, frozen=True, gc=False):
    """`status` of a Pod, as far as a running cluster tells."""

    phase: str = ""
    pod_ip: str = field(name="podIP", default="")
    pod_ips: tuple[PodIP, ...] = field(name="podIPs", default=())
    host_ip: str = field(name="hostIP", default="")

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address, each once; of a dual-stack pod one of each family."""
        known = dict.fromkeys(p.ip for p in self.pod_ips if p.ip)
        return tuple(known) or ((self.pod_ip,) if self.pod_ip else ())


class Pod(Object, frozen=True, gc=False):
    """A Pod."""

    KIND: ClassVar[str] = "Pod"
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class PodTemplate(Value, frozen=True, gc=False):
    """`spec.template` of a workload."""

    metadata: Metadata = Metadata()
    spec: PodSpec = PodSpec()
