"""Every certificate of a snapshot once for each use, with all the places where it stands."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from mistrust.access.evidence import Evidence, at
from mistrust.kube.core import ConfigMap, Secret
from mistrust.kube.meta import Ref
from mistrust.kube.pem import Withheld, blocks
from mistrust.kube.problem import Problem
from mistrust.kube.snapshot import Snapshot
from mistrust.layers.mesh.certificates.doors import Secrets, asked, behind, outside
from mistrust.layers.mesh.certificates.names import covered
from mistrust.layers.mesh.certificates.place import Expected, Place, Use
from mistrust.layers.mesh.certificates.roots import IN_SECRETS, bundles, roots
from mistrust.layers.mesh.certificates.x509 import X509, parsed, vouches

MESH = frozenset(name for name, _ in IN_SECRETS)
MOST = 64
"""Certificates of one text that are looked at; bundles of all public roots are nobody's own."""


class Seen(msgspec.Struct, frozen=True):
    """One certificate in one use."""

    x509: X509
    use: Use
    places: tuple[Evidence, ...]
    leaf: bool
    """Is it the one that is shown, or one that helps to check it?"""
    spare: bool
    """Does another certificate beside it do the same for longer, wherever it stands?"""
    expected: tuple[Expected, ...] = ()


class Unread(msgspec.Struct, frozen=True):
    """A place for certificates with something else in it."""

    place: Evidence
    use: Use
    why: str
    private: bool = False
    """Is it something that must not stand there?"""


class Untrusted(msgspec.Struct, frozen=True):
    """A server whose certificate the other side's bundle does not vouch for."""

    shown: Evidence
    bundle: Evidence
    host: str


class Survey(msgspec.Struct, frozen=True):
    """All that was found."""

    seen: tuple[Seen, ...]
    unread: tuple[Unread, ...]
    untrusted: tuple[Untrusted, ...]


def certificates(snapshot: Snapshot) -> tuple[Seen, ...]:
    """Every certificate that the snapshot shows, by use and then by where it stands."""
    return survey(snapshot).seen


def survey(snapshot: Snapshot) -> Survey:
    """The certificates, what stands in their places instead, and which bundles do not fit their servers."""
    secrets = Secrets(snapshot)
    untrusted: list[Untrusted] = []
    places = [*roots(snapshot), *outside(snapshot, secrets), *_webhooks(snapshot, secrets, untrusted)]
    gathered: dict[tuple[Use, bytes], _Gathered] = {}
    unread = [u for place in dict.fromkeys(places) for u in _read(place, gathered)]
    unread += _private(snapshot, {u.place for u in unread})
    seen = sorted((g.seen() for g in gathered.values()), key=lambda s: (list(Use).index(s.use), _where(s.places[0])))
    return Survey(tuple(seen), tuple(unread), tuple(dict.fromkeys(untrusted)))


class _Gathered:
    """A certificate while its places are gathered."""

    def __init__(self, x509: X509, use: Use) -> None:
        self.x509, self.use = x509, use
        self.places: dict[Evidence, None] = {}
        self.expected: dict[Expected, None] = {}
        self.leaf, self.spare = False, True

    def seen(self) -> Seen:
        places, expected = sorted(self.places, key=_where), sorted(self.expected, key=lambda e: (e.host, e.whose))
        return Seen(self.x509, self.use, tuple(places), self.leaf, self.spare, tuple(expected))


def _where(evidence: Evidence) -> tuple[Ref, str]:
    return evidence.ref, str(evidence)


def _read(place: Place, gathered: dict[tuple[Use, bytes], _Gathered]) -> Iterator[Unread]:
    if place.withheld is not None:
        private = place.withheld in (Withheld.PRIVATE_KEY, Withheld.CREDENTIALS)
        yield Unread(place.evidence, place.use, str(place.withheld), private)
    good: list[X509] = []
    for der in blocks(place.pem)[:MOST]:
        x509 = parsed(der)
        if isinstance(x509, str):
            yield Unread(place.evidence, place.use, f"not a certificate that can be read: {x509}")
        else:
            good.append(x509)
    last = max((c.ends for c in good), default=0)
    for i, x509 in enumerate(good):
        found = gathered.setdefault((place.use, x509.der), _Gathered(x509, place.use))
        found.places[place.evidence] = None
        if i == 0 and not place.use.trusts:
            found.leaf = True
            found.expected.update(dict.fromkeys(place.expected))
        if not place.use.trusts or x509.ends == last:
            found.spare = False


def _webhooks(snapshot: Snapshot, secrets: Secrets, untrusted: list[Untrusted]) -> Iterator[Place]:
    for place, service in bundles(snapshot):
        yield place
        if service is None:
            continue
        host = f"{service.name}.{service.namespace}.svc"
        shown = behind(snapshot, service, secrets)
        fitting = [s for s in shown if covered(host, _names(s.pem))]
        serving = fitting or shown
        if len(serving) != 1:
            continue  # which of them is shown, nobody tells
        expected = (Expected(host, str(place.evidence.ref), place.evidence),)
        yield Place(serving[0].evidence, Use.WEBHOOK, serving[0].pem, serving[0].withheld, expected)
        bundle, chain = _parsed(place.pem), _parsed(serving[0].pem)
        if bundle and chain and not vouches(bundle, chain):
            untrusted.append(Untrusted(serving[0].evidence, place.evidence, host))


def _parsed(pem: str) -> list[X509]:
    return [x for x in map(parsed, blocks(pem)[:MOST]) if isinstance(x, X509)]


def _names(pem: str) -> tuple[str, ...]:
    found = _parsed(pem)
    return found[0].names if found else ()


def _private(snapshot: Snapshot, known: set[Evidence]) -> Iterator[Unread]:
    """What must not stand where certificates stand, in Secrets and ConfigMaps that nothing here refers to."""
    sources: tuple[Secret | ConfigMap, ...] = (*snapshot.of(Secret), *snapshot.of(ConfigMap))
    for source in sources:
        for key, why in source.withheld.items():
            where = at(source, f'data["{key}"]')
            if why in (Withheld.PRIVATE_KEY, Withheld.CREDENTIALS) and where not in known:
                yield Unread(where, Use.OTHER, str(why), private=True)


def unseen(snapshot: Snapshot) -> tuple[Problem, ...]:
    """A remark where a live cluster told Secrets by their names alone: the certificates in them were not read."""
    secrets = Secrets(snapshot)
    wanted = [*asked(snapshot, secrets), *((s.namespace, s.name) for s in snapshot.of(Secret) if s.name in MESH)]
    found = (secrets.known.get(key) for key in dict.fromkeys(wanted))
    bare = (s for s in found if s is not None and s.live and not (s.certificates or s.withheld))
    hidden = sorted(bare, key=lambda s: s.ref)
    if not hidden:
        return ()
    names = ", ".join(str(s.ref) for s in hidden[:3]) + (f" and {len(hidden) - 3} more" if len(hidden) > 3 else "")
    do = "only metadata of Secrets is asked for; check them where they are made, or analyse a dump with them"
    what = f"the certificates in {len(hidden)} {'Secret' if len(hidden) == 1 else 'Secrets'} were not read"
    return (Problem(what, hidden[0].origin.file, got=names, do=do, blinds=False),)
