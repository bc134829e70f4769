"""A start whose input cannot be opened: a client's run is parked, a child whose input is gone is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from rooms import Rooms

from sagaline import workflow
from sagaline._host.partition.admission import Admission
from sagaline._model.ids import run_id_of
from sagaline._model.records import StartRun
from sagaline._payloads import Sealer, input_of
from sagaline._runtime.definitions import Registry
from sagaline.payloads import AesGcm, FileBlobs, Payloads


@workflow
async def child(text: str) -> str:
    return text


class Prepared:
    """Instances, as far as admission asks for them."""

    def __init__(self) -> None:
        self.runs: list[str] = []

    def prepare(self, workflow: Any, workflow_id: str, run_id: str, encoded: bytes) -> None:
        self.runs.append(run_id)


@pytest.mark.parametrize(("parent_run_id", "refused"), [("p" * 32, True), ("", False)])
async def test_a_child_whose_payload_is_gone_is_refused(tmp_path: Path, parent_run_id: str, refused: bool) -> None:
    """Found by the simulation (seed 1193): a start that came once more, after the run and its blobs had been retired,
    began a run that could never go on."""
    payloads = Payloads(blobs=FileBlobs(tmp_path), threshold_bytes=4)
    sealer, instances = Sealer(payloads), Prepared()

    def of_another_worker() -> Admission:
        return Admission(Rooms().state, Registry([child.definition], []), cast(Any, instances), Sealer(payloads))

    run_id = run_id_of(StartRun("request", "w", "child", b""))
    sealed = sealer.seal(input_of(run_id), b'["a long text"]')
    start = StartRun("request", "w", "child", sealed, parent_run_id=parent_run_id)
    assert of_another_worker().why_not(start) is None
    assert instances.runs == [run_id]
    sealer.delete_run(run_id)
    failure = of_another_worker().why_not(start)
    assert (failure is not None and failure.type == "PayloadUnavailable") is refused


async def test_a_child_whose_key_this_worker_lacks_is_admitted_and_waits_for_it() -> None:
    instances = Prepared()
    start = StartRun("request", "w", "child", b"", parent_run_id="p" * 32)
    run_id = run_id_of(start)
    with_key = Sealer(Payloads(codecs=[AesGcm({"a": b"k" * 32}, current="a")]))
    sealed = with_key.seal(input_of(run_id), b'["text"]')
    without = Sealer(Payloads(codecs=[AesGcm({"b": b"l" * 32}, current="b")]))
    admission = Admission(Rooms().state, Registry([child.definition], []), cast(Any, instances), without)
    assert admission.why_not(msgspec.structs.replace(start, input=sealed)) is None
    assert instances.runs == [run_id]
