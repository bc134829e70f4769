"""What a business is for a run of chaos: what its workers run, what is placed, and how its books are checked."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from sagaline import Client

Fault = tuple[str, Callable[[], Awaitable[None]]]
"""What is done, as the report says it, and how."""


class Load(Protocol):
    """Contract:

    - ``prepare`` is called once, before workers start, ``place`` for each number below ``count``, beside each other.
    - ``faults`` are drawn among those of workers and brokers; one is done at a time, and each heals what it broke.
    - ``work`` goes on beside all of it until the last thing has ended, and is then cancelled.
    - ``heal`` comes after the last fault, ``audit`` when all has ended or is given up, with a client that is open.
    """

    things: str
    a_second: float
    target: str
    make: str
    draw: random.Random
    violations: list[str]

    @property
    def environment(self) -> Mapping[str, str]: ...

    def prepare(self, count: int) -> None: ...

    async def place(self, client: Client, number: int) -> None: ...

    def faults(self) -> list[Fault]: ...

    async def work(self, client: Client) -> None: ...

    def heal(self) -> None: ...

    async def audit(self, client: Client) -> None: ...

    def figures(self) -> dict[str, int]: ...

    def checked(self) -> str: ...

    def close(self) -> None: ...
