"""Every family of escapes: when it holds, when it does not, which field says so."""

from __future__ import annotations

import pytest
from tests.layers.pods.make import cluster, deployment, first, one, told, ways_out

from mistrust.access.evidence import show_path
from mistrust.kube.version import Version
from mistrust.layers.pods.escapes.escape import Escape
from mistrust.layers.pods.escapes.every import escapes, surroundings
from mistrust.layers.pods.template import place

PRIVILEGED = one("securityContext: {privileged: true}")


def fields(escape: Escape) -> list[str]:
    return [show_path(f.path) for f in escape.fields]


def capability(*names: str, more: str = "") -> str:
    return one(f"securityContext: {{capabilities: {{add: [{', '.join(names)}]}}, runAsUser: 0{more}}}")


def test_a_plain_pod_has_no_way_out() -> None:
    assert told(one("image: nginx")) == []


class TestPrivileged:
    def test_takes_the_node_and_names_the_field_of_the_container(self) -> None:
        [found] = ways_out("containers: [{name: a}, {name: b, securityContext: {privileged: true}}]")
        assert (found.code, found.container, str(found.power)) == ("E1", "b", "node")
        assert fields(found) == ["spec.containers[1].securityContext.privileged"]

    @pytest.mark.parametrize("group", ["initContainers", "containers", "ephemeralContainers"])
    def test_counts_in_every_list_of_containers(self, group: str) -> None:
        [found] = ways_out(f"{group}: [{{name: a, securityContext: {{privileged: true}}}}]")
        assert fields(found) == [f"spec.{group}[0].securityContext.privileged"]

    def test_is_only_an_amplifier_in_a_user_namespace_which_the_api_server_admits_beside_it(self) -> None:
        assert told("hostUsers: false\n" + PRIVILEGED) == [("E1", "amplifier")]

    def test_takes_the_node_where_the_version_drops_the_user_namespace(self) -> None:
        assert told("hostUsers: false\n" + PRIVILEGED, version=Version(1, 32)) == [("E1", "node")]
        assert told("hostUsers: false\n" + PRIVILEGED, version=Version(1, 33)) == [("E1", "amplifier")]

    def test_a_privileged_container_has_every_capability_and_is_told_once(self) -> None:
        context = "securityContext: {privileged: true, capabilities: {add: [SYS_ADMIN]}}"
        assert told(one(context)) == [("E1", "node")]


class TestHostPid:
    def test_alone_shows_processes(self) -> None:
        assert told("hostPID: true\n" + one("")) == [("E2", "node-processes")]

    def test_with_a_privileged_container_takes_the_node(self) -> None:
        assert told("hostPID: true\n" + PRIVILEGED) == [("E1", "node"), ("E2", "node")]

    def test_with_ptrace_takes_the_node_unless_app_armor_confines(self) -> None:
        traced = ways_out("hostPID: true\n" + capability("SYS_PTRACE"))[0]
        assert (traced.code, str(traced.power), traced.condition) == ("E2", "node", "AppArmor does not confine it")
        free = ways_out("hostPID: true\n" + capability("SYS_PTRACE", more=", appArmorProfile: {type: Unconfined}"))[0]
        assert free.certain

    def test_with_ptrace_dropped_again_shows_processes_only(self) -> None:
        context = "securityContext: {capabilities: {add: [SYS_PTRACE], drop: [SYS_PTRACE]}}"
        assert told("hostPID: true\n" + one(context)) == [("E2", "node-processes")]


