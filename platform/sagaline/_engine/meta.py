"""How far a state has come, and the format of its rows."""

from __future__ import annotations

import msgspec

FORMAT = 23
"""Of all rows together. A store of another format is rebuilt from history."""
META_KEY = b"m"
CURRENT_KEY = b"@"
"""When the store was surely up to date, by its worker's clock. It stands for no history, so a replay has another."""
HELD_KEY = b"@h"
"""There for a store that has, or had, runs that are held: a hint to look for them."""


class Meta(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How far the state has come: it equals the history below ``next_offset``, applied from empty."""

    next_offset: int = 0
    epoch: int = -1
    commands_position: int = 0
    results_position: int = 0
    released: int = 0


encode_meta = msgspec.msgpack.Encoder().encode
decode_meta = msgspec.msgpack.Decoder(Meta).decode
