"""What a lock decides, request by request; and how locks find circles among themselves, whatever overtakes what."""

from __future__ import annotations

import random
from collections import deque

import msgspec
import pytest

from sagaline._model import locks as model
from sagaline._model.limits import LOCK_WAITERS
from sagaline._model.locks import Acquire, Answer, Confirm, Holding, LockState, Probe, Renew
from sagaline._system.locks import deadlocks
from sagaline._system.locks.table import LockTable


def request(who: str, number: int = 1) -> str:
    return f"{'0' * 32}-{number}-{who}"


def ask(who: str, number: int = 1, **options: object) -> Acquire:
    return msgspec.convert({"request": request(who, number), "chain": who, **options}, Acquire)


def table(name: str = "l") -> LockTable:
    return LockTable(name, LockState())


def said(lock: LockTable) -> list[tuple[str, str]]:
    taken = lock.take_said()
    return [(model.asked_by(one.to) or one.to, one.what.kind if isinstance(one.what, Answer) else "") for one in taken]


def test_it_is_given_in_order_and_a_request_counts_once() -> None:
    lock = table()
    for who in ("a", "b", "c", "a", "b"):
        lock.acquire(ask(who), 10)
    assert said(lock) == [("a", "granted")]
    lock.release(request("b"), 11)
    lock.release(request("a"), 12)
    assert said(lock) == [("c", "granted")]
    lock.release(request("c"), 13)
    assert lock.state.holder is None


def test_numbers_grow_while_the_clock_goes_back_an_hour() -> None:
    lock, numbers, now = table(), list[int](), 100 * 3_600_000
    for place, who in enumerate("abcdef"):
        lock.acquire(ask(who), now)
        assert lock.state.holder is not None
        numbers.append(lock.state.holder.fencing)
        lock.release(request(who), now)
        now += -3_600_000 if place % 2 else 1
        lock = LockTable("l", msgspec.json.decode(msgspec.json.encode(lock.state), type=LockState))  # as the next run
    assert numbers == sorted(set(numbers))
    assert not lock.is_idle(numbers[-1])
    assert lock.is_idle(numbers[-1] + 1)


def test_one_that_is_given_back_before_it_comes_does_not_stand() -> None:
    lock = table()
    lock.release(request("a"), 10)
    lock.acquire(ask("a"), 11)
    assert (lock.state.holder, said(lock)) == (None, [])
    lock.acquire(ask("b"), 12)
    assert said(lock) == [("b", "granted")]


def test_the_same_saga_has_it_until_all_of_its_requests_are_given_back() -> None:
    lock = table()
    for who, number in (("a", 1), ("b", 1), ("b", 2), ("a", 2)):
        lock.acquire(ask(who, number), 10)
    assert said(lock) == [("a", "granted"), ("a", "granted")]
    lock.release(request("a", 1), 11)
    assert said(lock) == []
    lock.release(request("a", 2), 11)
    assert said(lock) == [("b", "granted"), ("b", "granted")]


def test_who_does_not_wait_is_refused_and_so_is_one_too_many() -> None:
    lock = table()
    lock.acquire(ask("a"), 10)
    lock.acquire(ask("b", waits=False), 10)
    for number in range(LOCK_WAITERS):
        lock.acquire(ask("c", number), 10)
    lock.acquire(ask("d"), 10)
    assert said(lock) == [("a", "granted"), ("b", "held"), ("d", "full")]


def test_a_lease_is_over_when_somebody_waits_and_may_be_renewed_before() -> None:
    lock = table()
    lock.acquire(ask("a", lease_ms=5), 10)
    assert lock.due_ms is None
    lock.renew(Renew(request("a"), request("t"), 50), 100)
    assert lock.state.holder is not None
    assert lock.state.holder.until_ms == 150
    lock.acquire(ask("b"), 120)
    assert lock.due_ms == 150
    lock.expire(149)
    assert said(lock) == [("a", "granted"), ("t", "renewed")]
    lock.expire(150)
    lock.renew(Renew(request("a"), request("t", 2), 50), 151)
    assert said(lock) == [("b", "granted"), ("t", "lost")]


class World:
    """Locks that tell each other things, each pair in order and everything else in any order."""

    def __init__(self, names: str, draw: random.Random) -> None:
        self.locks = {name: table(name) for name in names}
        self.roads: dict[tuple[str, str], deque[tuple[str, object]]] = {}
        self.draw, self.now, self.answers = draw, 0, dict[str, list[str]]()

    def send(self, source: str, name: str, what: object) -> None:
        self.roads.setdefault((source, name), deque()).append((name, what))

    def step(self) -> bool:
        """One message arrives. False when none is on its way."""
        roads = [road for road in self.roads.values() if road]
        if not roads:
            return False
        name, what = self.draw.choice(roads).popleft()
        lock, self.now = self.locks[name], self.now + 1
        match what:
            case Acquire():
                waiter = lock.acquire(what, self.now)
                if waiter is not None:
                    deadlocks.begin(lock, waiter)
            case Holding():
                if (waiter := lock.holds_more(what)) is not None:
                    deadlocks.begin(lock, waiter)
            case Probe():
                deadlocks.probe(lock, what)
            case Confirm():
                deadlocks.confirm(lock, what)
            case _:
                lock.release(str(what), self.now)
        for one in lock.take_said():
            if isinstance(one.what, Answer):
                self.answers.setdefault(model.asked_by(one.to), []).append(one.what.kind)
            else:
                self.send(name, one.to, one.what)
        return True

    def settle(self) -> None:
        while self.step():
            pass


