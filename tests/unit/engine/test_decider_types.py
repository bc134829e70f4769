"""What deciding must not do is a type error: each wrong line is rejected by mypy, and no other is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
DECIDER = """
from sagaline._engine.emit import Emitter
from sagaline._engine.processors import Processor
from sagaline._engine.processors.decisions import Decision
from sagaline._engine.state import ReadState, State
from sagaline._model.records import CancelRun, PARKED


def process(state: ReadState, request: CancelRun, now_ms: int) -> Decision:
    run = state.run(request.workflow_id)
    if run is None:
        return []
    run.status = PARKED  # wrong
    run.next_event_id += 1  # wrong
    state.runs.put(run)  # wrong
    state.send(run)  # wrong
    print(run.status, run.closed, state.activity(run.run_id, 1))
    return []


def host(state: State, emitter: Emitter) -> None:
    run = state.run("w")
    emitter.run.last_at = 0  # wrong
    if run is not None:
        run.cancel_requested = True  # wrong
        state.runs.put(run)  # wrong


processor: Processor = process
reading: ReadState = State  # wrong
"""


def test_a_decider_that_writes_is_a_type_error(tmp_path: Path) -> None:
    file = tmp_path / "decider.py"
    file.write_text(DECIDER)
    command = [sys.executable, "-m", "mypy", "--strict", "--hide-error-context", "--no-error-summary", str(file)]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    rejected = {int(number) for number in re.findall(r"decider\.py:(\d+): error", shown)}
    wrong = {number for number, line in enumerate(DECIDER.splitlines(), 1) if line.endswith("# wrong")}
    assert rejected == wrong, shown
