"""What a limit decides: order, shares, rates, whatever the clock does; against a model that knows nothing of it."""

from __future__ import annotations

import random

import msgspec
import pytest

from sagaline._model.flow import FULL, GRANTED, Ask, FlowState, Rules, flow_id, flow_of
from sagaline._model.limits import FLOW_WAITERS, NAME_BYTES, size
from sagaline._system.flow.table import FlowTable


def ask(request: str, rules: Rules, group: str = "", priority: int = 3) -> Ask:
    return Ask(request, rules, group, priority)


def granted(table: FlowTable) -> list[str]:
    return [reply.request for reply in table.take_replies() if reply.kind == GRANTED]


def as_the_next_run(table: FlowTable) -> FlowTable:
    return FlowTable(msgspec.json.decode(msgspec.json.encode(table.state), type=FlowState))


def all_in(table: FlowTable, asks: list[Ask], now_ms: int = 0) -> None:
    for one in asks:
        table.ask(one, now_ms)
    table.grant(now_ms)


def drained(table: FlowTable) -> list[str]:
    """Who is served, one after the other."""
    order: list[str] = []
    while now := granted(table):
        order += now
        for request in now:
            table.release(request)
        table.grant(0)
    return order


def test_slots_are_given_in_order_and_a_request_counts_once() -> None:
    table, two = FlowTable(FlowState()), Rules(limit=2)
    all_in(table, [ask(who, two) for who in "abcdab"])
    assert granted(table) == ["a", "b"]
    table.release("c")
    table.release("b")
    table.release("b")
    table.grant(1)
    assert granted(table) == ["d"]
    assert list(table.state.slots) == ["a", "d"]


def test_priority_goes_before_arrival() -> None:
    table, one = FlowTable(FlowState()), Rules(limit=1)
    all_in(table, [ask(f"{priority}-{place}", one, "", priority) for place in range(2) for priority in (3, 5, 1)])
    assert drained(table) == ["1-0", "1-1", "3-0", "3-1", "5-0", "5-1"]


def test_keys_that_share_a_limit_take_turns_whoever_came_first() -> None:
    table, one = FlowTable(FlowState()), Rules(total=1)
    names = [f"a{place}" for place in range(4)] + ["b0", "b1", "c0"]
    all_in(table, [ask(name, one, name[0]) for name in names])
    planned = [waiter.request for waiter in table.in_order()]
    served = drained(table)
    assert served == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]
    assert served[1:] == planned


def test_a_key_that_has_its_share_lets_others_pass() -> None:
    table, rules = FlowTable(FlowState()), Rules(limit=1, total=3)
    all_in(table, [ask(name, rules, name[0]) for name in ("a0", "a1", "a2", "b0", "c0", "d0")])
    assert granted(table) == ["a0", "b0", "c0"]
    table.release("b0")
    table.grant(0)
    assert granted(table) == ["d0"]


def test_who_has_asked_last_says_what_the_limit_allows() -> None:
    table = FlowTable(FlowState())
    all_in(table, [ask("a", Rules(limit=1)), ask("b", Rules(limit=1)), ask("c", Rules(limit=1))])
    all_in(table, [ask("d", Rules(limit=3))])
    assert granted(table) == ["a", "b", "c"]
    all_in(table, [ask("e", Rules(limit=1))])
    table.release("a")
    table.release("b")
    table.grant(0)
    assert granted(table) == []


def test_what_is_given_back_before_it_comes_is_not_granted() -> None:
    table = FlowTable(FlowState())
    table.release("a")
    all_in(table, [ask("a", Rules(limit=1)), ask("b", Rules(limit=1))])
    assert granted(table) == ["b"]


def test_a_full_queue_says_to_come_again() -> None:
    table, one = FlowTable(FlowState()), Rules(limit=1)
    all_in(table, [ask("first", one)])
    all_in(table, [ask(str(place), one) for place in range(FLOW_WAITERS + 2)])
    assert [reply.kind for reply in table.take_replies()].count(FULL) == 2
    assert len(table.state.waiters) == FLOW_WAITERS


