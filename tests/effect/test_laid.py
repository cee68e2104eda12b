"""Manifests laid over a cluster: what applying them would make of it."""

from __future__ import annotations

from tests.paths.cluster import Plain, cluster, named

from mistrust.effect.laid import laid_over
from mistrust.kube.snapshot import Gap, Scope, Snapshot
from mistrust.kube.snapshot import snapshot as make


def template(privileged: bool) -> Plain:
    main = {"name": "c", "image": "i", "securityContext": {"privileged": privileged}}
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [main]}}


def deployment(*, privileged: bool = False) -> Plain:
    return named("Deployment", "web", "shop", "apps/v1", spec={"template": template(privileged)})


def owned(kind: str, name: str, owner: str, api: str, **fields: object) -> Plain:
    made = named(kind, name, "shop", api, **fields)
    by = owner.split("/")
    group = {"CronJob": "batch/v1", "Job": "batch/v1"}.get(by[0], "apps/v1")
    reference = {"apiVersion": group, "kind": by[0], "name": by[1], "controller": True}
    made["metadata"] |= {"ownerReferences": [reference], "labels": {"app": "web"}, "uid": name}  # type: ignore[operator]
    return made


def live(*more: Plain) -> Snapshot:
    spec = template(privileged=False)["spec"]
    assert isinstance(spec, dict)
    return cluster(
        deployment(),
        owned("ReplicaSet", "web-1", "Deployment/web", "apps/v1", spec={"template": template(privileged=False)}),
        owned("Pod", "web-1-a", "ReplicaSet/web-1", "v1", spec=spec, status={"podIP": "10.0.0.7"}),
        named("ConfigMap", "kept", "shop"),
        *more,
    )


def manifests(*objects: Plain) -> Snapshot:
    return cluster(*objects, scope=Scope.MANIFESTS)


def names(found: Snapshot) -> set[str]:
    return {str(o.ref) for o in found.objects}


def test_what_only_the_cluster_has_stays() -> None:
    found = laid_over(live(), manifests(named("ConfigMap", "more", "shop")))
    assert names(found) == names(live()) | {"ConfigMap shop/more"}
    assert found.scope is Scope.CLUSTER


def test_an_object_is_replaced_by_the_one_of_its_name() -> None:
    found = laid_over(live(), manifests(named("ConfigMap", "kept", "shop", labels={"a": "b"})))
    (kept,) = (o for o in found.objects if o.name == "kept")
    assert kept.metadata.labels == {"a": "b"}


def test_pods_of_a_template_that_stays_run_on() -> None:
    found = laid_over(live(), manifests(deployment()))
    assert names(found) == names(live())
    assert len(found.workloads) == 1


def test_pods_of_a_template_that_changes_go() -> None:
    found = laid_over(live(), manifests(deployment(privileged=True)))
    assert names(found) == {"Deployment shop/web", "ConfigMap shop/kept"}
    (workload,) = found.workloads
    assert workload.spec.containers[0].security_context.privileged


def cron(image: str) -> Plain:
    job = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}}
    return named("CronJob", "nightly", "shop", "batch/v1", spec={"jobTemplate": job})


def test_so_do_jobs_of_a_schedule_that_changes() -> None:
    spec = {"containers": [{"name": "c", "image": "old"}]}
    job = owned("Job", "nightly-1", "CronJob/nightly", "batch/v1", spec={"template": {"spec": spec}})
    pod = owned("Pod", "nightly-1-a", "Job/nightly-1", "v1", spec=spec)
    running = cluster(cron("old"), job, pod)
    assert names(laid_over(running, manifests(cron("old")))) == names(running)
    assert names(laid_over(running, manifests(cron("new")))) == {"CronJob shop/nightly"}


def test_what_only_a_server_knows_stays() -> None:
    service = named("Service", "web", "shop", spec={"clusterIP": "10.1.0.1", "ports": [{"port": 80}]})
    service["metadata"] |= {"uid": "u"}  # type: ignore[operator]
    wanted = named("Service", "web", "shop", spec={"ports": [{"port": 81}]})
    found = laid_over(live(service), manifests(wanted))
    (kept,) = (o for o in found.objects if o.ref.kind == "Service")
    assert kept.metadata.uid == "u"
    assert kept.spec.cluster_ip == "10.1.0.1"  # type: ignore[attr-defined]
    assert kept.spec.ports[0].port == 81  # type: ignore[attr-defined]


def test_what_was_not_seen_is_not_seen_afterwards() -> None:
    seen = make(live().objects, gaps=(Gap("Secret", "forbidden"),), scope=Scope.CLUSTER)
    assert laid_over(seen, manifests(deployment())).gaps == seen.gaps
