"""What the saga, its activities and the person who approves tell each other."""

from __future__ import annotations

from pydantic import BaseModel


class Stack(BaseModel):
    """What is to be built."""

    name: str
    servers: int = 3
    approver: str = "ops"


class Approval(BaseModel):
    """What the person says."""

    by: str
    granted: bool
    reason: str = ""


class Provisioned(BaseModel):
    """What was built, by the cloud's ids."""

    network: str
    database: str
    servers: list[str]
    address: str
