"""What a watchdog leaves behind for the next process: marks, and the last words of a process that ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagaline._host.watchdog import marks as marks_module
from sagaline._host.watchdog.last_words import LastWords
from sagaline._host.watchdog.marks import Mark, Marks
from sagaline._host.watchdog.running import Code, Running, read_slot


def mark(run_id: str, at_ms: int = 1, stack: str = "stack") -> Mark:
    return Mark("w", run_id, "", stack, at_ms)


def test_marks_survive_and_are_cleared(tmp_path: Path) -> None:
    marks = Marks(tmp_path / "marks")
    marks.write(mark("b", 2, "x" * 1_000_000))
    marks.write(mark("a", 1))
    again = Marks(tmp_path / "marks")
    assert [found.run_id for found in again.all()] == ["a", "b"]
    assert all(len(found.stack) < 5_000 for found in again.all())
    again.clear("a")
    again.clear("unknown")
    assert [found.run_id for found in Marks(tmp_path / "marks").all()] == ["b"]


def test_marks_that_are_damaged_unfinished_or_too_many_do_no_harm(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = Marks(tmp_path)
    for number in range(5):
        marks.write(mark(f"r{number}", number))
    (tmp_path / "damaged.json").write_bytes(b"{")
    (tmp_path / "unfinished.new").write_bytes(b"{")
    monkeypatch.setattr(marks_module, "_KEPT", 3)
    assert [found.run_id for found in Marks(tmp_path).all()] == ["r2", "r3", "r4"]
    assert "damaged.json" in caplog.text


def test_a_mark_that_cannot_be_written_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "marks").write_text("a file where a folder belongs")
    marks = Marks(tmp_path / "marks")
    marks.write(mark("r"))
    assert "could not be kept" in caplog.text
    assert Marks(None).find("r") is None
    Marks(None).write(mark("r"))


def test_the_slot_names_the_code_that_a_process_ended_in(tmp_path: Path) -> None:
    running, file = Running(), tmp_path / "running"
    assert read_slot(file) is None
    running.share(file)
    assert read_slot(file) is None
    for code in (Code("short", "r"), Code("ö" * 5_000, "r"), Code("w", "r" * 32, "ship")):
        running.enter(*code)
        found = read_slot(file)
        assert found == (code if len(code.workflow_id) < 1_000 else None)
        running.leave()
        assert read_slot(file) is None
    running.unshare()
    running.enter("w", "r")


def test_last_words_become_a_mark_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    running, last_words = Running(), LastWords(tmp_path)
    assert last_words.read() is None
    last_words.open(running)
    running.enter("w", "r")
    (tmp_path / "last-words.txt").write_text("Thread 0x1 (most recent call first): ...")  # the process ends here
    later = LastWords(tmp_path)
    found = later.read()
    assert found is not None
    assert (found.workflow_id, found.run_id) == ("w", "r")
    assert "most recent call first" in caplog.text
    later.open(Running())
    assert LastWords(tmp_path).read() is None
    later.close(Running())
    last_words.close(running)
