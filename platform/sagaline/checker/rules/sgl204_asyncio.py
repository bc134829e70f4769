"""Parts of asyncio that touch the outside world."""

from __future__ import annotations

from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.rules.rule import Match, Names, Rule

_ACTIVITY = "move it into an activity: a function with @activity, called from here"
_AWAIT = "await the coroutine: a workflow runs on a loop already"
_IO = (
    "open_connection start_server open_unix_connection start_unix_server create_subprocess_exec "
    "create_subprocess_shell run_coroutine_threadsafe"
).split()
_LOOPS = "run Runner new_event_loop set_event_loop set_event_loop_policy".split()
_METHODS = (
    "create_connection create_server create_datagram_endpoint create_unix_connection create_unix_server "
    "connect_accepted_socket connect_read_pipe connect_write_pipe subprocess_exec subprocess_shell add_reader "
    "remove_reader add_writer remove_writer sock_recv sock_recv_into sock_sendall sock_connect sock_accept "
    "sock_sendfile sendfile start_tls getaddrinfo getnameinfo add_signal_handler remove_signal_handler "
    "call_soon_threadsafe set_default_executor"
).split()
_NAMES = Names(
    {
        **{f"asyncio.{name}": _ACTIVITY for name in _IO},
        **{f"asyncio.{name}": _AWAIT for name in _LOOPS},
        **{f"asyncio.AbstractEventLoop.{name}": _ACTIVITY for name in _METHODS},
        **{
            f"asyncio.AbstractEventLoop.{name}": _AWAIT
            for name in ("run_until_complete", "run_forever", "close", "stop")
        },
        "anyio.run": _AWAIT,
        "trio.run": _AWAIT,
        "nest_asyncio.apply": _AWAIT,
        "uvloop.run": _AWAIT,
        "uvloop.install": _AWAIT,
    }
)


def _check(body: Body) -> Iterator[Match]:
    yield from _NAMES.matches(body, "{} cannot work on a workflow's loop")


RULE = Rule("SGL204", "asyncio's outside", Severity.ERROR, _check)
