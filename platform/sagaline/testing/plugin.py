"""The pytest plugin: the fixture ``sagaline_env``, and the options that say on which log and how its runs run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sagaline import Activity, Workflow
    from sagaline.payloads import Payloads
    from sagaline.testing.environment import Environment

_LOG, _REPLAY = "--sagaline-log", "--sagaline-replay-always"


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


class MakeEnvironment:
    """Makes the environments of one test, as the command line's options say. The fixture ``sagaline_env``."""

    def __init__(self, log: str, replay_always: bool, folder: Path) -> None:
        self.log = f"sqlite:///{folder / 'sagaline.db'}" if log in ("sqlite", "sqlite://") else log
        """The log's URL."""
        self.replay_always = replay_always

    def __call__(
        self,
        *,
        workflows: Iterable[Workflow[Any, Any]],
        activities: Iterable[Activity[Any, Any]] = (),
        replay_always: bool = False,
        start: datetime | None = None,
        payloads: Payloads | None = None,
    ) -> Environment:
        """An environment to be opened: ``async with sagaline_env(workflows=[...]) as env``."""
        from sagaline.payloads import Payloads
        from sagaline.testing.environment import START, Environment, EnvironmentOptions

        options = EnvironmentOptions(self.log, replay_always or self.replay_always, start or START)
        return Environment(workflows=workflows, activities=activities, options=options, payloads=payloads or Payloads())


@pytest.fixture
def sagaline_env(pytestconfig: pytest.Config, tmp_path: Path) -> MakeEnvironment:
    """Makes environments for sagas under test: see sagaline.testing."""
    return MakeEnvironment(pytestconfig.getoption(_LOG), pytestconfig.getoption(_REPLAY), tmp_path)
