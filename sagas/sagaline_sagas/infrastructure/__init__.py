"""Provisioning a stack: it takes hours, a person has to agree, and what was built is taken down when it fails."""

from .cloud import Cloud
from .models import Approval, Provisioned, Stack
from .saga import go_live, provision

__all__ = ["Approval", "Cloud", "Provisioned", "Stack", "go_live", "provision"]
