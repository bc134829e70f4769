"""The administration of a namespace in the embedded log: what there is, what is missing, how it is made."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sagaline._log.inspection import Inspection
from sagaline._log.sqlite.connection import connect
from sagaline._log.topics import KEYED, NAMES_SHOWN, NOT_MADE_HERE, TOPICS, TopicPlan, queue_specs
from sagaline.errors import ConfigurationError, LogUnavailable, NamespaceNotFound, TopicMismatch


class SqliteNamespace:
    """One namespace of a file. Each call has a connection of its own, and blocks."""

    def __init__(self, path: Path, name: str, default_partitions: int) -> None:
        self._path, self._name, self._default_partitions = path, name, default_partitions

    def find(self) -> tuple[int, str]:
        """Partition count and identity. Raises NamespaceNotFound, LogUnavailable; changes nothing."""
        expected = f"Expected namespace {self._name!r} in {self._path}"
        try:
            is_there = self._path.is_file()
        except OSError as error:
            raise LogUnavailable(
                f"Expected a log in the SQLite file {self._path} but it cannot be used: {error}."
            ) from error
        if not is_there:
            raise NamespaceNotFound(f"{expected} but there is no such file. {NOT_MADE_HERE}")
        with self._connected() as connection:
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'namespace'").fetchone() is None:
                raise NamespaceNotFound(f"{expected} but the file holds no log. {NOT_MADE_HERE}")
            query = "SELECT partitions, identity FROM namespace WHERE name = ?"
            row = connection.execute(query, (self._name,)).fetchone()
            if row is None:
                query = "SELECT name FROM namespace ORDER BY name LIMIT ?"
                names = [repr(str(other[0])) for other in connection.execute(query, (NAMES_SHOWN,))]
                there = f"there is {', '.join(names)}" if names else "it holds none"
                raise NamespaceNotFound(f"{expected} but {there}. {NOT_MADE_HERE}")
        return int(row[0]), str(row[1])

    def make(self) -> tuple[int, str]:
        """As ``find``; what is not there is made. Raises ConfigurationError, LogUnavailable."""
        if not self._path.parent.is_dir():
            raise ConfigurationError(f"Expected the folder of the log {self._path} to be there but it is not.")
        with self._connected(create=True) as connection:
            row = (self._name, self._default_partitions, uuid.uuid4().hex)
            connection.execute("INSERT OR IGNORE INTO namespace VALUES (?, ?, ?)", row)
        return self.find()

    def plan(self, partitions: int | None, queues: Sequence[str] = ()) -> list[TopicPlan]:
        """What ``apply`` would do, without doing it."""
        try:
            count, _ = self.find()
        except NamespaceNotFound:
            count = self._default_partitions if partitions is None else partitions
            specs = (*TOPICS, *queue_specs((), queues))
            return [TopicPlan(spec.name, "create", spec.partitions or count, 1, {}) for spec in specs]
        problem = f"namespace {self._name} has {count} partitions and cannot have {partitions}: use a new one"
        refused = () if partitions in (None, count) else KEYED
        problems = (problem,) if refused else ()
        return [
            TopicPlan(spec.name, "refuse" if spec.name in refused else "nothing", count, 1, {}, problems)
            for spec in TOPICS
        ] + [
            TopicPlan(spec.name, "nothing", spec.partitions or count, 1, {})
            for spec in queue_specs(self._topics(), queues)
        ]

    def _topics(self) -> list[str]:
        """The topics in which something was ever written."""
        with self._connected() as connection:
            rows = connection.execute("SELECT DISTINCT topic FROM head WHERE namespace = ?", (self._name,))
            return [str(row[0]) for row in rows]

    def apply(self, plans: Sequence[TopicPlan]) -> None:
        """Makes the namespace as planned. Raises TopicMismatch when a plan has problems."""
        problems = [problem for plan in plans for problem in plan.problems]
        if problems:
            raise TopicMismatch(problems[0])
        self._default_partitions = plans[0].partitions
        self.make()

    def inspect(self) -> Inspection:
        """Whether it is there, and what SQLite finds wrong with its file. Raises LogUnavailable."""
        try:
            self.find()
        except NamespaceNotFound:
            return Inspection("sqlite", 0, {}, tuple(spec.name for spec in TOPICS))
        with self._connected() as connection:
            rows = connection.execute("PRAGMA quick_check(100)").fetchall()
        return Inspection("sqlite", 0, {}, problems=tuple(str(row[0]) for row in rows if row[0] != "ok"))

    @contextmanager
    def _connected(self, create: bool = False) -> Generator[sqlite3.Connection, None, None]:
        """A connection; its errors are LogUnavailable."""
        connection = connect(self._path, create)
        try:
            yield connection
        except sqlite3.Error as error:
            raise LogUnavailable(f"Expected {self._path} to be a log of Sagaline but {error}.") from error
        finally:
            connection.close()
