"""Deadlocks are found among the locks alone, by edge chasing (Chandy, Misra, Haas 1983).

A request that waits names the locks that its saga holds. When one is queued whose saga holds locks, a probe goes to
each of these: who waits there waits for that saga. If the one for which the first waits is among them, the circle is
closed; else the probe goes on to the locks that each of them holds.

A circle is not refused as it is found, for a waiter may have withdrawn behind the probe's back. It is looked at once
more, lock by lock: an edge that stands the second time stood all the time between, so there was a moment, between the
last look of the first round and the first of the second, in which all edges stood together. Both ends of a circle, and
all others that find it, choose the same victim, the youngest request: so exactly one is refused.
"""

from __future__ import annotations

from collections.abc import Iterable

from sagaline._model.limits import LOCK_CYCLE, LOCK_PROBES
from sagaline._model.locks import DEADLOCK, Answer, Confirm, Edge, Probe, Waiter
from sagaline._system.locks.table import LockTable, Said

_SEEN = 200
"""Probes that a lock remembers."""


def begin(table: LockTable, waiter: Waiter) -> None:
    """A request waits, or its saga holds more than before: whether that has closed a circle is looked for."""
    if waiter.holds:
        table.state.probes += 1
        probe_id = f"{table.name}/{table.state.fencing}/{table.state.probes}"
        _send(table, waiter.holds, Probe(probe_id, (_edge(table, waiter),)))


def probe(table: LockTable, found: Probe) -> None:
    """A probe has come: the saga of its last edge is said to hold this lock."""
    state, holder = table.state, table.state.holder
    if not found.edges or holder is None or holder.chain != found.edges[-1].chain or found.id in state.seen:
        return
    state.seen = [*state.seen, found.id][-_SEEN:]
    wanted, chains, targets = found.edges[0].held_by, set[str](), 0
    for waiter in state.waiters:
        if waiter.chain in chains or targets > LOCK_PROBES:
            continue
        chains.add(waiter.chain)
        edges = (*found.edges, _edge(table, waiter))
        if waiter.chain == wanted:
            _close(table, edges)
        elif waiter.holds and len(edges) < LOCK_CYCLE:
            known = {edge.lock for edge in edges}
            beyond = [name for name in waiter.holds if name not in known]
            targets += len(beyond)
            _send(table, beyond, Probe(found.id, edges))


def confirm(table: LockTable, found: Confirm) -> None:
    """One edge after the other is looked at again, that of the victim last."""
    if not found.left or not all(0 <= place < len(found.edges) for place in found.left):
        return  # not of ours
    edge = found.edges[found.left[0]]
    holder, waiter = table.state.holder, table.waiter(edge.request)
    if holder is None or waiter is None or holder.fencing != edge.fencing:
        return
    left = found.left[1:]
    if left:
        table.said.append(Said(found.edges[left[0]].lock, Confirm(found.edges, left)))
    else:
        table.refuse_waiter(waiter, Answer(DEADLOCK, 0, holder.since_ms, None, table.held_by, found.edges))


def _edge(table: LockTable, waiter: Waiter) -> Edge:
    holder = table.state.holder
    if holder is None:
        raise ValueError(f"Expected a holder of the lock that {waiter.request} waits for but there is none")
    return Edge(table.name, waiter.request, waiter.chain, waiter.arrived_ms, holder.chain, holder.fencing)


def _close(table: LockTable, edges: tuple[Edge, ...]) -> None:
    victim = max(range(len(edges)), key=lambda place: (edges[place].since_ms, edges[place].request))
    others = [place for place in range(len(edges)) if place != victim]
    order = (*others, victim)
    table.said.append(Said(edges[order[0]].lock, Confirm(edges, order)))


def _send(table: LockTable, names: Iterable[str], found: Probe) -> None:
    table.said += [Said(name, found) for name in names]
