"""A real server for the tests of this folder. They are slow: the first run builds it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.controlplane.server import ControlPlane, start


@pytest.fixture(scope="session")
def controlplane() -> Iterator[ControlPlane]:
    """One control plane for the whole run: use names of your own, and `reset()` after `reviews()`."""
    with start() as running:
        yield running
