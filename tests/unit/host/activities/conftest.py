"""The gates of activities are shut when a test begins; what hangs ends with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from gated_activities import gates


@pytest.fixture(autouse=True)
def shut_gates() -> Iterator[None]:
    gates.shut()
    yield
    gates.threads.set()
