"""The house rules that are not left to memory."""

from __future__ import annotations

import ast
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = [ROOT / "platform", ROOT / "schemas", ROOT / "sagas", ROOT / "connectors"]
SOURCES = sorted(file for folder in PACKAGES for file in folder.rglob("*.py"))
CODE = [file for file in SOURCES if "tests" not in file.parts]
ALL = sorted([*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").rglob("*.py")])
PURE = [file for file in SOURCES if {"_engine", "_model", "_runtime"} & set(file.parts)]
FORBIDDEN_MODULES = {
    "time",
    "socket",
    "threading",
    "sqlite3",
    "subprocess",
    "secrets",
    "pathlib",
    "os",
    "io",
    "selectors",
}
FORBIDDEN_CALLS = {"open", "print", "input"}
UNSAFE = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), str(file))


def functions(module: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def imports(module: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("file", ALL, ids=lambda file: str(file.relative_to(ROOT)))
def test_files_and_functions_are_small(file: Path) -> None:
    assert len(file.read_text("utf-8").splitlines()) <= 600, "a file of at most 600 lines"
    for one in functions(tree(file)):
        length = (one.end_lineno or 0) - one.lineno + 1
        assert length <= 70, f"{one.name} has {length} lines, more than 70"


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_modules_have_docstrings_and_constructors_are_short(file: Path) -> None:
    module = tree(file)
    if file.read_text("utf-8").strip():
        assert ast.get_docstring(module), "a module says what it is for"
    for one in functions(module):
        if one.name == "__init__":
            count = len(one.args.posonlyargs + one.args.args + one.args.kwonlyargs) - 1
            assert count <= 8, f"a constructor of {count} parameters: make an options dataclass"
    assert not imports(module) & UNSAFE, "nothing is deserialised that can run code"


@pytest.mark.parametrize("file", PURE, ids=lambda file: str(file.relative_to(ROOT)))
def test_engine_and_runtime_have_no_clock_chance_or_io(file: Path) -> None:
    module = tree(file)
    assert not imports(module) & FORBIDDEN_MODULES
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in FORBIDDEN_CALLS, f"{name} at line {node.lineno}"
            assert not name.endswith((".now", ".utcnow", ".today", "uuid4", "uuid1", "urandom")), (
                f"{name} at line {node.lineno}"
            )
            assert not name.startswith("random.") or name == "random.Random", f"{name} at line {node.lineno}"


def test_public_functions_of_the_api_have_docstrings() -> None:
    package = ROOT / "platform" / "sagaline"
    faces = [package / f"{name}.py" for name in ("activity", "workflow", "saga", "worker", "errors")]
    for file in [*faces, *sorted((package / "client").glob("*.py"))]:
        module, name = tree(file), file.stem
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{name}.{node.name}"
        for one in module.body:
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and not one.name.startswith("_"):
                overloaded = any("overload" in ast.unparse(decorator) for decorator in one.decorator_list)
                assert overloaded or ast.get_docstring(one), f"{name}.{one.name}"


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_rests_on_an_assert(file: Path) -> None:
    """``python -O`` takes assert statements out. One that guarded the protocol (that a claim is the latest, that
    nothing follows a terminal event) would let wrong records into the log there, so each of them raises instead.
    None is left for narrowing types either: nobody has to tell the harmless ones from the others."""
    lines = [node.lineno for node in ast.walk(tree(file)) if isinstance(node, ast.Assert)]
    assert not lines, f"assert in lines {lines}: raise an error instead"


def test_no_folder_shadows_the_standard_library() -> None:
    assert Path(platform.__file__).is_relative_to(sysconfig.get_path("stdlib"))
    assert not [folder for folder in PACKAGES if (folder / "__init__.py").exists()]
    assert not (ROOT / "tests" / "platform").exists()
    done = subprocess.run(
        [sys.executable, "-c", "import platform; print(platform.system())"], cwd=ROOT, capture_output=True
    )
    assert done.returncode == 0


def test_no_machine_or_registry_is_named_in_the_repository() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout
    words = ("pypi" + ".org", "repo." + "maven", "/work" + "/main", "registry." + "npmjs")
    for name in listed.decode().split("\0"):
        file = ROOT / name
        if name and file.is_file():
            text = file.read_text("utf-8", errors="ignore")
            assert not any(word in text for word in words), name


def test_these_checks_can_fail() -> None:
    assert any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse("if x:\n    assert y")))
    assert imports(ast.parse("import time\nfrom socket import x")) == {"time", "socket"}
    assert [one.name for one in functions(ast.parse("def f():\n    async def g(): ..."))] == ["f", "g"]
