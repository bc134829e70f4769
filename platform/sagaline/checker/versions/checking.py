"""Workflows of an earlier version of the code, and whether this version can go on with their runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from sagaline.checker.call_graph import workflows_of
from sagaline.checker.findings import Finding, Place, Severity
from sagaline.checker.project import Project
from sagaline.checker.resolving import Resolver
from sagaline.checker.versions.calls import workflow_name
from sagaline.checker.versions.comparison import difference
from sagaline.checker.versions.items import Plan
from sagaline.checker.versions.reach import Reach
from sagaline.checker.versions.walk import Walk

CODE = "SGL501"
_FIX = 'keep the old way for runs in flight: `if workflow.patched("id"): new way, else: old way`'


def plans_of(paths: Iterable[Path]) -> dict[str, Plan]:
    """What each workflow in files does, by its name. Files that cannot be parsed have none."""
    project = Project(paths)
    resolver = Resolver(project)
    reach = Reach(resolver)
    plans: dict[str, Plan] = {}
    for module in project.targets():
        for workflow in workflows_of(module, resolver):
            name = workflow_name(workflow)
            if name not in plans:
                with contextlib.suppress(RecursionError):  # expressions that are nested too deeply are not compared
                    plans[name] = Walk(resolver, reach).plan(workflow, name)
    return plans


def compare(earlier: Iterable[Path], later: Iterable[Path]) -> list[Finding]:
    """Findings for the workflows of two versions of files."""
    before, now = plans_of(earlier), plans_of(later)
    findings: list[Finding] = []
    for name, plan in now.items():
        parted = difference(before[name], plan) if name in before else None
        if parted is not None:
            fix = _FIX if "deprecate_patch" not in parted.what else "see docs/versioning.md for the order of steps"
            findings.append(Finding(CODE, parted.severity, parted.place, parted.what, fix, (name,)))
    places = {plan.place.file for plan in now.values()}
    for name in sorted(before.keys() - now.keys()):
        if places and "." not in name:  # a handler that is gone is no run that waits
            what = f"no workflow has the name {name!r} any more: its runs in flight wait for one"
            fix = f"keep it until they have ended, or name its successor: @workflow(name={name!r})"
            findings.append(Finding(CODE, Severity.WARNING, Place(min(places), 1), what, fix))
    return findings