def test_a_grant_that_is_not_known_to_have_arrived_is_repeated_by_the_next_run() -> None:
    table = FlowTable(FlowState())
    all_in(table, [ask("a", Rules(limit=3)), ask("b", Rules(limit=3))])
    table.arrived("a")
    following = as_the_next_run(table)
    following.repeat_grants()
    assert granted(following) == ["b"]
    assert set(following.state.slots) == {"a", "b"}


@pytest.mark.parametrize("seed", range(20))
def test_a_rate_gives_no_more_than_its_bucket_in_any_stretch_of_time(seed: int) -> None:
    draw = random.Random(seed)
    rules = Rules(interval_us=draw.choice([300, 10_000, 333_334, 2_000_000]), burst=draw.choice([1, 3, 10]))
    table, now, times, waiting = FlowTable(FlowState()), 10**12, list[int](), 0
    for place in range(2_000):
        now += draw.choice([0, 0, 1, 7, 500, 3_600_000])  # activations' times never go back, and jump
        if draw.random() < 0.6:
            table.ask(ask(f"r{place}", rules), now)
            waiting += 1
        due = table.due_ms(now)
        if draw.random() < 0.3 and due is not None:
            assert due > now
            now = due
        table.grant(now)
        for request in granted(table):
            table.arrived(request)
            times.append(now)
        if draw.random() < 0.1:
            table = as_the_next_run(table)
    assert not table.state.slots
    while table.state.waiters:
        due = table.due_ms(now)
        assert due is not None, f"seed {seed}: they wait for nothing"
        now = max(now, due)
        table.grant(now)
        times += [now] * len(granted(table))
        for request in list(table.state.slots):
            table.arrived(request)
    assert len(times) == waiting
    for first in range(0, len(times), 7):
        for last in range(first, min(first + 60, len(times))):
            allowed = rules.burst + (times[last] - times[first]) * 1_000 // rules.interval_us
            assert last - first + 1 <= allowed, f"seed {seed}"


@pytest.mark.parametrize("seed", range(30))
def test_never_more_than_the_limit_and_everybody_is_served(seed: int) -> None:
    draw = random.Random(seed)
    rules = Rules(limit=draw.choice([0, 1, 2]), total=draw.choice([1, 3, 4]))
    table, held, asked, served = FlowTable(FlowState()), dict[str, str](), set[str](), set[str]()
    for place in range(400):
        action = draw.random()
        if action < 0.5:
            request = f"{draw.choice('abc')}-{place}"
            table.ask(ask(request, rules, request[0], draw.choice([1, 3, 5])), place)
            asked.add(request)
        elif action < 0.9 and held:
            done = draw.choice(sorted(held))
            table.release(done)
            del held[done]
        elif asked - served:
            left = draw.choice(sorted(asked - served))
            table.release(left)
            asked.discard(left)
        table.grant(place)
        for request in granted(table):
            assert request not in served, f"seed {seed}: twice"
            held[request] = request[0]
            served.add(request)
        assert len(held) <= rules.total
        assert not rules.limit or all(list(held.values()).count(group) <= rules.limit for group in "abc")
        assert set(table.state.slots) == set(held)
        if draw.random() < 0.1:
            table = as_the_next_run(table)
    while held:
        for request in list(held):
            table.release(request)
            del held[request]
        table.grant(1_000)
        for request in granted(table):
            held[request] = request[0]
            served.add(request)
    assert served >= asked, f"seed {seed}"
    assert not table.state.waiters
    assert not table.state.turns
    assert table.is_idle(1_000)


def test_ids_of_long_names_and_keys_are_cut_and_stay_apart() -> None:
    ids = {flow_id("slots", "n" * 300, f"k{tail}" * 100) for tail in "ab"}
    ids |= {
        flow_id("slots", "a/b", "c"),
        flow_id("slots", "a", "b/c"),
        flow_id("slots", "a", ""),
        flow_id("slots", "a", None),
    }
    ids |= {flow_id("slots", "a", "x\ny"), flow_id("slots", "a", "x_y")}
    assert len(ids) == 8
    assert all(size(one) <= NAME_BYTES and one.isprintable() for one in ids)
    assert flow_of(flow_id("rate", "bank", "a/b")) == ("rate", "bank", "a/b")
    assert flow_of(flow_id("slots", "bank", None)) == ("slots", "bank", None)
    assert flow_of("order-1") is None
