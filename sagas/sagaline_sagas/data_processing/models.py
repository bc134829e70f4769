"""What the workflow and its activities tell each other."""

from __future__ import annotations

from pydantic import BaseModel


class Batch(BaseModel):
    """So many items, so many of them at once."""

    source: str
    window: int = 100


class Report(BaseModel):
    """What came of a batch."""

    done: int
    failed: list[int]
