"""How facts about policies are told: names in a clause, and one fact for many policies of a namespace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from mistrust.access.fact import Fact
from mistrust.kube.core import Namespace
from mistrust.kube.meta import Ref

SHOWN = 3
"""How many names a clause has before it counts the rest."""
EACH = 3
"""So many policies of a namespace are told one by one; more of them are one fact."""


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b, c and 4 more`.

    >>> listed(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    if len(names) > SHOWN:
        return f"{', '.join(names[:SHOWN])} and {len(names) - SHOWN} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def plural(count: int, word: str) -> str:
    """`1 pod`, `3 pods`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def folded(facts: Iterable[Fact]) -> Iterator[Fact]:
    """The facts, those of one name together, many of one name and namespace as one that names the namespace."""
    for (_, namespace), group in groupby(
        sorted(facts, key=lambda f: (f.name, f.ref.namespace, f.ref, f.subject)),
        key=lambda f: (f.name, f.ref.namespace),
    ):
        own = list(group)
        if len(own) <= EACH or not namespace:
            yield from own
            continue
        first = own[0]
        names = listed([f.ref.name for f in own])
        ref = Ref("", Namespace.KIND, "", namespace)
        evidence = tuple(e for f in own for e in f.evidence[:1])
        detail = f"{len(own)} {first.ref.kind} objects ({names}); {first.ref.name}: {first.detail}"
        yield Fact(first.name, str(ref), ref, detail, evidence, tuple(edit for f in own for edit in f.edits))
