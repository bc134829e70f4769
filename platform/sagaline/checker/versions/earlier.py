"""An earlier version of files: from a folder, or from git."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sagaline.checker.files import files_below

_SECONDS = 60
"""How long git may take."""


class VersionNotFound(Exception):
    """There is no such earlier version; the message says why."""


@contextmanager
def earlier_files(version: str, targets: Sequence[Path]) -> Generator[list[Path]]:
    """The Python files of an earlier version: a folder or file, or the targets as git has them at a commit.

    Raises VersionNotFound.
    """
    path = Path(version)
    if version and path.exists():
        yield files_below(path)
        return
    with tempfile.TemporaryDirectory(prefix="sagaline-check-") as folder:
        yield _from_git(version, targets, Path(folder).resolve())


def _from_git(version: str, targets: Sequence[Path], folder: Path) -> list[Path]:
    where = targets[0].resolve()
    where = where if where.is_dir() else where.parent
    top = Path(_git(where, "rev-parse", "--show-toplevel").decode().strip())
    commit = _git(where, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{version}^{{commit}}")
    content = _git(top, "archive", "--format=tar", commit.decode().strip())
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            file, content_of = (folder / member.name).resolve(), archive.extractfile(member)
            if content_of is not None and file.suffix == ".py" and file.is_relative_to(folder):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content_of.read())
    inside = [target.resolve() for target in targets if target.resolve().is_relative_to(top)]
    earlier = [folder / target.relative_to(top) for target in inside]
    return [file for path in earlier if path.exists() for file in files_below(path)]


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VersionNotFound(f"git could not be asked: {error}") from error
    if done.returncode:
        raise VersionNotFound(done.stderr.decode("utf-8", "replace").strip() or "git knows no such commit")
    return done.stdout
