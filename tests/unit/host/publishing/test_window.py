"""The window of an outbox against a plain list: its first, its bytes, its bounds, whatever the order of leaving."""

from __future__ import annotations

import random

import pytest

from sagaline._host.publishing import window as module
from sagaline._host.publishing.window import Window


@pytest.mark.parametrize("seed", range(20))
def test_a_window_agrees_with_a_list(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WINDOW_MESSAGES", 10)
    chance, window = random.Random(seed), Window()
    held: dict[tuple[int, int], int] = {}
    for number in range(300):
        if not window.is_full:
            held[number, 0] = chance.randrange(100)
            window.add((number, 0), held[number, 0])
        for _ in range(chance.randrange(3)):
            if held:
                leaving = chance.choice(list(held))
                window.remove(leaving, held.pop(leaving))
        assert window.first == min(held, default=None)
        assert window.bytes_held == sum(held.values())
        if not held:
            assert window.is_half_empty
    for leaving in list(held):
        window.remove(leaving, held.pop(leaving))
    assert window.first is None
    assert not window._left, "nothing is remembered of those that have left"


def test_a_window_is_full_by_bytes_and_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LEAST_BYTES", 100)
    monkeypatch.setattr(module, "_WINDOW_MESSAGES", 4)
    window = Window()
    window.resize(0)
    window.add((0, 0), 100)
    assert window.is_full
    assert not window.is_half_empty
    window.remove((0, 0), 100)
    assert window.is_half_empty
    for number in range(1, 5):
        window.add((number, 0), 1)
    assert window.is_full
    window.remove((3, 0), 1)
    assert window.is_full, "what has left keeps its place until those before it have left"
    window.remove((1, 0), 1)
    assert not window.is_full
