"""``make flood STARTS=200000``: far more starts than a worker can take, all at once; its memory stays under a bound.

The starts stand in the commands topic before the worker begins. One in a hundred carries 100 kB, one in ten pauses
on its way, one in a thousand asks for a workflow that nobody knows. Every one must have an answer: its result, or
the refusal.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec
from kafka_process import KafkaProcess

from sagaline._log import COMMANDS, REPLIES, Log, Record, open_log
from sagaline._model.codec import decode, encode
from sagaline._model.keys import partition_of
from sagaline._model.records import Reply, StartRun

WORKFLOWS = Path(__file__).parents[2] / "bench" / "sagas_under_test.py"
MEMORY_MB = 128
BOUND_MB = 200 + 5 * MEMORY_MB // 2
"""What docs/operations.md says: 200 MB, twice ``--memory`` (Python's objects), and half of it for RocksDB."""
_IN_FLIGHT = 20_000
_CLIENT = "flood"


class Outcome(NamedTuple):
    """What came of it."""

    seed: int
    starts: int
    answers: Counter[str]
    unanswered: int
    seconds: float
    peak_mb: float
    start_mb: float

    @property
    def violations(self) -> list[str]:
        """What must not be."""
        found = [f"{self.unanswered} starts have no answer"] * bool(self.unanswered)
        found += [f"the worker took {self.peak_mb:.0f} MB, not under {BOUND_MB}"] * (self.peak_mb >= BOUND_MB)
        unknown = sum(1 for number in range(self.starts) if number % 1_000 == 7)
        if self.answers["refused"] != unknown or self.answers["completed"] != self.starts - unknown:
            found.append(f"Expected {unknown} refusals and the rest completed but got {dict(self.answers)}")
        return found


class Flood:
    """One flood, of one worker."""

    def __init__(self, log: Log, starts: int, seed: int) -> None:
        self._log, self._starts, self.seed = log, starts, seed
        self._draw = random.Random(seed)
        self._answers: dict[str, str] = {}
        self._sent = asyncio.Semaphore(_IN_FLIGHT)
        self._failed: list[str] = []

    async def run(self, url: str, folder: Path) -> Outcome:
        reader = self._log.reader(self._on_replies)
        reader.add(REPLIES, 0, 0)
        await self._send()
        command = [sys.executable, "-m", "sagaline.cli", "worker", str(WORKFLOWS), "--log", url]
        command += ["--state-dir", str(folder / "state"), "--memory", str(MEMORY_MB)]
        begin = time.monotonic()
        with (folder / "worker.log").open("wb") as output:
            worker = subprocess.Popen(command, stdout=output, stderr=output)
            try:
                start_mb = await self._until_answered(worker)
                peak_mb = memory_mb(worker.pid, "VmHWM")
            finally:
                worker.terminate()
                worker.wait(60)
        await reader.close()
        answers = Counter(self._answers.values())
        unanswered = self._starts - len(self._answers)
        return Outcome(self.seed, self._starts, answers, unanswered, time.monotonic() - begin, peak_mb, start_mb)

    async def _send(self) -> None:
        for number in range(self._starts):
            await self._sent.acquire()
            request = self._request(number)
            partition = partition_of(request.workflow_id, self._log.partitions)
            self._log.publish(COMMANDS, partition, request.workflow_id.encode(), encode(request), self._on_sent)
        for _ in range(_IN_FLIGHT):
            await self._sent.acquire()
        assert not self._failed, self._failed[0]

    def _request(self, number: int) -> StartRun:
        size = 100_000 if number % 100 == 3 else self._draw.randint(100, 2_000)
        pause_s = self._draw.uniform(0.1, 5.0) if number % 10 == 5 else 0.0
        payload = msgspec.json.encode(["x" * size, pause_s])
        workflow = "nobody_knows" if number % 1_000 == 7 else "handle_parcel"
        return StartRun(f"request-{number}", f"parcel-{number}", workflow, payload, _CLIENT, 0, "closed")

    def _on_sent(self, error: str | None) -> None:
        self._sent.release()
        if error is not None:
            self._failed.append(error)

    def _on_replies(self, records: list[Record]) -> None:
        for record in records:
            reply = decode(record.value)
            assert isinstance(reply, Reply)
            self._answers[reply.request_id] = "refused" if reply.kind == "refused" else reply.status

    async def _until_answered(self, worker: subprocess.Popen[bytes]) -> float:
        """Until all are answered, or nothing has come for a minute. Returns the memory before the first answer."""
        seen, since, start_mb = 0, time.monotonic(), 0.0
        while len(self._answers) < self._starts and time.monotonic() - since < 60:
            await asyncio.sleep(0.2)
            assert worker.poll() is None, "the worker has ended"
            if not seen:
                start_mb = memory_mb(worker.pid, "VmRSS")
            if len(self._answers) // 20_000 > seen // 20_000:
                sys.stdout.write(f"{len(self._answers)} answers, {memory_mb(worker.pid, 'VmRSS'):.0f} MB\n")
                sys.stdout.flush()
            if len(self._answers) > seen:
                seen, since = len(self._answers), time.monotonic()
        return start_mb


def memory_mb(pid: int, name: str) -> float:
    """A process's resident memory: VmRSS now, VmHWM at its peak."""
    for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    return 0.0


async def flood(address: str, starts: int, seed: int) -> Outcome:
    """A flood on the broker at ``address``."""
    url = f"kafka://{address}/flood{seed}"
    log = open_log(url)
    await log.open()
    try:
        with tempfile.TemporaryDirectory(prefix="sagaline-flood-") as folder:
            return await Flood(log, starts, seed).run(url, Path(folder))
    finally:
        await log.close()


def page(found: Outcome) -> str:
    """The report."""
    answers = ", ".join(f"{count:,} {name}" for name, count in sorted(found.answers.items()))
    return (
        f"# Flood of {found.starts:,} starts, seed {found.seed}\n\n"
        f"`make flood STARTS={found.starts}`: all starts stand in the commands topic before one worker "
        f"(`--memory {MEMORY_MB}`) begins; 1 in 100 carries 100 kB, the others up to 2 kB; 1 in 10 pauses up to 5 s; "
        f"1 in 1,000 asks for a workflow that nobody knows.\n\n"
        f"| | |\n|---|---|\n"
        f"| answers | {answers} |\n| without an answer | {found.unanswered} |\n"
        f"| seconds | {found.seconds:.0f} ({found.starts / found.seconds:.0f} runs a second) |\n"
        f"| memory at the start, at the peak | {found.start_mb:.0f} MB, {found.peak_mb:.0f} MB |\n"
        f"| bound | {BOUND_MB} MB |\n\n"
        f"**Violations: {len(found.violations)}**\n" + "".join(f"- {what}\n" for what in found.violations)
    )


def main() -> int:
    """Exit code 1 when memory, or an answer, is not as promised."""
    parser = argparse.ArgumentParser(prog="make flood")
    parser.add_argument("--starts", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--report", help="a Markdown file to write")
    options = parser.parse_args()
    broker = KafkaProcess()
    broker.start()
    try:
        found = asyncio.run(flood(broker.address, options.starts, options.seed))
    finally:
        broker.stop()
    text = page(found)
    sys.stdout.write(text)
    if options.report:
        Path(options.report).write_text(text, "utf-8")
    return 1 if found.violations else 0


if __name__ == "__main__":
    sys.exit(main())
