"""One check: files in, a report out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sagaline.checker.allowances import UNUSED, WRONG, Allowances
from sagaline.checker.bodies import Body, is_plain_function
from sagaline.checker.call_graph import CallGraph, TooLong, workflows_of
from sagaline.checker.findings import Finding, Place, Severity
from sagaline.checker.project import BOUNDS, Bounds, Project
from sagaline.checker.report import Report
from sagaline.checker.resolving import Resolver
from sagaline.checker.rules import RULES
from sagaline.checker.rules.rule import Match, Rule
from sagaline.checker.sources import Source
from sagaline.checker.versions.checking import CODE as CHANGED
from sagaline.checker.versions.checking import compare

UNREADABLE = "SGL001"
_CODES = {rule.code for rule in RULES} | {UNREADABLE, UNUSED, WRONG, CHANGED}


def check(paths: Iterable[Path], *, earlier: Iterable[Path] | None = None, bounds: Bounds = BOUNDS) -> Report:
    """Checks the workflows in files, and all that they call.

    ``earlier`` are files of an earlier version: runs that were started with it have to go on with this one.
    ``bounds``: what has been found by the deadline is reported, with ``is_complete`` False.
    """
    paths = list(paths)
    project = Project(paths, bounds)
    resolver = Resolver(project)
    modules = project.targets()
    workflows = [workflow for module in modules for workflow in workflows_of(module, resolver)]
    matches: dict[tuple[str, Place], Finding] = {}
    sources: dict[Path, Source] = {}
    is_complete = True
    try:
        for body in CallGraph(resolver, bounds.deadline).reached(workflows):
            source = body.function.module.source
            sources[source.path] = source
            for finding in _findings(body):
                matches.setdefault((finding.code, finding.place), finding)
    except TooLong:
        is_complete = False
    findings = list(matches.values())
    if earlier is not None:
        findings += compare(earlier, paths)
    sources.update({module.source.path: module.source for module in project.loaded()})
    codes = _CODES if earlier is not None else _CODES - {CHANGED}
    targets = {module.source.path for module in modules}
    findings = _allowed(findings, sources, targets, codes if is_complete else set()) + _unreadable(project)
    count = len({root.cls or root for root in workflows})  # a class is one, however many handlers it has
    return Report(sorted(findings, key=_order), count, len(modules), is_complete)


def _order(finding: Finding) -> tuple[Place, str]:
    return finding.place, finding.code


def _findings(body: Body) -> Iterable[Finding]:
    is_code = is_plain_function(body.function)
    for rule in RULES:
        for match in rule.check(body):
            if is_code or rule.in_variables or body.is_in_lambda(match.node):  # a lambda runs when it is called
                yield _finding(rule, match, body)


def _finding(rule: Rule, match: Match, body: Body) -> Finding:
    source = body.function.module.source
    place = Place(source.path, match.node.lineno, source.column(match.node))
    end = match.node.end_lineno or match.node.lineno
    return Finding(rule.code, match.severity or rule.severity, place, match.what, match.fix, body.path, end)


def _allowed(
    findings: list[Finding], sources: dict[Path, Source], targets: set[Path], checked: set[str]
) -> list[Finding]:
    """The findings that no comment allows, and the comments that are wrong: among those of codes that were checked."""
    allowances = {path: Allowances(source, _CODES) for path, source in sources.items()}
    remaining = [finding for finding in findings if not allowances[finding.place.file].allows(finding)]
    for path in targets:
        remaining += allowances[path].problems
        remaining += allowances[path].unused(checked)
    return remaining


def _unreadable(project: Project) -> list[Finding]:
    return [
        Finding(UNREADABLE, Severity.ERROR, Place(file, error.line, error.column), error.why, _advice(error.why))
        for file, error in project.unreadable.items()
    ]


def _advice(why: str) -> str:
    return "leave generated data out of the check" if "larger" in why or "deeply" in why else "correct the file"
