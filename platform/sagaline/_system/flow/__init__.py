"""Limits across the namespace: one run keeps one limit, or one key of it (docs/decisions/0071)."""
