"""A CI/CD pipeline: jobs side by side, the first failure stops the others; a bad deploy is taken back."""

from .activities import check_health, deploy, roll_back, run_job
from .models import Commit, Job, JobResult, Outcome
from .pipeline import deliver

__all__ = ["Commit", "Job", "JobResult", "Outcome", "check_health", "deliver", "deploy", "roll_back", "run_job"]
