"""``make scenarios``: each scenario in each mode on each log, a worker killed after every record of its history.

Prints a line for each scenario and a table; exit code 1 when anything differs. On the virtual clock the log is the
simulation's; on SQLite and Kafka workers are processes, and each trial has a log or a namespace of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from kafka_broker import start_broker
from real_logs import Bench, Nurseries, Result, Urls, kafka_urls, result_of, sqlite_url
from three_modes import CACHE_OF_ZERO, NORMAL, Mode, Run, killed, run_in

from scenarios import ALL, SEED, OnLogs, some_records

LOGS = ("virtual", "sqlite", "kafka")
_NAMES = {"virtual": "virtual clock", "sqlite": "SQLite", "kafka": "Kafka"}
_MODES = ("normal", "cache of zero", "killed")
_WHAT = {
    1: "asyncio zoo",
    4: "cancel matrix",
    5: "closing edge: signals, updates",
    6: "updates count once",
    7: "fan-out",
    8: "versioning walk",
    9: "ten that are not deterministic",
    11: "pause and resume",
}
_EVERY_UP_TO = 100
"""A worker is killed after every record of a history of so many; of a longer one, after ``_OF_LONG`` of them."""
_OF_LONG = 12


def kills_of(records: int) -> list[int]:
    """The records after which a worker is killed."""
    return list(range(1, records + 1)) if records <= _EVERY_UP_TO else some_records(records, _OF_LONG)


def on_virtual_clock(played: OnLogs) -> list[Result]:
    """The production host on the simulation's processes."""

    def trial(mode: Mode, number: int) -> Run | str:
        try:
            run = run_in(mode, played.code, played.scenario)
            played.check(number, run)
        except Exception as error:
            return f"{played.name}, {mode.name}, virtual clock: {type(error).__name__}: {error}"
        return run

    normal = trial(NORMAL, 0)
    numbers = [] if isinstance(normal, str) else kills_of(normal.records)
    zero = [trial(CACHE_OF_ZERO, 0)] if played.replays else []
    crashed = [trial(killed(*played.kills(number)), number) for number in numbers]
    runs = {"normal": [normal], "cache of zero": zero, "killed": crashed}
    return [result_of(played, name, found) for name, found in runs.items() if found]


async def on_log(nurseries: Nurseries, urls: Urls, folder: Path, at_once: int) -> list[Result]:
    """Workers in processes. Large ones come last and alone."""
    results: list[Result] = []
    small = [one for one in ALL.values() if not one.is_large]
    bench = Bench(nurseries, urls, folder / "small", at_once)

    async def play(played: OnLogs, bench: Bench) -> None:
        found = await bench.modes(played, kills_of)
        results.extend(found)
        show(found)

    await asyncio.gather(*(play(one, bench) for one in small))
    for one in ALL.values():
        if one.is_large:
            await play(one, Bench(nurseries, urls, folder / one.name.replace(" ", "-"), 2))
    return results


def show(results: Iterable[Result]) -> None:
    """A line each, and what failed."""
    for result in results:
        played = result.played
        state = "FAILED" if result.failures else "ok"
        line = f"{played.number} {played.name}, {result.mode}: {result.trials} trials, {result.kills} kills, {state}\n"
        sys.stdout.write(line + "".join(f"    {failure}\n" for failure in result.failures))
    sys.stdout.flush()


def table(found: dict[str, list[Result]]) -> str:
    """Scenario × mode × log."""
    lines = ["| scenario | mode | " + " | ".join(_NAMES[log] for log in found) + " |", "|---" * (2 + len(found)) + "|"]
    for number, what in _WHAT.items():
        for mode in _MODES:
            cells = [
                _cell([one for one in results if one.played.number == number and one.mode == mode])
                for results in found.values()
            ]
            lines.append(f"| {number} {what} | {mode} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(results: list[Result]) -> str:
    trials, kills = sum(one.trials for one in results), sum(one.kills for one in results)
    failures = sum(len(one.failures) for one in results)
    state = f"**{failures} FAILED**" if failures else "ok"
    return f"{state}, {trials} trials" + (f", {kills} kills" if kills else "")


def page(found: dict[str, list[Result]], took_s: dict[str, float]) -> str:
    """The report."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    times = ", ".join(f"{_NAMES[log]} {seconds:.0f} s" for log, seconds in took_s.items())
    fans = ", ".join(one.name for one in ALL.values() if one.number == 7)
    unreplayed = ", ".join(one.name for one in ALL.values() if not one.replays)
    return f"""# Every scenario, in every mode, on every log

    make scenarios REPORT=docs/reports/scenarios.md SAGALINE_SEED={SEED}

Commit {commit.strip()}, Python {platform.python_version()}; {times}. A worker is killed after every record of a history of up to {_EVERY_UP_TO}, else after {_OF_LONG} of them, and where a changed code parks the
run, a second time when that is recorded. On SQLite and Kafka a worker is a process with RocksDB that ends by SIGKILL when the record has landed, before it hears of it, with nothing behind it sent; the
next one has another seed of hashes, and the state directory or an empty one in turn. The oracle is the same everywhere: final state, commands and counted side effects of the undisturbed run on the
virtual clock; for scenario 5 the account of what each sender was told and what history says.

{table(found)}
Scenario 7 is: {fans} (not with a cache of zero: {unreplayed}, for each end of a child replays them all).
"""


def main() -> int:
    """Exit code 1 when something differs."""
    parser = argparse.ArgumentParser(prog="make scenarios")
    parser.add_argument("--logs", default=",".join(LOGS), help="which logs, with commas")
    parser.add_argument("--at-once", type=int, default=6, help="trials at the same time")
    parser.add_argument("--report", help="a Markdown file to write")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="sagaline-scenarios-"))
    sys.stdout.write(f"SAGALINE_SEED={SEED}; logs of workers in {folder}\n")
    found, took_s = dict[str, list[Result]](), dict[str, float]()
    for log in options.logs.split(","):
        begin = time.monotonic()
        found[log] = _play(log, folder / log, options.at_once)
        took_s[log] = time.monotonic() - begin
    text = page(found, took_s)
    sys.stdout.write(text)
    if options.report:
        Path(options.report).write_text(text, "utf-8")
    if any(result.failures for results in found.values() for result in results):
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _play(log: str, folder: Path, at_once: int) -> list[Result]:
    if log == "virtual":
        results = [result for played in ALL.values() for result in on_virtual_clock(played)]
        show(results)
        return results
    with Nurseries() as nurseries:
        if log == "sqlite":
            return asyncio.run(on_log(nurseries, sqlite_url, folder, at_once))
        broker = start_broker()
        try:
            return asyncio.run(on_log(nurseries, kafka_urls(broker.address), folder, at_once))
        finally:
            broker.close()


if __name__ == "__main__":
    sys.exit(main())
