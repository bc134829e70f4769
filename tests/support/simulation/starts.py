"""What clients ask of a world: runs that start, repeated starts, cancellations, and bytes that are no record."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from sagaline._engine.decide import run_id_of
from sagaline._log import COMMANDS, RESULTS
from sagaline._model.codec import encode
from sagaline._model.keys import partition_of
from sagaline._model.records import CancelRun, PauseRun, ResetRun, StartRun, TerminateRun, UnpauseRun
from sagaline._payloads import BlobsUnavailable, Payloads, Sealer, input_of
from sagaline._runtime.signatures import Signature
from simulation import load
from simulation.broker import Broker
from simulation.checkers import Watcher


class Starts:
    """The clients. Everything is drawn from ``draw``, in an order that gives seeds their meaning."""

    def __init__(
        self, draw: random.Random, broker: Broker, payloads: Payloads, watcher: Watcher, repeats: bool
    ) -> None:
        self._draw, self._broker, self._payloads = draw, broker, payloads
        self._watcher, self._repeats = watcher, repeats
        self._asked: list[tuple[float, StartRun]] = []
        self._draw_resets = random.Random(draw.getstate()[1][0])  # of their own, so that seeds keep their meaning

    def begin(self, most: int, within_s: float) -> None:
        """Plans the starts of ``most`` runs at most."""
        draw = self._draw
        for number in range(min(draw.randint(6, 20), most)):
            at = draw.uniform(0, within_s * draw.choice([0.2, 0.9]))
            self._broker.later(at, self._start, number)
            if draw.random() < 0.1:
                self._broker.later(at, self._poison, number + 1)
        for number in range(5):
            if self._draw_resets.random() < 0.1:
                self._broker.later(self._draw_resets.uniform(0, within_s), self.reset, f"talk-{number}")

    def _start(self, number: int) -> None:
        draw = self._draw
        workflow_id = f"run-{number}" if draw.random() < 0.85 else f"run-{draw.choice([0, 0, 1])}"
        fn = draw.choice([load.plain, load.undoing, load.undoing])
        signature: Signature = fn.definition.signature
        again = draw.choice([0, 0, 0, 1, 3])
        payload = signature.encode_input((load.make_plan(draw), again), {})
        reply_when = draw.choice(["accepted", "closed"])
        name = fn.name if draw.random() < 0.97 else "unknown"
        request = StartRun(f"request-{number}", workflow_id, name, payload, "client", 0, reply_when)
        if draw.random() < 0.3:
            request = msgspec.structs.replace(
                request,
                id_conflict=draw.choice(["join", "use_existing", "fail", "terminate_existing"]),
                id_reuse=draw.choice(["join", "allow", "allow", "if_failed", "reject"]),
            )
        if draw.random() < 0.1:
            request = msgspec.structs.replace(
                request, delay_ms=draw.choice([0, 3_000]), run_timeout_ms=draw.choice([0, 500, 5_000])
            )
        if self._payloads.blobs is not None:
            request = msgspec.structs.replace(request, input=self._sealed(run_id_of(request), payload))
        self._command(workflow_id, request)
        self._asked.append((self._broker.loop.now_s, request))
        while draw.random() < 0.2 and self._repeats:  # the client asks again
            self._broker.marks["start repeated"] += 1
            within_s = draw.choice([4, 15]) if self._payloads.blobs is None else 4  # a late one's blob may be gone
            self._broker.later(draw.uniform(0, within_s), self._command, workflow_id, request)
        if draw.random() < 0.15:
            cancel = CancelRun(f"cancel-{number}", workflow_id, "why not", "client", 0)
            self._broker.later(draw.uniform(0, 5), self._command, workflow_id, cancel)
        if draw.random() < 0.05:
            terminate = TerminateRun(f"terminate-{number}", workflow_id, "enough", "client", 0)
            self._broker.later(draw.uniform(0, 5), self._command, workflow_id, terminate)

        if draw.random() < 0.15:
            self._pause(number, workflow_id)
        if self._draw_resets.random() < 0.15:
            self._broker.later(self._draw_resets.uniform(0, 8), self.reset, workflow_id)

    def _pause(self, number: int, workflow_id: str) -> None:
        """A person pauses a run and later lets it go on; both ask twice at times, the pause never after the end of it."""
        draw = self._draw
        pause = PauseRun(f"pause-{number}", workflow_id, "hold on", "ann", "client", 0)
        unpause = UnpauseRun(f"unpause-{number}", workflow_id, "go on", "ann", "client", 0)
        begin_s, for_s = draw.uniform(0, 5), draw.uniform(0, 12)
        self._broker.later(begin_s, self._command, workflow_id, pause)
        for at in [begin_s + for_s] * draw.choice([1, 2]):
            self._broker.later(at, self._command, workflow_id, unpause)
        if draw.random() < 0.2:
            self._broker.later(begin_s + for_s * draw.random(), self._command, workflow_id, pause)

    def ask_again(self, within_s: float) -> None:
        """Nobody answers: whoever has asked in the last ``within_s`` seconds asks once more."""
        if not self._repeats or self._payloads.blobs is not None:  # the blob of a late one may be gone
            return
        for at_s, request in self._asked:
            if at_s > self._broker.loop.now_s - within_s:
                self._broker.marks["start repeated"] += 1
                self._broker.later(self._draw.uniform(0, 1), self._command, request.workflow_id, request)

    def reset(self, workflow_id: str) -> None:
        """Resets a run of the id, mostly to an event that will do; perhaps what comes of it too."""
        draw = self._draw_resets
        if draw.random() < 0.5:
            self._broker.later(draw.uniform(0, 8), self.reset, workflow_id)
        runs = {run_id: run for run_id, run in self._watcher.known().items() if run.workflow_id == workflow_id}
        choices = [*runs, ""]
        if self._payloads.blobs is not None:  # those of a run that is about to be retired may be gone
            choices = [run_id for run_id, run in runs.items() if self._watcher.is_kept(run)]
        if not choices:
            return
        run_id = draw.choice(choices)
        events = runs[run_id].next_event_id - 1 if run_id else 12
        ends = runs[run_id].ends if run_id and draw.random() < 0.9 else range(1, events + 2)
        request = ResetRun(
            f"reset-{draw.randrange(10**9)}",
            workflow_id,
            run_id,
            draw.choice(ends or [1]),
            "a bad deploy",
            "a person",
            draw.random() < 0.2,
            "client",
        )
        self._command(workflow_id, request)
        if draw.random() < 0.3 and self._repeats:
            self._broker.later(draw.uniform(0, 4), self._command, workflow_id, request)

    def _sealed(self, run_id: str, payload: bytes) -> bytes:
        while True:
            try:
                return Sealer(self._payloads).seal(input_of(run_id), payload)
            except BlobsUnavailable:
                pass  # the client tries again

    def _poison(self, number: int) -> None:
        """Bytes that are no record of ours."""
        topic, partition = self._draw.choice([COMMANDS, RESULTS]), self._draw.randrange(self._broker.partitions)
        value = f"poison {number}".encode()
        self._broker.land(topic, partition, b"poison", value)
        self._watcher.poison.add(value)

    def _command(self, workflow_id: str, command: Any) -> None:
        partition = partition_of(workflow_id, self._broker.partitions)
        self._broker.land(COMMANDS, partition, workflow_id.encode(), encode(command))
