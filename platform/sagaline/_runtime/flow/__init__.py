"""Limits that all runs of a namespace share: what users say of them, and how a run asks (docs/decisions/0071)."""
