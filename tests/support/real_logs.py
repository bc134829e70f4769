"""The scenarios on SQLite and Kafka: workers are processes of their own, which are killed after each record of history.

Each trial has a namespace, a folder and workers of its own, so many may run at once. Workers that come after a kill
have another seed of hashes, and the state directory of the one before or, in turn, an empty one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import msgspec
import scenario_book
from forked_workers import DIED, OUTPUT, Job
from harness import make_namespace
from three_modes import CACHE_OF_ZERO, NORMAL, Mode, Run, histories_at, killed, outcome_of

from sagaline import Client, RunHandle
from sagaline.client.messaging import DEFAULT_TIMEOUT
from scenarios import OnLogs

_HASH_SEEDS = ("1", "2")
_LIMIT_S = 600.0
_AT_ONCE = 6


class Nursery:
    """A process that forks workers."""

    def __init__(self, hash_seed: str) -> None:
        command = [sys.executable, "-m", "forked_workers"]
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        folder = Path(__file__).parent
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def fork(self, job: Job) -> int:
        """The id of a new worker's process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(job) + b"\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """Its workers end with it."""
        assert self._process.stdout is not None
        self._process.kill()
        self._process.communicate()


class Nurseries:
    """One for the first worker of a trial, one for the next, whose sets have another order."""

    def __init__(self) -> None:
        self._patience = ExitStack()

    def __enter__(self) -> Nurseries:
        self._patience.enter_context(patience())
        self._all = [Nursery(seed) for seed in _HASH_SEEDS]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._patience.close()
        for nursery in self._all:
            nursery.close()

    def fork(self, job: Job) -> int:
        return self._all[job.kills % len(self._all)].fork(job)


