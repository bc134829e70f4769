"""What the manager, its activities and its users tell each other."""

from __future__ import annotations

from pydantic import BaseModel


class Node(BaseModel):
    """One machine."""

    name: str
    failures: int = 0


class ClusterState(BaseModel):
    """All that the manager knows: what one run hands on to the next."""

    name: str
    wanted: int = 3
    nodes: list[Node] = []
    started: int = 0
    replaced: int = 0
    rounds: int = 0
