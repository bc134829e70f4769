"""What a workflow does, as a tree: steps, and the branches and loops around them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from sagaline.checker.findings import Place


@dataclass(frozen=True)
class Step:
    """Something that is recorded in history: an activity, a timer, a child. ``arguments`` are in canonical text."""

    kind: str
    name: str
    arguments: tuple[str, ...] = ()
    place: Place | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" if self.name != self.kind else self.kind


@dataclass(frozen=True)
class Exit:
    """The end of the function or loop: ``return``, ``raise``, ``break``, ``continue``."""

    word: str
    place: Place | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"`{self.word}`"


@dataclass(frozen=True)
class Choice:
    """One of several ways, by a condition."""

    word: str
    condition: str
    ways: tuple[tuple[Item, ...], ...]
    place: Place | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"`{self.word}`"


@dataclass(frozen=True)
class Loop:
    """Steps that are repeated."""

    over: str
    body: tuple[Item, ...]
    place: Place | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return "a loop"


@dataclass(frozen=True)
class Patch:
    """Two ways, by ``workflow.patched``."""

    id: str
    new: tuple[Item, ...]
    old: tuple[Item, ...]
    place: Place | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"patch {self.id!r}"


Item: TypeAlias = Step | Exit | Choice | Loop | Patch


@dataclass(frozen=True)
class Plan:
    """All that a workflow does. ``patches`` are those it asks for, ``deprecated`` those whose old way is gone."""

    name: str
    place: Place
    items: tuple[Item, ...]
    patches: frozenset[str]
    deprecated: frozenset[str]


def has_steps(items: tuple[Item, ...]) -> bool:
    """Whether anything among the items is recorded in history."""
    for item in items:
        if isinstance(item, Step):
            return True
        if isinstance(item, Choice) and any(has_steps(way) for way in item.ways):
            return True
        if isinstance(item, Loop) and has_steps(item.body):
            return True
        if isinstance(item, Patch) and (has_steps(item.new) or has_steps(item.old)):
            return True
    return False


def has_exits(items: tuple[Item, ...]) -> bool:
    """Whether the items may leave what is around them."""
    return any(
        isinstance(item, Exit)
        or (isinstance(item, Choice) and any(has_exits(way) for way in item.ways))
        or (isinstance(item, Patch) and (has_exits(item.new) or has_exits(item.old)))
        or (isinstance(item, Loop) and has_exits(item.body))
        for item in items
    )


def relevant(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The items without those that change nothing: ways out behind which nothing is done."""
    kept: list[Item] = []
    for item in reversed(items):
        if kept or has_steps((item,)):
            kept.append(item)
    return tuple(reversed(kept))
