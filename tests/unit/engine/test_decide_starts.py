"""What a start leads to, by the runs that its workflow id has."""

from __future__ import annotations

import msgspec
import pytest
from engine_inputs import ENDS, FIRST, LATER, short, start
from engine_states import NOW, Partition, scheduled

from sagaline._engine.decide import Joined, Rejected, Replaced, decide, run_id_of
from sagaline._model import events
from sagaline._model.failure import Failure
from sagaline._model.records import Refusal, StartRun


@pytest.mark.parametrize(
    ("conflict", "reuse", "workflow", "expected"),
    [
        ("join", "join", "pay", "joined if same"),
        ("join", "join", "refund", "IdInUse"),
        ("join", "reject", "pay", "joined if same"),
        ("use_existing", "join", "refund", "joined"),
        ("use_existing", "reject", "pay", "joined"),
        ("fail", "join", "pay", "IdInUse"),
        ("fail", "allow", "pay", "IdInUse"),
        ("terminate_existing", "join", "pay", "replaced"),
        ("terminate_existing", "if_failed", "refund", "replaced"),
        ("terminate_existing", "allow", "pay", "replaced"),
        ("terminate_existing", "reject", "pay", "IdInUse"),
    ],
)
def test_a_start_of_an_id_that_is_open(conflict: str, reuse: str, workflow: str, expected: str) -> None:
    partition = Partition()
    partition.start(FIRST)
    assert short(decide(partition.state, start(conflict, reuse, workflow), NOW)) == expected


@pytest.mark.parametrize("status", sorted(ENDS))
@pytest.mark.parametrize(
    ("reuse", "workflow", "completed", "other"),
    [
        ("join", "pay", "joined if same", "joined if same"),
        ("join", "refund", "IdUsed", "IdUsed"),
        ("allow", "refund", "RunStarted", "RunStarted"),
        ("if_failed", "pay", "joined if same", "RunStarted"),
        ("if_failed", "refund", "IdUsed", "RunStarted"),
        ("reject", "pay", "IdUsed", "IdUsed"),
    ],
)
@pytest.mark.parametrize("conflict", ["join", "use_existing", "fail", "terminate_existing"])
def test_a_start_of_an_id_whose_newest_run_has_ended(
    status: str, reuse: str, workflow: str, completed: str, other: str, conflict: str
) -> None:
    partition = Partition()
    run = partition.start(FIRST, ENDS[status])
    assert run.status == status
    decision = decide(partition.state, start(conflict, reuse, workflow), NOW)
    assert short(decision) == (completed if status == "completed" else other)


def test_a_start_of_a_new_id_carries_the_whole_request() -> None:
    request = StartRun("r", "w", "pay", b"[1]", "client", 3, "closed")
    want = [events.RunStarted("pay", b"[1]", "r", "client", 3, "closed")]
    assert decide(Partition().state, request, NOW) == want


def test_a_refusal_names_both_workflows_and_the_run() -> None:
    partition = Partition()
    run = partition.start(FIRST)
    decision = decide(partition.state, start(workflow="refund"), NOW)
    assert isinstance(decision, Rejected)
    for word in ("'pay'", "'refund'", "'w'", run.run_id):
        assert word in decision.failure.message
    assert not decision.failure.retryable


@pytest.mark.parametrize("conflict", ["join", "fail", "terminate_existing"])
@pytest.mark.parametrize("reuse", ["join", "allow", "reject"])
def test_the_same_request_is_answered_with_its_own_run_for_ever(conflict: str, reuse: str) -> None:
    """Open, closed, and when a later run of the id has begun and ended."""
    partition = Partition()
    request = StartRun("first", "w", "pay", b"[1]", id_conflict=conflict, id_reuse=reuse)
    own = Joined("w", run_id_of(request))
    run = partition.start(request)
    assert decide(partition.state, request, NOW) == own
    partition.emit(run, ENDS["completed"])
    assert decide(partition.state, request, NOW) == own
    later = partition.start(start(reuse="allow"))
    assert decide(partition.state, request, NOW) == own
    partition.emit(later, ENDS["failed"])
    assert decide(partition.state, request, NOW) == own
    assert decide(partition.state, start(reuse="allow"), NOW) == Joined("w", later.run_id)


