"""Clients that start runs with updates: of ids that are free, open or ended, several at once, some asked again."""

from __future__ import annotations

import random
from typing import Any

from sagaline._log import COMMANDS
from sagaline._model.codec import encode
from sagaline._model.keys import partition_of
from sagaline._model.records import CancelRun, StartRun, TerminateRun, UpdateRun
from simulation.broker import Broker
from simulation.talk import Talker

UNKNOWN = "nothing"
"""An update that no workflow has: it begins nothing."""


class UpdatesWithStart:
    """``draw`` is their own: other clients draw as they did before there were these."""

    def __init__(self, draw: random.Random, broker: Broker, repeats: bool) -> None:
        self._draw, self._broker, self._repeats = draw, broker, repeats

    def begin(self, within_s: float) -> None:
        """Plans what they ask for, in two of three of their worlds."""
        draw = self._draw
        for number in range(draw.choice([0, 2, 6])):
            workflow_id, at = f"with-{number}", draw.uniform(0, within_s * 0.6)
            for asked in range(draw.choice([1, 1, 2, 4])):
                self._ask(at + draw.choice([0, 0.1, draw.uniform(0, 20)]), workflow_id, asked)
            if draw.random() < 0.2:
                ids = (f"{workflow_id}-end", workflow_id, "enough", "client", 0)
                self._send(at + draw.uniform(0, 5), draw.choice([CancelRun(*ids), TerminateRun(*ids)]))

    def _ask(self, at: float, workflow_id: str, asked: int) -> None:
        """Half of them share an id of the update, and some name none that there is, or are refused by the validator."""
        draw = self._draw
        name, number = f"{workflow_id}-{asked}", draw.choice([1, 2, 3, 4, 5])
        update_id = draw.choice([f"u-{name}", f"u-{workflow_id}-shared"])
        update = "add" if draw.random() < 0.9 else UNKNOWN
        argument = b"[%d]" % number if draw.random() < 0.95 else b'["no number"]'
        when = draw.choice(["accepted", "completed"])
        request: Any
        if draw.random() < 0.2:
            request = UpdateRun(name, workflow_id, update_id, update, argument, "client", 0, "", when)
        else:
            request = StartRun(
                name,
                workflow_id,
                Talker.run.name,
                b"[%d]" % draw.choice([0, 2, 10, 10]),
                "client",
                0,
                when,
                draw.choice(["join", "use_existing", "use_existing", "fail", "terminate_existing"]),
                draw.choice(["join", "allow", "allow", "if_failed", "reject"]),
                update=update,
                update_id=update_id,
                update_input=argument,
            )
        self._send(at, request)
        while draw.random() < 0.4 and self._repeats:  # the client asks again
            self._broker.marks["start with update repeated"] += 1
            self._send(at + draw.uniform(0, 4), request)

    def _send(self, at: float, request: Any) -> None:
        partition = partition_of(request.workflow_id, self._broker.partitions)
        self._broker.later(at, self._broker.land, COMMANDS, partition, request.workflow_id.encode(), encode(request))
