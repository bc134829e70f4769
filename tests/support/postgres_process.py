"""A real PostgreSQL server of its own, from the machine's package, in a temporary folder: start, stop, crash, restart.

It refuses to run as root: then it runs as the user ``postgres``, or as ``nobody``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg
from kafka_process import free_port

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "16MB",
    "max_connections": "100",
    "log_checkpoints": "off",
}
_START_S = 120.0


def programs() -> Path:
    """The folder of PostgreSQL's programs. Raises RuntimeError when it is not installed."""
    found = shutil.which("pg_ctl")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    for folder in [Path(found).resolve().parent] if found else debian[-1:]:
        return folder
    raise RuntimeError("Expected PostgreSQL to be installed but found no pg_ctl: run scripts/test-dependencies.")


def _user() -> dict[str, Any]:
    """Who runs it, for subprocess."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("Expected a user postgres or nobody, for PostgreSQL does not run as root, but found neither.")


class PostgresProcess:
    """One server with a database ``bank``."""

    def __init__(self, name: str = "postgres") -> None:
        self.name, self.port = name, free_port()
        self._user = _user()
        self.folder = Path(tempfile.mkdtemp(prefix=f"sagaline-{name}-"))
        if self._user:
            os.chown(self.folder, self._user["user"], self._user["group"])
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()  # whoever is cancelled in a thread goes on there, beside those that come next

    @property
    def url(self) -> str:
        """For clients."""
        return f"postgresql://bank@127.0.0.1:{self.port}/postgres"

    @property
    def running(self) -> bool:
        """True while the postmaster is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the server, with what it had, and waits until it answers.

        It is started again if it ends at once: for a moment a process of the one that was killed may still be there.
        """
        if not (self.folder / "data").exists():
            command = ["initdb", "--auth=trust", "--username=bank", "--encoding=UTF8", "--no-locale", "--no-sync"]
            self._call(*command, "-D", str(self.folder / "data"))
        deadline = time.monotonic() + _START_S
        while not self._answers():
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'server.log').read_text()[-2000:]}")
            with self._lock:
                if not self.running:
                    self._launch()
            time.sleep(0.05)

    def _launch(self) -> None:
        options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [str(programs() / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), *options]
        with (self.folder / "server.log").open("ab") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder, **self._user
            )

    def _call(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(programs() / program), *arguments], check=True, capture_output=True, cwd=self.folder, **self._user
        )

    def _answers(self) -> bool:
        if not self.running:
            return False
        try:
            with psycopg.connect(self.url, connect_timeout=5) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _processes(self) -> list[psutil.Process]:
        """The postmaster, then its children."""
        if self._process is None:
            return []
        try:
            postmaster = psutil.Process(self._process.pid)
            return [postmaster, *postmaster.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """kill -9 of all of its processes: the next start recovers from the write-ahead log."""
        self.pause()  # of a process that stands still there are no new children
        processes = self._processes()
        _signal(processes, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        psutil.wait_procs(processes[1:], timeout=30)

    def crash_backend(self) -> bool:
        """kill -9 of the process of one connection: the server drops all others and recovers by itself."""
        serving = [child for child in self._processes()[1:] if "bank" in " ".join(child.cmdline())]
        _signal(serving[:1], signal.SIGKILL)
        return bool(serving)

    def drop_connections(self) -> None:
        """Ends the processes of all connections; the server stays."""
        _signal([child for child in self._processes()[1:] if "bank" in " ".join(child.cmdline())], signal.SIGTERM)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is a fast shutdown: transactions are rolled back; SIGQUIT an immediate one: the next start recovers."""
        if self._process is not None and self.running:
            self._process.send_signal(how)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()

    def pause(self) -> None:
        """SIGSTOP of all of its processes: it hangs, connections stay open."""
        _signal(self._processes(), signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        _signal(self._processes(), signal.SIGCONT)

    def close(self) -> None:
        """Ends it and deletes its data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            pass
