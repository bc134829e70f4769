"""What the workflows and their activities tell each other."""

from __future__ import annotations

from pydantic import BaseModel


class Batch(BaseModel):
    """What is to be processed: in pages, so many of them at once."""

    source: str
    page_size: int = 100
    window: int = 10


class Page(BaseModel):
    """A part of a batch: a run of its own."""

    source: str
    items: list[int]


class Report(BaseModel):
    """What came of a page, or of all."""

    done: int
    failed: list[int]
