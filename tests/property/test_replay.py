"""For random workflows: replay from empty equals the live state, byte for byte, at every prefix of history."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from compaction import compacted
from harness import eventually, running
from harness import state_rows as rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagaline import ActivityError, Retry, RunError, activity, saga, workflow
from sagaline._engine.meta import META_KEY, Meta, encode_meta
from sagaline._host.partition.partition import Partition
from sagaline._host.recovery.restore import Restore, load_meta
from sagaline._host.recovery.write_back import WriteBack
from sagaline._log import HISTORY, Record, open_log
from sagaline._store import Identity, open_stores

Plan = list[Any]
Snapshots = dict[int, dict[bytes, bytes]]
_QUICK = Retry(attempts=2, first_interval=0.001, maximum_interval=0.002)


class Refused(Exception):
    """The step says no."""


@activity(retry=_QUICK, refusals=(Refused,), timeout=0.05)
async def act(what: str) -> str:
    if what == "refuse":
        raise Refused(what)
    if what == "fail" or (what == "flaky" and activity.info().attempt == 1):
        raise ConnectionError(what)
    if what == "hang":
        await asyncio.sleep(60)
    return what


@act.compensation
async def undo(what: str, done: str | None) -> None:
    pass


async def perform(plan: Plan) -> int:
    """A step of a plan: ["act", what], ["sleep", ms], ["all", plans], ["within", ms, plan] or a list of steps."""
    count = 0
    for kind, *args in plan:
        if kind == "act":
            await act(args[0])
        elif kind == "try":
            try:
                await act(args[0])
            except ActivityError:
                count += 100
        elif kind == "sleep":
            await asyncio.sleep(args[0] / 1000)
        elif kind == "all":
            count += sum(await asyncio.gather(*(perform(part) for part in args[0])))
        elif kind == "within":
            try:
                async with asyncio.timeout(args[0] / 1000):
                    count += await perform(args[1])
            except TimeoutError:
                count += 10
        count += 1
    return count


@workflow
async def plain(plan: Plan) -> int:
    return await perform(plan)


@saga
async def undoing(plan: Plan) -> int:
    return await perform(plan)


whats = st.sampled_from(["ok", "ok", "flaky", "fail", "refuse", "hang"])
simple = st.one_of(
    st.tuples(st.sampled_from(["act", "try"]), whats).map(list),
    st.tuples(st.just("sleep"), st.integers(0, 20)).map(list),
)
plans = st.recursive(
    st.lists(simple, max_size=3),
    lambda inner: st.lists(
        st.one_of(
            simple,
            st.tuples(st.just("all"), st.lists(inner, max_size=3)).map(list),
            st.tuples(st.just("within"), st.integers(1, 30), inner).map(list),
        ),
        max_size=3,
    ),
    max_leaves=6,
)


def fail(record: Record, cause: str) -> None:
    raise AssertionError(f"unreadable {record}: {cause}")


async def run_all(
    url: str, state_dir: Path | None, given_plans: list[Plan], retention: str = "7d"
) -> tuple[list[list[Record]], str]:
    """Runs the plans on a live worker; returns the history of each partition and the log's identity."""
    options = {"state_dir": state_dir, "worker_id": "w", "retention": retention}
    async with running(url, [plain, undoing], [act], **options) as (worker, client):
        await worker._host.wait_live(2)
        live: dict[int, Snapshots] = {one.number: watch(one.rows.acknowledged) for one in worker._host.live}

        async def one(number: int, plan: Plan) -> None:
            try:
                await client.execute(undoing if number % 2 else plain, plan, id=f"run-{number}")
            except RunError:
                pass

        await asyncio.gather(*(one(number, plan) for number, plan in enumerate(given_plans)))
        if retention != "7d":
            await eventually(lambda: all(is_quiet(one) for one in worker._host.live))
        await worker._host.wait_live(2)  # one may be waiting to be claimed anew
        caches = [partition.rows.acknowledged for partition in sorted(worker._host.live, key=lambda one: one.number)]
        log = open_log(url)
        await log.open()
        histories = []
        for number, cache in enumerate(caches):
            cache.flush()
            store = cache._store
            end = load_meta(store).next_offset
            histories.append([record async for batch in log.read(HISTORY, number, 0, end) for record in batch])
            # with faults a partition may be claimed anew before anything was acknowledged
            assert live[number] or len(histories[-1]) == 1 or "failed_append" in url, "nothing was looked at"
            compare(rows(store), live[number], histories[-1], state_dir)
        await log.close()
    return histories, log.identity


