"""W1, W2, W3 and W5 on sqlite and on Kafka, as JSON lines, and the targets beside them.

The Kafka figures are given as ratios to a yardstick, measured in the same minutes on the same broker: a sketch of
the path without anything that makes it safe. It is looked for at ``SAGALINE_YARDSTICK`` or ../shared/yardstick;
without it the ratios are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "bench")]

from kafka_process import KafkaProcess  # noqa: E402

from measure import Bench, Engine, make_namespace  # noqa: E402
from sagaline import Client  # noqa: E402

PLAN = (("W1", 6000, 200), ("W1", 6000, 1000), ("W2", 300, 1), ("W3", 3000, 200), ("W5", 5, 1))
YARDSTICK = Path(os.environ.get("SAGALINE_YARDSTICK", ROOT.parent / "shared" / "yardstick"))


def emit(line: dict[str, Any]) -> None:
    """One JSON line."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def measure(url: str, log: str, folder: Path, broker_pid: int | None, rounds: int) -> list[dict[str, Any]]:
    """The plan, ``rounds`` times, after a warm-up; the median round of each workload by processor time."""
    state = folder / f"state-{log}"
    state.mkdir()
    engine = Engine(url, state)
    try:
        await make_namespace(url)
        async with await Client.connect(url) as client:
            bench = Bench(client, engine, log, broker_pid)
            await bench.measure("W1", 6000, 200)
            lines: list[dict[str, Any]] = []
            for workload, count, in_flight in PLAN:
                found = [await bench.measure(workload, count, in_flight) for _ in range(rounds)]
                found.sort(key=lambda line: float(line["cpu_ms_total"]))
                spread = f"{found[0]['cpu_ms_total']}..{found[-1]['cpu_ms_total']}"
                lines.append(
                    found[rounds // 2] | {"rounds": rounds, "cpu_ms_spread": spread, "load": os.getloadavg()[0]}
                )
                emit(lines[-1])
            return lines
    finally:
        engine.stop()


def yardstick(broker: KafkaProcess, in_flight: int) -> dict[str, float] | None:
    """CPU ms a saga (median of its rounds) and p50 one at a time, of the yardstick."""
    if not (YARDSTICK / "client.py").exists():
        return None
    environment = os.environ | {"BROKER": broker.address, "BROKER_PID": str(broker.pid)}
    command = [sys.executable, str(YARDSTICK / "client.py"), f"y{uuid.uuid4().hex[:8]}", "8", "6000", str(in_flight)]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=300).stdout
    totals = sorted(float(found) for found in re.findall(r"total ([\d.]+)", shown))
    latency = re.search(r"one at a time p50 ([\d.]+)", shown)
    assert latency is not None, shown
    return {"cpu_ms": totals[len(totals) // 2], "p50_ms": float(latency[1])}


def mean(before: dict[str, float] | None, after: dict[str, float] | None) -> dict[str, float] | None:
    """The yardstick on both sides of the measurement: the machine changes meanwhile."""
    if before is None or after is None:
        return None
    return {name: round((before[name] + after[name]) / 2, 3) for name in before}


def against_targets(lines: list[dict[str, Any]], at_200: dict[str, float], at_1000: dict[str, float]) -> None:
    """The targets as ratios."""
    by = {(line["workload"], line["in_flight"]): line for line in lines}
    w1 = by["W1", 200]["cpu_ms_total"]
    p50 = min(at_200["p50_ms"], at_1000["p50_ms"])
    for name, found, limit in (
        ("W1 CPU at 200, ratio to the yardstick", w1 / at_200["cpu_ms"], 1.4),
        ("W1 CPU at 1000, ratio to the yardstick", by["W1", 1000]["cpu_ms_total"] / at_1000["cpu_ms"], 1.4),
        ("W2 p50, ratio to the yardstick", by["W2", 1]["p50_ms"] / p50, 1.6),
        ("W3 CPU, ratio to W1", by["W3", 200]["cpu_ms_total"] / w1, 2.0),
        ("W5 p50, seconds", by["W5", 1]["p50_ms"] / 1000, 0.5),
    ):
        emit({"target": name, "found": round(found, 2), "limit": limit, "met": found <= limit})


def main() -> None:
    """Runs all of it."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="sagaline-bench-") as name:
        folder = Path(name)
        asyncio.run(measure(f"sqlite:///{folder}/log.db", "sqlite", folder, None, rounds))
        broker = KafkaProcess()
        broker.start()
        try:
            url = f"kafka://{broker.address}/bench{uuid.uuid4().hex[:8]}"
            yardstick(broker, 200)  # warms the broker's JVM, for both sides
            before = [yardstick(broker, in_flight) for in_flight in (200, 1000)]
            lines = asyncio.run(measure(url, "kafka", folder, broker.pid, rounds))
            after = [yardstick(broker, in_flight) for in_flight in (200, 1000)]
        finally:
            broker.close()
    at_200, at_1000 = (mean(*pair) for pair in zip(before, after, strict=True))
    if at_200 and at_1000:
        for in_flight, found in ((200, at_200), (1000, at_1000)):
            emit({"yardstick": in_flight, **found})
        against_targets(lines, at_200, at_1000)


if __name__ == "__main__":
    main()
