"""One file a kind of row: its key, its struct, its reads and its writes.

Rows are msgpack arrays (msgspec): they never leave the machine and are rebuilt from history when ``meta.FORMAT``
changes. Keys sort as the engine scans them: numbers are fixed-width hexadecimal. The first two bytes of a key name
its table:

| prefix | file | rows |
|---|---|---|
| ``r/`` | runs | the newest run of a workflow id |
| ``b/`` | runs | earlier runs of a workflow id, by run id, until they are retired |
| ``u/`` | attention | open runs that an owner looks at when it starts |
| ``h/`` | history | a run's records, for replay |
| ``a/`` | activities | activities without an outcome |
| ``k/`` | children | children of runs that have not ended |
| ``e/`` | outgoing | messages to other runs that are not known to have arrived |
| ``w/`` | waits | timers that a run's code waits for |
| ``t/`` | timers | the index of due times, of waits and of retries |
| ``o/`` | outbox | messages that are not known to have left |
| ``c/`` | closed | closed runs by the time they closed |
| ``q/`` ``f/`` | refusals | refused requests, and the records that refuse them |
| ``p/`` | positions | records of positions |
| ``z/`` | invalid | a zombie's records, until they have their tombstones |
| ``x/`` | remnants | runs that are retired in part |
| ``d/`` ``i/`` | messages | ids of the messages that a run has received |
| ``l/`` | wills | signals that are sent when their run has ended |
| ``y/`` | updates | updates that a run has accepted, and what came of them |
| ``g/`` | attributes | memo and search attributes of runs that have any |
| ``j/`` | forks | runs that have the beginning of another's history |
| ``s/`` | signals | signals that wait for a run's code |
"""

from __future__ import annotations

ONCE_PREFIXES = frozenset({b"t/", b"w/", b"o/", b"s/", b"i/"})
"""Rows under these are written once and deleted once, never written again."""
