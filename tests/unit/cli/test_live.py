"""What commands say while they wait: on a terminal one line that changes, elsewhere a line at each change."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness import eventually
from rich.console import Console

from sagaline.cli import live, options
from sagaline.client import Description, Failure, OpenStep, Status
from sagaline.errors import ConfigurationError


def console(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> io.StringIO:
    shown = io.StringIO()
    monkeypatch.setattr(live, "err", Console(file=shown, force_terminal=terminal, width=200, color_system=None))
    return shown


async def test_a_command_that_waits_says_after_a_while_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_SILENT_S", 0.01)
    shown = console(monkeypatch, terminal=False)
    async with live.waiting("an answer about [bold]x[/bold]"):
        await eventually(lambda: shown.getvalue())
    assert shown.getvalue() == "Waiting for an answer about [bold]x[/bold] ...\n"


async def test_on_a_terminal_it_is_a_spinner_that_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_SILENT_S", 0.01)
    shown = console(monkeypatch, terminal=True)
    async with live.waiting("an answer about [bold]x[/bold]"):
        await eventually(lambda: "Waiting for an answer about [bold]x[/bold] ..." in shown.getvalue())
    assert shown.getvalue().endswith("\x1b[2K"), "the line is taken away"


async def test_what_does_not_take_long_needs_no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = console(monkeypatch, terminal=False)
    async with live.waiting("nothing"):
        await asyncio.sleep(0)
    assert shown.getvalue() == ""


def test_a_time_that_runs_down_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = console(monkeypatch, terminal=False)
    voice = live.Voice()
    for text, key in (("in 4 s", 1), ("in 3 s", 1), ("attempt 4", 2)):
        voice.say(text, key)
    voice.stop()
    assert shown.getvalue() == "in 4 s\nattempt 4\n"


def description(**fields: object) -> Description:
    now = datetime.now(UTC)
    return Description("order-1", "r", "fulfil", Status.RUNNING, now - timedelta(minutes=12), now, **fields)  # type: ignore[arg-type]


def test_a_run_in_a_line() -> None:
    step = OpenStep(2, "activity", "charge", 3, Failure("CardError", "no"), datetime.now(UTC) + timedelta(minutes=30))
    text, key = live.standing(description(open_steps=1, waits_for=(step,)))
    assert text.startswith("order-1 running for 12 min: charge, attempt 3 (before: CardError: no), next attempt in ")
    assert key == live.standing(description(open_steps=1, waits_for=(step,)))[1]
    assert key != live.standing(description())[1]
    unowned, _ = live.standing(description(unowned_since=datetime.now(UTC)))
    assert "No worker answers" in unowned


def test_without_an_owner_a_look_is_rare() -> None:
    assert live.pause_s(description(unowned_since=datetime.now(UTC))) > 5 * live.pause_s(description())


def test_the_nearest_embedded_log_is_found(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert options.find_embedded(inner) is None
    for folder in (tmp_path, tmp_path / "a"):
        (folder / ".sagaline").mkdir()
        (folder / ".sagaline" / "dev.db").touch()
        assert options.find_embedded(inner) == folder / ".sagaline"


def test_without_any_log_it_is_said_what_there_could_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert options.find_log("memory://x") == "memory://x"
    with pytest.raises(ConfigurationError, match=r"Expected --log URL, or the log of `sagaline dev FILE`"):
        options.find_log("")
