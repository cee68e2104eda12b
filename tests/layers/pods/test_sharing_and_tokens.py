"""What leads from one pod to another, and to an identity: files that both mount, and tokens."""

from __future__ import annotations

import pytest
from tests.layers.pods.make import cluster, deployment, first, one

from mistrust.layers.pods.escapes.escape import Escape
from mistrust.layers.pods.escapes.every import escapes

CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: c, namespace: shop}
spec: {accessModes: [ReadWriteMany]}
"""


def on(volume: str, mount: str = "") -> str:
    return one(f"volumeMounts: [{{name: v, mountPath: /v, {mount}}}]") + f"\nvolumes: [{{name: v, {volume}}}]"


def sharing(writer: str, reader: str, *others: str, namespace: str = "shop") -> list[Escape]:
    world = cluster(deployment(writer, "writer"), deployment(reader, "reader", namespace), *others)
    return [e for e in escapes(first(world), world) if e.code == "E16"]


CLAIMED = "persistentVolumeClaim: {claimName: c}"
DATA = "hostPath: {path: /data}"


class TestSharing:
    def test_a_claim_that_both_mount(self) -> None:
        [found] = sharing(on(CLAIMED), on(CLAIMED, "readOnly: true"), CLAIM)
        assert [str(t) for t in found.targets] == ["Deployment shop/reader"]
        assert found.certain

    def test_a_claim_for_one_node_needs_both_on_it(self) -> None:
        [found] = sharing(on(CLAIMED), on(CLAIMED))
        assert found.condition == "both run on the same node"

    def test_a_claim_belongs_to_its_namespace(self) -> None:
        assert sharing(on(CLAIMED), on(CLAIMED), namespace="other") == []

    def test_a_read_only_mount_changes_nothing(self) -> None:
        assert sharing(on(CLAIMED, "readOnly: true"), on(CLAIMED)) == []
        assert sharing(on("persistentVolumeClaim: {claimName: c, readOnly: true}"), on(CLAIMED)) == []

    @pytest.mark.parametrize(
        ("writes", "reads", "shared"),
        [
            (DATA, DATA, True),
            (DATA, "hostPath: {path: /data/sub/}", True),
            ("hostPath: {path: /data/sub}", DATA, False),
            (DATA, "hostPath: {path: /database}", False),
            ("hostPath: {path: /etc}", "hostPath: {path: /etc}", False),
        ],
    )
    def test_a_path_of_the_node_that_the_other_mounts_at_or_below(self, writes: str, reads: str, shared: bool) -> None:
        assert bool(sharing(on(writes), on(reads))) == shared

    def test_sub_paths_part_what_a_volume_joins(self) -> None:
        assert sharing(on(CLAIMED, "subPath: a"), on(CLAIMED, "subPath: b")) == []
        assert sharing(on(CLAIMED, "subPath: a"), on(CLAIMED, "subPath: a/b"))

    def test_a_claim_that_is_a_path_of_the_node_meets_that_path(self) -> None:
        volume = """
apiVersion: v1
kind: PersistentVolume
metadata: {name: p}
spec: {hostPath: {path: /data}, claimRef: {namespace: shop, name: c}}
"""
        assert sharing(on(CLAIMED), on(DATA), volume)

    def test_files_between_the_containers_of_one_pod_are_their_own(self) -> None:
        mount = "volumeMounts: [{name: v, mountPath: /v}]"
        both = f"containers: [{{name: a, {mount}}}, {{name: b, {mount}}}]"
        assert sharing(both + f"\nvolumes: [{{name: v, {CLAIMED}}}]", one("")) == []


def tokens(pod: str, *others: str) -> list[Escape]:
    world = cluster(deployment(pod), *others)
    return [e for e in escapes(first(world), world) if e.code == "E18"]


def account(automount: str, name: str = "default") -> str:
    return f"""
apiVersion: v1
kind: ServiceAccount
metadata: {{name: {name}, namespace: shop}}
automountServiceAccountToken: {automount}
"""


class TestTokens:
    def test_every_pod_has_one_unless_someone_says_no(self) -> None:
        [found] = tokens(one(""))
        assert [str(t) for t in found.targets] == ["ServiceAccount shop/default"]

    @pytest.mark.parametrize(
        ("pod", "its_account", "holds"),
        [
            ("", "false", False),
            ("", "true", True),
            ("automountServiceAccountToken: true", "false", True),
            ("automountServiceAccountToken: false", "true", False),
        ],
    )
    def test_the_pod_says_it_before_its_account(self, pod: str, its_account: str, holds: bool) -> None:
        assert bool(tokens(f"{pod}\n" + one(""), account(its_account))) == holds

    def test_the_account_is_the_one_that_the_pod_names(self) -> None:
        assert tokens("serviceAccountName: ci\n" + one(""), account("false"))
        assert tokens("serviceAccount: ci\n" + one(""), account("false", "ci")) == []

    def test_a_container_that_mounts_something_there_gets_none(self) -> None:
        mount = "volumeMounts: [{name: v, mountPath: /var/run/secrets/kubernetes.io/serviceaccount}]"
        assert tokens(one(mount) + "\nvolumes: [{name: v, emptyDir: {}}]") == []

    def test_a_projected_token_counts_where_it_is_mounted(self) -> None:
        off = "automountServiceAccountToken: false\n"
        volume = "projected: {sources: [{serviceAccountToken: {path: t, audience: vault}}]}"
        [found] = tokens(off + on(volume))
        assert found.condition == 'the API server accepts the audience "vault"'
        [found] = tokens(off + on(volume.replace(", audience: vault", "")))
        assert found.certain
        assert tokens(off + one("") + f"\nvolumes: [{{name: v, {volume}}}]") == []

    @pytest.mark.parametrize(
        "pod",
        [
            on("secret: {secretName: t}"),
            on("projected: {sources: [{secret: {name: t}}]}"),
            one("env: [{name: T, valueFrom: {secretKeyRef: {name: t, key: token}}}]"),
            one("envFrom: [{secretRef: {name: t}}]"),
        ],
    )
    def test_a_token_that_a_secret_keeps(self, pod: str) -> None:
        secret = """
apiVersion: v1
kind: Secret
type: kubernetes.io/service-account-token
metadata: {name: t, namespace: shop, annotations: {kubernetes.io/service-account.name: robot}}
"""
        [found] = tokens("automountServiceAccountToken: false\n" + pod, secret)
        assert (found.fact, [str(t) for t in found.targets]) == ("pods.legacy-token", ["ServiceAccount shop/robot"])
        assert tokens("automountServiceAccountToken: false\n" + pod, secret.replace("account-token", "other")) == []

    def test_a_pod_of_an_api_server_shows_its_tokens_itself(self) -> None:
        live = """
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop, uid: u}
spec: {containers: [{name: a}]}
"""
        world = cluster(live)
        assert escapes(first(world), world) == ()

    def test_a_static_pod_has_none(self) -> None:
        mirror = """
apiVersion: v1
kind: Pod
metadata: {name: p, annotations: {kubernetes.io/config.mirror: x}}
spec: {containers: [{name: a}]}
"""
        world = cluster(mirror)
        assert escapes(first(world), world) == ()
