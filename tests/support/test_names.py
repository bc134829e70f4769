"""Names of parametrized tests."""

from __future__ import annotations

import re


def without_address(value: object) -> str:
    """A value as the name of a test: the same in every process, so that pytest-xdist can share tests out."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))
