"""Names that are the platform's: types and ids of its own workflows, its durable entities."""

from __future__ import annotations

SYSTEM = "sagaline."
"""Workflows of the platform, and their workflow ids, begin so; nobody else's do."""


def is_system(name: str) -> bool:
    """True of the type, and of the workflow id, of a workflow of the platform."""
    return name.startswith(SYSTEM)


def system_id(workflow: str, name: str) -> str:
    """The workflow id of an entity: ``system_id("sagaline.schedule", "nightly")`` is "sagaline.schedule/nightly"."""
    return f"{workflow}/{name}"


def why_reserved(workflow: str, workflow_id: str) -> str | None:
    """Why a workflow may not have this id: names of the platform go together, type and id, or not at all."""
    if not (is_system(workflow) or is_system(workflow_id)):
        return None
    if is_system(workflow) and len(workflow_id) > len(workflow) + 1 and workflow_id.startswith(f"{workflow}/"):
        return None
    return (
        f"Expected a workflow and an id that do not begin with {SYSTEM!r}, which is for the platform's own, but got "
        f"workflow {workflow!r} with id {workflow_id!r}: choose another name."
    )
