"""Requests to the API server as its audit log shows them: audit.k8s.io/v1, level Metadata, a JSON line each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from random import Random
from typing import Final

import msgspec

from mistrust.cli.shop.calendar import HOUR, Day

MIDNIGHT: Final = 24 * HOUR


class Who(msgspec.Struct, frozen=True):
    """Who asks, and from where."""

    name: str
    groups: tuple[str, ...]
    address: str
    agent: str
    pod: str = ""
    """The pod whose token it is."""


class Call(msgspec.Struct, frozen=True):
    """What is asked, and the answer."""

    verb: str
    resource: str = ""
    """`pods/log`."""
    namespace: str = ""
    name: str = ""
    group: str = ""
    code: int = 200
    query: str = ""
    path: str = ""
    """Of what is no resource: `/livez`."""

    @property
    def uri(self) -> str:
        """The URL that was asked for. An object that is created has its name in the body, a watch in its selector."""
        if self.path:
            return self.path
        resource, _, sub = self.resource.partition("/")
        root = f"/apis/{self.group}/{version(self.group)}" if self.group else "/api/v1"
        named = self.name and self.verb != "watch" and (self.verb != "create" or sub)
        parts = [f"namespaces/{self.namespace}" if self.namespace else "", resource, self.name if named else "", sub]
        return "/".join([root, *filter(None, parts)]) + (f"?{self.query}" if self.query else "")


class Asked(msgspec.Struct, frozen=True, gc=False):
    """One request."""

    at: float
    """Seconds since midnight."""
    who: Who
    call: Call
    lasting: float = 0.004
    """Seconds until the answer was complete. Of a watch the start of the answer is logged too."""


def version(group: str) -> str:
    """The version that clients ask for."""
    return "v2" if group == "autoscaling" else "v1"


def service_account(namespace: str, name: str, address: str, agent: str, pod: str = "") -> Who:
    """A service account, with the groups that it always has."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return Who(f"system:serviceaccount:{namespace}:{name}", groups, address, agent, pod)


def person(name: str, *groups: str, address: str = "198.51.100.20") -> Who:
    """A person, as the identity provider of the shop names them."""
    return Who(name, (*groups, "system:authenticated"), address, "kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9")


def lines(asked: Iterable[Asked], day: Day) -> Iterator[str]:
    """The log of a day, in the order in which it was written. What lasts beyond midnight is not complete in it."""
    dice = day.random("audit ids")
    rows: list[tuple[float, float, str, Asked]] = []
    for each in asked:
        end = each.at + each.lasting
        audit = _uuid(dice)
        if each.call.verb == "watch":
            rows.append((each.at + 0.002, each.at, f'{audit}","stage":"ResponseStarted', each))
        if end < MIDNIGHT:
            rows.append((end, each.at, f'{audit}","stage":"ResponseComplete', each))
    rows.sort(key=lambda row: (row[0], row[2]))
    for end, at, mark, each in rows:
        head, tail = _around(each.who, each.call)
        yield f'{head}{mark}{tail[0]}{moment(day, at)}","stageTimestamp":"{moment(day, end)}{tail[1]}'


def moment(day: Day, at: float, zeros: str = "") -> str:
    """RFC 3339 with microseconds, or with `zeros` more digits."""
    second = int(at)
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    return f"{_date(day)}T{clock}.{int((at - second) * 1e6):06}{zeros}Z"


@lru_cache
def _date(day: Day) -> str:
    return day.date.isoformat()


def _uuid(dice: Random) -> str:
    h = f"{dice.getrandbits(128):032x}"
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"


@cache
def _around(who: Who, call: Call) -> tuple[str, tuple[str, str]]:
    """What stands before, between and after what differs from event to event."""
    user: dict[str, object] = {"username": who.name, "groups": who.groups}
    if who.pod:
        user["extra"] = {"authentication.kubernetes.io/pod-name": [who.pod]}
    resource, _, sub = call.resource.partition("/")
    ref = {"resource": resource, "namespace": call.namespace, "name": call.name, "apiGroup": call.group}
    ref |= {"apiVersion": version(call.group), "subresource": sub}
    middle: dict[str, object] = {
        "requestURI": call.uri,
        "verb": call.verb,
        "user": user,
        "sourceIPs": [who.address],
        "userAgent": who.agent,
    }
    if not call.path:
        middle["objectRef"] = {key: value for key, value in ref.items() if value}
    status: dict[str, object] = {"metadata": {}, "code": call.code}
    if call.code >= 400:
        status |= {"status": "Failure", "reason": _REASONS[call.code]}
    middle["responseStatus"] = status
    head = '{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"'
    between = f'",{_json(middle)[1:-1]},"requestReceivedTimestamp":"'
    decision = {"authorization.k8s.io/decision": "forbid" if call.code == 403 else "allow"}
    return head, (between, f'","annotations":{_json(decision)}}}\n')


_REASONS: Final = {403: "Forbidden", 404: "NotFound", 409: "AlreadyExists"}


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
