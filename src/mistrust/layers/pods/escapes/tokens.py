"""E18: service account tokens inside a pod, mounted by admission, projected by name, or kept in a Secret.

k8s.io/kubernetes/plugin/pkg/admission/serviceaccount/admission.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.kube.core import Secret, ServiceAccount
from mistrust.kube.meta import Ref
from mistrust.kube.pods import Pod, PodSpec
from mistrust.kube.snapshot import Snapshot
from mistrust.kube.workloads import TOKEN_MOUNT, Workload
from mistrust.layers.pods.escapes.escape import Escape, Power
from mistrust.layers.pods.template import SPEC, Change, Field, containers

MIRROR = "kubernetes.io/config.mirror"
"""The annotation of a static pod's image in the API: admission gives those no token."""

TOKEN_SECRET = "kubernetes.io/service-account-token"  # noqa: S105
ACCOUNT = "kubernetes.io/service-account.name"


class Accounts(msgspec.Struct, frozen=True):
    """The service accounts and token Secrets of one snapshot."""

    accounts: Mapping[tuple[str, str], ServiceAccount]
    secrets: Mapping[tuple[str, str], Secret]


def accounts(snapshot: Snapshot) -> Accounts:
    """Look the snapshot through once."""
    return Accounts(
        {(a.namespace, a.name): a for a in snapshot.of(ServiceAccount)},
        {(s.namespace, s.name): s for s in snapshot.of(Secret) if s.type == TOKEN_SECRET},
    )


def tokens(workload: Workload, known: Accounts) -> Iterator[Escape]:
    """E18. Every token that a process of the workload can read.

    A pod that an API server wrote shows its tokens as volumes; for all others it is worked out what admission adds.
    """
    yield from automounted(workload, known)
    yield from _projected(workload)
    yield from _kept(workload, known)


def automounted(workload: Workload, known: Accounts) -> Iterator[Escape]:
    """The token that admission adds to each pod of the workload, unless something says otherwise."""
    spec, source = workload.spec, workload.source
    if isinstance(source, Pod) and (source.live or MIRROR in source.metadata.annotations):
        return
    covered = [
        any(m.mount_path == TOKEN_MOUNT for m in c.volume_mounts) for c in (*spec.init_containers, *spec.containers)
    ]
    if all(covered):
        return
    path = (*SPEC, "automountServiceAccountToken")
    account = known.accounts.get((workload.namespace, spec.identity))
    said = spec.automount_service_account_token
    also: tuple[Evidence, ...] = ()
    if said is None and account is not None and account.automount_service_account_token is not None:
        said = account.automount_service_account_token
        also = (at(account, "automountServiceAccountToken", value=str(said).lower()),)
    if said is not False:
        yield Escape(
            "E18",
            "",
            Power.IDENTITY,
            "",
            f"holds the token of service account {spec.identity}",
            fields=(Field(path, "" if spec.automount_service_account_token is None else "true"),),
            also=also,
            changes=(Change("set", path, "false"),),
            targets=(_account(workload, spec.identity),),
        )


def _projected(workload: Workload) -> Iterator[Escape]:
    spec = workload.spec
    mounts = _mounts(spec)
    for i, volume in enumerate(spec.volumes):
        if volume.projected is None or volume.name not in mounts:
            continue
        for j, source in enumerate(volume.projected.sources):
            token = source.service_account_token
            if token is not None:
                path = (*SPEC, "volumes", i, "projected", "sources", j, "serviceAccountToken")
                whom = f' for "{token.audience}"' if token.audience else ""
                yield Escape(
                    "E18",
                    "",
                    Power.IDENTITY,
                    mounts[volume.name],
                    f'container "{mounts[volume.name]}" holds a token of service account {spec.identity}{whom}',
                    f'the API server accepts the audience "{token.audience}"' if token.audience else "",
                    (Field(path, token.audience),),
                    changes=(Change("remove", path[:-1]),),
                    targets=(_account(workload, spec.identity),),
                )


def _kept(workload: Workload, known: Accounts) -> Iterator[Escape]:
    if not known.secrets:
        return
    spec, mounts = workload.spec, _mounts(workload.spec)
    found: list[tuple[str, Field, str]] = []
    for i, volume in enumerate(spec.volumes):
        if volume.secret is not None and volume.name in mounts:
            field = Field((*SPEC, "volumes", i, "secret", "secretName"), volume.secret.secret_name)
            found.append((mounts[volume.name], field, volume.secret.secret_name))
        for j, source in enumerate(volume.projected.sources if volume.projected is not None else ()):
            if source.secret is not None and volume.name in mounts:
                path = (*SPEC, "volumes", i, "projected", "sources", j, "secret", "name")
                found.append((mounts[volume.name], Field(path, source.secret.name), source.secret.name))
    for place, c in containers(spec):
        for j, variable in enumerate(c.env):
            ref = variable.value_from.secret_key_ref if variable.value_from is not None else None
            if ref is not None:
                found.append((c.name, Field((*place, "env", j, "valueFrom", "secretKeyRef"), ref.name), ref.name))
        for j, every in enumerate(c.env_from):
            if every.secret_ref is not None:
                name = every.secret_ref.name
                found.append((c.name, Field((*place, "envFrom", j, "secretRef", "name"), name), name))
    for container, field, name in found:
        secret = known.secrets.get((workload.namespace, name))
        if secret is not None:
            account = secret.metadata.annotations.get(ACCOUNT, "")
            detail = f'container "{container}" holds the token of service account {account} that Secret {name} keeps'
            yield Escape(
                "E18",
                "pods.legacy-token",
                Power.IDENTITY,
                container,
                f"{detail}, and that never expires",
                fields=(field,),
                also=(at(secret, "type", value=secret.type),),
                targets=(_account(workload, account),),
            )


def _account(workload: Workload, name: str) -> Ref:
    return Ref("", "ServiceAccount", workload.namespace, name)


def _mounts(spec: PodSpec) -> Mapping[str, str]:
    """The volumes that are mounted, each with a container that mounts it."""
    return {mount.name: c.name for _, c in reversed(list(containers(spec))) for mount in c.volume_mounts}
