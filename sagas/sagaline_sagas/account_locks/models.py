"""What the saga and its activities tell each other."""

from __future__ import annotations

from pydantic import BaseModel


class Transfer(BaseModel):
    """Money that is to go from one account to another."""

    id: str
    source: str
    target: str
    cents: int


class Receipt(BaseModel):
    """It has. The tokens are the numbers under which the saga has held the two accounts."""

    id: str
    tokens: tuple[int, int]
