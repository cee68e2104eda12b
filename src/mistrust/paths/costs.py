"""What changes cost those who have to live with them."""

from __future__ import annotations

import msgspec


class Costs(msgspec.Struct, frozen=True):
    """What a change costs those who have to live with it, relative to narrowing one rule."""

    rule: float = 1.0
    need: float = 0.05
    """Added for each need that is taken out of a rule: as little as possible goes."""
    any_verb: float = 1.5
    """Narrowing a rule whose verbs are `*`: nobody knows which are needed."""
    wildcard: float = 4.0
    """Taking away a rule that says `*` for its resources or groups."""
    subject: float = 2.0
    binding: float = 3.0
    also_lost: float = 0.2
    """Added to the two for each further rule of the role, up to `most_lost`."""
    most_lost: float = 2.5
    pod: float = 2.0
    default_token: float = 1.0
    """The token of a service account `default`, which hardly anybody uses on purpose."""
    token: float = 5.0
    """The token of one that was made on purpose: the workload most likely talks to the API server."""
    namespace: float = 2.5
    refused: float = 5.0
    """Added for a namespace whose own pods would no longer be admitted."""
    network: float = 8.0
    """A new NetworkPolicy: who uses the connection has to be found out first."""
    by_hand: float = 2.0
    """Added where no edit is known and a person has to find one."""
    system: float = 6.0
    """Added for what runs in kube-system."""
    used: float = 20.0
    """Added for what the evidence shows to be in use: it is taken away only where nothing else cuts."""
