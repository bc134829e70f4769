"""What the saga and its activities tell each other. Money is whole cents."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

BankName = Literal["north", "south"]


class Account(BaseModel):
    """An account of a bank."""

    bank: BankName
    id: str


class Transfer(BaseModel):
    """Money that is to go from one account to another."""

    id: str
    source: Account
    target: Account
    cents: Annotated[int, Field(gt=0)]
