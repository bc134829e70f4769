"""How a workflow of the platform is declared."""

from __future__ import annotations

from sagaline._model.durations import Duration
from sagaline._model.system import SYSTEM
from sagaline.declaring import Decorator, Options


def system_workflow(entity: str, retention: Duration | None = None) -> Decorator:
    """As ``@workflow``, of the type ``sagaline.<entity>``; its runs have ids of ``_model.system.system_id``."""
    return Decorator(Options(name=f"{SYSTEM}{entity}", retention=retention, is_system=True))
