"""A request for a child is not sent again once it is known to have arrived: sent for ever, it would outlive the child."""

from __future__ import annotations

import pytest
from run_log import FIRST, SECOND, Log, read, started

from sagaline._engine.family import is_settled
from sagaline._engine.tables.outbox import BY_KEY, OutboxRow
from sagaline._model import events
from sagaline._model.codec import encode
from sagaline._model.records import CancelRun, StartRun


def settled(*after: events.Event, parent_close: str = "terminate") -> bool:
    """Whether the request of step 1 is settled after these events of its parent."""
    log = Log()
    log.run(FIRST, started("a"), events.ChildRequested(1, "child", "pay", b"[]", parent_close, "allow"))
    if after:
        log.run(FIRST, *after)
    state, _ = read(log.records)
    request = next(entry.row for entry in state.outbox.messages() if entry.row.topic == "commands")
    return is_settled(state, request)


BEGAN = events.ChildBegan(1, SECOND)
ENDED = events.ChildEnded(1, "completed", b"1", None)
REFUSED = events.ChildEnded(1, "refused", None, None)
DONE = events.RunCompleted(b"1")


def test_it_is_sent_until_the_child_is_known_to_have_begun_or_to_be_refused() -> None:
    assert not settled()
    assert settled(BEGAN)
    assert settled(BEGAN, ENDED)
    assert settled(REFUSED)


@pytest.mark.parametrize("policy", ["terminate", "request_cancel"])
def test_a_child_that_would_be_stopped_at_once_need_not_begin(policy: str) -> None:
    assert settled(DONE, parent_close=policy)


def test_an_abandoned_child_begins_whatever_becomes_of_its_parent() -> None:
    assert not settled(DONE, parent_close="abandon")
    assert settled(BEGAN, DONE, parent_close="abandon")
    assert settled(BEGAN, ENDED, DONE, parent_close="abandon")


def test_other_messages_are_always_sent() -> None:
    state, _ = read(Log().records)
    for value in (StartRun("a", "w", "pay", b"[]"), CancelRun("c", "w", "why", "", 0)):
        assert not is_settled(state, OutboxRow("commands", BY_KEY, b"w", encode(value)))
    assert not is_settled(state, OutboxRow("replies", 0, b"client", b"\xff"))
