"""What runs and limits tell each other, and what a limit keeps: data, in arguments of signals and in the run's input.

A limit is of one name, and of one value of its key where it has one for each. A request is named by the id of the token
that answers it, as with locks.
"""

from __future__ import annotations

import hashlib

import msgspec

from sagaline._model.limits import FLOW_KEY_BYTES, FLOW_NAME_BYTES, cut_plain, size
from sagaline._model.system import SYSTEM, system_id

FLOW = f"{SYSTEM}flow"
SLOTS, RATE = "slots", "rate"
"""Kinds of limits: so many at once, so many in a time."""
GRANTED, FULL = "granted", "full"
ACQUIRE, RELEASE, HELD = "acquire", "release", "held"
"""Signals to a limit. A run leaves RELEASE for its end when it asks, and HELD, which says nothing there, when it has a
slot: its owner tells by that which of its requests wait."""
FIRST, NORMAL, LAST = PRIORITIES = (1, 3, 5)
"""Priorities: the lowest number is served first."""


def flow_id(kind: str, name: str, key: str | None) -> str:
    """The workflow id of the run that keeps a limit. Long names and keys are cut, and told apart by their hash."""
    place = f"{kind}/{_short(name, FLOW_NAME_BYTES, '/')}"
    return system_id(FLOW, place if key is None else f"{place}/{short_key(key)}")


def short_key(key: str) -> str:
    """The value of a key as it is told: a long one is cut, with its hash."""
    return _short(key, FLOW_KEY_BYTES, "")


def flow_of(workflow_id: str) -> tuple[str, str, str | None] | None:
    """Kind, name and key of the limit that a run of this workflow id keeps; None when it keeps none."""
    prefix = system_id(FLOW, "")
    if not workflow_id.startswith(prefix):
        return None
    kind, _, place = workflow_id.removeprefix(prefix).partition("/")
    name, has_key, key = place.partition("/")
    return kind, name, key if has_key else None


def _short(text: str, most: int, refused: str) -> str:
    if size(text) <= most and text.isprintable() and not (refused and refused in text):
        return text
    shown = "".join(char if char.isprintable() and char != refused else "_" for char in text)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return f"{cut_plain(shown, most - 26)}~{digest}"


class Rules(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a limit allows. ``limit``: at once, of each group; ``total``: at once, of all groups; 0 for any number.
    ``interval_us``: microseconds between two that begin, 0 for none, where ``burst`` may come at once. ``rate``: that,
    as its user has written it."""

    limit: int = 0
    total: int = 0
    interval_us: int = 0
    burst: int = 1
    rate: str = ""


class Ask(msgspec.Struct, frozen=True, omit_defaults=True):
    """A run asks for a slot, or for its turn. ``group``: those of one group have no more than their share."""

    request: str
    rules: Rules
    group: str = ""
    priority: int = NORMAL


class FlowWaiter(msgspec.Struct, omit_defaults=True):
    """A request that waits. ``arrived_ms``: since when."""

    request: str
    arrived_ms: int
    group: str = ""
    priority: int = NORMAL


class Slot(msgspec.Struct, omit_defaults=True):
    """A request that was granted. ``arrived``: its run is known to have heard so."""

    since_ms: int
    group: str = ""
    arrived: bool = False


class FlowState(msgspec.Struct, omit_defaults=True):
    """All that a limit keeps. ``given_back``: requests that were given back before they came. ``turns``: by group, its
    start tag in fair queueing; ``turn`` is that of the newest grant. ``next_us``: when the bucket of the rate is full
    again, in microseconds since 1970."""

    rules: Rules = Rules()
    waiters: list[FlowWaiter] = []
    slots: dict[str, Slot] = {}
    given_back: list[str] = []
    turns: dict[str, int] = {}
    turn: int = 0
    next_us: int = 0
