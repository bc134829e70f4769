"""The graph of a saga: what it did, forward, and what undoes it, backward; as text and as Mermaid."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sagaline.client import LedgerEntry, SagaLedger

_FORWARD = {"completed": "done", "open": "under way", "failed": "no effect", "unknown": "unknown", "parked": "parked"}
_BACKWARD = {"completed": "undone", "open": "being undone", "parked": "parked", "unknown": "failed", "failed": "failed"}
_CLASSES = """    classDef completed fill:#d4f4dd,stroke:#2e8540
    classDef open fill:#e1f0ff,stroke:#1f6fb2
    classDef failed fill:#f0f0f0,stroke:#888888
    classDef unknown fill:#fff3c4,stroke:#b8860b
    classDef parked fill:#f7d4f4,stroke:#8b1a89"""


def lines(ledger: SagaLedger) -> Iterator[str]:
    """A line for each step, newest last, its undoing behind it."""
    depth = _depths(ledger)
    for entry in ledger.entries:
        indent = "  " * depth.get(entry.scope, 0)
        text = f"{indent}{entry.step:>4}  {entry.activity} [{entry.kind}] {_FORWARD[entry.outcome]}"
        if entry.run_id:
            text += " (before it continued as new)"
        if entry.compensation and entry.kind == "compensatable":
            undone = "" if entry.undone is None else f" {_BACKWARD[entry.undone]} (step {entry.undo_step})"
            text += f"  <-  {entry.compensation}{undone}"
        yield text


def mermaid(ledger: SagaLedger) -> str:
    """A flowchart: steps from top to bottom, compensations beside them, coloured by their state."""
    nodes: list[str] = []
    edges: list[str] = []
    states: list[str] = []
    before: str | None = None
    for place, entry in enumerate(ledger.entries):
        name = f"s{place}"
        nodes.append(f'    {name}["{_label(f"{entry.step} {entry.activity}")}<br/>{_FORWARD[entry.outcome]}"]')
        states.append(f"    class {name} {entry.outcome}")
        if before is not None:
            edges.append(f"    {before} --> {name}")
        before = name
        if entry.compensation and entry.kind == "compensatable":
            undo = f"u{place}"
            shown = _label(entry.compensation) + ("" if entry.undone is None else f"<br/>{_BACKWARD[entry.undone]}")
            nodes.append(f'    {undo}(["{shown}"])')
            edges.append(f"    {name} -. {'undone by' if entry.undone else 'would be undone by'} .-> {undo}")
            if entry.undone is not None:
                states.append(f"    class {undo} {entry.undone}")
    return "\n".join(["flowchart TD", *nodes, *edges, _CLASSES, *states])


def _label(text: str) -> str:
    return re.sub(r'["<>#;&]', lambda found: f"#{ord(found.group())};", text)


def _depths(ledger: SagaLedger) -> dict[int, int]:
    parents = {part.number: part.parent for part in ledger.parts}
    depths: dict[int, int] = {}
    for number in parents:
        depth, around = 0, parents[number]
        while around is not None and around in parents:
            depth, around = depth + 1, parents[around]
        depths[number] = depth
    return depths


def entry_details(entry: LedgerEntry) -> Iterator[str]:
    """What else there is to say of a step, a line each."""
    if entry.failure is not None:
        yield f"{entry.failure.type}: {entry.failure.message}"
    if entry.undo_failure is not None and entry.undone != "completed":
        yield f"{entry.compensation}: {entry.undo_failure.type}: {entry.undo_failure.message}"
    for repair in entry.repairs:
        yield f"{repair.action} by {repair.by}: {repair.reason}"
