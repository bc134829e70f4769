"""What Python reports by itself: files, sockets, processes, and from 3.13 on sleeps and threads (PEP 578).

One hook for the process, which looks at the event's name and goes on.
"""

from __future__ import annotations

import sys
from typing import Any

from sagaline._host.forbidden.refusing import guarded_loop, refuse
from sagaline._host.forbidden.table import IO, SLEEP, THREADS, Forbidden

_events: dict[str, Forbidden] = {
    "open": Forbidden("open()", IO, libraries_may=True),
    "builtins.input": Forbidden("input()", IO),
    "sqlite3.connect": Forbidden("sqlite3.connect()", IO),
    "socket.__new__": Forbidden("socket.socket()", IO),
    "time.sleep": Forbidden("time.sleep()", SLEEP),
    "_thread.start_new_thread": Forbidden("a thread's start()", THREADS),
    "_thread.start_joinable_thread": Forbidden("a thread's start()", THREADS),
}
_events |= {
    f"{module}.{name}": Forbidden(f"{module}.{name}()", IO)
    for module, names in {
        "os": "chdir chmod chown fork forkpty exec posix_spawn kill link listdir mkdir putenv remove rename rmdir "
        "scandir spawn startfile symlink system truncate unsetenv utime",
        "shutil": "copyfile copytree make_archive move rmtree unpack_archive",
        "socket": "bind connect getaddrinfo gethostbyaddr gethostbyname gethostname getnameinfo sendmsg sendto",
        "subprocess": "Popen",
        "tempfile": "mkdtemp mkstemp",
        "urllib": "Request",
        "ftplib": "connect",
        "http.client": "connect send",
        "imaplib": "open",
        "smtplib": "connect",
        "glob": "glob",
    }.items()
    for name in names.split()
}
_installed = False


def install() -> None:
    """Once in a process: a hook cannot be taken out."""
    global _installed
    if not _installed:
        _installed = True
        sys.addaudithook(_hook)


def _hook(event: str, _: tuple[Any, ...]) -> None:
    call = _events.get(event)
    if call is not None and (loop := guarded_loop()) is not None:
        refuse(loop, call)
