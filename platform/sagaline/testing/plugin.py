"""The pytest plugin: the fixture ``sagaline_env``, and the options that say on which log and how its runs run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sagaline import Activity, Workflow
    from sagaline.payloads import Payloads
    from sagaline.testing.environment import Environment

_LOG, _REPLAY, _SEEDS = "--sagaline-log", "--sagaline-replay-always", "--sagaline-hash-seeds"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of ``sagaline_env``."""
    group = parser.getgroup("sagaline", "durable sagas")
    group.addoption(
        _LOG,
        metavar="URL",
        default="memory",
        help="where the environments of sagaline_env keep their log: memory (default), sqlite, or kafka://host:port",
    )
    group.addoption(
        _REPLAY,
        action="store_true",
        help="replay each run from its history each time that it goes on: finds code that is not deterministic",
    )
    group.addoption(
        _SEEDS,
        metavar="1,2,3",
        type=_numbers,
        default=(),
        help="replay the runs of each environment in processes with these hash seeds: finds code that uses set order",
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


class MakeEnvironment:
    """Makes the environments of one test, as the command line's options say. The fixture ``sagaline_env``."""

    def __init__(self, log: str, replay_always: bool, hash_seeds: Sequence[int], folder: Path) -> None:
        self.log = f"sqlite:///{folder / 'sagaline.db'}" if log in ("sqlite", "sqlite://") else log
        """The log's URL."""
        self.replay_always, self.hash_seeds = replay_always, tuple(hash_seeds)

    def __call__(
        self,
        *,
        workflows: Iterable[Workflow[Any, Any] | type[Any]],
        activities: Iterable[Activity[Any, Any]] = (),
        replay_always: bool = False,
        hash_seeds: Iterable[int] = (),
        start: datetime | None = None,
        payloads: Payloads | None = None,
    ) -> Environment:
        """An environment to be opened: ``async with sagaline_env(workflows=[...]) as env``."""
        from sagaline.payloads import Payloads
        from sagaline.testing.environment import START, Environment, EnvironmentOptions

        seeds = tuple(dict.fromkeys((*hash_seeds, *self.hash_seeds)))
        options = EnvironmentOptions(self.log, replay_always or self.replay_always, seeds, start or START)
        return Environment(workflows=workflows, activities=activities, options=options, payloads=payloads or Payloads())


@pytest.fixture
def sagaline_env(pytestconfig: pytest.Config, tmp_path: Path) -> MakeEnvironment:
    """Makes environments for sagas under test: see sagaline.testing."""
    log: Any = pytestconfig.getoption(_LOG)
    replay_always: Any = pytestconfig.getoption(_REPLAY)
    seeds: Any = pytestconfig.getoption(_SEEDS)
    return MakeEnvironment(log, replay_always, seeds, tmp_path)
