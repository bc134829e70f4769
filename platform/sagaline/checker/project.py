"""The modules that are checked, and those that they import: read when they are first asked for."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from math import inf
from pathlib import Path
from typing import NamedTuple

from sagaline.checker import files
from sagaline.checker.library import SAGALINE
from sagaline.checker.sources import FILE_BYTES, Unreadable, read
from sagaline.checker.symbols import Import, Module, names_of

MODULES = 20_000
"""Modules of one check, with those that are imported."""


class Bounds(NamedTuple):
    """``deadline`` is of ``time.monotonic``: no file is read behind it."""

    file_bytes: int = FILE_BYTES
    deadline: float = inf


BOUNDS = Bounds()


class Project:
    """Modules by file. ``unreadable`` are the files that could not be parsed, with the reason."""

    def __init__(self, paths: Iterable[Path], bounds: Bounds = BOUNDS) -> None:
        self._bounds = bounds
        self._files = [path.resolve() for path in paths]
        self._shown = dict(zip(self._files, paths, strict=True))
        self._roots = list(files.roots_of(self._files))
        self._modules: dict[Path, Module | None] = {}
        self.unreadable: dict[Path, Unreadable] = {}

    def targets(self) -> list[Module]:
        """The modules that the check is about."""
        modules = [self._module(file) for file in self._files]
        return [module for module in modules if module is not None]

    def loaded(self) -> list[Module]:
        """Every module that has been read."""
        return [module for module in self._modules.values() if module is not None]

    def is_target(self, module: Module) -> bool:
        """Whether the check is about this module, rather than one that imports it."""
        return module.source.file in self._shown

    def imported(self, importer: Module, binding: Import) -> Module | None:
        """The module that an import means: a Module of the project, None when it is outside."""
        file = importer.source.file
        if binding.level:
            folder = file.parent
            for _ in range(binding.level - 1):
                folder = folder.parent
            return self._below(folder, binding.module)
        if _is_installed(file) and binding.module.partition(".")[0] != importer.name.partition(".")[0]:
            return None  # another library
        return self.named(binding.module, self.root_of(importer))

    def named(self, name: str, root: Path) -> Module | None:
        """The module of a full name, as seen from code below a root."""
        top = name.partition(".")[0]
        if not name or top == SAGALINE:
            return None
        for candidate in (root, *(other for other in self._roots if other != root)):
            module = self._below(candidate, name)
            if module is not None and not (top in sys.stdlib_module_names and candidate != root):
                return module
        return None

    def holds(self, importer: Module, name: str) -> bool:
        """Whether a name is that of a folder of sources beside the importer: a package without ``__init__.py``."""
        root = self.root_of(importer)
        is_other = _is_installed(importer.source.file) and name != importer.name.partition(".")[0]
        return name != SAGALINE and not is_other and (root / name).is_dir() and name not in sys.stdlib_module_names

    def root_of(self, module: Module) -> Path:
        """The folder from which the imports of a module begin."""
        return files.root_of(module.source.file.parent)

    def submodule(self, module: Module, name: str) -> Module | None:
        """A module in a package."""
        file = module.source.file
        return self._below(file.parent, name) if file.name == "__init__.py" else None

    def _below(self, folder: Path, name: str) -> Module | None:
        path = files.module_in(folder, name) if name else folder
        if path is None:
            return None
        return self._module(path / "__init__.py" if path.is_dir() else path)

    def _module(self, file: Path) -> Module | None:
        if file not in self._modules:
            self._modules[file] = None  # also while it is read
            is_in_time = time.monotonic() < self._bounds.deadline
            if is_in_time and len(self._modules) <= MODULES and file.is_file():
                self._modules[file] = self._read(file)
        return self._modules[file]

    def _read(self, file: Path) -> Module | None:
        shown = self._shown.get(file) or _relative(file)
        try:
            source = read(file, self._bounds.file_bytes)
        except Unreadable as error:
            self.unreadable[shown] = error
            return None
        source.path = shown
        return Module(source, files.module_name(file), names_of(source.tree))


def _is_installed(file: Path) -> bool:
    """Whether a file is among installed packages, where everything else is a library beside it."""
    return "site-packages" in file.parts or "dist-packages" in file.parts


def _relative(file: Path) -> Path:
    """A file below the working directory, as a person would write it."""
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
