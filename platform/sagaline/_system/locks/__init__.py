"""Semantic locks: one run keeps one lock (docs/decisions/0065)."""
