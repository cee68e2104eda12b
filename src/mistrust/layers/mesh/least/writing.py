"""Rules of an AuthorizationPolicy as a person would write them: who does the same is in one rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from mistrust.access.change import Note, seen
from mistrust.access.record import Tally
from mistrust.kube.istio import AuthorizationRule, From, Operation, Source, To
from mistrust.layers.mesh.istio.authorization.paths import path_pattern
from mistrust.layers.mesh.istio.authorization.patterns import Form
from mistrust.layers.mesh.use import ONE, REST

FEW: Final = 5
"""With more paths below one first segment they become `/segment/*`."""
MANY: Final = 12
"""With more paths than that in one operation every path may be asked for."""
TOLD: Final = 8
"""How many uses a note names before it counts the rest."""
EVERY_PORT: Final = 0


class Need(msgspec.Struct, frozen=True, order=True):
    """Something that somebody was seen to do at a port, or may have to do."""

    name: str
    """The principal; empty for whoever it is."""
    port: int
    """0: at every one."""
    method: str = ""
    path: str = ""


Needs = Mapping[Need, tuple[str, Tally | None]]
"""Each with the words for it."""
Operations = tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...]], ...]
"""Methods, paths and ports; empty for all."""


def rules(needs: Needs, *, exactly: bool = False) -> tuple[tuple[AuthorizationRule, ...], tuple[Note, ...]]:
    """The rules that let these needs in, and what each rests on.

    `exactly`: no path is folded into a wider one, and each method has its own operations.
    """
    by_name: dict[str, list[Need]] = {}
    for need in sorted(needs):
        by_name.setdefault(need.name, []).append(need)
    alike: dict[Operations, list[str]] = {}
    for name, several in by_name.items():
        for operations in _apart(_operations(several, exactly=exactly)):
            alike.setdefault(operations, []).append(name)
    found: list[AuthorizationRule] = []
    notes: list[Note] = []
    for operations, names in sorted(alike.items(), key=lambda each: (each[1] == [""], each[1])):
        ports = {p for *_, at in operations for p in at}
        about = (each for n, each in needs.items() if n.name in names and (n.port in ports or not ports))
        why = [f"{words}{_times(tally)}" for words, tally in about]
        path = f"spec.rules[{len(found)}]"
        notes += [Note(w, path) for w in why[:TOLD]]
        if len(why) > TOLD:
            notes.append(Note(f"and {len(why) - TOLD} more", path))
        found.append(
            AuthorizationRule(
                sources=(From(Source(principals=tuple(names))),) if names != [""] else (),
                operations=tuple(
                    To(Operation(methods=methods, paths=paths, ports=tuple(map(str, ports))))
                    for methods, paths, ports in operations
                    if methods or paths or ports
                ),
            )
        )
    return tuple(found), tuple(notes)


def _apart(operations: Operations) -> Iterator[Operations]:
    """What is about HTTP in a rule of its own: where bytes are passed on the proxy drops a rule that speaks of it."""
    http = tuple(o for o in operations if o[0] or o[1])
    yield from (several for several in (tuple(o for o in operations if o not in http), http) if several)


def _times(tally: Tally | None) -> str:
    return f" ({seen(tally)})" if tally is not None else ""


def _operations(needs: Iterable[Need], *, exactly: bool) -> Operations:
    """One client's needs: paths with the same methods together, then ports with the same of both."""
    by_port: dict[int, list[Need]] = {}
    for need in needs:
        by_port.setdefault(need.port, []).append(need)
    if EVERY_PORT in by_port:
        return (((), (), ()),)
    ports: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}
    for port, several in by_port.items():
        for what in _at_port(several, exactly=exactly):
            ports.setdefault(what, []).append(port)
    return tuple(sorted((methods, paths, tuple(sorted(at))) for (methods, paths), at in ports.items()))


def _at_port(needs: Iterable[Need], *, exactly: bool) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    methods: dict[str, set[str]] = {}
    for need in needs:
        methods.setdefault(need.path, set()).add(need.method)
    if "" in methods.get("", ()):
        yield (), ()  # bytes, or a request of which nothing is told: the port as a whole
        return
    alike: dict[tuple[str, ...], set[str]] = {}
    for path, several in methods.items():
        verbs = () if "" in several else tuple(sorted(several))
        for each in [(v,) for v in verbs] if exactly and verbs else [verbs]:
            alike.setdefault(each, set()).add(path)
    for verbs, paths in sorted(alike.items()):
        if "" in paths:
            yield verbs, ()
        else:
            yield (
                verbs,
                tuple(sorted({_written(p) for p in paths} if exactly else _folded({_written(p) for p in paths}))),
            )


def _written(path: str) -> str:
    """A path as a policy says it: identifiers as templates, and where a template cannot say it, all that begins so."""
    if ONE in path or REST in path:
        found = path_pattern(path)
        if found is not None and found.form is Form.REGEX:
            return path
        return path.split("{", 1)[0] + "*"
    if path.startswith("*") or path.endswith("*") or "{" in path:
        return path.strip("*").split("{", 1)[0] + "*"
    return path


def _folded(paths: set[str]) -> set[str]:
    by_first: dict[str, set[str]] = {}
    for path in paths:
        first = path.split("/")[1] if path.count("/") > 1 else ""
        by_first.setdefault(first, set()).add(path)
    out = set()
    for first, several in by_first.items():
        out |= {f"/{first}/*"} if first and "*" not in first and len(several) > FEW else several
    return {"/*"} if len(out) > MANY else {p for p in out if not any(_inside(p, other) for other in out)}


def _inside(path: str, other: str) -> bool:
    return path != other and other.endswith("/*") and path.startswith(other[:-1])
