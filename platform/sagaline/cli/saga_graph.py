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
    depth, child_depth = _depths(ledger), 0
    for entry in ledger.entries:
        inner = depth.get(entry.scope, 0) if entry.of_child is None else child_depth + 1
        text = f"{'  ' * inner}{entry.step:>4}  {entry.activity} [{entry.kind}] {state_of(entry)}"
        if entry.child is not None:
            child_depth = inner
            text += f" ({entry.child.workflow_id})"
        elif entry.run_id:
            text += (
                f" (of run {entry.run_id})"
                if entry.of_child is not None or ledger.undoes
                else " (before it continued as new)"
            )
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
    within = ""  # the child whose steps follow
    for place, entry in enumerate(ledger.entries):
        name = f"s{place}"
        ends = "[[%s]]" if entry.child is not None else "[%s]"
        shown = f'"{_label(f"{entry.step} {entry.activity}")}<br/>{_label(state_of(entry))}"'
        nodes.append(f"    {name}{ends % shown}")
        states.append(f"    class {name} {entry.outcome}")
        if entry.of_child is None:
            edges += [f"    {before} --> {name}"] if before is not None else []
            before = within = name
        else:
            edges.append(f"    {within} -. its step .-> {name}")
        if entry.compensation and entry.kind == "compensatable":
            undo = f"u{place}"
            shown = _label(entry.compensation) + ("" if entry.undone is None else f"<br/>{_BACKWARD[entry.undone]}")
            nodes.append(f'    {undo}(["{shown}"])')
            edges.append(f"    {name} -. {'undone by' if entry.undone else 'would be undone by'} .-> {undo}")
            if entry.undone is not None:
                states.append(f"    class {undo} {entry.undone}")
    title = [f"    %% undoes run {ledger.undoes}"] if ledger.undoes else []
    return "\n".join(["flowchart TD", *title, *nodes, *edges, _CLASSES, *states])


def state_of(entry: LedgerEntry) -> str:
    """How it stands, in words."""
    if entry.child is None or entry.child.status in ("open", "completed"):
        past = "" if entry.child is None or entry.child.pivot is None else f", irreversible behind {entry.child.pivot}"
        return _FORWARD[entry.outcome] + past
    return entry.child.status + (", not undone" if entry.child.status == "terminated" else "")


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
