"""Rebuilds an instance from its history, and finds out when code and history do not match.

A run that is parked or paused keeps what arrives: input events are recorded without an activation, and the next
activation, in the record of RunResumed or RunUnpaused, is given all of them. An activation that was cut off between two
of its records, and whose rest no code could write so that the run was parked, goes on in the record of RunResumed: the
rest of its commands are the first ones there, before those of the next activation.
"""

from __future__ import annotations

from collections.abc import Sequence

from sagaline._model import events
from sagaline._model.events import COMMANDS, Command, Event, Fork
from sagaline._model.records import History
from sagaline._runtime.bugs import MISMATCH, Difference, UnknownStep, WorkflowBug, stopped
from sagaline._runtime.instance import Instance
from sagaline._runtime.jobs import JOBS
from sagaline._runtime.patches import markers_of


class Replay:
    """An instance brought to where its history ends, and what it still owes. Records are fed one after the other;
    ``finish`` comes last.

    ``pending`` are the jobs that no activation has handled yet (the run is parked or paused); ``unwritten`` are the
    commands of the last activation that are not in history yet (it was cut into several records).
    """

    def __init__(self, instance: Instance, fork: Fork | None = None) -> None:
        self.instance, self._fork = instance, fork
        self.weight = 0  # bytes of the records
        self.pending: list[Event] = []
        self.unwritten: list[Command] = []
        self._places: list[str] = []  # of each of them in the code
        self._parked = self._paused = False
        self._event_id = 1
        self._parts: list[History] = []  # records of an activation that goes on in the next one

    @property
    def next_event_id(self) -> int:
        """The first event of the next record."""
        return self._event_id + sum(len(part.events) for part in self._parts)

    def feed(self, record: History) -> None:
        """Replays one record; raises WorkflowBug with reason "mismatch" when the code asks for something else.

        Of an activation in several records all have to be known before its code runs: its side effects are in them.
        """
        if record.more:
            self._parts.append(record)
        elif self._parts:
            self._parts.append(record)
            if not self._is_suspended():
                parts, self._parts = self._parts, []
                self._replay_parts(parts)
        else:
            self._replay((record,))

    def _is_suspended(self) -> bool:
        """Whether the run is parked within the activation whose records these are: the rest is yet to come."""
        parked = False
        for part in self._parts[1:]:
            parked = _rests(parked, list(map(type, part.events)), events.RunParked, events.RunResumed)
        return parked

    def finish(self, *, decides: bool) -> None:
        """There are no more records. An activation that was cut off is replayed as far as it goes; ``decides``: whoever
        asks writes the rest, so side effects that are not on record run. Raises WorkflowBug."""
        if self._parts:
            parts, self._parts = self._parts, []
            self._replay_parts(parts, is_cut=True, decides=decides)

    def _replay_parts(self, parts: Sequence[History], is_cut: bool = False, decides: bool = False) -> None:
        if any(isinstance(event, events.RunParked) for part in parts[1:] for event in part.events):
            self._replay_suspended(parts, is_cut, decides)
        else:
            self._replay(parts, is_cut=is_cut, decides=decides)

    def _replay_suspended(self, parts: Sequence[History], is_cut: bool, decides: bool) -> None:
        """An activation within which the run was parked, and those that follow it in the records of RunResumed."""
        first = self._event_id
        recorded = [event for part in parts for event in part.events]
        ids = [number for number, event in enumerate(recorded, first) if type(event) in COMMANDS]
        commands = [recorded[number - first] for number in ids]
        ids.append(first + len(recorded))
        unwritten, places, taken = list[Command](), list[str](), 0
        for number, part in enumerate(parts):
            self._note_rests(part)
            self.pending += [event for event in part.events if type(event) in JOBS]
            is_turn = number == 0 or any(isinstance(event, events.RunResumed) for event in part.events)
            if is_turn and self.pending and not (self._parked or self._paused):
                left = commands[taken:]
                markers = markers_of(left)
                self._activate(part.at, left, markers, decides)
                count = len(markers) + len(self.unwritten) - len(markers_of(self.unwritten))
                self._match(left[:count], markers, ids[taken:], True)
                taken += min(count, len(left))
                unwritten += self.unwritten
                places += self._places
        if taken < len(commands):
            raise _mismatch(ids[taken], commands[taken], None, "")
        if unwritten and not is_cut:
            raise _mismatch(ids[-1], None, unwritten[0], places[0] if places else "")
        self.unwritten, self._places = unwritten, places
        self._event_id = ids[-1]
        if self._fork is not None:
            self.instance.stand_for(self._fork.run_at(self._event_id))

    def _activate(
        self, at_ms: int, commands: Sequence[Event], markers: Sequence[events.PatchMarked], decides: bool
    ) -> None:
        """Gives the code what is pending; ``unwritten`` are then all the commands that it asks for."""
        jobs, self.pending = self.pending, []
        self.instance.note_patches(markers)
        try:
            self.unwritten, self._places = self.instance.replay(jobs, at_ms, commands, decides)
        except UnknownStep as error:
            raise _mismatch(self._event_id, error.job, None, "") from error

    def _replay(self, parts: Sequence[History], *, is_cut: bool = False, decides: bool = False) -> None:
        recorded = parts[0].events if len(parts) == 1 else [event for part in parts for event in part.events]
        self._note_rests(parts[0])
        self.pending += [event for event in recorded if type(event) in JOBS]
        if self.pending and not (self._parked or self._paused):
            commands = [event for event in recorded if type(event) in COMMANDS]
            markers = markers_of(commands)
            self._activate(parts[0].at, commands, markers, decides)
            behind = self._event_id + len(recorded)
            self._match(commands, markers, range(behind - len(commands), behind + 1), is_cut)
        for part in parts[1:]:
            self._note_rests(part)
        self._event_id += len(recorded)
        if self._fork is not None:
            self.instance.stand_for(self._fork.run_at(self._event_id))

    def _note_rests(self, record: History) -> None:
        kinds = list(map(type, record.events))
        self._parked = _rests(self._parked, kinds, events.RunParked, events.RunResumed)
        self._paused = _rests(self._paused, kinds, events.RunPaused, events.RunUnpaused)

    def _match(
        self, recorded: Sequence[Event], markers: Sequence[events.PatchMarked], ids: Sequence[int], more: bool
    ) -> None:
        """``ids``: those of the recorded events, and of the one behind them."""
        if markers:
            self._match_patches(markers, ids)
            recorded, ids = recorded[len(markers) :], ids[len(markers) :]
        asked, places = self.unwritten, self._places
        for index, expected in enumerate(recorded):
            command = asked[index] if index < len(asked) else None
            if command != expected and (command is None or _identity(command) != _identity(expected)):
                raise _mismatch(ids[index], expected, command, places[index] if index < len(places) else "")
        if len(asked) > len(recorded) and not more:
            place = places[len(recorded)] if len(recorded) < len(places) else ""
            raise _mismatch(ids[len(recorded)], None, asked[len(recorded)], place)
        self.unwritten = asked[len(recorded) :]
        self._places = places[len(recorded) :]

    def _match_patches(self, recorded: Sequence[events.PatchMarked], ids: Sequence[int]) -> None:
        """The markers are the first of an activation, so all of them are in its first record."""
        asked = len(markers_of(self.unwritten))
        unasked = self.instance.unasked_patch(recorded, self.unwritten[:asked])
        if unasked is not None:
            command = self.unwritten[asked] if asked < len(self.unwritten) else None
            place = self._places[asked] if command is not None else ""
            raise _mismatch(ids[unasked], recorded[unasked], command, place)
        self.unwritten, self._places = self.unwritten[asked:], self._places[asked:]


