"""Codecs and blobs, from the client to the code and back; what is missing, and what it looks like without a key."""

from __future__ import annotations

import asyncio
import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from harness import eventually, make_namespace, running
from off_loop import OffLoop
from sealing import encrypted
from typer.testing import CliRunner

from sagaline import (
    Client,
    ConfigurationError,
    PayloadUnavailable,
    RequestRefused,
    Retry,
    RunHandle,
    activity,
    saga,
    workflow,
)
from sagaline._log import COMMANDS, HISTORY, REPLIES, open_log
from sagaline.cli import app
from sagaline.payloads import AesGcm, Payloads

OLD, NEW = os.urandom(32), os.urandom(16)
RUN = "0" * 32
seen: list[str] = []


@pytest.fixture
def url() -> str:
    seen.clear()
    return f"memory://p{uuid.uuid4().hex}?partitions=1"


@activity
async def double(text: str) -> str:
    return text * 2


@activity
def shorten(text: str) -> str:
    return text[:10]


@activity
async def keep(text: str) -> str:
    return text + "!"


@keep.compensation
async def forget(text: str, kept: str | None) -> None:
    seen.append(f"{text} {kept}")


@activity
async def refuse() -> None:
    raise ConnectionError("no")


@workflow
async def grow(text: str) -> str:
    doubled = await double(text)
    assert doubled == text * 2
    assert await shorten(doubled) == doubled[:10]
    return doubled


@saga
async def undo_all(text: str) -> str:
    await keep(text)
    await refuse.options(retry=Retry(attempts=1))()
    return text


def blobs_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("[!.]*") if path.is_file()]  # not those being written


async def describe_for_ever(handle: RunHandle[Any]) -> None:
    async with asyncio.timeout(20):
        while await handle.describe():
            await asyncio.sleep(0.05)


async def everything_on(url: str) -> bytes:
    """All bytes on all topics."""
    log = open_log(url)
    await log.open()
    found = b""
    for topic in (COMMANDS, HISTORY, REPLIES):
        async for batch in log.read(topic, 0, *(await log.bounds(topic, 0))):
            found += b"".join((record.value or b"") for record in batch)
    await log.close()
    return found


async def test_nothing_readable_is_on_the_log_and_code_sees_plain_values(url: str) -> None:
    payloads = encrypted(k1=OLD)
    async with running(url, [grow, undo_all], [double, shorten, keep, refuse], payloads=payloads) as (_, client):
        assert await client.execute(grow, "confidential", id="a") == "confidential" * 2
        with pytest.raises(Exception, match="compensated: ConnectionError: no"):
            await client.execute(undo_all, "confidential", id="b")
        assert seen == ["confidential confidential!"]
        assert b"confidential" not in await everything_on(url)
        async with await Client.connect(url) as stranger:
            with pytest.raises(PayloadUnavailable, match="Expected codec"):
                await stranger.handle("a").result()
            found = await stranger.handle("a").describe()
            assert (found.status, found.result) == ("completed", "<sealed: 26 bytes, by zlib, aes-gcm k1>")
            sealed = await stranger.handle("a").history()
            assert sealed[0].details["input"].startswith("<sealed: ")
        shown = await client.handle("a").history()
        assert shown[0].details["input"] == ["confidential"]


async def test_large_payloads_are_in_the_store_and_go_with_their_run(url: str, tmp_path: Path) -> None:
    payloads = Payloads(blobs=OffLoop(tmp_path), threshold_bytes=1_000)
    big = "x" * 2_000_000
    made = running(url, [grow], [double, shorten], payloads=payloads, retention="2s")
    async with made as (_, client):
        assert await client.execute(grow, big, id="big") == big * 2
        assert len(blobs_in(tmp_path)) >= 3
        assert len(await everything_on(url)) < 20_000
        with pytest.raises(RequestRefused, match="there is none"):
            await describe_for_ever(client.handle("big"))
        assert blobs_in(tmp_path) == []


