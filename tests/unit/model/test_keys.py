"""Keys of records say what the records are, whatever a workflow id looks like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagaline._model.ids import idempotency_key, run_id_of
from sagaline._model.keys import (
    HistoryKey,
    NumberedKey,
    claim_key,
    history_key,
    is_claim_key,
    parse_key,
    partition_of,
    positions_key,
    refusals_key,
)
from sagaline._model.records import StartRun

numbers = st.integers(0, 10**18 - 1)
workflow_ids = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.sampled_from(["claim/1", "refusals/1/2", "positions/1/2", "a/" + "0" * 32 + "/1/2", "\n", "/", ""]),
)


@given(workflow_ids, numbers, numbers)
def test_a_history_key_is_read_as_it_was_made(workflow_id: str, first: int, epoch: int) -> None:
    run_id = run_id_of(StartRun("request", workflow_id, "pay", b""))
    assert parse_key(history_key(workflow_id, run_id, first, epoch)) == HistoryKey(workflow_id, run_id, first, epoch)


@given(numbers, numbers)
def test_keys_of_other_records_are_no_history_keys(epoch: int, number: int) -> None:
    assert parse_key(positions_key(epoch, number)) == NumberedKey("positions", epoch, number)
    assert parse_key(refusals_key(epoch, number)) == NumberedKey("refusals", epoch, number)
    assert parse_key(claim_key(str(epoch))) is None
    assert is_claim_key(claim_key(str(epoch)))
    assert not is_claim_key(positions_key(epoch, number))


@given(st.binary(max_size=80))
def test_any_bytes_are_a_key_of_ours_or_none(key: bytes) -> None:
    parse_key(key)


@given(workflow_ids, st.text(max_size=5), st.integers(1, 500))
def test_the_run_of_a_request_is_its_own_and_always_the_same(workflow_id: str, request_id: str, count: int) -> None:
    if not request_id.isprintable():
        return
    request = StartRun(request_id, workflow_id, "pay", b"1")
    assert run_id_of(request) == run_id_of(StartRun(request_id, workflow_id, "refund", b"2"))
    assert run_id_of(request) != run_id_of(StartRun(request_id + "'", workflow_id, "pay", b"1"))
    assert len(run_id_of(request)) == 32
    assert 0 <= partition_of(workflow_id, count) < count


def test_every_attempt_of_a_step_has_the_same_idempotency_key() -> None:
    assert idempotency_key("run", 3) == "run/3"


@pytest.mark.parametrize(
    "key", [b"w/" + b"g" * 32 + b"/1/2", b"w/" + b"0" * 31 + b"/1/2", b"positions/1", b"x/1/2", b""]
)
def test_what_looks_nearly_like_a_key_is_none(key: bytes) -> None:
    assert parse_key(key) is None
