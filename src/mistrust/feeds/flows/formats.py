"""The formats of flow logs and traces, and by what a line tells its own."""

from __future__ import annotations

import re
from typing import Final

from mistrust.feeds.flows import hubble
from mistrust.feeds.flows.sight import Format

FORMATS: Final = (
    Format(
        "Cilium Hubble",
        re.compile(rb'^\{.*"(?:flow|lost_events|node_status|agent_event|debug_event)"\s*:\s*\{', re.S),
        lambda: hubble.read,
    ),
)
