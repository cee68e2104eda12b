"""What a layer proposes to change: objects in the place of others, each with what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from mistrust.access.fact import Edit
from mistrust.access.record import Tally
from mistrust.kube.calendar import civil
from mistrust.kube.meta import Object, Ref


class Note(msgspec.Struct, frozen=True, gc=False):
    """What one field of a new object rests on."""

    because: str
    """`used: ServiceAccount shop/web get configmaps in shop (3,120 times, last on 2026-10-31)`."""
    path: str = ""
    """`spec.ingress[0]`; empty for the whole object."""

    def __str__(self) -> str:
        return f"{self.path}: {self.because}" if self.path else self.because


class Change(msgspec.Struct, frozen=True):
    """What becomes of one object."""

    old: Object | None
    """None: the new ones come beside what there is."""
    new: tuple[Object, ...]
    """Empty: it goes."""
    because: str
    notes: tuple[Note, ...] = ()
    edits: tuple[Edit, ...] = ()
    """For an object of which not every field is read: the fields of `old` that change, in an order in which they can be
    applied. `new` is what they make of it, as far as it is read; written are the edits alone."""
    follows: tuple[tuple[Object, Object], ...] = ()
    """What controllers make anew of a changed object, and what that becomes; nobody has to write it."""

    def __str__(self) -> str:
        if self.old is None:
            return f"new {', '.join(str(o.ref) for o in self.new)}: {self.because}"
        verb = "delete" if not self.new else "change" if any(o.ref == self.old.ref for o in self.new) else "narrow"
        return f"{verb} {self.old.ref}: {self.because}"


class LeftAlone(msgspec.Struct, frozen=True, order=True):
    """Something that stays as it is, and why."""

    ref: Ref
    because: str

    def __str__(self) -> str:
        return f"left alone {self.ref}: {self.because}"


class Tightened(msgspec.Struct, frozen=True):
    """What a layer proposes so that what was used is allowed and little else."""

    changes: tuple[Change, ...] = ()
    left: tuple[LeftAlone, ...] = ()
    remarks: tuple[str, ...] = ()
    """What is left over, or was used and is not written down, and why."""


def applied(objects: Iterable[Object], changes: Sequence[Change]) -> tuple[Object, ...]:
    """The objects after the changes: new ones in the place of what they replace, else at the end."""
    new = {id(c.old): c.new for c in changes if c.old is not None}
    new |= {id(old): (made,) for c in changes for old, made in c.follows}
    kept = [o for old in objects for o in new.get(id(old), (old,))]
    return (*kept, *(o for c in changes if c.old is None for o in c.new))


def seen(tally: Tally) -> str:
    """`3,120 times, last on 2026-10-31`.

    >>> seen(Tally(2, 0, 86_400))
    '2 times, last on 1970-01-02'
    """
    return f"{tally.count:,} times, last on {day(tally.last)}"


def day(at: int) -> str:
    """The date, UTC, of seconds since 1970.

    >>> day(1_792_540_800), day(951_782_400)
    ('2026-10-21', '2000-02-29')
    """
    year, month, date = civil(at // 86_400)
    return f"{year:04}-{month:02}-{date:02}"