class TestCapabilities:
    @pytest.mark.parametrize("name", ["SYS_ADMIN", "CAP_SYS_ADMIN", "sys_admin", "ALL", "all", "SYS_MODULE"])
    def test_takes_the_node_however_it_is_written(self, name: str) -> None:
        assert told(capability(name)) == [("E3", "node")]

    def test_names_the_entry_of_the_list(self) -> None:
        found = ways_out(capability("NET_BIND_SERVICE", "SYS_MODULE"))[0]
        assert fields(found) == ["spec.containers[0].securityContext.capabilities.add[1]"]
        assert [c.value for c in found.changes] == ["[NET_BIND_SERVICE]"]

    def test_adding_comes_after_dropping_all(self) -> None:
        context = "securityContext: {runAsUser: 0, capabilities: {drop: [ALL], add: [SYS_ADMIN]}}"
        assert told(one(context)) == [("E3", "node")]

    def test_dropping_all_comes_after_adding_all(self) -> None:
        assert told(one("securityContext: {runAsUser: 0, capabilities: {drop: [ALL], add: [ALL]}}")) == []

    def test_dropping_one_comes_after_adding_it(self) -> None:
        assert told(one("securityContext: {capabilities: {drop: [CAP_SYS_ADMIN], add: [SYS_ADMIN]}}")) == []

    @pytest.mark.parametrize("name", ["CHOWN", "MKNOD", "SYS_CHROOT", "DAC_OVERRIDE", "NET_RAW", "NET_BIND_SERVICE"])
    def test_what_every_container_has_leads_nowhere(self, name: str) -> None:
        assert told(capability(name)) == []

    def test_a_process_that_is_never_root_has_none(self) -> None:
        never = "securityContext: {runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: {add: [SYS_MODULE]}}"
        assert told(one(never)) == []

    def test_a_process_that_is_not_root_needs_a_set_user_id_program(self) -> None:
        [found] = ways_out(one("securityContext: {runAsUser: 1000, capabilities: {add: [SYS_MODULE]}}"))
        assert found.condition == "it runs as user 1000, and the image holds a set-user-ID program"

    def test_count_only_inside_a_user_namespace(self) -> None:
        assert told("hostUsers: false\n" + capability("SYS_ADMIN")) == [("E3", "amplifier")]

    def test_net_admin_needs_the_network_of_the_node(self) -> None:
        assert told(capability("NET_ADMIN")) == [("E3", "amplifier")]
        assert told("hostNetwork: true\n" + capability("NET_ADMIN")) == [("E3", "node-network"), ("E9", "node-network")]

    def test_bpf_and_perfmon_see_the_node_only_together(self) -> None:
        assert told(capability("BPF")) == [("E3", "amplifier")]
        assert told(capability("BPF", "PERFMON")) == [("E3", "node-read"), ("E3", "node-read")]

    def test_kexec_is_stopped_by_the_default_seccomp_profile(self) -> None:
        assert told(capability("SYS_BOOT")) == [("E3", "node")]
        assert told(capability("SYS_BOOT", more=", seccompProfile: {type: RuntimeDefault}")) == [("E3", "amplifier")]


class TestUser:
    @pytest.mark.parametrize(
        ("pod", "container", "condition"),
        [
            ("{}", "{}", "the image runs as root"),
            ("{runAsUser: 0}", "{}", ""),
            ("{runAsUser: 1000}", "{runAsUser: 0}", ""),
            ("{runAsUser: 0}", "{runAsUser: 7}", "it runs as user 7, and the image holds a set-user-ID program"),
            ("{runAsNonRoot: true}", "{runAsNonRoot: false}", "the image runs as root"),
            (
                "{runAsNonRoot: true}",
                "{}",
                "it runs as a user other than root, and the image holds a set-user-ID program",
            ),
        ],
    )
    def test_the_container_overrides_the_pod(self, pod: str, container: str, condition: str) -> None:
        context = container.replace("{", "{capabilities: {add: [SYS_MODULE]}, ", 1).replace(", }", "}")
        [found] = ways_out(f"securityContext: {pod}\n" + one(f"securityContext: {context}"))
        assert found.condition == condition

    def test_the_kubelet_starts_no_root_that_must_not_be_root(self) -> None:
        context = "securityContext: {runAsNonRoot: true, runAsUser: 0, capabilities: {add: [SYS_MODULE]}}"
        assert told(one(context)) == []


class TestNodeNamespaces:
    def test_host_network_and_host_ipc(self) -> None:
        assert told("hostNetwork: true\nhostIPC: true\n" + one("")) == [
            ("E9", "node-network"),
            ("E10", "node-processes"),
        ]

    @pytest.mark.parametrize(
        ("pod", "container", "holds"),
        [("true", "", True), ("false", "hostProcess: true", True), ("true", "hostProcess: false", False)],
    )
    def test_the_container_says_whether_it_is_a_windows_host_process(
        self, pod: str, container: str, holds: bool
    ) -> None:
        text = f"securityContext: {{windowsOptions: {{hostProcess: {pod}}}}}\n"
        found = told(text + one(f"securityContext: {{windowsOptions: {{{container}}}}}"))
        assert found == ([("E13", "node")] if holds else [])