async def test_what_a_refused_start_has_stored_is_taken_away(url: str, tmp_path: Path) -> None:
    payloads = Payloads(blobs=OffLoop(tmp_path), threshold_bytes=10)
    async with running(url, [grow], [double, shorten], payloads=payloads) as (_, client):
        with pytest.raises(RequestRefused, match="Expected a workflow that the worker knows"):
            await client.start_by_name("unknown", "x" * 100, id="w")
        assert blobs_in(tmp_path) == []
        first = await client.start(grow, "y" * 100, id="twice")
        there = blobs_in(tmp_path)
        with pytest.raises(RequestRefused, match="another input"):
            await client.start(grow, "z" * 100, id="twice")
        second = await client.start(grow, "y" * 100, id="twice")
        assert first.run_id == second.run_id
        assert all(path in blobs_in(tmp_path) for path in there)
        assert {path.parent.name for path in blobs_in(tmp_path)} == {first.run_id}


async def test_a_missing_blob_parks_the_run_until_it_is_back(url: str, tmp_path: Path) -> None:
    store = OffLoop(tmp_path)
    payloads = Payloads(blobs=store, threshold_bytes=1_000)
    await make_namespace(url)
    async with await Client.connect(url, payloads=payloads) as client:
        starting = client.start(grow, "x" * 5_000, id="w")
        task = asyncio.ensure_future(starting)
        await eventually(lambda: blobs_in(tmp_path))
        (file,) = blobs_in(tmp_path)
        kept = file.read_bytes()
        file.unlink()
        async with running(url, [grow], [double, shorten], payloads=payloads):
            handle = await task
            async with asyncio.timeout(10):
                while (found := await handle.describe()).status != "parked":
                    await asyncio.sleep(0.02)
            assert found.failure is not None
            assert "is missing: put it back from a backup" in found.failure.message
            with pytest.raises(RequestRefused, match="is missing"):
                await handle.retry()
            file.write_bytes(kept)
            await handle.retry()
            assert await handle.result(10) == "x" * 10_000


async def test_without_the_key_the_run_waits_and_a_worker_that_has_it_goes_on(url: str) -> None:
    await make_namespace(url)
    async with await Client.connect(url, payloads=encrypted(k1=OLD, k2=NEW)) as client:
        async with running(url, [grow], [double, shorten], payloads=encrypted(k1=OLD)):
            handle = await client.start(grow, "abc", id="w")
            found = await handle.describe()
            assert found.status == "parked"
            assert found.failure is not None
            assert "Expected key 'k2'" in found.failure.message
        async with running(url, [grow], [double, shorten], payloads=encrypted(k1=OLD, k2=NEW)):
            assert await handle.result(10) == "abcabc"


def test_the_command_line_opens_and_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tmp_path / "settings_for_payloads.py"
    settings.write_text(
        "from sagaline.payloads import AesGcm, Payloads\n"
        f"payloads = Payloads(codecs=[AesGcm({{'k1': {OLD!r}}}, current='k1')])\n"
    )
    url = f"sqlite:///{tmp_path / 'log.db'}"

    async def run() -> None:
        payloads = Payloads(codecs=[AesGcm({"k1": OLD}, current="k1")])
        async with running(url, [grow], [double, shorten], payloads=payloads) as (_, client):
            await client.execute(grow, "confidential", id="a")
            base = ["show", "a", "--log", url]
            sealed = await asyncio.to_thread(CliRunner().invoke, app, base)
            opened = await asyncio.to_thread(CliRunner().invoke, app, [*base, "--payloads", f"{settings}:payloads"])
        assert sealed.exit_code == opened.exit_code == 0
        assert "confidential" not in sealed.output
        assert "<sealed: 26 bytes, by aes-gcm k1>" in sealed.output
        assert "confidential" in opened.output

    asyncio.run(run())
    wrong = CliRunner().invoke(app, ["show", "a", "--log", url, "--payloads", f"{settings}:nothing"])
    assert isinstance(wrong.exception, ConfigurationError)
    assert "Expected nothing in" in str(wrong.exception)
