"""A log that is open, on each implementation in turn."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sagaline._log import Log, open_log


@pytest.fixture
async def log(log_url: str) -> AsyncIterator[Log]:
    opened = open_log(log_url)
    await opened.open()
    yield opened
    await opened.close()