async def ended(pid: int) -> None:
    """Waits until a process, which need not be a child, is there no more."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


@contextmanager
def patience() -> Iterator[None]:
    """Requests wait for as long as a trial may take, in place of 30 seconds: where many share a machine, a worker that
    comes after a kill takes its time."""
    before: list[tuple[Any, Any, Any]] = []
    for method in [*vars(RunHandle).values(), *vars(Client).values()]:
        named, placed = getattr(method, "__kwdefaults__", None), getattr(method, "__defaults__", None)
        if DEFAULT_TIMEOUT in [*(named or {}).values(), *(placed or ())]:
            before.append((method, named, placed))
            method.__kwdefaults__ = {name: _patient(value) for name, value in (named or {}).items()}
            method.__defaults__ = tuple(map(_patient, placed or ()))
    try:
        yield
    finally:
        for method, named, placed in before:
            method.__kwdefaults__, method.__defaults__ = named, placed


def _patient(default: Any) -> Any:
    return _LIMIT_S if default == DEFAULT_TIMEOUT else default


class Trial:
    """One scenario in one mode on one log."""

    def __init__(self, nurseries: Nurseries, played: OnLogs, mode: Mode, url: str, folder: Path) -> None:
        self._nurseries, self._played, self._mode, self._url = nurseries, played, mode, url
        self._folder = folder
        self._pid = 0

    async def run(self) -> Run:
        """What came of it. Raises AssertionError when a worker ends that was not told to, or the time is over."""
        self._folder.mkdir(parents=True)
        token = scenario_book.folder.set(self._folder)
        try:
            await make_namespace(self._url)
            returned = await self._play()
            histories = await histories_at(self._url)
            return Run(outcome_of(returned, histories), self._deaths(), histories)
        finally:
            scenario_book.folder.reset(token)

    async def _play(self) -> Any:
        working = asyncio.create_task(self._work())
        try:
            async with await Client.connect(self._url) as client:
                playing: asyncio.Task[Any] = asyncio.ensure_future(self._played.scenario(client))
                done, _ = await asyncio.wait([working, playing], timeout=_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    raise AssertionError(f"it has not ended after {_LIMIT_S:g} s:\n{self._output()}")
                return done.pop().result()
        finally:
            working.cancel()
            for task in (working, playing):
                task.cancel()
            await asyncio.gather(working, playing, return_exceptions=True)
            await self._end()

    async def _work(self) -> None:
        """Workers, one after the other."""
        state = 0
        for kills in range(len(self._mode.kill_after) + 1):
            before = self._mode.kill_after[kills - 1] if kills else 0
            dies_after = self._mode.kill_after[kills] - before if kills < len(self._mode.kill_after) else 0
            if kills and not self._mode.keeps_disk:
                state += 1
            job = Job(
                self._played.name,
                self._url,
                str(self._folder),
                str(self._folder / f"state-{state}"),
                kills,
                dies_after,
                self._mode.cached_instances == 0,
            )
            self._pid = self._nurseries.fork(job)
            await ended(self._pid)
            if self._deaths() != kills + 1:
                raise AssertionError(f"a worker has ended by itself:\n{self._output()}")

    async def _end(self) -> None:
        try:
            os.kill(self._pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        await ended(self._pid)

    def _deaths(self) -> int:
        died = self._folder / DIED
        return len(died.read_bytes().splitlines()) if died.exists() else 0

    def _output(self) -> str:
        output = self._folder / OUTPUT
        return output.read_text("utf-8", "replace")[-3_000:] if output.exists() else "(no output)"


class Result(NamedTuple):
    """A scenario on a log in a mode: how many trials, how many workers were killed, and what went wrong."""

    played: OnLogs
    mode: str
    trials: int
    kills: int
    failures: list[str]


Urls = Callable[[Path], str]
"""The URL of a new log, given a folder for it."""


def sqlite_url(folder: Path) -> str:
    """A file of its own."""
    return f"sqlite:///{folder}.db?partitions=2"


def kafka_urls(address: str) -> Urls:
    """Namespaces of one broker."""
    return lambda folder: f"kafka://{address}/s{uuid.uuid4().hex[:10]}?partitions=2"


class Bench:
    """Runs trials, some at a time. ``folder`` keeps what failed."""

    def __init__(self, nurseries: Nurseries, urls: Urls, folder: Path, at_once: int = _AT_ONCE) -> None:
        self._nurseries, self._urls, self._folder = nurseries, urls, folder
        self._slots = asyncio.Semaphore(at_once)
        self._numbers = 0

    async def _trial(self, played: OnLogs, mode: Mode, number: int) -> Run | str:
        """The run, or what is wrong with it. ``number``: the first record after which a worker is killed, 0 for none."""
        async with self._slots:
            self._numbers += 1
            folder = self._folder / f"trial-{self._numbers}"
            trial = Trial(self._nurseries, played, mode, self._urls(folder), folder)
            try:
                run = await asyncio.create_task(trial.run())
                played.check(number, run)
            except Exception as error:
                return f"{played.name}, {mode.name} ({folder}): {type(error).__name__}: {error}"
            if number and run.kills == 0 and run.records >= number:
                return f"{played.name}, {mode.name} ({folder}): nobody was killed"
            return run

    async def modes(self, played: OnLogs, kills: Callable[[int], list[int]]) -> list[Result]:
        """All three. ``kills``: the records after which to kill, given how many there are without it."""
        unkilled = [NORMAL, CACHE_OF_ZERO] if played.replays else [NORMAL]
        normal, *zero = await asyncio.gather(*(self._trial(played, mode, 0) for mode in unkilled))
        numbers = [] if isinstance(normal, str) else kills(normal.records)
        modes = [killed(*played.kills(number)) for number in numbers]
        crashed = await asyncio.gather(*map(self._trial, [played] * len(modes), modes, numbers))
        named = {"normal": [normal], "cache of zero": zero, "killed": crashed}
        return [result_of(played, name, runs) for name, runs in named.items() if runs]


def result_of(played: OnLogs, mode: str, runs: Sequence[Run | str]) -> Result:
    """Of the runs of one mode: each that failed is what is wrong with it."""
    failures = [run for run in runs if isinstance(run, str)]
    kills = sum(run.kills for run in runs if isinstance(run, Run))
    return Result(played, mode, len(runs), kills, failures)
