"""A worker looks at its workflows' code when it starts, and says what it sees."""

from __future__ import annotations

import importlib.util
import logging
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nondeterminism import FOLDER, load

from sagaline import Worker, WorkerOptions
from sagaline.checker import at_start

WRONG = "import time\nfrom sagaline import workflow\n@workflow\nasync def order() -> float:\n    return time.time()\n"


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    for thread in threading.enumerate():
        if thread.name == "sagaline-check":
            thread.join(10)
    return [record.getMessage() for record in caplog.records if record.name == "sagaline.worker"]


@pytest.fixture
def module(tmp_path: Path) -> Iterator[Any]:
    """A module as a program imports it, with a workflow that reads the clock."""
    file = tmp_path / "clock_sagas.py"
    file.write_text(WRONG)
    spec = importlib.util.spec_from_file_location("clock_sagas", file)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules["clock_sagas"] = made
    spec.loader.exec_module(made)
    yield made
    del sys.modules["clock_sagas"]


async def test_what_is_found_is_in_the_log_with_its_place(module: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with Worker("memory://check", workflows=[module.order]):
        (message,) = messages(caplog)
    assert message.startswith(f"{module.__file__}:5:12: SGL101: time.time reads the machine's clock")
    assert "To do: use workflow.now()" in message


async def test_it_can_be_turned_off(module: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with Worker("memory://check", workflows=[module.order], options=WorkerOptions(check_code=False)):
        assert messages(caplog) == []


async def test_a_module_that_nobody_has_imported_is_looked_at_too(caplog: pytest.LogCaptureFixture) -> None:
    made = load(FOLDER / "wall_clock.py")
    async with Worker("memory://check", workflows=[made.order], activities=[made.reserve, made.charge]):
        (message,) = messages(caplog)
    assert "SGL101" in message


async def test_code_without_a_file_is_no_matter(caplog: pytest.LogCaptureFixture) -> None:
    made: dict[str, Any] = {"__name__": "nowhere"}
    exec(compile(WRONG, "<a string>", "exec"), made)
    async with Worker("memory://check", workflows=[made["order"]]):
        assert messages(caplog) == []


def test_whatever_goes_wrong_is_no_matter(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise RecursionError("as nobody has thought")

    (tmp_path / "a.py").write_text(WRONG)
    monkeypatch.setattr(at_start, "check", fail)
    caplog.set_level(logging.INFO)
    at_start.warn_in_background([tmp_path / "a.py"]).join(10)
    assert messages(caplog) == []


def test_hostile_files_say_nothing_and_cost_little(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "broken.py").write_text("def (:")
    (tmp_path / "large.py").write_text("x = 1\n" * (at_start.FILE_BYTES // 6 + 1) + WRONG)
    (tmp_path / "a.py").write_text("import broken, large, missing\n" + WRONG)
    files = [tmp_path / name for name in ("a.py", "broken.py", "large.py", "missing.py")]
    at_start.warn_in_background(files).join(10)
    assert [message.split(": ")[1] for message in messages(caplog)] == ["SGL101"]


def test_many_findings_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.py").write_text(WRONG + "    time.time()\n" * (at_start.WARNINGS + 4))
    at_start.warn_in_background([tmp_path / "a.py"]).join(10)
    lines = messages(caplog)
    assert len(lines) == at_start.WARNINGS + 1
    assert lines[-1].startswith("5 more findings")


def test_it_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(at_start, "SECONDS", 0.0)
    (tmp_path / "a.py").write_text(WRONG)
    began = time.monotonic()
    at_start.warn_in_background([tmp_path / "a.py"]).join(60)
    assert time.monotonic() - began < 30
    assert messages(caplog) == []
