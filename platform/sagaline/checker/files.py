"""Which files a target means, and which file an import means. Nothing is imported: names are matched with paths."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

FILES = 10_000
"""Files of one check; of a larger folder the rest is left out, and the report says so."""
_NO_SOURCES = {
    "__pycache__",
    "node_modules",
    "site-packages",
    "dist-packages",
    "build",
    "dist",
    "venv",
}


class TargetNotFound(Exception):
    """A file, folder or module that is not there."""


def files_of(target: str, search: Iterable[Path]) -> list[Path]:
    """The Python files of a file, a folder or a module's name, at most FILES of them, in order.

    Raises TargetNotFound.
    """
    return files_below(path_of(target, search))


def path_of(target: str, search: Iterable[Path]) -> Path:
    """The file or folder that a target means. Raises TargetNotFound."""
    path = Path(target)
    if target and (path.is_file() or path.is_dir()):
        return path
    if all(part.isidentifier() for part in target.split(".")):
        for folder in search:
            module = module_in(folder, target)
            if module is not None:
                return module
    raise TargetNotFound(target)


def files_below(path: Path) -> list[Path]:
    """The Python files in a folder and those below it; a file itself."""
    return _python_files(path) if path.is_dir() else [path]


def _python_files(folder: Path) -> list[Path]:
    files: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _NO_SOURCES and not name.startswith("."))
        files += [Path(place, name) for name in sorted(names) if name.endswith(".py")]
        if len(files) > FILES:
            return files[:FILES]
    return files


def module_in(folder: Path, name: str) -> Path | None:
    """The file of a module, or the folder of a package, below a folder of sources."""
    path = folder.joinpath(*name.split("."))
    if path.is_dir():
        return path
    file = path.with_name(f"{path.name}.py")
    return file if file.is_file() else None


@cache
def root_of(folder: Path) -> Path:
    """The folder from which modules in this one are imported: the first above it that is no package."""
    for candidate in (folder, *folder.parents):
        if not (candidate / "__init__.py").is_file():
            return candidate
    return folder


def module_name(file: Path) -> str:
    """The dotted name under which a file is imported."""
    parts = list(file.relative_to(root_of(file.parent)).with_suffix("").parts)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts)


def roots_of(files: Iterable[Path]) -> Iterator[Path]:
    """The roots of files, each once."""
    yield from dict.fromkeys(root_of(file.parent) for file in files)
