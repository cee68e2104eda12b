"""From a person's question to requests, and from grants to the rows of an answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.layers.identity.index import Grant, summary
from mistrust.layers.identity.lookup import Lookup, Request
from mistrust.layers.identity.resources import Resource, resolve
from mistrust.layers.identity.rules import ANY, NONE, Names, permits_split, permits_url
from mistrust.layers.identity.subjects import Principal, group, user

SHOWN = 5
"""How many namespaces or names a remark lists."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """One thing that somebody may do."""

    namespace: str
    """Empty for everywhere."""
    who: str
    what: str
    """The rule, or the names that it is limited to."""
    via: str
    evidence: tuple[Evidence, ...] = ()


def request_for(
    verb: str, text: str, known: Sequence[Resource], namespace: str = "", name: str = "", group: str | None = None
) -> tuple[Request, tuple[str, ...]]:
    """The request that the API server would see, and remarks on what was taken differently than asked.

    A request for one Namespace object is authorized inside that namespace
    (k8s.io/apiserver/pkg/endpoints/request/requestinfo.go), so that a Role there can grant it.

    Raises `UsageError` for a resource that is unknown or ambiguous.
    """
    if text.startswith("/"):
        return Request(verb=verb, path=text), ()
    resource = resolve(text, known, group)
    main, _, subresource = resource.resource.partition("/")
    remarks: list[str] = []
    if resource.verbs and verb not in (*resource.verbs, "*"):
        remarks.append(f"{resource} has no verb {verb!r}; it has {', '.join(resource.verbs)}")
    if not resource.namespaced:
        one = name if (resource.group, main) == ("", "namespaces") else ""
        if namespace and namespace != one:
            remarks.append(f"{resource} belongs to no namespace: -n {namespace} does not matter")
        namespace = one
    return Request("", (), verb, resource.group, main, subresource, namespace, name), tuple(remarks)


def principals_of(request: Request) -> tuple[Principal, ...]:
    """The user and the groups of a request."""
    return (*((user(request.user),) if request.user else ()), *(group(g) for g in request.groups))


def elsewhere(lookup: Lookup, request: Request) -> Iterator[str]:
    """What the subject of a refused request may do of the kind: in other namespaces, or for certain names."""
    mine = set(principals_of(request))
    namespaces: dict[str, None] = {}
    names: dict[str, None] = {}
    for grant in lookup.granting(request):
        if grant.principal not in mine:
            continue
        limited, _ = permitted(grant, request)
        if limited is ANY:
            namespaces[grant.namespace] = None
        elif grant.namespace in ("", request.scope) and not request.name:
            names.update(dict.fromkeys(sorted(limited) if isinstance(limited, frozenset) else ()))
    namespaces.pop("", None)
    if namespaces and not request.scope:
        yield f"but allowed in {_some(namespaces)}; -n asks about one namespace"
    if names:
        yield f"but allowed for the names {_some(names)}; --name asks about one"


def holders(lookup: Lookup, request: Request) -> tuple[Row, ...]:
    """Everybody who may do this: in the request's namespace if it names one, else anywhere. Sorted."""
    rows: dict[tuple[str, Principal], dict[Names, Row]] = {}
    for grant in lookup.granting(request):
        names, rule = permitted(grant, request)
        if request.scope and grant.namespace not in ("", request.scope):
            continue
        if request.name and names is not ANY and request.name not in names:
            continue
        limited = "" if names is ANY or request.name else f"only {_some(dict.fromkeys(sorted(names)))}"
        row = Row(grant.namespace, str(grant.principal), limited, _via(grant), grant.evidence(rule))
        rows.setdefault((grant.namespace, grant.principal), {}).setdefault(names, row)
    shown = (row for found in rows.values() for row in ([found[ANY]] if ANY in found else found.values()))
    return tuple(sorted(shown, key=lambda row: (row.namespace, row.who, row.what, row.via)))


def held(lookup: Lookup, principals: Sequence[Principal]) -> tuple[Row, ...]:
    """Every rule that these are given, cluster-wide first, in the order of the grants."""
    found = (
        Row(grant.namespace, str(grant.principal), summary(rule), _via(grant), grant.evidence(i))
        for grant in lookup.held_by(principals)
        for i, rule in enumerate(grant.role.rules)
        if not (rule.non_resource_urls and grant.namespace)
    )
    return tuple(sorted(found, key=lambda row: row.namespace))


def permitted(grant: Grant, request: Request) -> tuple[Names, int]:
    """For which names a grant permits what the request asks, and the first rule that does the most; -1 for none."""
    found: Names = NONE
    first = -1
    for i, rule in enumerate(grant.role.rules):
        if request.path is not None:
            names: Names = ANY if permits_url(rule, request.verb, request.path) else NONE
        else:
            names = permits_split(rule, request.verb, request.group, request.combined, request.subresource)
        if names is ANY:
            return ANY, i
        if isinstance(names, frozenset) and isinstance(found, frozenset) and names:
            found, first = found | names, i if first < 0 else first
    return found, first


def _via(grant: Grant) -> str:
    return f"{grant.binding.ref} gives {grant.role.source.ref}"


def _some(names: dict[str, None]) -> str:
    shown = ", ".join(name or '""' for name in list(names)[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
