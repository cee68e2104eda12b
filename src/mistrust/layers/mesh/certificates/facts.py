"""What is worth knowing about the certificates of a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mistrust.access.evidence import Evidence, at
from mistrust.access.fact import Fact
from mistrust.kube.admission import APIService
from mistrust.kube.meta import Ref
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.certificates.judge import QUESTIONS
from mistrust.layers.mesh.certificates.place import Use
from mistrust.layers.mesh.certificates.seen import Seen, Survey, survey

SHOWN = 3
"""How many places of one certificate, and how many certificates of one object, are told."""
HELD = (Use.DOOR, Use.WEBHOOK, Use.MESH_ISSUER)
"""Uses in which the private key lies beside the certificate."""

Remark = tuple[str, Ref, str, tuple[Evidence, ...]]
"""Name of the fact, the object that it is told of, one clause, where."""


def facts(snapshot: Snapshot, now: int) -> Iterator[Fact]:
    """Every fact about certificates at a time (seconds since 1970 UTC), one for an object and name."""
    found = survey(snapshot)
    remarks = [*_judged(found, now), *_shared(found.seen), *_unread(found), *_untrusted(found), *_unchecked(snapshot)]
    together: dict[tuple[str, Ref], list[Remark]] = {}
    for remark in remarks:
        together.setdefault(remark[:2], []).append(remark)
    for (name, ref), several in together.items():
        several.sort(key=lambda remark: (remark[2], str(remark[3])))
        clauses = list(dict.fromkeys(clause for _, _, clause, _ in several))
        more = f"; and {len(clauses) - SHOWN} more" if len(clauses) > SHOWN else ""
        evidence = tuple(dict.fromkeys(e for *_, where in several for e in where))
        yield Fact(name, str(ref), ref, "; ".join(clauses[:SHOWN]) + more, evidence)


def _judged(found: Survey, now: int) -> Iterator[Remark]:
    for seen in found.seen:
        for name, question in QUESTIONS:
            clause = question(seen, now)
            if clause:
                asked = tuple(e.evidence for e in seen.expected) if name == "mesh.certificate-wrong-name" else ()
                where = (*seen.places[:SHOWN], *asked[:SHOWN])
                yield name, seen.places[0].ref, f"{_called(seen)} {clause}", where


def _called(seen: Seen) -> str:
    copies = len(seen.places) - 1
    also = f" (also in {seen.places[1].ref}{f' and {copies - 1} more' if copies > 1 else ''})" if copies else ""
    return f"{seen.x509.subject}, {seen.use}{also},"


def _shared(every: Iterable[Seen]) -> Iterator[Remark]:
    """Keys that lie in several Secrets."""
    holders: dict[str, dict[Ref, Seen]] = {}
    for seen in every:
        if seen.leaf and seen.use in HELD and seen.x509.key_id:
            for place in seen.places:
                holders.setdefault(seen.x509.key_id, {}).setdefault(place.ref, seen)
    for held in holders.values():
        if len(held) > 1:
            first, *others = sorted(held)
            rest = f" and {len(others) - 1} more" if len(others) > 1 else ""
            where = tuple(p for ref in sorted(held)[:SHOWN] for p in held[ref].places if p.ref == ref)
            yield "mesh.certificate-shared-key", first, f"its key lies in {others[0]}{rest} as well", where


def _unread(found: Survey) -> Iterator[Remark]:
    for unread in found.unread:
        if unread.private:
            clause = f"{unread.why} where only public certificates belong"
            yield "mesh.certificate-with-key", unread.place.ref, clause, (unread.place,)
        else:
            yield "mesh.certificate-unreadable", unread.place.ref, f"{unread.use}: {unread.why}", (unread.place,)
    for seen in found.seen:
        if seen.x509.problem:
            clause = f"{seen.x509.subject}: what it is for could not be read ({seen.x509.problem})"
            yield "mesh.certificate-unreadable", seen.places[0].ref, clause, seen.places[:SHOWN]


def _untrusted(found: Survey) -> Iterator[Remark]:
    for u in found.untrusted:
        clause = f"its bundle does not vouch for what {u.host} shows ({u.shown.ref})"
        yield "mesh.certificate-untrusted", u.bundle.ref, clause, (u.bundle, u.shown)


def _unchecked(snapshot: Snapshot) -> Iterator[Remark]:
    for service in snapshot.of(APIService):
        if service.spec.insecure_skip_tls_verify:
            where = (at(service, "spec.insecureSkipTLSVerify", value="true"),)
            clause = "the API server sends requests, and who makes them, to whoever answers for it"
            yield "mesh.certificate-unchecked", service.ref, clause, where
