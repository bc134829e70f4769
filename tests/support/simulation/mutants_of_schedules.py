"""Schedules, broken on purpose."""

from __future__ import annotations

from functools import wraps
from typing import Any

import msgspec

from sagaline._system.schedules import schedule, times
from sagaline._system.schedules.book import Book
from sagaline._system.schedules.model import ALLOW_ALL
from simulation.mutant_registry import Patch, mutant


@mutant
def forgets_which_due_times_were_taken_up() -> list[Patch]:
    original = times.plan

    @wraps(original)
    def plan(*args: Any) -> Any:
        return msgspec.structs.replace(original(*args), upto_ms=args[2])

    return [(schedule, "plan", plan)]


@mutant
def begins_a_run_beside_another_whatever_the_policy() -> list[Patch]:
    original = Book.offer

    def offer(self: Book, at_ms: int, kind: str, overlap: str, now_ms: int) -> str:
        return original(self, at_ms, kind, ALLOW_ALL, now_ms)

    return [(Book, "offer", offer)]
