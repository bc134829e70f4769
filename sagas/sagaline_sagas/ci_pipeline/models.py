"""What the pipeline and its activities tell each other."""

from __future__ import annotations

from pydantic import BaseModel


class Job(BaseModel):
    """A command to run."""

    name: str
    command: list[str]


class JobResult(BaseModel):
    """What a job said."""

    name: str
    output: str


class Commit(BaseModel):
    """What is to be delivered, with the jobs that have to pass before."""

    id: str
    jobs: list[Job]
    environments: list[str] = ["staging", "production"]


class Outcome(BaseModel):
    """What was delivered where."""

    commit: str
    passed: list[str]
    deployed: list[str]
