"""Finds the workflows and activities of a user's module."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from sagaline._runtime.definitions import WorkflowDefinition, definition_of
from sagaline.activity import Activity
from sagaline.errors import ConfigurationError
from sagaline.payloads import Payloads
from sagaline.workflow import Workflow


@dataclass(frozen=True)
class Loaded:
    """What a module offers. A workflow is a function or a class."""

    workflows: list[Workflow[Any, Any] | type[Any]]
    activities: list[Activity[Any, Any]]

    @property
    def workflow_names(self) -> list[str]:
        """By which clients start them."""
        definitions = [definition_of(workflow) for workflow in self.workflows]
        return [definition.name for definition in definitions if definition is not None]


def load(target: str, queue: str | None = None) -> Loaded:
    """Imports a file (``my_sagas.py``) or a module (``shop.sagas``) and collects what it defines or imports.

    Of an object in the module, as ``payments = Payments(pool)``, its methods that are activities. For the worker of a
    ``queue`` it needs activities, else workflows. Raises
    ConfigurationError, with the user's own traceback in its message, when it cannot be imported.
    """
    module = _import(target)
    names = [value for name, value in vars(module).items() if not name.startswith("__")]
    workflows: list[Any] = [value for value in names if isinstance(definition_of(value), WorkflowDefinition)]
    activities = [activity for value in names for activity in _activities_of(value)]
    if queue is not None:
        workflows = []
        if not activities:
            raise ConfigurationError(f"Expected @activity functions in {target} but it has none.")
    elif not workflows:
        raise ConfigurationError(f"Expected @workflow or @saga functions in {target} but it has none.")
    return Loaded(list(dict.fromkeys(workflows)), list(dict.fromkeys(activities)))


def _activities_of(value: object) -> list[Activity[Any, Any]]:
    """A function's activity; of an object, its methods that are activities."""
    if isinstance(value, Activity):
        definition = value.definition
        return [] if definition.is_method and definition.receiver is None else [value]
    parts = [part for base in reversed(type(value).__mro__) for part in vars(base).items()]
    methods = dict(parts).values()  # of the classes above it those that it does not override
    return [part.__get__(value) for part in methods if isinstance(part, Activity) and part.definition.is_method]


def load_payloads(target: str | None) -> Payloads:
    """The ``Payloads`` object that ``module:name`` or ``file.py:name`` says. Raises ConfigurationError."""
    if not target:
        return Payloads()
    place, _, name = target.rpartition(":")
    if not place:
        raise ConfigurationError(f"Expected --payloads to be like my_settings:payloads but got {target!r}.")
    found = getattr(_import(place), name, None)
    if not isinstance(found, Payloads):
        raise ConfigurationError(f"Expected {name} in {place} to be a sagaline.payloads.Payloads but got {found!r}.")
    return found


def _import(target: str) -> ModuleType:
    path = Path(target)
    try:
        if path.suffix == ".py":
            return _import_file(path)
        sys.path.insert(0, "")
        return importlib.import_module(target)
    except ConfigurationError:
        raise
    except Exception as error:
        shown = "".join(traceback.format_exception(error, limit=-3)).rstrip()
        raise ConfigurationError(f"Expected to import {target} but it failed:\n{shown}") from error


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigurationError(f"Expected a file {path} but there is none.")
    sys.path.insert(0, str(path.parent.resolve()))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"Expected a Python module (.py) but {path} is none.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
