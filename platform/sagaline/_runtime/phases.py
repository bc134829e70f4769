"""Where a run stands: it goes forward, or a saga undoes what it has done."""

from __future__ import annotations

FORWARD = "forward"
ROLLING_BACK = "rolling back"
ROLLED_BACK = "rolled back"