class TestConfinement:
    @pytest.mark.parametrize(
        "context",
        [
            "{seccompProfile: {type: Unconfined}}",
            "{appArmorProfile: {type: Unconfined}}",
            "{seLinuxOptions: {type: spc_t}}",
        ],
    )
    def test_switched_off_is_an_amplifier_for_pod_and_container(self, context: str) -> None:
        assert told(one(f"securityContext: {context}")) == [("E14", "amplifier")]
        assert told(f"securityContext: {context}\n" + one("")) == [("E14", "amplifier")]

    def test_the_annotation_of_app_armor_counts_before_the_field_of_the_pod(self) -> None:
        key = "container.apparmor.security.beta.kubernetes.io/web"
        pod = "securityContext: {appArmorProfile: {type: RuntimeDefault}}\n" + one("")
        [found] = ways_out(pod, **{key: "unconfined"})
        assert found.fields[0].path == ("metadata", "annotations", key)

    def test_the_container_overrides_the_pod(self) -> None:
        pod = "securityContext: {seccompProfile: {type: Unconfined}}\n"
        assert told(pod + one("securityContext: {seccompProfile: {type: RuntimeDefault}}")) == []

    def test_an_unmasked_proc_is_the_nodes_only_where_old_servers_allowed_it(self) -> None:
        unmasked = one("securityContext: {procMount: Unmasked}")
        assert told(unmasked) == [("E7", "amplifier")]
        assert told(unmasked, version=Version(1, 28)) == [("E7", "node")]
        assert told("hostUsers: false\n" + unmasked) == [("E7", "amplifier")]


class TestSiblings:
    def test_share_processes_only_if_there_are_some(self) -> None:
        assert told("shareProcessNamespace: true\ncontainers: [{name: a}]") == []
        assert told("shareProcessNamespace: true\ncontainers: [{name: a}, {name: b}]") == [
            ("E15", "sibling-containers")
        ]


class TestDevices:
    def test_a_device_plugins_resource_is_an_amplifier(self) -> None:
        resources = "resources: {limits: {cpu: 1, memory: 1Gi, example.com/sda: 1, hugepages-2Mi: 2Mi}}"
        [found] = ways_out(one(resources))
        assert fields(found) == ['spec.containers[0].resources.limits["example.com/sda"]']

    def test_a_raw_device_of_the_node_takes_the_node(self) -> None:
        claim = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: disk, namespace: shop}
spec: {volumeName: sda, volumeMode: Block}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: sda}
spec: {volumeMode: Block, local: {path: /dev/sda}}
"""
        pod = one("volumeDevices: [{name: d, devicePath: /dev/xvda}]")
        pod += "\nvolumes: [{name: d, persistentVolumeClaim: {claimName: disk}}]"
        [found] = ways_out(pod, claim)
        assert (found.code, str(found.power)) == ("E12", "node")
        assert [str(e) for e in found.also] == ["PersistentVolume sda spec.local.path /dev/sda"]
        assert ways_out(pod) == []


def test_mounts_made_inside_appear_on_the_node() -> None:
    pod = one(
        "securityContext: {privileged: true}\nvolumeMounts: [{name: d, mountPath: /d, mountPropagation: Bidirectional}]"
    )
    assert told(pod + "\nvolumes: [{name: d, emptyDir: {}}]") == [("E1", "node"), ("E4", "amplifier")]


def test_cronjobs_and_bare_pods_name_fields_of_their_own_object() -> None:
    job = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: j}
spec: {jobTemplate: {spec: {template: {spec: {hostPID: true, containers: [{name: a}]}}}}}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {hostPID: true, containers: [{name: a}]}
"""
    world = cluster(job)
    shown = [
        str(e)
        for w in world.workloads
        for x in escapes(w, world)
        if x.code == "E2"
        for e in place(w).evidence(x.fields)
    ]
    assert shown == [
        "CronJob default/j spec.jobTemplate.spec.template.spec.hostPID true",
        "Pod default/p spec.hostPID true",
    ]


def test_asking_with_the_snapshot_or_with_its_surroundings_is_the_same() -> None:
    world = cluster(deployment("hostPID: true\n" + PRIVILEGED))
    assert escapes(first(world), world) == escapes(first(world), surroundings(world))
