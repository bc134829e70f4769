"""Programs as trees of plain lists: a node is [kind, arguments...], a body is a list of nodes. A seed makes one."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Node = list[Any]
Body = list[Node]

LOCKS, SEMAPHORES, EVENTS, QUEUES, COUNTERS = 2, 2, 3, 2, 3
_DEPTH = 4
_MODES = ["FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED"]


def program(seed: int) -> Body:
    """The program of a seed: some dozens of nodes."""
    return Generator(random.Random(seed)).body(0, 3)


class Generator:
    """Draws nodes. ``budget``: how many are left to draw before bodies become single activities."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.budget = draw.choice([8, 16, 30])

    def body(self, depth: int, most: int) -> Body:
        """One to ``most`` nodes."""
        return [self.node(depth) for _ in range(self.draw.randint(1, most))]

    def bodies(self, depth: int) -> list[Body]:
        """The branches of something that has several."""
        return [self.body(depth + 1, 2) for _ in range(self.draw.randint(1, 4))]

    def node(self, depth: int) -> Node:
        """One of any kind that the depth allows."""
        self.budget -= 1
        if self.budget <= 0 or depth >= _DEPTH or self.draw.random() < 0.35:
            kind = self.draw.choice(list(LEAVES))
            return [kind, *LEAVES[kind](self, depth)]
        kind = self.draw.choice(list(BRANCHES))
        return [kind, *BRANCHES[kind](self, depth)]

    def milliseconds(self) -> int:
        """A time, often the same as another's."""
        return self.draw.choice([0, 1, 2, 2, 5, 5, 10, 50])

    def below(self, count: int) -> int:
        """A number."""
        return self.draw.randrange(count)


Maker = Callable[[Generator, int], list[Any]]


def _several(g: Generator, depth: int) -> list[Any]:
    return [g.bodies(depth)]


def _one(g: Generator, depth: int) -> list[Any]:
    return [g.body(depth + 1, 2)]


def _timed(g: Generator, depth: int) -> list[Any]:
    return [g.milliseconds(), g.body(depth + 1, 2)]


LEAVES: dict[str, Maker] = {
    "fetch": lambda g, _: [],
    "store": lambda g, _: [],
    "sleep": lambda g, _: [g.milliseconds()],
    "turn": lambda g, _: [],
    "set": lambda g, _: [g.below(EVENTS)],
    "await": lambda g, _: [g.below(EVENTS), g.milliseconds()],
    "put": lambda g, _: [g.below(QUEUES), g.below(9), g.milliseconds()],
    "get": lambda g, _: [g.below(QUEUES), g.milliseconds()],
    "count": lambda g, _: [g.below(COUNTERS)],
    "until": lambda g, _: [g.below(COUNTERS), g.below(3), g.milliseconds()],
    "notify": lambda g, _: [g.below(3)],
    "notified": lambda g, _: [g.milliseconds()],
    "meet": lambda g, _: [g.milliseconds()],
    "chance": lambda g, _: [],
    "effect": lambda g, _: [g.below(8)],
    "upsert": lambda g, _: [g.below(3), g.below(3)],
    "names": lambda g, _: [],
    "receive": lambda g, _: [g.milliseconds()],
    "look": lambda g, _: [],
    "fail": lambda g, _: [],
    "child": lambda g, _: [g.below(3)],
    "start_child": lambda g, _: [g.below(2), g.below(2)],
    "patch": lambda g, _: [g.below(4)],
}
"""Kinds without branches, each with what draws its arguments."""

BRANCHES: dict[str, Maker] = {
    "gather": lambda g, depth: [g.below(2), g.bodies(depth)],
    "group": _several,
    "try": _one,
    "finally": lambda g, depth: [g.body(depth + 1, 2), g.body(depth + 1, 1)],
    "within": _timed,
    "wait_for": _timed,
    "shield": _one,
    "wait": lambda g, depth: [g.draw.choice(_MODES), g.milliseconds(), g.below(2), g.bodies(depth)],
    "completed": lambda g, depth: [g.below(3), g.bodies(depth)],
    "cancel": lambda g, depth: [g.body(depth + 1, 2), g.body(depth + 1, 1)],
    "absorb": lambda g, depth: [g.body(depth + 1, 2), g.body(depth + 1, 1)],
    "lock": lambda g, depth: [g.below(LOCKS), g.body(depth + 1, 2)],
    "semaphore": lambda g, depth: [g.below(SEMAPHORES), g.body(depth + 1, 2)],
    "stream": lambda g, depth: [g.below(3), g.body(depth + 1, 1)],
    "context": _several,
    "anyio_group": _several,
    "anyio_within": _timed,
    "anyio_shield": _one,
    "continue": _one,
}
"""Kinds with branches."""