def watch(cache: WriteBack) -> Snapshots:
    """The live state after every acknowledged batch, by how far it had come; what reaches the store is the same."""
    found: Snapshots = {}
    reached, write = cache.reached, cache._store.write

    def reach_and_remember(meta: Meta, current_at_ms: int) -> None:
        found[meta.next_offset] = rows(cache) | {META_KEY: encode_meta(meta)}
        reached(meta, current_at_ms)

    def write_and_compare(writes: Any) -> None:
        write(writes)
        stored = rows(cache._store)
        assert stored == found.get(load_meta(cache._store).next_offset, stored)  # recovery writes past what was seen

    cache.reached, cache._store.write = reach_and_remember, write_and_compare  # type: ignore[method-assign]
    return found


def compare(final: dict[bytes, bytes], live: Snapshots, history: list[Record], state_dir: Path | None) -> None:
    """Replays history record by record and all at once: at every prefix it is what the live state was there."""
    folder = None if state_dir is None else state_dir / f"replay-{uuid.uuid4().hex}"
    stores = open_stores(folder)
    step, whole = stores.open(0, Identity("a", "a", 1)), stores.open(1, Identity("a", "a", 1))
    by_record = Restore(step, fail)
    assert set(live) <= {record.offset + 1 for record in history}
    for number, record in enumerate(history):
        by_record.apply([record])
        assert rows(step) == live.get(record.offset + 1, rows(step))
        if number % 7 == 0:  # a restart at this prefix: nothing but the store is kept
            by_record = Restore(step, fail)
            if len(history) <= 60:
                prefix = stores.open(2, Identity(str(number), "a", 1))
                Restore(prefix, fail).apply(history[: number + 1])
                assert rows(prefix) == rows(step)
                prefix.close()
    Restore(whole, fail).apply(history)
    assert rows(step) == rows(whole) == final
    draw = random.Random(len(history))
    for number in range(10):  # whatever the broker has compacted so far
        below = draw.randrange(len(history) + 1)
        left = compacted(history, below, draw.randrange(below + 1))
        cleaned = stores.open(3, Identity(f"cleaned-{number}", "a", 1))
        if left:
            Restore(cleaned, fail).apply(left)
            if left[-1].offset == history[-1].offset:
                assert rows(cleaned) == final
        cleaned.close()
    assert rows(step) == rows(whole) == final
    step.close()
    whole.close()
    stores.close()


@pytest.mark.takes(40)
@pytest.mark.parametrize("kind", ["memory", "rocksdb"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True)
@given(st.lists(plans, min_size=1, max_size=8))
def test_replay_is_the_live_state_byte_for_byte(kind: str, tmp_path: Path, given_plans: list[Plan]) -> None:
    url = f"memory://p{uuid.uuid4().hex}?partitions=2"
    state_dir = tmp_path / uuid.uuid4().hex if kind == "rocksdb" else None
    if state_dir is not None:
        state_dir.mkdir()
    asyncio.run(run_all(url, state_dir, given_plans))


def test_faults_of_the_log_change_nothing_that_was_decided(seed: int) -> None:
    """Lost acknowledgements and failed appends: every run ends, and the state is that of the log."""
    url = f"memory://f{uuid.uuid4().hex}?partitions=2&seed={seed}&lost_ack=0.02&failed_append=0.02&latency_ms=2"
    given_plans: list[Plan] = [[["act", "ok"], ["sleep", 2], ["act", "flaky"], ["all", [[["act", "ok"]]] * 3]]] * 40
    histories, _ = asyncio.run(run_all(url, None, given_plans))
    claims = sum(1 for history in histories for record in history if (record.key or b"").startswith(b"claim/"))
    assert claims > 2, "the faults were never reached"


@pytest.mark.parametrize("kind", ["memory", "rocksdb"])
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True)
@given(st.lists(plans, min_size=1, max_size=8))
def test_retired_runs_leave_nothing_behind(kind: str, tmp_path: Path, given_plans: list[Plan]) -> None:
    """All runs are retired: the state is that of no run at all, and so is what any compaction has left of the log."""
    url = f"memory://r{uuid.uuid4().hex}?partitions=2"
    state_dir = tmp_path / uuid.uuid4().hex if kind == "rocksdb" else None
    if state_dir is not None:
        state_dir.mkdir()
    histories, _ = asyncio.run(run_all(url, state_dir, given_plans, retention="20ms"))
    for history in histories:
        keys = Counter(record.key for record in history)
        assert all(count <= 2 for count in keys.values()), "a key is written once, and once more by its tombstone"
        left = {record.key for record in compacted(history, len(history), len(history))}
        assert all(key.startswith((b"claim/", b"positions/")) for key in left if key is not None)


def is_quiet(partition: Partition) -> bool:
    """Nothing is left to retire or to publish."""
    left = {key[:2] for key in rows(partition.rows.acknowledged)}
    return left <= {b"m", b"p/"} and partition.rows.overlay._above.by_key == {}
