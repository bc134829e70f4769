"""What undoes a step of another run, as data."""

from __future__ import annotations

from sagaline._model.sagas import Undo as Undo
