"""The assessment for programs: stable keys, stable ids, sorted, with a published schema."""

from __future__ import annotations

import msgspec

from mistrust.access.evidence import Evidence, show_path
from mistrust.access.fact import Edit
from mistrust.access.finding import Finding
from mistrust.channels.atlas import INTERNET, Atlas
from mistrust.kube.meta import Ref
from mistrust.paths.path import Change, Foothold, Hop, Path, Paths
from mistrust.report.assessment import Assessment, Catalog, Locate, change_id, on_path, path_id, ranked
from mistrust.report.clean import json_bytes
from mistrust.report.document import (
    AcceptedOut,
    BundleOut,
    ChangeOut,
    CoverageOut,
    Document,
    EditOut,
    FindingOut,
    FootholdOut,
    GapOut,
    HopOut,
    LimitedOut,
    LinkOut,
    MapOut,
    ObjectOut,
    PathOut,
    PathsOut,
    PlaceOut,
    ProblemOut,
    RowOut,
    SpotOut,
)


def render(assessment: Assessment, locate: Locate, catalog: Catalog) -> bytes:
    """The document, indented, in UTF-8."""
    return msgspec.json.format(json_bytes(document(assessment, locate)), indent=1) + b"\n"


def paths_json(paths: Paths, locate: Locate) -> bytes:
    """The `paths` of the document alone."""
    return msgspec.json.format(json_bytes(_paths(paths, locate)), indent=1) + b"\n"


def schema() -> bytes:
    """The JSON Schema of the document."""
    form = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Document)}
    return msgspec.json.format(msgspec.json.encode(form), indent=2) + b"\n"


def document(assessment: Assessment, locate: Locate) -> Document:
    """The assessment in the published form: findings ranked, everything else in the order of the assessment."""
    return Document(
        version=1,
        tool=assessment.tool,
        name=assessment.name,
        source=assessment.source,
        scope=assessment.scope,
        kubernetes=assessment.version,
        workloads=assessment.workloads,
        namespaces=assessment.namespaces,
        evidence=assessment.evidence,
        rows=tuple(RowOut(r.name, r.layer, r.granted, r.used, r.excess, r.unknown, r.note) for r in assessment.rows),
        paths=_paths(assessment.paths, locate),
        findings=tuple(_finding(f, locate) for f in ranked(assessment.findings)),
        accepted=tuple(
            AcceptedOut(_finding(a.finding, locate), a.reason, a.owner, a.until) for a in assessment.accepted
        ),
        new=assessment.new,
        failures=assessment.failures,
        coverage=CoverageOut(
            tuple(ProblemOut(p.what, p.file, p.line, p.got, p.wanted, p.do, p.blinds) for p in assessment.problems),
            tuple(GapOut(g.kind, g.namespace, g.why) for g in assessment.gaps),
            dict(sorted(assessment.unread.items())),
        ),
        exit_code=assessment.exit_code,
        map=_map(assessment.atlas) if assessment.atlas else None,
    )


def _map(atlas: Atlas) -> MapOut:
    return MapOut(
        workloads=tuple(SpotOut(object_out(s.ref), s.app, LimitedOut(*s.protected)) for s in atlas.spots),
        links=tuple(
            LinkOut(
                source=None if k.source == INTERNET else k.source,
                target=k.target,
                ports=str(k.ports),
                transport=k.transport,
                authz=k.authz,
                plaintext=k.plaintext,
                certain=not k.unknown,
            )
            for k in atlas.links
        ),
        namespaces=tuple(BundleOut(b.source or None, b.target, b.pairs, dict(b.worst)) for b in atlas.bundles),
        omitted=atlas.omitted,
    )


def _finding(f: Finding, locate: Locate) -> FindingOut:
    return FindingOut(
        id=f.id,
        rule=f.rule,
        severity=f.severity,
        layer=f.layer,
        title=f.title,
        subject=f.subject,
        detail=f.detail,
        object=object_out(f.ref),
        paths=f.paths,
        evidence=tuple(place_out(e, locate) for e in f.evidence),
        edits=tuple(_edit(e, locate) for e in f.edits),
    )


def _paths(paths: Paths, locate: Locate) -> PathsOut:
    fixes = paths.fixes
    return PathsOut(
        pairs=paths.pairs,
        starts=paths.starts,
        targets=paths.targets,
        cut=fixes.cut,
        remaining=fixes.remaining,
        optimal=fixes.optimal,
        unknown=paths.unknown,
        changes=tuple(_change(c, locate) for c in fixes.changes),
        paths=tuple(path_out(p, fixes.changes, locate) for p in paths.paths),
    )


def _change(c: Change, locate: Locate) -> ChangeOut:
    return ChangeOut(
        id=change_id(c),
        kind=c.kind,
        title=c.title,
        note=c.note,
        object=object_out(c.ref),
        cost=c.cost,
        cuts=c.cuts,
        evidence=tuple(place_out(e, locate) for e in c.evidence),
        edits=tuple(_edit(e, locate) for e in c.edits),
    )


def path_out(p: Path, changes: tuple[Change, ...], locate: Locate) -> PathOut:
    """A path, and the changes that cut it."""
    return PathOut(
        id=path_id(p),
        start=_foothold(p.start),
        target=_foothold(p.target),
        cost=p.cost,
        changes=tuple(change_id(c) for c in changes if on_path(c, p)),
        hops=tuple(_hop(h, locate) for h in p.hops),
    )


def _hop(h: Hop, locate: Locate) -> HopOut:
    return HopOut(
        step=h.step,
        source=_foothold(h.source),
        target=_foothold(h.target),
        also=tuple(map(_foothold, h.also)),
        how=h.how,
        assumes=h.assumes,
        grants=tuple(place_out(g, locate) for g in h.grants),
    )


def _foothold(f: Foothold) -> FootholdOut:
    return FootholdOut(f.kind, f.name)


def object_out(ref: Ref) -> ObjectOut:
    """The name of an object."""
    return ObjectOut(ref.group, ref.kind, ref.namespace, ref.name)


def place_out(e: Evidence, locate: Locate) -> PlaceOut:
    """A field, and where it is written."""
    file, line = locate(e)
    return PlaceOut(object_out(e.ref), show_path(e.path), e.value, file, line)


def _edit(e: Edit, locate: Locate) -> EditOut:
    file, line = locate(Evidence(e.ref, e.origin, e.path))
    return EditOut(e.op, object_out(e.ref), show_path(e.path), e.value, file, line)
