"""Large payloads of an update with a start: they stay with the run that has begun, and go when none has."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest
from harness import running
from sealing import encrypted

from sagaline import ApplicationError, RequestRefused, workflow
from sagaline.payloads import FileBlobs, Payloads

LARGE = "x" * 100


@workflow
class Notes:
    def __init__(self, first: str) -> None:
        self.notes = [first]

    @workflow.update
    def add(self, note: str) -> list[str]:
        self.notes.append(note)
        return self.notes

    @add.validator
    def check(self, note: str) -> None:
        if note.startswith("no"):
            raise ApplicationError("No.", type="No")

    @workflow.query
    def read(self) -> list[str]:
        return self.notes

    @workflow.run
    async def run(self, first: str) -> None:
        if first.startswith("again"):
            Notes.run.continue_as_new(first.removeprefix("again "))
        await asyncio.sleep(1_000)


@pytest.fixture
def url() -> str:
    return f"memory://p{uuid.uuid4().hex}?partitions=1"


def runs_with_blobs(folder: Path) -> set[str]:
    return {path.parent.name for path in folder.rglob("[!.]*") if path.is_file()}


async def test_the_input_stays_when_the_update_alone_is_refused(url: str, tmp_path: Path) -> None:
    payloads = Payloads(blobs=FileBlobs(tmp_path), threshold_bytes=10)
    async with running(url, [Notes], payloads=payloads, replay_always=True) as (_, client):
        notes = client.with_start(Notes.run, LARGE, id="n")
        with pytest.raises(RequestRefused, match="No"):
            await notes.execute_update(Notes.add, "no" + LARGE)
        assert runs_with_blobs(tmp_path) == {notes.handle.run_id}
        assert await notes.handle.query(Notes.read) == [LARGE]
        joined = client.with_start(Notes.run, LARGE, id="n")
        assert await joined.execute_update(Notes.add, LARGE) == [LARGE, LARGE]
        with pytest.raises(RequestRefused, match="No"):
            await joined.execute_update(Notes.add, "no" + LARGE)
        assert runs_with_blobs(tmp_path) == {notes.handle.run_id}, "what came with requests that joined is gone"


async def test_what_a_refused_start_has_stored_is_taken_away(url: str, tmp_path: Path) -> None:
    payloads = Payloads(blobs=FileBlobs(tmp_path), threshold_bytes=10)
    async with running(url, [Notes], payloads=payloads) as (_, client):
        for first in (LARGE, ""):
            with pytest.raises(RequestRefused) as refused:
                await client.with_start(Notes.run, first, id="n").execute_update("nope", LARGE)
            assert (refused.value.type, refused.value.run_id) == ("UnknownUpdate", "")
            assert runs_with_blobs(tmp_path) == set()


async def test_the_input_stays_when_another_run_of_the_chain_is_updated(url: str, tmp_path: Path) -> None:
    payloads = Payloads(blobs=FileBlobs(tmp_path), threshold_bytes=10)
    async with running(url, [Notes], payloads=payloads) as (_, client):
        notes = client.with_start(Notes.run, f"again {LARGE}", id="n")
        assert await notes.execute_update(Notes.add, "short") == [LARGE, "short"]
        first = next(run for run in await client.runs() if run.status == "continued")
        assert first.run_id != notes.handle.run_id
        assert first.run_id in runs_with_blobs(tmp_path)


async def test_all_is_encrypted_and_opened(url: str) -> None:
    async with running(url, [Notes], payloads=encrypted(key=b"k" * 32), replay_always=True) as (_, client):
        notes = client.with_start(Notes.run, "a", id="n")
        assert await notes.execute_update(Notes.add, "b", id="u") == ["a", "b"]
        joined = client.with_start(Notes.run, "a", id="n")
        assert await joined.execute_update(Notes.add, "b", id="u") == ["a", "b"]
        assert await joined.execute_update(Notes.add, "c") == ["a", "b", "c"]
