"""Prints the development requirements of pyproject.toml, for pip versions without --group."""

import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))
print(*(f"{line.replace(' ', '')}" for line in project["dependency-groups"]["dev"]))