def _rests(rests: bool, kinds: Sequence[type[Event]], begins: type[Event], ends: type[Event]) -> bool:
    """Whether a run rests behind events of these kinds, as it did or did not before them."""
    return (rests and ends not in kinds) or begins in kinds


def _identity(event: Event) -> tuple[object, ...]:
    """What has to be the same: kind, number and name, so that swapped steps are noticed; not the arguments."""
    if isinstance(event, events.UpdateCompleted):
        return type(event), event.update_id, None
    if isinstance(event, events.SignalsHandled):
        return type(event), event.numbers, None
    name: object = event.activity if isinstance(event, events.ActivityScheduled) else None
    if isinstance(event, events.ChildRequested):
        name = (event.workflow, event.child_id)
    if isinstance(event, events.MessageRequested):
        name = (event.signal, event.target_id)
    if isinstance(event, events.WillLeft):
        name = (event.signal, event.target_id)
    if isinstance(event, events.WillWithdrawn):
        name = event.run_id
    if isinstance(event, events.SideEffectRecorded):
        name = event.name
    if isinstance(event, events.SagaEnded):
        name = event.outcome
    return type(event), getattr(event, "step", None), name


def describe(event: Event | None) -> str:
    """A command in words."""
    if event is None:
        return "nothing more"
    words: dict[type[Event], str] = {
        events.TimerStarted: "a timer",
        events.TimerCancelled: "the end of a timer",
        events.ActivityCancelRequested: "the cancellation of an activity",
        events.ChildCancelRequested: "the cancellation of a child",
        events.RunCompleted: "the run's completion",
        events.RunFailed: "the run's failure",
        events.RunCancelled: "the run's cancellation",
        events.SignalsHandled: "the handling of signals",
        events.RunContinued: "the run's continuation as new",
        events.LedgerCarried: "what there is to undo for the run's continuation as new",
        events.LedgerReported: "what there is to undo for the run's parent",
        events.WillWithdrawn: "the withdrawal of a signal at the run's end",
        events.UpdateCompleted: "the answer to an update",
        events.SagaBegan: "the beginning of a saga",
        events.SagaEnded: "the end of a saga",
        events.MemoChanged: "a change of the memo",
        events.SearchAttributesChanged: "a change of the search attributes",
    }
    step = getattr(event, "step", None)
    if isinstance(event, events.ActivityScheduled):
        return f"activity {event.activity!r} as step {step}"
    if isinstance(event, events.ChildRequested):
        return f"child {event.workflow!r} ({event.child_id}) as step {step}"
    if isinstance(event, events.MessageRequested):
        return f"{f'signal {event.signal!r}' if event.signal else 'a cancellation'} to {event.target_id} as step {step}"
    if isinstance(event, events.WillLeft):
        return f"signal {event.signal!r} to {event.target_id} at the run's end as step {step}"
    if isinstance(event, events.SideEffectRecorded):
        return f"side effect {event.name!r} as step {step}"
    if isinstance(event, events.PatchMarked):
        return f"patch {event.patch!r}"
    text = words.get(type(event), type(event).__name__)
    return f"{text} as step {step}" if step else text


def _mismatch(event_id: int, expected: Event | None, actual: Event | None, place: str) -> WorkflowBug:
    message = (
        f"Expected {describe(expected)} (event {event_id} of the history) but the code asks for {describe(actual)}"
        f"{f' at {place}' if place else ''}. The code has changed in a way that this run cannot follow: "
        f"deploy the version it was started with, and it goes on by itself."
    )
    difference = Difference(event_id, describe(expected), describe(actual), place)
    return stopped("HistoryMismatch", message, MISMATCH, difference)
