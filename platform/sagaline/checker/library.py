"""What the checker knows of classes and functions outside of the code that it checks: names, and types of results."""

from __future__ import annotations

SAGALINE = "sagaline"
WORKFLOW, SAGA, ACTIVITY = "sagaline.workflow", "sagaline.saga", "sagaline.activity"
HANDLERS = ("run", "init", "signal", "query", "update")
"""Methods of a workflow class: ``@workflow.run`` and the rest."""
UNCHECKED = "sagaline.workflow.unchecked"
"""``with workflow.unchecked()``: what is forbidden and meant."""

SIDE_EFFECT = "sagaline.workflow.side_effect"
"""``workflow.side_effect(fn)``: what ``fn`` does is recorded, so it may do what workflow code may not."""

_SAME = {
    "sagaline.workflow.workflow": WORKFLOW,
    "sagaline.saga.saga": SAGA,
    "sagaline.activity.activity": ACTIVITY,
    "asyncio.events": "asyncio",
    "asyncio.tasks": "asyncio",
    "os.path.os": "os",
}
"""Names of one thing: the module it is written in, and the package that offers it."""

RESULTS = {
    "asyncio.get_event_loop": "asyncio.AbstractEventLoop",
    "asyncio.get_running_loop": "asyncio.AbstractEventLoop",
    "asyncio.new_event_loop": "asyncio.AbstractEventLoop",
    "asyncio.run_coroutine_threadsafe": "concurrent.futures.Future",
    "concurrent.futures.ThreadPoolExecutor.submit": "concurrent.futures.Future",
    "concurrent.futures.ProcessPoolExecutor.submit": "concurrent.futures.Future",
    "concurrent.futures.Executor.submit": "concurrent.futures.Future",
    "asyncio.create_task": "asyncio.Task",
    "asyncio.ensure_future": "asyncio.Task",
    "asyncio.TaskGroup.create_task": "asyncio.Task",
    "asyncio.AbstractEventLoop.create_task": "asyncio.Task",
    "asyncio.AbstractEventLoop.create_future": "asyncio.Future",
    "builtins.len": "builtins.int",
    "builtins.int": "builtins.int",
    "builtins.str": "builtins.str",
    "builtins.open": "io.TextIOWrapper",
    "logging.getLogger": "logging.Logger",
    "pathlib.Path.joinpath": "pathlib.Path",
    "pathlib.Path.with_name": "pathlib.Path",
    "pathlib.Path.with_suffix": "pathlib.Path",
    "pathlib.Path.absolute": "pathlib.Path",
    "pathlib.Path.resolve": "pathlib.Path",
    "pathlib.Path.home": "pathlib.Path",
    "pathlib.Path.cwd": "pathlib.Path",
    "sqlite3.connect": "sqlite3.Connection",
    "socket.create_connection": "socket.socket",
    "collections.defaultdict": "builtins.dict",
    "collections.OrderedDict": "builtins.dict",
    "collections.Counter": "builtins.dict",
    "collections.deque": "builtins.list",
}
"""The class of what a call gives."""
ATTRIBUTES = {"pathlib.Path.parent": "pathlib.Path"}
"""The class of an attribute."""
CONTAINERS = {
    "builtins.list": "builtins.list",
    "builtins.dict": "builtins.dict",
    "builtins.tuple": "builtins.tuple",
    "builtins.set": "builtins.set",
    "builtins.frozenset": "builtins.set",
    "typing.List": "builtins.list",
    "typing.Dict": "builtins.dict",
    "typing.Tuple": "builtins.tuple",
    "typing.Sequence": "builtins.list",
    "typing.Iterable": "builtins.list",
    "typing.Mapping": "builtins.dict",
    "typing.Set": "builtins.set",
    "typing.FrozenSet": "builtins.set",
    "typing.AbstractSet": "builtins.set",
    "typing.MutableSet": "builtins.set",
    "collections.abc.Sequence": "builtins.list",
    "collections.abc.Iterable": "builtins.list",
    "collections.abc.Iterator": "builtins.list",
    "collections.abc.Mapping": "builtins.dict",
    "collections.abc.MutableMapping": "builtins.dict",
    "collections.abc.Set": "builtins.set",
    "collections.abc.MutableSet": "builtins.set",
    "collections.deque": "builtins.list",
    "collections.defaultdict": "builtins.dict",
    "collections.OrderedDict": "builtins.dict",
    "collections.Counter": "builtins.dict",
}
"""Classes of containers, with the plain one that stands for them."""
STEADY_ELEMENTS = {"builtins.int", "builtins.bool", "builtins.float", "asyncio.Task"}
"""A set of these has the same order in every process: their hashes are not randomised. A task's is its number."""
SET_METHODS = {"union", "intersection", "difference", "symmetric_difference", "copy"}
PASSED_ON = {
    "functools.partial",
    "functools.partialmethod",
    "functools.cache",
    "functools.lru_cache",
    "functools.wraps",
}
"""Their result calls the function that they are given."""
ABSTRACT = {"Any", "Optional", "Union", "Annotated", "Final", "ClassVar", "Callable", "Literal", "TypeVar"}


def canonical(name: str) -> str:
    """The usual full name of what may be reached under several."""
    for other, usual in _SAME.items():
        if name == other or name.startswith(f"{other}."):
            return usual + name[len(other) :]
    return name
