"""What runs and locks tell each other, and what a lock keeps: data, in the arguments of signals and in the run's input.

A request is named by the id of the token that answers it: it says who asks, and is unlike any other.
"""

from __future__ import annotations

import msgspec

from sagaline._model.system import SYSTEM, system_id
from sagaline._model.tokens import parse

LOCK = f"{SYSTEM}lock"
GRANTED, RENEWED = "granted", "renewed"
HELD, FULL, LOST, DEADLOCK = "held", "full", "lost", "deadlock"


def lock_id(name: str) -> str:
    """The workflow id of the run that keeps a lock."""
    return system_id(LOCK, name)


def lock_name(workflow_id: str) -> str | None:
    """The lock that a run of this workflow id keeps; None when it keeps none."""
    prefix = lock_id("")
    return workflow_id.removeprefix(prefix) if workflow_id.startswith(prefix) else None


def asked_by(request: str) -> str:
    """The workflow id of the run that has made a request."""
    token = parse(request)
    return "" if token is None else token.workflow_id


class Acquire(msgspec.Struct, frozen=True, omit_defaults=True):
    """A run asks for the lock. ``chain``: the first run of those that go on one as the other, which hold it together.
    ``holds``: names of the locks that these hold."""

    request: str
    chain: str
    waits: bool = True
    lease_ms: int | None = None
    holds: tuple[str, ...] = ()


class Renew(msgspec.Struct, frozen=True, omit_defaults=True):
    """The holder prolongs its lease. ``token`` answers."""

    request: str
    token: str
    lease_ms: int | None = None


class Holding(msgspec.Struct, frozen=True):
    """A run that waits has got another lock meanwhile."""

    request: str
    holds: tuple[str, ...]


class Edge(msgspec.Struct, frozen=True):
    """A request waits at a lock for its holder, which has it under ``fencing``."""

    lock: str
    request: str
    chain: str
    since_ms: int
    held_by: str
    fencing: int


class Probe(msgspec.Struct, frozen=True):
    """Looks for whoever the first of the edges waits for, among those who wait for the last one's locks."""

    id: str
    edges: tuple[Edge, ...]


class Confirm(msgspec.Struct, frozen=True):
    """A cycle was found. Each of its locks says whether its edge still stands; the victim's, the last, refuses it."""

    edges: tuple[Edge, ...]
    left: tuple[int, ...]


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a request comes to. ``since_ms`` and ``until_ms`` are of the holder, which is ``held_by`` where the request
    is refused. ``cycle``: of a deadlock."""

    kind: str
    fencing: int = 0
    since_ms: int = 0
    until_ms: int | None = None
    held_by: str = ""
    cycle: tuple[Edge, ...] = ()


class Waiter(msgspec.Struct, omit_defaults=True):
    """A request that waits. ``arrived_ms``: since when."""

    request: str
    chain: str
    arrived_ms: int
    lease_ms: int | None = None
    holds: tuple[str, ...] = ()


class Holder(msgspec.Struct, omit_defaults=True):
    """Who has the lock. ``requests``: by which it has it, and whether each is known to have arrived there."""

    chain: str
    fencing: int
    since_ms: int
    until_ms: int | None = None
    requests: dict[str, bool] = {}  # msgspec copies it


class LockState(msgspec.Struct, omit_defaults=True):
    """All that a lock keeps. ``given_back``: requests that were given back before they came."""

    fencing: int = 0
    probes: int = 0
    holder: Holder | None = None
    waiters: list[Waiter] = []
    given_back: list[str] = []
    seen: list[str] = []
