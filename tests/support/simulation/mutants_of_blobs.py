"""What holds of the store of blobs, broken on purpose."""

from __future__ import annotations

from collections.abc import Sequence

from sagaline._host.partition.blobs import AppendsBehindBlobs
from sagaline._host.partition.inputs import Inputs
from sagaline._log import Record
from sagaline._payloads import LoopSealer, NotResident, Sealer
from simulation.mutant_registry import Patch, mutant


@mutant
def reads_blobs_on_the_loop() -> list[Patch]:
    return [(LoopSealer, "_fetch", Sealer._fetch)]


@mutant
def names_blobs_before_they_are_stored() -> list[Patch]:
    return [(AppendsBehindBlobs, "append", AppendsBehindBlobs._append)]


@mutant
def drops_inputs_that_wait_for_payloads() -> list[Patch]:
    def wait(self: Inputs, missing: NotResident, records: Sequence[Record]) -> None:
        original(self, missing, records)
        self._behind = self._behind[1:]

    original = Inputs._wait
    return [(Inputs, "_wait", wait)]