def test_a_refused_request_stays_refused() -> None:
    partition = Partition()
    failure = Failure("UnknownWorkflow", "no such workflow", retryable=False)
    partition.state.refusals.put(7, 1, NOW, [Refusal("later", "w", failure)])
    assert decide(partition.state, LATER, NOW) == Rejected("later", "w", failure)
    assert short(decide(partition.state, FIRST, NOW)) == "RunStarted"


def test_a_child_that_was_to_be_stopped_before_it_was_there_does_not_begin() -> None:
    """What stops it may overtake its start; its parent has ended, and nobody would stop it any more."""
    partition = Partition()
    child = StartRun("child/p/1", "p/1", "pay", b"[1]", parent_id="p", parent_run_id="p", parent_step=1)
    assert short(decide(partition.state, child, NOW)) == "RunStarted"
    failure = Failure("WorkflowNotFound", "there is none", retryable=False)
    partition.state.refusals.put(7, 1, NOW, [Refusal("child/p/1/close", "p/1", failure)])
    assert short(decide(partition.state, child, NOW)) == "ParentEnded"
    sibling = StartRun("child/p/2", "p/2", "pay", b"[1]", parent_id="p", parent_run_id="p", parent_step=2)
    assert short(decide(partition.state, sibling, NOW)) == "RunStarted"


def test_a_replacement_that_was_cut_off_by_a_crash_goes_on() -> None:
    """The first record is there, the second is not: the start is read again."""
    partition = Partition()
    run = partition.start(FIRST, scheduled(1))
    request = start("terminate_existing", "join")
    decision = decide(partition.state, request, NOW)
    assert isinstance(decision, Replaced)
    assert decision.replaced == events.RunReplaced(request.request_id, run_id_of(request))
    ended = partition.emit(run, decision.replaced)
    assert (ended.status, ended.ended_by, ended.open_steps) == ("terminated", "later", 0)
    assert ended.failure is not None
    assert run_id_of(request) in ended.failure.message
    assert decide(partition.state, request, NOW) == [decision.started]
    assert short(decide(partition.state, start("join", "reject"), NOW)) == "RunStarted", "it is the same request"
    other = StartRun("other", "w", "pay", b"[1]", id_reuse="reject")
    assert short(decide(partition.state, other, NOW)) == "IdUsed"
    partition.start(request)
    assert decide(partition.state, request, NOW) == Joined("w", run_id_of(request))


def with_update(update_id: str, conflict: str = "join", reuse: str = "join", input: bytes = b"[1]") -> StartRun:
    asked = StartRun("later", "w", "pay", input, "client", 3, "completed", id_conflict=conflict, id_reuse=reuse)
    return msgspec.structs.replace(asked, update="add", update_id=update_id, update_input=b"[5]")


def test_the_start_of_an_update_is_not_answered_by_the_run() -> None:
    assert decide(Partition().state, with_update("u"), NOW) == [
        events.RunStarted("pay", b"[1]", "later", "", 3, "completed")
    ]


@pytest.mark.parametrize("conflict", ["join", "use_existing", "fail", "terminate_existing"])
@pytest.mark.parametrize("reuse", ["join", "allow", "reject"])
def test_a_start_with_an_update_that_was_accepted_means_the_run_that_has_it(conflict: str, reuse: str) -> None:
    """While that is open, when it has ended, and when a later one of the id has begun."""
    partition = Partition()
    run = partition.start(FIRST, events.UpdateAccepted("u", "add", b"[5]"))
    known, other = with_update("u", conflict, reuse, b"[2]"), with_update("other", conflict, reuse, b"[2]")
    assert decide(partition.state, known, NOW) == Joined("w", run.run_id)
    assert decide(partition.state, other, NOW) != Joined("w", run.run_id) or conflict == "use_existing"
    partition.emit(run, ENDS["failed"])
    assert decide(partition.state, known, NOW) == Joined("w", run.run_id)
    assert short(decide(partition.state, other, NOW)) == {"allow": "RunStarted", "reject": "IdUsed"}.get(
        reuse, "joined if same"
    )
    partition.start(StartRun("third", "w", "pay", b"[1]"))
    assert decide(partition.state, known, NOW) == Joined("w", run.run_id)