@pytest.mark.parametrize("count", [2, 3, 5, 20])
def test_of_a_circle_one_gives_way_whatever_overtakes_what(count: int) -> None:
    names = "abcdefghijklmnopqrst"[:count]
    for seed in range(30):
        world = World(names, random.Random(seed))
        for name in names:
            world.send(f"saga {name}", name, ask(name, 1))
        world.settle()
        for place, name in enumerate(names):
            world.send(f"saga {name}", names[(place + 1) % count], ask(name, 2, holds=(name,)))
        world.settle()
        refused = [who for who, answers in world.answers.items() if "deadlock" in answers]
        assert len(refused) == 1, (seed, refused)


def test_tasks_side_by_side_are_found_when_a_lock_is_got_while_another_is_waited_for() -> None:
    world = World("xyz", random.Random(1))
    for name, who in (("x", "a"), ("y", "b")):
        world.send(who, name, ask(who, 1))
    world.settle()
    world.send("a", "y", ask("a", 2, holds=("x",)))  # waits for b
    world.send("b", "z", ask("b", 2, holds=("y",)))  # is given that
    world.settle()
    world.send("c", "z", ask("c", 1))
    world.send("c", "x", ask("c", 2))  # both of its tasks wait, and it holds nothing
    world.settle()
    world.send("b", "z", request("b", 2))
    world.settle()
    assert "deadlock" not in str(world.answers)
    world.send("c", "x", Holding(request("c", 2), ("z",)))
    world.send("b", "z", ask("b", 3, holds=("y",)))  # b waits for c, c for a, a for b
    world.settle()
    assert [who for who, answers in world.answers.items() if "deadlock" in answers] == ["b"]


@pytest.mark.parametrize("seed", range(60))
def test_nobody_gives_way_when_a_request_of_the_circle_was_withdrawn(seed: int) -> None:
    """The withdrawal is on its way before the circle is closed, and arrives at any time: whoever is refused was in a
    circle that stood at one moment."""
    draw = random.Random(seed)
    world = World("abc", draw)
    for name in "abc":
        world.send(f"saga {name}", name, ask(name, 1))
    world.settle()
    for place, name in enumerate("abc"):
        world.send(f"saga {name}", "abc"[(place + 1) % 3], ask(name, 2, holds=(name,)))
    world.send("saga a", "b", request("a", 2))  # behind its request
    stood = False
    while world.step():
        waits = {place: [waiter.chain for waiter in lock.state.waiters] for place, lock in world.locks.items()}
        stood = stood or waits == {"a": ["c"], "b": ["a"], "c": ["b"]}
    refused = [who for who, answers in world.answers.items() if "deadlock" in answers]
    assert len(refused) <= 1
    assert stood or not refused


@pytest.mark.parametrize("seed", range(40))
def test_random_sagas_never_wait_for_ever(seed: int) -> None:
    """Each takes locks in an order of its own, and lets go of all when it has them, or was refused."""
    draw = random.Random(seed)
    world = World("abcde", draw)
    left = {who: draw.sample("abcde", draw.randint(1, 4)) for who in "pqrstuvwxyz"}
    held: dict[str, list[str]] = {who: [] for who in left}
    asked: dict[str, int] = dict.fromkeys(left, 0)
    done: set[str] = set()
    while len(done) < len(left):
        for who in left:
            answers = world.answers.get(who, [])
            if who in done or len(answers) < asked[who]:
                continue
            if answers and answers[-1] == "granted" and len(held[who]) < asked[who]:
                held[who].append(left[who][asked[who] - 1])
            if (answers and answers[-1] == "deadlock") or asked[who] == len(left[who]):
                done.add(who)
                for place in range(asked[who]):
                    world.send(who, left[who][place], request(who, place + 1))
                continue
            asked[who] += 1
            world.send(who, left[who][asked[who] - 1], ask(who, asked[who], holds=tuple(held[who])))
        assert world.step() or len(done) == len(left), f"seed {seed}: {sorted(set(left) - done)} wait for ever"
    world.settle()
    assert all(lock.state.holder is None and not lock.state.waiters for lock in world.locks.values())
