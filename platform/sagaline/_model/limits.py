"""The bounds on everything that a user, another program or an error can make long, deep or many.

Each is applied where the thing is made, so that no record is ever too large for the log and no value too deep for
the code that reads it. Sizes are bytes of UTF-8.
"""

from __future__ import annotations

RECORD_BYTES = 900_000
"""A record's value on any topic, below the 1 MB that brokers take by default."""
RECORD_LIMIT = RECORD_BYTES + 90_000
"""Key, value and headers of a record together; the brokers' own framing comes on top, within their megabyte."""
ACTIVATION_BYTES = 850_000
"""Events of one record; an activation that needs more is recorded in several."""
PAYLOAD_BYTES = 512_000
"""One payload as it stands in a record: an input, a result."""
MESSAGE_BYTES = 8_000
"""The message of a failure, the reason of a cancellation, the cause of a dead letter."""
SUMMARY_BYTES = 500
"""The same where many stand in one list."""
LOGGED_BYTES = 500
"""A message of somebody else's in a line of the log."""
STACK_BYTES = 4_000
"""A stack trace; its end is kept."""
NAME_BYTES = 255
"""Names of workflows and activities, types of errors, ids of workflows and requests."""
QUEUE_CHARS = 100
"""The name of a task queue."""
CAUSES = 5
"""Failures in a chain of causes."""
DEPTH = 64
"""Nesting of records in Avro and of values in JSON."""
HEARTBEAT_BYTES = 16_000
"""The details of a heartbeat, as JSON; as they stand in a record, twice as much."""
NAMES = 100
"""Entries of a list that somebody writes out, such as the error types that are not retried."""
DURATION_MS = 100 * 365 * 86_400_000
"""A hundred years: no duration is longer."""
ATTEMPTS = 2**31 - 1
"""Attempts that a retry policy can count."""

SIGNALS_WAITING = 20_000
"""Signals that wait for a run's code; more are refused."""
SIGNALS_WAITING_BYTES = 32_000_000
"""Bytes of their arguments."""
SIGNAL_NAMES_LEFT = 20
"""Names of signals that an ended run has not handled; its row keeps the first."""
UPDATES_OPEN = 1_000
"""Updates of a run whose handlers are at work; more are refused."""
SIGNALS_AT_ONCE = 500
"""Signals of one activation."""

CALLBACKS = 1_000_000
"""Callbacks of a run's event loop in one activation: about a second of work."""
COMMANDS = 10_000
"""Activities, timers and cancellations that a run asks for in one activation."""
COMMAND_INPUT_BYTES = 128_000_000
"""Arguments of the activities that a run asks for in one activation."""
TASKS = 20_000
"""Tasks that a run creates in one activation."""
LONG_EVENTS = 10_000
"""A run with more events had better continue as new."""
LONG_BYTES = 10_000_000
"""The same of the arguments and results in them."""
PATCHES = 200
"""Patches that a run has asked for."""
CHILDREN = 5_000
"""Children of a run that have not ended."""
CARRIED_STEPS = 1_000
"""Steps that a saga has to undo when it continues as new."""
CARRIED_BYTES = 256_000
"""Bytes of their compensations' arguments together, beside the input of the run that it continues as."""
MEMO_KEYS = 100
"""Notes in a run's memo."""
MEMO_BYTES = 32_000
"""All of them together, as JSON."""
SEARCH_ATTRIBUTES = 50
"""Search attributes of a run."""
SEARCH_NAME_BYTES = 100
SEARCH_VALUE_BYTES = 2_000
"""The value of one, as text."""
SEARCH_ATTRIBUTES_BYTES = 8_000
"""Names and values of all of them."""
MESSAGES_SENT = 500
"""Messages of a run to others that are not known to have arrived."""
LOCKS = 50
"""Locks that a run holds or waits for."""
LOCK_NAME_BYTES = 200
LOCK_WAITERS = 1_000
"""Requests that wait for a lock; more are refused."""
LOCK_QUEUE_BYTES = 400_000
"""Bytes of them: a lock goes on as the next run with all of it."""
LOCK_CYCLE = 50
"""Runs in a circle that is found."""
LOCK_PROBES = 200
"""Locks that a lock asks whether a circle is closed there, for one request."""
FLOW_NAME_BYTES = 90
"""The name of a limit in the id of its run; a longer one is cut, with its hash."""
FLOW_KEY_BYTES = 130
"""The same of the value of its key."""
FLOW_WAITERS = 1_000
"""Requests that wait at a limit; more are told to ask again later."""
FLOW_QUEUE_BYTES = 400_000
"""Bytes of them: a limit goes on as the next run with all of it."""
FLOW_SLOTS = 1_000
"""Slots of one limit: it keeps who has each."""
FLOW_REQUESTS = 60
"""Requests of one run that wait at limits or have slots; steps beyond wait in the run."""
FLOW_KEYS = 5
"""Limits of one step."""
WILLS = 200
"""Signals that a run leaves behind for when it has ended, with those of the runs that it goes on from."""
WILL_BYTES = 2_000
"""The arguments of one."""
TOKENS = 1_000_000
"""Tokens of a run; those that a run makes behind a reset are numbered from there."""
RESETS = 50
"""Runs of which one has the beginning of its history, each reset of the one before."""
RESET_EVENTS = 20_000
"""Events that a reset reads: of the run, and of those that go on from it."""
RESET_BYTES = 64_000_000
"""Bytes of the records that have them."""
REDELIVERED = 2_000
"""Signals and outcomes of children that a run had after the event that it is reset to, and that come again."""
CLEANUP_CALLS = 10
"""Activities and timers that a branch may ask for after it was cancelled for a rollback."""
UNDONE_AT_A_TIME = 100
"""Steps that a saga undoes beside each other where it does not say how many; ten times as many at most."""
CANCELS = 3
"""How often it is cancelled before it is closed."""
ENVELOPE_HEADER_BYTES = 2_000
"""The header of a sealed payload."""
CODECS = 8
"""Codecs that a payload may have gone through."""
CODEC_NAME_CHARS = 64
KEY_ID_CHARS = 255
"""The id of a key of a codec."""


def size(text: str) -> int:
    """Bytes of the text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def cut(text: str, limit: int = MESSAGE_BYTES) -> str:
    """The text, encodable and in at most ``limit`` bytes. Of a longer one the beginning, and how much was cut."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return text if text.isascii() else data.decode()
    note = f"... ({len(data) - limit + 40:,} more bytes were cut)"
    return data[: max(0, limit - len(note))].decode(errors="ignore") + note


def cut_plain(text: str, limit: int) -> str:
    """The beginning of the text, in at most ``limit`` bytes, without a note."""
    return text.encode("utf-8", "replace")[:limit].decode(errors="ignore")


def cut_start(text: str, limit: int = STACK_BYTES) -> str:
    """As ``cut``, but the end is kept: of a stack trace that is the part that matters."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return text if text.isascii() else data.decode()
    note = f"({len(data) - limit + 40:,} bytes before this were cut) ..."
    return note + data[len(data) - max(0, limit - len(note)) :].decode(errors="ignore")
