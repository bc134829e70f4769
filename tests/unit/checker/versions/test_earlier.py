"""Earlier versions from git and from folders."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sagaline.checker import VersionNotFound, earlier_files


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "src" / "shop").mkdir(parents=True)
    (tmp_path / "src" / "shop" / "order.py").write_text("x = 1\n")
    (tmp_path / "src" / "shop" / "notes.txt").write_text("none of ours")
    (tmp_path / "other.py").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "one")
    git(tmp_path, "tag", "v1")
    (tmp_path / "src" / "shop" / "order.py").write_text("x = 2\n")
    return tmp_path


def test_a_commit_of_git_has_the_same_files(repository: Path) -> None:
    with earlier_files("v1", [repository / "src"]) as files:
        (file,) = files
        assert file.name == "order.py"
        assert file.read_text() == "x = 1\n"
    assert not file.exists()
    with earlier_files("HEAD", [repository / "src" / "shop" / "order.py"]) as files:
        assert [file.name for file in files] == ["order.py"]


def test_a_file_that_was_not_there_has_no_earlier_version(repository: Path) -> None:
    (repository / "new.py").write_text("")
    with earlier_files("v1", [repository / "new.py"]) as files:
        assert files == []


def test_a_folder_is_an_earlier_version(repository: Path) -> None:
    with earlier_files(str(repository / "src"), [repository / "other.py"]) as files:
        assert [file.name for file in files] == ["order.py"]


@pytest.mark.parametrize("version", ["", "no-such-tag", "--all", "-h", "v1:src"])
def test_what_is_no_commit_is_refused(repository: Path, version: str) -> None:
    with pytest.raises(VersionNotFound), earlier_files(version, [repository / "src"]):
        pass


def test_outside_of_git_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(VersionNotFound, match="not a git repository"), earlier_files("HEAD", [tmp_path]):
        pass
