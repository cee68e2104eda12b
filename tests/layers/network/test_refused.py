"""What the API server refuses in a NetworkPolicy: it may not be there at all, so nothing in it is certain."""

from __future__ import annotations

import pytest
from tests.layers.network.scene import cluster, namespace, pod, policy

from mistrust.access.ports import point
from mistrust.access.verdict import Answer
from mistrust.kube.endpoints import endpoints
from mistrust.layers.network.deciding.decide import decide, ground
from mistrust.layers.network.statements.policies import policies

SHOP = (
    namespace("shop", "team=web"),
    pod("shop/web", "app=web", "http=TCP/80", "10.0.0.1"),
    pod("shop/db", "app=db", "sql=TCP/5432", "10.0.0.2"),
)
WEB = "from: [{podSelector: {matchLabels: {app: web}}}]"


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("{ingress: [{from: [{podSelector: {matchLabels: {app: $web}}}]}]}", "no label can have the value '$web'"),
        ("{ingress: [{from: [{podSelector: {matchLabels: {app@b: web}}}]}]}", "no label can have the key 'app@b'"),
        (f"{{ingress: [{{{WEB}, ports: [{{port: '5432'}}]}}]}}", "no port can have the name '5432'"),
        (f"{{ingress: [{{{WEB}, ports: [{{port: postgres_sql}}]}}]}}", "no port can have the name 'postgres_sql'"),
    ],
)
def test_what_may_not_be_there_leaves_the_answer_open(spec: str, why: str) -> None:
    snapshot = cluster(*SHOP, policy("shop/db", spec))
    assert [p.what for p in policies(snapshot).problems] == [f"NetworkPolicy shop/db: {why}"]
    known = ground(snapshot)
    web, db = (known.pod(e) for e in endpoints(snapshot))
    assert decide(known, web, db, point("TCP", 5432)).answer is Answer.UNKNOWN


def test_labels_and_names_at_their_limits_are_accepted() -> None:
    key, value = f"{'a.' * 126}a/{'b' * 63}", "c" * 63
    labels = f"{{{key}: {value}, tier: ''}}"
    spec = f"{{podSelector: {{matchLabels: {labels}}}, ingress: [{{{WEB}, ports: [{{port: http-on-8080-x}}]}}]}}"
    assert not policies(cluster(*SHOP, policy("shop/db", spec))).problems
