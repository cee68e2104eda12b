"""Does the evidence say enough to call what was not seen unused?"""

from __future__ import annotations

from mistrust.access.change import day
from mistrust.access.record import Coverage


def thin(coverage: Coverage, days: float) -> str:
    """Why not seen is not unused; empty where it is."""
    if coverage.days < days:
        return f"the evidence shows {coverage.days:.1f} days, and {days:g} are wanted"
    if coverage.holes:
        return f"the evidence has holes: {len(coverage.holes)}, the first on {day(coverage.holes[0][0])}"
    if coverage.sampled:
        return "the evidence is sampled: it shows use, and never that something is unused"
    if coverage.lost is not None:
        return f"a part of the evidence was not read ({coverage.lost.what})"
    return ""
